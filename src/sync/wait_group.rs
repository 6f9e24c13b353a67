//! The wait group: to wait until a number of tasks are done.

use super::objects::{self, object};
use super::waiter::{self, Outcome, Queue};
use crate::clock::Nanos;
use crate::error::{Error, Result};
use crate::thread::Reason;

#[derive(Debug)]
pub(crate) struct WaitGroup {
    count: u32,
    queue: Queue,
}

object!(WaitGroup, "wait group", |group| [&group.queue]);

pub(crate) fn new(name: &[u8]) -> Result<usize> {
    objects::make(name, WaitGroup { count: 0, queue: Queue::new() })
}

pub(crate) fn free(handle: usize) -> Result<()> {
    objects::free::<WaitGroup>(handle)
}

/// Changes the number of tasks, which never falls below zero.
pub(crate) fn add(handle: usize, delta: i32) -> Result<()> {
    let mut group = objects::open::<WaitGroup>(handle)?;
    let count = i64::from(group.count) + i64::from(delta);
    group.count = u32::try_from(count).map_err(|_| match count {
        ..0 => Error::EINVAL,
        _ => Error::EOVERFLOW,
    })?;
    if group.count == 0 {
        group.queue.grant_all(Outcome::Granted);
    }
    Ok(())
}

pub(crate) fn wait(handle: usize, deadline: Nanos) -> Result<()> {
    let (hub, thread) = super::caller()?;
    let group = objects::open::<WaitGroup>(handle)?;
    if group.count == 0 {
        drop(group);
        hub.spend(thread);
        return Ok(());
    }
    super::check_deadline(hub, deadline)?;
    let how = (Reason::Object(handle), 0);
    waiter::wait(hub, thread, group, how, deadline, |group| &group.queue, |_| {})
}
