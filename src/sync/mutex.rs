//! The mutex: held by one green thread at a time, handed over in the order of arrival.

use super::objects::{self, object, Holding, Locked};
use super::waiter::{self, Outcome, Queue};
use crate::clock::Nanos;
use crate::error::{Error, Result};
use crate::hub::Hub;
use crate::slab::Id;
use crate::thread::Thread;

#[derive(Debug)]
pub(crate) struct Mutex {
    owner: Option<Id>,
    /// How many times the owner holds it.
    depth: usize,
    recursive: bool,
    /// Its owner has ended: what it guards may be half-done.
    broken: bool,
    queue: Queue,
}

object!(Mutex, held, "mutex", |mutex| [&mutex.queue],
forked: |mutex, survivor, _waiting| if let Some(owner) = mutex.owner {
    if Some(owner) != survivor {
        mutex.holder_ended(owner);
    }
});

impl Holding for Mutex {
    fn all_holders(&self, is: &mut dyn FnMut(Id) -> bool) -> bool {
        self.owner.is_none_or(is)
    }

    fn holder_ended(&mut self, thread: Id) {
        if self.owner == Some(thread) {
            self.owner = None;
            self.broken = true;
            self.queue.grant_all(Outcome::OwnerDead);
        }
    }
}

pub(crate) fn new(name: &[u8], recursive: bool) -> Result<usize> {
    let queue = Queue::new();
    objects::make(name, Mutex { owner: None, depth: 0, recursive, broken: false, queue })
}

pub(crate) fn free(handle: usize) -> Result<()> {
    if let Some(thread) = crate::hub::current().and_then(Hub::running) {
        let mutex = objects::open::<Mutex>(handle)?;
        if mutex.owner == Some(thread.id) {
            thread.held.set(thread.held.get() - mutex.depth as u32);
        }
    }
    objects::free::<Mutex>(handle)
}

impl Mutex {
    /// Takes it if that needs no wait.
    #[inline]
    fn try_lock(&mut self, id: Id) -> Option<Result<()>> {
        match self.owner {
            Some(owner) if owner == id && self.recursive => {
                // As often as memory has bytes, so that it cannot overflow.
                self.depth += 1;
                Some(Ok(()))
            }
            Some(owner) if owner == id => Some(Err(Error::EDEADLK)),
            _ if self.broken => Some(Err(Error::EOWNERDEAD)),
            Some(_) => None,
            None => {
                self.owner = Some(id);
                self.depth = 1;
                Some(Ok(()))
            }
        }
    }

    /// Gives it to who has waited longest.
    fn hand_over(&mut self) {
        self.depth = 1;
        self.owner = self.queue.grant_first(Outcome::Granted);
    }
}

pub(crate) fn lock(handle: usize, deadline: Nanos) -> Result<()> {
    let (hub, thread) = super::caller()?;
    let mut mutex = objects::open::<Mutex>(handle)?;
    match mutex.try_lock(thread.id) {
        Some(Ok(())) => {
            drop(mutex);
            hold(thread);
            hub.spend(thread);
            Ok(())
        }
        Some(Err(error)) => Err(error),
        None => {
            super::check_deadline(hub, deadline)?;
            wait(hub, thread, handle, mutex, deadline)
        }
    }
}

fn wait(
    hub: &Hub,
    thread: &Thread,
    handle: usize,
    mutex: Locked<Mutex>,
    deadline: Nanos,
) -> Result<()> {
    let reason = super::lock_reason(hub, handle, mutex.owner);
    waiter::wait(hub, thread, mutex, (reason, 0), deadline, |mutex| &mutex.queue, |_| {})?;
    hold(thread);
    Ok(())
}

/// A recursive lock counts once for each time, too.
fn hold(thread: &Thread) {
    thread.held.set(thread.held.get() + 1);
}

pub(crate) fn unlock(handle: usize) -> Result<()> {
    let (_, thread) = super::runner()?;
    let mut mutex = objects::open::<Mutex>(handle)?;
    if mutex.owner != Some(thread.id) {
        return Err(Error::EPERM);
    }
    thread.held.set(thread.held.get() - 1);
    mutex.depth -= 1;
    if mutex.depth == 0 {
        mutex.hand_over();
    }
    Ok(())
}

/// Takes a mutex whose owner has ended, and makes it usable again.
pub(crate) fn recover(handle: usize) -> Result<()> {
    let (_, thread) = super::runner()?;
    let mut mutex = objects::open::<Mutex>(handle)?;
    if !mutex.broken {
        return Err(Error::EINVAL);
    }
    mutex.broken = false;
    mutex.owner = Some(thread.id);
    mutex.depth = 1;
    hold(thread);
    Ok(())
}

/// How often the caller holds a mutex.
pub(super) fn depth(handle: usize, thread: &Thread) -> Result<usize> {
    let mutex = objects::open::<Mutex>(handle)?;
    if mutex.owner != Some(thread.id) {
        return Err(Error::EPERM);
    }
    Ok(mutex.depth)
}

/// Gives a mutex up for the time of a wait, however often it is held. Nothing, if it was freed since
/// `depth` was asked.
pub(super) fn release_all(handle: usize, thread: &Thread) {
    if let Ok(mut mutex) = objects::open::<Mutex>(handle) {
        if mutex.owner == Some(thread.id) {
            thread.held.set(thread.held.get() - mutex.depth as u32);
            mutex.hand_over();
        }
    }
}

/// Takes it back after such a wait, for as long as that takes: who waited for a condition must hold the
/// mutex again, whatever ended the wait.
pub(super) fn take_back(handle: usize, hub: &Hub, thread: &Thread, depth: usize) -> Result<()> {
    let mut mutex = objects::open::<Mutex>(handle)?;
    match mutex.try_lock(thread.id) {
        Some(Ok(())) => {
            drop(mutex);
            hold(thread);
        }
        Some(Err(error)) => return Err(error),
        None => {
            let masked = thread.masked.replace(true);
            let taken = wait(hub, thread, handle, mutex, crate::clock::NEVER);
            thread.masked.set(masked);
            taken?;
        }
    }
    if depth > 1 {
        objects::open::<Mutex>(handle)?.depth = depth;
        thread.held.set(thread.held.get() + depth as u32 - 1);
    }
    Ok(())
}
