//! include/greenhub.hpp: it compiles under each compiler, standard and set of
//! features that it promises, part by part and as its tests use it, and in
//! several files of one program.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use support::compile::{compile, STRICT};
use support::library::library;
use support::run::run;
use support::{files, installed, read, root, scratch, skip, stem};

const STANDARDS: &[&str] = &["-std=c++17", "-std=c++20"];
const WITHOUT: &[&str] = &["-fno-exceptions", "-fno-rtti"];

fn strict(compiler: &str, standard: &str) -> Command {
    let mut command = Command::new(compiler);
    command.arg(standard).args(STRICT).args(["-Wshadow", "-Wconversion", "-I"]);
    command.arg(root().join("include"));
    command
}

fn check_syntax(command: &mut Command, source: &Path) {
    // A header is no mistake to compile alone here.
    command.args(["-fsyntax-only", "-x", "c++", "-include"]).arg(source);
    compile(command.arg("/dev/null")).unwrap_or_else(|said| panic!("{said}"));
}

/// What a program of tests/c says in its head.
fn flags(source: &Path) -> Vec<String> {
    let text = read(&format!("tests/c/{}.cpp", stem(source)));
    let line = text.lines().find_map(|line| line.strip_prefix("// flags: "));
    line.unwrap_or("").split_whitespace().map(str::to_string).collect()
}

/// The header in each way, its parts alone, and the programs of tests/c, which
/// make something of every template, by one standard.
fn compiles_under(compiler: &str, programs: &str) {
    let whole = root().join("include/greenhub.hpp");
    for standard in STANDARDS {
        check_syntax(&mut strict(compiler, standard), &whole);
        check_syntax(strict(compiler, standard).args(WITHOUT), &whole);
    }
    let codes = root().join("c_examples/cxx_codes.cpp");
    check_syntax(strict(compiler, STANDARDS[0]).args(WITHOUT), &codes);
    let parts = files("include/greenhub", &["hpp"]);
    parts.iter().for_each(|part| check_syntax(&mut strict(compiler, STANDARDS[0]), part));
    let mut sources = files("tests/c", &["cpp"]);
    sources.retain(|source| stem(source).starts_with("hpp_"));
    assert!(parts.len() > 9 && sources.len() > 5);
    for source in &sources {
        let mut command = strict(compiler, programs);
        command.args(flags(source)).arg("-fsyntax-only").arg(source);
        compile(&mut command).unwrap_or_else(|said| panic!("{said}"));
    }
}

/// By the other standard tests/c_programs.rs builds them.
#[test]
fn compiles_under_gcc() {
    compiles_under("g++", STANDARDS[1]);
}

#[test]
fn compiles_under_clang() {
    if installed("clang++") {
        compiles_under("clang++", STANDARDS[0]);
    } else {
        skip("clang++", "not installed, greenhub.hpp was tried with g++ alone");
    }
}

fn object(name: &str, features: &[&str], out_dir: &Path) -> PathBuf {
    let source = root().join("tests/cxx_header").join(name).with_extension("cpp");
    let out = out_dir.join(name).with_extension("o");
    let mut command = strict("g++", STANDARDS[0]);
    command.args(features).args(["-g", "-O1", "-c"]).arg(&source).arg("-o").arg(&out);
    compile(&mut command).unwrap_or_else(|said| panic!("{said}"));
    out
}

/// Files with exceptions and without have functions of the same names, which
/// the linker would make one of if nothing told them apart.
#[test]
fn two_files_of_one_program_include_it() {
    let ways: [(&str, [&[&str]; 2]); 4] = [
        ("with", [&[], &[]]),
        ("without", [WITHOUT, WITHOUT]),
        ("first_without", [WITHOUT, &[]]),
        ("second_without", [&[], WITHOUT]),
    ];
    for (name, features) in ways {
        let out_dir = scratch(name);
        let program = out_dir.join("program");
        let mut command = Command::new("g++");
        command
            .arg(object("first_unit", features[0], &out_dir))
            .arg(object("second_unit", features[1], &out_dir))
            .arg("-o")
            .arg(&program)
            .arg("-L")
            .arg(&library().link_dir)
            .arg("-lgreenhub")
            .arg(format!("-Wl,-rpath,{}", library().link_dir.display()));
        compile(&mut command).unwrap_or_else(|said| panic!("{said}"));
        let outcome = run(&mut Command::new(&program), Duration::from_secs(60));
        assert!(outcome.success(), "{name}: {}\n{}", outcome.ending(), outcome.said());
    }
}
