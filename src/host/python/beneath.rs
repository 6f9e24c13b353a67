//! An exception raised in a green thread that waits beneath Python, in a hooked function of libc's.
//!
//! No error of libc's stands for "raise this". But CPython, told EINTR, lets handlers of signals run before it does
//! anything else (PEP 475), and one that raises ends the call with its exception: the very instance, with no OSError
//! about it. So the call looks interrupted; CPython asks whether it is on the thread that handles signals, by
//! pthread_self(3), and is told so; and it finds a signal noted that nobody can send, whose handler is `raise_thrown`.
//! That one runs in the green thread's own thread state and sets what was thrown.
//!
//! Only for callers that are known to ask is a thread made up like this: the interpreter and the modules that come with
//! it, which lock in OpenSSL as well (`callers`). Others see one interruption, as they would if a signal came, and find
//! their calls cancelled from then on, since many repeat what was interrupted for ever. They fail with an error of
//! their own; ours is raised in its place where the thread ends, or its `Timeout`, or else at the next wait. Some try
//! again whatever they are told (libcurl 7.61 does): they are let wait in the end, since they would keep the processor
//! busy until their call is done.
//!
//! The main thread is the one that handles signals, and a handler must not run in a thread that only looks like it. So
//! a thread waits until what was noted is handled, and while it looks so what comes is kept back (`patch::noted`).

use super::api::{self, Api};
use super::state;
use super::threads::{current_state, Record};
use super::{callers, waits};
use crate::clock;
use crate::hub::{self, Hub, Origin};
use crate::patch;
use crate::slab::Id;
use crate::thread::{Reason, Thread};
use std::ffi::c_void;

/// Whether a green thread looks like the one that handles signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disguise {
    Off,
    /// Its last hooked call looked interrupted, and Python has not asked since who it is.
    Ready,
    /// Python has asked, and has not called the handler yet.
    On,
    /// Never: who called is not known to ask, has seen one interruption, and is to see no other.
    Refused,
}

/// How many waits of a thread are refused before one is let be: more than any library makes, host by host and address
/// by address, before it gives up.
const MOST_REFUSALS: u32 = 100;

/// # Safety
/// What the hub has as a record.
unsafe fn record<'thread>(record: *mut c_void) -> &'thread Record {
    // SAFETY: the caller vouches for it; the thread itself calls, so that it has not ended.
    unsafe { &*record.cast::<Record>() }
}

/// A call of the running thread was cancelled.
pub(super) fn interrupts(place: *mut c_void, canceled: bool, origin: &dyn Origin) -> bool {
    // SAFETY: from the hub, for the running thread.
    let record = unsafe { record(place) };
    if record.thrown.get().is_null() {
        // Taken back after the call was woken for it: nobody has cancelled anything.
        return !canceled;
    }
    if patch::is_claimed() && callers::ask(origin) {
        record.disguise.set(Disguise::Ready);
        return true;
    }
    record.told.set(true);
    record.refusals.set(record.refusals.get().saturating_add(1));
    record.disguise.replace(Disguise::Refused) != Disguise::Refused
}

/// A call is made after one that looked interrupted, or after too many that were refused.
pub(super) fn was_ignored(place: *mut c_void) -> bool {
    // SAFETY: as above.
    let record = unsafe { record(place) };
    match record.disguise.get() {
        Disguise::Off => false,
        Disguise::Refused => record.refusals.get() >= MOST_REFUSALS,
        Disguise::Ready => {
            record.disguise.set(Disguise::Off);
            true
        }
        // Somebody else's question was answered: the call was not given up.
        Disguise::On => {
            if let Some((_, thread)) = running() {
                undisguise(thread.id, record);
            }
            false
        }
    }
}

/// CPython asks who the running thread is.
pub(super) fn poses(place: *mut c_void) -> bool {
    // SAFETY: as above.
    let record = unsafe { record(place) };
    match record.disguise.get() {
        Disguise::Off | Disguise::Refused => false,
        _ if !state::holds() => false,
        // Asked again by some versions before they look at what was noted, and by what notes it.
        Disguise::On => true,
        Disguise::Ready => begins_to_pose(record),
    }
}

/// Once the main thread has nothing to handle, which it may want to be let run for: CPython asks before it handles
/// signals, and may be suspended there, since a handler could.
fn begins_to_pose(record: &Record) -> bool {
    const SHORTEST: clock::Nanos = 1_000_000;
    const LONGEST: clock::Nanos = 32_000_000;
    let Some((hub, thread)) = running() else { return false };
    let api = api::known();
    // What notes a signal asks as well.
    record.disguise.set(Disguise::Off);
    let mut pause = 0;
    // The main thread's own code handles whatever there is.
    while !patch::is_main() {
        if patch::begin_sole(thread.id) {
            record.disguise.set(Disguise::On);
            // `_thread.interrupt_main` notes a signal that nobody has sent. Only the main thread may ask for it.
            // SAFETY: the lock is held, as the caller has made sure.
            if unsafe { (api.interrupt_occurred)() } == 0 {
                break;
            }
            undisguise(thread.id, record);
            patch::comes(libc::SIGINT);
        }
        // Whose handler is the last one to be called, and tells that the others were.
        patch::note();
        hub.poke_root();
        hub.set_attached(current_state(api));
        match pause {
            0 => hub.yield_now(thread),
            _ => {
                hub.park(thread, Reason::Sleep, clock::after_ns(pause));
            }
        }
        hub.set_attached(std::ptr::null_mut());
        pause = (pause * 2).clamp(SHORTEST, LONGEST);
        if record.thrown.get().is_null() {
            return false;
        }
    }
    record.disguise.set(Disguise::On);
    patch::note();
    true
}

/// A thread looks like what it is from now on.
#[inline]
pub(super) fn undisguise(thread: Id, record: &Record) {
    if record.disguise.replace(Disguise::Off) == Disguise::On {
        patch::end_sole(thread);
    }
}

fn running() -> Option<(&'static Hub, &'static Thread)> {
    let hub = hub::current()?;
    Some((hub, hub.running()?))
}

/// What the note's handler does: raises what was thrown into the running thread, if that is why it is called; on the
/// main thread it is called after those of all real signals that were noted before. True if an exception is set.
///
/// # Safety
/// The calling thread's state is attached.
pub(super) unsafe fn raise_thrown(api: &Api) -> bool {
    if patch::is_main() {
        let so_far = patch::so_far();
        // Those that came after this round of handlers had begun.
        // SAFETY: the caller vouches for the state.
        if unsafe { (api.check_signals)() } != 0 {
            return true;
        }
        patch::handled(so_far);
    }
    let Some((hub, thread)) = running() else { return false };
    let place = hub.record(thread);
    if place.is_null() {
        return false;
    }
    // SAFETY: from the hub, for the running thread.
    let record = unsafe { record(place) };
    if record.disguise.get() != Disguise::On {
        return false;
    }
    // SAFETY: the caller vouches for the state.
    unsafe { waits::raise_thrown(api, (hub, thread, record)) }.is_err()
}
