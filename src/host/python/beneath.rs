//! An exception raised in a green thread that waits beneath Python, in a hooked function of libc's.
//!
//! No error of libc's stands for "raise this". But CPython, told EINTR, lets handlers of signals run before it does
//! anything else (PEP 475), and one that raises ends the call with its exception: the very instance, with no OSError
//! about it. So the call looks interrupted; CPython asks whether it is on the thread that handles signals, by
//! pthread_self(3), and is told so; and it finds a signal noted that nobody can send, whose handler is `raise_thrown`.
//! That one runs in the green thread's own thread state and sets what was thrown.
//!
//! Only who is known to ask is told this: the interpreter and the modules that come with it, which lock in OpenSSL as
//! well. Others are told that their call was cancelled.

use super::api::{self, Api};
use super::state;
use super::threads::Record;
use crate::patch;
use crate::sys::symbol;
use crate::sys::unwind;
use std::ffi::c_void;

/// Whether a green thread looks like the one that handles signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disguise {
    Off,
    /// Its last hooked call looked interrupted, and Python has not asked since who it is.
    Ready,
    /// Python has asked, and has not called the handler yet.
    On,
}

/// # Safety
/// What the hub has as a record.
unsafe fn record<'thread>(record: *mut c_void) -> &'thread Record {
    // SAFETY: the caller vouches for it; the thread itself calls, so that it has not ended.
    unsafe { &*record.cast::<Record>() }
}

/// A call of the running thread was cancelled.
pub(super) fn interrupts(place: *mut c_void) -> bool {
    // SAFETY: from the hub, for the running thread.
    let record = unsafe { record(place) };
    if record.thrown.get().is_null() || !patch::is_claimed() || !is_from_python() {
        return false;
    }
    record.disguise.set(Disguise::Ready);
    true
}

/// A call is made after one that looked interrupted.
pub(super) fn was_ignored(place: *mut c_void) -> bool {
    // SAFETY: as above.
    unsafe { record(place) }.disguise.replace(Disguise::Off) != Disguise::Off
}

/// CPython asks who the running thread is.
pub(super) fn poses(place: *mut c_void) -> bool {
    // SAFETY: as above.
    let record = unsafe { record(place) };
    if record.disguise.get() == Disguise::Off || !state::holds() {
        return false;
    }
    // Asked twice by some versions before they look at what was noted.
    if record.disguise.replace(Disguise::On) == Disguise::Ready {
        patch::note();
    }
    true
}

/// Whether the function of libc's that has just failed was called by the interpreter or a module that comes with it,
/// perhaps by way of OpenSSL, which hands an interruption on.
fn is_from_python() -> bool {
    const MOST: usize = 32;
    let mut frames = [0; MOST];
    let count = unwind::here(&mut frames);
    let own = symbol::object_at(interrupts as *const () as usize);
    let interpreter = symbol::object_at(api::known().state_new as usize);
    for frame in &frames[..count] {
        let Some(object) = symbol::object_at(*frame) else { return false };
        if Some(object) == own {
            continue;
        }
        if Some(object) == interpreter {
            return true;
        }
        let path = object.path().to_bytes();
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
        if path.windows(13).any(|part| part == b"/lib-dynload/") {
            return true;
        }
        if !(name.starts_with(b"libssl") || name.starts_with(b"libcrypto")) {
            return false;
        }
    }
    false
}

/// What the note's handler does: raises what was thrown into the running thread. True if it did.
///
/// # Safety
/// The calling thread's state is attached.
pub(super) unsafe fn raise_thrown(api: &Api) -> bool {
    let Some(hub) = crate::hub::current() else { return false };
    let Some(thread) = hub.running() else { return false };
    let place = hub.record(thread);
    if place.is_null() {
        return false;
    }
    // SAFETY: from the hub, for the running thread.
    unsafe { record(place) }.disguise.set(Disguise::Off);
    // SAFETY: as above; the caller vouches for the state.
    unsafe { super::waits::raise_thrown(api, (hub, thread, record(place))) }.is_err()
}
