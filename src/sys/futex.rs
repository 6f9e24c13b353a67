//! To wait for a word to change, without a lock that the child of a fork could find taken.

use std::ptr;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

/// Waits until somebody wakes, for so long at most. Not at all if the word is another; and perhaps for no reason less.
pub(crate) fn wait(word: &AtomicU32, expected: u32, most: Duration) {
    let most = libc::timespec {
        tv_sec: most.as_secs() as libc::time_t,
        tv_nsec: most.subsec_nanos().into(),
    };
    // SAFETY: a word and a time that stay meanwhile; the rest is of no use for this.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
            expected,
            &raw const most,
        )
    };
}

/// Wakes one that waits.
pub(crate) fn wake(word: &AtomicU32) {
    // SAFETY: a word; nothing else is looked at.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG,
            1,
            ptr::null::<libc::timespec>(),
        )
    };
}
