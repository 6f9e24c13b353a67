//! recv(2), send(2) and their kin. Sockets are never put into another mode: MSG_DONTWAIT makes the single
//! call non-blocking.

use super::caller::Caller;
use super::hooks::originals;
use super::origin::Trail;
use super::readable::is_there;
use super::turn::{is_unix, may_go_on, result, socket_call, wait, Patience, Rest};
use super::{listener, options, ranges};
use crate::error::{Error, Result};
use crate::hub::{self, Direction, Stamp};
use crate::net::stream::{asked, is_immediate, message_of};
use crate::net::{passed, pause};
use crate::sys::fd::Kind;
use crate::sys::file::MOST;
use crate::sys::wait::poll_one;
use crate::sys::{errno, fd, retry};
use libc::{iovec, msghdr, sockaddr, socklen_t};
use std::ffi::{c_int, c_void};
use std::ptr;

/// Counts a call that has moved something.
fn spent(caller: Caller, count: isize) -> isize {
    caller.hub.spend(caller.thread);
    count
}

fn is_stream(socket: c_int) -> bool {
    fd::socket_option(socket, libc::SO_TYPE) == Ok(libc::SOCK_STREAM)
}

/// Whether a receiving caller may have asked to wait for more than there is.
#[inline(always)]
fn waits_for_more(flags: c_int) -> bool {
    let waits = flags & libc::MSG_WAITALL != 0 || options::is_used();
    waits && !is_immediate(Direction::Read, flags)
}

/// Receives what is still missing of a stream, while `is_open` says that more may follow. `step` receives from
/// an offset on, with the flags it gets.
#[cold]
fn receive_rest(
    caller: Caller,
    (fd, stamp): (c_int, Stamp),
    (count, length): (isize, usize),
    flags: c_int,
    is_open: &dyn Fn() -> bool,
    step: &dyn Fn(usize, c_int) -> isize,
) -> Result<isize> {
    let count = count as usize;
    let target = if flags & libc::MSG_WAITALL != 0 { length } else { options::of(fd).min(length) };
    if count >= target || !is_stream(fd) {
        return Ok(count as isize);
    }
    // A Unix socket looks at what there is, and waits for no more.
    if flags & libc::MSG_PEEK != 0 && is_unix(fd) {
        return Ok(count as isize);
    }
    let Some(patience) = Patience::of_socket(fd, Direction::Read)? else {
        return Ok(count as isize);
    };
    let flags = (flags | libc::MSG_DONTWAIT) & !libc::MSG_WAITALL;
    if flags & libc::MSG_PEEK != 0 {
        return peek_rest(caller, fd, (count, target), patience, &|| step(0, flags));
    }
    let rest = Rest { fd, direction: Direction::Read, patience, stamp, moved: count, target };
    rest.carry_on(caller, &|moved| {
        if !is_open() {
            return Ok(0);
        }
        match may_go_on(fd, libc::POLLIN) {
            Err(Error::EPIPE) if options::readable_bytes(fd).unwrap_or(0) == 0 => {
                return Err(breaking(fd))
            }
            Err(Error::EPIPE) | Ok(()) => {}
            Err(error) => return Err(error),
        }
        retry(|| step(moved, flags))
    })
}

/// Waits until so much can be looked at: each try sees everything anew.
fn peek_rest(
    caller: Caller,
    fd: c_int,
    (count, target): (usize, usize),
    patience: Patience,
    peek: &dyn Fn() -> isize,
) -> Result<isize> {
    let seen = std::cell::Cell::new(count as isize);
    let done = wait(caller, fd, Direction::Read, 0, patience, &|| {
        seen.set(retry(peek)?);
        let ended = libc::POLLRDHUP | libc::POLLHUP | libc::POLLERR;
        let has_ended = poll_one(fd, libc::POLLRDHUP, 0)? & ended != 0;
        match seen.get() {
            short if (short as usize) < target && !has_ended => Err(Error::EAGAIN),
            enough => Ok(enough),
        }
    });
    Ok(done.unwrap_or(seen.get()))
}

/// Receives nothing: of TCP even that waits, but only once, for whatever comes first, and then gives 0. An error
/// stays where it is, and neither a timeout nor a signal is told. `None` for that, with which nothing is filled in.
#[cold]
fn receive_nothing(
    caller: Caller,
    fd: c_int,
    flags: c_int,
    call: &dyn Fn(c_int) -> isize,
) -> Result<Option<isize>> {
    if is_immediate(Direction::Read, flags) {
        return socket_call(caller, fd, Direction::Read, flags, 0, call).map(Some);
    }
    let patience = match retry(|| call(flags | libc::MSG_DONTWAIT)) {
        Err(Error::EAGAIN) => Patience::of_socket(fd, Direction::Read)?,
        done => return done.map(Some),
    };
    let Some(patience) = patience else { return Err(Error::EAGAIN) };
    if fd::kind(fd)? != Kind::Tcp {
        return socket_call(caller, fd, Direction::Read, flags, 0, call).map(Some);
    }
    let anything = || match poll_one(fd, libc::POLLIN | libc::POLLRDHUP, 0)? {
        0 => Err(Error::EAGAIN),
        _ => Ok(0),
    };
    match wait(caller, fd, Direction::Read, 0, patience, &anything) {
        Err(error @ (Error::ECANCELED | Error::EBADF | Error::DEADLOCK)) => Err(error),
        _ => Ok(None),
    }
}

/// # Safety
/// As recv(2).
#[inline(always)]
pub(super) unsafe fn recv(
    caller: Caller,
    fd: c_int,
    buffer: *mut c_void,
    length: usize,
    flags: c_int,
) -> Result<isize> {
    let call = |flags: c_int| {
        // SAFETY: the caller vouches for the buffer.
        unsafe { originals::recv(fd, buffer, length, flags) }
    };
    if length == 0 {
        let done = receive_nothing(caller, fd, flags, &call)?;
        return Ok(done.unwrap_or(0));
    }
    if waits_for_more(flags) {
        // SAFETY: as above.
        let done =
            unsafe { receive_whole(caller, fd, buffer, length, flags, (ptr::null_mut(), 0)) };
        return done.map(|(count, _)| count);
    }
    let asked = asked(length, flags);
    Ok(spent(caller, socket_call(caller, fd, Direction::Read, flags, asked, call)?))
}

/// Receives as recvmsg(2) does, which tells when descriptors were among the bytes: with these ends what is waited
/// for. With the length of the sender's address.
///
/// # Safety
/// As recvfrom(2), but that there may be no address.
#[cold]
unsafe fn receive_whole(
    caller: Caller,
    fd: c_int,
    buffer: *mut c_void,
    length: usize,
    flags: c_int,
    (address, room): (*mut sockaddr, socklen_t),
) -> Result<(isize, socklen_t)> {
    let range = iovec { iov_base: buffer, iov_len: length };
    let mut message = message_of(&range, 1);
    (message.msg_name, message.msg_namelen) = (address.cast(), room);
    // SAFETY: the caller vouches for the buffer and the address.
    let count = unsafe { recvmsg(caller, fd, &mut message, flags) }?;
    Ok((count, message.msg_namelen))
}

/// # Safety
/// As recvfrom(2).
pub(super) unsafe fn recvfrom(
    caller: Caller,
    fd: c_int,
    buffer: *mut c_void,
    length: usize,
    flags: c_int,
    address: *mut sockaddr,
    address_length: *mut socklen_t,
) -> Result<isize> {
    let call = |flags: c_int| {
        // SAFETY: the caller vouches for all four.
        unsafe { originals::recvfrom(fd, buffer, length, flags, address, address_length) }
    };
    // SAFETY: the caller vouches for the address, which a stream may have none for.
    let place = if address.is_null() { None } else { unsafe { address_length.as_mut() } };
    let is_good = address.is_null() || place.as_ref().is_some_and(|place| **place as c_int >= 0);
    if length == 0 {
        let done = receive_nothing(caller, fd, flags, &call)?;
        match (done, place) {
            (None, Some(place)) if is_good => *place = 0,
            (None, Some(_)) => return Err(Error::EINVAL),
            (None, None) if !is_good => return Err(Error::errno(libc::EFAULT)),
            _ => {}
        }
        return Ok(done.unwrap_or(0));
    }
    // What is wrong with the address the kernel says when something has come.
    if waits_for_more(flags) && is_good {
        let name = (address, place.as_ref().map_or(0, |place| **place));
        // SAFETY: the caller vouches for the buffer and the address.
        let (count, named) = unsafe { receive_whole(caller, fd, buffer, length, flags, name) }?;
        if let Some(place) = place {
            *place = named;
        }
        return Ok(count);
    }
    let asked = asked(length, flags & !libc::MSG_WAITALL);
    Ok(spent(caller, socket_call(caller, fd, Direction::Read, flags, asked, call)?))
}

/// Stands for EAGAIN where no room was given for what may come: no recvmsg(2) fails with it.
const ASKS_NOTHING: c_int = libc::EXFULL;

/// # Safety
/// The ranges of the message are as recvmsg(2) wants them.
unsafe fn holds_nothing(message: &msghdr) -> bool {
    // SAFETY: the caller vouches for the ranges.
    unsafe {
        ranges::total(message.msg_iov, message.msg_iovlen) == Some(0) || message.msg_iovlen == 0
    }
}

/// # Safety
/// As recvmsg(2).
pub(super) unsafe fn recvmsg(
    caller: Caller,
    fd: c_int,
    message: *mut msghdr,
    flags: c_int,
) -> Result<isize> {
    // SAFETY: it is there.
    let before = is_there(message, 1).then(|| unsafe { *message });
    let call = |flags: c_int| {
        // SAFETY: the caller vouches for the message.
        unsafe { originals::recvmsg(fd, message, flags) }
    };
    let waits = !is_immediate(Direction::Read, flags);
    let count = match socket_call(caller, fd, Direction::Read, flags, 0, |flags| {
        let count = call(flags);
        // Only now has the kernel found that the ranges are there to be looked at.
        if count < 0 && waits && errno::last() == libc::EAGAIN {
            // SAFETY: the caller vouches for the message, and the word is this OS thread's own errno.
            unsafe {
                if holds_nothing(&*message) {
                    *errno::address() = ASKS_NOTHING;
                }
            }
        }
        count
    }) {
        Err(error) if error == Error::errno(ASKS_NOTHING) => {
            let done = receive_nothing(caller, fd, flags, &call)?;
            if done.is_none() {
                // SAFETY: the caller vouches for the message.
                let message = unsafe { &mut *message };
                message.msg_controllen = 0;
                message.msg_flags = flags & libc::MSG_CMSG_CLOEXEC;
                if !message.msg_name.is_null() {
                    message.msg_namelen = 0;
                }
            }
            done.unwrap_or(0)
        }
        done => done?,
    };
    let Some(before) = before else { return Ok(count) };
    // SAFETY: the kernel has filled the message in, which was `before`.
    unsafe { complete(caller, fd, (message, &before), count, flags) }
}

/// Takes in what has come with a message of `count` bytes, and receives what is still missing of it.
///
/// # Safety
/// The kernel has filled in the message, which was `before`.
pub(super) unsafe fn complete(
    caller: Caller,
    fd: c_int,
    (message, before): (*mut msghdr, &msghdr),
    count: isize,
    flags: c_int,
) -> Result<isize> {
    // SAFETY: the kernel has filled the message in.
    let (iov, ranges, grows) = unsafe {
        passed::adopt_all(&*message);
        ((*message).msg_iov, (*message).msg_iovlen, may_grow(&*message))
    };
    // SAFETY: the kernel has read the ranges.
    let length = unsafe { ranges::total(iov, ranges) }.unwrap_or(0);
    if grows && waits_for_more(flags) && count > 0 && (count as usize) < length {
        let call = |at: usize, flags: c_int| {
            // SAFETY: the caller vouches for the ranges and the room for what comes with them.
            unsafe { receive_more(fd, message, before, at, flags) }
        };
        // SAFETY: the kernel has filled the message in.
        let is_open = || unsafe { may_grow(&*message) };
        return receive_rest(caller, (fd, hub::stamp(fd)), (count, length), flags, &is_open, &call);
    }
    Ok(spent(caller, count))
}

/// Whether more bytes may be added to what has come: the kernel adds nothing behind descriptors, taken or not.
fn may_grow(message: &msghdr) -> bool {
    message.msg_controllen == 0 && message.msg_flags & libc::MSG_CTRUNC == 0
}

/// One more recvmsg(2) into what is left of a message's ranges.
///
/// # Safety
/// `message` is as recvmsg(2) wants it, has been filled in, and was `before` before the first step.
unsafe fn receive_more(
    fd: c_int,
    message: *mut msghdr,
    before: &msghdr,
    at: usize,
    flags: c_int,
) -> isize {
    // SAFETY: the caller vouches for the ranges.
    let left = unsafe { ranges::rest(before.msg_iov, before.msg_iovlen, at, usize::MAX) };
    let Ok(mut left) = left else { return 0 };
    let mut more = msghdr { msg_iov: left.as_mut_ptr(), msg_iovlen: left.len() as _, ..*before };
    more.msg_name = ptr::null_mut();
    more.msg_namelen = 0;
    // SAFETY: the caller vouches for the ranges and the room.
    unsafe {
        let count = originals::recvmsg(fd, &mut more, flags);
        if count >= 0 {
            (*message).msg_controllen = more.msg_controllen;
            (*message).msg_flags |= more.msg_flags;
            passed::adopt_all(&more);
        }
        count
    }
}

/// Makes a call that sends. `names` says whether it has an address: a Unix socket whose receiver is full has
/// no event that tells when it no longer is.
#[inline(always)]
fn sending(
    caller: Caller,
    fd: c_int,
    flags: c_int,
    names: bool,
    call: impl Fn(c_int) -> isize,
) -> Result<isize> {
    if !names {
        return socket_call(caller, fd, Direction::Write, flags, 0, call);
    }
    match result(call(flags | libc::MSG_DONTWAIT)) {
        Err(Error::EAGAIN) if flags & libc::MSG_DONTWAIT == 0 => {}
        done => return done,
    }
    if !is_unix(fd) {
        return socket_call(caller, fd, Direction::Write, flags, 0, call);
    }
    let Some(patience) = Patience::of_socket(fd, Direction::Write)? else {
        return Err(Error::EAGAIN);
    };
    retry_later(caller, fd, patience, &|| retry(|| call(flags | libc::MSG_DONTWAIT)))
}

/// Repeats what has just said EAGAIN, and of which no event tells.
pub(super) fn retry_later(
    caller: Caller,
    fd: c_int,
    patience: Patience,
    attempt: &dyn Fn() -> Result<isize>,
) -> Result<isize> {
    if caller.thread.is_interrupted() {
        return Err(Error::ECANCELED);
    }
    match caller.heeding(patience.heed, || pause::retry(fd, patience.deadline, attempt)) {
        Err(Error::ETIMEDOUT) => Err(Error::EAGAIN),
        done => done,
    }
}

/// Sends what is still missing to a stream. `step` sends from an offset on, with the flags it gets.
#[cold]
fn send_rest(
    caller: Caller,
    (fd, stamp): (c_int, Stamp),
    (count, length): (isize, usize),
    flags: c_int,
    step: &dyn Fn(usize, c_int) -> isize,
) -> Result<isize> {
    if !is_stream(fd) {
        return Ok(count);
    }
    let Some(patience) = Patience::of_socket(fd, Direction::Write)? else { return Ok(count) };
    let moved = count as usize;
    let rest =
        Rest { fd, direction: Direction::Write, patience, stamp, moved, target: length.min(MOST) };
    // A connection that breaks now is the next call's to tell, with its signal.
    let flags = flags | libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    rest.carry_on(caller, &|moved| {
        match may_go_on(fd, libc::POLLOUT) {
            Err(Error::EPIPE) => return Err(breaking(fd)),
            other => other?,
        }
        retry(|| step(moved, flags))
    })
}

/// A connection breaks when part of a transfer is done. A Unix socket has told its error by that; TCP keeps it for
/// the next call.
#[cold]
fn breaking(fd: c_int) -> Error {
    if is_unix(fd) {
        // Asking takes it.
        let _ = fd::socket_option(fd, libc::SO_ERROR);
    }
    Error::EPIPE
}

fn is_partial(count: isize, length: usize, flags: c_int) -> bool {
    count > 0 && (count as usize) < length.min(MOST) && flags & libc::MSG_DONTWAIT == 0
}

/// One send(2) of a buffer, from an offset on.
///
/// # Safety
/// The buffer is readable for `length` bytes while the answer is in use, at offsets within it.
#[inline(always)]
unsafe fn send_from(
    fd: c_int,
    buffer: *const c_void,
    length: usize,
) -> impl Fn(usize, c_int) -> isize + Copy {
    move |at, flags| {
        // SAFETY: the caller vouches for the buffer and the offset.
        unsafe { originals::send(fd, buffer.wrapping_byte_add(at), length - at, flags) }
    }
}

/// # Safety
/// As send(2).
#[inline(always)]
pub(super) unsafe fn send(
    caller: Caller,
    fd: c_int,
    buffer: *const c_void,
    length: usize,
    flags: c_int,
) -> Result<isize> {
    // SAFETY: the caller vouches for the buffer.
    let call = unsafe { send_from(fd, buffer, length) };
    // What it moved says nothing of the room that is left: the rest is tried at once.
    let count = socket_call(caller, fd, Direction::Write, flags, 0, |flags| call(0, flags))?;
    if is_partial(count, length, flags) {
        return send_rest(caller, (fd, hub::stamp(fd)), (count, length), flags, &call);
    }
    Ok(spent(caller, count))
}

/// # Safety
/// As sendto(2).
pub(super) unsafe fn sendto(
    caller: Caller,
    fd: c_int,
    buffer: *const c_void,
    length: usize,
    flags: c_int,
    address: *const sockaddr,
    address_length: socklen_t,
) -> Result<isize> {
    let count = sending(caller, fd, flags, !address.is_null(), |flags| {
        // SAFETY: the caller vouches for both.
        unsafe { originals::sendto(fd, buffer, length, flags, address, address_length) }
    })?;
    if is_partial(count, length, flags) {
        // SAFETY: the caller vouches for the buffer.
        let call = unsafe { send_from(fd, buffer, length) };
        return send_rest(caller, (fd, hub::stamp(fd)), (count, length), flags, &call);
    }
    Ok(spent(caller, count))
}

/// Acts for every OS thread: descriptors may leave the process.
///
/// # Safety
/// As sendmsg(2).
pub(super) unsafe fn sendmsg(fd: c_int, message: *const msghdr, flags: c_int) -> isize {
    // SAFETY: the caller vouches for the message.
    unsafe { listener::release_passed(message) };
    static TRAIL: Trail = Trail::new();
    match super::caller::caller() {
        // SAFETY: the caller vouches for the message.
        None => unsafe { originals::sendmsg(fd, message, flags) },
        Some(caller) => {
            // SAFETY: as above.
            caller.answer(&TRAIL, |caller| unsafe { send_message(caller, fd, message, flags) })
        }
    }
}

/// # Safety
/// As sendmsg(2).
pub(super) unsafe fn send_message(
    caller: Caller,
    fd: c_int,
    message: *const msghdr,
    flags: c_int,
) -> Result<isize> {
    if !is_there(message, 1) {
        // SAFETY: the kernel refuses it.
        return result(unsafe { originals::sendmsg(fd, message, flags) });
    }
    // SAFETY: it is there.
    let given = unsafe { &*message };
    let count = sending(caller, fd, flags, !given.msg_name.is_null(), |flags| {
        // SAFETY: the caller vouches for the message.
        unsafe { originals::sendmsg(fd, message, flags) }
    })?;
    let (iov, ranges) = (given.msg_iov, given.msg_iovlen);
    // SAFETY: the kernel has read the ranges.
    let length = unsafe { ranges::total(iov, ranges) }.unwrap_or(0);
    if is_partial(count, length, flags) {
        let call = |at: usize, flags: c_int| {
            // SAFETY: the caller vouches for the ranges.
            let Ok(left) = (unsafe { ranges::rest(iov, ranges, at, usize::MAX) }) else {
                return 0;
            };
            let more = message_of(left.as_ptr(), left.len());
            // SAFETY: the caller vouches for the ranges.
            unsafe { originals::sendmsg(fd, &more, flags) }
        };
        return send_rest(caller, (fd, hub::stamp(fd)), (count, length), flags, &call);
    }
    Ok(spent(caller, count))
}
