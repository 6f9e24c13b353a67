//! Gives back the pages that green threads of a language runtime's have used, and do not use while they wait.
//!
//! An interpreter's calls are deep. A thread that has parsed a document stands on one page again when it waits for the
//! next, but the pages below have become resident, and with thousands of threads they are most of the memory. So
//! when the hub has nothing to do, it looks at who is parked, and again after a pause; who has not run in between is
//! trimmed, once, until it runs again. One that waits for less keeps its pages, which cost a fault each to get back.

use super::{runtime, Hub};
use crate::clock::Nanos;
use crate::thread::State;
use std::cell::Cell;

/// Between two looks.
const PAUSE: Nanos = 250_000_000;
/// How many blocks are looked at before the hub asks again whether it has something to do: at most some tenths of a
/// millisecond.
const STEP: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Trim {
    /// When the next look may begin.
    due: Cell<Nanos>,
    /// The slot where the look under way goes on; 0 for none.
    at: Cell<usize>,
    /// Somebody has been seen parked for the first time, and is to be seen again.
    again: Cell<bool>,
}

impl Hub {
    /// The hub is about to wait so long, -1 for ever: how long it may, after a part of a look.
    pub(super) fn trim(&self, timeout: Nanos) -> Nanos {
        let trim = &self.trim;
        if timeout == 0 || !runtime::is_there() {
            return timeout;
        }
        if trim.at.get() != 0 || self.now.get() >= trim.due.get() {
            if self.look_at_some() {
                return 0;
            }
            trim.due.set(self.now.get().saturating_add(PAUSE));
        }
        if !trim.again.get() {
            return timeout;
        }
        let left = (trim.due.get() - self.now.get()).max(1);
        if timeout < 0 {
            left
        } else {
            timeout.min(left)
        }
    }

    /// True if there are more to look at.
    fn look_at_some(&self) -> bool {
        let trim = &self.trim;
        let from = trim.at.get();
        let mut again = from != 0 && trim.again.get();
        let next = self.threads.for_some(from, STEP, |thread| {
            if thread.state.get() != State::Parked || !runtime::is_hosted(thread) {
                return;
            }
            match thread.coroutine.looks() {
                0 => again = true,
                // SAFETY: parked, and only this OS thread resumes it.
                1 => unsafe { thread.coroutine.trim() },
                _ => return,
            }
            thread.coroutine.count_look();
        });
        trim.again.set(again);
        trim.at.set(next);
        next != 0
    }
}
