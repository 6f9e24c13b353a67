//! SO_RCVLOWAT: how much a receiver in blocking mode waits for.
//!
//! Hardly anybody sets it, and a receive that moved less than was asked for would have to ask each time. So
//! it is asked only once some socket of the process was given one.

use super::hooks::originals;
use crate::sys::fd;
use libc::socklen_t;
use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicBool, Ordering};

static USED: AtomicBool = AtomicBool::new(false);

#[inline(always)]
pub(super) fn is_used() -> bool {
    USED.load(Ordering::Relaxed)
}

/// What a socket was given; 1 if nothing.
pub(super) fn of(socket: c_int) -> usize {
    fd::socket_option(socket, libc::SO_RCVLOWAT).map_or(1, |bytes| bytes.max(1) as usize)
}

/// How many bytes can be received now.
pub(super) fn waiting_bytes(socket: c_int) -> c_int {
    let mut count: c_int = 0;
    let place: *mut c_int = &mut count;
    // SAFETY: a place for the answer. A failure leaves it 0.
    unsafe { libc::ioctl(socket, libc::FIONREAD, place) };
    count
}

/// Takes note that the option is in use.
///
/// # Safety
/// As setsockopt(2).
pub(super) unsafe fn setsockopt(
    socket: c_int,
    level: c_int,
    option: c_int,
    value: *const c_void,
    length: socklen_t,
) -> c_int {
    if level == libc::SOL_SOCKET && option == libc::SO_RCVLOWAT {
        USED.store(true, Ordering::Relaxed);
    }
    // SAFETY: the caller vouches for the value.
    unsafe { originals::setsockopt(socket, level, option, value, length) }
}
