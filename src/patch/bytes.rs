//! read(2), write(2) and their kin, on whatever has the number.
//!
//! What is no socket has no flag of its own against waiting, and a mode that may be shared with other
//! processes: a terminal, or a pipe from the parent, must not be put into another one. So the call is made
//! with RWF_NOWAIT where the kernel takes that, else after poll(2), in pieces that are sure to fit.

use super::caller::Caller;
use super::hooks::originals;
use super::nature::{self, Nature};
use super::turn::{result, try_first, wait, Patience, Rest};
use super::{ranges, socket};
use crate::clock;
use crate::error::{Error, Result};
use crate::hub::{self, Direction};
use crate::net::stream::message_of;
use crate::sys::file::MOST;
use libc::iovec;
use std::ffi::{c_int, c_void};

/// Takes a descriptor for a socket first if it was one: `call` gives its result, or what it is instead.
#[inline(always)]
fn as_socket(
    caller: Caller,
    fd: c_int,
    call: impl FnOnce() -> Result<isize>,
) -> Result<std::result::Result<isize, Nature>> {
    if !caller.hub.seems_socket(fd) {
        match nature::of(fd)? {
            Nature::Socket => {
                caller.hub.kind_of(fd)?;
            }
            other => return Ok(Err(other)),
        }
    }
    match call() {
        Err(Error::ENOTSOCK) => nature::of(fd).map(Err),
        done => done.map(Ok),
    }
}

/// # Safety
/// As read(2).
pub(super) unsafe fn read(
    caller: Caller,
    fd: c_int,
    buffer: *mut c_void,
    length: usize,
) -> Result<isize> {
    // SAFETY: the caller vouches for the buffer.
    let plain = || result(unsafe { originals::read(fd, buffer, length) });
    if ranges::is_beyond_memory(length) {
        return plain();
    }
    let socket = || match length {
        // Nothing is received, unlike recv(2) of nothing.
        0 => plain(),
        // SAFETY: the caller vouches for the buffer.
        _ => unsafe { socket::recv(caller, fd, buffer, length, 0) },
    };
    match as_socket(caller, fd, socket)? {
        Ok(count) => Ok(count),
        Err(nature) if nature.never_waits(fd, length) => spent(caller, plain()),
        Err(nature) => {
            let range = iovec { iov_base: buffer, iov_len: length };
            // SAFETY: the caller vouches for the buffer.
            unsafe { read_ranges(caller, fd, nature, &range, 1) }
        }
    }
}

/// # Safety
/// As readv(2).
pub(super) unsafe fn readv(
    caller: Caller,
    fd: c_int,
    iov: *const iovec,
    count: c_int,
) -> Result<isize> {
    // SAFETY: the caller vouches for the ranges.
    let plain = || result(unsafe { originals::readv(fd, iov, count) });
    let entries = ranges::counted(count);
    // SAFETY: the caller vouches for the entries.
    let Some(length) = (unsafe { ranges::total(iov, entries) }) else { return plain() };
    let socket = || match length {
        0 => plain(),
        _ => {
            let mut message = message_of(iov, entries);
            // SAFETY: the caller vouches for the ranges.
            unsafe { socket::recvmsg(caller, fd, &mut message, 0) }
        }
    };
    match as_socket(caller, fd, socket)? {
        Ok(count) => Ok(count),
        Err(nature) if nature.never_waits(fd, length) => spent(caller, plain()),
        // SAFETY: the caller vouches for the ranges.
        Err(nature) => unsafe { read_ranges(caller, fd, nature, iov, entries) },
    }
}

/// # Safety
/// `iov` has `count` entries, each a writable range.
unsafe fn read_ranges(
    caller: Caller,
    fd: c_int,
    nature: Nature,
    iov: *const iovec,
    count: usize,
) -> Result<isize> {
    // SAFETY: the caller vouches for the ranges.
    let attempt = || unsafe { nature::read(fd, iov, count) };
    // SAFETY: as above.
    let plain = || result(unsafe { originals::readv(fd, iov, count as c_int) });
    if let Some(count) = try_first(caller, fd, Direction::Read, &attempt)? {
        return spent(caller, Ok(count));
    }
    let Some(mut patience) = Patience::of_file(fd)? else { return plain() };
    let idle = if nature == Nature::Device { nature::idle_time(fd) } else { None };
    match idle {
        Some(0) => return plain(),
        Some(span) => patience.deadline = clock::after_ns(span),
        None => {}
    }
    match wait(caller, fd, Direction::Read, 0, patience, &attempt) {
        Err(Error::EAGAIN) if idle.is_some() => Ok(0),
        // The end is what it gives to who comes afterwards.
        Ok(0) if nature == Nature::Device && nature::is_hung_up(fd) => Err(Error::errno(libc::EIO)),
        // What no poller takes is never waited for.
        Err(Error::EPERM) => plain(),
        done => done,
    }
}

/// # Safety
/// As write(2).
pub(super) unsafe fn write(
    caller: Caller,
    fd: c_int,
    buffer: *const c_void,
    length: usize,
) -> Result<isize> {
    // SAFETY: the caller vouches for the buffer.
    let plain = || result(unsafe { originals::write(fd, buffer, length) });
    if ranges::is_beyond_memory(length) {
        return plain();
    }
    // SAFETY: the caller vouches for the buffer.
    let socket = || unsafe { socket::send(caller, fd, buffer, length, 0) };
    match as_socket(caller, fd, socket)? {
        Ok(count) => Ok(count),
        Err(nature) if nature.never_waits(fd, length) => spent(caller, plain()),
        Err(nature) => {
            let range = iovec { iov_base: buffer.cast_mut(), iov_len: length };
            // SAFETY: the caller vouches for the buffer.
            unsafe { write_ranges(caller, fd, nature, (&range, 1), length) }
        }
    }
}

/// # Safety
/// As writev(2).
pub(super) unsafe fn writev(
    caller: Caller,
    fd: c_int,
    iov: *const iovec,
    count: c_int,
) -> Result<isize> {
    // SAFETY: the caller vouches for the ranges.
    let plain = || result(unsafe { originals::writev(fd, iov, count) });
    let entries = ranges::counted(count);
    // SAFETY: the caller vouches for the entries.
    let Some(length) = (unsafe { ranges::total(iov, entries) }) else { return plain() };
    let socket = || {
        if length == 0 {
            // Nothing is sent, unlike by write(2) of nothing.
            return plain();
        }
        let message = message_of(iov, entries);
        // SAFETY: the caller vouches for the ranges.
        unsafe { socket::send_message(caller, fd, &message, 0) }
    };
    match as_socket(caller, fd, socket)? {
        Ok(count) => Ok(count),
        Err(nature) if nature.never_waits(fd, length) => spent(caller, plain()),
        // SAFETY: the caller vouches for the ranges.
        Err(nature) => unsafe { write_ranges(caller, fd, nature, (iov, entries), length) },
    }
}

/// Writes everything, as a descriptor in blocking mode does.
///
/// # Safety
/// `iov` has `count` entries, each a readable range, of `length` bytes together.
unsafe fn write_ranges(
    caller: Caller,
    fd: c_int,
    nature: Nature,
    (iov, count): (*const iovec, usize),
    length: usize,
) -> Result<isize> {
    // SAFETY: the caller vouches for the ranges.
    let plain = || result(unsafe { originals::writev(fd, iov, count as c_int) });
    let stamp = hub::stamp(fd);
    // SAFETY: as above.
    let attempt = || unsafe { nature::write(fd, nature, iov, count) };
    let first = try_first(caller, fd, Direction::Write, &attempt)?;
    let target = length.min(MOST);
    if let Some(moved) = first.filter(|moved| *moved as usize >= target) {
        return spent(caller, Ok(moved));
    }
    let Some(patience) = Patience::of_file(fd)? else {
        return first.map_or_else(plain, Ok);
    };
    if first.is_none() && nature == Nature::Records {
        // SAFETY: the caller vouches for the ranges.
        unsafe { nature::try_counter(fd, iov, count) }?;
    }
    let moved = match first {
        Some(moved) => moved,
        None => match wait(caller, fd, Direction::Write, 0, patience, &attempt) {
            // What no poller takes is never waited for.
            Err(Error::EPERM) => return plain(),
            done => done?,
        },
    };
    let direction = Direction::Write;
    let rest = Rest { fd, direction, patience, stamp, moved: moved as usize, target };
    rest.carry_on(caller, &|moved| {
        // SAFETY: parts of the caller's ranges.
        unsafe {
            let left = ranges::rest(iov, count, moved, usize::MAX)?;
            nature::write(fd, nature, left.as_ptr(), left.len())
        }
    })
}

fn spent(caller: Caller, done: Result<isize>) -> Result<isize> {
    let count = done?;
    caller.hub.spend(caller.thread);
    Ok(count)
}

/// preadv2(2), which reads at the descriptor's own position for an offset of -1.
///
/// # Safety
/// As preadv2(2).
pub(super) unsafe fn preadv2(
    caller: Caller,
    fd: c_int,
    iov: *const iovec,
    count: c_int,
    offset: i64,
    flags: c_int,
) -> Result<isize> {
    if offset == -1 && flags == 0 {
        // SAFETY: the caller vouches for the ranges.
        return unsafe { readv(caller, fd, iov, count) };
    }
    // SAFETY: as above.
    result(unsafe { originals::preadv2(fd, iov, count, offset, flags) })
}

/// # Safety
/// As pwritev2(2).
pub(super) unsafe fn pwritev2(
    caller: Caller,
    fd: c_int,
    iov: *const iovec,
    count: c_int,
    offset: i64,
    flags: c_int,
) -> Result<isize> {
    if offset == -1 && flags == 0 {
        // SAFETY: the caller vouches for the ranges.
        return unsafe { writev(caller, fd, iov, count) };
    }
    // SAFETY: as above.
    result(unsafe { originals::pwritev2(fd, iov, count, offset, flags) })
}

/// read(2) as programs call it that were compiled with -D_FORTIFY_SOURCE.
///
/// # Safety
/// As read(2), into a place of `room` bytes.
pub(super) unsafe fn read_chk(
    caller: Caller,
    fd: c_int,
    buffer: *mut c_void,
    length: usize,
    room: usize,
) -> Result<isize> {
    if length > room {
        // Ends the process.
        // SAFETY: libc's own check is what the caller wants.
        return result(unsafe { originals::__read_chk(fd, buffer, length, room) });
    }
    // SAFETY: the caller vouches for the buffer.
    unsafe { read(caller, fd, buffer, length) }
}

/// # Safety
/// As recv(2), into a place of `room` bytes.
pub(super) unsafe fn recv_chk(
    caller: Caller,
    fd: c_int,
    buffer: *mut c_void,
    length: usize,
    room: usize,
    flags: c_int,
) -> Result<isize> {
    if length > room {
        // SAFETY: as in `read_chk`.
        return result(unsafe { originals::__recv_chk(fd, buffer, length, room, flags) });
    }
    // SAFETY: the caller vouches for the buffer.
    unsafe { socket::recv(caller, fd, buffer, length, flags) }
}

/// # Safety
/// As recvfrom(2), into a place of `room` bytes.
#[allow(clippy::too_many_arguments, reason = "libc's own")]
pub(super) unsafe fn recvfrom_chk(
    caller: Caller,
    fd: c_int,
    buffer: *mut c_void,
    length: usize,
    room: usize,
    flags: c_int,
    address: *mut libc::sockaddr,
    address_length: *mut libc::socklen_t,
) -> Result<isize> {
    if length > room {
        // SAFETY: as in `read_chk`.
        return result(unsafe {
            originals::__recvfrom_chk(fd, buffer, length, room, flags, address, address_length)
        });
    }
    // SAFETY: the caller vouches for the buffer and the address.
    unsafe { socket::recvfrom(caller, fd, buffer, length, flags, address, address_length) }
}
