//! What becomes of a hub in the child of a fork.
//!
//! The child has one OS thread and, of its hub, one green thread: the one that forked. That one is the
//! root there, whatever it was in the parent, since nobody else is left to drive the hub: while it
//! waits, the loop runs on its stack. Everybody else is forgotten without being unwound, and their
//! stacks stay where they are, because what the forking thread works with may lie on them.
//!
//! A callback that forks runs on the root's stack, inside the call in which the root waits. In its
//! child the root is the one that stays, and goes on waiting.
//!
//! The poller and the event counter are the parent's: the child closes its descriptors of them, and
//! never asks them nor changes what is registered there. It makes its own when it first needs them, so
//! that a child that only calls exec pays for none.

use super::pulse::Place;
use super::registry::{self, Numbers};
use super::{current, descriptors, Hub};
use crate::error::Result;
use crate::locals::{self, Destructor, MAX_KEYS};
use crate::slab::Id;
use crate::sys::{cxx, errno, fork, loader, tls};
use crate::thread::{Reason, State, Thread, Wake};
use std::cell::UnsafeCell;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::MutexGuard;

/// The locks that are held across a fork, so that they are free in the child.
struct Held(UnsafeCell<Option<Guards>>);

struct Guards {
    _numbers: MutexGuard<'static, Numbers>,
    _loader: MutexGuard<'static, ()>,
    _keys: MutexGuard<'static, [Option<Destructor>; MAX_KEYS]>,
}

// SAFETY: only whoever holds the locks touches the cell, between `prepare` and `parent` or `child`, and
// all three run on the OS thread that forks.
unsafe impl Sync for Held {}

static HELD: Held = Held(UnsafeCell::new(None));

/// When a part of the library that is built on the hub is told of a fork. Between the first and either of
/// the others no other part runs on this OS thread.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Moment {
    /// Take what must be free in the child.
    Before,
    InParent,
    /// All other OS threads are gone, and all green threads but this one.
    InChild(Option<Id>),
}

const WATCHERS: usize = 16;
static WATCHING: [AtomicPtr<()>; WATCHERS] = [const { AtomicPtr::new(ptr::null_mut()) }; WATCHERS];

/// Has `told` called at each fork from now on. Once is enough for each function.
pub(crate) fn watch_forks(told: fn(Moment)) {
    for place in &WATCHING {
        let known = place.compare_exchange(
            ptr::null_mut(),
            told as *mut (),
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        match known {
            Ok(_) => return,
            Err(known) if known == told as *mut () => return,
            Err(_) => {}
        }
    }
    debug_assert!(false, "more parts than places");
}

fn tell(moment: Moment) {
    for place in &WATCHING {
        let told = place.load(Ordering::Acquire);
        if !told.is_null() {
            // SAFETY: `watch_forks` stored a function of this type.
            let told: fn(Moment) = unsafe { std::mem::transmute(told) };
            told(moment);
        }
    }
}

/// Run when the library is loaded: at the first hub, another OS thread could be inside a fork already.
#[used]
#[link_section = ".init_array"]
static AT_LOAD: extern "C" fn() = watch;

/// Registers the handlers, once. Each hub asks for it too: a linker may drop what nobody refers to from
/// an archive, `AT_LOAD` included.
pub(super) extern "C" fn watch() {
    static WATCHED: AtomicBool = AtomicBool::new(false);
    if !WATCHED.swap(true, Ordering::Relaxed) {
        fork::watch(prepare, parent, child);
    }
}

extern "C" fn prepare() {
    tell(Moment::Before);
    let numbers = registry::lock();
    if registry::by_number(0).is_some() {
        // Another OS thread may be inside it, and in the child nobody would ever finish.
        super::current::install_overflow_report();
    }
    let guards = Guards { _numbers: numbers, _loader: cxx::hold(), _keys: locals::hold() };
    loader::hold();
    // SAFETY: the locks are held.
    unsafe { *HELD.0.get() = Some(guards) };
}

extern "C" fn parent() {
    loader::release();
    release();
    descriptors::share_all();
    tell(Moment::InParent);
}

fn release() {
    // SAFETY: the locks are held, since `prepare`.
    drop(unsafe { (*HELD.0.get()).take() });
}

extern "C" fn child() {
    let _errno = errno::Kept::new();
    loader::renew();
    let renewed = catch_unwind(AssertUnwindSafe(|| {
        let hub = current();
        cxx::freeze();
        registry::after_fork(hub.map(|hub| hub.remote));
        descriptors::after_fork();
        if let Some(hub) = hub {
            hub.after_fork();
        }
    }));
    if renewed.is_err() {
        // The fork was made by a signal handler, inside a call of the library. It may call exec.
        tls::set(ptr::null_mut());
    }
    release();
    let stays = current().map(|hub| hub.root().id);
    tell(Moment::InChild(stays));
}

impl Hub {
    fn after_fork(&self) {
        let forker = self.running();
        let stays = forker.unwrap_or_else(|| self.root());
        self.forget_joiners();
        self.forks.set(self.forks.get().wrapping_add(1));
        self.poller.abandon();
        self.embedded.set(false);
        self.drop_timers();
        self.ready.clear();
        self.threads.for_each(|thread| {
            if !ptr::eq(thread, stays) {
                self.wheel.remove(&thread.timer);
                // SAFETY: neither the ring nor the wheel holds the block any more, and descriptors drop
                // their waiters below. Frames that refer to it never run again, but for the root's in
                // `join`, which asks for it anew.
                unsafe { self.threads.remove(thread.id) };
            }
        });
        stays.joiner.set(ptr::null());
        stays.detached.set(false);
        stays.root.set(true);
        self.root.set(stays);
        self.live.set(0);
        self.heeders.after_fork(stays);
        self.inside.set(usize::from(stays.reason.get().is_inside()));
        self.forget_descriptors(stays);
        self.pulse.after_fork(if forker.is_some() { Place::Root } else { Place::Callback });
        if forker.is_some() {
            self.draining.set(false);
        } else {
            self.resume_wait(stays);
        }
    }

    /// Changes with each fork. A wait during which it did is that of the root of a child: what it has asked
    /// of other OS threads, those of the parent, nobody will answer, and they may hold its locks for ever.
    pub(crate) fn forks(&self) -> u32 {
        self.forks.get()
    }

    /// A callback has forked: what the root waits for has changed under it.
    fn resume_wait(&self, root: &Thread) {
        match (root.state.get(), root.reason.get()) {
            (State::Ready, _) => self.ready.push(root),
            // The deadline stands in the wheel, and nothing else would end it.
            (_, Reason::None | Reason::Sleep) => {}
            (State::Parked, _) => {
                self.unpark(root, Wake::Ready);
            }
            _ => {}
        }
    }

    /// Makes the poller that the child of a fork has not.
    #[inline]
    pub(super) fn ensure_poller(&self) -> Result<()> {
        if self.poller.is_abandoned() {
            return self.renew_poller();
        }
        Ok(())
    }

    #[cold]
    fn renew_poller(&self) -> Result<()> {
        self.remote.renew_wake()?;
        self.poller.renew(self.remote.wake_descriptor())?;
        self.remote.set_poller(self.poller.descriptor().unwrap_or(-1));
        Ok(())
    }
}
