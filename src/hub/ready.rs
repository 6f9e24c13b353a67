//! The ring of threads that can run: first in, first out.

use crate::thread::Thread;
use std::cell::{Cell, RefCell};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// How many places ahead the control block of a thread begins to load, and then, found through it, the
/// top of its stack. With some hundred threads neither is in the nearest cache any more, and a switch
/// would wait for one after the other.
const BLOCKS_AHEAD: usize = 2;
const STACKS_AHEAD: usize = 0;

const SMALLEST: usize = 64;

/// Two counters that only grow, and as many slots as a power of two: what a switch does here is a few
/// instructions. No thread stands in the ring twice, so that one slot for each is enough.
#[derive(Debug)]
pub(super) struct Ready {
    /// The place of the oldest thread, and of the next one to come. Other OS threads may ask whether the
    /// ring is empty; only the hub's own writes.
    head: AtomicUsize,
    tail: AtomicUsize,
    /// `mask + 1` slots, in `owned`.
    slots: Cell<*const Cell<*const Thread>>,
    mask: Cell<usize>,
    owned: RefCell<Box<[Cell<*const Thread>]>>,
}

impl Ready {
    pub(super) fn new() -> Ready {
        let ready = Ready {
            head: AtomicUsize::new(0),
            tail: AtomicUsize::new(0),
            slots: Cell::new(ptr::null()),
            mask: Cell::new(0),
            owned: RefCell::new(Box::default()),
        };
        ready.reserve(SMALLEST);
        ready
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.head.load(Relaxed) == self.tail.load(Relaxed)
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.tail.load(Relaxed).wrapping_sub(self.head.load(Relaxed))
    }

    /// Forgets every thread in it.
    pub(super) fn clear(&self) {
        self.head.store(self.tail.load(Relaxed), Relaxed);
    }

    #[inline]
    fn slot(&self, place: usize) -> &Cell<*const Thread> {
        // SAFETY: there are `mask + 1` slots, which `self` owns; `reserve`, which alone replaces them,
        // runs no code in which the answer of this function could be held.
        unsafe { &*self.slots.get().add(place & self.mask.get()) }
    }

    /// Makes room for `threads` in all, so that `push` never allocates.
    pub(super) fn reserve(&self, threads: usize) {
        if self.mask.get() + 1 < threads {
            self.grow(threads.next_power_of_two());
        }
    }

    #[cold]
    fn grow(&self, size: usize) {
        let larger: Box<[_]> = (0..size).map(|_| Cell::new(ptr::null())).collect();
        let (head, length) = (self.head.load(Relaxed), self.len());
        for (at, slot) in larger.iter().enumerate().take(length) {
            slot.set(self.slot(head.wrapping_add(at)).get());
        }
        self.head.store(0, Relaxed);
        self.tail.store(length, Relaxed);
        self.slots.set(larger.as_ptr());
        self.mask.set(size - 1);
        self.owned.replace(larger);
    }

    /// Room was made by `reserve` before there were so many threads.
    #[inline]
    pub(super) fn push(&self, thread: &Thread) {
        debug_assert!(self.len() <= self.mask.get());
        let tail = self.tail.load(Relaxed);
        self.slot(tail).set(thread);
        self.tail.store(tail.wrapping_add(1), Relaxed);
    }

    #[inline]
    pub(super) fn pop(&self) -> Option<*const Thread> {
        // Each once: the compiler may not keep what it has loaded.
        let (head, tail) = (self.head.load(Relaxed), self.tail.load(Relaxed));
        if head == tail {
            return None;
        }
        let thread = self.slot(head).get();
        let head = head.wrapping_add(1);
        self.head.store(head, Relaxed);
        let left = tail.wrapping_sub(head);
        // SAFETY: a ready thread has not ended, so that its block is in the slab.
        unsafe {
            if left > BLOCKS_AHEAD {
                (*self.slot(head.wrapping_add(BLOCKS_AHEAD)).get()).prefetch();
            }
            if left > STACKS_AHEAD {
                (*self.slot(head.wrapping_add(STACKS_AHEAD)).get()).coroutine.prefetch();
            }
        }
        Some(thread)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slab::Id;

    #[test]
    fn keeps_the_order_when_it_grows_while_it_is_wrapped_around() {
        let threads: Vec<Thread> = (0..300).map(|id| Thread::root(Id(id))).collect();
        let ready = Ready::new();
        for thread in &threads[..40] {
            ready.push(thread);
        }
        for thread in &threads[..40] {
            assert_eq!(ready.pop(), Some(thread as *const Thread));
        }
        for thread in &threads[..SMALLEST] {
            ready.push(thread);
        }
        ready.reserve(300);
        for thread in &threads[SMALLEST..] {
            ready.push(thread);
        }
        assert_eq!(ready.len(), 300);
        for thread in &threads {
            assert_eq!(ready.pop(), Some(thread as *const Thread));
        }
        assert!(ready.is_empty() && ready.pop().is_none());
    }
}
