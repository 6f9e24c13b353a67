//! A whole buffer, however many calls it takes, under one deadline.

use super::stream;
use crate::clock::Nanos;
use crate::error::{Error, Result};
use crate::hub::{self, enter};
use crate::sys::fd::Kind;
use std::ffi::{c_int, c_void};

/// What would make repeated receives mean something else than one long one.
const NOT_WHOLE: c_int = libc::MSG_PEEK | libc::MSG_TRUNC | libc::MSG_OOB | libc::MSG_ERRQUEUE;

/// How far a whole transfer came, also when it failed.
#[derive(Debug)]
pub(crate) struct Progress {
    pub(crate) moved: usize,
    pub(crate) result: Result<()>,
}

/// Repeats `step`, which moves bytes from an offset on, until `length` are moved, or it moves none. Other
/// green threads may run between two steps, and close the descriptor: its number's next owner must not
/// get what was meant for this one.
fn repeat(fd: c_int, length: usize, mut step: impl FnMut(usize) -> Result<isize>) -> Progress {
    let mut moved = 0;
    let stamp = hub::stamp(fd);
    loop {
        if moved > 0 && hub::stamp(fd) != stamp {
            return Progress { moved, result: Err(Error::EBADF) };
        }
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
    repeat(fd, length, |moved| {
        // SAFETY: `moved` < `length`, or both are 0; the caller vouches for the buffer.
        unsafe { stream::send(fd, buffer.byte_add(moved), length - moved, flags, deadline) }
    })
}

/// Receives `length` bytes of a stream, or what comes before its end; one message of another socket.
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
    if flags & NOT_WHOLE != 0 {
        return Progress { moved: 0, result: Err(Error::EINVAL) };
    }
    match enter().and_then(|hub| hub.kind_of(fd)) {
        Err(error) => return Progress { moved: 0, result: Err(error) },
        Ok(Kind::Message) => {
            // SAFETY: the caller vouches for the buffer.
            return match unsafe { stream::recv(fd, buffer, length, flags, deadline) } {
                Ok(count) => Progress { moved: count as usize, result: Ok(()) },
                Err(error) => Progress { moved: 0, result: Err(error) },
            };
        }
        Ok(_) => {}
    }
    if length == 0 {
        // recv(2) of nothing waits until there is something.
        // SAFETY: the caller vouches for the buffer.
        let asked = unsafe { stream::recv(fd, buffer, 0, flags | libc::MSG_DONTWAIT, deadline) };
        return match asked {
            Ok(_) | Err(Error::EAGAIN) => Progress { moved: 0, result: Ok(()) },
            Err(error) => Progress { moved: 0, result: Err(error) },
        };
    }
    repeat(fd, length, |moved| {
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
    let other = libc::MSG_DONTWAIT | NOT_WHOLE;
    if flags & (libc::MSG_WAITALL | other) != libc::MSG_WAITALL {
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
