//! Signals that were handled on the hub's OS thread, and the waits that they end.
//!
//! A wait in a hooked function of libc ends with EINTR when a handler has run, as libc's would. The handler
//! interrupts the OS thread, whoever runs there, so that it must be settled whose wait it ends. One
//! signal ends one wait: the root's, if the root waits in such a call, since it is what the OS thread would
//! be without green threads; else that of the first green thread that heeds the signal, as the kernel takes
//! the first OS thread that does for a signal to the process. Who runs meanwhile is not told: a signal that
//! comes before a call does not end it. An EINTR too many is what each of these functions may always give;
//! one too few would hang who has set an alarm(2) to end a read.

use super::{current, Hub};
use crate::sys::errno;
use crate::thread::{Heed, State, Thread, Wake};
use std::cell::{Cell, RefCell};
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};

/// A set of signals, as the kernel has it: a bit each, from 1 on.
pub(crate) type SignalSet = u64;

/// Signals that were handled and have ended no wait yet. As with the kernel's own, one that comes again
/// meanwhile is one.
#[derive(Debug)]
pub(super) struct Signals {
    handled: AtomicU64,
    /// Of these, whose handler was installed without SA_RESTART.
    unrestarted: AtomicU64,
}

impl Signals {
    pub(super) const fn none() -> Signals {
        Signals { handled: AtomicU64::new(0), unrestarted: AtomicU64::new(0) }
    }

    /// Async-signal-safe.
    pub(super) fn add(&self, signal: u32, restarts: bool) {
        let bit = 1 << (signal - 1);
        if !restarts {
            self.unrestarted.fetch_or(bit, Ordering::Relaxed);
        }
        // Sequentially consistent: pairs with the store of the hub's "I sleep", as a message does.
        self.handled.fetch_or(bit, Ordering::SeqCst);
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.handled.load(Ordering::SeqCst) == 0
    }

    /// Takes all, and which of them have no SA_RESTART.
    pub(super) fn take(&self) -> (SignalSet, SignalSet) {
        let handled = self.handled.swap(0, Ordering::SeqCst);
        (handled, self.unrestarted.fetch_and(!handled, Ordering::Relaxed) & handled)
    }
}

/// Who waits in a way that signals end.
#[derive(Debug)]
pub(super) struct Heeders {
    count: Cell<usize>,
    /// Those that some signals leave alone, with these signals.
    spared: RefCell<Vec<(*const Thread, SignalSet)>>,
}

impl Heeders {
    pub(super) const fn none() -> Heeders {
        Heeders { count: Cell::new(0), spared: RefCell::new(Vec::new()) }
    }

    /// In the child of a fork: only `stays` still waits, if it does.
    pub(super) fn after_fork(&self, stays: &Thread) {
        self.count.set(usize::from(stays.heeds.get() != Heed::None));
        self.spared.borrow_mut().retain(|(thread, _)| ptr::eq(*thread, stays));
    }

    fn spares(&self, thread: &Thread, signal: SignalSet) -> bool {
        let spared = self.spared.borrow();
        spared.iter().any(|(spared, set)| ptr::eq(*spared, thread) && set & signal != 0)
    }
}

/// A wait that signals may end, until it is dropped.
#[derive(Debug)]
pub(crate) struct Heeding<'hub> {
    hub: &'hub Hub,
    thread: &'hub Thread,
    before: Heed,
    spares: bool,
}

impl Drop for Heeding<'_> {
    fn drop(&mut self) {
        self.thread.heeds.set(self.before);
        if self.before == Heed::None {
            let count = &self.hub.heeders.count;
            count.set(count.get() - 1);
        }
        if self.spares {
            let mut spared = self.hub.heeders.spared.borrow_mut();
            if let Some(at) = spared.iter().rposition(|(thread, _)| ptr::eq(*thread, self.thread)) {
                spared.swap_remove(at);
            }
        }
    }
}

/// Tells the calling OS thread's hub that a signal is being handled here. Async-signal-safe.
pub(crate) fn signal_handled(signal: u32, restarts: bool) {
    if let Some(hub) = current() {
        let _errno = errno::Kept::new();
        hub.remote.signal_handled(signal, restarts);
    }
}

impl Hub {
    /// From now on signals end the running thread's waits, as `heed` says, but for those in `spared`.
    pub(crate) fn heed<'hub>(
        &'hub self,
        thread: &'hub Thread,
        heed: Heed,
        spared: SignalSet,
    ) -> Heeding<'hub> {
        // What was handled before is not for this wait.
        self.end_signalled_waits();
        let before = thread.heeds.get();
        if before != Heed::Interrupted {
            thread.heeds.set(heed);
        }
        if before == Heed::None {
            self.heeders.count.set(self.heeders.count.get() + 1);
        }
        if spared != 0 {
            self.heeders.spared.borrow_mut().push((thread, spared));
        }
        Heeding { hub: self, thread, before, spares: spared != 0 }
    }

    /// Runs a system call of the running thread's, during which handlers may run. If it ends with EINTR, what
    /// was handled meanwhile ends no other wait.
    pub(crate) fn claiming<T>(
        &self,
        call: impl FnOnce() -> T,
        is_ended: impl FnOnce(&T) -> bool,
    ) -> T {
        let signals = self.remote.signals();
        let before = signals.handled.load(Ordering::Relaxed);
        let outcome = call();
        if is_ended(&outcome) {
            signals.handled.fetch_and(before, Ordering::SeqCst);
            signals.unrestarted.fetch_and(before, Ordering::Relaxed);
        }
        outcome
    }

    /// Ends the waits that handled signals are to end.
    #[inline]
    pub(super) fn end_signalled_waits(&self) {
        if !self.remote.signals().is_empty() {
            self.end_waits();
        }
    }

    #[cold]
    #[inline(never)]
    fn end_waits(&self) {
        let (handled, unrestarted) = self.remote.signals().take();
        if self.heeders.count.get() == 0 {
            return;
        }
        let root = self.root();
        let mut signals = handled;
        while signals != 0 {
            let signal = signals & signals.wrapping_neg();
            signals &= !signal;
            let restarts = unrestarted & signal == 0;
            let heeds = |thread: &Thread| {
                let heeds = match thread.heeds.get() {
                    Heed::None | Heed::Interrupted => false,
                    Heed::Unrestarted => !restarts,
                    Heed::Every => true,
                };
                heeds && !self.heeders.spares(thread, signal)
            };
            let is_parked = |thread: &Thread| thread.state.get() == State::Parked;
            if heeds(root) {
                if is_parked(root) {
                    self.unpark(root, Wake::Interrupted);
                }
                // Several that come together end one call, as they would in the kernel. One that waits and is between
                // two tries waits all the same: given to another, the signal would be lost to it.
                root.heeds.set(Heed::Interrupted);
                continue;
            }
            let mut found = false;
            self.threads.for_each(|thread| {
                if !found && is_parked(thread) && heeds(thread) {
                    found = self.unpark(thread, Wake::Interrupted);
                }
            });
            // Nobody but who is between two tries of one wait.
            self.threads.for_each(|thread| {
                if !found && heeds(thread) {
                    thread.heeds.set(Heed::Interrupted);
                    found = true;
                }
            });
        }
    }
}
