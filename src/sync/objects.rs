//! The table of all locks, channels and their like.
//!
//! What C holds is a number and a generation, not an address, as with hubs: a handle that was freed, or
//! is of another kind, is an error code on every OS thread and never a use of freed memory. The slots
//! stay for the life of the process, so that whoever was on the way to one may still lock it.

use super::barrier::Barrier;
use super::channel::Channel;
use super::condition::Condition;
use super::event::Event;
use super::mutex::Mutex;
use super::once::Once;
use super::rwlock::RwLock;
use super::semaphore::Semaphore;
use super::wait_group::WaitGroup;
use super::waiter::{Outcome, Queue};
use crate::error::{Error, Result};
use crate::hub::{Description, Moment};
use crate::slab::Id;
use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{self, MutexGuard, PoisonError};

/// What an object is, as reports call it.
pub(super) trait Object: Holding + Sized + 'static {
    const WORD: &'static str;

    fn wrap(self) -> Body;
    fn find(body: &Body) -> Option<&Self>;
    fn find_mut(body: &mut Body) -> Option<&mut Self>;
    /// Calls `each` for every queue in which threads may wait.
    fn queues(&self, each: &mut dyn FnMut(&Queue));
    /// In the child of a fork, where only `survivor` is left and `waiting` of its waits: what others
    /// held or had begun is nobody's.
    fn forked(&mut self, _survivor: Option<Id>, _waiting: usize) {}
}

/// Who stands in the way of those who wait for it. By default it cannot be held.
pub(super) trait Holding {
    /// Whether `is` says so of everybody who holds it. Asked until it says no.
    fn all_holders(&self, _is: &mut dyn FnMut(Id) -> bool) -> bool {
        true
    }
    /// The same of those who do not hold it, but whom somebody who waits may have to let pass.
    fn all_ahead(&self, _is: &mut dyn FnMut(Id) -> bool) -> bool {
        true
    }
    fn is_held_by(&self, thread: Id) -> bool {
        !self.all_holders(&mut |holder| holder != thread)
    }
    /// A thread has ended that may have held it.
    fn holder_ended(&mut self, _thread: Id) {}
}

macro_rules! bodies {
    ($($kind:ident)*) => {
        /// One object of whatever kind; nothing in a free slot.
        #[derive(Debug)]
        pub(super) enum Body { Free, $($kind($kind),)* }

        impl Body {
            pub(super) fn word(&self) -> &'static str {
                match self { Body::Free => "nothing", $(Body::$kind(_) => $kind::WORD,)* }
            }

            fn forked(&mut self, survivor: Option<Id>) {
                let mut waiting = 0;
                self.queues(&mut |queue| waiting += queue.retain(survivor));
                match self {
                    Body::Free => {}
                    $(Body::$kind(object) => object.forked(survivor, waiting),)*
                }
            }

            fn queues(&self, each: &mut dyn FnMut(&Queue)) {
                match self { Body::Free => {} $(Body::$kind(object) => object.queues(each),)* }
            }

            /// As what can be held, if anything is in the slot.
            pub(super) fn holding(&self) -> Option<&dyn Holding> {
                match self { Body::Free => None, $(Body::$kind(object) => Some(object),)* }
            }

            pub(super) fn holder_ended(&mut self, thread: Id) {
                match self { Body::Free => {} $(Body::$kind(object) => object.holder_ended(thread),)* }
            }
        }
    };
}

bodies! { Mutex RwLock Condition Semaphore Event Barrier WaitGroup Once Channel }

/// Implements what differs between kinds only by name; of one that is `held`, all but that.
macro_rules! object {
    ($kind:ident, held, $($rest:tt)*) => {
        $crate::sync::objects::object!(@ $kind, $($rest)*);
    };
    ($kind:ident, $($rest:tt)*) => {
        impl $crate::sync::objects::Holding for $kind {}
        $crate::sync::objects::object!(@ $kind, $($rest)*);
    };
    (
        @ $kind:ident, $word:literal, |$this:ident| $queues:expr
        $(, forked: |$forked:ident, $survivor:ident, $waiting:ident| $change:expr)?
    ) => {
        impl $crate::sync::objects::Object for $kind {
            const WORD: &'static str = $word;

            fn wrap(self) -> $crate::sync::objects::Body {
                $crate::sync::objects::Body::$kind(self)
            }

            #[inline]
            fn find(body: &$crate::sync::objects::Body) -> Option<&$kind> {
                match body {
                    $crate::sync::objects::Body::$kind(object) => Some(object),
                    _ => None,
                }
            }

            #[inline]
            fn find_mut(body: &mut $crate::sync::objects::Body) -> Option<&mut $kind> {
                match body {
                    $crate::sync::objects::Body::$kind(object) => Some(object),
                    _ => None,
                }
            }

            fn queues(&self, each: &mut dyn FnMut(&$crate::sync::waiter::Queue)) {
                let $this = self;
                for queue in $queues {
                    each(queue);
                }
            }

            $(fn forked(&mut self, $survivor: Option<$crate::slab::Id>, $waiting: usize) {
                let $forked = self;
                $change
            })?
        }
    };
}
pub(super) use object;

#[derive(Debug)]
struct Contents {
    /// Of the object inside, or of the next one while the slot is free.
    generation: usize,
    name: Box<[u8]>,
    body: Body,
}

/// On cache lines of its own: objects of one slot must not slow down those of another.
#[derive(Debug)]
#[repr(align(64))]
struct Slot {
    contents: sync::Mutex<Contents>,
}

const CHUNK: usize = 256;
const CHUNKS: usize = 64 * 1024;
const INDEX_BITS: u32 = 24;
const _: () = assert!(CHUNK * CHUNKS <= 1 << INDEX_BITS);

static SLOTS: [AtomicPtr<[Slot; CHUNK]>; CHUNKS] =
    [const { AtomicPtr::new(ptr::null_mut()) }; CHUNKS];
static FREE: sync::Mutex<Free> = sync::Mutex::new(Free { slots: Vec::new(), next: 0 });

#[derive(Debug)]
struct Free {
    slots: Vec<u32>,
    next: usize,
}

fn slot_at(index: usize) -> Option<&'static Slot> {
    let chunk = SLOTS.get(index / CHUNK)?.load(Ordering::Acquire);
    // SAFETY: null, or leaked by `slot_for`.
    Some(unsafe { &chunk.as_ref()?[index % CHUNK] })
}

/// A slot that is free, made if there is none.
fn take_slot() -> Result<(usize, &'static Slot)> {
    let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
    let index = match free.slots.pop() {
        Some(index) => index as usize,
        None if free.next < CHUNK * CHUNKS => {
            let index = free.next;
            if index % CHUNK == 0 {
                let slot = || Slot {
                    contents: sync::Mutex::new(Contents {
                        generation: 1,
                        name: Box::default(),
                        body: Body::Free,
                    }),
                };
                let chunk: Box<[Slot]> = (0..CHUNK).map(|_| slot()).collect();
                SLOTS[index / CHUNK].store(Box::into_raw(chunk).cast(), Ordering::Release);
            }
            free.next += 1;
            index
        }
        None => return Err(Error::EAGAIN),
    };
    Ok((index, slot_at(index).ok_or(Error::EAGAIN)?))
}

/// The locks that are held across a fork.
#[derive(Debug)]
struct Held {
    slots: Vec<MutexGuard<'static, Contents>>,
    free: Option<MutexGuard<'static, Free>>,
}

struct AcrossFork(UnsafeCell<Held>);

// SAFETY: touched between the moments of one fork only, on the OS thread that forks; whoever else forks
// waits for the first of the locks.
unsafe impl Sync for AcrossFork {}

static HELD: AcrossFork = AcrossFork(UnsafeCell::new(Held { slots: Vec::new(), free: None }));

/// No object may be half-changed in the child, nor locked by an OS thread that is not there. Locked in the
/// order of their places, as a select does.
pub(super) fn watch_fork(moment: Moment) {
    if matches!(moment, Moment::Before) {
        let free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        let slots = (0..free.next).filter_map(slot_at).map(Slot::lock).collect();
        // SAFETY: see `AcrossFork`.
        unsafe { *HELD.0.get() = Held { slots, free: Some(free) } };
        return;
    }
    // SAFETY: as above.
    let held = unsafe { &mut *HELD.0.get() };
    if let Moment::InChild(survivor) = moment {
        for contents in &mut held.slots {
            contents.body.forked(survivor);
        }
    }
    held.slots = Vec::new();
    held.free = None;
}

impl Slot {
    #[inline]
    fn lock(&'static self) -> MutexGuard<'static, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The longest name, in bytes: as for green threads.
const MAX_NAME: usize = crate::thread::MAX_NAME;

/// Makes an object and gives its handle.
pub(super) fn make<T: Object>(name: &[u8], object: T) -> Result<usize> {
    if name.len() > MAX_NAME {
        return Err(Error::ERANGE);
    }
    super::attach();
    let (index, slot) = take_slot()?;
    let mut contents = slot.lock();
    contents.body = object.wrap();
    contents.name = name.into();
    Ok(contents.generation << INDEX_BITS | (index + 1))
}

/// Frees an object; whoever waits there gets `EIDRM`.
pub(super) fn free<T: Object>(handle: usize) -> Result<()> {
    let mut object = open::<T>(handle)?;
    let contents = &mut *object.contents;
    contents.body.queues(&mut |queue| {
        queue.grant_all(Outcome::Removed);
    });
    contents.generation += 1;
    // Drops what waiters have pointed at only after each of them was told.
    contents.body = Body::Free;
    contents.name = Box::default();
    drop(object);
    let index = index(handle) - 1;
    FREE.lock().unwrap_or_else(PoisonError::into_inner).slots.push(index as u32);
    Ok(())
}

/// An object, locked. Held for some instructions, never across a switch.
#[derive(Debug)]
pub(super) struct Locked<T> {
    slot: &'static Slot,
    contents: MutexGuard<'static, Contents>,
    kind: PhantomData<T>,
}

/// A handle whose kind does not matter, found and locked.
fn lookup(handle: usize) -> Result<(&'static Slot, MutexGuard<'static, Contents>)> {
    let index = index(handle).checked_sub(1).ok_or(Error::EINVAL)?;
    let slot = slot_at(index).ok_or(Error::EINVAL)?;
    let contents = slot.lock();
    if contents.generation != handle >> INDEX_BITS {
        return Err(Error::EINVAL);
    }
    Ok((slot, contents))
}

/// Finds and locks an object. `EINVAL` for a handle of another kind, a stale one, or none.
#[inline]
pub(super) fn open<T: Object>(handle: usize) -> Result<Locked<T>> {
    let (slot, contents) = lookup(handle)?;
    if T::find(&contents.body).is_none() {
        return Err(Error::EINVAL);
    }
    Ok(Locked { slot, contents, kind: PhantomData })
}

/// Where the object of a handle lies, for an order in which several are locked.
pub(super) fn index(handle: usize) -> usize {
    handle & ((1 << INDEX_BITS) - 1)
}

impl<T: Object> Locked<T> {
    /// Unlocks, to lock the slot again later: by then the object may be gone.
    pub(super) fn close(self) -> Reopened<T> {
        Reopened { slot: self.slot, kind: PhantomData }
    }

    /// Unlocks, runs `outside`, locks the slot again: by then the object may be gone.
    #[inline]
    pub(super) fn outside<R>(self, outside: impl FnOnce() -> R) -> (R, Reopened<T>) {
        let slot = self.slot;
        drop(self);
        (outside(), Reopened { slot, kind: PhantomData })
    }
}

/// The slot where an object was.
#[derive(Debug)]
pub(super) struct Reopened<T> {
    slot: &'static Slot,
    kind: PhantomData<T>,
}

impl<T: Object> Reopened<T> {
    /// Locks the slot, whatever is in it by now. Only who is known to the object that was there may
    /// take the answer for it.
    pub(super) fn lock(&self) -> SlotGuard<T> {
        SlotGuard { contents: self.slot.lock(), kind: PhantomData }
    }
}

/// A locked slot.
#[derive(Debug)]
pub(super) struct SlotGuard<T> {
    contents: MutexGuard<'static, Contents>,
    kind: PhantomData<T>,
}

impl<T: Object> SlotGuard<T> {
    pub(super) fn object(&mut self) -> Option<&mut T> {
        T::find_mut(&mut self.contents.body)
    }
}

impl<T: Object> Deref for Locked<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        T::find(&self.contents.body).expect("checked by open, and locked since")
    }
}

impl<T: Object> DerefMut for Locked<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        T::find_mut(&mut self.contents.body).expect("checked by open, and locked since")
    }
}

/// What a report says of an object.
pub(super) fn describe(handle: usize) -> Option<Description> {
    let (_, contents) = lookup(handle).ok()?;
    let mut holders = Vec::new();
    contents.body.holding()?.all_holders(&mut |holder| {
        holders.push(holder);
        holders.len() < MOST_HOLDERS
    });
    Some(Description { word: contents.body.word(), name: contents.name.clone(), holders })
}

/// A report names no more.
const MOST_HOLDERS: usize = 8;

/// Whether an object is held, and nobody but threads that `is_here` knows can let go of it.
pub(super) fn is_held_among(handle: usize, is_here: &dyn Fn(Id) -> bool) -> bool {
    let Ok((_, contents)) = lookup(handle) else { return false };
    let Some(body) = contents.body.holding() else { return false };
    let mut held = false;
    body.all_holders(&mut |holder| {
        held = true;
        is_here(holder)
    }) && body.all_ahead(&mut |thread| is_here(thread))
        && held
}

/// Calls `visit` for every object there is.
pub(super) fn for_each(mut visit: impl FnMut(usize, &mut Body)) {
    let used = FREE.lock().unwrap_or_else(PoisonError::into_inner).next;
    for index in 0..used {
        let Some(slot) = slot_at(index) else { return };
        let mut contents = slot.lock();
        let handle = contents.generation << INDEX_BITS | (index + 1);
        visit(handle, &mut contents.body);
    }
}
