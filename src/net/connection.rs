//! Making sockets, and connecting them.

use super::{pause, stream};
use crate::clock::Nanos;
use crate::error::{Error, Result};
use crate::hub::{self, adopt, enter, perform, Direction};
use crate::sys::{errno, fd, retry};
use libc::{sockaddr, socklen_t};
use std::ffi::c_int;

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
    // SAFETY: the caller vouches for the address.
    let attempt = move || unsafe { attempt(socket, address, length) };
    let done = match attempt() {
        // A Unix socket whose listener's backlog is full.
        Err(Error::EAGAIN) => pause::retry(socket, deadline, attempt),
        done => done,
    };
    match done {
        // An interrupted connect goes on by itself.
        Err(Error::EINPROGRESS | Error::EALREADY | Error::EINTR) => {}
        done => return done.map(drop),
    }
    // A second connect(2) tells how the first one ends, and makes the kernel take note of it.
    perform(socket, Direction::Write, deadline, 0, move || match attempt() {
        Err(Error::EISCONN) => Ok(0),
        Err(Error::EINPROGRESS | Error::EALREADY | Error::EINTR) => Err(Error::EAGAIN),
        done => done,
    })
    .map(drop)
}

/// One connect(2).
///
/// # Safety
/// `address` is readable for `length` bytes.
pub(super) unsafe fn attempt(
    socket: c_int,
    address: *const sockaddr,
    length: socklen_t,
) -> Result<isize> {
    // SAFETY: the caller vouches for the address.
    match unsafe { libc::connect(socket, address, length) } {
        0 => Ok(0),
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

/// Accepts a connection, whatever the listener's mode, which stays: a descriptor in blocking mode, closed on exec.
///
/// # Safety
/// As `accept`.
pub(crate) unsafe fn accept_as_it_is(
    socket: c_int,
    address: *mut sockaddr,
    length: *mut socklen_t,
    deadline: Nanos,
) -> Result<c_int> {
    // SAFETY: the caller vouches for both pointers.
    let attempt =
        || retry(|| unsafe { libc::accept4(socket, address, length, libc::SOCK_CLOEXEC) });
    let accepted = perform(socket, Direction::Read, deadline, 0, || loop {
        let done = match fd::is_nonblocking(socket)? {
            true => attempt(),
            false => without_waiting(socket, attempt),
        };
        match done {
            // As in `accept`.
            Err(Error::ECONNABORTED) => {}
            done => return done.map(|fd| fd as isize),
        }
    })?;
    Ok(adopt(accepted as c_int))
}

/// Makes a call for which there is no flag against waiting on a listener in blocking mode. Only where a client is
/// there it is in the other mode, for this one call: another process may take the client first.
fn without_waiting(socket: c_int, attempt: impl FnOnce() -> Result<c_int>) -> Result<c_int> {
    // Of what does not listen the call says so at once.
    if fd::socket_option(socket, libc::SO_ACCEPTCONN)? == 0 {
        return attempt();
    }
    stream::would_wait(socket, libc::POLLIN)?;
    fd::set_mode(socket, true);
    let done = attempt();
    fd::set_mode(socket, false);
    done
}

pub(crate) fn shutdown(socket: c_int, how: c_int) -> Result<()> {
    // SAFETY: takes no pointer.
    let done = retry(|| unsafe { libc::shutdown(socket, how) }).map(drop);
    // Whatever the kernel says: it shuts a socket down that has no connection, too.
    hub::changed(socket);
    done
}
