//! Bytes and messages in and out, one system call each.
//!
//! Sockets are never put into another mode: MSG_DONTWAIT makes the single call non-blocking whatever
//! the descriptor's mode, which may be shared with other processes.

use super::{addressed, passed};
use crate::clock::Nanos;
use crate::error::{Error, Result};
use crate::hub::{enter, perform, perform_once, Direction};
use crate::sys::fd::{self, Kind};
use crate::sys::file::MOST;
use crate::sys::{retry, sigpipe, wait};
use libc::{iovec, msghdr, sockaddr, socklen_t};
use std::ffi::{c_int, c_short, c_void};
use std::ops::ControlFlow;

/// What a pipe takes at once when poll says that it is writable (POSIX: PIPE_BUF).
const PIECE: usize = 4096;
/// Flags with which a short count still means that nothing is left.
const PLAIN: c_int = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;

/// With these recv(2) never waits, on a socket in blocking mode either, and its EAGAIN says nothing of
/// ordinary data. send(2) waits for room for urgent data as for any.
const IMMEDIATE: c_int = libc::MSG_DONTWAIT | libc::MSG_ERRQUEUE | libc::MSG_OOB;

#[inline(always)]
pub(crate) fn is_immediate(direction: Direction, flags: c_int) -> bool {
    match direction {
        Direction::Read => flags & IMMEDIATE != 0,
        Direction::Write => flags & libc::MSG_DONTWAIT != 0,
    }
}

/// How many bytes a plain call could move.
#[inline(always)]
pub(crate) fn asked(length: usize, flags: c_int) -> usize {
    if flags & !PLAIN == 0 {
        length.min(MOST)
    } else {
        0
    }
}

/// A caller's flags, with those under which a call neither waits nor raises SIGPIPE.
#[inline(always)]
pub(crate) fn quiet(flags: c_int) -> c_int {
    flags | libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL
}

/// A socket call, with the meaning that the caller's own flags have.
#[inline(always)]
pub(super) fn socket_call(
    fd: c_int,
    direction: Direction,
    flags: c_int,
    asked: usize,
    deadline: Nanos,
    call: impl Fn(c_int) -> isize + Copy,
) -> Result<isize> {
    let attempt = move || retry(|| call(quiet(flags)));
    if is_immediate(direction, flags) {
        return perform_once(attempt);
    }
    perform(fd, direction, deadline, asked, attempt)
}

/// Takes a descriptor for a socket first, unless it is known to be none: `call` gives its result, or
/// what the descriptor is instead.
fn as_socket(fd: c_int, call: impl FnOnce() -> Result<isize>) -> Result<ControlFlow<isize, Kind>> {
    let kind = enter()?.kind_of(fd)?;
    if !kind.is_socket() {
        return Ok(ControlFlow::Continue(kind));
    }
    match call() {
        // It was one when it was asked last: somebody has closed that with close(2).
        Err(Error::ENOTSOCK) => enter()?.ask_kind(fd).map(ControlFlow::Continue),
        done => done.map(ControlFlow::Break),
    }
}

/// # Safety
/// `buffer` is writable for `length` bytes.
#[inline(always)]
pub(crate) unsafe fn recv(
    fd: c_int,
    buffer: *mut c_void,
    length: usize,
    flags: c_int,
    deadline: Nanos,
) -> Result<isize> {
    socket_call(fd, Direction::Read, flags, asked(length, flags), deadline, move |flags| {
        // SAFETY: the caller vouches for the buffer.
        unsafe { libc::recv(fd, buffer, length, flags) }
    })
}

/// # Safety
/// `buffer` is readable for `length` bytes.
#[inline(always)]
pub(crate) unsafe fn send(
    fd: c_int,
    buffer: *const c_void,
    length: usize,
    flags: c_int,
    deadline: Nanos,
) -> Result<isize> {
    socket_call(fd, Direction::Write, flags, asked(length, flags), deadline, move |flags| {
        // SAFETY: the caller vouches for the buffer.
        unsafe { libc::send(fd, buffer, length, flags) }
    })
}

/// # Safety
/// `buffer` is writable for `length` bytes; `address` and `address_length` are as recvfrom(2) wants
/// them, or null.
pub(crate) unsafe fn recvfrom(
    fd: c_int,
    (buffer, length): (*mut c_void, usize),
    flags: c_int,
    (address, address_length): (*mut sockaddr, *mut socklen_t),
    deadline: Nanos,
) -> Result<isize> {
    socket_call(fd, Direction::Read, flags, asked(length, flags), deadline, move |flags| {
        // SAFETY: the caller vouches for all four.
        unsafe { libc::recvfrom(fd, buffer, length, flags, address, address_length) }
    })
}

/// # Safety
/// `buffer` is readable for `length` bytes, `address` for `address_length`, or null.
pub(crate) unsafe fn sendto(
    fd: c_int,
    (buffer, length): (*const c_void, usize),
    flags: c_int,
    (address, address_length): (*const sockaddr, socklen_t),
    deadline: Nanos,
) -> Result<isize> {
    let names = move || !address.is_null();
    addressed::send(fd, flags, asked(length, flags), deadline, names, move |flags| {
        // SAFETY: the caller vouches for both.
        unsafe { libc::sendto(fd, buffer, length, flags, address, address_length) }
    })
}

/// # Safety
/// `message` is as recvmsg(2) wants it.
pub(crate) unsafe fn recvmsg(
    fd: c_int,
    message: *mut msghdr,
    flags: c_int,
    deadline: Nanos,
) -> Result<isize> {
    let count = socket_call(fd, Direction::Read, flags, 0, deadline, move |flags| {
        // SAFETY: the caller vouches for the message.
        unsafe { libc::recvmsg(fd, message, flags) }
    })?;
    // SAFETY: the kernel has filled the message in.
    unsafe { passed::adopt_all(&*message) };
    Ok(count)
}

/// # Safety
/// `message` is as sendmsg(2) wants it.
pub(crate) unsafe fn sendmsg(
    fd: c_int,
    message: *const msghdr,
    flags: c_int,
    deadline: Nanos,
) -> Result<isize> {
    // SAFETY: the caller vouches for the message, and the kernel has read it.
    let names = move || unsafe { !(*message).msg_name.is_null() };
    addressed::send(fd, flags, 0, deadline, names, move |flags| {
        // SAFETY: the caller vouches for the message.
        unsafe { libc::sendmsg(fd, message, flags) }
    })
}

/// Whether a descriptor in blocking mode would be waited for now.
pub(super) fn would_wait(fd: c_int, events: c_short) -> Result<()> {
    match wait::poll_one(fd, events, 0)? {
        // One that was opened for the other direction only would be waited for in vain.
        0 if !fd::is_open_for(fd, events)? => Err(Error::EBADF),
        0 => Err(Error::EAGAIN),
        _ => Ok(()),
    }
}

/// # Safety
/// `buffer` is writable for `length` bytes.
pub(crate) unsafe fn read(
    fd: c_int,
    buffer: *mut c_void,
    length: usize,
    deadline: Nanos,
) -> Result<isize> {
    if length == 0 {
        // Never waits, unlike recv of nothing; but it can fail.
        // SAFETY: the caller vouches for the buffer.
        return perform_once(|| retry(|| unsafe { libc::read(fd, buffer, 0) }));
    }
    // SAFETY: the caller vouches for the buffer.
    let kind = match as_socket(fd, || unsafe { recv(fd, buffer, length, 0, deadline) })? {
        ControlFlow::Break(count) => return Ok(count),
        ControlFlow::Continue(kind) => kind,
    };
    perform(fd, Direction::Read, deadline, 0, move || {
        if kind == Kind::Blocking {
            would_wait(fd, libc::POLLIN)?;
        }
        // SAFETY: the caller vouches for the buffer.
        retry(|| unsafe { libc::read(fd, buffer, length) })
    })
}

/// # Safety
/// `buffer` is readable for `length` bytes.
pub(crate) unsafe fn write(
    fd: c_int,
    buffer: *const c_void,
    length: usize,
    deadline: Nanos,
) -> Result<isize> {
    // SAFETY: the caller vouches for the buffer.
    let kind = match as_socket(fd, || unsafe { send(fd, buffer, length, 0, deadline) })? {
        ControlFlow::Break(count) => return Ok(count),
        ControlFlow::Continue(kind) => kind,
    };
    if length == 0 {
        // To write nothing never waits.
        // SAFETY: the caller vouches for the buffer.
        return perform_once(|| unsafe { write_by_kind(fd, Kind::NonBlocking, buffer, 0) });
    }
    perform(fd, Direction::Write, deadline, 0, move || {
        // SAFETY: the caller vouches for the buffer.
        unsafe { write_by_kind(fd, kind, buffer, length) }
    })
}

/// One write to something that is no socket.
///
/// # Safety
/// `buffer` is readable for `length` bytes.
unsafe fn write_by_kind(
    fd: c_int,
    kind: Kind,
    buffer: *const c_void,
    length: usize,
) -> Result<isize> {
    let length = match kind {
        Kind::Blocking => {
            would_wait(fd, libc::POLLOUT)?;
            length.min(PIECE)
        }
        _ => length,
    };
    // SAFETY: the caller vouches for the buffer.
    sigpipe::shielded(length, || retry(|| unsafe { libc::write(fd, buffer, length) }))
}

/// Whether ranges have no room for a single byte.
///
/// # Safety
/// `iov` has `count` entries.
unsafe fn holds_nothing(iov: *const iovec, count: usize) -> bool {
    // SAFETY: the caller vouches for the entries.
    (0..count).all(|at| unsafe { (*iov.add(at)).iov_len } == 0)
}

pub(crate) fn message_of(iov: *const iovec, count: usize) -> msghdr {
    // SAFETY: all zeroes is a valid msghdr: null pointers and no lengths.
    let mut message: msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = iov.cast_mut();
    message.msg_iovlen = count as _;
    message
}

/// # Safety
/// `iov` has `count` entries, each a writable range.
pub(crate) unsafe fn readv(
    fd: c_int,
    iov: *const iovec,
    count: usize,
    deadline: Nanos,
) -> Result<isize> {
    // SAFETY: the caller vouches for the entries.
    if unsafe { holds_nothing(iov, count) } {
        // SAFETY: the caller vouches for the entries.
        return perform_once(|| retry(|| unsafe { libc::readv(fd, iov, count as c_int) }));
    }
    let mut message = message_of(iov, count);
    // SAFETY: the caller vouches for the ranges.
    let kind = match as_socket(fd, || unsafe { recvmsg(fd, &mut message, 0, deadline) })? {
        ControlFlow::Break(count) => return Ok(count),
        ControlFlow::Continue(kind) => kind,
    };
    perform(fd, Direction::Read, deadline, 0, move || {
        if kind == Kind::Blocking {
            would_wait(fd, libc::POLLIN)?;
        }
        // SAFETY: the caller vouches for the ranges.
        retry(|| unsafe { libc::readv(fd, iov, count as c_int) })
    })
}

/// # Safety
/// `iov` has `count` entries, each a readable range.
pub(crate) unsafe fn writev(
    fd: c_int,
    iov: *const iovec,
    count: usize,
    deadline: Nanos,
) -> Result<isize> {
    let message = message_of(iov, count);
    // SAFETY: the caller vouches for the ranges.
    let kind = match as_socket(fd, || unsafe { sendmsg(fd, &message, 0, deadline) })? {
        ControlFlow::Break(count) => return Ok(count),
        ControlFlow::Continue(kind) => kind,
    };
    match kind {
        Kind::Blocking => {
            // Only a piece is sure not to wait, so the first range that holds anything gives one.
            // SAFETY: the caller vouches for the entries.
            let mut ranges = (0..count).map(|at| unsafe { *iov.add(at) });
            match ranges.find(|range| range.iov_len > 0) {
                // SAFETY: the caller vouches for the range.
                Some(range) => unsafe { write(fd, range.iov_base, range.iov_len, deadline) },
                None => perform_once(|| {
                    // SAFETY: the caller vouches for the entries.
                    retry(|| unsafe { libc::writev(fd, iov, count as c_int) })
                }),
            }
        }
        _ => perform(fd, Direction::Write, deadline, 0, move || {
            sigpipe::shielded(usize::MAX, || {
                // SAFETY: the caller vouches for the ranges.
                retry(|| unsafe { libc::writev(fd, iov, count as c_int) })
            })
        }),
    }
}
