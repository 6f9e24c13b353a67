//! `make install`: the installed tree is whole, a program is compiled from it
//! with nothing but pkg-config, shared and static, and `make uninstall` leaves
//! nothing behind.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::compile::{compile, STRICT};
use support::install::{contents, link, make, needed, prefix, prints_what_is_expected};
use support::library::library;
use support::{read, root, scratch};

const VERSION: &str = env!("CARGO_PKG_VERSION");

#[test]
fn the_tree_is_whole_and_uninstall_removes_it() {
    let staging = scratch("staging");
    let arguments = |target: &str| {
        let destination = format!("DESTDIR={}", staging.display());
        vec![target.to_string(), destination, "PREFIX=/opt/greenhub".to_string()]
    };
    make(&arguments("install"));
    let mut expected: BTreeSet<String> = [
        "opt/greenhub/include/greenhub.h",
        "opt/greenhub/include/greenhub.hpp",
        "opt/greenhub/lib/libgreenhub.a",
        "opt/greenhub/lib/libgreenhub.so",
        "opt/greenhub/lib/libgreenhub.so.0",
        "opt/greenhub/lib/cmake/greenhub/greenhub-config.cmake",
        "opt/greenhub/lib/cmake/greenhub/greenhub-config-version.cmake",
        "opt/greenhub/lib/pkgconfig/greenhub.pc",
    ]
    .map(str::to_string)
    .into();
    expected.insert(format!("opt/greenhub/lib/libgreenhub.so.{VERSION}"));
    let parts = contents(&root().join("include/greenhub"));
    assert!(parts.contains("thread.hpp"));
    expected.extend(parts.iter().map(|part| format!("opt/greenhub/include/greenhub/{part}")));
    assert_eq!(contents(&staging), expected);

    let lib = staging.join("opt/greenhub/lib");
    assert_eq!(link(lib.join("libgreenhub.so")), "libgreenhub.so.0");
    assert_eq!(link(lib.join("libgreenhub.so.0")), format!("libgreenhub.so.{VERSION}"));

    let pc = fs::read_to_string(lib.join("pkgconfig/greenhub.pc")).expect("greenhub.pc");
    assert!(pc.contains("prefix=/opt/greenhub\n"), "{pc}");
    assert!(pc.contains("libdir=${prefix}/lib\n"), "{pc}");
    assert!(pc.contains("includedir=${prefix}/include\n"), "{pc}");
    assert!(pc.contains(&format!("Version: {VERSION}\n")), "{pc}");
    assert!(!pc.contains('@') && !pc.contains("staging"), "{pc}");

    make(&arguments("uninstall"));
    assert_eq!(contents(&staging), BTreeSet::new());
}

/// What pkg-config answers for a tree, and nothing from the machine's own.
fn pkg_config(tree: &Path, arguments: &[&str]) -> Vec<String> {
    let output = Command::new("pkg-config")
        .args(arguments)
        .arg("greenhub")
        .env("PKG_CONFIG_LIBDIR", tree.join("lib/pkgconfig"))
        .env_remove("PKG_CONFIG_PATH")
        .output()
        .expect("pkg-config runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "pkg-config: {said}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.split_whitespace().map(str::to_string).collect()
}

/// Compiles an example as a user would; knows of this repository only the
/// source file.
fn build(tree: &Path, name: &str, flags: &[&str]) -> PathBuf {
    let out = tree.join(name);
    let mut command = Command::new("gcc");
    command
        .args(["-std=gnu99", "-pthread"])
        .args(STRICT)
        .arg(root().join("c_examples").join(name).with_extension("c"))
        .arg("-o")
        .arg(&out)
        .args(pkg_config(tree, flags));
    compile(&mut command).unwrap_or_else(|said| panic!("{said}"));
    out
}

#[test]
fn programs_are_built_from_the_tree_shared() {
    let tree = scratch("shared");
    make(&["install".to_string(), prefix(&tree)]);
    for name in ["hello", "many_hubs"] {
        let program = build(&tree, name, &["--cflags", "--libs"]);
        assert!(needed(&program).contains("[libgreenhub.so.0]"));
        prints_what_is_expected(&program, name, Some(&tree.join("lib")));
    }
}

/// A tree without the shared library, so that `-lgreenhub` can only mean the
/// static one.
#[test]
fn programs_are_built_from_the_tree_static() {
    let tree = scratch("static");
    make(&["install-static".to_string(), prefix(&tree)]);
    for name in ["hello", "many_hubs"] {
        let program = build(&tree, name, &["--static", "--cflags", "--libs"]);
        assert!(!needed(&program).contains("greenhub"));
        prints_what_is_expected(&program, name, None);
    }
}

/// Rust's standard library decides what a static program needs; the file that
/// says so to pkg-config must not lag behind it.
#[test]
fn libs_private_is_what_rustc_says() {
    let out = scratch("native");
    let source = out.join("probe.rs");
    fs::write(&source, "extern crate greenhub as _;\n").expect("a file");
    let release = &library().dir;
    let output = Command::new("rustc")
        .args(["--crate-type", "staticlib", "--print", "native-static-libs", "--edition", "2021"])
        .arg("--extern")
        .arg(format!("greenhub={}", release.join("libgreenhub.rlib").display()))
        .arg("-L")
        .arg(format!("dependency={}", release.join("deps").display()))
        .arg("--out-dir")
        .arg(&out)
        .arg(&source)
        .output()
        .expect("rustc runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let (_, list) = said.split_once("native-static-libs: ").expect("a list of libraries");
    let wanted: BTreeSet<&str> = list.lines().next().unwrap_or("").split_whitespace().collect();
    let template = read("greenhub.pc.in");
    let told: BTreeSet<&str> = template
        .lines()
        .find_map(|line| line.strip_prefix("Libs.private: "))
        .expect("Libs.private")
        .split_whitespace()
        .collect();
    assert_eq!(told, wanted, "greenhub.pc.in (left), rustc (right)");
}

/// The headers in the tree stand on their own, for C++ too.
#[test]
fn the_installed_headers_compile_as_cxx() {
    let tree = scratch("cxx");
    make(&["install-header".to_string(), prefix(&tree)]);
    for (standard, header) in [("-std=c++11", "greenhub.h"), ("-std=c++17", "greenhub.hpp")] {
        let source = tree.join("use.cpp");
        let code = format!("#include <{header}>\nint main() {{ return gh_now() > 0 ? 0 : 1; }}\n");
        fs::write(&source, code).expect("a file");
        let mut command = Command::new("g++");
        command
            .args([standard, "-fsyntax-only"])
            .args(STRICT)
            .args(pkg_config(&tree, &["--cflags"]))
            .arg(&source);
        compile(&mut command).unwrap_or_else(|said| panic!("{said}"));
    }
}
