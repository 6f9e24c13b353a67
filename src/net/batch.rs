//! Several messages in one system call.
//!
//! Only the first message is waited for: with MSG_DONTWAIT the kernel moves what it can at once, and
//! fails only where it could not even move that one. What it has moved stands in the result, so that
//! a failure in the middle is left for the next call to find.

use super::stream::socket_call;
use super::{addressed, passed};
use crate::clock::Nanos;
use crate::error::Result;
use crate::hub::{perform_once, Direction};
use crate::sys::retry;
use libc::mmsghdr;
use std::ffi::{c_int, c_uint};
use std::ptr;

/// The most that one call moves: the kernel's own limit on sending (UIO_MAXIOV), kept for receiving
/// too, so that no batch holds the hub for long.
const MOST: usize = libc::UIO_MAXIOV as usize;

/// # Safety
/// `messages` has `count` entries, each as recvmmsg(2) wants it.
pub(crate) unsafe fn recvmmsg(
    fd: c_int,
    messages: *mut mmsghdr,
    count: usize,
    flags: c_int,
    deadline: Nanos,
) -> Result<isize> {
    let most = count.min(MOST) as c_uint;
    let call = move |flags: c_int| {
        // SAFETY: the caller vouches for the messages; a null timeout is none.
        unsafe { libc::recvmmsg(fd, messages, most, flags as _, ptr::null_mut()) as isize }
    };
    if most == 0 {
        // Never waits; but it can fail.
        return perform_once(|| retry(|| call(flags)));
    }
    let received = socket_call(fd, Direction::Read, flags, 0, deadline, call)?;
    for at in 0..received as usize {
        // SAFETY: the kernel has filled in as many as it says.
        unsafe { passed::adopt_all(&(*messages.add(at)).msg_hdr) };
    }
    Ok(received)
}

/// # Safety
/// `messages` has `count` entries, each as sendmmsg(2) wants it.
pub(crate) unsafe fn sendmmsg(
    fd: c_int,
    messages: *mut mmsghdr,
    count: usize,
    flags: c_int,
    deadline: Nanos,
) -> Result<isize> {
    let most = count.min(MOST) as c_uint;
    let call = move |flags: c_int| {
        // SAFETY: the caller vouches for the messages.
        unsafe { libc::sendmmsg(fd, messages, most, flags as _) as isize }
    };
    if most == 0 {
        return perform_once(|| retry(|| call(flags)));
    }
    // Whoever waits, waits with the first message.
    // SAFETY: there is at least one, and the kernel has read it.
    let names = move || unsafe { !(*messages).msg_hdr.msg_name.is_null() };
    addressed::send(fd, flags, 0, deadline, names, call)
}
