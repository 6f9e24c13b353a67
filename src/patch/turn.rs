//! A call that would have to wait: whether its caller waits, for how long, and what ends the wait.
//!
//! Every call is made at once, without waiting, whenever the hub knows nothing against it. Only one that
//! would have to wait asks what kind of waiting the descriptor's owner has chosen, so that all others pay
//! for nothing. Its mode is asked for unless it is known (`hub::is_blocking`): it belongs to the open file, which
//! another process may have too.

use super::caller::Caller;
use super::nature::{self, Nature};
use super::options;
use crate::clock::{self, Nanos, NEVER};
use crate::error::{Error, Result};
use crate::hub::{self, perform, try_now, Direction, Stamp};
use crate::net::stream::is_immediate;
use crate::sys::fd::Kind;
use crate::sys::{errno, fd, retry, wait};
use crate::thread::Heed;
use libc::{socklen_t, timeval};
use std::cell::Cell;
use std::ffi::{c_int, c_short};

/// One call on a descriptor that does not wait, and gives EAGAIN when it would have to.
pub(super) type Attempt<'call> = dyn Fn() -> Result<isize> + 'call;

/// What a system call has given, with nothing repeated.
pub(super) fn result(value: isize) -> Result<isize> {
    if value < 0 {
        return Err(Error::errno(errno::last()));
    }
    Ok(value)
}

/// How long a caller waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub(super) deadline: Nanos,
    pub(super) heed: Heed,
}

impl Patience {
    /// Until a handled signal that restarts nothing.
    pub(super) const ENDLESS: Patience = Patience { deadline: NEVER, heed: Heed::Unrestarted };

    /// What the socket's timeout for a direction says, whatever its mode.
    pub(super) fn of_timeout(socket: c_int, direction: Direction) -> Patience {
        match timeout(socket, direction) {
            None => Patience::ENDLESS,
            // With a timeout no call is restarted (signal(7)).
            Some(span) => Patience { deadline: clock::after_ns(span), heed: Heed::Every },
        }
    }

    /// As `of_timeout`, for a green thread that often waits.
    fn of_known_timeout(caller: Caller, socket: c_int, direction: Direction) -> Patience {
        if options::may_be_timed() {
            return Patience::of_timeout(socket, direction);
        }
        if caller.hub.is_endless(socket, direction) {
            return Patience::ENDLESS;
        }
        let asked = Patience::of_timeout(socket, direction);
        if asked.deadline == NEVER {
            caller.hub.note_endless(socket, direction);
        }
        asked
    }

    /// `None` for who does not wait at all.
    pub(super) fn of_socket(socket: c_int, direction: Direction) -> Result<Option<Patience>> {
        if fd::is_nonblocking(socket)? {
            return Ok(None);
        }
        Ok(Some(Patience::of_timeout(socket, direction)))
    }

    /// For what has no timeouts.
    pub(super) fn of_file(fd: c_int) -> Result<Option<Patience>> {
        Ok((!fd::is_nonblocking(fd)?).then_some(Patience::ENDLESS))
    }
}

/// SO_RCVTIMEO or SO_SNDTIMEO, if one is set.
fn timeout(socket: c_int, direction: Direction) -> Option<Nanos> {
    let option = match direction {
        Direction::Read => libc::SO_RCVTIMEO,
        Direction::Write => libc::SO_SNDTIMEO,
    };
    let mut span = timeval { tv_sec: 0, tv_usec: 0 };
    let mut length = size_of::<timeval>() as socklen_t;
    // SAFETY: a place for the answer, and its size.
    let asked = unsafe {
        let span: *mut timeval = &mut span;
        libc::getsockopt(socket, libc::SOL_SOCKET, option, span.cast(), &mut length)
    };
    let span = span.tv_sec.saturating_mul(1_000_000_000).saturating_add(span.tv_usec * 1000);
    (asked == 0 && span > 0).then_some(span)
}

/// Makes a call on a socket: `call` gets the caller's flags, with MSG_DONTWAIT where it must not wait. What
/// it has moved is not spent yet, so that nobody else has run since.
#[inline(always)]
pub(super) fn socket_call(
    caller: Caller,
    fd: c_int,
    direction: Direction,
    flags: c_int,
    asked: usize,
    call: impl Fn(c_int) -> isize,
) -> Result<isize> {
    let attempt = |more: c_int| retry(|| call(flags | more));
    let wait = |tried| wait_socket(caller, (fd, direction), asked, tried, &attempt);
    if is_immediate(direction, flags) {
        return match result(call(flags | libc::MSG_DONTWAIT)) {
            Err(Error::EAGAIN) if waits_in_spite_of(fd, flags) => wait(true),
            done => done,
        };
    }
    match try_now(caller.hub, fd, direction, asked, || attempt(libc::MSG_DONTWAIT)) {
        Ok(Some(count)) => Ok(count),
        Ok(None) => wait(false),
        Err(Error::EAGAIN) => wait(true),
        Err(error) => Err(error),
    }
}

#[cold]
pub(super) fn is_unix(socket: c_int) -> bool {
    fd::socket_option(socket, libc::SO_DOMAIN) == Ok(libc::AF_UNIX)
}

/// Whether a receiving call waits whose flags let others give what there is: who knows of no error queue, or
/// of no urgent data, does not look at them.
#[cold]
fn waits_in_spite_of(socket: c_int, flags: c_int) -> bool {
    if flags & libc::MSG_DONTWAIT != 0 {
        return false;
    }
    if flags & libc::MSG_ERRQUEUE != 0 {
        let domain = fd::socket_option(socket, libc::SO_DOMAIN);
        return matches!(domain, Ok(libc::AF_UNIX | libc::AF_NETLINK));
    }
    fd::kind(socket) != Ok(Kind::Tcp)
}

/// Makes a call that the hub may believe would have to wait. What it has learnt from calls of one kind says
/// nothing of another, and what fails at once, for its arguments as for its descriptor, must not wait for an
/// event to do so. Only those who wait already and have their turn are let go before.
pub(super) fn try_first(
    caller: Caller,
    fd: c_int,
    direction: Direction,
    attempt: &Attempt<'_>,
) -> Result<Option<isize>> {
    let done = match try_now(caller.hub, fd, direction, 0, attempt) {
        Ok(None) if !caller.hub.seems_ready(fd, direction) => attempt().map(Some),
        done => done,
    };
    match done {
        Err(Error::EAGAIN) => Ok(None),
        done => done,
    }
}

/// Whether nothing more will come to be read.
pub(super) fn has_ended(socket: c_int) -> Result<bool> {
    Ok(wait::poll_one(socket, libc::POLLRDHUP, 0)? & libc::POLLRDHUP != 0)
}

/// An attempt that a wait makes. Where messages are kept apart, the kernel looks for a message, then for a
/// caller that does not wait, and only then for the end (__skb_wait_for_more_packets). Such a socket cannot be
/// opened for reading again: once its end is there, a call that may wait does not.
fn attempt_to_the_end(
    (fd, direction): (c_int, Direction),
    attempt: &dyn Fn(c_int) -> Result<isize>,
) -> Result<isize> {
    match attempt(libc::MSG_DONTWAIT) {
        Err(Error::EAGAIN) if direction == Direction::Read && has_ended(fd)? => {
            let keeps_apart = fd::socket_option(fd, libc::SO_TYPE) != Ok(libc::SOCK_STREAM);
            attempt(if keeps_apart { 0 } else { libc::MSG_DONTWAIT })
        }
        done => done,
    }
}

/// `tried` says whether the call has just given EAGAIN.
#[inline(never)]
fn wait_socket(
    caller: Caller,
    (fd, direction): (c_int, Direction),
    asked: usize,
    mut tried: bool,
    attempt: &dyn Fn(c_int) -> Result<isize>,
) -> Result<isize> {
    let hub = caller.hub;
    // As `try_first` does. Who receives into a plain buffer from a stream that has been waited for can only be
    // told to wait: that is what each turn of a dialogue does.
    let knows = asked > 0 && hub.is_endless(fd, direction);
    if !tried && !knows && !hub.seems_ready(fd, direction) {
        match attempt(libc::MSG_DONTWAIT) {
            Err(Error::EAGAIN) => tried = true,
            done => return done,
        }
    }
    // Whatever the hub believes: the kernel's own answer, to who does not wait and of what is no socket.
    let is_socket = tried || hub.seems_socket(fd) || nature::of(fd)? == Nature::Socket;
    if !is_socket || options::is_nonblocking(fd)? {
        return if tried { Err(Error::EAGAIN) } else { attempt(libc::MSG_DONTWAIT) };
    }
    // A Unix socket that waits to send looks for an error first, one that begins to send for the end.
    let tells_errors = direction == Direction::Write && is_unix(fd);
    let attempt = || match tells_errors.then(|| fd::socket_option(fd, libc::SO_ERROR)) {
        Some(Ok(number)) if number != 0 => Err(Error::errno(number)),
        _ => attempt_to_the_end((fd, direction), attempt),
    };
    if direction == Direction::Read && hub.seems_ended(fd) {
        // Of which no further event will tell.
        match attempt() {
            Err(Error::EAGAIN) => {}
            done => return done,
        }
    }
    let patience = Patience::of_known_timeout(caller, fd, direction);
    match wait(caller, fd, direction, asked, patience, &attempt) {
        // The number has become a file's.
        Err(Error::EPERM) if nature::of(fd)? != Nature::Socket => Err(Error::ENOTSOCK),
        done => done,
    }
}

/// Waits for a call's turn, and makes it. A wait that comes to its end gives EAGAIN, as the kernel has it.
pub(super) fn wait(
    caller: Caller,
    fd: c_int,
    direction: Direction,
    asked: usize,
    patience: Patience,
    attempt: &Attempt<'_>,
) -> Result<isize> {
    if caller.thread.is_interrupted() {
        return match attempt() {
            Err(Error::EAGAIN) => Err(Error::ECANCELED),
            done => done,
        };
    }
    // A connection can fail with ETIMEDOUT, too.
    let own = Cell::new(false);
    let done = caller.heeding(patience.heed, || {
        perform(fd, direction, patience.deadline, asked, || {
            let done = attempt();
            own.set(matches!(done, Err(error) if error != Error::EAGAIN));
            done
        })
    });
    match done {
        Err(Error::ETIMEDOUT) if !own.get() => Err(Error::EAGAIN),
        done => done,
    }
}

/// A transfer that goes on after its first step has moved less than it might.
#[derive(Debug)]
pub(super) struct Rest {
    pub(super) fd: c_int,
    pub(super) direction: Direction,
    pub(super) patience: Patience,
    /// Which descriptor had the number at the first step.
    pub(super) stamp: Stamp,
    pub(super) moved: usize,
    pub(super) target: usize,
}

impl Rest {
    /// Repeats `step`, which moves bytes from an offset on, until enough are moved. What has come before
    /// a failure, a signal or the end is the result, as the kernel has it.
    pub(super) fn carry_on(
        mut self,
        caller: Caller,
        step: &dyn Fn(usize) -> Result<isize>,
    ) -> Result<isize> {
        // Nothing is restarted that has moved something.
        let patience = Patience { heed: Heed::Every, ..self.patience };
        let _heeding = caller.hub.heed(caller.thread, Heed::Every, 0);
        while self.moved < self.target {
            // Other green threads may close the descriptor between two steps.
            if hub::stamp(self.fd) != self.stamp {
                break;
            }
            let moved = self.moved;
            let attempt = || step(moved);
            let done = match try_first(caller, self.fd, self.direction, &attempt) {
                Ok(Some(count)) => {
                    caller.hub.spend(caller.thread);
                    Ok(count)
                }
                Ok(None) => wait(caller, self.fd, self.direction, 0, patience, &attempt),
                Err(error) => Err(error),
            };
            match done {
                Ok(count) if count > 0 => self.moved += count as usize,
                _ => break,
            }
        }
        Ok(self.moved as isize)
    }
}

/// Asks whether a later step may be made: one that found an error would take it away from the next call,
/// to which the kernel leaves it.
pub(super) fn may_go_on(fd: c_int, events: c_short) -> Result<()> {
    let found = wait::poll_one(fd, events, 0)?;
    if found & (libc::POLLERR | libc::POLLNVAL) != 0 {
        return Err(Error::EPIPE);
    }
    if found == 0 {
        return Err(Error::EAGAIN);
    }
    Ok(())
}
