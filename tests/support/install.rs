//! What the tests of installed trees share: a `make install` of their own, what
//! a tree holds, and a program that was built from one.

use super::compile::compile;
use super::library::{library, target_dir};
use super::run::run;
use super::{read, root};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

/// A make of its own, not a child of the one that may have started the tests.
pub fn make(arguments: &[String]) {
    library(); // built first, so that install finds it and is tested alone
    let mut command = Command::new("make");
    command
        .arg("--no-print-directory")
        .args(arguments)
        .arg(format!("TARGET={}", target_dir().display()))
        .current_dir(root());
    for name in ["MAKEFLAGS", "MFLAGS", "MAKELEVEL", "DESTDIR", "PREFIX", "LIBDIR", "INCLUDEDIR"] {
        command.env_remove(name);
    }
    compile(&mut command).unwrap_or_else(|said| panic!("{said}"));
}

pub fn prefix(path: &Path) -> String {
    format!("PREFIX={}", path.display())
}

/// Files and links below a folder, relative to it.
pub fn contents(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).expect("a readable folder").flatten() {
            let kind = entry.file_type().expect("a kind");
            if kind.is_dir() {
                open.push(entry.path());
            } else {
                let name = entry.path();
                let name = name.strip_prefix(folder).expect("below the folder");
                found.insert(name.to_string_lossy().into_owned());
            }
        }
    }
    found
}

pub fn link(path: PathBuf) -> String {
    fs::read_link(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .to_string_lossy()
        .into_owned()
}

pub fn needed(program: &Path) -> String {
    let output = Command::new("readelf").arg("-dW").arg(program).output().expect("readelf runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().filter(|line| line.contains("(NEEDED)")).collect()
}

pub fn prints_what_is_expected(program: &Path, name: &str, library_path: Option<&Path>) {
    let mut command = Command::new(program);
    if let Some(path) = library_path {
        command.env("LD_LIBRARY_PATH", path);
    }
    let outcome = run(&mut command, LIMIT);
    assert!(outcome.success(), "{name}: {}\n{}", outcome.ending(), outcome.said());
    assert_eq!(outcome.stdout, read(&format!("c_examples/expected/{name}.out")));
}
