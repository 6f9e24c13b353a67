//! The interpreter's lock of CPython is asked for and given up through pthread conditions: in the object that holds the
//! interpreter, a green thread whose slice is over is left there.
//!
//! Who wants the lock waits 5 ms (pthread_cond_timedwait), then asks for it. Who has it gives it up between two
//! instructions of Python, waits until it was taken (pthread_cond_wait), and then wants it back. In between it holds
//! nothing but the mutex of that condition, whose wait may end for no reason: so others of its OS thread may run
//! there, as they would in any wait with the lock let go.

use super::caller::{self, Caller};
use super::end_of_host;
use crate::hub;
use crate::sys::futex;
use libc::{pthread_cond_t, pthread_mutex_t, timespec};
use std::cell::Cell;
use std::ffi::c_int;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// How the calling OS thread asks for the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Haste {
    /// As the interpreter has it.
    None,
    /// At once.
    AtOnce,
    /// It has, and must not take the lock before whoever had it waits for that.
    Asked,
}

thread_local! {
    static HASTE: Cell<Haste> = const { Cell::new(Haste::None) };
    /// The calling OS thread asks whether its running thread may be left.
    static ASKS: Cell<bool> = const { Cell::new(false) };
}

/// Nobody asks in haste, or whoever gives the lock up has come to its wait.
const CALM: u32 = 0;
const ASKED: u32 = 1;

static REQUEST: AtomicU32 = AtomicU32::new(CALM);

/// Whoever gives up the lock is not on a processor, and others want it.
const PATIENCE: Duration = Duration::from_millis(5);

/// Has the lock be taken so that whoever has it gives it up at once, and can be left there. One OS thread's at a time.
pub(crate) fn in_haste(take: impl FnOnce()) {
    HASTE.set(Haste::AtOnce);
    REQUEST.store(ASKED, Ordering::Release);
    take();
    REQUEST.store(CALM, Ordering::Release);
    HASTE.set(Haste::None);
}

/// From now on Python runs on this OS thread in the stead of the running green thread, and is not taken for it; until
/// false is said.
pub(crate) fn set_asking(asks: bool) {
    ASKS.set(asks);
}

#[inline]
pub(crate) fn is_asking() -> bool {
    ASKS.get()
}

/// As pthread_cond_timedwait(3).
pub(super) unsafe fn pthread_cond_timedwait(
    condition: *mut pthread_cond_t,
    mutex: *mut pthread_mutex_t,
    time: *const timespec,
) -> c_int {
    let haste = HASTE.get();
    if haste == Haste::AtOnce {
        HASTE.set(Haste::Asked);
        return libc::ETIMEDOUT;
    }
    // SAFETY: the caller vouches for all three.
    let outcome = unsafe { end_of_host::timed_wait(condition, mutex, time) };
    if haste == Haste::Asked && outcome == 0 {
        // Given up: if it were taken before that one comes to its wait, there would be none.
        futex::wait(&REQUEST, ASKED, PATIENCE);
    }
    outcome
}

/// As pthread_cond_wait(3), and then perhaps longer.
pub(super) unsafe fn pthread_cond_wait(
    condition: *mut pthread_cond_t,
    mutex: *mut pthread_mutex_t,
) -> c_int {
    if REQUEST.load(Ordering::Acquire) == ASKED
        && REQUEST.compare_exchange(ASKED, CALM, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    {
        futex::wake(&REQUEST);
    }
    // Whoever asked for the lock comes first: it may be another OS thread's Python.
    // SAFETY: the caller vouches for both.
    let outcome = unsafe { end_of_host::wait(condition, mutex) };
    match caller::caller() {
        // SAFETY: as above; the mutex is held again.
        Some(caller) if caller.hub.slice_is_over() => unsafe { leave(caller, mutex) },
        _ => {}
    }
    outcome
}

/// # Safety
/// A mutex that the caller holds, and whose state it looks at anew.
#[cold]
#[inline(never)]
unsafe fn leave(caller: Caller, mutex: *mut pthread_mutex_t) {
    let _errno = hub::keep_errno();
    // SAFETY: the caller vouches for it. Others of this OS thread take it meanwhile.
    unsafe { libc::pthread_mutex_unlock(mutex) };
    // Nothing unwinds into the interpreter; a panic is a bug of the library, and the slice goes on.
    drop(catch_unwind(AssertUnwindSafe(|| caller.hub.preempt(caller.thread))));
    // SAFETY: as above.
    unsafe { libc::pthread_mutex_lock(mutex) };
}
