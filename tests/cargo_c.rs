//! `cargo cinstall` (cargo-c) installs what `make install` does: the same soname
//! and symbols, the same header, a greenhub.pc that says the same.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::compile::compile;
use support::install::{contents, make, needed, prints_what_is_expected};
use support::library::{cargo, target_dir};
use support::{root, scratch, skip};

const PREFIX: &str = "/opt/greenhub";

/// Both trees, each below its DESTDIR, at the prefix that its files speak of.
struct Trees {
    make: PathBuf,
    cargo: PathBuf,
}

/// Why there is no `cargo cinstall` to try, if so.
fn missing() -> Option<&'static str> {
    let output = cargo().args(["cinstall", "--version"]).output().expect("cargo runs");
    if !output.status.success() {
        Some("not installed (`scripts/setup.sh cargo-c` builds it)")
    } else if output.stdout.starts_with(b"cargo-c 0.9.") {
        Some("too old for Cargo.lock (`scripts/setup.sh cargo-c` builds another)")
    } else {
        None
    }
}

/// None, and a line that says so, without cargo-c. The library is built once
/// more: cargo-c has a folder of its own for each target.
fn install() -> Option<Trees> {
    if let Some(why) = missing() {
        skip("cargo-c", why);
        return None;
    }
    let scratch = scratch("trees");
    let trees = Trees { make: scratch.join("make"), cargo: scratch.join("cargo") };
    make(&[
        "install".to_string(),
        format!("DESTDIR={}", trees.make.display()),
        format!("PREFIX={PREFIX}"),
    ]);
    let mut cinstall = cargo();
    cinstall
        .args(["cinstall", "--release", "--locked", "--prefix", PREFIX, "--libdir", "lib"])
        .arg("--destdir")
        .arg(&trees.cargo)
        .arg("--target-dir")
        .arg(target_dir().join("capi"))
        // What is compared here does not hang on the optimiser, which takes most of the time.
        .envs([("CARGO_PROFILE_RELEASE_LTO", "off"), ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")])
        .current_dir(root());
    compile(&mut cinstall).unwrap_or_else(|said| panic!("{said}"));
    Some(Trees { make: trees.make.join("opt/greenhub"), cargo: trees.cargo.join("opt/greenhub") })
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// All but CMake's files, which cargo-c cannot fill in.
fn files(tree: &Path) -> BTreeSet<String> {
    contents(tree).into_iter().filter(|name| !name.contains("cmake")).collect()
}

/// The file that a name in lib stands for, at the end of its links.
fn behind(tree: &Path, name: &str) -> String {
    let path = tree.join("lib").join(name).canonicalize().expect("a link that leads somewhere");
    path.file_name().expect("a name").to_string_lossy().into_owned()
}

/// What the loader reads of the library, and what it offers to programs.
fn dynamic(tree: &Path) -> (BTreeSet<String>, BTreeSet<String>) {
    let library = tree.join("lib/libgreenhub.so");
    let section = output(Command::new("readelf").arg("-dW").arg(&library));
    let told = ["(SONAME)", "(NEEDED)", "(FLAGS_1)"];
    let lines = section.lines().filter(|line| told.iter().any(|tag| line.contains(tag)));
    let listing = output(Command::new("nm").args(["-D", "--defined-only"]).arg(&library));
    let names = listing.lines().filter_map(|line| line.split_whitespace().nth(2));
    (lines.map(str::to_string).collect(), names.map(str::to_string).collect())
}

/// What pkg-config makes of a tree's greenhub.pc, question by question.
fn pkg_config(tree: &Path) -> Vec<String> {
    let ask = |question: &[&str]| {
        let mut command = Command::new("pkg-config");
        command
            .args(question)
            .arg("greenhub")
            .env("PKG_CONFIG_LIBDIR", tree.join("lib/pkgconfig"))
            .env_remove("PKG_CONFIG_PATH");
        output(&mut command).trim().to_string()
    };
    let text = fs::read_to_string(tree.join("lib/pkgconfig/greenhub.pc")).expect("greenhub.pc");
    let field = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or("");
        line.to_string()
    };
    vec![
        ask(&["--modversion"]),
        ask(&["--cflags"]),
        ask(&["--libs"]),
        ask(&["--static", "--libs"]),
        ask(&["--print-requires", "--print-requires-private"]),
        ask(&["--variable=prefix"]),
        ask(&["--variable=libdir"]),
        ask(&["--variable=includedir"]),
        field("Name: "),
        field("Description: "),
    ]
}

#[test]
fn cargo_cinstall_installs_what_make_install_does() {
    let Some(trees) = install() else { return };
    assert_eq!(files(&trees.cargo), files(&trees.make), "cargo (left), make (right)");

    let (told, symbols) = dynamic(&trees.cargo);
    assert!(told.iter().any(|line| line.contains("[libgreenhub.so.0]")), "{told:?}");
    assert_eq!(told.iter().filter(|line| line.contains("(SONAME)")).count(), 1, "{told:?}");
    assert_eq!((told, symbols), dynamic(&trees.make), "cargo (left), make (right)");
    for name in ["libgreenhub.so", "libgreenhub.so.0"] {
        assert_eq!(behind(&trees.cargo, name), behind(&trees.make, name));
    }

    let header = |tree: &Path| fs::read(tree.join("include/greenhub.h")).expect("the header");
    assert!(header(&trees.cargo) == header(root()), "another header");
    assert_eq!(pkg_config(&trees.cargo), pkg_config(&trees.make), "cargo (left), make (right)");

    let program = trees.cargo.join("hello");
    let source = root().join("c_examples/hello.c");
    let mut command = Command::new("gcc");
    command
        .args(["-std=gnu99", "-pthread", "-I"])
        .arg(trees.cargo.join("include"))
        .arg(&source)
        .arg("-o")
        .arg(&program)
        .arg("-L")
        .arg(trees.cargo.join("lib"))
        .arg("-lgreenhub");
    compile(&mut command).unwrap_or_else(|said| panic!("{said}"));
    assert!(needed(&program).contains("[libgreenhub.so.0]"));
    prints_what_is_expected(&program, "hello", Some(&trees.cargo.join("lib")));
}
