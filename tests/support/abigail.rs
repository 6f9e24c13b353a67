//! libabigail: the binary interface that a header declares, or a library has, as
//! XML.

use super::compile::compile;
use super::header::Header;
use super::{installed, skip};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Whether this machine can compare, and the baseline is one of its kind.
pub fn able() -> bool {
    let missing = if !(installed("abidw") && installed("abidiff")) {
        "not installed (Debian's abigail-tools)"
    } else if !cfg!(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64")) {
        "the baseline is that of x86-64 and glibc"
    } else {
        return true;
    };
    skip("abidiff", missing);
    false
}

/// A definition for each function of the header. Codes are the type of no
/// parameter, so that a variable has to carry each enum.
fn stub(header: &str) -> String {
    let header = Header::parse(header);
    assert!(header.unknown.is_empty(), "not understood: {:?}", header.unknown);
    let mut text = "#include \"greenhub.h\"\n".to_string();
    for function in &header.functions {
        text += &format!("{} {{ __builtin_trap(); }}\n", function.declaration);
    }
    for tag in &header.enums {
        text += &format!("enum {tag} values_of_{tag};\n");
    }
    text
}

/// The ABI that a header declares, as XML that does not depend on this machine's
/// folders.
pub fn represent(header: &str, folder: &Path) -> PathBuf {
    fs::write(folder.join("greenhub.h"), header).expect("a header");
    fs::write(folder.join("greenhub.c"), stub(header)).expect("a source");
    let mut gcc = Command::new("gcc");
    gcc.args(["-std=gnu99", "-g", "-O0", "-shared", "-fPIC", "-nostdlib", "-I."])
        .args(["-Wl,-soname,libgreenhub.so.0", "-o", "libgreenhub.so", "greenhub.c"])
        .current_dir(folder);
    compile(&mut gcc).unwrap_or_else(|said| panic!("{said}"));
    let out = folder.join("abi.xml");
    describe(&folder.join("libgreenhub.so"), &out);
    out
}

/// What a library's debug information says, without the names of folders.
pub fn describe(library: &Path, out: &Path) {
    let mut abidw = Command::new("abidw");
    abidw
        .args(["--no-corpus-path", "--no-comp-dir-path", "--no-show-locs", "--no-elf-needed"])
        .args(["--type-id-style", "hash", "--out-file"])
        .arg(out)
        .arg(library);
    compile(&mut abidw).unwrap_or_else(|said| panic!("{said}"));
}
