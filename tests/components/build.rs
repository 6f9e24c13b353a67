//! Builds the programs of tests/components against the real libraries, and runs them.

use crate::support::compile::{compile, strict};
use crate::support::run::{run, Outcome};
use crate::support::{root, scratch, skip};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Beyond, something hangs.
pub const LIMIT: Duration = Duration::from_secs(60);

/// A bar is for what the library does, not for whoever else wants the machine meanwhile.
const TRIES: usize = 5;

/// A library that is not ours, as pkg-config knows it.
#[derive(Debug)]
pub struct Component {
    pub name: &'static str,
    pub package: &'static str,
}

pub const CURL: Component = Component { name: "libcurl", package: "libcurl4-openssl-dev" };
pub const LIBPQ: Component = Component { name: "libpq", package: "libpq-dev" };
pub const OPENSSL: Component = Component { name: "openssl", package: "libssl-dev" };

/// One component after the other: each measures times.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

pub fn say_missing(name: &str, package: &str) {
    skip(name, &format!("not installed; as root: apt-get install -y {package}"));
}

impl Component {
    /// What its programs are compiled with; None, and a line that says so, if it is not there.
    pub fn flags(&self) -> Option<Vec<String>> {
        let output = Command::new("pkg-config").args(["--cflags", "--libs", self.name]).output();
        match output {
            Ok(output) if output.status.success() => {
                let words = String::from_utf8(output.stdout).expect("flags");
                Some(words.split_whitespace().map(str::to_string).collect())
            }
            _ => {
                say_missing(self.name, self.package);
                None
            }
        }
    }
}

fn source(name: &str) -> PathBuf {
    root().join("tests/components").join(name)
}

/// Builds a program into a folder of its own.
pub fn program(name: &str, flags: &[String]) -> PathBuf {
    let out = scratch(name);
    crate::support::compile::program(&source(&format!("{name}.c")), &out, flags)
        .unwrap_or_else(|said| panic!("{said}"))
}

/// Builds a shared library that does not know ours; the folder it is in.
pub fn shared(name: &str, file: &str) -> PathBuf {
    let source = source(&format!("{name}.c"));
    let out = scratch(&format!("{name}.lib"));
    let mut command = strict(&source);
    command.args(["-g", "-O1", "-pthread", "-shared", "-fPIC", "-o"]).arg(out.join(file));
    command.arg(&source);
    compile(&mut command).unwrap_or_else(|said| panic!("{said}"));
    out
}

/// Runs a program that must end well. libc looks in the folder of `names` for modules of its name service.
pub fn ends_well(program: &Path, arguments: &[&str], names: Option<&Path>) -> Outcome {
    let mut command = Command::new(program);
    command.args(arguments);
    if let Some(names) = names {
        command.env("SLOW_NAMES", "yes").env("LD_LIBRARY_PATH", names);
    }
    let outcome = run(&mut command, LIMIT);
    assert!(outcome.success(), "{arguments:?}: {}\n{}", outcome.ending(), outcome.said());
    outcome
}

/// The milliseconds that a program has told under a word.
pub fn told(outcome: &Outcome, what: &str) -> f64 {
    let line = outcome.stdout.lines().find_map(|line| line.strip_prefix(what));
    let number = line.and_then(|rest| rest.trim().strip_suffix(" ms"));
    number.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{}", outcome.said()))
}

/// What was measured stays below a bar, in one of a few tries. Far above it is no disturbance.
pub fn stays_below(bar: f64, what: &str, mut measure: impl FnMut() -> f64) {
    let mut all = Vec::new();
    while all.len() < TRIES && all.iter().all(|took| *took < 4.0 * bar) {
        let took = measure();
        all.push(took);
        if took < bar {
            println!("{what}: {took:.0} ms, try {}", all.len());
            return;
        }
    }
    panic!("{what}: {all:.0?} ms, none below {bar} ms");
}
