//! The family that waits for children: waitpid(2), wait(2), wait3(2), wait4(2), waitid(2).
//!
//! The kernel is asked with WNOHANG and the caller's own pointers, so that what it writes, and what it
//! says of them, is what it would without. Between two questions the hub waits: for a pidfd where one
//! child's end is meant, else for pauses that grow.

use super::caller::Caller;
use crate::clock::{self, Nanos};
use crate::error::{Error, Result};
use crate::hub::{perform, Direction};
use crate::net::owned::Owned;
use crate::process::wait::{watch, LONGEST_PAUSE, SHORTEST_PAUSE};
use crate::sys::errno;
use crate::thread::{Heed, Reason, Wake};
use libc::{id_t, idtype_t, pid_t, rusage, siginfo_t};
use std::cell::Cell;
use std::ffi::c_int;
use std::ptr;

/// So long at most the kernel is not asked about a child whose pidfd is watched: a tracer is told of stops
/// that it did not ask for, and which no pidfd shows.
const LONGEST_WATCH: Nanos = 1_000_000_000;

/// The children that a call waits for, and how.
struct Children<'call> {
    /// The only one, if its end is all that is waited for.
    alone: Option<pid_t>,
    /// Tells whether the wait is over; `EAGAIN` as long as it is not.
    collect: &'call dyn Fn() -> Result<c_int>,
}

/// What one wait has come to.
enum Turn {
    Over(Result<c_int>),
    Again,
    /// A descriptor more is too many, or there is no memory to wait for it.
    Unwatchable,
}

impl Turn {
    fn failed(error: Error) -> Turn {
        match error {
            Error::ETIMEDOUT => Turn::Again,
            Error::EINTR | Error::ECANCELED => Turn::Over(Err(error)),
            _ => Turn::Unwatchable,
        }
    }
}

impl Children<'_> {
    fn wait(&self, caller: Caller) -> Result<c_int> {
        if caller.thread.is_interrupted() {
            return Err(Error::ECANCELED);
        }
        let mut watched = self.alone.and_then(watch);
        let mut pause = SHORTEST_PAUSE;
        // All of it is one wait: a signal that comes between two tries ends it as well.
        let _heeding = caller.hub.heed(caller.thread, Heed::Unrestarted, 0);
        loop {
            let longest = if watched.is_some() { LONGEST_WATCH } else { LONGEST_PAUSE };
            let until = clock::after_ns(pause);
            pause = (pause * 2).min(longest);
            let turn = match &watched {
                Some(child) => self.watch_until(child, until),
                None => pause_until(caller, until),
            };
            match turn {
                Turn::Over(done) => return done,
                Turn::Again => {}
                Turn::Unwatchable => watched = None,
            }
            match (self.collect)() {
                Err(Error::EAGAIN) => {}
                done => return done,
            }
        }
    }

    fn watch_until(&self, child: &Owned, until: Nanos) -> Turn {
        let done = Cell::new(Err(Error::EAGAIN));
        let waited = perform(child.fd(), Direction::Read, until, 0, || {
            // Also right after it was opened: the number may have become another process's.
            done.set((self.collect)());
            match done.get() {
                Err(Error::EAGAIN) => Err(Error::EAGAIN),
                _ => Ok(0),
            }
        });
        match waited {
            Ok(_) => Turn::Over(done.get()),
            Err(error) => Turn::failed(error),
        }
    }
}

fn pause_until(caller: Caller, until: Nanos) -> Turn {
    match caller.hub.park(caller.thread, Reason::Sleep, until) {
        Wake::Canceled => Turn::Over(Err(Error::ECANCELED)),
        Wake::Interrupted => Turn::Over(Err(Error::EINTR)),
        Wake::TimedOut | Wake::Ready | Wake::Deadlock => Turn::Again,
    }
}

fn succeeded(result: c_int) -> Result<c_int> {
    match result {
        -1 => Err(Error::errno(errno::last())),
        result => Ok(result),
    }
}

/// # Safety
/// The pointers are as wait4(2) wants them.
pub(super) unsafe fn wait4(
    caller: Caller,
    pid: pid_t,
    status: *mut c_int,
    options: c_int,
    usage: *mut rusage,
) -> Result<pid_t> {
    let collect = || {
        // SAFETY: the caller vouches for the pointers.
        match succeeded(unsafe { libc::wait4(pid, status, options | libc::WNOHANG, usage) })? {
            0 if options & libc::WNOHANG == 0 => Err(Error::EAGAIN),
            collected => Ok(collected),
        }
    };
    match collect() {
        Err(Error::EAGAIN) => {}
        done => {
            caller.hub.spend(caller.thread);
            return done;
        }
    }
    let only_its_end = options & (libc::WUNTRACED | libc::WCONTINUED) == 0;
    let alone = (pid > 0 && only_its_end).then_some(pid);
    Children { alone, collect: &collect }.wait(caller)
}

/// # Safety
/// The pointer is as waitpid(2) wants it.
pub(super) unsafe fn waitpid(
    caller: Caller,
    pid: pid_t,
    status: *mut c_int,
    options: c_int,
) -> Result<pid_t> {
    // SAFETY: the caller vouches for the pointer.
    unsafe { wait4(caller, pid, status, options, ptr::null_mut()) }
}

/// # Safety
/// The pointer is as wait(2) wants it.
pub(super) unsafe fn wait(caller: Caller, status: *mut c_int) -> Result<pid_t> {
    // SAFETY: the caller vouches for the pointer.
    unsafe { wait4(caller, -1, status, 0, ptr::null_mut()) }
}

/// # Safety
/// The pointers are as wait3(2) wants them.
pub(super) unsafe fn wait3(
    caller: Caller,
    status: *mut c_int,
    options: c_int,
    usage: *mut rusage,
) -> Result<pid_t> {
    // SAFETY: the caller vouches for the pointers.
    unsafe { wait4(caller, -1, status, options, usage) }
}

/// # Safety
/// The pointer is as waitid(2) wants it.
pub(super) unsafe fn waitid(
    caller: Caller,
    kind: idtype_t,
    id: id_t,
    info: *mut siginfo_t,
    options: c_int,
) -> Result<c_int> {
    // SAFETY: plain numbers.
    let mut own: siginfo_t = unsafe { std::mem::zeroed() };
    let place = if info.is_null() { &raw mut own } else { info };
    let collect = || {
        // SAFETY: the caller vouches for the place, or it is this frame's.
        succeeded(unsafe { libc::waitid(kind, id, place, options | libc::WNOHANG) })?;
        // SAFETY: the kernel has written there. Where nobody is to be collected it writes zeroes.
        let somebody = unsafe { (*place).si_signo != 0 };
        if somebody || options & libc::WNOHANG != 0 {
            return Ok(0);
        }
        Err(Error::EAGAIN)
    };
    match collect() {
        Err(Error::EAGAIN) => {}
        done => {
            caller.hub.spend(caller.thread);
            return done;
        }
    }
    if kind == libc::P_PIDFD && is_nonblocking(id as c_int) {
        return Err(Error::EAGAIN);
    }
    let states = libc::WEXITED | libc::WSTOPPED | libc::WCONTINUED;
    let only_its_end = options & states == libc::WEXITED;
    let alone = (kind == libc::P_PID && only_its_end).then_some(id as pid_t);
    Children { alone, collect: &collect }.wait(caller)
}

/// Such a pidfd is never waited for (waitid(2)), which no option tells.
fn is_nonblocking(fd: c_int) -> bool {
    // SAFETY: takes no pointer.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFL) };
    flags >= 0 && flags & libc::O_NONBLOCK != 0
}
