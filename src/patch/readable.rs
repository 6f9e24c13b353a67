//! What a caller points at, and whether it is there.
//!
//! The kernel gives EFAULT for an address that leads nowhere. A hook that looks at what a caller points at before the
//! kernel has must not die of it: it asks first, and leaves to the kernel what is not there.

use crate::sys::memory;

/// Whether `count` values can be read. Null is not there; none at all are everywhere.
#[inline]
pub(super) fn is_there<T>(place: *const T, count: usize) -> bool {
    let start = place as usize;
    let Some(length) = size_of::<T>().checked_mul(count) else { return false };
    if length == 0 {
        return true;
    }
    // Most callers have it on their stack, whose page of now is there without a question to the kernel.
    let here = 0_u8;
    let page = !(memory::page_size() - 1);
    let own = std::ptr::addr_of!(here) as usize & page;
    let is_own = start & page == own && start.wrapping_add(length - 1) & page == own;
    is_own || (!place.is_null() && memory::is_readable(start, length))
}
