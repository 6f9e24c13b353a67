//! The blocking mode of descriptors, as far as it is known: a wait need not ask the kernel for it each time.
//!
//! Only of what some hub has registered, since of that everybody tells who closes it; not of what another process
//! may have too, nor of what has another number, by which the mode of the one open file is changed as well.

use super::descriptors::{known_word, word, FOREIGN, OWNER_MASK};
use crate::error::Result;
use std::ffi::c_int;
use std::sync::atomic::Ordering;

/// Was seen in blocking mode, and nobody has changed that since who would be seen.
const BLOCKING: u64 = 1 << 19;
/// Its open file has, or had, another number.
const TWIN: u64 = 1 << 20;
/// What may be noted in a number's word at any moment.
pub(super) const NOTES: u64 = BLOCKING | TWIN;

/// Whether a descriptor is in blocking mode, asked of the kernel only if it is not known. For who tells of every
/// change of a mode in this process.
#[inline(always)]
pub(crate) fn is_blocking(fd: c_int, ask: impl FnOnce() -> Result<bool>) -> Result<bool> {
    let Some(word) = known_word(fd) else { return ask() };
    let known = word.load(Ordering::Acquire);
    if known & (FOREIGN | NOTES) == BLOCKING {
        return Ok(true);
    }
    if known & OWNER_MASK == 0 || known & (FOREIGN | TWIN) != 0 {
        return ask();
    }
    // First the note, then the question: who changes the mode in between takes the note away again.
    word.fetch_or(BLOCKING, Ordering::SeqCst);
    let is_blocking = ask();
    if is_blocking != Ok(true) {
        word.fetch_and(!BLOCKING, Ordering::SeqCst);
    }
    is_blocking
}

/// Takes note that somebody has changed a descriptor's mode. Safe in a signal handler.
pub(crate) fn mode_has_changed(fd: c_int) {
    if let Some(word) = known_word(fd) {
        word.fetch_and(!BLOCKING, Ordering::SeqCst);
    }
}

/// Takes note that a descriptor has two numbers.
pub(crate) fn note_twins(fds: [c_int; 2]) {
    for word in fds.into_iter().filter_map(word) {
        word.fetch_or(TWIN, Ordering::SeqCst);
    }
}
