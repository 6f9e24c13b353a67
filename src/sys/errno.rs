//! errno: saved and restored around every call, so that no gh_ call ever changes it.

use std::ffi::c_int;

/// Where this OS thread keeps its errno. The address never changes while the thread lives, which is
/// what allows a hub to remember it and a switch to skip the call.
#[inline]
pub(crate) fn address() -> *mut c_int {
    // SAFETY: has no preconditions.
    unsafe { libc::__errno_location() }
}

/// The errno of the last failed call on this OS thread.
#[inline]
pub(crate) fn last() -> c_int {
    // SAFETY: the address is valid for this thread, and only this thread writes there.
    unsafe { *address() }
}

/// Puts errno back as it was when this value was made, on every way out, unwinding included.
#[derive(Debug)]
pub(crate) struct Kept {
    address: *mut c_int,
    value: c_int,
}

impl Kept {
    #[inline]
    pub(crate) fn new() -> Kept {
        // SAFETY: the address is this OS thread's own.
        unsafe { Kept::at(address()) }
    }

    /// # Safety
    /// `address` is what `address()` answers on this OS thread.
    #[inline]
    pub(crate) unsafe fn at(address: *mut c_int) -> Kept {
        // SAFETY: as in `last`.
        Kept { address, value: unsafe { *address } }
    }
}

impl Drop for Kept {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: as in `last`. The value is dropped on the OS thread that made it: a green thread
        // never changes its OS thread.
        unsafe { *self.address = self.value }
    }
}
