//! Signals as results.
//!
//! A signal that is waited for like anything else, instead of interrupting whatever runs. Block the
//! signals with pthread_sigmask(3) first thing in main(), so that every OS thread holds them back;
//! one that is not blocked still does what its handler says. Then call gh_signal_wait() in a green
//! thread of its own, in a loop.
//!
//! Several green threads may wait for different signals; each occurrence goes to one of them. A
//! handler of the old kind may still call gh_post() and gh_hub_stop(), which are safe there.

use super::guard::guard_suspending;
use super::options;
use crate::error::{Error, Result};
use crate::process::signal::{wait, MOST};
use crate::sys::pid_t;
use std::ffi::c_int;

/// What a signal brought with it, as sigaction(2) describes it for siginfo_t. Zero where it brought
/// nothing of the kind.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct gh_signal_info {
    /// The signal.
    pub signal: c_int,
    /// Why it was sent (si_code).
    pub code: c_int,
    /// Who sent it, or which child has changed.
    pub pid: pid_t,
    /// The user of that process.
    pub uid: u32,
    /// How the child has changed, of a SIGCHLD.
    pub status: c_int,
    /// How often a timer of timer_create(2) has overrun.
    pub overrun: u32,
    /// The value that sigqueue(3) sent, as a pointer's bits; an int is in its lower half.
    pub value: u64,
}

/// Waits for one of several signals and takes it, as sigwaitinfo(2). Hold the signals back first, by
/// pthread_sigmask(3) before any other OS thread is made: one that some OS thread does not hold back may
/// be delivered there instead. Signals sent to the process are taken, and those sent to the calling OS
/// thread. Of several green threads that wait for the same signal, one takes it.
///
/// @param signals   (borrow) the signals' numbers. SIGKILL and SIGSTOP never come
/// @param count     how many there are, 1 to 64
/// @param info      (out) what the signal brought with it; may be NULL
/// @param size      sizeof(gh_signal_info); not read for NULL
/// @param deadline  how long to wait; a signal that comes later stays pending
/// @return the signal; -EINVAL for NULL, a count out of range, a number that is no signal's, or a size
///         of 0; -E2BIG for a size beyond 4096; -EMFILE; -ENFILE; -ENOMEM; -ENOSPC; -ETIMEDOUT;
///         -ECANCELED; GH_ENOTGREEN in a callback
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_signal_wait(
    signals: *const c_int,
    count: usize,
    info: *mut gh_signal_info,
    size: usize,
    deadline: i64,
) -> c_int {
    guard_suspending(|| {
        // SAFETY: the caller lends `count` numbers.
        let signals = unsafe { numbers(signals, count) }?;
        if !info.is_null() {
            // Before a signal is taken, which would be lost.
            options::check_room(size)?;
        }
        let arrival = wait(signals, deadline)?;
        if !info.is_null() {
            let told = gh_signal_info {
                signal: arrival.signal,
                code: arrival.code,
                pid: arrival.pid,
                uid: arrival.uid,
                status: arrival.status,
                overrun: arrival.overrun,
                value: arrival.value,
            };
            // SAFETY: the caller lends `size` bytes.
            unsafe { options::write(info, size, &told) }?;
        }
        Ok(arrival.signal)
    })
}

/// # Safety
/// `signals` is null or readable for `count` numbers while the answer is used.
unsafe fn numbers<'a>(signals: *const c_int, count: usize) -> Result<&'a [c_int]> {
    if signals.is_null() || count > MOST {
        return Err(Error::EINVAL);
    }
    // SAFETY: the caller vouches for the numbers.
    Ok(unsafe { std::slice::from_raw_parts(signals, count) })
}
