//! What the test files share: where things are, how C is compiled against the
//! library, how a program is run with a time limit.
#![allow(dead_code, reason = "each test file uses its own part of this module")]

pub mod abigail;
pub mod check;
pub mod compile;
pub mod header;
pub mod install;
pub mod library;
pub mod run;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// An empty folder of this name, the test binary's own, kept after the run so
/// that a failure can be looked at.
pub fn scratch(name: &str) -> PathBuf {
    let binary = std::env::current_exe().expect("own path");
    let stem = binary.file_stem().expect("a file name").to_string_lossy().into_owned();
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(stem).join(name);
    if dir.exists() {
        fs::remove_dir_all(&dir).expect("old scratch folder can go");
    }
    fs::create_dir_all(&dir).expect("scratch folder");
    dir
}

/// Files directly below `folder` with one of these extensions, sorted.
pub fn files(folder: &str, extensions: &[&str]) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(root().join(folder))
        .unwrap_or_else(|error| panic!("{folder}: {error}"))
        .map(|entry| entry.expect("folder entry").path())
        .filter(|path| {
            let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("");
            extensions.contains(&extension)
        })
        .collect();
    found.sort();
    found
}

pub fn stem(path: &Path) -> String {
    path.file_stem().expect("a file name").to_string_lossy().into_owned()
}

/// Whether a program answers to `--version`.
pub fn installed(program: &str) -> bool {
    std::process::Command::new(program)
        .arg("--version")
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Says in one line that a part could not run. Written past the harness's
/// capture, because a skip that nobody sees is a pass that nobody earned.
/// With CI=true a skip is a failure. A test calls this once at most.
pub fn skip(component: &str, why: &str) {
    let line = format!("skipped: {component}: {why}");
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{line}");
    let _ = std::io::stdout().lock().write_all(format!("\n{line}\n").as_bytes());
}
