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

/// The mask of one call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mask(*const sigset_t);

impl Mask {
    /// The OS thread's stays as it is.
    pub(super) const fn none() -> Mask {
        Mask(ptr::null())
    }

    /// A mask that the kernel has read before it is looked at here.
    pub(super) const fn of(set: *const sigset_t) -> Mask {
        Mask(set)
    }

    /// A descriptor that is readable while a signal is pending that only this mask lets through.
    pub(super) fn watch_opened(self) -> Result<Option<Owned>> {
        let opened = match self.bits() {
            Some(mask) => blocked() & !mask,
            None => 0,
        };
        if opened == 0 {
            return Ok(None);
        }
        let signals: Vec<c_int> =
            (1..=64).filter(|signal| opened >> (signal - 1) & 1 != 0).collect();
        Ok(Some(Owned::new(adopt(signal::watch(&signals)?))))
    }

    /// Has what this mask lets through, and is pending, handled now: EINTR if a handler has run.
    pub(super) fn deliver_opened(self) -> Result<()> {
        if self.0.is_null() {
            return Ok(());
        }
        // SAFETY: no descriptors; the mask is the caller's, and the kernel has read it before.
        said(unsafe { originals::ppoll(ptr::null_mut(), 0, &AT_ONCE, self.0) }).map(drop)
    }

    /// The signals that do not end the wait. One that the OS thread lets through is handled meanwhile all the
    /// same, since the others run with the OS thread's mask.
    pub(super) fn held_back(self) -> SignalSet {
        self.bits().unwrap_or(0)
    }

    fn bits(self) -> Option<SignalSet> {
        // SAFETY: null, or read by the kernel before.
        unsafe { self.0.as_ref() }.map(bits)
    }
}

/// The kernel's own form, which is how a set begins: one bit for each signal, from 1 on.
fn bits(set: &sigset_t) -> SignalSet {
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
