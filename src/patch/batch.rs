//! recvmmsg(2) and sendmmsg(2): in blocking mode they move all their messages.

use super::caller::Caller;
use super::hooks::originals;
use super::origin::Trail;
use super::readable::is_there;
use super::turn::{may_go_on, result, socket_call, wait, Patience};
use super::wait::span;
use super::{caller, listener, options, ranges, socket};
use crate::clock::{self, Nanos};
use crate::error::{Error, Result};
use crate::hub::{self, Direction};
use crate::net::passed;
use crate::sys::{fd, retry};
use libc::{mmsghdr, msghdr, timespec};
use std::ffi::{c_int, c_uint};
use std::ptr;

/// The most messages that one call of the kernel sends (UIO_MAXIOV).
const MOST: usize = libc::UIO_MAXIOV as usize;

/// # Safety
/// As recvmmsg(2).
pub(super) unsafe fn recvmmsg(
    caller: Caller,
    fd: c_int,
    messages: *mut mmsghdr,
    count: c_uint,
    flags: c_int,
    timeout: *mut timespec,
) -> Result<c_int> {
    // SAFETY: the caller vouches for the time.
    let Some(span) = (unsafe { span(timeout) }) else {
        // SAFETY: the kernel refuses it.
        return ended(unsafe { originals::recvmmsg(fd, messages, count, flags, timeout) });
    };
    let until = (!timeout.is_null()).then(|| clock::after_ns(span));
    let call = |at: usize, flags: c_int| {
        // SAFETY: the caller vouches for the messages; a null timeout is none.
        unsafe {
            let left = count - at as c_uint;
            originals::recvmmsg(fd, messages.wrapping_add(at), left, flags, ptr::null_mut())
                as isize
        }
    };
    if count == 0 {
        return ended(call(0, flags) as c_int);
    }
    // What the kernel looks at after each message: a time, or whether one is complete.
    let singly = until.is_some() || flags & libc::MSG_WAITALL != 0 || options::is_used();
    let each = |at: usize, flags: c_int| {
        let flags = flags & !libc::MSG_WAITFORONE;
        let message = messages.wrapping_add(at);
        if !is_there(message, 1) {
            return Err(Error::errno(libc::EFAULT));
        }
        // SAFETY: the caller vouches for the messages, of which `at` is one that is there.
        let message = unsafe { &mut *message };
        let before = message.msg_hdr;
        // Not recvmsg(2), before which an error goes that has come after the last message.
        let place: *mut mmsghdr = message;
        socket_call(caller, fd, Direction::Read, flags, 0, |flags| {
            // SAFETY: as above.
            unsafe { originals::recvmmsg(fd, place, 1, flags, ptr::null_mut()) as isize }
        })?;
        let count = message.msg_len as isize;
        let filled: *mut msghdr = &mut message.msg_hdr;
        // SAFETY: the kernel has filled it in.
        let count = unsafe { socket::complete(caller, fd, (filled, &before), count, flags) }?;
        message.msg_len = count as c_uint;
        Ok(1)
    };
    let mut received = match singly && !messages.is_null() {
        true => each(0, flags)?,
        false => socket_call(caller, fd, Direction::Read, flags, 0, |flags| call(0, flags))?,
    } as usize;
    if !singly {
        // SAFETY: the kernel has filled in as many as it says.
        unsafe { adopt(messages, 0, received) };
    }
    let stamp = hub::stamp(fd);
    let target = count as usize;
    let waits = flags & (libc::MSG_DONTWAIT | libc::MSG_WAITFORONE) == 0;
    let is_over = |until: Option<Nanos>| until.is_some_and(|until| clock::now() >= until);
    // SAFETY: as above.
    let is_urgent = |received: usize| unsafe {
        (*messages.add(received - 1)).msg_hdr.msg_flags & libc::MSG_OOB != 0
    };
    while received < target
        && (singly || waits)
        && !is_over(until)
        && !is_urgent(received)
        && hub::stamp(fd) == stamp
    {
        // An error behind the messages is the next call's.
        let looked = match may_go_on(fd, libc::POLLIN) {
            Err(Error::EAGAIN) if waits => await_more(caller, fd),
            // Who does not wait takes less than poll(2) has been told to report (SO_RCVLOWAT).
            Err(Error::EAGAIN) => Ok(()),
            // Who asks for the queue of errors is told of none otherwise.
            Err(Error::EPIPE) if flags & libc::MSG_ERRQUEUE != 0 => Ok(()),
            looked => looked,
        };
        let more = looked.and_then(|()| match singly {
            true => each(received, flags | if waits { 0 } else { libc::MSG_DONTWAIT }),
            false => {
                let count = retry(|| call(received, flags | libc::MSG_DONTWAIT))?;
                // SAFETY: as above.
                unsafe { adopt(messages, received, count as usize) };
                Ok(count)
            }
        });
        match more {
            Ok(more) => received += more as usize,
            // Somebody else has taken what came.
            Err(Error::EAGAIN) if waits && looked.is_ok() && !singly => {}
            Err(_) => break,
        }
    }
    if let Some(until) = until {
        let left = (until - clock::now()).max(0);
        // SAFETY: the caller vouches for the time.
        unsafe {
            *timeout = timespec { tv_sec: left / 1_000_000_000, tv_nsec: left % 1_000_000_000 };
        }
    }
    caller.hub.spend(caller.thread);
    Ok(received as c_int)
}

/// Waits until a message has come, as long as the socket's timeout says, which is each message's own.
fn await_more(caller: Caller, fd: c_int) -> Result<()> {
    let Some(patience) = Patience::of_socket(fd, Direction::Read)? else {
        return Err(Error::EAGAIN);
    };
    let attempt = || may_go_on(fd, libc::POLLIN).map(|()| 0);
    wait(caller, fd, Direction::Read, 0, patience, &attempt).map(|_| ())
}

fn ended(done: c_int) -> Result<c_int> {
    result(done as isize).map(|done| done as c_int)
}

/// Tells the hubs of descriptors that have come with messages.
///
/// # Safety
/// The kernel has filled in `count` messages from `at` on.
unsafe fn adopt(messages: *mut mmsghdr, at: usize, count: usize) {
    for at in at..at + count {
        // SAFETY: the caller vouches for it.
        unsafe { passed::adopt_all(&(*messages.add(at)).msg_hdr) };
    }
}

/// Acts for every OS thread: descriptors may leave the process.
///
/// # Safety
/// As sendmmsg(2).
pub(super) unsafe fn sendmmsg(
    fd: c_int,
    messages: *mut mmsghdr,
    count: c_uint,
    flags: c_int,
) -> c_int {
    if !messages.is_null() {
        for at in 0..(count as usize).min(MOST) {
            // SAFETY: the caller vouches for the messages; one that is not there is let be.
            unsafe { listener::release_passed(messages.wrapping_add(at).cast::<msghdr>()) };
        }
    }
    static TRAIL: Trail = Trail::new();
    match caller::caller() {
        // SAFETY: the caller vouches for the messages.
        None => unsafe { originals::sendmmsg(fd, messages, count, flags) },
        Some(caller) => {
            // SAFETY: as above.
            caller.answer(&TRAIL, |caller| unsafe { send(caller, fd, messages, count, flags) })
        }
    }
}

/// Each message is sent as sendmsg(2) does, as the kernel has it.
///
/// # Safety
/// As sendmmsg(2).
unsafe fn send(
    caller: Caller,
    fd: c_int,
    messages: *mut mmsghdr,
    count: c_uint,
    flags: c_int,
) -> Result<c_int> {
    let passes = flags & libc::MSG_DONTWAIT != 0 || count == 0 || messages.is_null();
    if passes || fd::is_nonblocking(fd)? {
        // SAFETY: the caller vouches for the messages.
        return ended(unsafe { originals::sendmmsg(fd, messages, count, flags) });
    }
    let stamp = hub::stamp(fd);
    for at in 0..(count as usize).min(MOST) {
        if at > 0 && hub::stamp(fd) != stamp {
            return Ok(at as c_int);
        }
        let message = messages.wrapping_add(at);
        if !is_there(message, 1) {
            let refused = Err(Error::errno(libc::EFAULT));
            return if at == 0 { refused } else { Ok(at as c_int) };
        }
        // SAFETY: the caller vouches for the messages, of which this one is there.
        let message = unsafe { &mut *message };
        // SAFETY: as above.
        match unsafe { socket::send_message(caller, fd, &message.msg_hdr, flags) } {
            Ok(sent) => {
                message.msg_len = sent as c_uint;
                let given = &message.msg_hdr;
                // SAFETY: the kernel has read the ranges.
                let length = unsafe { ranges::total(given.msg_iov, given.msg_iovlen) };
                if length.is_some_and(|length| (sent as usize) < length) {
                    return Ok(at as c_int + 1);
                }
            }
            Err(error) if at == 0 => return Err(error),
            Err(_) => return Ok(at as c_int),
        }
    }
    Ok((count as usize).min(MOST) as c_int)
}
