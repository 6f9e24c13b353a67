//! Large mappings, cut into slots of one size from the low end.

use crate::error::Result;
use crate::sys::memory;

/// A mapping never holds more than this, so that a failure late in a program's life asks for little.
const MAX_LENGTH: usize = 64 << 20;
/// The first mapping of a size holds this many slots; each later one twice as many as the one before.
const FIRST_SLOTS: usize = 16;

/// The mappings behind the stacks of one size.
#[derive(Debug)]
pub(super) struct Regions {
    slot: usize,
    mapped: Vec<(usize, usize)>,
    next: usize,
    end: usize,
}

impl Regions {
    pub(super) fn new(slot: usize) -> Regions {
        Regions { slot, mapped: Vec::new(), next: 0, end: 0 }
    }

    /// The low address of a slot never used before.
    pub(super) fn cut(&mut self) -> Result<usize> {
        if self.next == self.end {
            let slots = FIRST_SLOTS << self.mapped.len().min(24);
            let length = slots.saturating_mul(self.slot).min(MAX_LENGTH).max(self.slot);
            let low = memory::map(length)?;
            self.mapped.push((low, length));
            (self.next, self.end) = (low, low + length);
        }
        let low = self.next;
        self.next += self.slot;
        Ok(low)
    }

    /// Takes back the slot that `cut` gave last.
    pub(super) fn uncut(&mut self) {
        self.next -= self.slot;
    }
}

impl Drop for Regions {
    fn drop(&mut self) {
        for &(low, length) in &self.mapped {
            // SAFETY: mapped by `cut`; the pool drops its regions only when no stack is in use.
            unsafe { memory::unmap(low, length) };
        }
    }
}
