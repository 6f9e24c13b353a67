//! Several descriptors at once.
//!
//! poll(2) with a timeout of zero tells the truth of the moment; edges only say when to ask again.
//! So the answer is the kernel's own, for every kind of descriptor and every event that it knows.

use crate::clock::Nanos;
use crate::error::{Error, Result};
use crate::hub::{enter, PollWaiter};
use crate::sys::wait;
use crate::thread::{Reason, Wake};
use libc::pollfd;
use std::ffi::{c_int, c_short};

/// Waits until a descriptor is ready for one of `events`, and gives what it is ready for.
pub(crate) fn wait_fd(fd: c_int, events: c_int, deadline: Nanos) -> Result<c_int> {
    let known = c_int::from(libc::POLLIN | libc::POLLOUT | libc::POLLPRI | libc::POLLRDHUP);
    if events == 0 || events & !known != 0 {
        return Err(Error::EINVAL);
    }
    if fd < 0 {
        return Err(Error::EBADF);
    }
    let mut entry = pollfd { fd, events: events as c_short, revents: 0 };
    match poll(std::slice::from_mut(&mut entry), deadline)? {
        0 => Err(Error::ETIMEDOUT),
        _ if entry.revents & libc::POLLNVAL != 0 => Err(Error::EBADF),
        _ => Ok(c_int::from(entry.revents)),
    }
}

/// Waits until one of the descriptors is ready. The number that are, 0 at the deadline.
pub(crate) fn poll(fds: &mut [pollfd], deadline: Nanos) -> Result<usize> {
    let hub = enter()?;
    let thread = hub.suspender()?;
    let ready = ask(fds)?;
    if ready > 0 {
        hub.spend(thread);
        return Ok(ready);
    }
    // One descriptor is the common case, and an allocation is worth avoiding on a wait.
    let mut one: Option<PollWaiter<'_>> = None;
    let mut many: Vec<PollWaiter<'_>> = Vec::new();
    let watched = fds.iter().filter(|entry| entry.fd >= 0);
    let count = watched.clone().count();
    if count == 1 {
        for entry in watched {
            one = Some(PollWaiter::new(hub, thread, entry.fd)?);
        }
    } else {
        many.try_reserve_exact(count).map_err(|_| Error::ENOMEM)?;
        for entry in watched {
            many.push(PollWaiter::new(hub, thread, entry.fd)?);
        }
    }
    for waiter in one.iter().chain(&many) {
        // SAFETY: neither `one` nor `many` changes from here to its drop, at the end of this function.
        unsafe { waiter.watch() };
    }
    loop {
        let ready = ask(fds)?;
        if ready > 0 {
            return Ok(ready);
        }
        if thread.is_interrupted() {
            // Cancelled after it was woken and before it ran, for an event that came to nothing.
            return Err(Error::ECANCELED);
        }
        for waiter in one.iter().chain(&many) {
            waiter.rearm();
        }
        let wake = hub.park(thread, Reason::Poll(count), deadline);
        let closed = mark_closed(fds, one.iter().chain(&many));
        if closed > 0 {
            return Ok(closed);
        }
        match wake {
            Wake::Ready => {}
            Wake::Canceled => return Err(Error::ECANCELED),
            Wake::Interrupted => return Err(Error::EINTR),
            Wake::TimedOut | Wake::Deadlock => return ask(fds),
        }
    }
}

fn ask(fds: &mut [pollfd]) -> Result<usize> {
    // SAFETY: a slice is valid for its length.
    unsafe { wait::poll_now(fds.as_mut_ptr(), fds.len()) }.map(|count| count as usize)
}

/// Answers POLLNVAL for descriptors that were closed meanwhile: the number may be another's by now,
/// so that the kernel's answer would be about that one.
fn mark_closed<'a>(fds: &mut [pollfd], waiters: impl Iterator<Item = &'a PollWaiter<'a>>) -> usize {
    let mut closed = 0;
    for (entry, waiter) in fds.iter_mut().filter(|entry| entry.fd >= 0).zip(waiters) {
        if waiter.is_closed() {
            entry.revents = libc::POLLNVAL;
            closed += 1;
        }
    }
    closed
}
