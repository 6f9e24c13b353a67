//! The loop: ready threads, messages, readiness, deadlines.

use super::inbox::Message;
use super::pulse::Place;
use super::Hub;
use crate::clock::{self, Nanos, NEVER};
use crate::error::Result;
use crate::thread::{State, Thread, Wake};
use crate::timer::Owner;
use std::ptr;

/// Why a run has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// No green thread and no timer is left.
    Idle,
    /// `gh_hub_stop`.
    Stopped,
    /// Every green thread waits for another one.
    Deadlock,
}

/// What a turn may do when nothing is ready.
struct Rest {
    /// Wait until then at the latest.
    limit: Nanos,
    /// This many threads are parked: when all of them wait for each other, say so instead of waiting.
    parked: Option<usize>,
    /// `gh_hub_stop` ends the wait.
    heed_stop: bool,
}

/// The loop is running. Back in the root's own code when dropped, also by a panic: the root's next call
/// must not take itself for a callback.
struct InLoop<'hub>(&'hub Hub);

impl<'hub> InLoop<'hub> {
    #[inline]
    fn enter(hub: &'hub Hub) -> InLoop<'hub> {
        hub.current.set(ptr::null());
        hub.pulse.go(Place::Loop);
        hub.remote.wake_up();
        InLoop(hub)
    }
}

impl Drop for InLoop<'_> {
    #[inline]
    fn drop(&mut self) {
        let hub = self.0;
        hub.current.set(hub.root.get());
        hub.back_in_root();
        hub.budget.set(hub.options.budget);
        if hub.embedded.get() {
            hub.remote.doze();
        }
    }
}

impl Hub {
    /// Runs the hub on the root's stack until the root, which is parked or ready, has its turn.
    ///
    /// Not inlined: every green thread that waits would have the loop's registers in its frame.
    #[inline(never)]
    pub(super) fn drive(&self) {
        let _inside = InLoop::enter(self);
        while !self.run_ready() {
            let parked = Some(self.live.get() + 1);
            if self.turn(&Rest { limit: NEVER, parked, heed_stop: false }) {
                self.unpark(self.root(), Wake::Deadlock);
            }
        }
    }

    /// Runs until nothing is left to run. Root only.
    pub(crate) fn run(&self) -> Result<Outcome> {
        self.require_root()?;
        let (carried, left) = (self.carrier.save(), self.leave_runtime());
        let inside = InLoop::enter(self);
        let outcome = loop {
            if self.remote.take_stop() {
                break Outcome::Stopped;
            }
            if self.live.get() == 0 && self.timers.len() == 0 && !self.remote.has_mail() {
                break Outcome::Idle;
            }
            self.run_ready();
            if !self.ready.is_empty() || self.live.get() > 0 || self.timers.len() > 0 {
                let parked = Some(self.live.get());
                if self.turn(&Rest { limit: NEVER, parked, heed_stop: true }) {
                    break Outcome::Deadlock;
                }
            } else {
                self.read_mail();
            }
        };
        drop(inside);
        self.enter_runtime(left);
        self.carrier.restore(carried);
        Ok(outcome)
    }

    /// One turn, waiting until `deadline` only if nothing is ready. True while green threads or timers
    /// are left. Root only.
    pub(crate) fn run_once(&self, deadline: Nanos) -> Result<bool> {
        self.require_root()?;
        let (carried, left) = (self.carrier.save(), self.leave_runtime());
        let inside = InLoop::enter(self);
        let calls = self.counters.callbacks.get();
        loop {
            self.turn(&Rest { limit: deadline, parked: None, heed_stop: false });
            // A signal, or a look at the wheel that came to nothing, does not end the wait.
            if !self.ready.is_empty()
                || self.counters.callbacks.get() != calls
                || self.now.get() >= deadline
            {
                break;
            }
        }
        self.run_ready();
        drop(inside);
        self.enter_runtime(left);
        self.carrier.restore(carried);
        Ok(self.live.get() > 0 || self.timers.len() > 0)
    }

    pub(super) fn root(&self) -> &Thread {
        // SAFETY: the root's block is made with the hub and dropped with it.
        unsafe { &*self.root.get() }
    }

    /// Runs ready threads until none is left or readiness must be asked for. True when the root's turn
    /// has come.
    #[inline]
    fn run_ready(&self) -> bool {
        while !self.pace.must_poll(&self.now) {
            let Some(thread) = self.ready.pop() else { return false };
            // SAFETY: a ready thread has not ended, so that its block is in the slab.
            let thread = unsafe { &*thread };
            thread.state.set(State::Running);
            if thread.root.get() {
                return true;
            }
            self.resume(thread);
        }
        false
    }

    #[inline]
    fn resume(&self, thread: &Thread) {
        // Before anybody could take this thread for the one that the last beat counted.
        self.pulse.switch_to(thread);
        self.current.set(thread);
        self.budget.set(self.options.budget);
        // SAFETY: a thread that was ready is started and not ended; the hub's own code runs on the
        // root's stack, outside of every coroutine.
        let ended = unsafe { thread.coroutine.resume() };
        self.current.set(ptr::null());
        if ended {
            self.end(thread);
        }
    }

    /// Everything but running threads: messages, readiness, deadlines. True when every parked thread
    /// waits for another one.
    fn turn(&self, rest: &Rest) -> bool {
        self.read_mail();
        let mut timeout = 0;
        if self.ready.is_empty() {
            if rest.parked == Some(self.inside.get())
                && self.inside.get() > 0
                && self.wheel.armed() == 0
                && self.is_deadlocked()
                // Asked last: a lock that came back from another OS thread meanwhile looks like one that
                // never left, but its message was sent before it could be seen.
                && !self.remote.has_mail()
            {
                return true;
            }
            timeout = match self.wheel.next().min(rest.limit) {
                NEVER => -1,
                next => next.saturating_sub(clock::now()).max(0),
            };
        }
        if timeout != 0 {
            // A library that was loaded since may have brought the C++ run-time.
            self.carrier.refresh_if_loaded();
        }
        // Without one, in the child of a fork, the wait is short, and the next turn tries again.
        let _ = self.ensure_poller();
        let events = match timeout != 0 && self.is_attached() {
            // What has come already needs no wait, for which the runtime's lock would be let go.
            true => match self.collect(0) {
                0 => match self.linger.moment(timeout, self.pulse.beat()) {
                    0 => {
                        self.detach_runtime();
                        self.linger.lets_go();
                        self.rest(self.trim(timeout), rest.heed_stop)
                    }
                    moment => {
                        let events = self.rest(moment, rest.heed_stop);
                        self.linger.was_kept(self.pulse.beat());
                        events
                    }
                },
                events => events,
            },
            false => self.rest(self.trim(timeout), rest.heed_stop),
        };
        self.counters.polls.set(self.counters.polls.get() + 1);
        self.counters.events.set(self.counters.events.get() + events as u64);

        let now = clock::now();
        self.now.set(now);
        self.pace.polled(now);
        self.wheel.advance(now);
        loop {
            let entry = self.wheel.pop_expired();
            // SAFETY: entries are embedded in live blocks; the wheel forgets them before those go.
            let Some(expired) = (unsafe { entry.as_ref() }) else { break };
            match expired.owner() {
                // Already awake if its event came in the same turn: the event wins.
                Owner::Thread => {
                    // SAFETY: the owner says what is around the entry.
                    self.unpark(unsafe { Thread::of_timer(entry) }, Wake::TimedOut);
                }
                // SAFETY: as above.
                Owner::Callback => unsafe { self.fire(entry) },
            }
        }
        self.read_mail();
        false
    }

    /// Waits for readiness, if nobody has sent anything.
    fn rest(&self, timeout: Nanos, heed_stop: bool) -> usize {
        if timeout == 0 || !self.remote.fall_asleep(heed_stop) {
            return self.collect(0);
        }
        self.pulse.go(Place::Waiting);
        let events = self.collect(timeout);
        self.pulse.go(Place::Loop);
        self.remote.wake_up();
        events
    }

    /// Waits so long for readiness, and tells who waits for it.
    fn collect(&self, timeout: Nanos) -> usize {
        let events = self.poller.wait(timeout, |token, readiness| self.dispatch(token, readiness));
        events.unwrap_or_else(|| {
            self.wait_was_interrupted();
            0
        })
    }

    fn read_mail(&self) {
        self.end_signalled_waits();
        if !self.remote.has_mail() {
            return;
        }
        let forks = self.forks.get();
        self.remote.open_mail(|message| match message {
            // One of the callbacks has forked: in the child the rest is the parent's.
            _ if self.forks.get() != forks => {}
            Message::Post { handle, callback, argument } => {
                if handle == self.handle() {
                    self.counters.posts.set(self.counters.posts.get() + 1);
                    self.call_back(callback, argument);
                }
            }
            Message::Closed { fd, generation } => self.closed_elsewhere(fd, generation),
            Message::Changed { fd, generation } => self.changed_elsewhere(fd, generation),
            Message::Wake { id, ticket } => self.woken_from_elsewhere(id, ticket),
            Message::Spawn { handle, order, reply } => self.spawn_ordered(handle, order, reply),
            Message::Join { id, reply } => self.joined_from_elsewhere(id, reply),
            Message::GiveUpJoin { id, question } => self.join_given_up(id, question),
            // Gone meanwhile, or joined: what was wanted is so already, and nobody waits to hear it.
            Message::Cancel { id } => drop(self.cancel(id)),
            Message::Detach { id } => drop(self.detach(id)),
        });
    }
}
