//! Making sockets, and connecting them.

use crate::clock::{self, Nanos};
use crate::error::{Error, Result};
use crate::hub::{self, adopt, enter, perform, Direction};
use crate::sys::{errno, retry};
use libc::{sockaddr, socklen_t};
use std::ffi::c_int;

/// A Unix socket whose listener's backlog is full says EAGAIN and gives no event later: it is tried
/// again after this long, then after twice as long, up to the longest.
const SHORTEST_PAUSE: Nanos = 1_000_000;
const LONGEST_PAUSE: Nanos = 32_000_000;

/// A socket, non-blocking and closed on exec.
pub(crate) fn socket(domain: c_int, kind: c_int, protocol: c_int) -> Result<c_int> {
    let kind = kind | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: takes no pointer.
    retry(|| unsafe { libc::socket(domain, kind, protocol) }).map(adopt)
}

/// Connects a socket.
///
/// # Safety
/// `address` is readable for `length` bytes.
pub(crate) unsafe fn connect(
    socket: c_int,
    address: *const sockaddr,
    length: socklen_t,
    deadline: Nanos,
) -> Result<()> {
    let mine = enter()?;
    mine.suspender()?;
    mine.ensure_nonblocking(socket)?;
    let mut pause = SHORTEST_PAUSE;
    let stamp = hub::stamp(socket);
    loop {
        // SAFETY: the caller vouches for the address.
        match unsafe { attempt(socket, address, length) } {
            Ok(()) => return Ok(()),
            // An interrupted connect goes on by itself.
            Err(Error::EINPROGRESS | Error::EALREADY | Error::EINTR) => break,
            Err(Error::EAGAIN) => {
                let until = clock::after_ns(pause).min(deadline);
                if until <= clock::now() {
                    return Err(Error::ETIMEDOUT);
                }
                mine.sleep(until)?;
                if hub::stamp(socket) != stamp {
                    // Closed meanwhile: the number may be another's.
                    return Err(Error::EBADF);
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            Err(error) => return Err(error),
        }
    }
    // A second connect(2) tells how the first one ends, and makes the kernel take note of it.
    perform(socket, Direction::Write, deadline, 0, move || {
        // SAFETY: the caller vouches for the address.
        match unsafe { attempt(socket, address, length) } {
            Ok(()) | Err(Error::EISCONN) => Ok(0),
            Err(Error::EINPROGRESS | Error::EALREADY | Error::EINTR) => Err(Error::EAGAIN),
            Err(error) => Err(error),
        }
    })
    .map(drop)
}

/// One connect(2).
///
/// # Safety
/// `address` is readable for `length` bytes.
unsafe fn attempt(socket: c_int, address: *const sockaddr, length: socklen_t) -> Result<()> {
    // SAFETY: the caller vouches for the address.
    match unsafe { libc::connect(socket, address, length) } {
        0 => Ok(()),
        _ => Err(Error::errno(errno::last())),
    }
}

pub(crate) fn listen(socket: c_int, backlog: c_int) -> Result<()> {
    // SAFETY: takes no pointer.
    retry(|| unsafe { libc::listen(socket, backlog) }).map(drop)
}

/// Accepts a connection: a descriptor that is non-blocking and closed on exec.
///
/// # Safety
/// `address` and `length` are as accept(2) wants them, or null.
pub(crate) unsafe fn accept(
    socket: c_int,
    address: *mut sockaddr,
    length: *mut socklen_t,
    deadline: Nanos,
) -> Result<c_int> {
    enter()?.ensure_nonblocking(socket)?;
    let accepted = perform(socket, Direction::Read, deadline, 0, move || loop {
        let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        // SAFETY: the caller vouches for both pointers.
        match retry(|| unsafe { libc::accept4(socket, address, length, flags) }) {
            // The client left before it was its turn: nobody's business but its own.
            Err(Error::ECONNABORTED) => {}
            other => return other.map(|fd| fd as isize),
        }
    })?;
    Ok(adopt(accepted as c_int))
}

pub(crate) fn shutdown(socket: c_int, how: c_int) -> Result<()> {
    // SAFETY: takes no pointer.
    retry(|| unsafe { libc::shutdown(socket, how) }).map(drop)
}
