//! The read-write lock. Who comes behind a waiting writer waits too, so that readers never starve one.

use super::objects::{self, object};
use super::waiter::{self, Outcome, Queue};
use crate::clock::Nanos;
use crate::error::{Error, Result};
use crate::hub::Hub;
use crate::slab::Id;

/// How a thread wants it: the wish of its waiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Read = 0,
    Write = 1,
}

#[derive(Debug)]
pub(crate) struct RwLock {
    writer: Option<Id>,
    readers: usize,
    /// Its writer has ended: what it guards may be half-written.
    broken: bool,
    queue: Queue,
}

object!(RwLock, "rwlock", |lock| [&lock.queue],
holder: |lock| lock.writer,
forked: |lock, survivor, _waiting| if let Some(writer) = lock.writer {
    if Some(writer) != survivor {
        lock.holder_ended(writer);
    }
});

pub(crate) fn new(name: &[u8]) -> Result<usize> {
    objects::make(name, RwLock { writer: None, readers: 0, broken: false, queue: Queue::new() })
}

pub(crate) fn free(handle: usize) -> Result<()> {
    if let Some(thread) = crate::hub::current().and_then(Hub::running) {
        if objects::open::<RwLock>(handle)?.writer == Some(thread.id) {
            thread.held.set(thread.held.get() - 1);
        }
    }
    objects::free::<RwLock>(handle)
}

impl RwLock {
    fn admits(&self, mode: Mode) -> bool {
        self.writer.is_none() && (mode == Mode::Read || self.readers == 0)
    }

    fn admit(&mut self, mode: Mode, id: Id) {
        match mode {
            Mode::Read => self.readers += 1,
            Mode::Write => self.writer = Some(id),
        }
    }

    /// Lets in whoever stands first and can be let in: one writer, or the readers before the next one.
    fn advance(&mut self) {
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

    pub(super) fn holder_ended(&mut self, holder: Id) {
        if self.writer == Some(holder) {
            self.writer = None;
            self.broken = true;
            self.queue.grant_all(Outcome::OwnerDead);
        }
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
        hold(thread, mode);
        hub.spend(thread);
        return Ok(());
    }
    super::check_deadline(hub, deadline)?;
    let reason = super::lock_reason(hub, handle, lock.writer);
    let how = (reason, mode as usize);
    // A writer that gives up may have been all that kept the readers behind it.
    waiter::wait(hub, thread, lock, how, deadline, |lock| &lock.queue, RwLock::advance)?;
    hold(thread, mode);
    Ok(())
}

fn hold(thread: &crate::thread::Thread, mode: Mode) {
    if mode == Mode::Write {
        thread.held.set(thread.held.get() + 1);
    }
}

pub(crate) fn unlock(handle: usize) -> Result<()> {
    let (_, thread) = super::runner()?;
    let mut lock = objects::open::<RwLock>(handle)?;
    if lock.writer == Some(thread.id) {
        thread.held.set(thread.held.get() - 1);
        lock.writer = None;
    } else if lock.writer.is_none() && lock.readers > 0 {
        lock.readers -= 1;
    } else {
        return Err(Error::EPERM);
    }
    lock.advance();
    Ok(())
}

/// Takes a lock whose writer has ended, for writing, and makes it usable again.
pub(crate) fn recover(handle: usize) -> Result<()> {
    let (_, thread) = super::runner()?;
    let mut lock = objects::open::<RwLock>(handle)?;
    if !lock.broken {
        return Err(Error::EINVAL);
    }
    lock.broken = false;
    lock.admit(Mode::Write, thread.id);
    hold(thread, Mode::Write);
    Ok(())
}
