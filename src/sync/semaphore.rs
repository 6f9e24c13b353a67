//! The semaphore: a number of permits, taken and given back by anybody.

use super::objects::{self, object};
use super::waiter::{self, Outcome, Queue};
use crate::clock::Nanos;
use crate::error::{Error, Result};
use crate::thread::Reason;

#[derive(Debug)]
pub(crate) struct Semaphore {
    permits: u32,
    most: u32,
    queue: Queue,
}

object!(Semaphore, "semaphore", |semaphore| [&semaphore.queue]);

pub(crate) fn new(name: &[u8], permits: u32, most: u32) -> Result<usize> {
    let most = if most == 0 { u32::MAX } else { most };
    if permits > most {
        return Err(Error::EINVAL);
    }
    objects::make(name, Semaphore { permits, most, queue: Queue::new() })
}

pub(crate) fn free(handle: usize) -> Result<()> {
    objects::free::<Semaphore>(handle)
}

pub(crate) fn wait(handle: usize, deadline: Nanos) -> Result<()> {
    let (hub, thread) = super::caller()?;
    let mut semaphore = objects::open::<Semaphore>(handle)?;
    // While somebody waits there is no permit: each goes to the first of them.
    if semaphore.permits > 0 {
        semaphore.permits -= 1;
        drop(semaphore);
        hub.spend(thread);
        return Ok(());
    }
    super::check_deadline(hub, deadline)?;
    let how = (Reason::Object(handle), 0);
    waiter::wait(hub, thread, semaphore, how, deadline, |semaphore| &semaphore.queue, |_| {})
}

pub(crate) fn post(handle: usize) -> Result<()> {
    let mut semaphore = objects::open::<Semaphore>(handle)?;
    if semaphore.queue.grant_first(Outcome::Granted).is_some() {
        return Ok(());
    }
    if semaphore.permits == semaphore.most {
        return Err(Error::EOVERFLOW);
    }
    semaphore.permits += 1;
    Ok(())
}

/// The permits that are there.
pub(crate) fn value(handle: usize) -> Result<u32> {
    Ok(objects::open::<Semaphore>(handle)?.permits)
}
