//! Compiles the thread-local shim, sets the soname, and holds include/greenhub.h against the source.

use std::fmt::Write as _;
use std::path::Path;
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
    let wanted = generate(Path::new(&root));
    let path = Path::new(&root).join(HEADER);
    if fs::read(&path).is_ok_and(|found| found == wanted) {
        return;
    }
    if env::var_os("GREENHUB_UPDATE_HEADER").is_some_and(|value| value == "1") {
        fs::create_dir_all(path.parent().expect("a folder")).expect("include/ can be made");
        fs::write(&path, wanted).expect("the header can be written");
    } else {
        println!("cargo::error={HEADER} is stale: run `GREENHUB_UPDATE_HEADER=1 cargo check`");
    }
}

fn generate(root: &Path) -> Vec<u8> {
    let mut config =
        cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml parses");
    config.header = Some(include_str!("src/ffi/header.txt").trim_end().to_owned());
    config.after_includes = Some(preamble());
    let mut builder = cbindgen::Builder::new().with_config(config);
    for section in SECTIONS {
        builder = builder.with_src(root.join("src/ffi").join(format!("{section}.rs")));
    }
    let mut out = Vec::new();
    builder.generate().expect("src/ffi parses").write(&mut out);
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
