//! What is told of a stretch: to the host's callback, or on standard error.

use super::question::{Answer, Outcome};
use super::stretch::Suspect;
use crate::clock::Nanos;
use crate::error::Error;
use crate::hub::{self, Beat, Place};
use crate::sys::{fd, symbol};
use std::fmt::Write as _;

#[derive(Debug)]
pub(crate) struct Report<'a> {
    pub(crate) hub: usize,
    /// 0 for a callback of the hub.
    pub(crate) thread: u64,
    pub(crate) name: &'a [u8],
    pub(crate) kept: Nanos,
    pub(crate) os_thread: i32,
    /// Why there are no frames.
    pub(crate) silent: Option<Error>,
    /// Innermost first; all but the first are addresses to return to.
    pub(crate) frames: &'a [usize],
    /// Which stretch it is.
    pub(crate) beat: Beat,
    /// By which state a language runtime knew the OS thread; 0 for none.
    pub(crate) state: usize,
}

impl<'a> Report<'a> {
    pub(super) fn new(suspect: &Suspect, outcome: &'a Outcome) -> Report<'a> {
        let sighting = &suspect.sighting;
        let report = Report {
            hub: sighting.hub,
            thread: 0,
            name: b"",
            kept: suspect.kept,
            os_thread: sighting.os_thread,
            silent: None,
            frames: &[],
            beat: sighting.beat,
            state: 0,
        };
        match outcome {
            Outcome::Answered(answer) => Report {
                thread: answer.thread(),
                name: answer.name(),
                frames: Answer::frames(answer),
                state: answer.state(),
                ..report
            },
            Outcome::Over => report,
            // Names are for the OS thread alone to read.
            &Outcome::Silent(error) => {
                let silent = Some(error);
                match sighting.beat.place() {
                    Place::Callback => Report { name: b"callback", silent, ..report },
                    Place::Root => Report { name: b"root", silent, ..report },
                    _ => {
                        let thread = hub::thread_of(sighting.hub, sighting.beat).unwrap_or(0);
                        Report { thread, silent, ..report }
                    }
                }
            }
        }
    }

    fn subject(&self) -> String {
        match (self.thread, self.name) {
            (0, b"callback") => "a callback of the hub".to_owned(),
            (0, b"") => "somebody".to_owned(),
            (0, name) => format!("the {}", name.escape_ascii()),
            (id, []) => format!("green thread {id}"),
            (id, name) => format!("green thread {id} \"{}\"", name.escape_ascii()),
        }
    }
}

const PREFIX: &str = "libgreenhub: watchdog:";

/// Writes a report to standard error: who and how long first, since what the loader is asked for the lines
/// behind it may have to wait, for a module's constructor that is itself what takes so long.
pub(crate) fn print(report: &Report<'_>) {
    let (os_thread, kept) = (report.os_thread, report.kept / 1_000_000);
    let mut text = format!(
        "{PREFIX} {} keeps OS thread {os_thread} of hub {:#x} for {kept} ms now\n",
        report.subject(),
        report.hub,
    );
    if let Some(error) = report.silent {
        let why = match error {
            Error::EBUSY => "it holds the watchdog's signal back",
            _ => "it does not take the watchdog's signal",
        };
        let _ = writeln!(text, "{PREFIX} OS thread {os_thread}: no backtrace, {why}");
    }
    let _ = fd::write_all(2, text.as_bytes());
    if report.frames.is_empty() {
        return;
    }
    text.clear();
    for line in describe(report.frames).lines() {
        let _ = writeln!(text, "{PREFIX} OS thread {os_thread}: {line}");
    }
    let _ = fd::write_all(2, text.as_bytes());
}

/// Writes one more line of this kind to standard error.
pub(crate) fn print_line(line: &str) {
    let _ = fd::write_all(2, format!("{PREFIX} {line}\n").as_bytes());
}

/// A line for each frame.
pub(crate) fn describe(frames: &[usize]) -> String {
    let mut text = String::new();
    for (at, &address) in frames.iter().enumerate() {
        // The call itself, where the address is that of the instruction behind it.
        let called = if at == 0 { address } else { address.saturating_sub(1) };
        let _ = write!(text, "#{at} {called:#x}");
        // SAFETY: code that is on somebody's stack, and not unloaded while it is.
        if let Some(symbol) = unsafe { symbol::find(called) } {
            let _ = write!(text, " {}+{:#x}", symbol.module.display(), symbol.offset);
            if let Some((name, offset)) = symbol.function {
                let _ = write!(text, " {name}+{offset:#x}");
            }
        }
        text.push('\n');
    }
    text
}
