//! What makes the end of a stack fault.

use crate::error::{Error, Result};
use crate::sys::memory;
use std::cell::Cell;

/// The ways to guard, by the numbers of the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Guard {
    /// `MADV_GUARD_INSTALL` where the kernel has it (6.13), `mprotect` elsewhere.
    Auto = 0,
    /// `MADV_GUARD_INSTALL`: 320 ns, and no mapping of its own.
    Madvise = 1,
    /// `mprotect`: 1277 ns, and two mappings a stack, so that about 32,000 fit below the default
    /// `vm.max_map_count`.
    Mprotect = 2,
}

impl Guard {
    pub(crate) fn from_number(number: u32) -> Result<Guard> {
        match number {
            0 => Ok(Guard::Auto),
            1 => Ok(Guard::Madvise),
            2 => Ok(Guard::Mprotect),
            _ => Err(Error::EINVAL),
        }
    }
}

/// Bytes of guard for a slot: an eighth, between one page and four. A frame larger than the guard
/// could step over it into the neighbour, and with `madvise` more guard costs nothing.
pub(super) fn length(slot: usize) -> usize {
    let page = memory::page_size();
    (slot / 8 / page * page).clamp(page, 4 * page)
}

/// Guards slots by the method that works here, found out on the first one.
#[derive(Debug)]
pub(super) struct Guarding {
    method: Cell<Guard>,
}

impl Guarding {
    pub(super) fn new(wish: Guard) -> Guarding {
        Guarding { method: Cell::new(wish) }
    }

    /// The method in use; `Auto` until the first stack was cut.
    pub(super) fn method(&self) -> Guard {
        self.method.get()
    }

    /// Guards the low end of a slot.
    ///
    /// # Safety
    /// `[low, low + slot)` is mapped and nobody uses it.
    pub(super) unsafe fn install(&self, low: usize, slot: usize) -> Result<()> {
        let length = length(slot);
        // SAFETY: the guard is the low part of the slot that the caller vouches for.
        unsafe {
            match self.method.get() {
                Guard::Madvise => match memory::guard_by_madvise(low, length) {
                    // What an older kernel says of advice that it does not know.
                    Err(Error::EINVAL) => Err(Error::ENOTSUP),
                    other => other,
                },
                Guard::Mprotect => memory::guard_by_mprotect(low, length),
                Guard::Auto => {
                    if memory::guard_by_madvise(low, length).is_ok() {
                        self.method.set(Guard::Madvise);
                        return Ok(());
                    }
                    memory::guard_by_mprotect(low, length)?;
                    self.method.set(Guard::Mprotect);
                    Ok(())
                }
            }
        }
    }
}
