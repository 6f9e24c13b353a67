//! What a language runtime has attached to the OS thread, across switches.
//!
//! A runtime may have states of its own for what it takes for threads: CPython has one for each, attached by
//! whoever holds the interpreter's lock. A green thread leaves with its state attached, or with none; it finds
//! the same when it comes back, whoever ran meanwhile. The lock itself goes from one to the other without being
//! let go, but it is not kept while the hub waits.

use super::Hub;
use crate::slab::Id;
use crate::thread::{EntryPoint, Heed, State, Thread, Wake};
use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// A state of the runtime's, null for none.
pub(crate) type Attached = *mut c_void;

/// What an adapter does for the hub. There is one runtime in a process.
#[derive(Debug)]
pub(crate) struct Runtime {
    /// By which state the runtime knows the calling OS thread, attached or not.
    pub(crate) mark: fn() -> Attached,
    /// From what is attached to what is to be, and then by which state the OS thread is to be known.
    pub(crate) attach: fn(from: Attached, to: Attached, mark: Attached),
    /// Whether nobody may be switched to now: the calling OS thread has the runtime's lock, or the runtime ends.
    pub(crate) forbids_waiting: fn() -> bool,
    /// Whether the runtime ends: whoever asks for its lock now, but for who ends it, ends with their OS thread.
    pub(crate) ends: fn() -> bool,
    /// A hooked call of a green thread was cancelled, by `gh_cancel` or by `disturb` alone. Whether its caller is to
    /// see a signal instead, which the runtime will then ask after: that is how its exceptions are raised beneath it.
    pub(crate) interrupts: fn(record: *mut c_void, canceled: bool, origin: &dyn Origin) -> bool,
    /// A green thread that is disturbed makes a hooked call. Whether the last one looked interrupted and nobody asked:
    /// its caller heeds no signals.
    pub(crate) was_ignored: fn(record: *mut c_void) -> bool,
    /// The runtime asks who the running green thread is. Whether it is to look like the one that handles signals.
    pub(crate) poses: fn(record: *mut c_void) -> bool,
    /// The slice of the running thread is over, somewhere in the runtime's own code. Calls `yields` if others may run
    /// now.
    pub(crate) preempts: fn(record: *mut c_void, yields: &mut dyn FnMut()),
    /// A root ends that has a record.
    pub(crate) root_ended: fn(*mut c_void),
    /// What its green threads run. Their argument is the adapter's record of them, until they end.
    pub(crate) entry: EntryPoint,
}

/// Where a hooked function was called from: an address to return to.
pub(crate) trait Origin {
    /// Without a search. It may be wrong: only one that was found by a search before is worth anything.
    fn glimpse(&self) -> Option<usize>;
    /// A search has found it, and the stack pointer of the caller at the call.
    fn found(&self, address: usize, stack: usize);
}

static RUNTIME: AtomicPtr<Runtime> = AtomicPtr::new(ptr::null_mut());

/// From now on switches carry what belongs to the runtime.
pub(crate) fn register(runtime: &'static Runtime) {
    RUNTIME.store(ptr::from_ref(runtime).cast_mut(), Ordering::Release);
}

#[inline(always)]
fn runtime() -> Option<&'static Runtime> {
    // SAFETY: only references for ever are stored.
    unsafe { RUNTIME.load(Ordering::Acquire).as_ref() }
}

/// Whether a green thread is the runtime's.
#[inline]
pub(super) fn is_hosted(thread: &Thread) -> bool {
    runtime().is_some_and(|runtime| runtime.entry as usize == thread.entry as usize)
}

/// Whether there is a runtime in the process.
pub(super) fn is_there() -> bool {
    runtime().is_some()
}

/// Whether there is a runtime that ends.
pub(crate) fn runtime_ends() -> bool {
    runtime().is_some_and(|runtime| (runtime.ends)())
}

/// Whether the calling OS thread has the lock of a runtime, or the runtime ends, so that whatever waits must not be
/// another's turn.
#[inline(always)]
pub(crate) fn runtime_forbids_waiting() -> bool {
    runtime().is_some_and(|runtime| (runtime.forbids_waiting)())
}

/// By which state the runtime knows the calling OS thread; null without one. Async-signal-safe, as the adapter's is.
pub(super) fn mark() -> Attached {
    runtime().map_or(ptr::null_mut(), |runtime| (runtime.mark)())
}

/// What a green thread left with, if there was a runtime then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Left(Option<(Attached, Attached)>);

impl Hub {
    /// What the running code has attached; null again before code of the runtime goes on, which attaches and
    /// detaches as it likes.
    #[inline]
    pub(crate) fn set_attached(&self, state: Attached) {
        self.attached.set(state);
    }

    /// What is attached is let go by who starts in its place.
    #[inline]
    pub(crate) fn take_attached(&self) -> Attached {
        self.attached.replace(ptr::null_mut())
    }

    #[inline]
    pub(super) fn is_attached(&self) -> bool {
        !self.attached.get().is_null()
    }

    #[inline(always)]
    pub(super) fn leave_runtime(&self) -> Left {
        Left(runtime().map(|runtime| (self.attached.get(), (runtime.mark)())))
    }

    #[inline(always)]
    pub(super) fn enter_runtime(&self, left: Left) {
        if let (Left(Some((attached, mark))), Some(runtime)) = (left, runtime()) {
            self.attach(runtime, attached, mark);
        }
    }

    #[inline(never)]
    fn attach(&self, runtime: &Runtime, to: Attached, mark: Attached) {
        let from = self.attached.replace(to);
        (runtime.attach)(from, to, mark);
        if from.is_null() && !to.is_null() {
            self.has_lock_back();
        }
    }

    /// Detaches whatever is attached, before the hub waits or calls back, and for a green thread that has nothing
    /// to do with the runtime.
    #[inline]
    pub(super) fn detach_runtime(&self) {
        if let Some(runtime) = runtime() {
            self.attach(runtime, ptr::null_mut(), ptr::null_mut());
        }
    }

    /// A green thread's first moment: one of the runtime's takes over what is attached.
    #[inline]
    pub(super) fn starts(&self, thread: &Thread) {
        if !is_hosted(thread) {
            self.detach_runtime();
        }
    }

    /// What the adapter keeps of a thread that has not ended; null for nothing.
    #[inline]
    pub(crate) fn record(&self, thread: &Thread) -> *mut c_void {
        match thread.root.get() && !is_hosted(thread) {
            true => self.root_record.get(),
            false if is_hosted(thread) => thread.value.get(),
            false => ptr::null_mut(),
        }
    }

    /// Gives a root a record. One that was a green thread of the runtime's has it, which forked.
    pub(crate) fn set_root_record(&self, record: *mut c_void) {
        self.root_record.set(record);
    }

    /// Whether a call that was cancelled is to look as if a signal had ended it.
    #[cold]
    pub(crate) fn runtime_interrupts(&self, thread: &Thread, origin: &dyn Origin) -> bool {
        let (record, canceled) = (self.record(thread), thread.is_canceled());
        !record.is_null()
            && runtime().is_some_and(|runtime| (runtime.interrupts)(record, canceled, origin))
    }

    /// Whether the running thread's caller has taken no notice of that.
    #[cold]
    pub(crate) fn runtime_was_ignored(&self, thread: &Thread) -> bool {
        self.asked(thread, |runtime| runtime.was_ignored)
    }

    /// Whether the running thread is to look like the one that handles signals, this once.
    pub(crate) fn poses(&self, thread: &Thread) -> bool {
        self.asked(thread, |runtime| runtime.poses)
    }

    /// Lets others run, if the running thread may be left where it is: in code of the runtime's.
    pub(crate) fn preempt(&self, thread: &Thread) {
        let Some(runtime) = runtime() else { return };
        // With something attached it is the hub's own exchange that has given the lock up, half done.
        if !self.is_attached() && (thread.root.get() || is_hosted(thread)) {
            (runtime.preempts)(self.record(thread), &mut || {
                self.pace.was_long();
                self.yield_now(thread);
            });
        }
    }

    fn asked(&self, thread: &Thread, of: fn(&Runtime) -> fn(*mut c_void) -> bool) -> bool {
        let record = self.record(thread);
        !record.is_null() && runtime().is_some_and(|runtime| of(runtime)(record))
    }

    /// Ends a wait of a thread of this hub, which then looks cancelled until `appease`. A `gh_cancel` is another
    /// matter, and stays.
    pub(crate) fn disturb(&self, thread: &Thread) {
        thread.disturb(true);
        if thread.is_interrupted() {
            self.unpark(thread, Wake::Canceled);
        }
    }

    /// Takes that back.
    pub(crate) fn appease(&self, thread: &Thread) {
        thread.disturb(false);
    }

    /// The root ends, or nobody will ever come back to it.
    pub(super) fn drop_root_record(&self) {
        let record = self.root_record.replace(ptr::null_mut());
        if let (false, Some(runtime)) = (record.is_null(), runtime()) {
            (runtime.root_ended)(record);
        }
    }

    /// Whether an id is of this hub.
    pub(crate) fn is_of(&self, id: Id) -> bool {
        id.hub() == self.remote.number()
    }

    /// Ends a wait of the root's that signals end, since the runtime has handlers to run there.
    pub(crate) fn poke_root(&self) {
        let root: &Thread = self.root();
        if root.heeds.get() != Heed::None && root.state.get() == State::Parked {
            self.unpark(root, Wake::Interrupted);
        }
    }

    /// A signal has ended the hub's wait, whose handler the hub need not know of: the root is told if it heeds
    /// them, since a runtime has its handlers act in the root.
    pub(super) fn wait_was_interrupted(&self) {
        let root: &Thread = self.root();
        if runtime().is_some()
            && root.heeds.get() == Heed::Every
            && root.state.get() == State::Parked
        {
            self.unpark(root, Wake::Interrupted);
        }
    }
}
