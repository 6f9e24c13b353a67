//! What the hub must know of locks, channels and their like, which are built on it and which it cannot
//! name: they tell it here.

use super::Hub;
use crate::slab::Id;
use crate::thread::{Reason, State};
use std::sync::OnceLock;

/// What a report says of an object.
#[derive(Debug)]
pub(crate) struct Description {
    /// Its kind.
    pub(crate) word: &'static str,
    pub(crate) name: Box<[u8]>,
    /// Who holds it, of what can be held; some of them, if they are many.
    pub(crate) holders: Vec<Id>,
}

/// Told once, by whoever has the objects.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observer {
    /// `None` for an object that is gone.
    pub(crate) describe: fn(handle: usize) -> Option<Description>,
    /// A thread has ended, or its hub is going, while it held locks.
    pub(crate) ended: fn(thread: Id),
    /// Whether an object is held, and all who could let go of it, or let somebody pass, are known.
    pub(crate) is_held_among: fn(handle: usize, is_known: &dyn Fn(Id) -> bool) -> bool,
    /// What a thread holds, for reports.
    pub(crate) held: fn(holder: Id) -> Vec<usize>,
}

static OBSERVER: OnceLock<Observer> = OnceLock::new();

pub(crate) fn observe(observer: Observer) {
    let _ = OBSERVER.set(observer);
}

pub(super) fn describe(handle: usize) -> Option<Description> {
    (OBSERVER.get()?.describe)(handle)
}

pub(super) fn held(holder: Id) -> Vec<usize> {
    OBSERVER.get().map_or(Vec::new(), |observer| (observer.held)(holder))
}

pub(super) fn holder_ended(holder: Id) {
    if let Some(observer) = OBSERVER.get() {
        (observer.ended)(holder);
    }
}

impl Hub {
    /// The threads of a hub that is abandoned hold nothing any more. Called once the hub is retired: who
    /// hands over later sees that, and whoever did before has done so when the object is looked at.
    pub(super) fn abandon_locks(&self) {
        self.threads.for_each(|thread| {
            // One that waits may have been handed the lock without having run since.
            let waits = matches!(thread.reason.get(), Reason::Lock(_) | Reason::Object(_));
            if thread.held.get() > 0 || waits {
                holder_ended(thread.id);
            }
        });
    }

    /// Whether every parked thread waits for another one of this hub, which is counted as they park,
    /// still holds for locks: one that was held here then may have been handed to another OS thread.
    pub(super) fn is_deadlocked(&self) -> bool {
        let Some(observer) = OBSERVER.get() else { return true };
        let is_here = |id| self.threads.get(id).is_some();
        let mut deadlocked = true;
        self.threads.for_each(|thread| match (thread.state.get(), thread.reason.get()) {
            (State::Parked, Reason::Lock(handle)) if deadlocked => {
                deadlocked = (observer.is_held_among)(handle, &is_here);
            }
            _ => {}
        });
        deadlocked
    }
}
