//! A whole buffer, however many calls it takes, under one deadline.

use super::stream;
use crate::clock::Nanos;
use crate::error::{Error, Result};
use std::ffi::{c_int, c_void};

/// How far a whole transfer came, also when it failed.
#[derive(Debug)]
pub(crate) struct Progress {
    pub(crate) moved: usize,
    pub(crate) result: Result<()>,
}

/// Repeats `step`, which moves bytes from an offset on, until `length` are moved, or it moves none.
fn repeat(length: usize, mut step: impl FnMut(usize) -> Result<isize>) -> Progress {
    let mut moved = 0;
    loop {
        match step(moved) {
            Ok(0) => return Progress { moved, result: Ok(()) },
            Ok(count) => moved += count as usize,
            Err(error) => return Progress { moved, result: Err(error) },
        }
        if moved >= length {
            return Progress { moved, result: Ok(()) };
        }
    }
}

/// Sends everything.
///
/// # Safety
/// `buffer` is readable for `length` bytes.
pub(crate) unsafe fn send_all(
    fd: c_int,
    buffer: *const c_void,
    length: usize,
    flags: c_int,
    deadline: Nanos,
) -> Progress {
    repeat(length, |moved| {
        // SAFETY: `moved` < `length`, or both are 0; the caller vouches for the buffer.
        unsafe { stream::send(fd, buffer.byte_add(moved), length - moved, flags, deadline) }
    })
}

/// Receives `length` bytes, or what comes before the end of file.
///
/// # Safety
/// `buffer` is writable for `length` bytes.
pub(crate) unsafe fn recv_exact(
    fd: c_int,
    buffer: *mut c_void,
    length: usize,
    flags: c_int,
    deadline: Nanos,
) -> Progress {
    if length == 0 {
        // recv(2) of nothing waits until there is something.
        // SAFETY: the caller vouches for the buffer.
        let asked = unsafe { stream::recv(fd, buffer, 0, flags | libc::MSG_DONTWAIT, deadline) };
        return match asked {
            Ok(_) | Err(Error::EAGAIN) => Progress { moved: 0, result: Ok(()) },
            Err(error) => Progress { moved: 0, result: Err(error) },
        };
    }
    repeat(length, |moved| {
        // SAFETY: as above.
        unsafe { stream::recv(fd, buffer.byte_add(moved), length - moved, flags, deadline) }
    })
}

/// Receives as recv(2), whose MSG_WAITALL asks for the whole buffer: what came before a failure is its
/// result then. The kernel honours that flag only where it may wait itself.
///
/// # Safety
/// `buffer` is writable for `length` bytes.
#[inline]
pub(crate) unsafe fn recv(
    fd: c_int,
    buffer: *mut c_void,
    length: usize,
    flags: c_int,
    deadline: Nanos,
) -> Result<isize> {
    let immediate = libc::MSG_DONTWAIT | libc::MSG_PEEK;
    if flags & (libc::MSG_WAITALL | immediate) != libc::MSG_WAITALL {
        // SAFETY: the caller vouches for the buffer.
        return unsafe { stream::recv(fd, buffer, length, flags, deadline) };
    }
    let flags = flags & !libc::MSG_WAITALL;
    // SAFETY: the caller vouches for the buffer.
    match unsafe { recv_exact(fd, buffer, length, flags, deadline) } {
        Progress { moved: 0, result: Err(error) } => Err(error),
        Progress { moved, .. } => Ok(moved as isize),
    }
}
