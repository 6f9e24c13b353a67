//! docs/patching.md holds one row for every hooked function, and none for another.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use support::compile::{compile, strict};
use support::library::library;
use support::run::run;
use support::{read, root, scratch};

const TABLE: &str = "src/patch/hooks.rs";
const DOCUMENT: &str = "docs/patching.md";

/// The functions of the `hooks!` table by family: lines like `green name(…) -> result = body;` in blocks
/// like `SLEEP {`.
fn hooked(source: &str) -> BTreeMap<String, String> {
    let table = source.split("\nhooks! {\n").nth(1).expect("the table");
    let mut family = String::new();
    let mut found = BTreeMap::new();
    for line in table.lines().map(str::trim) {
        if let Some(name) = line.strip_suffix(" {") {
            family = name.to_lowercase();
        } else if line.ends_with(';') {
            let name = line.split_whitespace().nth(1).expect("how, and a name");
            let name = name.split('(').next().expect("a name");
            let again = found.insert(name.to_string(), family.clone());
            assert_eq!(again, None, "{name} stands twice in {TABLE}");
        }
    }
    found
}

/// The rows of the table of functions: `| `name`, `name` | family | … | … |`.
fn documented(document: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let rows = document.lines().skip_while(|line| !line.starts_with("| function | family |"));
    for row in rows.skip(2).take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 4, "{DOCUMENT}: {row}");
        for name in cells[0].split('`').skip(1).step_by(2) {
            let again = found.insert(name.to_string(), cells[1].to_string());
            assert_eq!(again, None, "{name} stands twice in {DOCUMENT}");
        }
    }
    found
}

fn names(of: &BTreeMap<String, String>) -> BTreeSet<&String> {
    of.keys().collect()
}

#[test]
fn every_hooked_function_is_documented_and_every_documented_one_is_hooked() {
    let (hooked, documented) = (hooked(&read(TABLE)), documented(&read(DOCUMENT)));
    assert!(hooked.contains_key("nanosleep"), "{TABLE} was not understood");
    let (of_table, of_document) = (names(&hooked), names(&documented));
    let missing: Vec<_> = of_table.difference(&of_document).collect();
    let invented: Vec<_> = of_document.difference(&of_table).collect();
    assert!(missing.is_empty(), "{DOCUMENT} has no row for {missing:?}");
    assert!(invented.is_empty(), "{DOCUMENT} has rows for what is not hooked: {invented:?}");
    for (name, family) in &hooked {
        assert_eq!(&documented[name], family, "the family of {name}");
    }
}

/// It has libc inside itself, where no table leads.
#[test]
fn a_program_that_is_linked_statically_is_told_so() {
    let source = root().join("tests/support/patch_static.c");
    let out = scratch("static").join("patch_static");
    let mut command = strict(&source);
    let library = library().dir.join("libgreenhub.a");
    command.args(["-static", "-pthread", "-o"]).arg(&out).arg(&source).arg(library);
    let private = read("greenhub.pc.in");
    let private = private.lines().find_map(|line| line.strip_prefix("Libs.private: "));
    let private = private.expect("what a static program needs").split_whitespace();
    // A static libc has no shared libgcc_s beside it.
    command.args(private.map(|flag| if flag == "-lgcc_s" { "-lgcc_eh" } else { flag }));
    compile(&mut command).unwrap();
    let outcome = run(&mut std::process::Command::new(&out), Duration::from_secs(30));
    assert_eq!(outcome.code(), Some(0), "{}", outcome.said());
}

#[test]
fn a_table_that_differs_is_found() {
    let table = hooked(
        "x\nhooks! {\n    SLEEP {\n        green sleep(s: c_uint) -> c_uint = sleep::sleep;\n    }\n    \
         ALL {\n        every close(fd: c_int) -> c_int = a::b;\n    }\n}\n",
    );
    assert_eq!(table["sleep"], "sleep");
    assert_eq!(table["close"], "all");
    let document = "| function | family | cooperative for | note |\n|---|---|---|---|\n\
                    | `sleep`, `usleep` | sleep | all | |\n\n| `other` | no row |\n";
    let document = documented(document);
    assert_eq!(document.keys().collect::<Vec<_>>(), ["sleep", "usleep"]);
}
