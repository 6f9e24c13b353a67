//! What the documents name exists: make targets, test files, paths, links.

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use support::{read, root};

/// Folders that hold nothing that a document could speak of.
const FOREIGN: &[&str] = &["target", ".git", "__pycache__"];

/// The history names what was there at the time.
const HISTORY: &str = "CHANGELOG.md";

/// A word that ends so is a file's name, also without a folder before it.
const FILE_ENDINGS: &[&str] =
    &[".rs", ".c", ".cpp", ".h", ".hpp", ".md", ".py", ".sh", ".toml", ".txt", ".in"];

/// Files that C headers in examples come from, and files that users have.
const NOT_OURS: &[&str] = &["poll.h", "errno.h", "stdint.h", "your_program.c", "program.c"];

const SYSTEM_FOLDERS: &[&str] = &["arpa/", "linux/", "netinet/", "sys/"];

/// Every file and folder of the repository, relative to its top.
fn tree(folder: &Path, found: &mut BTreeSet<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a readable folder").flatten() {
        if FOREIGN.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        let path = entry.path();
        found.insert(path.strip_prefix(root()).expect("below the top").to_path_buf());
        if path.is_dir() {
            tree(&path, found);
        }
    }
}

struct Repository {
    paths: BTreeSet<PathBuf>,
    targets: BTreeSet<String>,
}

impl Repository {
    fn read() -> Repository {
        let mut paths = BTreeSet::new();
        tree(root(), &mut paths);
        Repository { paths, targets: make_targets(&read("Makefile")) }
    }

    /// `dir/file`, `dir/`, `dir/*.c`, `dir/NAME.out`: from the document's
    /// folder, from the top or from src.
    fn has(&self, folder: &Path, name: &str) -> bool {
        let fixed = match name.find('*').or(name.find("NAME")) {
            Some(open) => name[..open].rsplit_once('/').map_or("", |(folder, _)| folder),
            None => name.trim_end_matches('/'),
        };
        let start = [folder, Path::new(""), Path::new("src")];
        fixed.is_empty() || start.iter().any(|start| self.paths.contains(&start.join(fixed)))
    }

    fn has_file_named(&self, name: &str) -> bool {
        self.paths.iter().any(|path| path.file_name().is_some_and(|file| file == name))
    }

    fn documents(&self) -> Vec<&PathBuf> {
        let is_document = |path: &&PathBuf| {
            path.extension().is_some_and(|e| e == "md") && !path.ends_with(HISTORY)
        };
        self.paths.iter().filter(is_document).collect()
    }
}

fn make_targets(makefile: &str) -> BTreeSet<String> {
    makefile
        .lines()
        .filter(|line| !line.starts_with(['\t', '#', '.', ' ']))
        .filter_map(|line| line.split_once(':'))
        .filter(|(_, after)| !after.starts_with('='))
        .flat_map(|(names, _)| names.split_whitespace().map(str::to_string).collect::<Vec<_>>())
        .collect()
}

/// Code of a document: the lines of fenced blocks, then the `spans` of the rest.
fn code(document: &str) -> (Vec<String>, Vec<String>) {
    let mut lines = Vec::new();
    let mut prose = String::new();
    let mut fenced = false;
    for line in document.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if fenced {
            lines.push(line.to_string());
        } else {
            prose += line;
            prose += "\n";
        }
    }
    let spans = prose.split('`').skip(1).step_by(2).map(|s| s.replace('\n', " ")).collect();
    (lines, spans)
}

/// Words after `make` and `cargo test --test` in a line of shell.
fn commands(repository: &Repository, line: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let line = line.trim_start_matches("$ ");
    let words: Vec<&str> = line
        .split('#')
        .next()
        .unwrap_or("")
        .split_whitespace()
        .skip_while(|w| *w == "sudo")
        .collect();
    if words.first() == Some(&"make") {
        for target in words[1..].iter().filter(|w| !w.contains('=') && !w.starts_with('-')) {
            if *target == "&&" {
                break;
            }
            if !repository.targets.contains(*target) {
                problems.push(format!("`make {target}`: no such target"));
            }
        }
    }
    for pair in words.windows(2).filter(|pair| pair[0] == "--test") {
        let file = format!("tests/{}.rs", pair[1].trim_matches('\''));
        if !repository.has(Path::new(""), &file) {
            problems.push(format!("`{line}`: no {file}"));
        }
    }
    problems
}

/// A span that reads as a path of this repository must be one.
fn path(repository: &Repository, folder: &Path, span: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./*".contains(c);
    let other = span.starts_with(['/', '.', '-', '*']) || span.starts_with("target/");
    if span.is_empty() || other || !span.chars().all(plain) || span.contains("//") {
        return None;
    }
    let exists = if span.contains('/') {
        let system_header = SYSTEM_FOLDERS.iter().any(|folder| span.starts_with(folder));
        repository.has(folder, span) || (system_header && span.ends_with(".h"))
    } else if FILE_ENDINGS.iter().any(|ending| span.ends_with(ending) && span != *ending) {
        span.contains('*') || NOT_OURS.contains(&span) || repository.has_file_named(span)
    } else {
        true
    };
    (!exists).then(|| format!("`{span}`: no such file"))
}

/// Targets of `[text](target)` that are no URLs, from the document's folder.
fn links(folder: &Path, document: &str) -> Vec<String> {
    document
        .split("](")
        .skip(1)
        .filter_map(|after| after.split(')').next())
        .filter_map(|target| target.split('#').next())
        .filter(|target| !target.is_empty() && !target.contains("://"))
        .filter(|target| !root().join(folder).join(target).exists())
        .map(|target| format!("link to {target}: no such file"))
        .collect()
}

fn problems_of(repository: &Repository, folder: &Path, document: &str) -> Vec<String> {
    let (lines, spans) = code(document);
    let mut problems = links(folder, document);
    for line in lines.iter().chain(&spans) {
        problems.extend(commands(repository, line));
    }
    problems.extend(spans.iter().filter_map(|span| path(repository, folder, span)));
    problems
}

#[test]
fn the_documents_name_what_exists() {
    let repository = Repository::read();
    let documents = repository.documents();
    for required in ["README.md", "CONTRIBUTING.md"] {
        assert!(documents.iter().any(|path| path.ends_with(required)), "no {required}");
    }
    let mut problems = Vec::new();
    for document in documents {
        let text = read(&document.to_string_lossy());
        let folder = document.parent().expect("a folder");
        let found = problems_of(&repository, folder, &text);
        problems.extend(found.iter().map(|problem| format!("{}: {problem}", document.display())));
    }
    assert!(problems.is_empty(), "\n  {}", problems.join("\n  "));
}

/// `make help` lists a target by the comment behind it; every target that is
/// no part of another has one.
#[test]
fn make_help_lists_the_targets_that_people_type() {
    let output = std::process::Command::new("make")
        .arg("help")
        .current_dir(root())
        .env_remove("MAKEFLAGS")
        .output()
        .expect("make runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for target in ["build", "demo", "test", "lint", "install", "uninstall", "bench-core", "header"]
    {
        let listed = text.lines().any(|line| line.split_whitespace().next() == Some(target));
        assert!(listed, "make help does not list {target}:\n{text}");
    }
}

#[test]
fn a_name_that_went_is_found() {
    let repository = Repository::read();
    let bad = |document: &str| problems_of(&repository, Path::new(""), document).len();
    assert_eq!(bad("Run `make test`, then read `src/lib.rs` and `build.rs`."), 0);
    assert_eq!(bad("```sh\nmake test && ./x\nsudo make install PREFIX=/usr\n```\n"), 0);
    assert_eq!(bad("`tests/*.rs`, `and`, `target/x/y`, `/usr/lib`, `sys/socket.h`, `Vec<u8>`"), 0);
    assert_eq!(bad("[a](Cargo.toml), [b](https://example.org/x), [c](Makefile#L1)"), 0);
    assert_eq!(bad("`make tests`"), 1);
    assert_eq!(bad("```\nmake demos # prose\n```\n"), 1);
    assert_eq!(bad("`cargo test --test no_such_test`"), 1);
    assert_eq!(bad("`src/no_such_file.rs`"), 1);
    assert_eq!(bad("`no_such_folder/`"), 1);
    assert_eq!(bad("`no_such_file.c`"), 1);
    assert_eq!(bad("[a](docs/no_such_page.md)"), 1);
    assert_eq!(bad("please make sure"), 0);
}
