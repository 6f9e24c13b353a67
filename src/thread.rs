//! The green thread's control block. It outlives its stack, so that an id stays good until the result
//! was fetched.

use crate::coroutine::Coroutine;
use crate::slab::Id;
use crate::sys::prefetch;
use crate::timer::{Entry, Owner};
use std::cell::{Cell, UnsafeCell};
use std::ffi::{c_int, c_void};
use std::ptr;

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
    /// The root, in `gh_hub_free`, until every other thread has ended.
    Drain,
}

impl Reason {
    /// Whether only a green thread of the same hub can end the wait. When every thread waits like
    /// this and no deadline is pending, none will ever run again. A sleep for ever is not of the
    /// kind: what cancels it may come from outside by `gh_post`.
    pub(crate) fn is_inside(self) -> bool {
        matches!(self, Reason::Join(_) | Reason::Drain)
    }
}

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
    pub(crate) canceled: Cell<bool>,
    pub(crate) masked: Cell<bool>,
    pub(crate) detached: Cell<bool>,
    pub(crate) root: bool,
    pub(crate) reason: Cell<Reason>,
    pub(crate) timer: Entry,
    pub(crate) id: Id,
    /// Who is parked in a join of this thread; null for nobody.
    pub(crate) joiner: Cell<*const Thread>,
    pub(crate) entry: EntryPoint,
    /// The argument until the thread starts, its result after it has ended.
    pub(crate) value: Cell<*mut c_void>,
    name: Name,
}

// A sanitizer build keeps the bounds of each stack as well.
#[cfg(not(feature = "sanitizer"))]
const _: () = assert!(size_of::<Thread>() <= 3 * 64 - 8, "a slot of the slab is three lines");

/// Boxed twice: most threads have none, and a thin pointer is all that they pay.
#[derive(Debug, Default)]
struct Name(UnsafeCell<Option<Box<Box<[u8]>>>>);

impl Thread {
    pub(crate) fn new(id: Id, entry: EntryPoint, argument: *mut c_void) -> Thread {
        Thread {
            id,
            root: false,
            state: Cell::new(State::Parked),
            wake: Cell::new(Wake::Ready),
            canceled: Cell::new(false),
            masked: Cell::new(false),
            detached: Cell::new(false),
            coroutine: Coroutine::empty(),
            timer: Entry::new(Owner::Thread),
            reason: Cell::new(Reason::None),
            joiner: Cell::new(ptr::null()),
            entry,
            value: Cell::new(argument),
            name: Name::default(),
        }
    }

    /// The code that an OS thread runs outside of every other green thread.
    pub(crate) fn root(id: Id) -> Thread {
        unsafe extern "C" fn unused(argument: *mut c_void) -> *mut c_void {
            argument
        }
        Thread {
            root: true,
            state: Cell::new(State::Running),
            ..Thread::new(id, unused, ptr::null_mut())
        }
    }

    /// Whether a suspending call must return `-ECANCELED`.
    #[inline]
    pub(crate) fn is_interrupted(&self) -> bool {
        self.canceled.get() && !self.masked.get()
    }

    /// The name; empty for none. Read it before anybody can set it again.
    pub(crate) fn name(&self) -> &[u8] {
        // SAFETY: only this OS thread reads and writes names, and `set_name` runs no code in which
        // an answer of this function could be held.
        match unsafe { &*self.name.0.get() } {
            Some(name) => name,
            None => &[],
        }
    }

    pub(crate) fn set_name(&self, name: &[u8]) {
        let boxed = (!name.is_empty()).then(|| Box::new(name.into()));
        // SAFETY: as above.
        unsafe { *self.name.0.get() = boxed };
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
