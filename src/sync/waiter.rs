//! A green thread in the queue of an object, and how its wait ends.
//!
//! Whoever ends a wait first *claims* it, under the lock of the object where it found the waiter, does
//! what the wait was for, and then wakes it. So a deadline, a cancellation and a hand-over that come
//! together have one winner, and nothing that was handed over is lost.

use super::objects::{Locked, Object};
use crate::clock::Nanos;
use crate::error::{Error, Result};
use crate::hub::{Hub, Waker};
use crate::list::{Link, List};
use crate::slab::Id;
use crate::thread::{Reason, Thread, Wake};
use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

/// How a wait was ended by somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Outcome {
    /// It was this thread's turn.
    Granted = 1,
    /// The object was freed.
    Removed = 2,
    /// The channel was closed.
    Closed = 3,
    /// Who held the lock has ended.
    OwnerDead = 4,
    /// Who did something for all has failed: it is this thread's turn to try.
    Turn = 5,
}

impl Outcome {
    pub(super) fn result(self) -> Result<()> {
        match self {
            Outcome::Granted => Ok(()),
            Outcome::Removed => Err(Error::EIDRM),
            Outcome::Closed => Err(Error::EPIPE),
            Outcome::OwnerDead => Err(Error::EOWNERDEAD),
            // Says only that nothing is done yet. No host sees it.
            Outcome::Turn => Err(Error::EAGAIN),
        }
    }
}

const OUTCOME_BITS: u32 = 4;

/// Who won: open, or the outcome and the number of the case that it came by.
#[derive(Debug)]
pub(super) struct Claim(AtomicU32);

impl Claim {
    pub(super) fn new() -> Claim {
        Claim(AtomicU32::new(0))
    }

    /// Whether the caller has won.
    pub(super) fn take(&self, outcome: Outcome, case: u32) -> bool {
        let code = case << OUTCOME_BITS | outcome as u32;
        self.0.compare_exchange(0, code, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// The outcome and its case, once there is a winner.
    pub(super) fn winner(&self) -> Option<(Outcome, u32)> {
        let code = self.0.load(Ordering::Acquire);
        let outcome = match code & ((1 << OUTCOME_BITS) - 1) {
            1 => Outcome::Granted,
            2 => Outcome::Removed,
            3 => Outcome::Closed,
            4 => Outcome::OwnerDead,
            5 => Outcome::Turn,
            _ => return None,
        };
        Some((outcome, code >> OUTCOME_BITS))
    }
}

/// Lives on the stack of the thread that waits. Everything but the claim is touched under the lock of
/// the object only.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Waiter {
    link: Link,
    queue: Cell<*const List>,
    waker: Waker,
    claim: *const Claim,
    case: u32,
    /// What it wants, as its object understands it: a kind of lock, the place of an item.
    pub(super) wish: Cell<usize>,
}

impl Waiter {
    pub(super) fn new(waker: Waker, claim: &Claim, case: u32, wish: usize) -> Waiter {
        Waiter {
            link: Link::new(),
            queue: Cell::new(ptr::null()),
            waker,
            claim,
            case,
            wish: Cell::new(wish),
        }
    }

    pub(super) fn id(&self) -> Id {
        self.waker.id()
    }

    /// Takes the waiter out of its queue, if it is in one.
    ///
    /// # Safety
    /// The object is locked.
    pub(super) unsafe fn leave(&self) {
        if self.link.is_queued() {
            // SAFETY: queued in that list, which stays in its slot as long as it has waiters.
            unsafe { (*self.queue.get()).unlink(&self.link) };
        }
    }

    /// Claims the wait. After a success the caller ends what it was for and calls `wake`. Nothing is
    /// handed to a thread whose OS thread has left it behind.
    pub(super) fn claim(&self, outcome: Outcome) -> bool {
        // SAFETY: the claim lies beside the waiter, which is queued or has just been taken out.
        self.waker.can_run() && unsafe { (*self.claim).take(outcome, self.case) }
    }

    /// # Safety
    /// Claimed by the caller, and the object still locked.
    pub(super) unsafe fn wake(&self) {
        // SAFETY: as long as the object is locked, the thread cannot have left its wait: whoever is
        // claimed and not woken locks the object first.
        unsafe { self.waker.wake_waiting() };
    }
}

/// The threads that wait for an object, first in, first out. Touched under its lock only.
#[derive(Debug)]
pub(super) struct Queue(List);

// SAFETY: the links belong to stacks of several OS threads, but are touched under the object's lock.
unsafe impl Send for Queue {}

impl Queue {
    pub(super) const fn new() -> Queue {
        Queue(List::new())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// # Safety
    /// The waiter and the queue stay where they are until the waiter has left, under the same lock.
    pub(super) unsafe fn push(&self, waiter: &Waiter) {
        waiter.queue.set(&self.0);
        // SAFETY: the caller vouches for the place; the lock is the caller's.
        unsafe { self.0.push_back(&waiter.link) };
    }

    /// The oldest waiter, which stays.
    pub(super) fn first(&self) -> Option<&Waiter> {
        // SAFETY: a queued waiter is alive, by the contract of `push`.
        unsafe { self.0.first().cast::<Waiter>().as_ref() }
    }

    /// Whether `is` says so of all who wait. Asked until it says no.
    pub(super) fn all(&self, mut is: impl FnMut(&Waiter) -> bool) -> bool {
        let mut link = self.0.first();
        // SAFETY: as in `first`.
        while let Some(waiter) = unsafe { link.cast::<Waiter>().as_ref() } {
            if !is(waiter) {
                return false;
            }
            // SAFETY: queued here.
            link = unsafe { self.0.after(link) };
        }
        true
    }

    /// Takes out the oldest waiter that can be claimed, and claims it.
    pub(super) fn claim_first(&self, outcome: Outcome) -> Option<&Waiter> {
        loop {
            // SAFETY: as in `first`.
            let waiter = unsafe { self.0.pop_front().cast::<Waiter>().as_ref()? };
            if waiter.claim(outcome) {
                return Some(waiter);
            }
        }
    }

    /// Ends the oldest wait. Returns whose.
    pub(super) fn grant_first(&self, outcome: Outcome) -> Option<Id> {
        let waiter = self.claim_first(outcome)?;
        let id = waiter.id();
        // SAFETY: just claimed, under the object's lock.
        unsafe { waiter.wake() };
        Some(id)
    }

    /// In the child of a fork: only `survivor` still waits.
    pub(super) fn retain(&self, survivor: Option<Id>) -> usize {
        let all = self.0.take();
        let mut count = 0;
        loop {
            // SAFETY: on a stack of the parent's, all of which are still there in the child.
            let Some(waiter) = (unsafe { all.pop_front().cast::<Waiter>().as_ref() }) else {
                return count;
            };
            if Some(waiter.id()) == survivor {
                // SAFETY: popped just now, and it leaves before its frame ends as before.
                unsafe { self.push(waiter) };
                count += 1;
            }
        }
    }

    /// Ends all waits. Returns how many.
    pub(super) fn grant_all(&self, outcome: Outcome) -> usize {
        let mut count = 0;
        while self.grant_first(outcome).is_some() {
            count += 1;
        }
        count
    }
}

/// Queues the running thread on an object and waits until it was granted what it wants.
///
/// `queue` says where. `leave` is called with the locked object when the wait has ended by the deadline
/// or a cancellation, after the waiter was taken out.
#[inline]
pub(super) fn wait<T: Object>(
    hub: &Hub,
    thread: &Thread,
    object: Locked<T>,
    how: (Reason, usize),
    deadline: Nanos,
    queue: impl FnOnce(&T) -> &Queue,
    leave: impl FnOnce(&mut T),
) -> Result<()> {
    wait_after(hub, thread, object, how, deadline, (queue, leave), || {})
}

/// As `wait`; `queued` is called once the thread is queued and the object unlocked.
#[inline]
pub(super) fn wait_after<T: Object>(
    hub: &Hub,
    thread: &Thread,
    object: Locked<T>,
    (reason, wish): (Reason, usize),
    deadline: Nanos,
    (queue, leave): (impl FnOnce(&T) -> &Queue, impl FnOnce(&mut T)),
    queued: impl FnOnce(),
) -> Result<()> {
    let claim = Claim::new();
    let waiter = Waiter::new(hub.waker(thread), &claim, 0, wish);
    // SAFETY: both stay until the wait is over: the waiter in this frame, the queue in its slot. Every
    // way out below finds the waiter taken out by a winner, or takes it out.
    unsafe { queue(&object).push(&waiter) };
    let (wake, slot) = object.outside(|| {
        queued();
        loop {
            let wake = hub.park(thread, reason, deadline);
            // Woken by nobody: this is the child of a fork that a callback made, and the wait goes on.
            if wake != Wake::Ready || claim.winner().is_some() {
                break wake;
            }
        }
    });
    hub.void_wakers(thread);
    if wake != Wake::Ready {
        let mut slot = slot.lock();
        if claim.winner().is_none() {
            // SAFETY: locked; without a winner the object is the one that was waited for.
            unsafe { waiter.leave() };
            if let Some(object) = slot.object() {
                leave(object);
            }
            return Err(match wake {
                Wake::Canceled => Error::ECANCELED,
                Wake::Deadlock => Error::DEADLOCK,
                Wake::Interrupted => Error::EINTR,
                Wake::TimedOut | Wake::Ready => Error::ETIMEDOUT,
            });
        }
    }
    match claim.winner() {
        Some((outcome, _)) => outcome.result(),
        None => Err(Error::PANIC),
    }
}
