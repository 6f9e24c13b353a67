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
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Debug)]
struct Alarm {
    timer: Id,
    thread: Id,
    /// Owned.
    exception: *mut Object,
}

#[derive(Debug, Default)]
struct Alarms {
    set: RefCell<HashMap<u64, Alarm>>,
}

impl Drop for Alarms {
    fn drop(&mut self) {
        for (_, alarm) in self.set.take() {
            give_up(alarm.exception);
        }
    }
}

/// Of all OS threads, so that none takes another's for its own.
static LAST: AtomicU64 = AtomicU64::new(0);

/// References that were given up where nothing was attached.
#[derive(Debug)]
struct Garbage(Vec<*mut Object>);

// SAFETY: addresses, of which nothing is read but with the interpreter's lock held.
unsafe impl Send for Garbage {}

static GARBAGE: Mutex<Garbage> = Mutex::new(Garbage(Vec::new()));
/// Whether there is any, so that who looks in vain pays for no lock.
static IS_ANY: AtomicBool = AtomicBool::new(false);

fn garbage() -> MutexGuard<'static, Garbage> {
    GARBAGE.lock().unwrap_or_else(PoisonError::into_inner)
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
        let key = LAST.fetch_add(1, Ordering::Relaxed) + 1;
        let timer = hub.start_timer(deadline, 0, goes_off, key as *mut c_void)?;
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

/// The same from another OS thread than that of the green thread which has set it: a message, which may come too late.
/// False only if it cannot be sent.
pub(super) fn cancel_elsewhere(thread: Id, key: u64) -> bool {
    unsafe extern "C" fn arrives(key: *mut c_void) {
        let alarm = ALARMS.with(|alarms| alarms.set.borrow_mut().remove(&(key as u64)));
        let (Some(alarm), Some(hub)) = (alarm, hub::current()) else { return };
        let _ = hub.cancel_timer(alarm.timer);
        give_up(alarm.exception);
    }
    hub::post_to(thread, arrives, key as *mut c_void).is_ok()
}

/// Drops a reference when a thread comes along whose state is attached.
pub(super) fn give_up(object: *mut Object) {
    garbage().0.push(object);
    IS_ANY.store(true, Ordering::Release);
}

/// Drops what was given up on any OS thread.
///
/// # Safety
/// The calling thread's state is attached.
pub(super) unsafe fn drop_garbage(api: &Api) {
    if !IS_ANY.load(Ordering::Acquire) {
        return;
    }
    // Out of the lock, since destructors may run, and come here again.
    let mut given_up = std::mem::take(&mut garbage().0);
    IS_ANY.store(false, Ordering::Release);
    while let Some(object) = given_up.pop() {
        // SAFETY: a reference that was given up.
        unsafe { (api.decref)(object) };
    }
}
