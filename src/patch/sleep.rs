//! The family that sleeps: sleep(3), usleep(3), nanosleep(2), clock_nanosleep(2).

use super::caller::Caller;
use super::hooks::originals;
use super::origin::Trail;
use super::readable::is_there;
use crate::clock::{self, Nanos};
use crate::error::{Error, Result};
use libc::{clockid_t, timespec, useconds_t};
use std::ffi::{c_int, c_uint};

pub(super) const SECOND: Nanos = 1_000_000_000;

/// How long one sleep towards a time of a clock that may be set is at most: the clock is looked at again
/// after it.
pub(super) const SLICE: Nanos = SECOND;

/// A span of time as sleeping functions take it; past the end of time it saturates.
pub(super) fn span(wish: &timespec) -> Result<Nanos> {
    if wish.tv_sec < 0 || !(0..SECOND).contains(&wish.tv_nsec) {
        return Err(Error::EINVAL);
    }
    Ok(wish.tv_sec.saturating_mul(SECOND).saturating_add(wish.tv_nsec))
}

/// Sleeps, and tells what was left when a signal has ended it.
fn sleep_for(caller: Caller, span: Nanos) -> std::result::Result<(), (Error, Nanos)> {
    let deadline = clock::after_ns(span);
    if span == 0 {
        // To sleep for nothing lets the others run, as everywhere.
        caller.hub.yield_now(caller.thread);
        return Ok(());
    }
    let slept = caller.sleep_until(deadline);
    slept.map_err(|error| (error, (deadline - clock::now()).max(0)))
}

pub(super) unsafe fn sleep(caller: Caller, seconds: c_uint) -> Result<c_uint> {
    match sleep_for(caller, Nanos::from(seconds) * SECOND) {
        Ok(()) => Ok(0),
        Err((_, left)) => Ok((left / SECOND) as c_uint),
    }
}

pub(super) unsafe fn usleep(caller: Caller, microseconds: useconds_t) -> Result<c_int> {
    sleep_for(caller, Nanos::from(microseconds) * 1000).map_err(|(error, _)| error)?;
    Ok(0)
}

/// # Safety
/// The pointers are as nanosleep(2) wants them.
pub(super) unsafe fn nanosleep(
    caller: Caller,
    wish: *const timespec,
    left: *mut timespec,
) -> Result<c_int> {
    if !is_there(wish, 1) {
        return Err(Error::errno(libc::EFAULT));
    }
    // SAFETY: it is there; the caller vouches for the other place.
    unsafe { relative(caller, span(&*wish)?, left) }?;
    Ok(0)
}

/// # Safety
/// `left` is null or writable.
unsafe fn relative(caller: Caller, span: Nanos, left: *mut timespec) -> Result<()> {
    sleep_for(caller, span).map_err(|(error, rest)| {
        if error == Error::EINTR && !left.is_null() {
            // SAFETY: the caller vouches for the place.
            unsafe { *left = timespec { tv_sec: rest / SECOND, tv_nsec: rest % SECOND } };
        }
        error
    })
}

/// Gives the number of the error instead of setting errno.
///
/// # Safety
/// The pointers are as clock_nanosleep(2) wants them.
pub(super) unsafe fn clock_nanosleep(
    caller: Caller,
    clock: clockid_t,
    flags: c_int,
    wish: *const timespec,
    left: *mut timespec,
) -> Result<c_int> {
    let known =
        [libc::CLOCK_MONOTONIC, libc::CLOCK_REALTIME, libc::CLOCK_BOOTTIME, libc::CLOCK_TAI];
    if !known.contains(&clock) || !is_there(wish, 1) {
        // Time that the processor spends cannot be waited for here.
        // SAFETY: the caller vouches for the arguments.
        return Ok(unsafe { originals::clock_nanosleep(clock, flags, wish, left) });
    }
    // SAFETY: it is there.
    let slept = span(unsafe { &*wish }).and_then(|wish| {
        if flags & libc::TIMER_ABSTIME != 0 {
            until(caller, clock, wish)
        } else {
            // SAFETY: the caller vouches for the place.
            unsafe { relative(caller, wish, left) }
        }
    });
    static TRAIL: Trail = Trail::new();
    Ok(slept.map_or_else(|error| caller.number_of(error, &TRAIL), |()| 0))
}

/// Sleeps until a clock shows a time.
fn until(caller: Caller, clock: clockid_t, time: Nanos) -> Result<()> {
    if clock == libc::CLOCK_MONOTONIC {
        return sleep_for(caller, time.saturating_sub(clock::now()).max(0))
            .map_err(|(error, _)| error);
    }
    loop {
        let left = time.saturating_sub(reading(clock));
        if left <= 0 {
            return Ok(());
        }
        sleep_for(caller, left.min(SLICE)).map_err(|(error, _)| error)?;
    }
}

pub(super) fn reading(clock: clockid_t) -> Nanos {
    let mut time = timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a valid place; the clock is one of those that every kernel has.
    unsafe { libc::clock_gettime(clock, &mut time) };
    time.tv_sec * SECOND + time.tv_nsec
}
