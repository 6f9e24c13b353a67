//! The green thread's control block. It outlives its stack, so that an id stays good until the result
//! was fetched.

use crate::coroutine::Coroutine;
use crate::locals::{Destructor, Key, Locals};
use crate::slab::Id;
use crate::sys::prefetch;
use crate::timer::{Entry, Owner};
use std::cell::{Cell, UnsafeCell};
use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{compiler_fence, Ordering};

/// The function a green thread runs, as with pthreads.
pub(crate) type EntryPoint = unsafe extern "C" fn(*mut c_void) -> *mut c_void;

/// Where a green thread is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// In the ready ring.
    Ready,
    /// On the processor.
    Running,
    /// Waits for an unpark.
    Parked,
    /// Has returned; the result is here until it is joined or detached.
    Ended,
}

/// Why a parked thread runs again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// What it waited for may have happened.
    Ready,
    /// The deadline has passed.
    TimedOut,
    /// `gh_cancel`.
    Canceled,
    /// Nothing is left that could ever wake it.
    Deadlock,
    /// A signal was handled, and the wait is of a kind that signals end.
    Interrupted,
}

/// Which handled signals end a wait: those that would end the call of libc that it stands for (signal(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heed {
    None,
    /// Those whose handler was installed without SA_RESTART.
    Unrestarted,
    Every,
    /// One has come while the thread was not parked, between two tries: its next park does not wait.
    Interrupted,
}

/// What a parked thread waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    None,
    Sleep,
    Readable(c_int),
    Writable(c_int),
    Poll(usize),
    Join(Id),
    /// A lock that one green thread holds: its handle.
    Lock(usize),
    /// A channel, an event or its like, which any OS thread may act on: its handle.
    Object(usize),
    /// A semaphore of libc's, which anybody may post.
    Semaphore,
    /// One of several channels and descriptors.
    Select(usize),
    /// An answer from another OS thread.
    Answer,
    /// A language runtime's own primitives.
    Host,
    /// The root, in `gh_hub_free`, until every other thread has ended.
    Drain,
}

impl Reason {
    /// Whether only a green thread of the same hub can end the wait; of a lock that is the rule, and is
    /// looked at again. When every thread waits like this and no deadline is pending, none will ever run
    /// again. A sleep for ever is not of the kind: what cancels it may come from outside by `gh_post`.
    pub(crate) fn is_inside(self) -> bool {
        matches!(self, Reason::Join(_) | Reason::Lock(_) | Reason::Drain)
    }
}

/// Why a thread's suspending calls fail.
const CANCELED: u8 = 1;
const DISTURBED: u8 = 2;

/// The longest name, in bytes.
pub(crate) const MAX_NAME: usize = 63;

/// One green thread, or the root of an OS thread.
///
/// What a switch and a wait touch stands first, on two cache lines; a slot of the slab is three.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Thread {
    pub(crate) coroutine: Coroutine,
    pub(crate) state: Cell<State>,
    pub(crate) wake: Cell<Wake>,
    interrupted: Cell<u8>,
    pub(crate) masked: Cell<bool>,
    pub(crate) detached: Cell<bool>,
    /// Its code is what the OS thread runs outside of every other green thread. A green thread becomes one in
    /// the child of its fork.
    pub(crate) root: Cell<bool>,
    pub(crate) heeds: Cell<Heed>,
    /// How often hooked functions of libc were told to leave it alone.
    pub(crate) unhooked: Cell<u8>,
    pub(crate) reason: Cell<Reason>,
    pub(crate) timer: Entry,
    pub(crate) id: Id,
    /// Who is parked in a join of this thread; null for nobody.
    pub(crate) joiner: Cell<*const Thread>,
    pub(crate) entry: EntryPoint,
    /// The argument until the thread starts, its result after it has ended.
    pub(crate) value: Cell<*mut c_void>,
    /// Counts the waits that another OS thread may end, so that who comes late ends none.
    pub(crate) ticket: Cell<u32>,
    /// Locks that it holds.
    pub(crate) held: Cell<u32>,
    extras: UnsafeCell<Option<Box<Extras>>>,
}

// A sanitizer build keeps the bounds of each stack as well.
#[cfg(not(feature = "sanitizer"))]
const _: () = assert!(size_of::<Thread>() <= 3 * 64 - 8, "a slot of the slab is three lines");

/// What most threads do not have: a pointer is all that they pay.
#[derive(Debug, Default)]
struct Extras {
    name: Box<[u8]>,
    locals: Locals,
}

impl Thread {
    pub(crate) fn new(id: Id, entry: EntryPoint, argument: *mut c_void) -> Thread {
        Thread {
            id,
            root: Cell::new(false),
            state: Cell::new(State::Parked),
            wake: Cell::new(Wake::Ready),
            interrupted: Cell::new(0),
            masked: Cell::new(false),
            detached: Cell::new(false),
            heeds: Cell::new(Heed::None),
            unhooked: Cell::new(0),
            coroutine: Coroutine::empty(),
            timer: Entry::new(Owner::Thread),
            reason: Cell::new(Reason::None),
            joiner: Cell::new(ptr::null()),
            entry,
            value: Cell::new(argument),
            ticket: Cell::new(0),
            held: Cell::new(0),
            extras: UnsafeCell::new(None),
        }
    }

    /// The code that an OS thread runs outside of every other green thread.
    pub(crate) fn root(id: Id) -> Thread {
        unsafe extern "C" fn unused(argument: *mut c_void) -> *mut c_void {
            argument
        }
        Thread {
            root: Cell::new(true),
            state: Cell::new(State::Running),
            ..Thread::new(id, unused, ptr::null_mut())
        }
    }

    /// Whether a suspending call must return `-ECANCELED`.
    #[inline]
    pub(crate) fn is_interrupted(&self) -> bool {
        self.interrupted.get() != 0 && !self.masked.get()
    }

    /// Whether `gh_cancel` was called, which nothing undoes.
    pub(crate) fn is_canceled(&self) -> bool {
        self.interrupted.get() & CANCELED != 0
    }

    pub(crate) fn cancel(&self) {
        self.interrupted.set(self.interrupted.get() | CANCELED);
    }

    /// Whether a language runtime has something to raise in it: it is as good as cancelled until that was raised.
    #[inline]
    pub(crate) fn is_disturbed(&self) -> bool {
        self.interrupted.get() & DISTURBED != 0
    }

    pub(crate) fn disturb(&self, is_disturbed: bool) {
        let others = self.interrupted.get() & !DISTURBED;
        self.interrupted.set(if is_disturbed { others | DISTURBED } else { others });
    }

    /// The name; empty for none. Read it before anybody can set it again.
    pub(crate) fn name(&self) -> &[u8] {
        // SAFETY: only this OS thread comes here, and what changes the extras runs no code in which
        // an answer of this function could be held.
        match unsafe { &*self.extras.get() } {
            Some(extras) => &extras.name,
            None => &[],
        }
    }

    pub(crate) fn set_name(&self, name: &[u8]) {
        if name.is_empty() && self.name().is_empty() {
            return;
        }
        self.with_extras(|extras| extras.name = name.into());
    }

    /// The value that was stored under a key, null for none.
    #[inline]
    pub(crate) fn local(&self, key: Key) -> *mut c_void {
        // SAFETY: as in `name`.
        match unsafe { &*self.extras.get() } {
            Some(extras) => extras.locals.get(key),
            None => ptr::null_mut(),
        }
    }

    pub(crate) fn set_local(&self, key: Key, value: *mut c_void) {
        self.with_extras(|extras| extras.locals.set(key, value));
    }

    /// Takes the first value from a slot on that a destructor waits for, with both.
    pub(crate) fn take_local(&self, from: usize) -> Option<(usize, Destructor, *mut c_void)> {
        // SAFETY: as in `name`.
        unsafe { (*self.extras.get()).as_mut()?.locals.take(from) }
    }

    /// Changes the extras, of which a signal handler sees nothing meanwhile, `name` included.
    fn with_extras(&self, change: impl FnOnce(&mut Extras)) {
        let place = self.extras.get();
        // SAFETY: as in `name`.
        let mut extras = unsafe { (*place).take() }.unwrap_or_default();
        // A handler runs on this OS thread, so that the order of the instructions is all there is to keep.
        compiler_fence(Ordering::SeqCst);
        change(&mut extras);
        compiler_fence(Ordering::SeqCst);
        // SAFETY: as in `name`; `change` has stored, and called nothing of the host.
        unsafe { *place = Some(extras) };
    }

    /// Begins to load what the next switch to this thread will touch.
    #[inline]
    pub(crate) fn prefetch(&self) {
        let block: *const Thread = self;
        prefetch::read(block);
        prefetch::read(block.wrapping_byte_add(64));
    }

    /// The thread in which a timer entry is embedded.
    ///
    /// # Safety
    /// `entry` is the `timer` of a `Thread`.
    pub(crate) unsafe fn of_timer<'a>(entry: *const Entry) -> &'a Thread {
        // SAFETY: the caller vouches for what is around the entry.
        unsafe { &*entry.byte_sub(std::mem::offset_of!(Thread, timer)).cast::<Thread>() }
    }
}
