//! The checks themselves: each is shown a header that breaks it.

use crate::lint;
use crate::support::header::Header;
use std::collections::{BTreeMap, BTreeSet};

const GOOD: &str = "\
#ifndef GREENHUB_H
#define GREENHUB_H
#include <stdint.h>
#define GH_NEVER INT64_MAX
#define GH_BOTH(a, b) \\
    ((a) | (b))
enum gh_error {
    /** A bug (in; the library). */
    GH_EPANIC = -10001,
    GH_ENOTGREEN = -10002
};
typedef struct gh_hub gh_hub;
typedef uint64_t gh_thread;
typedef void *(*gh_entry)(void *arg);
typedef struct gh_stats {
    uint64_t live; /* comment */
} gh_stats;
#ifdef __cplusplus
extern \"C\" {
#endif // __cplusplus
/*
 * ==== thread ====
 *
 * Green threads.
 *
 * For work that waits.
 * Begin with gh_spawn().
 *
 * It gives -ECANCELED, never GH_EPANIC.
 * Green threads take turns.
 */
/**
 * Starts a green thread.
 *
 * It runs after gh_spawn() has returned; see GH_NEVER and the gh_hub_* family.
 *
 * @param thread (out) its id
 * @param entry what it runs
 * @param arg (keep) passed on;
 *     may be NULL
 * @return 0; -EINVAL, GH_EPANIC
 * @thread hub
 * @suspends no
 * @since 0.1
 */
int gh_spawn(gh_thread *thread,
             gh_entry entry,
             void *arg);
/*
 * ==== clock ====
 *
 * The clock.
 *
 * For deadlines.
 * Begin with gh_now().
 *
 * Add to it.
 * Subtract from it.
 */
/** Tells the time, in ns @ once.
 *
 * @return nanoseconds
 * @thread any
 * @suspends no
 * @since 0.1
 */
int64_t gh_now(void);
#ifdef __cplusplus
}
#endif
#endif
";

fn errnos() -> BTreeSet<String> {
    ["EINVAL", "ECANCELED"].map(str::to_string).into()
}

fn lint_of(text: &str) -> Vec<String> {
    lint::documentation(&Header::parse(text), &errnos(), "0.1.0")
}

fn sections_of(text: &str) -> Vec<String> {
    let export = |section: &str, name: &str| (section.to_string(), vec![name.to_string()]);
    let exports = BTreeMap::from([export("thread", "gh_spawn"), export("clock", "gh_now")]);
    lint::sections(&Header::parse(text), &exports, &errnos())
}

fn names_of(text: &str) -> Vec<String> {
    let header = Header::parse(text);
    lint::names(&header, header.macros.iter())
}

#[test]
fn the_parser_sees_everything() {
    let header = Header::parse(GOOD);
    assert_eq!(header.unknown, Vec::<String>::new());
    assert_eq!(header.function_names(), ["gh_now", "gh_spawn"]);
    assert_eq!(header.macros, ["GREENHUB_H", "GH_NEVER", "GH_BOTH"]);
    assert_eq!(header.enumerators, ["GH_EPANIC", "GH_ENOTGREEN"]);
    for name in ["gh_error", "gh_hub", "gh_thread", "gh_entry", "gh_stats"] {
        assert!(header.types.iter().any(|found| found == name), "{name}");
    }
    let spawn = &header.functions[0];
    let pointers: Vec<bool> = spawn.parameters.iter().map(|p| p.pointer).collect();
    assert_eq!(pointers, [true, false, true]);
    assert_eq!(spawn.tag("since").map(|tag| tag.text).as_deref(), Some("0.1"));
    let sections: Vec<&str> = header.functions.iter().map(|f| f.section.as_str()).collect();
    assert_eq!(sections, ["thread", "clock"]);
    assert!(header.sections[1].guide().starts_with("For deadlines.\n"));
    assert_eq!(lint_of(GOOD), Vec::<String>::new());
    assert_eq!(sections_of(GOOD), Vec::<String>::new());
    assert_eq!(names_of(GOOD), Vec::<String>::new());
}

#[test]
fn what_is_no_declaration_is_reported() {
    assert_eq!(Header::parse("extern int;").unknown.len(), 1);
}

#[test]
fn missing_documentation_is_found() {
    for (good, bad) in [
        (" * @return nanoseconds\n", ""),
        (" * @thread any\n", ""),
        (" * @thread any\n", " * @thread mine\n"),
        (" * @suspends no\n * @since 0.1\n */\nint64_t", " * @since 0.1\n */\nint64_t"),
        (" * @since 0.1\n */\nint64_t", " */\nint64_t"),
        (" * @since 0.1\n */\nint64_t", " * @since 0.2\n */\nint64_t"),
        (" * @param entry what it runs\n", ""),
        (" * @param entry what it runs\n", " * @param entry\n"),
        (" * @param entry what", " * @param other what"),
        ("(out) its id", "its id"),
        ("(out) its id", "(lend) its id"),
        ("(out) its id", "(out)"),
        ("-EINVAL", "-EINVALID"),
        ("GH_EPANIC\n", "GH_EPANICS\n"),
        ("gh_spawn() has", "gh_run() has"),
        ("see GH_NEVER", "see GH_FOREVER"),
        ("a green thread.\n", "a green thread\n"),
    ] {
        let text = GOOD.replacen(good, bad, 1);
        assert_ne!(text, GOOD, "{good:?} is not in the sample");
        assert_eq!(lint_of(&text).len(), 1, "{good:?} -> {bad:?}: {:?}", lint_of(&text));
    }
}

#[test]
fn foreign_names_are_found() {
    for (good, bad) in [
        ("typedef uint64_t gh_thread;", "typedef uint64_t gh_thread_t;"),
        ("typedef struct gh_hub gh_hub;", "typedef struct gh_hub Hub;"),
        ("typedef struct gh_hub gh_hub;", "typedef struct hub gh_hub;"),
        ("(*gh_entry)", "(*entry_fn)"),
        ("GH_ENOTGREEN", "ENOTGREEN"),
        ("int64_t gh_now", "int64_t now"),
        ("#define GH_BOTH", "#define BOTH"),
        ("struct gh_stats {", "struct stats {"),
    ] {
        let text = GOOD.replacen(good, bad, 1);
        assert_ne!(text, GOOD, "{good:?} is not in the sample");
        assert_eq!(names_of(&text).len(), 1, "{good:?} -> {bad:?}");
    }
}

#[test]
fn a_section_out_of_place_is_found() {
    let clock =
        &GOOD[GOOD.find("/*\n * ==== clock").expect("it")..GOOD.find("/** Tells").expect("it")];
    for (good, bad) in [
        (clock, ""),                                        // gh_now stands under thread
        (clock, format!("{clock}{clock}").as_str()),        // two guides
        ("==== clock ====", "==== clocks ===="),            // of no source
        (" * Add to it.\n * Subtract from it.\n", ""),      // too short
        (" * Add to it.\n", &" * Add to it.\n".repeat(12)), // too long
        (" * The clock.\n *\n", ""),                        // no title
        ("with gh_now()", "with gh_spawn()"),               // nothing of its own
        ("with gh_now()", "with gh_now() or gh_then()"),    // not declared
        ("gives -ECANCELED", "gives -ECANCELLED"),
        ("never GH_EPANIC", "never GH_EPANICS"),
    ] {
        let text = GOOD.replacen(good, bad, 1);
        assert_ne!(text, GOOD, "{good:?} is not in the sample");
        assert!(!sections_of(&text).is_empty(), "{good:?} -> {bad:?}");
    }
}
