//! The checker itself: each rule is shown a small source that breaks it, and
//! one that only looks as if it did.

use crate::layers::Table;
use crate::rules::{self, Source};

const DOCUMENT: &str = "\
prose
<!-- layers:begin -->
| module | one responsibility | may name |
|---|---|---|
| `error`, `clock` | codes; time | |
| `sys/` | system calls | libc, unsafe |
| `poller` | readiness | `mio` |
| `hub/` | the loop | |
| `ffi/` | the C surface | libc, unsafe, cc |
<!-- layers:end -->
";

fn table() -> Table {
    Table::parse(DOCUMENT).expect("a good table")
}

fn source(name: &str, text: &str) -> Source {
    Source { name: name.to_string(), text: text.to_string() }
}

fn order_of(name: &str, text: &str) -> Vec<String> {
    rules::order(&table(), &[source(name, text)])
}

fn permissions_of(name: &str, text: &str) -> Vec<String> {
    rules::permissions(&table(), &[source(name, text)])
}

fn exports_of(name: &str, text: &str) -> (usize, Vec<String>) {
    rules::exports(&[source(name, text)])
}

#[test]
fn the_table_is_read_in_order() {
    let modules: Vec<String> = table().layers.into_iter().map(|l| l.module).collect();
    assert_eq!(modules, ["error", "clock", "sys", "poller", "hub", "ffi"]);
    assert!(table().allows("poller", "mio"));
    assert!(!table().allows("hub", "mio"));
}

#[test]
fn bad_tables_are_refused() {
    let bad = |row: &str| DOCUMENT.replace("| `poller` | readiness | `mio` |", row);
    assert!(Table::parse("no markers").is_err());
    assert!(Table::parse("<!-- layers:begin -->\n<!-- layers:end -->").is_err());
    for row in [
        "| `poller` | readiness |",
        "| `poller` |  | mio |",
        "| `poller` | readiness | tokio |",
        "| `clock` | twice | |",
    ] {
        assert!(Table::parse(&bad(row)).is_err(), "accepted {row}");
    }
}

#[test]
fn a_module_without_a_row_is_found() {
    let mut sources: Vec<Source> = ["error", "clock", "poller"]
        .iter()
        .map(|name| source(&format!("src/{name}.rs"), ""))
        .collect();
    for name in ["sys/mod", "sys/unix", "hub/mod", "ffi/mod", "lib"] {
        sources.push(source(&format!("src/{name}.rs"), ""));
    }
    assert_eq!(rules::membership(&table(), &sources), Vec::<String>::new());
    sources.push(source("src/helpers.rs", ""));
    assert_eq!(rules::membership(&table(), &sources).len(), 1);
    sources.remove(0);
    assert_eq!(rules::membership(&table(), &sources).len(), 2);
}

#[test]
fn upward_uses_are_found_in_every_spelling() {
    for text in [
        "use crate::hub::Hub;",
        "use crate::{clock, hub::{Hub, park}};",
        "use crate::{\n    clock::now,\n    hub,\n};",
        "pub(crate) use super::super::hub;",
        "fn f() { crate::hub::run() }",
        "fn f() { super::super::hub::run() }",
        "macro_rules! m { () => { $crate::hub::run() } }",
        "mod tests { use super::super::super::hub; }",
        "use {crate::clock, crate::hub};",
        "use crate::*;",
        "use crate::Hub;",
        "fn f<'a>(x: &'a u8) { let _ = '\"'; crate::hub::run() }",
    ] {
        assert_eq!(order_of("src/sys/unix.rs", text).len(), 1, "{text}");
    }
}

#[test]
fn uses_that_only_look_upward_pass() {
    for text in [
        "use crate::{clock, error::{Error, hub}};",
        "use super::hub;",
        "mod tests { use super::*; use super::super::hub; }",
        "mod a { mod b { } } use super::hub;",
        "// use crate::hub;\n/* crate::hub::x /* nested */ crate::hub */",
        "const A: &str = \"use crate::hub;\"; const B: &str = r#\"\"crate::hub\"#;",
        "pub(crate) fn f(self: &Self) { self.hub(); crate::clock::hub::x() }",
        "pub(in crate::sys) fn f() { crate::assert_off_stack!() }",
    ] {
        assert_eq!(order_of("src/sys/unix.rs", text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn same_row_modules_follow_the_listed_order() {
    assert_eq!(order_of("src/error.rs", "use crate::clock::now;").len(), 1);
    assert!(order_of("src/clock.rs", "use crate::error::Error;").is_empty());
    assert_eq!(order_of("src/error.rs", "use super::clock::now;").len(), 1);
}

#[test]
fn names_outside_their_modules_are_found() {
    for text in [
        "use libc::c_int;",
        "fn f() -> ::libc::c_int { 0 }",
        "use {std::io, mio};",
        "extern crate corosensei as c;",
        "fn f() { unsafe { g() } }",
        "unsafe impl Send for Hub {}",
        "unsafe extern \"C\" fn f() {}",
        "const A: char = '\\''; use libc;",
    ] {
        assert_eq!(permissions_of("src/hub/run.rs", text).len(), 1, "{text}");
    }
    assert_eq!(permissions_of("src/lib.rs", "use libc::c_int;").len(), 1);
    assert_eq!(permissions_of("src/hub/shim.c", "int x;").len(), 1);
}

#[test]
fn names_where_they_belong_or_in_prose_pass() {
    for (name, text) in [
        ("src/sys/unix.rs", "use libc::c_int; unsafe fn f() {}"),
        ("src/poller.rs", "use mio::Poll;"),
        ("src/ffi/shim.c", "int x;"),
        ("src/hub/run.rs", "// unsafe libc\nconst A: &str = \"mio\";"),
        ("src/hub/run.rs", "#![deny(unsafe_op_in_unsafe_fn)]"),
        ("src/hub/run.rs", "const A: &[u8] = b\"libc\\\"unsafe\";"),
        ("src/hub/run.rs", "/// ```\n/// unsafe { }\n/// ```\nfn f() {}"),
    ] {
        assert_eq!(permissions_of(name, text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn unguarded_exports_are_found() {
    for text in [
        "#[no_mangle] pub extern \"C\" fn gh_x() -> i32 { 0 }",
        "#[unsafe(no_mangle)] pub unsafe extern \"C\" fn gh_x(p: *const u8) { run(p) }",
        "#[no_mangle] pub extern \"C\" fn gh_x() -> i32 { let a = b(); guard(|| a) }",
        "#[no_mangle] pub extern \"C\" fn gh_x() -> i32 { guard(|| a).unwrap() }",
        "#[no_mangle] pub extern \"C\" fn gh_x() -> i32 { const A: i32 = 1; f(); guard(|| a) }",
        "#[no_mangle] pub extern \"C\" fn gh_x() -> i32 { /* guard(|| a) */ safeguard(a) }",
        "#[no_mangle] pub fn gh_x() -> i32 { guard(|| 1) }",
        "#[no_mangle] pub static GH_X: i32 = 1;",
    ] {
        let (count, problems) = exports_of("src/ffi/hub.rs", text);
        assert_eq!((count, problems.len()), (1, 1), "{text}");
    }
    let guarded = "#[no_mangle] pub extern \"C\" fn gh_x() -> i32 { guard(|| 1) }";
    assert_eq!(exports_of("src/hub/mod.rs", guarded).1.len(), 1);
}

#[test]
fn guarded_exports_pass() {
    for text in [
        "#[no_mangle] pub extern \"C\" fn gh_x() -> i32 { guard(|| 1) }",
        "#[unsafe(no_mangle)] pub unsafe extern \"C\" fn gh_x() { guard_void(move || { f(); }) }",
        "#[no_mangle] pub extern \"C\" fn gh_x() -> i32 { crate::ffi::guard::guard(|| { 1 }) }",
        "#[no_mangle] pub extern \"C\" fn gh_x() -> i32 { const A: i32 = f(); guard(|| A) }",
        "#[no_mangle] pub extern \"C\" fn gh_x(a: [u8; 2]) -> i32 { guard!({ 1 }) }",
    ] {
        assert_eq!(exports_of("src/ffi/hub.rs", text), (1, vec![]), "{text}");
    }
}

#[test]
fn a_map_out_of_order_is_found() {
    let good = "mod error;\nmod clock;\npub mod sys;\nmod poller;\nmod hub;\nmod ffi;\n";
    let lib = |text: &str| rules::map(&table(), &[source("src/lib.rs", text)]);
    assert!(lib(good).is_empty());
    assert_eq!(lib(&good.replace("mod poller;\n", "")).len(), 1);
    assert_eq!(lib(&format!("mod extra;\n{good}")).len(), 1);
    let swapped = good.replace("mod error;\nmod clock;", "mod clock;\nmod error;");
    assert_eq!(lib(&swapped).len(), 1);
    assert_eq!(rules::map(&table(), &[]).len(), 1);
}

#[test]
fn a_long_file_is_found() {
    let long = source("tests/x.rs", &"line\n".repeat(601));
    let full = source("tests/y.rs", &"line\n".repeat(600));
    assert_eq!(rules::lengths(&[long, full], 600).len(), 1);
}
