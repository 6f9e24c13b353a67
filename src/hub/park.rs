//! To wait, to wake, to let others run. Everything that suspends is built on these.

use super::Hub;
use crate::clock::{Nanos, NEVER};
use crate::thread::{Heed, Reason, State, Thread, Wake};

impl Hub {
    /// Suspends the running thread until an unpark, a cancel or the deadline.
    ///
    /// Whoever queued the thread somewhere to be unparked takes it out again afterwards: a thread can
    /// be woken by its deadline and found in a queue before it has run.
    #[inline(always)]
    pub(crate) fn park(&self, thread: &Thread, reason: Reason, deadline: Nanos) -> Wake {
        debug_assert!(std::ptr::eq(self.current.get(), thread));
        if deadline <= self.now.get() {
            return Wake::TimedOut;
        }
        if thread.heeds.get() == Heed::Interrupted {
            return Wake::Interrupted;
        }
        thread.state.set(State::Parked);
        thread.reason.set(reason);
        let inside = usize::from(reason.is_inside());
        self.inside.set(self.inside.get() + inside);
        if deadline != NEVER {
            // SAFETY: the entry is part of the control block, which stays while the thread lives and
            // leaves the wheel before it goes (`Hub::forget`).
            unsafe { self.wheel.arm(&thread.timer, deadline, self.now.get()) };
        }
        self.switch_out(thread);
        if deadline != NEVER {
            self.wheel.disarm(&thread.timer);
        }
        self.inside.set(self.inside.get() - inside);
        thread.reason.set(Reason::None);
        thread.wake.get()
    }

    /// Lets a parked thread run again. False if something else has woken it before: whoever wanted to
    /// hand it something may then hand it to another.
    #[inline]
    pub(crate) fn unpark(&self, thread: &Thread, wake: Wake) -> bool {
        if thread.state.get() != State::Parked {
            return false;
        }
        thread.state.set(State::Ready);
        thread.wake.set(wake);
        self.ready.push(thread);
        self.announce();
        if wake != Wake::Ready {
            self.leave_join(thread);
        }
        true
    }

    /// Tells a foreign event loop, by the descriptor, of what the root's own code has made ready between two turns.
    /// What a green thread makes ready runs in the same turn, or `next_deadline` says so after it.
    #[inline]
    pub(super) fn announce(&self) {
        if self.embedded.get() {
            self.announce_of_root();
        }
    }

    #[cold]
    #[inline(never)]
    fn announce_of_root(&self) {
        if std::ptr::eq(self.current.get(), self.root.get()) {
            self.remote.wake();
        }
    }

    /// Lets every ready thread run before the running one goes on.
    #[inline]
    pub(crate) fn yield_now(&self, thread: &Thread) {
        thread.state.set(State::Ready);
        self.ready.push(thread);
        self.switch_out(thread);
    }

    /// Counts a call that succeeded at once; the last of the budget yields.
    #[inline]
    pub(crate) fn spend(&self, thread: &Thread) {
        let left = self.budget.get() - 1;
        self.budget.set(left);
        if left == 0 {
            self.budget_is_spent(thread);
        }
    }

    /// Apart, so that a call that succeeds at once has nothing of a switch in its frame.
    #[cold]
    #[inline(never)]
    fn budget_is_spent(&self, thread: &Thread) {
        self.budget.set(self.options.budget);
        self.yield_now(thread);
    }

    /// Counts a call that failed, for whatever reason: who repeats one that fails at once, at the limit
    /// on descriptors or after its cancellation, must not keep the others from running.
    #[cold]
    pub(crate) fn spend_on_failure(&self) {
        if let Some(thread) = self.running() {
            self.spend(thread);
        }
    }

    /// Leaves the running thread, whose state says where it can be found, and comes back when its
    /// turn has come again.
    #[inline(always)]
    fn switch_out(&self, thread: &Thread) {
        let (carried, left) = (self.carrier.save(), self.leave_runtime());
        if thread.root.get() {
            self.drive();
        } else {
            // SAFETY: the running thread runs on its own coroutine's stack.
            unsafe { thread.coroutine.suspend() };
        }
        self.enter_runtime(left);
        self.carrier.restore(carried);
    }
}
