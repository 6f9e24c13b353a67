//! The programs of docs/guide.md: each is compiled as a reader would compile it
//! and run, and must print what stands behind it. With GREENHUB_CHECK=asan they
//! run under AddressSanitizer.
//!
//! What may stand behind the three backquotes that open a block:
//!
//! ```text
//! c           a whole program
//! c body      what stands in main()
//! c NAME.h    a file that the programs after it include
//! text        what the program before it prints; … stands for anything in a line
//! sh          not looked at here (tests/docs.rs does)
//! ```

mod support;

use std::fs;
use std::path::Path;
use std::time::Duration;
use support::check::{self, Check};
use support::compile::program;
use support::run::run;
use support::{read, scratch};

const GUIDE: &str = "docs/guide.md";
const LIMIT: Duration = Duration::from_secs(60);

/// A fenced block of the guide.
#[derive(Debug)]
struct Block {
    /// Number of its first line in the guide, from 1.
    line: usize,
    kind: String,
    text: String,
}

fn blocks(document: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut open = false;
    for (at, line) in document.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(_) if open => open = false,
            Some(kind) => {
                let (line, kind) = (at + 2, kind.trim().to_string());
                found.push(Block { line, kind, text: String::new() });
                open = true;
            }
            None if open => {
                let block = found.last_mut().expect("the open one");
                block.text += line;
                block.text += "\n";
            }
            None => {}
        }
    }
    found
}

#[derive(Debug)]
struct Program {
    /// Of its first line in the guide.
    line: usize,
    source: String,
    expected: String,
}

/// The programs with what they print, and the files that they include.
#[derive(Debug, Default)]
struct Snippets {
    programs: Vec<Program>,
    files: Vec<(String, String)>,
}

/// A line that makes the compiler speak of the guide.
fn origin(block: &Block) -> String {
    format!("#line {} \"{GUIDE}\"\n{}", block.line, block.text)
}

fn wrapped(block: &Block) -> String {
    let includes = "#include <errno.h>\n#include <greenhub.h>\n#include <stdio.h>\n";
    format!("{includes}int main(void)\n{{\n{}\n    return 0;\n}}\n", origin(block))
}

impl Snippets {
    /// Sorts the blocks; one that cannot be tried is an error.
    fn parse(document: &str) -> Result<Snippets, String> {
        let mut snippets = Snippets::default();
        let mut blocks = blocks(document).into_iter();
        while let Some(block) = blocks.next() {
            let source = match block.kind.as_str() {
                "c" if block.text.contains("int main(") => origin(&block),
                "c body" => wrapped(&block),
                "sh" => continue,
                kind => match kind.strip_prefix("c ").filter(|name| name.ends_with(".h")) {
                    Some(name) => {
                        snippets.files.push((name.to_string(), origin(&block)));
                        continue;
                    }
                    None => return Err(format!("{GUIDE}:{}: `{kind}` stands alone", block.line)),
                },
            };
            let expected = blocks.next().filter(|next| next.kind == "text").map(|next| next.text);
            let expected = expected.ok_or(format!("{GUIDE}:{}: what is printed?", block.line))?;
            snippets.programs.push(Program { line: block.line, source, expected });
        }
        Ok(snippets)
    }
}

/// Whether a printed line is the expected one, in which … stands for anything.
fn line_fits(expected: &str, printed: &str) -> bool {
    let mut parts = expected.split('…');
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = printed.strip_prefix(first) else { return false };
    let Some(last) = expected.split('…').skip(1).last() else { return rest.is_empty() };
    for part in parts.clone().take(parts.count() - 1) {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

fn fits(expected: &str, printed: &str) -> bool {
    let (expected, printed): (Vec<_>, Vec<_>) =
        (expected.lines().collect(), printed.lines().collect());
    expected.len() == printed.len()
        && expected.iter().zip(&printed).all(|(expected, printed)| line_fits(expected, printed))
}

fn try_program(snippet: &Program, folder: &Path, check: Check) -> Result<(), String> {
    let source = folder.join(format!("line_{}.c", snippet.line));
    fs::write(&source, &snippet.source).expect("a file");
    let flags: Vec<String> = check.compiler_flags().iter().map(|f| (*f).to_string()).collect();
    let built = program(&source, folder, &flags)?;
    let log = folder.join(format!("line_{}.report", snippet.line));
    let outcome = run(&mut check.command(&built, &log), LIMIT * check.slowness());
    let silent = outcome.stderr.is_empty();
    if !outcome.success() || !silent || !fits(&snippet.expected, &outcome.stdout) {
        let (ending, said) = (outcome.ending(), outcome.said());
        return Err(format!("{ending}\n{said}\n--- expected\n{}---", snippet.expected));
    }
    check::no_report(&log)
}

#[test]
fn every_program_prints_what_stands_behind_it() {
    let check = Check::from_environment();
    let folder = scratch(check.name());
    let snippets = Snippets::parse(&read(GUIDE)).unwrap_or_else(|problem| panic!("{problem}"));
    assert!(snippets.programs.len() > 10, "{} programs", snippets.programs.len());
    for (name, text) in &snippets.files {
        fs::write(folder.join(name), text).expect("a file");
    }
    let mut failures = Vec::new();
    for snippet in &snippets.programs {
        if let Err(why) = try_program(snippet, &folder, check) {
            failures.push(format!("{GUIDE}:{}: {why}", snippet.line));
        }
    }
    assert!(failures.is_empty(), "\n\n{}\n", failures.join("\n\n"));
}

#[test]
fn a_snippet_that_cannot_be_tried_is_found() {
    let parse = |document: &str| Snippets::parse(document);
    let good = "a\n```c\nint main(void) {}\n```\nb\n```text\nx\n```\n```sh\nmake\n```\n";
    let snippets = parse(good).expect("a good one");
    assert_eq!(snippets.programs[0].line, 3);
    assert_eq!(snippets.programs[0].expected, "x\n");
    assert!(parse("```c must.h\nint x;\n```\n").is_ok_and(|found| found.files.len() == 1));
    assert!(parse("```c body\nputs(\"x\");\n```\n```text\nx\n```\n").is_ok());
    assert!(parse("```c\nint x;\n```\n```text\n```\n").is_err(), "no program");
    assert!(parse("```c\nint main(void) {}\n```\n").is_err(), "nothing to compare with");
    assert!(parse("```text\nx\n```\n").is_err(), "of no program");
    assert!(parse("```\nx\n```\n").is_err(), "of no kind");
}

#[test]
fn other_output_is_found() {
    assert!(fits("a\nb\n", "a\nb\n"));
    assert!(!fits("a\nb\n", "a\n"));
    assert!(!fits("a\n", "a\nb\n"));
    assert!(!fits("a\n", "ab\n"));
    assert!(fits("id …, … ms\n", "id 17, 20 ms\n"));
    assert!(fits("…\n", "anything\n"));
    assert!(fits("…b…\n", "abc\n"));
    assert!(!fits("id …, … ms\n", "id 17, 20 s\n"));
    assert!(!fits("id …, … ms\n", "no id 17, 20 ms\n"));
    assert!(!fits("ab…bc\n", "abc\n"));
}
