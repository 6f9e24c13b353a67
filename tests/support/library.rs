//! Finds, or builds, the library that C programs are linked with.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The release library, as its users get it.
#[derive(Debug)]
pub struct Library {
    /// Where `libgreenhub.so`, `.a` and `.rlib` are.
    pub dir: PathBuf,
    /// A folder with the links that the linker and the loader look for; cargo
    /// makes the file but not its soname.
    pub link_dir: PathBuf,
}

impl Library {
    pub fn shared(&self) -> PathBuf {
        self.dir.join("libgreenhub.so")
    }
}

pub fn target_dir() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder")
}

pub fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

fn build() -> PathBuf {
    let output = cargo()
        .args(["build", "--release", "--lib", "--target-dir"])
        .arg(target_dir())
        .current_dir(super::root())
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "cargo build --release failed:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    target_dir().join("release")
}

/// `GREENHUB_LIBRARY_DIR` names a library built in another way, for example
/// for AddressSanitizer.
pub fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let dir = match std::env::var_os("GREENHUB_LIBRARY_DIR") {
            Some(dir) => super::root().join(dir),
            None => build(),
        };
        let link_dir = super::scratch("lib");
        let shared = dir.join("libgreenhub.so");
        assert!(shared.is_file(), "{} is missing", shared.display());
        for name in ["libgreenhub.so", "libgreenhub.so.0"] {
            std::os::unix::fs::symlink(&shared, link_dir.join(name)).expect("a symbolic link");
        }
        Library { dir, link_dir }
    })
}
