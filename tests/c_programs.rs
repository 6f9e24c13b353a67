//! The programs of tests/c: each is compiled against the library and run, and
//! must end as its first lines say. With GREENHUB_CHECK=asan or =valgrind only
//! those run that ask for it, under that tool; with =aarch64 those that can do
//! with an emulated kernel.
//!
//! What the first lines may say (`//` comments):
//!
//! ```text
//! // flags: -std=c++11 -lm       more compiler flags
//! // args: one two               command line
//! // timeout: 120                seconds, 60 by itself
//! // expect-exit: 1              0 by itself
//! // expect-signal: SIGSEGV      ends by this signal
//! // expect-stderr: text         must be found there; may stand several times
//! // sanitizer: yes              part of the AddressSanitizer run
//! // valgrind: yes               part of the valgrind run
//! // emulated: no, why           part of every run but the emulated one
//! ```
//!
//! A program that cannot do its work on this machine ends with 77, the reason
//! on standard error.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;
use std::time::Duration;
use support::check::{self, Check};
use support::compile::program;
use support::run::{run, Outcome};
use support::{files, read, root, scratch, stem};

const FOLDER: &str = "tests/c";

/// How a program says that this machine lacks what it needs; automake's number.
const SKIPPED: i32 = 77;

#[derive(Debug, PartialEq)]
enum End {
    Exit(i32),
    Signal(&'static str),
}

const SIGNALS: &[(&str, i32)] = &[
    ("SIGABRT", libc::SIGABRT),
    ("SIGBUS", libc::SIGBUS),
    ("SIGKILL", libc::SIGKILL),
    ("SIGSEGV", libc::SIGSEGV),
    ("SIGTERM", libc::SIGTERM),
];

#[derive(Debug)]
struct Program {
    flags: Vec<String>,
    args: Vec<String>,
    limit: Duration,
    end: End,
    stderr: Vec<String>,
    sanitizer: bool,
    valgrind: bool,
    emulated: bool,
}

impl Program {
    /// Reads the `// word: value` lines before the first line of code.
    fn parse(source: &str) -> Result<Program, String> {
        let mut program = Program {
            flags: Vec::new(),
            args: Vec::new(),
            limit: Duration::from_secs(60),
            end: End::Exit(0),
            stderr: Vec::new(),
            sanitizer: false,
            valgrind: false,
            emulated: true,
        };
        let comments = source.lines().map_while(|line| line.strip_prefix("//"));
        for line in comments {
            let Some((word, value)) = line.trim().split_once(": ") else { continue };
            program.set(word, value.trim()).map_err(|why| format!("`{}`: {why}", line.trim()))?;
        }
        Ok(program)
    }

    fn set(&mut self, word: &str, value: &str) -> Result<(), String> {
        let list = || value.split_whitespace().map(str::to_string).collect();
        let number = || value.parse::<u16>().map_err(|error| error.to_string());
        let yes = || (value == "yes").then_some(true).ok_or("may only be yes".to_string());
        match word {
            "flags" => self.flags = list(),
            "args" => self.args = list(),
            "timeout" => self.limit = Duration::from_secs(number()?.into()),
            "expect-exit" => self.end = End::Exit(number()?.into()),
            "expect-signal" => {
                let known = SIGNALS.iter().find(|(name, _)| *name == value);
                self.end = End::Signal(known.ok_or("unknown signal")?.0);
            }
            "expect-stderr" => self.stderr.push(value.to_string()),
            "sanitizer" => self.sanitizer = yes()?,
            "valgrind" => self.valgrind = yes()?,
            "emulated" if value.starts_with("no, ") => self.emulated = false,
            "emulated" => return Err("may only be no, with the reason".to_string()),
            _ if word.starts_with("expect") => return Err("unknown expectation".to_string()),
            _ => {} // prose with a colon
        }
        Ok(())
    }

    fn takes_part(&self, check: Check) -> bool {
        match check {
            Check::Plain => true,
            Check::Asan => self.sanitizer,
            Check::Valgrind => self.valgrind,
            // The emulator dies of the signal that it has emulated.
            Check::Aarch64 => self.emulated && matches!(self.end, End::Exit(_)),
        }
    }

    fn judge(&self, outcome: &Outcome) -> Result<(), String> {
        let (code, signal) = match self.end {
            End::Exit(code) => (Some(code), None),
            End::Signal(name) => (None, SIGNALS.iter().find(|s| s.0 == name).map(|s| s.1)),
        };
        if (outcome.code(), outcome.signal()) != (code, signal) {
            return Err(format!("{}, not {:?}\n{}", outcome.ending(), self.end, outcome.said()));
        }
        match self.stderr.iter().find(|text| !outcome.stderr.contains(*text)) {
            Some(text) => Err(format!("stderr does not say {text:?}\n{}", outcome.said())),
            None => Ok(()),
        }
    }
}

enum Ran {
    Passed,
    Skipped(String),
    NoPart,
}

fn try_program(source: &Path, out_dir: &Path, check: Check) -> Result<Ran, String> {
    let name = source.strip_prefix(root()).expect("below the repository");
    let declared = Program::parse(&read(&name.to_string_lossy()))?;
    if !declared.takes_part(check) {
        return Ok(Ran::NoPart);
    }
    let mut flags = declared.flags.clone();
    flags.extend(check.compiler_flags().iter().map(|flag| (*flag).to_string()));
    let built = program(source, out_dir, &flags)?;
    let log = out_dir.join(format!("{}.report", stem(source)));
    let mut command = check.command(&built, &log);
    let outcome = run(command.args(&declared.args), declared.limit * check.slowness());
    if outcome.code() == Some(SKIPPED) && declared.end != End::Exit(SKIPPED) {
        return Ok(Ran::Skipped(outcome.stderr.trim().to_string()));
    }
    declared.judge(&outcome)?;
    check::no_report(&log)?;
    Ok(Ran::Passed)
}

/// Tries all of them, two at a time: most of their time is spent waiting.
fn try_all(
    sources: &[PathBuf],
    out_dir: &Path,
    check: Check,
) -> Vec<(String, Result<Ran, String>)> {
    let next = AtomicUsize::new(0);
    let ended = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(source) = sources.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = try_program(source, out_dir, check);
                    ended.lock().expect("no panic").push((stem(source), result));
                }
            });
        }
    });
    let mut ended = ended.into_inner().expect("no panic");
    ended.sort_by(|one, other| one.0.cmp(&other.0));
    ended
}

#[test]
fn every_program_ends_as_it_says() {
    let check = Check::from_environment();
    let out_dir = scratch(check.name());
    let sources: Vec<PathBuf> = files(FOLDER, &["c", "cpp"]);
    let mut ran = 0;
    let mut failures = Vec::new();
    let mut skips = Vec::new();
    for (name, result) in try_all(&sources, &out_dir, check) {
        match result {
            Ok(Ran::Passed) => ran += 1,
            Ok(Ran::Skipped(why)) => skips.push(format!("{name}: {why}")),
            Ok(Ran::NoPart) => {}
            Err(why) => failures.push(format!("{name}: {why}")),
        }
    }
    println!("{ran} of {} programs passed, check: {}", sources.len(), check.name());
    assert!(failures.is_empty(), "\n\n{}\n", failures.join("\n\n"));
    assert!(ran > 0, "no program in {FOLDER} takes part");
    if !skips.is_empty() {
        support::skip("programs", &skips.join("; "));
    }
}

/// A tool that sees nothing on green stacks would pass everything.
#[test]
fn every_tool_sees_a_fault_on_a_green_stack() {
    let check = Check::from_environment();
    let out_dir = scratch("faulty");
    let flags: Vec<String> = check.compiler_flags().iter().map(|f| (*f).to_string()).collect();
    let built = program(&root().join("tests/support/faulty.c"), &out_dir, &flags).unwrap();
    let log = out_dir.join("faulty.report");
    let outcome = run(&mut check.command(&built, &log), Duration::from_secs(120));
    match check {
        Check::Plain | Check::Aarch64 => {
            assert_eq!(outcome.code(), Some(0), "{}", outcome.said());
        }
        Check::Asan | Check::Valgrind => {
            assert_eq!(outcome.code(), Some(99), "{}", outcome.said());
            let report = check::no_report(&log).expect_err("a report");
            assert!(report.contains("faulty.c"), "{report}");
        }
    }
}

fn outcome_of(script: &str) -> Outcome {
    run(Command::new("sh").args(["-c", script]), Duration::from_secs(20))
}

#[test]
fn a_program_that_ends_otherwise_is_found() {
    let judge = |head: &str, script: &str| {
        Program::parse(head).expect("a good head").judge(&outcome_of(script))
    };
    assert!(judge("", "exit 0").is_ok());
    assert!(judge("", "exit 1").is_err());
    assert!(judge("", "kill -SEGV $$").is_err());
    assert!(judge("// expect-exit: 3\nint x;", "exit 3").is_ok());
    assert!(judge("// expect-exit: 3", "exit 0").is_err());
    assert!(judge("// expect-signal: SIGSEGV", "kill -SEGV $$").is_ok());
    assert!(judge("// expect-signal: SIGSEGV", "kill -ABRT $$").is_err());
    assert!(judge("// expect-signal: SIGSEGV", "exit 0").is_err());
    assert!(judge("// expect-stderr: stack of", "echo the stack of x >&2").is_ok());
    assert!(judge("// expect-stderr: stack of", "echo the stack of x").is_err());
    assert!(Program::parse("// expect-signal: SIGWHAT").is_err());
    assert!(Program::parse("// expect-what: 1").is_err());
    assert!(Program::parse("// sanitizer: no").is_err());
}

#[test]
fn a_program_that_hangs_is_killed_with_its_children() {
    let outcome =
        run(Command::new("sh").args(["-c", "sleep 60 & wait"]), Duration::from_millis(200));
    assert!(outcome.status.is_none());
    assert!(outcome.took < Duration::from_secs(30), "the pipe stayed open: {:?}", outcome.took);
}
