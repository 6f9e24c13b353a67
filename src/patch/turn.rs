//! A call that would have to wait: whether its caller waits, for how long, and what ends the wait.
//!
//! Every call is made at once, without waiting, whenever the hub knows nothing against it. Only one that
//! would have to wait asks what kind of waiting the descriptor's owner has chosen, so that all others pay
//! for nothing. The mode is asked for each time: it belongs to the open file, which another process may
//! have too.

use super::caller::Caller;
use super::nature::{self, Nature};
use super::options;
use crate::clock::{self, Nanos, NEVER};
use crate::error::{Error, Result};
use crate::hub::{self, perform, try_now, Direction, Stamp};
use crate::net::stream::is_immediate;
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
    let attempt = || retry(|| call(flags | libc::MSG_DONTWAIT));
    if is_immediate(direction, flags) {
        return match result(call(flags | libc::MSG_DONTWAIT)) {
            // Unix sockets know of no error queue, and wait as ever.
            Err(Error::EAGAIN) if flags & libc::MSG_DONTWAIT == 0 && is_unix(fd) => {
                wait_socket(caller, fd, direction, asked, &attempt)
            }
            done => done,
        };
    }
    match try_now(caller.hub, fd, direction, asked, attempt)? {
        Some(count) => Ok(count),
        None => wait_socket(caller, fd, direction, asked, &attempt),
    }
}

#[cold]
pub(super) fn is_unix(socket: c_int) -> bool {
    fd::socket_option(socket, libc::SO_DOMAIN) == Ok(libc::AF_UNIX)
}

#[inline(never)]
fn wait_socket(
    caller: Caller,
    fd: c_int,
    direction: Direction,
    asked: usize,
    attempt: &Attempt<'_>,
) -> Result<isize> {
    // Whatever the hub believes: the kernel's own answer, to who does not wait and of what is no socket.
    let is_socket = caller.hub.seems_socket(fd) || nature::of(fd)? == Nature::Socket;
    if !is_socket || fd::is_nonblocking(fd)? {
        return attempt();
    }
    let patience = Patience::of_known_timeout(caller, fd, direction);
    wait(caller, fd, direction, asked, patience, attempt)
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
            own.set(done.is_err());
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
        while self.moved < self.target {
            // Other green threads may close the descriptor between two steps.
            if hub::stamp(self.fd) != self.stamp {
                break;
            }
            let moved = self.moved;
            let attempt = || step(moved);
            let now = try_now(caller.hub, self.fd, self.direction, 0, attempt);
            let done = match now {
                Ok(Some(count)) => {
                    caller.hub.spend(caller.thread);
                    Ok(count)
                }
                Ok(None) => wait(caller, self.fd, self.direction, 0, self.patience, &attempt),
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
