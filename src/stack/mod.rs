//! Guarded stacks for green threads.
//!
//! Stacks are cut from large mappings, guarded at their low end, and reused last in, first out, so
//! that the next thread finds warm pages. Only what a thread touches is resident.

mod guard;
pub(crate) mod overflow;
mod pool;
mod region;

pub(crate) use guard::Guard;
pub(crate) use pool::Pool;

use crate::error::{Error, Result};
use corosensei::stack::StackPointer;
use std::num::NonZeroUsize;

/// The least a stack may be asked for: a guard, and room for a system library's idea of a small
/// buffer.
pub(crate) const MIN_SIZE: usize = 16 * 1024;
/// The most: a gigabyte of address space for one thread is a mistake in the caller's units.
pub(crate) const MAX_SIZE: usize = 1 << 30;
/// What a hub uses unless told otherwise. Resident is only what is touched.
pub(crate) const DEFAULT_SIZE: usize = 256 * 1024;

/// One stack: the slot `[low, low + size)`, its guard at the low end, and at the high end what its thread has it
/// leave free.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stack {
    low: NonZeroUsize,
    size: u32,
    room: u32,
}

/// Stacks begin at one of this many different offsets, a cache line apart. Without, the hot lines of
/// every thread fall into the same few sets of the cache, and a switch among a thousand threads costs
/// half as much again.
const COLOURS: usize = 16;
const CACHE_LINE: usize = 64;

impl Stack {
    /// Where the thread's frames begin, growing down.
    fn top(&self) -> NonZeroUsize {
        let colour = (self.low.get() / self.size()) % COLOURS;
        // The slot is far larger than all colours together: never zero.
        let free = colour * CACHE_LINE + self.room as usize;
        NonZeroUsize::MIN.saturating_add(self.low.get() + self.size() - free - 1)
    }

    /// The lowest byte that a frame may use.
    fn limit(&self) -> NonZeroUsize {
        self.low.saturating_add(guard::length(self.size()))
    }

    /// Whether an address lies where a thread that ran out of this stack would touch.
    pub(crate) fn guards(&self, address: usize) -> bool {
        (self.low.get()..self.limit().get()).contains(&address)
    }

    /// Whether an address lies where a thread's frames may.
    pub(crate) fn holds(&self, address: usize) -> bool {
        (self.limit().get()..=self.top().get()).contains(&address)
    }

    /// What a thread's frames may use: the lowest byte, and the first that is beyond.
    pub(crate) fn bounds(&self) -> (usize, usize) {
        (self.limit().get(), self.top().get())
    }

    /// Bytes of address space, the guard included.
    pub(crate) fn size(&self) -> usize {
        self.size as usize
    }

    fn new(low: NonZeroUsize, size: usize) -> Stack {
        // No slot is larger than MAX_SIZE.
        Stack { low, size: size as u32, room: 0 }
    }

    /// The same stack, with so many bytes above its frames left free, whole cache lines of them and far less than
    /// there are.
    pub(crate) fn with_room(self, bytes: u32) -> Stack {
        debug_assert!(bytes % CACHE_LINE as u32 == 0 && bytes < self.size / 4);
        Stack { room: bytes, ..self }
    }
}

// SAFETY: `[limit, base)` is mapped readable and writable for as long as the pool that cut the stack
// lives; the page below `limit` is guarded; base is a multiple of 16, being a page's end less whole
// cache lines.
unsafe impl corosensei::stack::Stack for Stack {
    #[inline]
    fn base(&self) -> StackPointer {
        self.top()
    }

    #[inline]
    fn limit(&self) -> StackPointer {
        Stack::limit(self)
    }
}

/// The slot size for a wish: a power of two, so that few sizes share the idle stacks.
pub(crate) fn slot_size(wish: usize) -> Result<usize> {
    if !(MIN_SIZE..=MAX_SIZE).contains(&wish) {
        return Err(Error::EINVAL);
    }
    Ok(wish.next_power_of_two())
}
