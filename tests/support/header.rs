//! Reads include/greenhub.h far enough for the tests: what it declares, its
//! sections, and the documentation tags of each function. No C parser: the header is
//! generated, so its shape is known, and what is not understood is an error.

#[derive(Debug, Default, Clone)]
pub struct Parameter {
    pub name: String,
    /// Declared with a `*`; a callback's type hides its own.
    pub pointer: bool,
}

#[derive(Debug, Default, Clone)]
pub struct Tag {
    /// `param`, `return`, …
    pub name: String,
    pub text: String,
}

#[derive(Debug, Default, Clone)]
pub struct Function {
    pub name: String,
    pub returns: String,
    pub parameters: Vec<Parameter>,
    /// As it is declared, on one line, without the semicolon.
    pub declaration: String,
    /// The comment without its stars, tags included.
    pub doc: String,
    /// The section it stands under; empty before the first.
    pub section: String,
}

/// A section, opened by a comment that begins with `==== name ====`.
#[derive(Debug, Default, Clone)]
pub struct Section {
    pub name: String,
    /// What follows the name: a title, an empty line, the guide.
    pub text: String,
}

impl Section {
    fn open(comment: &str) -> Option<Section> {
        let (first, text) = comment.split_once('\n')?;
        let name = first.strip_prefix("==== ")?.strip_suffix(" ====")?;
        Some(Section { name: name.to_string(), text: text.trim().to_string() })
    }

    /// The guide without its title.
    pub fn guide(&self) -> &str {
        self.text.split_once("\n\n").map_or("", |(_, guide)| guide)
    }
}

impl Function {
    pub fn tags(&self) -> Vec<Tag> {
        let mut tags: Vec<Tag> = Vec::new();
        for line in self.doc.lines() {
            if let Some(tagged) = line.strip_prefix('@') {
                let (name, text) = tagged.split_once(' ').unwrap_or((tagged, ""));
                tags.push(Tag { name: name.to_string(), text: text.trim().to_string() });
            } else if let Some(tag) = tags.last_mut() {
                tag.text = format!("{} {line}", tag.text).trim().to_string();
            }
        }
        tags
    }

    pub fn tag(&self, name: &str) -> Option<Tag> {
        self.tags().into_iter().find(|tag| tag.name == name)
    }
}

#[derive(Debug, Default)]
pub struct Header {
    pub macros: Vec<String>,
    pub sections: Vec<Section>,
    pub functions: Vec<Function>,
    /// Struct and enum tags, and typedef names.
    pub types: Vec<String>,
    /// Tags of enums alone.
    pub enums: Vec<String>,
    pub enumerators: Vec<String>,
    /// Declarations that fit no known shape.
    pub unknown: Vec<String>,
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The identifiers of a piece of C, numbers left out.
pub fn words(text: &str) -> Vec<String> {
    text.split(|c| !is_name(c))
        .filter(|word| word.chars().next().is_some_and(|c| !c.is_ascii_digit()))
        .map(str::to_string)
        .collect()
}

fn clean_comment(comment: &str) -> String {
    comment
        .lines()
        .map(|line| line.trim().trim_start_matches('*').trim())
        .collect::<Vec<_>>()
        .join("\n")
        .trim()
        .to_string()
}

/// One declaration as it stands, without comments, and the last documentation
/// comment before it.
#[derive(Debug, Clone)]
struct Declaration {
    text: String,
    doc: String,
    section: String,
}

/// Drops comments and directives, notes macros and sections, steps through
/// `extern "C" {`.
fn declarations(
    source: &str,
    macros: &mut Vec<String>,
    sections: &mut Vec<Section>,
) -> Vec<Declaration> {
    let mut found = Vec::new();
    let mut text = String::new();
    let mut doc = String::new();
    let mut depth = 0;
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let fresh = text.trim().is_empty();
        let mut length = c.len_utf8();
        if rest.starts_with("/*") {
            let end = rest.find("*/").map_or(rest.len(), |at| at + 2);
            if rest.starts_with("/**") && fresh && depth == 0 {
                doc = clean_comment(rest[3..end].trim_end_matches("*/"));
            } else if fresh && depth == 0 {
                let comment = clean_comment(rest[2..end].trim_end_matches("*/"));
                sections.extend(Section::open(&comment));
            }
            text.push(' ');
            length = end;
        } else if rest.starts_with("//") {
            length = rest.find('\n').unwrap_or(rest.len());
        } else if c == '#' {
            let end = directive(rest);
            let mut parts = rest[1..end].trim_start().splitn(2, char::is_whitespace);
            if parts.next() == Some("define") {
                macros.extend(words(parts.next().unwrap_or("")).into_iter().take(1));
            }
            length = end;
        } else if c == '{' && depth == 0 && text.trim() == "extern \"C\"" {
            text.clear();
        } else if c == '}' && depth == 0 {
            text.clear(); // the end of extern "C"
        } else if c == ';' && depth == 0 {
            let text = std::mem::take(&mut text);
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let section = sections.last().map(|section| section.name.clone()).unwrap_or_default();
            found.push(Declaration { text, doc: std::mem::take(&mut doc), section });
        } else {
            depth += i32::from(c == '{') - i32::from(c == '}');
            text.push(c);
        }
        rest = &rest[length..];
    }
    found
}

/// Length of a preprocessor directive with its continued lines.
fn directive(text: &str) -> usize {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        at += line.len();
        if !line.trim_end().ends_with('\\') {
            break;
        }
    }
    at
}

fn parameter(text: &str) -> Parameter {
    let name = words(text).pop().unwrap_or_default();
    Parameter { name, pointer: text.contains('*') || text.contains('[') }
}

fn function(declaration: &Declaration) -> Option<Function> {
    let (head, tail) = declaration.text.split_once('(')?;
    let (arguments, _) = tail.rsplit_once(')')?;
    let name = words(head).pop()?;
    let returns = head.strip_suffix(name.as_str())?.trim().to_string();
    let parameters = arguments
        .split(',')
        .map(str::trim)
        .filter(|text| *text != "void" && !text.is_empty())
        .map(parameter)
        .collect();
    let Declaration { text, doc, section, .. } = declaration.clone();
    Some(Function { name, returns, parameters, declaration: text, doc, section })
}

impl Header {
    pub fn parse(source: &str) -> Header {
        let mut header = Header::default();
        for declaration in declarations(source, &mut header.macros, &mut header.sections) {
            header.add(&declaration);
        }
        header
    }

    fn add(&mut self, declaration: &Declaration) {
        let text = declaration.text.as_str();
        let body = text.split_once('{').and_then(|(_, tail)| tail.rsplit_once('}'));
        let head = text.split('{').next().unwrap_or(text);
        let first = words(head).into_iter().next().unwrap_or_default();
        match (first.as_str(), body) {
            ("typedef", Some((inside, name))) => {
                self.types.extend(words(name));
                self.tagged(&words(head)[1..], inside);
            }
            ("typedef", None) => match text.split_once("(*") {
                Some((_, callback)) => self.types.extend(words(callback).into_iter().take(1)),
                None => {
                    let all = words(text);
                    self.types.extend(all.last().cloned());
                    self.tagged(&all[1..all.len() - 1], "");
                }
            },
            ("struct" | "enum", Some((inside, _))) => self.tagged(&words(head), inside),
            ("struct", None) if !text.contains('(') => self.tagged(&words(head), ""),
            _ => match function(declaration) {
                Some(function) => self.functions.push(function),
                None => self.unknown.push(text.to_string()),
            },
        }
    }

    /// `struct gh_x` or `enum gh_x`, with the body of an enum.
    fn tagged(&mut self, head: &[String], inside: &str) {
        let [kind, tag] = head else { return };
        if kind == "struct" || kind == "enum" {
            self.types.push(tag.clone());
        }
        if kind == "enum" {
            self.enums.push(tag.clone());
            let values = inside.split(',').filter_map(|value| words(value).into_iter().next());
            self.enumerators.extend(values);
        }
    }

    pub fn function_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.functions.iter().map(|f| f.name.clone()).collect();
        names.sort();
        names
    }
}
