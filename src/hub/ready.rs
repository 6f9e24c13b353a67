//! The ring of threads that can run: first in, first out.

use crate::thread::Thread;
use std::cell::RefCell;
use std::collections::VecDeque;

/// How many places ahead the control block of a thread begins to load, and then, found through it, the
/// top of its stack. With some hundred threads neither is in the nearest cache any more, and a switch
/// would wait for one after the other.
const BLOCKS_AHEAD: usize = 2;
const STACKS_AHEAD: usize = 0;

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
        // SAFETY: a ready thread has not ended, so that its block is in the slab.
        unsafe {
            if let Some(later) = ring.get(BLOCKS_AHEAD) {
                (**later).prefetch();
            }
            if let Some(next) = ring.get(STACKS_AHEAD) {
                (**next).coroutine.prefetch();
            }
        }
        thread
    }
}
