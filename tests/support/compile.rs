//! Compiles C and C++ against include/greenhub.h.

use super::check::Check;
use super::library::library;
use std::path::{Path, PathBuf};
use std::process::Command;

pub const STRICT: &[&str] = &["-Wall", "-Wextra", "-Wpedantic", "-Werror"];

/// Runs a compiler; what it printed is the error.
pub fn compile(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?}\n{said}"))
}

fn is_cxx(source: &Path) -> bool {
    source.extension().is_some_and(|extension| extension == "cpp")
}

/// The compiler and the strict flags for a file, its include path set.
pub fn strict(source: &Path) -> Command {
    let (compiler, standard) =
        if is_cxx(source) { ("g++", "-std=c++17") } else { ("gcc", "-std=gnu99") };
    let machine = match Check::from_environment() {
        Check::Aarch64 => "aarch64-linux-gnu-",
        Check::Plain | Check::Asan | Check::Valgrind => "",
    };
    let mut command = Command::new(format!("{machine}{compiler}"));
    command.arg(standard).args(STRICT).arg("-I").arg(super::root().join("include"));
    command
}

/// Builds one program from one source file against the shared library.
pub fn program(source: &Path, out_dir: &Path, flags: &[String]) -> Result<PathBuf, String> {
    let library = library();
    let out = out_dir.join(super::stem(source));
    let mut command = strict(source);
    command
        .args(["-g", "-O1", "-pthread"])
        .arg("-o")
        .arg(&out)
        .arg(source)
        .args(flags)
        .arg("-L")
        .arg(&library.link_dir)
        .arg("-lgreenhub")
        .arg(format!("-Wl,-rpath,{}", library.link_dir.display()));
    compile(&mut command)?;
    Ok(out)
}
