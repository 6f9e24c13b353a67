//! The last words of a green thread whose stack is full.
//!
//! The guard turns the overflow into a fault; the handler, on a stack of its own, says whose it was;
//! then the process dies as it would have died anyway.

use super::Stack;
use crate::sys::{fault, fd};

/// Who runs on the calling OS thread, asked inside the signal handler.
pub(crate) struct Culprit<'a> {
    pub(crate) id: u64,
    pub(crate) name: &'a [u8],
    pub(crate) stack: Stack,
}

static mut CURRENT: Option<fn() -> Option<Culprit<'static>>> = None;

/// Installs the handler. `current` must be async-signal-safe.
pub(crate) fn install(current: fn() -> Option<Culprit<'static>>) {
    // SAFETY: every caller passes the same function, a word, before `fault::install` lets the handler
    // that reads it exist.
    unsafe { CURRENT = Some(current) };
    fault::install(report);
}

/// Async-signal-safe: formats into an array and writes it.
fn report(address: usize) {
    // SAFETY: written before the handler was installed.
    let Some(current) = (unsafe { CURRENT }) else { return };
    let Some(culprit) = current() else { return };
    if !culprit.stack.guards(address) {
        return;
    }
    let mut line = Line { bytes: [0; 256], length: 0 };
    line.text(b"libgreenhub: stack overflow in green thread ");
    line.number(culprit.id);
    if !culprit.name.is_empty() {
        line.text(b" \"");
        line.text(culprit.name);
        line.text(b"\"");
    }
    line.text(b": its stack of ");
    line.number(culprit.stack.size() as u64);
    line.text(b" bytes is full (gh_spawn_options.stack_size sets it)\n");
    let _ = fd::write_all(2, &line.bytes[..line.length]);
}

/// A line built without allocating.
struct Line {
    bytes: [u8; 256],
    length: usize,
}

impl Line {
    fn text(&mut self, text: &[u8]) {
        for byte in text {
            if let Some(place) = self.bytes.get_mut(self.length) {
                *place = *byte;
                self.length += 1;
            }
        }
    }

    fn number(&mut self, number: u64) {
        let mut digits = [0u8; 20];
        let mut at = digits.len();
        let mut left = number;
        loop {
            at -= 1;
            digits[at] = b'0' + (left % 10) as u8;
            left /= 10;
            if left == 0 {
                break;
            }
        }
        self.text(&digits[at..]);
    }
}
