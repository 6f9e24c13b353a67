//! What each function's comment and each section's guide must say, and which
//! names may be declared.

use crate::support::header::{words, Function, Header};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

const OWNERSHIP: &[&str] = &["borrow", "keep", "take", "own", "out"];
const THREADS: &[&str] = &["any", "hub", "green", "root"];

/// The system's own types that are declared and not defined: its headers show them only to some.
const FOREIGN: &[&str] = &["addrinfo", "mmsghdr"];

/// `gh_` for functions and types, `GH_` for macros and enumerators, and no
/// `_t`, which POSIX keeps for itself.
pub fn names<'a>(header: &Header, macros: impl Iterator<Item = &'a String>) -> Vec<String> {
    let functions = header.functions.iter().map(|f| (&f.name, "gh_"));
    let types = header.types.iter().filter(|name| !FOREIGN.contains(&name.as_str()));
    let types = types.map(|name| (name, "gh_"));
    let enumerators = header.enumerators.iter().map(|name| (name, "GH_"));
    let macros = macros.filter(|name| *name != "GREENHUB_H").map(|name| (name, "GH_"));
    functions
        .chain(types)
        .chain(enumerators)
        .chain(macros)
        .filter(|(name, prefix)| !name.starts_with(prefix) || name.ends_with("_t"))
        .map(|(name, prefix)| format!("`{name}` is not named {prefix}… or ends in _t"))
        .collect()
}

/// Lines of a guide, its title not counted.
const GUIDE_LINES: RangeInclusive<usize> = 5..=15;

/// Each section opens with a guide that names a call to begin with, and has
/// the functions that its source exports: `exports` maps one to the other.
pub fn sections(
    header: &Header,
    exports: &BTreeMap<String, Vec<String>>,
    errnos: &BTreeSet<String>,
) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, exported) in exports {
        let opened = header.sections.iter().filter(|section| section.name == *name).count();
        if opened != 1 {
            problems.push(format!("{name}: {opened} guides"));
        }
        let beneath = header.functions.iter().filter(|function| function.section == *name);
        let mut beneath: Vec<&String> = beneath.map(|function| &function.name).collect();
        beneath.sort();
        let mut exported: Vec<&String> = exported.iter().collect();
        exported.sort();
        if beneath != exported {
            problems.push(format!("{name}: has {beneath:?}, its source exports {exported:?}"));
        }
    }
    for function in header.functions.iter().filter(|f| !exports.contains_key(&f.section)) {
        problems.push(format!("{}: under no section of src/ffi", function.name));
    }
    for section in &header.sections {
        let guide = section.guide();
        let mut checks = wrong_codes(header, guide, errnos);
        checks.extend(wrong_mentions(header, guide));
        let lines = guide.lines().count();
        if !GUIDE_LINES.contains(&lines) {
            checks.push(format!("a guide of {lines} lines"));
        }
        let own = |word: &String| {
            header.functions.iter().any(|f| f.section == section.name && f.name == *word)
        };
        if !words(guide).iter().any(own) {
            checks.push("its guide names none of its functions".to_string());
        }
        problems.extend(checks.iter().map(|problem| format!("{}: {problem}", section.name)));
    }
    problems
}

pub fn documentation(header: &Header, errnos: &BTreeSet<String>, version: &str) -> Vec<String> {
    let mut problems = Vec::new();
    for function in &header.functions {
        let mut checks = Vec::new();
        checks.extend(summary(function));
        checks.extend(parameters(function));
        checks.extend(tags(function, version));
        checks.extend(wrong_codes(header, &function.doc, errnos));
        checks.extend(wrong_mentions(header, &function.doc));
        problems.extend(checks.iter().map(|problem| format!("{}: {problem}", function.name)));
    }
    problems
}

fn summary(function: &Function) -> Option<String> {
    let first = function.doc.split("\n\n").next().unwrap_or("").trim();
    let sentence = !first.starts_with('@') && first.ends_with('.');
    (!sentence).then(|| "does not begin with a sentence".to_string())
}

fn parameters(function: &Function) -> Vec<String> {
    let mut problems = Vec::new();
    let tags: Vec<_> = function.tags().into_iter().filter(|tag| tag.name == "param").collect();
    let split = |text: &str| -> (String, String) {
        let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
        (name.to_string(), rest.trim().to_string())
    };
    let told: Vec<String> = tags.iter().map(|tag| split(&tag.text).0).collect();
    let declared: Vec<String> = function.parameters.iter().map(|p| p.name.clone()).collect();
    if told != declared {
        problems.push(format!("@param lines {told:?} for parameters {declared:?}"));
        return problems;
    }
    for (parameter, tag) in function.parameters.iter().zip(&tags) {
        let (name, rest) = split(&tag.text);
        let owned = ownership(&rest);
        if parameter.pointer && owned.is_none() {
            problems.push(format!("@param {name}: no ownership word"));
        }
        let meaning = if owned.is_some() { rest.split_once(')').map(|(_, m)| m) } else { None };
        if meaning.unwrap_or(&rest).trim().is_empty() {
            problems.push(format!("@param {name}: says nothing"));
        }
    }
    problems
}

/// The words of a leading `(borrow)` or `(out, own)`; None when one of them is
/// unknown or none is there.
fn ownership(text: &str) -> Option<Vec<&str>> {
    let (inside, _) = text.strip_prefix('(')?.split_once(')')?;
    let found: Vec<&str> = inside.split(',').map(str::trim).collect();
    found.iter().all(|word| OWNERSHIP.contains(word)).then_some(found)
}

fn tags(function: &Function, version: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let text = |name: &str| function.tag(name).map(|tag| tag.text).unwrap_or_default();
    if function.returns != "void" && text("return").is_empty() {
        problems.push("no @return".to_string());
    }
    let first = |name: &str| words(&text(name)).into_iter().next().unwrap_or_default();
    if !THREADS.contains(&first("thread").as_str()) {
        problems.push(format!("@thread is none of {THREADS:?}"));
    }
    if !["yes", "no"].contains(&first("suspends").as_str()) {
        problems.push("@suspends is neither yes nor no".to_string());
    }
    match (release(&text("since")), release(version)) {
        (Some(since), Some(now)) if since <= now => {}
        _ => problems.push("@since is no release so far".to_string()),
    }
    problems
}

/// Major and minor number.
fn release(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Error names anywhere in the comment exist: `-EINVAL` in errno.h, `GH_E…`
/// in the header. What stands in double quotes is text.
fn wrong_codes(header: &Header, comment: &str, errnos: &BTreeSet<String>) -> Vec<String> {
    let looks_like_errno = |word: &String| {
        word.len() > 2
            && word.starts_with('E')
            && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
    };
    let unquoted: String = comment.split('"').step_by(2).collect();
    words(&unquoted)
        .into_iter()
        .filter(|word| {
            (looks_like_errno(word) && !errnos.contains(word))
                || (word.starts_with("GH_E")
                    && !header.enumerators.contains(word)
                    && !header.macros.contains(word))
        })
        .map(|word| format!("`{word}` is no error code"))
        .collect()
}

/// Functions, types and macros that the comment refers to are declared.
fn wrong_mentions(header: &Header, comment: &str) -> Vec<String> {
    let known = |word: &String| {
        header.functions.iter().any(|f| f.name == *word)
            || header.types.contains(word)
            || header.macros.contains(word)
            || header.enumerators.contains(word)
            || word.ends_with('_') // a family, written gh_hub_*
    };
    words(comment)
        .into_iter()
        .filter(|word| word.starts_with("gh_") || word.starts_with("GH_"))
        .filter(|word| !word.starts_with("GH_E") && !known(word))
        .map(|word| format!("refers to `{word}`, which is not declared"))
        .collect()
}
