//! Compiles the thread-local shim, sets the soname, and holds include/greenhub.h against the source.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

#[path = "src/error/codes.rs"]
mod codes;

/// The ABI number: soname, `GH_ABI_VERSION` and `gh_abi_version()`. Raised when a program built
/// against an older header could break (docs/abi.md).
const ABI_VERSION: u32 = 0;

/// One file per section of the header, in the header's order.
const SECTIONS: &[&str] = &[
    "version",
    "clock",
    "hub",
    "thread",
    "local",
    "timer",
    "lock",
    "meeting",
    "channel",
    "offload",
    "file",
    "names",
    "readiness",
    "socket",
    "stream",
    "datagram",
    "endpoint",
    "group",
    "process",
    "signal",
    "patch",
    "watchdog",
    "python",
];

const HEADER: &str = "include/greenhub.h";

fn main() {
    println!("cargo:rerun-if-changed=src/ffi");
    println!("cargo:rerun-if-changed=src/error/codes.rs");
    println!("cargo:rerun-if-changed=src/sys/tls.c");
    println!("cargo:rerun-if-changed=cbindgen.toml");
    println!("cargo:rerun-if-changed={HEADER}");
    println!("cargo:rerun-if-env-changed=GREENHUB_UPDATE_HEADER");
    println!("cargo:rustc-env=GREENHUB_ABI_VERSION={ABI_VERSION}");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libgreenhub.so.{ABI_VERSION}");
    // Once loaded, the library must stay: suspended stacks return into it.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");

    cc::Build::new().file("src/sys/tls.c").warnings_into_errors(true).compile("greenhub_tls");

    check_header();
}

/// Fails the build when the committed header is not what the source says; writes it only when asked,
/// because a build that changes its own source tree breaks vendored and read-only builds.
fn check_header() {
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let wanted = match generate(Path::new(&root)) {
        Ok(wanted) => wanted,
        Err(why) => {
            println!("cargo::error={why}");
            return;
        }
    };
    let path = Path::new(&root).join(HEADER);
    if fs::read_to_string(&path).is_ok_and(|found| found == wanted) {
        return;
    }
    if env::var_os("GREENHUB_UPDATE_HEADER").is_some_and(|value| value == "1") {
        fs::create_dir_all(path.parent().expect("a folder")).expect("include/ can be made");
        fs::write(&path, wanted).expect("the header can be written");
    } else {
        println!("cargo::error={HEADER} is stale: run `GREENHUB_UPDATE_HEADER=1 cargo check`");
    }
}

/// Lines of a section's guide behind its title. Less says too little to begin with, more is a manual.
const GUIDE_LINES: std::ops::RangeInclusive<usize> = 5..=15;

/// One file of `src/ffi`.
struct Section {
    name: &'static str,
    path: PathBuf,
    /// The file's `//!` comment, line by line: the title, nothing, the guide.
    comment: Vec<String>,
    types: Vec<Type>,
}

struct Type {
    name: String,
    /// Has a tag in C: `struct gh_hub` beside `gh_hub`.
    tagged: bool,
}

impl Section {
    fn read(root: &Path, name: &'static str) -> Result<Section, String> {
        let path = root.join("src/ffi").join(format!("{name}.rs"));
        let source =
            fs::read_to_string(&path).map_err(|why| format!("src/ffi/{name}.rs: {why}"))?;
        let comment: Vec<String> = source
            .lines()
            .map_while(|line| line.strip_prefix("//!"))
            .map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end().to_owned())
            .collect();
        let types = source.lines().filter_map(declared_type).collect();
        let section = Section { name, path, comment, types };
        section.check_guide()?;
        Ok(section)
    }

    fn check_guide(&self) -> Result<(), String> {
        let says = |what: &str| Err(format!("src/ffi/{}.rs: its //! comment {what}", self.name));
        let lines = self.comment.len().saturating_sub(2);
        let titled = self.comment.get(1).is_some_and(String::is_empty);
        if !GUIDE_LINES.contains(&lines) || !titled {
            let (least, most) = (GUIDE_LINES.start(), GUIDE_LINES.end());
            return says(&format!(
                "opens its section of the header: a title, an empty line and a guide of {least} to \
                 {most} lines (what the section is for, which call to begin with, how its parts \
                 work together, which mistakes to avoid); it has {lines}"
            ));
        }
        if self.comment.iter().any(|line| line.contains("*/")) {
            return says("would end the comment in C");
        }
        Ok(())
    }

    fn title(&self) -> &str {
        self.comment[0].trim_end_matches('.')
    }

    /// The guide as a comment in C.
    fn guide(&self) -> String {
        let mut out = format!("/*\n * ==== {} ====\n *\n", self.name);
        for line in &self.comment {
            let _ = writeln!(out, "{}", format!(" * {line}").trim_end());
        }
        out.push_str(" */\n");
        out
    }

    /// What the section declares: constants, types, functions.
    fn declarations(&self, all: &[Section], style: &cbindgen::Config) -> Result<String, String> {
        let mut config = style.clone();
        for other in all.iter().filter(|other| other.name != self.name) {
            // Of a type that it has not read cbindgen does not know that it has a tag.
            let tagged = other.types.iter().filter(|declared| declared.tagged);
            let renamed = tagged.map(|Type { name, .. }| (name.clone(), format!("struct {name}")));
            config.export.rename.extend(renamed);
        }
        // Also those that only a later section uses.
        config.export.include.extend(self.types.iter().map(|declared| declared.name.clone()));
        let builder = cbindgen::Builder::new().with_config(config).with_src(&self.path);
        let mut out = Vec::new();
        builder.generate().map_err(|why| format!("{}: {why}", self.name))?.write(&mut out);
        let out = String::from_utf8(out).map_err(|why| format!("{}: {why}", self.name))?;
        if !out.contains(" gh_") {
            return Err(format!("src/ffi/{}.rs declares nothing", self.name));
        }
        Ok(out.trim().to_owned())
    }
}

fn declared_type(line: &str) -> Option<Type> {
    let (tagged, rest) = match line.strip_prefix("pub struct ") {
        Some(rest) => (true, rest),
        None => (false, line.strip_prefix("pub type ")?),
    };
    let name = rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()?;
    Some(Type { name: name.to_owned(), tagged })
}

/// What comes from tables, then section after section, each from its own run of cbindgen: one run
/// over all would put every type before every function, and no guide would have its place.
fn generate(root: &Path) -> Result<String, String> {
    let style = cbindgen::Config::from_file(root.join("cbindgen.toml"))?;
    let sections: Result<Vec<Section>, String> =
        SECTIONS.iter().map(|name| Section::read(root, name)).collect();
    let sections = sections?;
    let mut out = opening(&sections);
    out.push_str(&preamble());
    out.push_str("\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n");
    for section in &sections {
        let declarations = section.declarations(&sections, &style)?;
        let _ = write!(out, "\n{}\n{declarations}\n", section.guide());
    }
    out.push_str("\n#ifdef __cplusplus\n} /* extern \"C\" */\n#endif\n\n#endif /* GREENHUB_H */\n");
    Ok(out)
}

/// The comment at the top, with the list of sections, and the include guard.
fn opening(sections: &[Section]) -> String {
    let text = include_str!("src/ffi/header.txt").trim_end();
    let mut out = text.strip_suffix(" */").expect("a comment").to_owned();
    out.push_str(" *\n * Sections, each with a guide at its head:\n");
    for section in sections {
        let _ = writeln!(out, " *     ==== {:<10}{}", section.name, section.title());
    }
    out.push_str(" */\n\n#ifndef GREENHUB_H\n#define GREENHUB_H\n\n");
    out
}

/// What comes from tables, not from `src/ffi`: includes, versions, error codes, GH_NEVER.
fn preamble() -> String {
    let part = |name: &str| env::var(format!("CARGO_PKG_VERSION_{name}")).expect("cargo sets it");
    let text = |literal: &'static std::ffi::CStr| literal.to_str().expect("the table is ASCII");
    let (major, minor, patch) = (part("MAJOR"), part("MINOR"), part("PATCH"));
    let mut out = String::new();
    for header in ["poll", "stddef", "stdint", "sys/socket", "sys/types", "sys/uio"] {
        let _ = writeln!(out, "#include <{header}.h>");
    }
    // A pointer to it is enough, so that the header does not demand _GNU_SOURCE of everybody.
    out.push_str(
        "
/* Defined by <sys/socket.h> for those who have _GNU_SOURCE defined before the first include. */
struct mmsghdr;
",
    );
    let _ = write!(
        out,
        "
/* <netdb.h> defines it, but not under every standard. */
struct addrinfo;

/* Version of this header. gh_version() tells that of the library. */
#define GH_VERSION_MAJOR {major}
#define GH_VERSION_MINOR {minor}
#define GH_VERSION_PATCH {patch}
#define GH_VERSION_NUM ((GH_VERSION_MAJOR << 16) | (GH_VERSION_MINOR << 8) | GH_VERSION_PATCH)
#define GH_VERSION_STRING \"{major}.{minor}.{patch}\"

/* Version of the binary interface: the number in the soname. */
#define GH_ABI_VERSION {ABI_VERSION}

/* A deadline that never comes. */
#define GH_NEVER INT64_MAX

/* Results of our own. Every other negative result is an errno with its sign turned. */
enum gh_error {{
"
    );
    for (at, own) in codes::OWN.iter().enumerate() {
        let comma = if at + 1 == codes::OWN.len() { "" } else { "," };
        let _ = writeln!(out, "    /** {}. */", text(own.text));
        let _ = writeln!(out, "    {} = {}{comma}", text(own.name), own.number);
    }
    out.push_str("};\n");
    out
}
