//! include/greenhub.h: it compiles everywhere it promises to, says all it
//! must about each function, and declares nothing outside its prefix.

mod support;

#[path = "header/lint.rs"]
mod lint;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;
use support::compile::{compile, program, STRICT};
use support::header::Header;
use support::run::run;
use support::{files, installed, read, root, scratch, skip, stem};

const HEADER: &str = "include/greenhub.h";
const C: &[&str] = &["c99", "c11"];
const CXX: &[&str] = &["c++11", "c++17"];

/// How programs include the header: alone, twice, before and after others.
const INCLUSIONS: &[&str] = &["alone.c", "twice.c", "first.c", "last.c"];

fn header() -> Header {
    Header::parse(&read(HEADER))
}

/// Syntax-checks each way to include the header as C and as C++.
fn compiles_under(c: &str, cxx: &str) {
    let languages = [(c, "c", C), (cxx, "c++", CXX)];
    for (compiler, language, standards) in languages {
        for standard in standards {
            for inclusion in INCLUSIONS {
                let mut command = Command::new(compiler);
                command
                    .args(["-x", language, &format!("-std={standard}"), "-fsyntax-only"])
                    .args(STRICT)
                    .args(["-Wshadow", "-Wconversion", "-I"])
                    .arg(root().join("include"))
                    .arg(root().join("tests/header").join(inclusion));
                if language == "c" {
                    command.arg("-Wstrict-prototypes");
                }
                compile(&mut command).unwrap_or_else(|said| panic!("{said}"));
            }
        }
    }
}

#[test]
fn compiles_under_gcc() {
    compiles_under("gcc", "g++");
}

#[test]
fn compiles_under_clang() {
    if installed("clang") {
        compiles_under("clang", "clang++");
    } else {
        skip("clang", "not installed, the header was tried with gcc alone");
    }
}

/// The names of all macros that a piece of C ends up with.
fn macros_of(source: &str) -> BTreeSet<String> {
    let mut child = Command::new("gcc")
        .args(["-x", "c", "-std=gnu99", "-dM", "-E", "-", "-I"])
        .arg(root().join("include"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("gcc runs");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(source.as_bytes()).expect("gcc reads");
    drop(input);
    let output = child.wait_with_output().expect("gcc ends");
    assert!(output.status.success());
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| line.split([' ', '(']).nth(1).map(str::to_string))
        .collect()
}

/// The header's own `#include` lines.
fn includes() -> String {
    let text = read(HEADER);
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("#include")).collect();
    assert!(!lines.is_empty(), "the header includes nothing");
    lines.join("\n") + "\n"
}

#[test]
fn declares_nothing_without_its_prefix() {
    let header = header();
    assert_eq!(header.unknown, Vec::<String>::new(), "declarations not understood");
    assert!(header.functions.len() > 50, "{} functions", header.functions.len());
    assert!(header.types.iter().any(|name| name == "gh_stats"));
    assert!(header.enumerators.iter().any(|name| name == "GH_EPANIC"));
    let own = macros_of("#include <greenhub.h>\n");
    let others = macros_of(&includes());
    let macros: Vec<&String> = own.difference(&others).collect();
    assert!(macros.iter().any(|name| *name == "GH_NEVER"));
    assert!(header.macros.iter().all(|name| own.contains(name) || name.starts_with("GH_")));
    let problems = lint::names(&header, macros.into_iter());
    assert!(problems.is_empty(), "\n  {}", problems.join("\n  "));
}

fn errnos() -> BTreeSet<String> {
    let mut names = macros_of("#include <errno.h>\n");
    names.retain(|name| name.starts_with('E'));
    assert!(names.contains("ECANCELED"));
    names
}

#[test]
fn every_function_is_documented() {
    let version = env!("CARGO_PKG_VERSION");
    let problems = lint::documentation(&header(), &errnos(), version);
    assert!(problems.is_empty(), "\n  {}", problems.join("\n  "));
}

/// The functions that each file of src/ffi exports; files without any are no
/// sections.
fn exports() -> BTreeMap<String, Vec<String>> {
    let mut exports = BTreeMap::new();
    for file in files("src/ffi", &["rs"]) {
        let source = std::fs::read_to_string(&file).expect("UTF-8 source");
        let names: Vec<String> = source
            .split("#[no_mangle]")
            .skip(1)
            .filter_map(|text| text.split_once(" fn ")?.1.split_once('('))
            .map(|(name, _)| name.to_string())
            .collect();
        if !names.is_empty() {
            exports.insert(stem(&file), names);
        }
    }
    exports
}

#[test]
fn every_section_opens_with_its_guide() {
    let exports = exports();
    assert!(exports.values().flatten().any(|name| name == "gh_spawn"));
    let problems = lint::sections(&header(), &exports, &errnos());
    assert!(problems.is_empty(), "\n  {}", problems.join("\n  "));
}

#[test]
fn versions_agree() {
    let out = scratch("versions");
    let flags = vec![format!("-DCARGO_VERSION=\"{}\"", env!("CARGO_PKG_VERSION"))];
    let built = program(&root().join("tests/header/versions.c"), &out, &flags);
    let outcome = run(&mut Command::new(built.unwrap()), Duration::from_secs(20));
    assert!(outcome.success(), "{}: {}", outcome.ending(), outcome.said());
}

#[path = "header/self_test.rs"]
mod self_test;
