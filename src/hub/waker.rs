//! To end a wait from wherever: the same hub, another one, an OS thread without one.

use super::registry::Remote;
use super::{current, Hub};
use crate::clock::Nanos;
use crate::slab::Id;
use crate::thread::{Reason, Thread, Wake};
use std::ptr;

/// Ends one wait of one green thread. A copy that is used after that wait has ended does nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waker {
    id: Id,
    ticket: u32,
    thread: *const Thread,
    remote: &'static Remote,
}

impl Hub {
    /// What ends the next `park_for_waker` of the running thread.
    #[inline]
    pub(crate) fn waker(&self, thread: &Thread) -> Waker {
        Waker { id: thread.id, ticket: thread.ticket.get(), thread, remote: self.remote }
    }

    /// Parks until the waker is used, a cancel or the deadline. Every waker made before is void after it.
    ///
    /// A waker that is used between its making and this call ends it at once: on the same hub nothing
    /// runs in between, and a message of another OS thread is read only when the thread is parked.
    #[inline]
    pub(crate) fn park_for_waker(&self, thread: &Thread, reason: Reason, deadline: Nanos) -> Wake {
        let wake = self.park(thread, reason, deadline);
        thread.ticket.set(thread.ticket.get().wrapping_add(1));
        wake
    }

    /// Voids the wakers of a wait that did not take place, or had several parts.
    #[inline]
    pub(crate) fn void_wakers(&self, thread: &Thread) {
        thread.ticket.set(thread.ticket.get().wrapping_add(1));
    }

    /// A waker was used on another OS thread.
    pub(super) fn woken_from_elsewhere(&self, id: Id, ticket: u32) {
        if let Some(thread) = self.threads.get(id) {
            if thread.ticket.get() == ticket {
                self.unpark(thread, Wake::Ready);
            }
        }
    }
}

impl Waker {
    /// Whose wait it ends.
    pub(crate) fn id(&self) -> Id {
        self.id
    }

    /// Whether the hub still runs whose thread waits. One that was abandoned with its OS thread is never
    /// replaced by another at the same place.
    #[inline]
    pub(crate) fn can_run(self) -> bool {
        self.remote.is_used()
    }

    /// Ends the wait. Locks nothing, and suspends nobody.
    ///
    /// # Safety
    /// If this is the waiting thread's own OS thread, the wait has not ended: its waiter still stands in
    /// a queue, or has just been taken out, with no switch since.
    #[inline]
    pub(crate) unsafe fn wake_waiting(self) {
        match current() {
            // SAFETY: the caller says that the thread still waits, so that its block is there.
            Some(hub) if ptr::eq(hub.remote, self.remote) => unsafe {
                hub.unpark(&*self.thread, Wake::Ready);
            },
            _ => self.remote.send_wake(self.id, self.ticket),
        }
    }

    /// Ends the wait if it has not ended yet, from wherever: it neither allocates nor locks, nor touches
    /// what a signal handler may have interrupted. False where too much is on its way to the hub.
    pub(crate) fn wake_by_mail(self) -> bool {
        self.remote.post_wake(self.id, self.ticket)
    }

    /// Ends the wait if it has not ended yet.
    pub(crate) fn wake(self) {
        match current() {
            Some(hub) if ptr::eq(hub.remote, self.remote) => {
                hub.woken_from_elsewhere(self.id, self.ticket);
            }
            _ => self.remote.send_wake(self.id, self.ticket),
        }
    }
}

// SAFETY: the thread's block is touched on its own OS thread only; the rest may be read anywhere.
unsafe impl Send for Waker {}
// SAFETY: as above.
unsafe impl Sync for Waker {}
