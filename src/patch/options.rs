//! The options that say how a socket waits: SO_RCVLOWAT, SO_RCVTIMEO, SO_SNDTIMEO.
//!
//! Hardly anybody sets them, and each wait, or each receive that moved less than was asked for, would have
//! to ask. So setsockopt(2) is watched. A least amount is asked for once some socket of the process was given
//! one. Of a timeout it is remembered that a socket has none, and it is asked for at every wait
//!
//! * once this process has set one anywhere, and where setsockopt(2) is not hooked in every object;
//! * of each socket that another process may have too, and set it: one that was there before the hooks, or was
//!   received or sent in a message, or is older than a fork, and its duplicates.
//!
//! The mode is treated alike: of a socket that was seen in blocking mode it is not asked again while nobody changes
//! it, where fcntl(2) and ioctl(2) are hooked in every object, unless it has, or had, another number too.
//!
//! What is assumed: that nobody sets one, or a mode, who can be told of in no way. That are system calls made without libc,
//! by io_uring too, what takes a descriptor by pidfd_getfd(2), messages that OS threads without a hub receive,
//! and a program that was started with descriptors that stay open at exec.

use super::family::Families;
use super::hooks::originals;
use super::pass;
use crate::error::Result;
use crate::hub;
use crate::sys::fd;
use libc::socklen_t;
use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicBool, Ordering};

static USED: AtomicBool = AtomicBool::new(false);

static TIMED: AtomicBool = AtomicBool::new(false);

/// Whether a socket that had no timeout may have one by now.
#[inline(always)]
pub(super) fn may_be_timed() -> bool {
    TIMED.load(Ordering::Acquire) || !pass::is_everywhere(Families::TRACKING)
}

/// Whether a socket is in non-blocking mode.
#[inline(always)]
pub(super) fn is_nonblocking(socket: c_int) -> Result<bool> {
    // Two families: closes and duplicates are of one, changes of the mode of the other.
    let is_told = [Families::TRACKING, Families::CONNECTION].into_iter().all(pass::is_everywhere);
    if !is_told {
        return fd::is_nonblocking(socket);
    }
    let ask = || fd::is_nonblocking(socket).map(|nonblocking| !nonblocking);
    hub::is_blocking(socket, ask).map(|blocking| !blocking)
}

#[inline(always)]
pub(super) fn is_used() -> bool {
    USED.load(Ordering::Relaxed)
}

/// Of descriptors that are older than the hooks nobody knows where they come from, nor what has been done to them.
pub(super) fn distrust_all() {
    let Ok(open) = std::fs::read_dir("/proc/self/fd") else { return hub::share_all() };
    for entry in open.flatten() {
        if let Some(Ok(number)) = entry.file_name().to_str().map(str::parse) {
            hub::share(number);
        }
    }
}

/// What a socket was given; 1 if nothing.
pub(super) fn of(socket: c_int) -> usize {
    fd::socket_option(socket, libc::SO_RCVLOWAT).map_or(1, |bytes| bytes.max(1) as usize)
}

/// How many bytes can be read now, of what can tell.
pub(super) fn readable_bytes(fd: c_int) -> Option<c_int> {
    let mut count: c_int = 0;
    let place: *mut c_int = &mut count;
    // SAFETY: a place for the answer.
    let asked = unsafe { libc::ioctl(fd, libc::FIONREAD, place) };
    (asked == 0).then_some(count)
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
    // 64-bit times of 32-bit machines have numbers of their own (linux/socket.h).
    const NEW_TIMEOUTS: [c_int; 2] = [66, 67];
    if level == libc::SOL_SOCKET {
        match option {
            libc::SO_RCVLOWAT => USED.store(true, Ordering::Relaxed),
            libc::SO_RCVTIMEO | libc::SO_SNDTIMEO => TIMED.store(true, Ordering::Release),
            other if NEW_TIMEOUTS.contains(&other) => TIMED.store(true, Ordering::Release),
            _ => {}
        }
    }
    // SAFETY: the caller vouches for the value.
    unsafe { originals::setsockopt(socket, level, option, value, length) }
}
