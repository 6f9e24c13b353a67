//! Sending where a message may name its receiver.
//!
//! A Unix socket refuses a datagram whose receiver is full with EAGAIN. Of a connected peer the kernel
//! tells when there is room again. Of a receiver that the message names it does not: the sending socket
//! itself is writable all the while, and has an event for each message that it makes and drops. So
//! such a call leaves the queue of its descriptor, where it would be woken for nothing and hold up
//! those behind it.

use super::pause;
use super::stream::{quiet, socket_call};
use crate::clock::Nanos;
use crate::error::{Error, Result};
use crate::hub::{perform, Direction};
use crate::sys::{fd, retry};
use std::cell::Cell;
use std::ffi::c_int;

/// Makes a call that sends. `names` tells whether its message, the first if there are several, has an
/// address; it is asked only when the kernel has read the message and would wait with it.
#[inline(always)]
pub(super) fn send(
    fd: c_int,
    flags: c_int,
    asked: usize,
    deadline: Nanos,
    names: impl Fn() -> bool,
    call: impl Fn(c_int) -> isize + Copy,
) -> Result<isize> {
    if flags & libc::MSG_DONTWAIT != 0 {
        return socket_call(fd, Direction::Write, flags, asked, deadline, call);
    }
    let full = Cell::new(false);
    let attempt = || retry(|| call(quiet(flags)));
    let done = perform(fd, Direction::Write, deadline, asked, || match attempt() {
        Err(Error::EAGAIN) if names() && is_unix(fd) => {
            full.set(true);
            // Whatever is not EAGAIN ends the wait in the queue.
            Err(Error::EBUSY)
        }
        done => done,
    });
    if full.get() {
        return pause::retry(fd, deadline, attempt);
    }
    done
}

#[cold]
fn is_unix(fd: c_int) -> bool {
    fd::socket_option(fd, libc::SO_DOMAIN) == Ok(libc::AF_UNIX)
}
