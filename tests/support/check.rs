//! Runs a program plainly, or built for AddressSanitizer, or under valgrind, or for another machine in an
//! emulator.

use std::path::Path;
use std::process::Command;

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Check {
    Plain,
    Asan,
    Valgrind,
    /// For aarch64, under qemu's user-mode emulation.
    Aarch64,
}

impl Check {
    pub fn from_environment() -> Check {
        match std::env::var("GREENHUB_CHECK").as_deref() {
            Ok("asan") => Check::Asan,
            Ok("valgrind") => Check::Valgrind,
            Ok("aarch64") => Check::Aarch64,
            Ok(other) => panic!("GREENHUB_CHECK={other}: asan, valgrind or aarch64"),
            Err(_) => Check::Plain,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Check::Plain => "plain",
            Check::Asan => "asan",
            Check::Valgrind => "valgrind",
            Check::Aarch64 => "aarch64",
        }
    }

    pub fn compiler_flags(self) -> &'static [&'static str] {
        match self {
            // gcc(1) says of -fsanitize: its instrumentation confuses other warnings, as it does this one
            // about a std::optional that holds nothing.
            Check::Asan => {
                &["-fsanitize=address", "-fno-omit-frame-pointer", "-Wno-maybe-uninitialized"]
            }
            Check::Plain | Check::Valgrind | Check::Aarch64 => &[],
        }
    }

    /// How many times as long a program may take.
    pub fn slowness(self) -> u32 {
        match self {
            Check::Plain => 1,
            Check::Asan => 3,
            Check::Valgrind | Check::Aarch64 => 6,
        }
    }

    /// The program, its tool around it; reports go to `log`.
    pub fn command(self, program: &Path, log: &Path) -> Command {
        match self {
            Check::Plain => Command::new(program),
            Check::Asan => {
                let mut command = Command::new(program);
                let options = format!(
                    "exitcode=99:detect_leaks=1:detect_stack_use_after_return=1:log_path={}",
                    log.display()
                );
                command.env("ASAN_OPTIONS", options);
                command
            }
            Check::Valgrind => {
                let mut command = Command::new("valgrind");
                command
                    .args(["--quiet", "--error-exitcode=99", "--leak-check=full"])
                    .arg(format!(
                        "--suppressions={}",
                        super::root().join("tests/support/valgrind.supp").display()
                    ))
                    .arg(format!("--log-file={}", log.display()))
                    .arg(program);
                command
            }
            Check::Aarch64 => {
                let mut command = Command::new("qemu-aarch64");
                command.args(["-L", "/usr/aarch64-linux-gnu"]).arg(program);
                command
            }
        }
    }
}

/// A tool may print what it does not count as an error, such as a stack that
/// it was not told of. AddressSanitizer adds the process number to the name.
pub fn no_report(log: &Path) -> Result<(), String> {
    let folder = log.parent().expect("a folder");
    let start = log.file_name().expect("a name").to_string_lossy().into_owned();
    let mut found = String::new();
    for entry in std::fs::read_dir(folder).expect("the folder of the log").flatten() {
        if entry.file_name().to_string_lossy().starts_with(&start) {
            found += &std::fs::read_to_string(entry.path()).unwrap_or_default();
        }
    }
    if found.trim().is_empty() {
        Ok(())
    } else {
        Err(format!("the tool reported:\n{found}"))
    }
}
