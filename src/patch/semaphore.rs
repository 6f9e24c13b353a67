//! The family that locks: sem_wait(3), sem_timedwait(3), sem_clockwait(3), woken by sem_post(3).
//!
//! Never pthread mutexes and conditions: who holds one may count on its OS thread to stand still.

use super::caller::Caller;
use super::hooks::originals;
use super::patience::{Patient, ROUND};
use super::posts::{self, Waiter};
use super::sleep::{reading, SECOND, SLICE};
use crate::clock::{self, Nanos, NEVER};
use crate::error::{Error, Result};
use crate::thread::{Heed, Reason, Wake};
use libc::{clockid_t, sem_t, timespec};
use std::ffi::c_int;

/// What nobody tells of is looked for after this long, then after twice as long, up to the longest.
const SHORTEST_PAUSE: Nanos = 1_000_000;
const LONGEST_PAUSE: Nanos = 32_000_000;

/// When a wait is over at the latest.
#[derive(Clone, Copy)]
enum Limit {
    None,
    Until(clockid_t, Nanos),
}

impl Limit {
    /// # Safety
    /// `time` is null or readable.
    unsafe fn new(clock: clockid_t, time: *const timespec) -> Result<Limit> {
        // SAFETY: the caller vouches for the pointer.
        let time = unsafe { time.as_ref() }.ok_or(Error::errno(libc::EFAULT))?;
        if !(0..SECOND).contains(&time.tv_nsec) {
            return Err(Error::EINVAL);
        }
        let at = time.tv_sec.saturating_mul(SECOND).saturating_add(time.tv_nsec);
        Ok(Limit::Until(clock, at))
    }

    /// How long to wait at most before the limit is looked at again; `None` once it has passed.
    fn left(self) -> Option<Nanos> {
        match self {
            Limit::None => Some(NEVER),
            Limit::Until(clock, at) => {
                let left = at.saturating_sub(reading(clock));
                // A clock that may be set is asked again now and then.
                let most = if clock == libc::CLOCK_MONOTONIC { NEVER } else { SLICE };
                (left > 0).then_some(left.min(most))
            }
        }
    }
}

/// # Safety
/// The semaphore is one.
unsafe fn take(semaphore: *mut sem_t) -> bool {
    // SAFETY: the caller vouches for the semaphore.
    unsafe { libc::sem_trywait(semaphore) == 0 }
}

/// # Safety
/// The semaphore is one, and stays one during the wait.
unsafe fn wait(caller: Caller, semaphore: *mut sem_t, heed: Heed, limit: Limit) -> Result<c_int> {
    let Caller { hub, thread } = caller;
    // SAFETY: the caller vouches for the semaphore.
    if unsafe { take(semaphore) } {
        hub.spend(thread);
        return Ok(0);
    }
    if thread.is_interrupted() {
        return Err(Error::ECANCELED);
    }
    let waiter = Waiter::new(semaphore);
    let patient = Patient::new(&waiter);
    let mut pause = SHORTEST_PAUSE;
    let mut end = None;
    // All of it is one wait: a signal that comes between two tries ends it as well.
    let _heeding = hub.heed(thread, heed, 0);
    let done = loop {
        // SAFETY: the waiter stays in this frame until `leave` below.
        unsafe { waiter.enter(hub.waker(thread)) };
        // SAFETY: as above.
        if unsafe { take(semaphore) } {
            break Ok(0);
        }
        if let Some(error) = end {
            break Err(error);
        }
        let Some(left) = limit.left() else { break Err(Error::ETIMEDOUT) };
        let patience = if pause <= LONGEST_PAUSE {
            let patience = pause;
            pause *= 2;
            patience
        // SAFETY: dropped with this frame.
        } else if unsafe { patient.join() } {
            ROUND
        } else {
            NEVER
        };
        let until = clock::after_ns(left.min(patience));
        let wake = hub.park_for_waker(thread, Reason::Semaphore, until);
        match wake {
            // Cancelled after it was woken and before it ran, for what may come to nothing.
            Wake::Ready | Wake::TimedOut if thread.is_interrupted() => end = Some(Error::ECANCELED),
            Wake::Ready => {}
            Wake::TimedOut => patient.look(),
            // It may still take what came together with the end.
            Wake::Canceled => end = Some(Error::ECANCELED),
            Wake::Interrupted => end = Some(Error::EINTR),
            Wake::Deadlock => end = Some(Error::DEADLOCK),
        }
    };
    hub.void_wakers(thread);
    waiter.leave(done.is_ok());
    done
}

/// # Safety
/// The semaphore is one.
pub(super) unsafe fn sem_wait(caller: Caller, semaphore: *mut sem_t) -> Result<c_int> {
    // SAFETY: the caller vouches for it.
    unsafe { wait(caller, semaphore, Heed::Unrestarted, Limit::None) }
}

/// # Safety
/// The semaphore is one, and the time as sem_timedwait(3) wants it.
pub(super) unsafe fn sem_timedwait(
    caller: Caller,
    semaphore: *mut sem_t,
    time: *const timespec,
) -> Result<c_int> {
    // SAFETY: the caller vouches for both.
    unsafe {
        let limit = Limit::new(libc::CLOCK_REALTIME, time)?;
        wait(caller, semaphore, Heed::Every, limit)
    }
}

/// # Safety
/// The semaphore is one, and the time as sem_clockwait(3) wants it.
pub(super) unsafe fn sem_clockwait(
    caller: Caller,
    semaphore: *mut sem_t,
    clock: clockid_t,
    time: *const timespec,
) -> Result<c_int> {
    if ![libc::CLOCK_REALTIME, libc::CLOCK_MONOTONIC].contains(&clock) {
        return Err(Error::EINVAL);
    }
    // SAFETY: the caller vouches for both.
    unsafe {
        let limit = Limit::new(clock, time)?;
        wait(caller, semaphore, Heed::Every, limit)
    }
}

/// # Safety
/// The semaphore is one.
pub(super) unsafe fn sem_post(semaphore: *mut sem_t) -> c_int {
    // SAFETY: the caller vouches for the semaphore, which is not looked at afterwards.
    let result = unsafe { originals::sem_post(semaphore) };
    if result == 0 {
        posts::posted(semaphore);
    }
    result
}
