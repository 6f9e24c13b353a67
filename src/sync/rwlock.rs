//! The read-write lock. Who comes behind a waiting writer waits too, so that readers never starve one.

use super::objects::{self, object, Holding};
use super::waiter::{self, Outcome, Queue};
use crate::clock::Nanos;
use crate::error::{Error, Result};
use crate::hub::Hub;
use crate::slab::Id;
use crate::thread::Thread;
use std::collections::BTreeMap;

/// How a thread wants it: the wish of its waiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Read = 0,
    Write = 1,
}

#[derive(Debug)]
pub(crate) struct RwLock {
    writer: Option<Id>,
    readers: Readers,
    /// A reader has ended with it, while others still read: said once those have gone.
    orphaned: bool,
    /// Who held it has ended: what it guards may be half-written, or was half-read.
    broken: bool,
    queue: Queue,
}

/// Who reads, and how often it has said so. Found in little time also among thousands.
#[derive(Debug, Default)]
struct Readers(BTreeMap<Id, u32>);

impl Readers {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn times(&self, id: Id) -> u32 {
        self.0.get(&id).copied().unwrap_or(0)
    }

    fn enter(&mut self, id: Id) {
        *self.0.entry(id).or_insert(0) += 1;
    }

    /// Whether it was one.
    fn leave(&mut self, id: Id) -> bool {
        let Some(times) = self.0.get_mut(&id) else { return false };
        *times -= 1;
        if *times == 0 {
            self.0.remove(&id);
        }
        true
    }
}

// Nothing is half-read in the child of a fork: a reader that is gone there has done nothing wrong.
object!(RwLock, held, "rwlock", |lock| [&lock.queue],
forked: |lock, survivor, _waiting| {
    lock.readers.0.retain(|&id, _| Some(id) == survivor);
    match lock.writer {
        Some(writer) if Some(writer) != survivor => lock.holder_ended(writer),
        _ => lock.advance(),
    }
});

impl Holding for RwLock {
    fn all_holders(&self, is: &mut dyn FnMut(Id) -> bool) -> bool {
        self.writer.iter().chain(self.readers.0.keys()).all(|&id| is(id))
    }

    /// A reader waits for the writers before it, too.
    fn all_ahead(&self, is: &mut dyn FnMut(Id) -> bool) -> bool {
        self.queue.all(|waiter| is(waiter.id()))
    }

    fn is_held_by(&self, thread: Id) -> bool {
        self.writer == Some(thread) || self.readers.times(thread) > 0
    }

    fn holder_ended(&mut self, thread: Id) {
        if self.writer == Some(thread) {
            self.writer = None;
            self.orphaned = true;
        } else if self.readers.0.remove(&thread).is_some() {
            self.orphaned = true;
        }
        self.advance();
    }
}

pub(crate) fn new(name: &[u8]) -> Result<usize> {
    let (readers, queue) = (Readers::default(), Queue::new());
    objects::make(name, RwLock { writer: None, readers, orphaned: false, broken: false, queue })
}

pub(crate) fn free(handle: usize) -> Result<()> {
    if let Some(thread) = crate::hub::current().and_then(Hub::running) {
        let lock = objects::open::<RwLock>(handle)?;
        let times = lock.readers.times(thread.id) + u32::from(lock.writer == Some(thread.id));
        thread.held.set(thread.held.get() - times);
    }
    objects::free::<RwLock>(handle)
}

impl RwLock {
    fn admits(&self, mode: Mode) -> bool {
        self.writer.is_none() && (mode == Mode::Read || self.readers.is_empty())
    }

    fn admit(&mut self, mode: Mode, id: Id) {
        match mode {
            Mode::Read => self.readers.enter(id),
            Mode::Write => self.writer = Some(id),
        }
    }

    /// Lets in whoever stands first and can be let in: one writer, or the readers before the next one.
    /// Nobody once the last one is out, if one of them has ended in there.
    fn advance(&mut self) {
        if self.orphaned && self.admits(Mode::Write) {
            (self.orphaned, self.broken) = (false, true);
            self.queue.grant_all(Outcome::OwnerDead);
        }
        while let Some(first) = self.queue.first() {
            let mode = if first.wish.get() == 0 { Mode::Read } else { Mode::Write };
            if !self.admits(mode) {
                return;
            }
            // Somebody else's claim on the first one lets the second, of whatever mode, be looked at.
            let id = first.id();
            // SAFETY: the caller has the object locked.
            unsafe { first.leave() };
            if first.claim(Outcome::Granted) {
                // SAFETY: just claimed, under the object's lock.
                unsafe { first.wake() };
                self.admit(mode, id);
            }
        }
    }

    /// One of those who hold it.
    fn somebody(&self) -> Option<Id> {
        self.writer.or_else(|| self.readers.0.keys().next().copied())
    }
}

pub(crate) fn lock(handle: usize, mode: Mode, deadline: Nanos) -> Result<()> {
    let (hub, thread) = super::caller()?;
    let mut lock = objects::open::<RwLock>(handle)?;
    if lock.writer == Some(thread.id) {
        return Err(Error::EDEADLK);
    }
    if lock.broken {
        return Err(Error::EOWNERDEAD);
    }
    if lock.queue.is_empty() && lock.admits(mode) {
        lock.admit(mode, thread.id);
        drop(lock);
        hold(thread);
        hub.spend(thread);
        return Ok(());
    }
    super::check_deadline(hub, deadline)?;
    if mode == Mode::Write && lock.readers.times(thread.id) > 0 {
        return Err(Error::EDEADLK);
    }
    let reason = super::lock_reason(hub, handle, lock.somebody());
    let how = (reason, mode as usize);
    // A writer that gives up may have been all that kept the readers behind it.
    waiter::wait(hub, thread, lock, how, deadline, |lock| &lock.queue, RwLock::advance)?;
    hold(thread);
    Ok(())
}

/// A reader counts once for each time, too.
fn hold(thread: &Thread) {
    thread.held.set(thread.held.get() + 1);
}

pub(crate) fn unlock(handle: usize) -> Result<()> {
    let (_, thread) = super::runner()?;
    let mut lock = objects::open::<RwLock>(handle)?;
    if lock.writer == Some(thread.id) {
        lock.writer = None;
    } else if !lock.readers.leave(thread.id) {
        return Err(Error::EPERM);
    }
    thread.held.set(thread.held.get() - 1);
    lock.advance();
    Ok(())
}

/// Takes a lock whose holder has ended, for writing, and makes it usable again.
pub(crate) fn recover(handle: usize) -> Result<()> {
    let (_, thread) = super::runner()?;
    let mut lock = objects::open::<RwLock>(handle)?;
    if !lock.broken {
        return Err(Error::EINVAL);
    }
    lock.broken = false;
    lock.admit(Mode::Write, thread.id);
    hold(thread);
    Ok(())
}
