//! OS threads that a language runtime ends because it ends itself.
//!
//! Once CPython finalizes, whoever asks for its lock on another OS thread gets pthread_exit(3) instead (up to 3.13), which
//! unwinds the stack. A green thread's stack has no end that this could reach, and on a root's there may be the
//! loop: the process would abort. So where green threads have run the OS thread stops for good instead, as from
//! 3.14 on CPython has every one do. The process ends it.
//!
//! Who waits for the lock meanwhile must not even get it to let it go again: up to 3.12 that looks into their thread
//! state if somebody has asked for the lock, and it has been freed by then (`drop_gil` at the end of `take_gil`). So
//! the OS thread stops where it waits. Nobody may count on it any more: who lets go of the lock because somebody has
//! asked for it waits until it was taken, but not once the runtime ends.

use super::hooks::originals;
use crate::hub;
use libc::{pthread_cond_t, pthread_mutex_t, timespec};
use std::ffi::{c_int, c_void};
use std::thread;
use std::time::Duration;

/// As pthread_exit(3). Before the runtime ends its threads end as they like.
pub(super) unsafe fn pthread_exit(value: *mut c_void) -> ! {
    while hub::current().is_some() && hub::runtime_ends() {
        pause();
    }
    // SAFETY: the caller wants this OS thread to end, and vouches for the value.
    unsafe { originals::pthread_exit(value) }
}

fn pause() {
    // SAFETY: waits for a signal, and takes nothing.
    unsafe { libc::pause() };
}

/// As pthread_cond_timedwait(3), by which the lock is waited for.
#[inline]
pub(super) unsafe fn timed_wait(
    condition: *mut pthread_cond_t,
    mutex: *mut pthread_mutex_t,
    time: *const timespec,
) -> c_int {
    // Who ends the runtime may wait here too, but not while it begins to end: it had the lock then.
    let is_late = hub::runtime_ends();
    // SAFETY: the caller vouches for all three.
    let outcome = unsafe { originals::pthread_cond_timedwait(condition, mutex, time) };
    if !is_late && hub::runtime_ends() && hub::current().is_some() {
        // SAFETY: held since the wait is over, and whoever ends the runtime needs it.
        unsafe { originals::pthread_mutex_unlock(mutex) };
        loop {
            pause();
        }
    }
    outcome
}

/// How long somebody who would take the lock is given to do so: it is only a matter of fairness.
const COURTESY: Duration = Duration::from_micros(50);

/// As pthread_cond_wait(3), by which is waited until the lock was taken. Once the runtime ends it wakes up for no reason.
#[inline]
pub(super) unsafe fn wait(condition: *mut pthread_cond_t, mutex: *mut pthread_mutex_t) -> c_int {
    if !hub::runtime_ends() {
        // SAFETY: the caller vouches for both.
        return unsafe { originals::pthread_cond_wait(condition, mutex) };
    }
    // SAFETY: the caller holds it, as for any such wait, and holds it again afterwards.
    unsafe { originals::pthread_mutex_unlock(mutex) };
    thread::sleep(COURTESY);
    // SAFETY: as above.
    unsafe { originals::pthread_mutex_lock(mutex) }
}
