//! poll(2), for the truth of the moment and for waits finer than a millisecond.

use crate::error::Result;
use std::ffi::{c_int, c_short};

pub(crate) use libc::{POLLIN, POLLNVAL, POLLOUT};

/// Asks which of `count` descriptors are ready now. Never waits.
///
/// # Safety
/// `fds` is valid for reads and writes of `count` entries.
pub(crate) unsafe fn poll_now(fds: *mut libc::pollfd, count: usize) -> Result<c_int> {
    // SAFETY: the caller vouches for the array.
    super::retry(|| unsafe { libc::poll(fds, count as libc::nfds_t, 0) })
}

/// Waits for one descriptor, `timeout` in milliseconds (-1: for ever), and gives what became ready.
pub(crate) fn poll_one(fd: c_int, events: c_short, timeout: c_int) -> Result<c_short> {
    let mut entry = libc::pollfd { fd, events, revents: 0 };
    // SAFETY: one valid entry.
    super::retry(|| unsafe { libc::poll(&mut entry, 1, timeout) })?;
    Ok(entry.revents)
}

/// Sleeps until `fd` is readable or `ns` nanoseconds have gone, whichever is first. False if a signal has ended
/// the sleep: the caller looks at the clock anyway.
pub(crate) fn sleep_on(fd: c_int, ns: i64) -> bool {
    let mut entry = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    let time = libc::timespec {
        tv_sec: (ns / 1_000_000_000) as libc::time_t,
        tv_nsec: (ns % 1_000_000_000) as libc::c_long,
    };
    // SAFETY: one valid entry, a valid time, and no signal mask.
    unsafe { libc::ppoll(&mut entry, 1, &time, std::ptr::null()) >= 0 }
}
