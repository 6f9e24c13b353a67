//! Locks, channels and their like, built on park and wake alone.
//!
//! * `objects` — the table of all of them: handles, names, the lock of each.
//! * `waiter` — a green thread in the queue of one, and how its wait ends.
//! * `mutex`, `rwlock`, `condition`, `semaphore`, `event`, `barrier`, `wait_group`, `once` — one each.
//! * `channel` — items from green thread to green thread; `select` — from whichever of several.
//!
//! An object may be used from every OS thread. Its state is guarded by a lock of its own, which is held
//! for some instructions and never across a switch; who must wait queues, first in, first out, and is
//! handed what it waits for.

pub(crate) mod barrier;
pub(crate) mod channel;
pub(crate) mod condition;
pub(crate) mod event;
pub(crate) mod mutex;
mod objects;
pub(crate) mod once;
pub(crate) mod rwlock;
pub(crate) mod select;
pub(crate) mod semaphore;
pub(crate) mod wait_group;
mod waiter;

use crate::clock::Nanos;
use crate::error::{Error, Result};
use crate::hub::{self, enter, Hub, Observer};
use crate::slab::Id;
use crate::thread::{Reason, Thread};
use std::sync::Once;

/// The calling green thread, if it may wait now.
#[inline]
fn caller() -> Result<(&'static Hub, &'static Thread)> {
    let hub = enter()?;
    Ok((hub, hub.suspender()?))
}

/// The calling green thread, which does not mean to wait: also one that was cancelled.
#[inline]
fn runner() -> Result<(&'static Hub, &'static Thread)> {
    let hub = enter()?;
    Ok((hub, hub.running().ok_or(Error::NOT_GREEN)?))
}

/// Fails with what a deadline in the past means, before anybody is queued for nothing.
#[inline]
fn check_deadline(hub: &Hub, deadline: Nanos) -> Result<()> {
    if hub.is_past(deadline) {
        return Err(Error::ETIMEDOUT);
    }
    Ok(())
}

/// Why one waits for a lock: when it is held here, nobody outside can help. Of several holders one is
/// enough, since it is looked at again.
fn lock_reason(hub: &Hub, handle: usize, holder: Option<Id>) -> Reason {
    match holder {
        Some(holder) if hub.thread(holder).is_ok() => Reason::Lock(handle),
        _ => Reason::Object(handle),
    }
}

/// Tells the hub of the objects, once.
fn attach() {
    static ATTACHED: Once = Once::new();
    ATTACHED.call_once(|| {
        hub::watch_forks(objects::watch_fork);
        hub::observe(Observer {
            describe: objects::describe,
            ended: |thread| objects::for_each(|_, body| body.holder_ended(thread)),
            is_held_among: objects::is_held_among,
            held: |holder| {
                let mut held = Vec::new();
                objects::for_each(|handle, body| {
                    if body.holding().is_some_and(|body| body.is_held_by(holder)) {
                        held.push(handle);
                    }
                });
                held
            },
        });
    });
}
