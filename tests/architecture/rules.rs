//! The rules, as functions from a table and sources to the problems found.

use crate::layers::{Table, GRANTS};
use crate::rust_tokens::{tokens, Kind, Token};
use std::collections::BTreeSet;

#[derive(Debug)]
pub struct Source {
    /// Path from the repository's top: `src/hub/park.rs`.
    pub name: String,
    pub text: String,
}

impl Source {
    fn is_rust(&self) -> bool {
        self.name.ends_with(".rs")
    }

    fn is_lib(&self) -> bool {
        self.name == "src/lib.rs"
    }

    /// `src/hub/park.rs` is `["hub", "park"]`, `src/hub/mod.rs` is `["hub"]`.
    fn module_path(&self) -> Vec<String> {
        let inside = self.name.trim_start_matches("src/");
        let stem = inside.rsplit_once('.').map_or(inside, |(stem, _)| stem);
        let mut path: Vec<String> = stem.split('/').map(str::to_string).collect();
        if path.last().is_some_and(|last| last == "mod") || path == ["lib"] {
            path.pop();
        }
        path
    }

    fn module(&self) -> Option<String> {
        self.module_path().into_iter().next()
    }
}

/// Every module of `src/` has a row, and every row a module.
pub fn membership(table: &Table, sources: &[Source]) -> Vec<String> {
    let present: BTreeSet<String> = sources.iter().filter_map(Source::module).collect();
    let mut problems: Vec<String> = present
        .iter()
        .filter(|module| table.height(module).is_none())
        .map(|module| format!("src: module `{module}` stands in no row of the layer table"))
        .collect();
    for layer in table.layers.iter().filter(|l| !present.contains(&l.module)) {
        problems.push(format!("the layer table names `{}`, which src has not", layer.module));
    }
    problems
}

/// Where a path that starts at `crate`, `super` or `self` leads.
#[derive(Debug)]
struct Reference {
    /// The name right below the crate's root; "*" for a glob there.
    top: String,
    line: usize,
}

/// Walks the tokens of one file with the path of inline modules at hand, since
/// `super` means another module inside `mod tests { … }`.
fn references(source: &Source) -> Vec<Reference> {
    let tokens = tokens(&source.text);
    let mut path = source.module_path();
    let mut inline_depths: Vec<usize> = Vec::new();
    let mut depth = 0;
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if token.is_sign("{") {
            depth += 1;
            if at >= 2 && tokens[at - 2].is_word("mod") {
                path.push(tokens[at - 1].text.clone());
                inline_depths.push(depth);
            }
        } else if token.is_sign("}") {
            if inline_depths.last() == Some(&depth) {
                inline_depths.pop();
                path.pop();
            }
            depth -= 1;
        } else if starts_path(&tokens, at) {
            if let Some((base, next)) = base_of(&tokens, at, &path) {
                tops(&tokens, next, &base, &mut found);
            }
        }
    }
    found
}

fn starts_path(tokens: &[Token], at: usize) -> bool {
    let rooted = ["crate", "super", "self"].iter().any(|word| tokens[at].is_word(word));
    let inside_path = at > 0 && tokens[at - 1].is_sign("::");
    let leads_on = tokens.get(at + 1).is_some_and(|t| t.is_sign("::"));
    rooted && leads_on && !inside_path
}

/// Resolves the leading `crate`, `self` and `super`s; gives the module they
/// name and the index of what follows. None above the crate's root.
fn base_of(tokens: &[Token], at: usize, path: &[String]) -> Option<(Vec<String>, usize)> {
    let mut base = if tokens[at].is_word("crate") { Vec::new() } else { path.to_vec() };
    let mut next = at;
    while next + 1 < tokens.len() && tokens[next + 1].is_sign("::") {
        if tokens[next].is_word("super") {
            base.pop()?;
        } else if !tokens[next].is_word("crate") && !tokens[next].is_word("self") {
            break;
        }
        next += 2;
    }
    Some((base, next))
}

/// The names right below the root that a path or `use` tree reaches.
fn tops(tokens: &[Token], at: usize, base: &[String], found: &mut Vec<Reference>) {
    let Some(token) = tokens.get(at) else { return };
    let mut note = |top: &str, line: usize| {
        found.push(Reference { top: top.to_string(), line });
    };
    if let Some(top) = base.first() {
        note(top, token.line);
    } else if token.is_sign("{") {
        let mut depth = 0;
        for (offset, inner) in tokens[at..].iter().enumerate() {
            let first = depth == 1
                && (tokens[at + offset - 1].is_sign("{") || tokens[at + offset - 1].is_sign(","));
            if inner.is_sign("{") {
                depth += 1;
            } else if inner.is_sign("}") {
                depth -= 1;
                if depth == 0 {
                    break;
                }
            } else if first && !inner.is_word("self") {
                note(&inner.text, inner.line);
            }
        }
    } else {
        let is_macro = tokens.get(at + 1).is_some_and(|t| t.is_sign("!"));
        if !is_macro {
            note(&token.text, token.line);
        }
    }
}

/// A module uses only what stands above it in the table, that is, was listed
/// before it. `lib.rs` is the map and may name all.
pub fn order(table: &Table, sources: &[Source]) -> Vec<String> {
    let mut problems = Vec::new();
    for source in sources.iter().filter(|s| s.is_rust() && !s.is_lib()) {
        let Some(own) = source.module() else { continue };
        let Some(height) = table.height(&own) else {
            continue; // membership reports it
        };
        for reference in references(source) {
            let at = format!("{}:{}", source.name, reference.line);
            match table.height(&reference.top) {
                None => problems.push(format!(
                    "{at}: `crate::{}` is no module of the layer table",
                    reference.top
                )),
                Some(other) if other > height => problems.push(format!(
                    "{at}: `{own}` uses `{}`, which stands below it in the table",
                    reference.top
                )),
                Some(_) => {}
            }
        }
    }
    problems
}

/// `libc`, `mio`, `corosensei`, `unsafe` and C files, where the table grants them.
pub fn permissions(table: &Table, sources: &[Source]) -> Vec<String> {
    let mut problems = Vec::new();
    for source in sources {
        let module = source.module().unwrap_or_default();
        if !source.is_rust() {
            if !table.allows(&module, "cc") {
                problems.push(format!("{}: `{module}` may not hold C", source.name));
            }
            continue;
        }
        let tokens = tokens(&source.text);
        for (at, token) in tokens.iter().enumerate() {
            let granted = GRANTS.contains(&token.text.as_str()) && token.text != "cc";
            let member = at > 0 && tokens[at - 1].is_sign(".");
            if token.kind == Kind::Word && granted && !member && !table.allows(&module, &token.text)
            {
                problems.push(format!(
                    "{}:{}: `{module}` may not name `{}`",
                    source.name, token.line, token.text
                ));
            }
        }
    }
    problems
}

/// Index of the bracket that closes the one at `open`.
fn closing(tokens: &[Token], open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (offset, token) in tokens[open..].iter().enumerate() {
        if token.kind == Kind::Sign {
            match token.text.as_str() {
                "(" | "{" | "[" => depth += 1,
                ")" | "}" | "]" => {
                    depth -= 1;
                    if depth == 0 {
                        return Some(open + offset);
                    }
                }
                _ => {}
            }
        }
    }
    None
}

/// A body without the constants that it begins with: they cannot panic at run
/// time.
fn without_constants(mut body: &[Token]) -> &[Token] {
    while body.first().is_some_and(|t| t.is_word("const")) {
        let end = body.iter().position(|t| t.is_sign(";")).map_or(body.len(), |at| at + 1);
        body = &body[end..];
    }
    body
}

/// The body is one call of the guard and nothing beside it, so that no panic
/// can start outside of it.
fn is_guarded(body: &[Token]) -> bool {
    let body = without_constants(body);
    let Some(open) = body.iter().position(|t| t.is_sign("(") || t.is_sign("{")) else {
        return false;
    };
    let called = body[..open].iter().rev().find(|t| t.kind == Kind::Word);
    let named = called.is_some_and(|t| t.text == "guard" || t.text.starts_with("guard_"));
    let path_only =
        body[..open].iter().all(|t| t.kind == Kind::Word || t.is_sign("::") || t.is_sign("!"));
    named && path_only && closing(body, open) == Some(body.len() - 1)
}

/// Exported functions live in `src/ffi`, are `extern "C"` and guarded. Gives
/// their number too, so that a checker that sees none cannot pass.
pub fn exports(sources: &[Source]) -> (usize, Vec<String>) {
    let mut count = 0;
    let mut problems = Vec::new();
    for source in sources.iter().filter(|s| s.is_rust()) {
        let tokens = tokens(&source.text);
        for (at, token) in tokens.iter().enumerate() {
            let exported = token.is_word("no_mangle") || token.is_word("export_name");
            if !exported {
                continue;
            }
            count += 1;
            let place = format!("{}:{}", source.name, token.line);
            if !source.name.starts_with("src/ffi") {
                problems.push(format!("{place}: exports a symbol outside src/ffi"));
            }
            let Some(function) = tokens[at..].iter().position(|t| t.is_word("fn")) else {
                problems.push(format!("{place}: exports something that is no function"));
                continue;
            };
            let head = &tokens[at..at + function];
            let name = &tokens[at + function + 1].text;
            let c_abi =
                head.windows(2).any(|pair| pair[0].is_word("extern") && pair[1].text == "\"C\"");
            if !c_abi {
                problems.push(format!("{place}: `{name}` is not extern \"C\""));
            }
            let body = tokens[at + function..]
                .iter()
                .position(|t| t.is_sign("{"))
                .map(|open| at + function + open)
                .and_then(|open| Some(&tokens[open + 1..closing(&tokens, open)?]));
            if !body.is_some_and(is_guarded) {
                problems.push(format!("{place}: `{name}` does not go through the guard"));
            }
        }
    }
    (count, problems)
}

/// The `mod` lines of `lib.rs` are the table, top to bottom.
pub fn map(table: &Table, sources: &[Source]) -> Vec<String> {
    let Some(lib) = sources.iter().find(|s| s.is_lib()) else {
        return vec!["src/lib.rs is missing".to_string()];
    };
    let listed: Vec<String> = tokens(&lib.text)
        .windows(3)
        .filter(|w| w[0].is_word("mod") && w[2].is_sign(";"))
        .map(|w| w[1].text.clone())
        .collect();
    let expected: Vec<String> = table.layers.iter().map(|l| l.module.clone()).collect();
    if listed == expected {
        return Vec::new();
    }
    vec![format!("src/lib.rs lists its modules as {listed:?}, the layer table as {expected:?}")]
}

pub fn lengths(sources: &[Source], limit: usize) -> Vec<String> {
    sources
        .iter()
        .map(|source| (source, source.text.lines().count()))
        .filter(|(_, lines)| *lines > limit)
        .map(|(source, lines)| format!("{}: {lines} lines, the limit is {limit}", source.name))
        .collect()
}
