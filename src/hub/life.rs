//! The life of a green thread: spawn, end, join, detach, cancel, name.

use super::{objects, Hub};
use crate::clock::Nanos;
use crate::error::{Error, Result};
use crate::locals;
use crate::slab::Id;
use crate::stack;
use crate::thread::{EntryPoint, Reason, State, Thread, Wake, MAX_NAME};
use std::ffi::c_void;
use std::ptr;

/// What `gh_spawn_options` sets.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SpawnOptions<'a> {
    /// Bytes; 0 for the hub's.
    pub(crate) stack_size: usize,
    pub(crate) name: Option<&'a [u8]>,
    pub(crate) detached: bool,
    /// Bytes of the stack's slot to leave free above the frames.
    pub(crate) room: u32,
}

impl SpawnOptions<'_> {
    /// What can be told before a stack is at hand.
    pub(super) fn check(&self) -> Result<()> {
        if self.stack_size != 0 {
            stack::slot_size(self.stack_size)?;
        }
        check_name(self.name.unwrap_or(&[]))
    }
}

impl Hub {
    /// Makes a green thread, ready behind all others.
    pub(crate) fn spawn(
        &self,
        entry: EntryPoint,
        argument: *mut c_void,
        options: SpawnOptions<'_>,
    ) -> Result<Id> {
        if self.draining.get() {
            return Err(Error::ECANCELED);
        }
        options.check()?;
        let name = options.name.unwrap_or(&[]);
        let size = match options.stack_size {
            0 => self.options.stack_size,
            wish => stack::slot_size(wish)?,
        };
        // What this thread runs may have been loaded since the last one was spawned, and C++ with it.
        self.carrier.refresh_if_loaded();
        let stack = self.stacks.take(size)?.with_room(options.room);
        let Some(thread) = self.threads.insert(|id| Thread::new(id, entry, argument)) else {
            // SAFETY: taken above, unused.
            unsafe { self.stacks.give(stack) };
            return Err(Error::EAGAIN);
        };
        thread.detached.set(options.detached);
        if !name.is_empty() {
            thread.set_name(name);
        }
        // SAFETY: the block stays in its slab until the thread has ended; the stack is its own until
        // `end` gives it back; `body` takes a thread.
        unsafe { thread.coroutine.start(stack, body, ptr::from_ref(thread).cast()) };
        self.live.set(self.live.get() + 1);
        self.counters.spawned.set(self.counters.spawned.get() + 1);
        self.ready.reserve(self.live.get() + 1);
        thread.state.set(State::Ready);
        self.ready.push(thread);
        self.announce();
        Ok(thread.id)
    }

    /// Takes the stack of a thread that has returned, and wakes who waits for it.
    pub(super) fn end(&self, thread: &Thread) {
        // SAFETY: the body has ended, says the caller, so that nothing on the stack is in use.
        unsafe {
            if let Some(stack) = thread.coroutine.finish() {
                self.stacks.give(stack);
            }
        }
        thread.state.set(State::Ended);
        if thread.held.get() > 0 {
            objects::holder_ended(thread.id);
        }
        // An entry may still be queued from a wait that ended early; its block is to go.
        self.wheel.remove(&thread.timer);
        self.live.set(self.live.get() - 1);
        if self.draining.get() && self.live.get() == 0 {
            // SAFETY: the root's block lives as long as the hub.
            self.unpark(unsafe { &*self.root.get() }, Wake::Ready);
        }
        if thread.detached.get() {
            self.forget(thread);
            return;
        }
        if self.end_for_elsewhere(thread) {
            return;
        }
        // SAFETY: a joiner is parked in `join` until this unpark; what else wakes it takes it off.
        if let Some(joiner) = unsafe { thread.joiner.get().as_ref() } {
            self.unpark(joiner, Wake::Ready);
        }
    }

    /// Drops the control block of an ended thread: its id is stale from now on.
    pub(super) fn forget(&self, thread: &Thread) {
        // SAFETY: ended, so that neither the ring nor the wheel nor a queue holds it, and nobody joins
        // it; the callers do not use the reference again.
        unsafe { self.threads.remove(thread.id) };
    }

    /// Waits for a thread's end and takes its result.
    pub(crate) fn join(&self, id: Id, deadline: Nanos) -> Result<*mut c_void> {
        let caller = self.suspender()?;
        let target = match self.thread(id) {
            Err(Error::WRONG_THREAD) => return self.join_elsewhere(id, deadline),
            found => found?,
        };
        if ptr::eq(caller, target) {
            return Err(Error::EDEADLK);
        }
        if target.root.get() || target.detached.get() || !target.joiner.get().is_null() {
            return Err(Error::EINVAL);
        }
        if target.state.get() != State::Ended {
            target.joiner.set(caller);
            match self.park(caller, Reason::Join(id), deadline) {
                Wake::Ready => {}
                Wake::Canceled => return Err(Error::ECANCELED),
                Wake::Deadlock => return Err(Error::DEADLOCK),
                // No hooked call of libc joins.
                Wake::Interrupted => return Err(Error::PANIC),
                Wake::TimedOut => {
                    // Where the deadline had passed, nobody was parked whom `unpark` could take off.
                    self.leave_join_of(caller, id);
                    return Err(Error::ETIMEDOUT);
                }
            }
        }
        // Asked anew: in the child of a fork, made by a callback meanwhile, the target is gone.
        let target = self.thread(id)?;
        let value = target.value.get();
        self.forget(target);
        Ok(value)
    }

    /// Takes a thread off what it joins, in the moment when something else than the end of that wakes
    /// it: from then on another may join, and the join's target may go.
    pub(super) fn leave_join(&self, thread: &Thread) {
        if let Reason::Join(id) = thread.reason.get() {
            self.leave_join_of(thread, id);
        }
    }

    fn leave_join_of(&self, joiner: &Thread, id: Id) {
        if let Some(target) = self.threads.get(id) {
            if ptr::eq(target.joiner.get(), joiner) {
                target.joiner.set(ptr::null());
            }
        }
    }

    /// Gives up the right to join: the thread's block goes when it ends, or now.
    pub(crate) fn detach(&self, id: Id) -> Result<()> {
        let thread = self.thread(id)?;
        if thread.root.get() || thread.detached.get() || !thread.joiner.get().is_null() {
            return Err(Error::EINVAL);
        }
        if thread.state.get() == State::Ended {
            self.forget(thread);
        } else {
            thread.detached.set(true);
        }
        Ok(())
    }

    /// Makes the waiting call of a thread, and each later one, return `ECANCELED`.
    pub(crate) fn cancel(&self, id: Id) -> Result<()> {
        let thread = self.thread(id)?;
        if thread.root.get() {
            return Err(Error::EINVAL);
        }
        self.cancel_thread(thread);
        Ok(())
    }

    fn cancel_thread(&self, thread: &Thread) {
        thread.cancel();
        if thread.is_interrupted() {
            self.unpark(thread, Wake::Canceled);
        }
    }

    pub(super) fn cancel_all(&self) {
        self.threads.for_each(|thread| {
            if !thread.root.get() && thread.state.get() != State::Ended {
                self.cancel_thread(thread);
            }
        });
    }

    /// Suspends until a deadline.
    pub(crate) fn sleep(&self, deadline: Nanos) -> Result<()> {
        let thread = self.suspender()?;
        if deadline <= self.now.get() {
            self.yield_now(thread);
            return Ok(());
        }
        match self.park(thread, Reason::Sleep, deadline) {
            Wake::Canceled => Err(Error::ECANCELED),
            // Only who says that it heeds signals is told of them.
            Wake::Interrupted => Err(Error::EINTR),
            _ => Ok(()),
        }
    }

    /// Names a thread, `Id(0)` being the caller.
    pub(crate) fn set_name(&self, id: Id, name: &[u8]) -> Result<()> {
        check_name(name)?;
        self.named(id)?.set_name(name);
        Ok(())
    }

    /// Hands the name of a thread over, empty if it has none.
    pub(crate) fn name<T>(&self, id: Id, read: impl FnOnce(&[u8]) -> T) -> Result<T> {
        Ok(read(self.named(id)?.name()))
    }

    fn named(&self, id: Id) -> Result<&Thread> {
        match id {
            Id(0) => self.running().ok_or(Error::NOT_GREEN),
            id => self.thread(id),
        }
    }
}

fn check_name(name: &[u8]) -> Result<()> {
    if name.len() > MAX_NAME {
        return Err(Error::ERANGE);
    }
    Ok(())
}

/// Calls the destructors of a thread's values, on the thread itself: they may wait. What one stores under
/// its own key or an earlier one is for the next round.
pub(super) fn destroy_locals(thread: &Thread) {
    for _ in 0..locals::ROUNDS {
        let (mut from, mut found) = (0, false);
        while let Some((slot, destructor, value)) = thread.take_local(from) {
            (from, found) = (slot + 1, true);
            // SAFETY: the host passed the destructor to gh_key_new for such values.
            unsafe { destructor(value) };
        }
        if !found {
            return;
        }
    }
}

/// The address of what calls the entry of a green thread.
pub(super) fn caller() -> usize {
    body as *const () as usize
}

/// What every green thread runs: the host's function between a clean start and the result's place.
///
/// # Safety
/// `thread` is the control block of the coroutine that runs this.
unsafe fn body(thread: *const c_void) {
    // SAFETY: the caller vouches for the block, which stays while the thread lives.
    let thread = unsafe { &*thread.cast::<Thread>() };
    if let Some(hub) = super::current() {
        hub.carrier.clear();
        hub.starts(thread);
    }
    // SAFETY: the host passed both to gh_spawn together. A C++ exception out of it ends the process,
    // as out of a pthread: `extern "C"` does not unwind.
    let result = unsafe { (thread.entry)(thread.value.get()) };
    if thread.root.get() {
        // The thread has forked, and this is the child: what it would return to is the parent's.
        std::process::exit(0);
    }
    thread.value.set(result);
    destroy_locals(thread);
}
