//! Scattered ranges of a caller's memory, of which some bytes have been moved already.

use super::readable::is_there;
use crate::error::{Error, Result};
use crate::sys::memory::is_readable;
use libc::iovec;
use std::ffi::c_int;
use std::ptr;

/// The most ranges that the kernel takes (UIO_MAXIOV).
const MOST: usize = libc::UIO_MAXIOV as usize;

/// How many bytes ranges hold. `None` for what the kernel must judge itself: no place, more ranges than it
/// takes, more bytes than a result could tell.
///
/// # Safety
/// `iov` has `count` entries, or leads nowhere.
pub(super) unsafe fn total(iov: *const iovec, count: usize) -> Option<usize> {
    if count > MOST || !is_there(iov, count.max(1)) {
        return None;
    }
    let mut sum = 0_usize;
    for at in 0..count {
        // SAFETY: the entries are there.
        sum = sum.checked_add(unsafe { (*iov.add(at)).iov_len })?;
    }
    (sum <= isize::MAX as usize).then_some(sum)
}

/// Whether so many bytes are more than any process has memory for. For that the kernel refuses read(2) and
/// write(2) before it looks at anything else, but not recv(2) and send(2), which begin with less.
#[inline(always)]
pub(super) fn is_beyond_memory(length: usize) -> bool {
    length > if usize::BITS == 64 { 1 << 56 } else { isize::MAX as usize }
}

/// The number that a counter is given by them. `None` for what the kernel must judge itself.
///
/// # Safety
/// `iov` has `count` entries.
pub(super) unsafe fn number(iov: *const iovec, count: usize) -> Option<u64> {
    let mut bytes = [0_u8; size_of::<u64>()];
    let mut filled = 0;
    for at in 0..count {
        // SAFETY: the caller vouches for the entries.
        let range = unsafe { *iov.add(at) };
        let length = range.iov_len.min(bytes.len() - filled);
        if length > 0 {
            if !is_readable(range.iov_base as usize, length) {
                return None;
            }
            let target = bytes[filled..].as_mut_ptr();
            // SAFETY: the kernel has just read the range, and so much is left of the number.
            unsafe { ptr::copy_nonoverlapping(range.iov_base.cast(), target, length) };
        }
        filled += length;
    }
    (filled == bytes.len()).then(|| u64::from_ne_bytes(bytes))
}

/// A count of ranges as C gives it; what is no count is left to the kernel.
pub(super) fn counted(count: c_int) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// What of the ranges is left after `moved` bytes, at most `most` of them.
///
/// # Safety
/// `iov` has `count` entries.
pub(super) unsafe fn rest(
    iov: *const iovec,
    count: usize,
    mut moved: usize,
    mut most: usize,
) -> Result<Vec<iovec>> {
    let mut left = Vec::new();
    left.try_reserve_exact(count).map_err(|_| Error::ENOMEM)?;
    for at in 0..count {
        // SAFETY: the caller vouches for the entries.
        let range = unsafe { *iov.add(at) };
        let skipped = moved.min(range.iov_len);
        moved -= skipped;
        let length = (range.iov_len - skipped).min(most);
        most -= length;
        if length > 0 {
            let start = range.iov_base.wrapping_byte_add(skipped);
            left.push(iovec { iov_base: start, iov_len: length });
        }
    }
    Ok(left)
}
