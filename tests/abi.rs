//! The binary interface: which symbols the library exports, under which
//! soname, and how its structs lie in memory.

mod support;

use std::process::Command;
use support::compile::{compile, strict};
use support::header::Header;
use support::library::library;
use support::{read, root, scratch};

/// One name a line, in byte order. A line may be added with a new function;
/// one that goes is a break (docs/abi.md).
const SYMBOLS: &str = "tests/abi/symbols.txt";

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Every symbol that the built library defines for others, functions or not.
fn exported() -> Vec<String> {
    let listing = output(Command::new("nm").args(["-D", "--defined-only"]).arg(library().shared()));
    let mut names: Vec<String> = listing
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2).map(str::to_string))
        .collect();
    names.sort();
    names
}

fn promised() -> Vec<String> {
    read(SYMBOLS).lines().map(str::to_string).collect()
}

#[test]
fn the_symbol_list_is_sorted_and_has_no_doubles() {
    let names = promised();
    let mut sorted = names.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(names, sorted, "{SYMBOLS}");
}

#[test]
fn the_library_exports_what_is_promised_and_nothing_else() {
    assert_eq!(exported(), promised(), "the library (left), {SYMBOLS} (right)");
}

#[test]
fn the_header_declares_what_is_promised_and_nothing_else() {
    let declared = Header::parse(&read("include/greenhub.h")).function_names();
    assert_eq!(declared, promised(), "the header (left), {SYMBOLS} (right)");
}

#[test]
fn the_soname_carries_the_abi_number() {
    let dynamic = output(Command::new("readelf").args(["-d", "-W"]).arg(library().shared()));
    let soname = dynamic.lines().find(|line| line.contains("(SONAME)")).expect("a soname");
    assert!(soname.contains("[libgreenhub.so.0]"), "{soname}");
}

/// A program's libraries are its host's too: a surprise here is a package that
/// does not install.
#[test]
fn the_library_needs_only_the_c_runtime() {
    let dynamic = output(Command::new("readelf").args(["-d", "-W"]).arg(library().shared()));
    let needed: Vec<&str> = dynamic
        .lines()
        .filter(|line| line.contains("(NEEDED)"))
        .filter_map(|line| line.split(['[', ']']).nth(1))
        .collect();
    assert!(needed.contains(&"libc.so.6"), "{needed:?}");
    let known = ["libc.so.6", "libgcc_s.so.1", "libm.so.6", "ld-linux"];
    for name in needed {
        assert!(known.iter().any(|start| name.starts_with(start)), "needs {name}");
    }
}

/// tests/abi/layout.c is nothing but assertions, checked by the compiler.
#[test]
fn structs_lie_as_promised() {
    if !cfg!(target_pointer_width = "64") {
        return; // layout.c states the numbers for LP64
    }
    let out = scratch("layout").join("layout.o");
    let source = root().join("tests/abi/layout.c");
    let mut command = strict(&source);
    command.arg("-std=c11").arg("-c").arg("-o").arg(out).arg(&source);
    compile(&mut command).unwrap_or_else(|said| panic!("{said}"));
}
