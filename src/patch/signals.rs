//! The family that waits for signals: pause(2), sigsuspend(2), sigtimedwait(2) and their like.

use super::caller::Caller;
use super::hooks::originals;
use super::mask::Mask;
use super::wait::{said, span, wait_for, AT_ONCE};
use crate::clock::{Nanos, NEVER};
use crate::error::{Error, Result};
use crate::net::poll::Found;
use libc::{siginfo_t, sigset_t, timespec};
use std::ffi::c_int;
use std::iter;
use std::ptr;

/// Waits for nothing but a handler, so that it always fails.
fn suspend(caller: Caller, mask: Mask) -> Result<c_int> {
    match wait_for(caller, iter::empty(), NEVER, mask, || mask.deliver_opened())? {
        Found::Ready(ready) => Ok(ready),
        Found::Closed(_) => Err(Error::EINTR),
    }
}

pub(super) unsafe fn pause(caller: Caller) -> Result<c_int> {
    suspend(caller, Mask::Kept)
}

/// # Safety
/// As sigsuspend(2).
pub(super) unsafe fn sigsuspend(caller: Caller, mask: *const sigset_t) -> Result<c_int> {
    if mask.is_null() {
        return Err(Error::errno(libc::EFAULT));
    }
    suspend(caller, Mask::Replaced(mask))
}

/// # Safety
/// As sigtimedwait(2), which leaves open what becomes of a signal that is not held back: here it is handled,
/// and not taken.
unsafe fn take(
    caller: Caller,
    set: *const sigset_t,
    info: *mut siginfo_t,
    span: Nanos,
) -> Result<c_int> {
    let ask = || {
        // SAFETY: the caller vouches for the pointers.
        match said(unsafe { originals::sigtimedwait(set, info, &AT_ONCE) }) {
            Err(Error::EAGAIN) => Ok(0),
            answer => answer,
        }
    };
    match wait_for(caller, iter::empty(), span, Mask::Wanted(set), ask)? {
        Found::Ready(0) => Err(Error::EAGAIN),
        Found::Ready(signal) => Ok(signal),
        Found::Closed(_) => Err(Error::EINTR),
    }
}

/// # Safety
/// As sigtimedwait(2).
pub(super) unsafe fn sigtimedwait(
    caller: Caller,
    set: *const sigset_t,
    info: *mut siginfo_t,
    timeout: *const timespec,
) -> Result<c_int> {
    // SAFETY: the caller vouches for it.
    match unsafe { span(timeout) } {
        // SAFETY: as above.
        Some(span) => unsafe { take(caller, set, info, span) },
        // SAFETY: as above. It fails.
        None => said(unsafe { originals::sigtimedwait(set, info, timeout) }),
    }
}

/// # Safety
/// As sigwaitinfo(2).
pub(super) unsafe fn sigwaitinfo(
    caller: Caller,
    set: *const sigset_t,
    info: *mut siginfo_t,
) -> Result<c_int> {
    // SAFETY: the caller vouches for the pointers.
    unsafe { take(caller, set, info, NEVER) }
}

/// Gives the number of the error instead of setting errno, and goes on after a handler.
///
/// # Safety
/// As sigwait(3).
pub(super) unsafe fn sigwait(
    caller: Caller,
    set: *const sigset_t,
    signal: *mut c_int,
) -> Result<c_int> {
    loop {
        // SAFETY: the caller vouches for the set.
        match unsafe { take(caller, set, ptr::null_mut(), NEVER) } {
            Ok(taken) => {
                // SAFETY: the caller vouches for the place; glibc too leaves a null alone.
                if let Some(place) = unsafe { signal.as_mut() } {
                    *place = taken;
                }
                return Ok(0);
            }
            Err(Error::EINTR) => {}
            Err(error) => return Ok(-error.code()),
        }
    }
}
