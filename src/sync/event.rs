//! The event: something has happened. It stays set until it is reset, or lets one thread through and
//! resets itself.

use super::objects::{self, object};
use super::waiter::{self, Outcome, Queue};
use crate::clock::Nanos;
use crate::error::Result;
use crate::thread::Reason;

#[derive(Debug)]
pub(crate) struct Event {
    set: bool,
    automatic: bool,
    queue: Queue,
}

object!(Event, "event", |event| [&event.queue]);

pub(crate) fn new(name: &[u8], automatic: bool, set: bool) -> Result<usize> {
    objects::make(name, Event { set, automatic, queue: Queue::new() })
}

pub(crate) fn free(handle: usize) -> Result<()> {
    objects::free::<Event>(handle)
}

pub(crate) fn set(handle: usize) -> Result<()> {
    let mut event = objects::open::<Event>(handle)?;
    if event.automatic {
        event.set = event.queue.grant_first(Outcome::Granted).is_none();
    } else {
        event.set = true;
        event.queue.grant_all(Outcome::Granted);
    }
    Ok(())
}

pub(crate) fn reset(handle: usize) -> Result<()> {
    objects::open::<Event>(handle)?.set = false;
    Ok(())
}

pub(crate) fn wait(handle: usize, deadline: Nanos) -> Result<()> {
    let (hub, thread) = super::caller()?;
    let mut event = objects::open::<Event>(handle)?;
    if event.set {
        event.set = !event.automatic;
        drop(event);
        hub.spend(thread);
        return Ok(());
    }
    super::check_deadline(hub, deadline)?;
    let how = (Reason::Object(handle), 0);
    waiter::wait(hub, thread, event, how, deadline, |event| &event.queue, |_| {})
}
