//! The binary interface against its baseline, tests/abi/x86_64.xml: libabigail
//! compares every signature, struct and code. What it reads is a library of
//! empty functions made from the header: the types are C's, as a program sees
//! them, and nothing of the inside can be in the way (docs/abi.md).

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;
use support::abigail::{able, represent};
use support::{read, root, scratch};

const HEADER: &str = "include/greenhub.h";
const BASELINE: &str = "tests/abi/x86_64.xml";

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Same,
    /// Functions or variables that were not there; what was is as it was.
    Addition,
    /// Old programs may break, or a struct or an enum has grown: a person has
    /// to look.
    Change,
}

/// What abidiff says, None if nothing. Its exit status is made of bits: 1 and 2
/// are failures of its own, 4 a difference, 8 one that it is sure of.
fn report(old: &Path, new: &Path, flags: &[&str]) -> Option<String> {
    let mut abidiff = Command::new("abidiff");
    abidiff.args(flags).arg(old).arg(new);
    let output = abidiff.output().expect("abidiff runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.code() {
        Some(0) => None,
        Some(bits) if bits & 3 == 0 => Some(said),
        _ => panic!("{abidiff:?}: {}\n{said}", output.status),
    }
}

/// No suppression lets a struct grow at its end: one that does hides, besides,
/// members that change their type or place (abidiff 2.2).
fn compare(old: &Path, new: &Path) -> (Kind, String) {
    if let Some(said) = report(old, new, &["--harmless", "--no-added-syms"]) {
        return (Kind::Change, said);
    }
    match report(old, new, &["--harmless"]) {
        Some(said) => (Kind::Addition, said),
        None => (Kind::Same, String::new()),
    }
}

#[test]
fn the_header_is_that_of_the_baseline() {
    if !able() {
        return;
    }
    let now = represent(&read(HEADER), &scratch("now"));
    let baseline = root().join(BASELINE);
    if std::env::var("GREENHUB_UPDATE_ABI").as_deref() == Ok("1") {
        if baseline.exists() {
            let (kind, said) = compare(&baseline, &now);
            println!("{BASELINE}, then and now: {kind:?}\n{said}");
        }
        fs::copy(now, baseline).expect("the baseline can be written");
        return;
    }
    let (kind, said) = compare(&baseline, &now);
    assert!(kind != Kind::Addition, "run `make abi-baseline`, which adds these:\n{said}");
    assert!(
        kind == Kind::Same,
        "the ABI has changed. If docs/abi.md allows it, run `make abi-baseline`\n{said}"
    );
}

/// Changes to a copy of the header: behind a place in it, other words.
struct Edit {
    what: &'static str,
    place: &'static str,
    words: &'static [(&'static str, &'static str)],
}

impl Edit {
    fn apply(&self, header: &str) -> String {
        let find = |text: &str, part: &str| {
            text.find(part).unwrap_or_else(|| panic!("{}: no `{part}`", self.what))
        };
        let (before, after) = header.split_at(find(header, self.place));
        let mut after = after.to_string();
        for (old, new) in self.words {
            find(&after, old);
            after = after.replacen(old, new, 1);
        }
        format!("{before}{after}")
    }
}

/// What each of the edits is taken for, judged alone.
fn each_is(edits: &[Edit], kind: Kind, folder: &str) {
    let header = read(HEADER);
    let folder = scratch(folder);
    let old = represent(&header, &folder);
    let sub = folder.join("new");
    fs::create_dir(&sub).expect("a folder");
    for edit in edits {
        let (found, said) = compare(&old, &represent(&edit.apply(&header), &sub));
        assert_eq!(found, kind, "{}\n{said}", edit.what);
    }
}

const BREAKS: &[Edit] = &[
    Edit {
        what: "a function is gone",
        place: "int gh_hub_stop(",
        words: &[("int gh_hub_stop(struct gh_hub *hub);", "")],
    },
    Edit {
        what: "a function has another name",
        place: "int gh_hub_stop(",
        words: &[("gh_hub_stop", "gh_hub_end")],
    },
    Edit { what: "another result", place: "int gh_hub_stop(", words: &[("int", "long")] },
    Edit {
        what: "a result without a sign",
        place: "int gh_hub_stop(",
        words: &[("int", "unsigned")],
    },
    Edit { what: "a wider parameter", place: "ssize_t gh_recv(", words: &[("int fd", "long fd")] },
    Edit {
        what: "a narrower parameter",
        place: "ssize_t gh_recv(",
        words: &[("int64_t deadline", "int32_t deadline")],
    },
    Edit {
        what: "a parameter without a sign",
        place: "ssize_t gh_recv(",
        words: &[("int fd", "unsigned fd")],
    },
    Edit {
        what: "a number for a pointer",
        place: "int gh_hub_stop(",
        words: &[("struct gh_hub *hub", "uint64_t hub")],
    },
    Edit {
        what: "a parameter more",
        place: "ssize_t gh_recv(",
        words: &[("int fd", "int fd, int more")],
    },
    Edit { what: "a parameter less", place: "ssize_t gh_recv(", words: &[("int fd,", "")] },
    Edit {
        what: "parameters that change places",
        place: "ssize_t gh_recv(",
        words: &[("int fd,", "int64_t deadline,"), ("int64_t deadline)", "int fd)")],
    },
    Edit {
        what: "a pointer that was const",
        place: "ssize_t gh_writev(",
        words: &[("const struct iovec", "struct iovec")],
    },
    Edit {
        what: "a member in the middle",
        place: "typedef struct gh_hub_options {",
        words: &[("size_t stack_size;", "size_t more, stack_size;")],
    },
    Edit {
        what: "a member that is gone",
        place: "typedef struct gh_hub_options {",
        words: &[("uint32_t budget;", "")],
    },
    Edit {
        what: "a wider member",
        place: "typedef struct gh_hub_options {",
        words: &[("uint32_t budget;", "uint64_t budget;")],
    },
    Edit {
        what: "a member without a sign",
        place: "typedef struct gh_hub_options {",
        words: &[("int64_t timer_slack;", "uint64_t timer_slack;")],
    },
    Edit {
        what: "members that change places",
        place: "typedef struct gh_hub_options {",
        words: &[
            (" budget;", " moved;"),
            (" warm_stacks;", " budget;"),
            (" moved;", " warm_stacks;"),
        ],
    },
    Edit {
        what: "a reserved member cut in two",
        place: "typedef struct gh_hub_options {",
        words: &[("uint32_t reserved;", "uint16_t reserved, more;")],
    },
    Edit {
        what: "a struct that grows at its end",
        place: "typedef struct gh_hub_options {",
        words: &[("}", "uint64_t more;\n}")],
    },
    Edit {
        what: "growth that hides a wider member",
        place: "typedef struct gh_hub_options {",
        words: &[("uint32_t guard;", "uint64_t guard;"), ("}", "uint64_t more;\n}")],
    },
    Edit {
        what: "a narrower id",
        place: "typedef uint64_t gh_thread;",
        words: &[("uint64_t", "uint32_t")],
    },
    Edit {
        what: "a callback with a parameter more",
        place: "typedef void (*gh_callback)(",
        words: &[("void *arg", "void *arg, int more")],
    },
    Edit {
        what: "an entry without a result",
        place: "typedef void *(*gh_entry)(",
        words: &[("void *(", "void (")],
    },
    Edit {
        what: "another number for a code",
        place: "GH_EDEADLOCK = ",
        words: &[("-10003", "-10103")],
    },
    Edit {
        what: "a code that is gone",
        place: "GH_ENOTROOT = ",
        words: &[("GH_ENOTROOT = -10005,", "")],
    },
    Edit {
        what: "a handle that is not opaque",
        place: "typedef struct gh_hub gh_hub;",
        words: &[(";", "; struct gh_hub { int inside; };")],
    },
];

const HARMLESS: &[Edit] = &[
    Edit { what: "a comment", place: "int gh_hub_stop(", words: &[("int", "/* The same. */ int")] },
    Edit {
        what: "the name of a parameter",
        place: "ssize_t gh_recv(",
        words: &[("int fd", "int descriptor")],
    },
    Edit {
        what: "functions in another order",
        place: "int gh_hub_stop(",
        words: &[
            ("int gh_hub_stop(struct gh_hub *hub);", ""),
            ("int gh_hub_fd(", "int gh_hub_stop(struct gh_hub *hub);\nint gh_hub_fd("),
        ],
    },
];

const ADDITIONS: &[Edit] = &[Edit {
    what: "a function more",
    place: "int gh_hub_stop(",
    words: &[("int", "int gh_more(const struct gh_hub_options *options);\nint")],
}];

#[test]
fn every_kind_of_break_is_caught() {
    if able() {
        each_is(BREAKS, Kind::Change, "breaks");
    }
}

#[test]
fn what_breaks_nothing_is_not_taken_for_a_break() {
    if able() {
        each_is(HARMLESS, Kind::Same, "harmless");
        each_is(ADDITIONS, Kind::Addition, "additions");
    }
}
