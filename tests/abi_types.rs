//! The library's own types, from its debug information, beside those of the
//! header: each parameter, result and member is of the kind, size and place that
//! a program in C takes it for.

mod support;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::PathBuf;
use support::abigail::{able, describe, represent};
use support::library::{cargo, target_dir};
use support::{read, scratch};

/// What calling and layout depend on: `pointer`, `i32`, `u64`, `96 bits`.
type Word = String;

#[derive(Debug, Default, PartialEq)]
struct Shapes {
    /// Parameters, then the result.
    functions: BTreeMap<String, Vec<Word>>,
    /// Offset in bits, name and word of each member.
    structs: BTreeMap<String, Vec<(String, String, Word)>>,
}

fn attribute<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!(" {name}='"))?;
    rest.split('\'').next()
}

fn number(name: &str, size: &str) -> Word {
    let unsigned = name.contains("unsigned") || name.starts_with('u');
    match name {
        "void" => name.to_string(),
        _ => format!("{}{size}", if unsigned { 'u' } else { 'i' }),
    }
}

enum Type<'a> {
    Other(&'a str),
    Is(Word),
}

fn types(xml: &str) -> HashMap<&str, Type<'_>> {
    let mut found = HashMap::new();
    for line in xml.lines() {
        let Some(id) = attribute(line, "id") else { continue };
        let name = attribute(line, "name").unwrap_or("");
        let size = attribute(line, "size-in-bits").unwrap_or("0");
        let kind = line.trim_start().split(' ').next().unwrap_or("");
        let made = match kind {
            "<type-decl" => Type::Is(number(name, size)),
            "<pointer-type-def" => Type::Is("pointer".to_string()),
            // A callback that may be NULL, in Rust's words.
            "<class-decl" if name.starts_with("Option&lt;") && name.contains("fn(") => {
                Type::Is("pointer".to_string())
            }
            "<typedef-decl" | "<qualified-type-def" => {
                Type::Other(attribute(line, "type-id").expect("what it stands for"))
            }
            _ => Type::Is(format!("{size} bits")),
        };
        found.insert(id, made);
    }
    found
}

fn word<'a>(types: &HashMap<&str, Type<'a>>, mut id: &'a str) -> Word {
    loop {
        match types.get(id) {
            Some(Type::Other(other)) => id = other,
            Some(Type::Is(word)) => return word.clone(),
            None => panic!("no type {id}"),
        }
    }
}

/// abidw writes one element a line. Of a Rust library it also lists what is
/// inside: only what has a symbol, or a name of ours, counts.
fn shapes(xml: &str) -> Shapes {
    let types = types(xml);
    let mut shapes = Shapes::default();
    let (mut function, mut structure, mut offset) = (None, None, "");
    for line in xml.lines() {
        let kind = line.trim_start().split([' ', '>']).next().unwrap_or("");
        let name = attribute(line, "name").unwrap_or("").to_string();
        let of_type = || word(&types, attribute(line, "type-id").expect("a type"));
        match kind {
            "<function-decl" => function = attribute(line, "elf-symbol-id"),
            "</function-decl" => function = None,
            "<parameter" | "<return" => {
                if let Some(function) = function {
                    shapes.functions.entry(function.to_string()).or_default().push(of_type());
                }
            }
            "<class-decl" if !line.ends_with("/>") => {
                structure = name.starts_with("gh_").then_some(name);
            }
            "</class-decl" => structure = None,
            "<data-member" => offset = attribute(line, "layout-offset-in-bits").unwrap_or(""),
            "<var-decl" => {
                if let Some(structure) = &structure {
                    let member = (offset.to_string(), name, of_type());
                    shapes.structs.entry(structure.clone()).or_default().push(member);
                }
            }
            _ => {}
        }
    }
    shapes
}

/// The library with all its types, which the release build leaves out.
fn with_types() -> PathBuf {
    let status = cargo()
        .args(["build", "--quiet", "--lib", "--target-dir"])
        .arg(target_dir())
        .env("CARGO_PROFILE_DEV_DEBUG", "full")
        .current_dir(support::root())
        .status()
        .expect("cargo runs");
    assert!(status.success(), "cargo build failed");
    target_dir().join("debug/libgreenhub.so")
}

fn declared(header: &str, folder: &str) -> Shapes {
    shapes(&fs::read_to_string(represent(header, &scratch(folder))).expect("XML"))
}

#[test]
fn the_library_has_the_types_that_the_header_declares() {
    if !able() {
        return;
    }
    let header = declared(&read("include/greenhub.h"), "header");
    let out = scratch("library").join("abi.xml");
    describe(&with_types(), &out);
    let library = shapes(&fs::read_to_string(out).expect("XML"));
    assert!(header.functions.len() > 50 && header.structs.len() >= 3, "not read: {header:?}");
    assert_eq!(library.functions, header.functions, "the library (left), the header (right)");
    for (name, members) in &header.structs {
        assert_eq!(library.structs.get(name), Some(members), "{name}: the library (left)");
    }
}

#[test]
fn another_type_is_another_shape() {
    if !able() {
        return;
    }
    let of = |result: &str, parameter: &str, member: &str| {
        let text = format!(
            "typedef struct gh_x {{ int a; {member} b; }} gh_x;\n\
             {result} gh_f({parameter} a, const gh_x *b);\n"
        );
        declared(&text, "shape")
    };
    let first = of("int", "long", "short");
    assert_eq!(first.functions["gh_f"], ["i64", "pointer", "i32"]);
    assert_eq!(first.structs["gh_x"][1], ("32".into(), "b".into(), "i16".into()));
    assert_eq!(of("int", "long", "short"), first);
    assert_ne!(of("long", "long", "short"), first);
    assert_ne!(of("void", "long", "short"), first);
    assert_ne!(of("int", "int", "short"), first);
    assert_ne!(of("int", "unsigned long", "short"), first);
    assert_ne!(of("int", "void *", "short"), first);
    assert_ne!(of("int", "long", "unsigned short"), first);
    assert_ne!(of("int", "long", "long"), first);
}
