//! Exceptions that are raised in a green thread at a time.
//!
//! An alarm goes off on the hub, between green threads, where nothing is attached: it touches no object of Python's,
//! and what is to be dropped waits for a thread that may.

use super::api::{Api, Object};
use super::waits::throw_here;
use crate::clock::Nanos;
use crate::error::Result;
use crate::hub::{self, Hub};
use crate::slab::Id;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::c_void;

#[derive(Debug)]
struct Alarm {
    timer: Id,
    thread: Id,
    /// Owned.
    exception: *mut Object,
}

#[derive(Debug, Default)]
struct Alarms {
    last: Cell<u64>,
    set: RefCell<HashMap<u64, Alarm>>,
    garbage: RefCell<Vec<*mut Object>>,
}

thread_local! {
    static ALARMS: Alarms = Alarms::default();
}

/// Raises an exception in a thread at a deadline. The answer is for `cancel`, on the same OS thread.
///
/// # Safety
/// An exception, with the calling thread's state attached.
pub(super) unsafe fn set(
    api: &Api,
    (hub, thread): (&Hub, Id),
    deadline: Nanos,
    exception: *mut Object,
) -> Result<u64> {
    unsafe extern "C" fn goes_off(key: *mut c_void) {
        let alarm = ALARMS.with(|alarms| alarms.set.borrow_mut().remove(&(key as u64)));
        let (Some(alarm), Some(hub)) = (alarm, hub::current()) else { return };
        if let Err(exception) = throw_here(hub, alarm.thread, alarm.exception) {
            give_up(exception);
        }
    }
    ALARMS.with(|alarms| {
        let key = alarms.last.get() + 1;
        let timer = hub.start_timer(deadline, 0, goes_off, key as *mut c_void)?;
        alarms.last.set(key);
        // SAFETY: the caller vouches for it.
        unsafe { (api.incref)(exception) };
        alarms.set.borrow_mut().insert(key, Alarm { timer, thread, exception });
        Ok(key)
    })
}

/// False if it has gone off, or never was.
///
/// # Safety
/// The calling thread's state is attached.
pub(super) unsafe fn cancel(api: &Api, key: u64) -> bool {
    let Some(alarm) = ALARMS.with(|alarms| alarms.set.borrow_mut().remove(&key)) else {
        return false;
    };
    if let Some(hub) = hub::current() {
        // Gone with its hub, if at all.
        let _ = hub.cancel_timer(alarm.timer);
    }
    // SAFETY: the caller vouches for the state.
    unsafe { (api.decref)(alarm.exception) };
    true
}

/// Drops a reference when a thread comes along whose state is attached.
pub(super) fn give_up(object: *mut Object) {
    ALARMS.with(|alarms| alarms.garbage.borrow_mut().push(object));
}

/// Drops what was given up on this OS thread.
///
/// # Safety
/// The calling thread's state is attached.
pub(super) unsafe fn drop_garbage(api: &Api) {
    ALARMS.with(|alarms| {
        // Destructors may come here again.
        while let Some(object) = { alarms.garbage.borrow_mut().pop() } {
            // SAFETY: a reference that was given up.
            unsafe { (api.decref)(object) };
        }
    });
}
