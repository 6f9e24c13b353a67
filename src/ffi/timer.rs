//! Timers that call back.
//!
//! For what must happen at a time without a green thread that waits for it: gh_timer_start() calls
//! a function at a deadline, and then at every period if there is one; gh_timer_cancel() ends that.
//! A green thread that sleeps in a loop does the same and may wait besides, so prefer it for all
//! but the shortest work.
//!
//! The callback runs on the hub, between green threads. It may set an event, spawn, cancel or post,
//! but not wait: what would suspend gives GH_ENOTGREEN. What it points to must live until it has
//! fired for the last time or was cancelled.

use super::gh_callback;
use super::guard::guard;
use crate::error::Error;
use crate::hub;
use crate::slab::Id;
use std::ffi::{c_int, c_void};

/// A timer. An id is never used twice: that of a timer which has fired for the last time, or was
/// cancelled, gives -ESRCH. 0 is none.
pub type gh_timer = u64;

/// Starts a timer on the hub of the calling OS thread. Its callback runs on the hub, between green
/// threads. A pending timer keeps gh_hub_run() running.
///
/// @param timer     (out) its id, for gh_timer_cancel(); may be NULL
/// @param deadline  when it fires first; past: at once, but not before this call has returned
/// @param period    nanoseconds from each turn to the next, 0 to fire once. Turns that were missed are
///                  left out; those after them come when they would have come
/// @param callback  what to call
/// @param arg       (keep) passed to the callback; never touched
/// @return 0; -EINVAL for a NULL callback or a negative period; -EAGAIN when 8388608 timers are
///         pending
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_timer_start(
    timer: *mut gh_timer,
    deadline: i64,
    period: i64,
    callback: gh_callback,
    arg: *mut c_void,
) -> c_int {
    guard(|| {
        let callback = callback.ok_or(Error::EINVAL)?;
        let id = hub::enter()?.start_timer(deadline, period, callback, arg)?;
        if !timer.is_null() {
            // SAFETY: the caller lends the place.
            unsafe { *timer = id.0 };
        }
        Ok(0)
    })
}

/// Cancels a timer: its callback is not called any more. A periodic timer's own callback may do so.
///
/// @param timer  a timer of the calling OS thread
/// @return 0; -ESRCH if it has fired for the last time or was cancelled; GH_EWRONGTHREAD
/// @thread hub
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_timer_cancel(timer: gh_timer) -> c_int {
    guard(|| match hub::current() {
        Some(hub) => hub.cancel_timer(Id(timer)).map(|()| 0),
        None => Err(hub::absent_timer(Id(timer))),
    })
}
