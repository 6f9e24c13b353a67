//! Several descriptors at once.
//!
//! poll(2) with a timeout of zero tells the truth of the moment; edges only say when to ask again.
//! So the answer is the kernel's own, for every kind of descriptor and every event that it knows.

use crate::clock::Nanos;
use crate::error::{Error, Result};
use crate::hub::{enter, Hub, PollWaiter};
use crate::sys::wait;
use crate::thread::{Reason, Thread, Wake};
use libc::pollfd;
use smallvec::SmallVec;
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
        return Ok(ready as usize);
    }
    let numbers: SmallVec<[c_int; 4]> = fds.iter().map(|entry| entry.fd).collect();
    match watch(hub, thread, numbers.iter().copied(), deadline, || ask(fds))? {
        Found::Ready(count) => Ok(count as usize),
        Found::Closed(places) => Ok(mark_closed(fds, &places)),
    }
}

/// How a wait for several descriptors has ended.
#[derive(Debug)]
pub(crate) enum Found {
    /// By what the kernel was asked. 0 at the deadline.
    Ready(c_int),
    /// Descriptors were closed meanwhile: which, by their places. Their numbers may be others' by now, so
    /// that the kernel's answer would be about those.
    Closed(Vec<usize>),
}

/// Waits until `ask` says something else than 0, and asks whenever one of the descriptors may have changed.
/// Negative ones are nobody's.
pub(crate) fn watch(
    hub: &Hub,
    thread: &Thread,
    fds: impl Iterator<Item = c_int> + Clone,
    deadline: Nanos,
    mut ask: impl FnMut() -> Result<c_int>,
) -> Result<Found> {
    // One descriptor is the common case, and an allocation is worth avoiding on a wait.
    let mut one: Option<PollWaiter<'_>> = None;
    let mut many: Vec<PollWaiter<'_>> = Vec::new();
    let watched = fds.clone().filter(|fd| *fd >= 0);
    let count = watched.clone().count();
    if count == 1 {
        for fd in watched {
            one = Some(PollWaiter::new(hub, thread, fd)?);
        }
    } else {
        many.try_reserve_exact(count).map_err(|_| Error::ENOMEM)?;
        for fd in watched {
            many.push(PollWaiter::new(hub, thread, fd)?);
        }
    }
    for waiter in one.iter().chain(&many) {
        // SAFETY: neither `one` nor `many` changes from here to its drop, at the end of this function.
        unsafe { waiter.watch() };
    }
    loop {
        let ready = ask()?;
        if ready != 0 {
            return Ok(Found::Ready(ready));
        }
        if thread.is_interrupted() {
            // Cancelled after it was woken and before it ran, for an event that came to nothing.
            return Err(Error::ECANCELED);
        }
        for waiter in one.iter().chain(&many) {
            waiter.rearm();
        }
        let wake = hub.park(thread, Reason::Poll(count), deadline);
        if one.iter().chain(&many).any(PollWaiter::is_closed) {
            let waiters = fds.enumerate().filter(|(_, fd)| *fd >= 0).zip(one.iter().chain(&many));
            let closed = waiters.filter(|(_, waiter)| waiter.is_closed());
            return Ok(Found::Closed(closed.map(|((place, _), _)| place).collect()));
        }
        match wake {
            Wake::Ready => {}
            Wake::Canceled => return Err(Error::ECANCELED),
            Wake::Interrupted => return Err(Error::EINTR),
            Wake::TimedOut | Wake::Deadlock => return ask().map(Found::Ready),
        }
    }
}

fn ask(fds: &mut [pollfd]) -> Result<c_int> {
    // SAFETY: a slice is valid for its length.
    unsafe { wait::poll_now(fds.as_mut_ptr(), fds.len()) }
}

/// Answers POLLNVAL for the descriptors at these places. How many they are.
pub(crate) fn mark_closed(fds: &mut [pollfd], places: &[usize]) -> usize {
    for &place in places {
        fds[place].revents = libc::POLLNVAL;
    }
    places.len()
}
