//! The ring of threads that can run: first in, first out.

use crate::sys::prefetch;
use crate::thread::Thread;
use std::cell::RefCell;
use std::collections::VecDeque;

/// How many places ahead the control block begins to load. At a few thousand threads the next one is
/// never in the nearest cache; one place is too late, many evict each other.
const AHEAD: usize = 3;

#[derive(Debug)]
pub(super) struct Ready {
    ring: RefCell<VecDeque<*const Thread>>,
}

impl Ready {
    pub(super) fn new() -> Ready {
        Ready { ring: RefCell::new(VecDeque::new()) }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.ring.borrow().is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.ring.borrow().len()
    }

    /// Makes room for `threads` in all, so that `push` never allocates.
    pub(super) fn reserve(&self, threads: usize) {
        let mut ring = self.ring.borrow_mut();
        if ring.capacity() < threads {
            let more = threads.next_power_of_two().max(64) - ring.len();
            ring.reserve(more);
        }
    }

    #[inline]
    pub(super) fn push(&self, thread: &Thread) {
        self.ring.borrow_mut().push_back(thread);
    }

    #[inline]
    pub(super) fn pop(&self) -> Option<*const Thread> {
        let mut ring = self.ring.borrow_mut();
        let thread = ring.pop_front();
        if let Some(later) = ring.get(AHEAD) {
            prefetch::read(*later);
        }
        thread
    }
}
