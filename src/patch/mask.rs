//! The signal mask that ppoll(2), pselect(2) and epoll_pwait(2) have while they wait.
//!
//! Between two looks at the descriptors other green threads run, with the OS thread's own mask. What a call
//! opens is watched through a signalfd(2), from which nothing is ever read: it is readable while such a
//! signal is pending, and then the kernel is asked with the mask, which runs the handler, or does what
//! there is to do without one.

use super::hooks::originals;
use super::wait::{said, AT_ONCE};
use crate::error::Result;
use crate::hub::{adopt, SignalSet};
use crate::net::owned::Owned;
use crate::sys::signal;
use libc::sigset_t;
use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::ptr;

/// The signals of one call. The kernel has read the set before it is looked at here.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mask {
    /// The OS thread's mask stays as it is.
    Kept,
    /// It is this for the time of the wait.
    Replaced(*const sigset_t),
    /// It stays, and these signals are waited for.
    Wanted(*const sigset_t),
}

impl Mask {
    /// The mask of a call to which it may not be given.
    pub(super) fn of(set: *const sigset_t) -> Mask {
        match set.is_null() {
            true => Mask::Kept,
            false => Mask::Replaced(set),
        }
    }

    /// A descriptor that is readable while a signal is pending that only this mask lets through, or that is
    /// waited for.
    pub(super) fn watch_opened(self) -> Result<Option<Owned>> {
        // SAFETY: read by the kernel before, says whoever made the mask.
        let opened = unsafe {
            match self {
                Mask::Kept => 0,
                Mask::Replaced(set) => blocked() & !bits(&*set),
                Mask::Wanted(set) => bits(&*set),
            }
        };
        if opened == 0 {
            return Ok(None);
        }
        let signals: Vec<c_int> =
            (1..=64).filter(|signal| opened >> (signal - 1) & 1 != 0).collect();
        Ok(Some(Owned::new(adopt(signal::watch(&signals)?))))
    }

    /// Has what this mask lets through, and is pending, handled now: EINTR if a handler has run.
    pub(super) fn deliver_opened(self) -> Result<c_int> {
        let Mask::Replaced(set) = self else { return Ok(0) };
        // SAFETY: no descriptors; the mask is the caller's, and the kernel has read it before.
        said(unsafe { originals::ppoll(ptr::null_mut(), 0, &AT_ONCE, set) })
    }

    /// The signals that do not end the wait. One that the OS thread lets through is handled meanwhile all the
    /// same, since the others run with the OS thread's mask.
    pub(super) fn held_back(self) -> SignalSet {
        match self {
            // SAFETY: read by the kernel before, says whoever made the mask.
            Mask::Replaced(set) => bits(unsafe { &*set }),
            Mask::Kept | Mask::Wanted(_) => 0,
        }
    }
}

/// The kernel's own form, which is how a set begins: one bit for each signal, from 1 on.
pub(super) fn bits(set: &sigset_t) -> SignalSet {
    // SAFETY: a set is an array of longs.
    unsafe { *ptr::from_ref(set).cast::<u64>() }
}

/// What the OS thread holds back now.
fn blocked() -> SignalSet {
    let mut set = MaybeUninit::<sigset_t>::zeroed();
    // SAFETY: only asks, into a valid place; no signals is a valid set too.
    unsafe {
        libc::pthread_sigmask(libc::SIG_BLOCK, ptr::null(), set.as_mut_ptr());
        bits(set.assume_init_ref())
    }
}
