//! The layer table of docs/architecture.md, held against the source: what a
//! module may name, who may use `unsafe`, how long a file may be, and that
//! every exported function goes through the panic guard.

#[path = "support/rust_tokens.rs"]
mod rust_tokens;

#[path = "architecture/layers.rs"]
mod layers;

#[path = "architecture/rules.rs"]
mod rules;

use layers::Table;
use rules::Source;
use std::fs;
use std::path::{Path, PathBuf};

const DOCUMENT: &str = "docs/architecture.md";
const MAX_LINES: usize = 600;

/// Where everything hand-written is. `include/greenhub.h` is generated, as is `GENERATED`.
const HAND_WRITTEN: &[&str] = &[
    "src",
    "tests",
    "benches",
    "c_examples",
    "python_ctypes",
    "scripts",
    "include/greenhub",
    "include/greenhub.hpp",
    "build.rs",
];
const GENERATED: &[&str] = &["python_ctypes/greenhub/_bindings.py"];
const EXTENSIONS: &[&str] = &["rs", "c", "h", "cpp", "hpp", "S", "py", "sh"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn table() -> Table {
    let text = fs::read_to_string(root().join(DOCUMENT)).expect(DOCUMENT);
    Table::parse(&text).unwrap_or_else(|problem| panic!("{DOCUMENT}: {problem}"))
}

fn collect(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        let mut entries: Vec<PathBuf> = fs::read_dir(path)
            .expect("readable folder")
            .map(|entry| entry.expect("folder entry").path())
            .collect();
        entries.sort();
        entries.iter().for_each(|entry| collect(entry, found));
    } else if path.is_file() {
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("");
        if EXTENSIONS.contains(&extension) {
            found.push(path.to_path_buf());
        }
    }
}

/// Files below `folders`, named relative to the repository.
fn read_all(folders: &[&str]) -> Vec<Source> {
    let mut paths = Vec::new();
    for folder in folders {
        collect(&root().join(folder), &mut paths);
    }
    paths
        .iter()
        .map(|path| Source {
            name: path
                .strip_prefix(root())
                .expect("below the repository")
                .to_string_lossy()
                .into_owned(),
            text: fs::read_to_string(path).expect("UTF-8 source"),
        })
        .collect()
}

fn assert_none(problems: Vec<String>) {
    assert!(problems.is_empty(), "\n  {}\n", problems.join("\n  "));
}

#[test]
fn every_module_stands_in_the_table() {
    assert_none(rules::membership(&table(), &read_all(&["src"])));
}

#[test]
fn no_module_looks_upward() {
    assert_none(rules::order(&table(), &read_all(&["src"])));
}

#[test]
fn only_listed_modules_name_libc_mio_corosensei_or_unsafe() {
    assert_none(rules::permissions(&table(), &read_all(&["src"])));
}

#[test]
fn exported_functions_go_through_the_guard() {
    let sources = read_all(&["src"]);
    let (exports, problems) = rules::exports(&sources);
    assert_none(problems);
    assert!(exports > 50, "only {exports} exported functions were found");
}

#[test]
fn lib_lists_the_modules_in_table_order() {
    assert_none(rules::map(&table(), &read_all(&["src"])));
}

#[test]
fn no_file_is_over_600_lines() {
    let mut sources = read_all(HAND_WRITTEN);
    sources.retain(|source| !GENERATED.contains(&source.name.as_str()));
    assert_none(rules::lengths(&sources, MAX_LINES));
}

#[path = "architecture/self_test.rs"]
mod self_test;
