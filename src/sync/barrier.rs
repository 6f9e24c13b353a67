//! The barrier: nobody goes on before all have come.

use super::objects::{self, object};
use super::waiter::{self, Outcome, Queue};
use crate::clock::Nanos;
use crate::error::{Error, Result};
use crate::thread::Reason;

#[derive(Debug)]
pub(crate) struct Barrier {
    parties: u32,
    waiting: u32,
    queue: Queue,
}

object!(Barrier, "barrier", |barrier| [&barrier.queue],
    forked: |barrier, _survivor, waiting| barrier.waiting = waiting as u32);

pub(crate) fn new(name: &[u8], parties: u32) -> Result<usize> {
    if parties == 0 {
        return Err(Error::EINVAL);
    }
    objects::make(name, Barrier { parties, waiting: 0, queue: Queue::new() })
}

pub(crate) fn free(handle: usize) -> Result<()> {
    objects::free::<Barrier>(handle)
}

/// True for the one that came last.
pub(crate) fn wait(handle: usize, deadline: Nanos) -> Result<bool> {
    let (hub, thread) = super::caller()?;
    let mut barrier = objects::open::<Barrier>(handle)?;
    if barrier.waiting + 1 == barrier.parties {
        barrier.waiting = 0;
        barrier.queue.grant_all(Outcome::Granted);
        drop(barrier);
        hub.spend(thread);
        return Ok(true);
    }
    super::check_deadline(hub, deadline)?;
    barrier.waiting += 1;
    let how = (Reason::Object(handle), 0);
    let gone = |barrier: &mut Barrier| barrier.waiting -= 1;
    waiter::wait(hub, thread, barrier, how, deadline, |barrier| &barrier.queue, gone)?;
    Ok(false)
}
