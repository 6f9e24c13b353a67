//! Waiting for descriptors.
//!
//! For descriptors that others read and write: a library with a socket of its own, inotify, a
//! timerfd. Begin with gh_wait_fd() for one of them, and gh_poll() for several; then make the call
//! that was waited for. gh_select() waits for descriptors and channels together.
//!
//! For one's own sockets and pipes gh_recv(), gh_read() and their like wait by themselves and cost
//! less. Ready is a hint: another reader may have been faster, so the descriptor should be
//! non-blocking. gh_wait_fd() gives -ETIMEDOUT at the deadline, but gh_poll() 0, as poll(2) does.

use super::guard::guard_suspending;
use crate::error::{Error, Result};
use crate::net::poll;
use crate::sys::pollfd;
use std::ffi::c_int;

/// Waits until a descriptor is ready.
///
/// @param fd        any descriptor that poll(2) takes
/// @param events    POLLIN, POLLOUT, POLLPRI or POLLRDHUP, or several of them
/// @param deadline  how long to wait
/// @return what it is ready for, as poll(2) tells it, POLLHUP and POLLERR included; -EBADF if it is not
///         open, or gh_close() closed it meanwhile; -EINVAL for other events or none; -ETIMEDOUT;
///         -ECANCELED; -ENOMEM; -ENOSPC; GH_ENOTGREEN in a callback
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub extern "C" fn gh_wait_fd(fd: c_int, events: c_int, deadline: i64) -> c_int {
    guard_suspending(|| poll::wait_fd(fd, events, deadline))
}

/// Waits until one of several descriptors is ready, as poll(2). Without descriptors it sleeps.
///
/// @param fds       (borrow) what to wait for, and the answers in revents; a negative descriptor is
///                  passed over
/// @param count     how many there are
/// @param deadline  how long to wait
/// @return how many have answers, 0 at the deadline; -EINVAL for NULL with a count, or a count beyond
///         the limit on open descriptors; -EFAULT; -ECANCELED; -ENOMEM; -ENOSPC; GH_ENOTGREEN in a
///         callback
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_poll(fds: *mut pollfd, count: usize, deadline: i64) -> c_int {
    guard_suspending(|| {
        // SAFETY: the caller lends `count` entries.
        let fds = unsafe { entries(fds, count) }?;
        poll::poll(fds, deadline).map(|ready| ready as c_int)
    })
}

/// # Safety
/// `fds` is null or valid for `count` entries while the answer is used.
unsafe fn entries<'a>(fds: *mut pollfd, count: usize) -> Result<&'a mut [pollfd]> {
    if count == 0 {
        return Ok(&mut []);
    }
    if fds.is_null() || count > c_int::MAX as usize {
        return Err(Error::EINVAL);
    }
    // SAFETY: the caller vouches for the entries.
    Ok(unsafe { std::slice::from_raw_parts_mut(fds, count) })
}
