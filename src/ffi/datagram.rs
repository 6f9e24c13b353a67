//! Several messages at once.
//!
//! For sockets of datagrams that are busy enough for the system call to matter: one gh_recvmmsg()
//! takes all the messages that are there, one gh_sendmmsg() sends a whole array. Both wait for the
//! first message only, then take what needs no wait, and give the number. gh_recvmsg() and
//! gh_sendmsg() are enough for one message.
//!
//! The arrays are those of recvmmsg(2), which a C compiler declares with _GNU_SOURCE. Each message
//! is truncated on its own: look at msg_flags. Set msg_namelen and msg_controllen anew before each
//! call. Descriptors that arrive in control data are the caller's, to close with gh_close().

use super::guard::guard_suspending;
use crate::error::{Error, Result};
use crate::net::batch;
use crate::sys::mmsghdr;
use std::ffi::{c_int, c_uint};

/// Refuses what is no batch: no address, or a length that a result could not tell.
fn check(messages: *const mmsghdr, count: c_uint) -> Result<usize> {
    if count > c_int::MAX as c_uint || (count > 0 && messages.is_null()) {
        return Err(Error::EINVAL);
    }
    Ok(count as usize)
}

/// Receives several messages as recvmmsg(2) does with MSG_WAITFORONE: waits for the first, then takes
/// as many as are there, passed descriptors included.
///
/// @param fd        a socket, in blocking mode or not
/// @param msgs      (borrow) where to put them; lengths and flags are updated in as many as the
///                  result says, MSG_TRUNC in msg_flags for a message that was cut
/// @param vlen      how many there is room for; more than 1024 are not received at once. With 0
///                  nothing is waited for
/// @param flags     as for recvmmsg(2)
/// @param deadline  how long to wait for the first
/// @return how many messages were received, at the end of a stream empty ones; what recvmmsg(2) gives
///         when that is none, such as -ECONNREFUSED, -EBADF, -ENOTSOCK, -EFAULT; -EINVAL for NULL or
///         a vlen beyond INT_MAX; -EAGAIN; -ETIMEDOUT; -ECANCELED; GH_ENOTGREEN in a callback
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_recvmmsg(
    fd: c_int,
    msgs: *mut mmsghdr,
    vlen: c_uint,
    flags: c_int,
    deadline: i64,
) -> c_int {
    guard_suspending(|| {
        let count = check(msgs, vlen)?;
        // SAFETY: the caller lends the messages and what they point to.
        unsafe { batch::recvmmsg(fd, msgs, count, flags, deadline) }.map(|done| done as c_int)
    })
}

/// Sends several messages as sendmmsg(2), descriptors included: waits until the first can be sent, then
/// sends as many as there is room for. SIGPIPE is never raised.
///
/// @param fd        a socket, in blocking mode or not
/// @param msgs      (borrow) what to send; msg_len tells the bytes taken of each that was sent
/// @param vlen      how many there are; more than 1024 are not sent at once. With 0 nothing is waited
///                  for
/// @param flags     as for sendmmsg(2)
/// @param deadline  how long to wait for room for the first
/// @return how many messages were sent, the others being for the next call; what sendmmsg(2) gives
///         when that is none, such as -EPIPE, -EMSGSIZE, -ECONNREFUSED, -EBADF, -ENOTSOCK, -EFAULT;
///         -EINVAL for NULL or a vlen beyond INT_MAX; -EAGAIN; -ETIMEDOUT; -ECANCELED; GH_ENOTGREEN
///         in a callback
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_sendmmsg(
    fd: c_int,
    msgs: *mut mmsghdr,
    vlen: c_uint,
    flags: c_int,
    deadline: i64,
) -> c_int {
    guard_suspending(|| {
        let count = check(msgs, vlen)?;
        // SAFETY: the caller lends the messages and what they point to.
        unsafe { batch::sendmmsg(fd, msgs, count, flags, deadline) }.map(|done| done as c_int)
    })
}
