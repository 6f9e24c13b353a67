//! Those who have waited for a semaphore for a while, on one OS thread.
//!
//! A post by code that no hook sees (a static library, another process) is found by looking again. A thread
//! that has just begun to wait does that itself, after pauses that grow. Those who have waited for longer
//! are looked after together, so that ten thousand of them cost one timer: one of them, the watchman, wakes
//! now and then, and looks for all.

use super::posts::{forks, value, Waiter};
use crate::clock::Nanos;
use crate::list::{Link, List};
use std::cell::Cell;
use std::ptr;

/// How often the watchman looks.
pub(super) const ROUND: Nanos = 64_000_000;

struct Patients {
    list: List,
    watchman: Cell<*const Patient<'static>>,
}

thread_local! {
    static HERE: Patients =
        const { Patients { list: List::new(), watchman: Cell::new(ptr::null()) } };
}

/// A waiter among those, in the frame of its green thread.
#[repr(C)]
pub(super) struct Patient<'wait> {
    link: Link,
    waiter: &'wait Waiter,
    forks: Cell<u32>,
}

impl<'wait> Patient<'wait> {
    pub(super) fn new(waiter: &'wait Waiter) -> Patient<'wait> {
        Patient { link: Link::new(), waiter, forks: Cell::new(forks()) }
    }

    fn address(&self) -> *const Patient<'static> {
        ptr::from_ref(self).cast()
    }

    /// Joins the others, if it has not. True for the watchman.
    ///
    /// # Safety
    /// The value stays where it is until it is dropped, by this OS thread.
    pub(super) unsafe fn join(&self) -> bool {
        self.forget_others();
        HERE.with(|here| {
            if !self.link.is_queued() {
                // SAFETY: the caller vouches for the place; `drop` takes it out.
                unsafe { here.list.push_back(&self.link) };
            }
            if here.watchman.get().is_null() {
                here.watchman.set(self.address());
            }
            here.watchman.get() == self.address()
        })
    }

    /// The watchman's round: wakes whoever could take something. Nothing for others.
    pub(super) fn look(&self) {
        HERE.with(|here| {
            if here.watchman.get() != self.address() {
                return;
            }
            let (mut semaphore, mut left) = (ptr::null_mut(), 0);
            let mut next = here.list.first();
            // SAFETY: who stands in the list is alive; the link is its first member.
            while let Some(patient) = unsafe { next.cast::<Patient<'_>>().as_ref() } {
                // SAFETY: in this list, which nobody else touches.
                next = unsafe { here.list.after(&patient.link) };
                if patient.waiter.semaphore() != semaphore {
                    semaphore = patient.waiter.semaphore();
                    // SAFETY: somebody waits for it.
                    left = unsafe { value(semaphore) };
                }
                if left > 0 {
                    left -= 1;
                    patient.wake();
                }
            }
        });
    }

    /// In the child of a fork the list was emptied.
    fn forget_others(&self) {
        if self.forks.replace(forks()) != forks() {
            self.link.forget();
        }
    }

    fn wake(&self) {
        // Of this OS thread's hub: no message, and nothing if it is awake.
        if let Some(waker) = self.waiter.waker() {
            waker.wake();
        }
    }
}

impl Drop for Patient<'_> {
    fn drop(&mut self) {
        self.forget_others();
        if !self.link.is_queued() {
            return;
        }
        HERE.with(|here| {
            // SAFETY: in this list.
            unsafe { here.list.unlink(&self.link) };
            if here.watchman.get() == self.address() {
                // SAFETY: as in `look`.
                let next = unsafe { here.list.first().cast::<Patient<'static>>().as_ref() };
                here.watchman.set(next.map_or(ptr::null(), ptr::from_ref));
                if let Some(next) = next {
                    next.wake();
                }
            }
        });
    }
}

/// In the child of a fork: the others are gone.
pub(super) fn forget_parent() {
    HERE.with(|here| {
        let _ = here.list.take();
        here.watchman.set(ptr::null());
    });
}
