//! The condition variable: to wait for a change of what a mutex guards.

use super::mutex;
use super::objects::{self, object};
use super::waiter::{self, Outcome, Queue};
use crate::clock::Nanos;
use crate::error::Result;
use crate::thread::Reason;

#[derive(Debug)]
pub(crate) struct Condition {
    queue: Queue,
}

object!(Condition, "condition", |condition| [&condition.queue]);

pub(crate) fn new(name: &[u8]) -> Result<usize> {
    objects::make(name, Condition { queue: Queue::new() })
}

pub(crate) fn free(handle: usize) -> Result<()> {
    objects::free::<Condition>(handle)
}

/// Gives the mutex up, waits, and takes it back.
pub(crate) fn wait(handle: usize, guard: usize, deadline: Nanos) -> Result<()> {
    let (hub, thread) = super::caller()?;
    let depth = mutex::depth(guard, thread)?;
    let condition = objects::open::<Condition>(handle)?;
    let how = (Reason::Object(handle), 0);
    // Queued first, so that a signal of whoever takes the mutex next is not missed. A past deadline,
    // too, lets others have it for a moment.
    let release = || mutex::release_all(guard, thread);
    let waited = waiter::wait_after(
        hub,
        thread,
        condition,
        how,
        deadline,
        (|condition| &condition.queue, |_| {}),
        release,
    );
    mutex::take_back(guard, hub, thread, depth)?;
    waited
}

/// Wakes the one that has waited longest.
pub(crate) fn signal(handle: usize) -> Result<()> {
    objects::open::<Condition>(handle)?.queue.grant_first(Outcome::Granted);
    Ok(())
}

pub(crate) fn broadcast(handle: usize) -> Result<()> {
    objects::open::<Condition>(handle)?.queue.grant_all(Outcome::Granted);
    Ok(())
}
