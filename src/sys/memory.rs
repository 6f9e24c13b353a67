//! Mappings for stacks, and the two ways to guard a stack's end.

use crate::error::{Error, Result};
use crate::faults::{self, Fault};
use std::ffi::{c_long, c_void};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Linux 6.13: makes a range fault without a mapping of its own. Newer than the libc crate's names.
const MADV_GUARD_INSTALL: i32 = 102;

/// The size of a page in bytes.
pub(crate) fn page_size() -> usize {
    static SIZE: AtomicUsize = AtomicUsize::new(0);
    match SIZE.load(Ordering::Relaxed) {
        0 => {
            // SAFETY: has no preconditions.
            let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
            let size = usize::try_from(size).unwrap_or(4096);
            SIZE.store(size, Ordering::Relaxed);
            size
        }
        size => size,
    }
}

/// Maps `length` bytes of zeroes that cost nothing until touched.
pub(crate) fn map(length: usize) -> Result<usize> {
    if faults::strikes(Fault::StackMap) {
        return Err(Error::ENOMEM);
    }
    // SAFETY: a fresh anonymous mapping at an address of the kernel's choice touches nothing else.
    let address = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            length,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_STACK,
            -1,
            0,
        )
    };
    if address == libc::MAP_FAILED {
        return Err(Error::errno(super::errno::last()));
    }
    // A huge page would make the first touch of one stack resident for its neighbours as well. A
    // kernel without huge pages answers EINVAL: nothing to avoid then.
    // SAFETY: advises on the mapping made above.
    unsafe { libc::madvise(address, length, libc::MADV_NOHUGEPAGE) };
    Ok(address as usize)
}

/// Unmaps what `map` mapped.
///
/// # Safety
/// Nothing uses the range any more.
pub(crate) unsafe fn unmap(address: usize, length: usize) {
    // SAFETY: the caller vouches for the range.
    unsafe { libc::munmap(address as *mut c_void, length) };
}

/// Makes the range fault when touched, without splitting its mapping.
///
/// # Safety
/// The range is part of one live mapping and holds nothing of use.
pub(crate) unsafe fn guard_by_madvise(address: usize, length: usize) -> Result<()> {
    // SAFETY: the caller vouches for the range.
    super::retry(|| unsafe { libc::madvise(address as *mut c_void, length, MADV_GUARD_INSTALL) })?;
    Ok(())
}

/// Makes the range fault when touched, at the price of two more mappings.
///
/// # Safety
/// As for `guard_by_madvise`.
pub(crate) unsafe fn guard_by_mprotect(address: usize, length: usize) -> Result<()> {
    // SAFETY: the caller vouches for the range.
    super::retry(|| unsafe { libc::mprotect(address as *mut c_void, length, libc::PROT_NONE) })?;
    Ok(())
}

/// Gives the pages of the range back; it reads as zeroes afterwards.
///
/// # Safety
/// The range is part of one live mapping and nothing in it is needed.
pub(crate) unsafe fn discard(address: usize, length: usize) {
    // A failure (locked memory) only keeps the pages.
    // SAFETY: the caller vouches for the range.
    unsafe { libc::madvise(address as *mut c_void, length, libc::MADV_DONTNEED) };
}

/// Whether bytes can be read, as the kernel tells it, page for page: it compares a word before it moves waiters from one
/// futex to another, none here (futex(2), FUTEX_CMP_REQUEUE). Memory of which nobody vouches.
pub(crate) fn is_readable(address: usize, length: usize) -> bool {
    const WORD: usize = 4;
    const NONE: c_long = 0;
    // Asked between a call and the look at what it has said.
    let _errno = super::errno::Kept::new();
    let is_word_readable = |address: usize| {
        // SAFETY: the kernel judges the address, and wakes and moves nobody.
        let done = unsafe {
            libc::syscall(
                libc::SYS_futex,
                address,
                libc::FUTEX_CMP_REQUEUE | libc::FUTEX_PRIVATE_FLAG,
                NONE,
                NONE,
                address,
                NONE,
            )
        };
        done >= 0 || super::errno::last() != libc::EFAULT
    };
    // Whole words, so that none reaches into a page that none of the bytes are in.
    let Some(last) = address.checked_add(length.saturating_sub(1)) else { return false };
    let mut next = address;
    loop {
        if !is_word_readable(next & !(WORD - 1)) {
            return false;
        }
        match (next & !(page_size() - 1)).checked_add(page_size()) {
            Some(page) if page <= last => next = page,
            _ => return true,
        }
    }
}
