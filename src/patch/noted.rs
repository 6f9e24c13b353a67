//! Signals that a language runtime only notes when they come, and handles later on its main thread.
//!
//! One of them nobody can send: through its handler the runtime raises exceptions in green threads that wait beneath
//! it, which look like its main thread meanwhile (`identity`). A real signal must not be handled there. So
//!
//! * nobody begins to look so while a real one was noted and may not have been handled. With each real one the unused
//!   one is noted too; its handler comes after theirs, as its number does, and says so by `handled`;
//! * while somebody does, what comes is kept back, on every OS thread, and noted when that is over. It lasts for
//!   some hundred instructions, in which the runtime's lock is held.
//!
//! Both sides write first and look then, so that one of them sees the other: a handler that is about to note counts
//! itself in and looks for who poses, and who poses says so and looks at the count.

use super::identity;
use crate::hub::{self, Moment};
use crate::slab::Id;
use std::ffi::c_int;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};

/// A signal that glibc keeps for itself (its nptl), so that no program has a handler for it, nor can be sent one. All
/// that are greater are handled after it, and so never before it has raised.
const UNUSED: c_int = 32;

/// The runtime's own handler, which only notes that a signal came.
static HANDLER: AtomicUsize = AtomicUsize::new(0);
/// The OS thread that is giving a handler to the unused signal; 0 for none.
static CLAIMER: AtomicU64 = AtomicU64::new(0);

/// Real signals that were about to be noted, that were noted, and that have been handled since.
static BEGUN: AtomicU64 = AtomicU64::new(0);
static NOTED: AtomicU64 = AtomicU64::new(0);
static HANDLED: AtomicU64 = AtomicU64::new(0);
/// The green thread that looks like the main thread; 0 for none.
static SOLE: AtomicU64 = AtomicU64::new(0);
/// What is kept back meanwhile: a bit each.
static KEPT: AtomicU64 = AtomicU64::new(0);

/// From now on the calling OS thread looks like `main` and may give the unused signal a handler; until 0 is said.
pub(crate) fn claim(main: u64) {
    if main != 0 {
        identity::set_main(main);
        hub::watch_forks(watch_fork);
    }
    // SAFETY: takes nothing.
    let me = unsafe { libc::pthread_self() };
    CLAIMER.store(if main == 0 { 0 } else { me }, SeqCst);
}

pub(super) fn claimer() -> u64 {
    CLAIMER.load(SeqCst)
}

/// Whether a handler is that of the runtime for the unused signal. It is kept here; libc is not told.
pub(super) fn takes_handler(signal: c_int, handler: libc::sighandler_t) -> bool {
    // SAFETY: takes nothing.
    if signal != UNUSED || claimer() != unsafe { libc::pthread_self() } {
        return false;
    }
    HANDLER.store(handler, SeqCst);
    true
}

/// Whether the runtime has a handler by which it can be told of exceptions.
pub(crate) fn is_claimed() -> bool {
    HANDLER.load(SeqCst) > libc::SIG_IGN
}

/// Has the runtime believe that the unused signal came.
pub(crate) fn note() {
    tell(UNUSED);
}

fn tell(signal: c_int) {
    let handler = HANDLER.load(SeqCst);
    if handler > libc::SIG_IGN {
        // SAFETY: a handler that takes the signal's number, as it was installed; it is safe anywhere.
        unsafe {
            let handler: extern "C" fn(c_int) = std::mem::transmute(handler);
            handler(signal);
        }
    }
}

/// A signal has come whose handler is at `handler`. False if that is to be called as ever. Async-signal-safe.
pub(super) fn takes(signal: c_int, handler: usize) -> bool {
    if signal >= UNUSED || !is_claimed() || handler != HANDLER.load(SeqCst) {
        return false;
    }
    comes(signal);
    true
}

/// A signal has come that is to be noted. Async-signal-safe.
pub(crate) fn comes(signal: c_int) {
    BEGUN.fetch_add(1, SeqCst);
    if !is_kept_back() {
        tell(signal);
        tell(UNUSED);
        NOTED.fetch_add(1, SeqCst);
        return;
    }
    KEPT.fetch_or(1 << signal, SeqCst);
    BEGUN.fetch_sub(1, SeqCst);
    // Whoever posed may have stopped before there was anything to be found.
    if SOLE.load(SeqCst) == 0 {
        release();
    }
}

fn is_kept_back() -> bool {
    let sole = SOLE.load(SeqCst);
    if sole == 0 {
        return false;
    }
    match hub::current() {
        // One that was left in the middle, by a switch that nobody expected, keeps nothing back.
        Some(hub) if hub.is_of(Id(sole)) => hub.running().is_some_and(|thread| thread.id.0 == sole),
        _ => true,
    }
}

fn release() {
    let kept = KEPT.swap(0, SeqCst);
    for signal in (1..UNUSED).filter(|signal| kept >> signal & 1 != 0) {
        comes(signal);
    }
}

/// Whether the main thread may have a real signal to handle.
pub(crate) fn is_behind() -> bool {
    BEGUN.load(SeqCst) != HANDLED.load(SeqCst)
}

/// The running green thread is about to look like the main thread, until `end_sole`. False if the main thread has
/// something to handle first.
pub(crate) fn begin_sole(thread: Id) -> bool {
    SOLE.store(thread.0, SeqCst);
    if !is_behind() {
        return true;
    }
    end_sole(thread);
    false
}

/// It does so no longer, if it did.
pub(crate) fn end_sole(thread: Id) {
    if SOLE.compare_exchange(thread.0, 0, SeqCst, SeqCst).is_ok() && KEPT.load(SeqCst) != 0 {
        release();
    }
}

/// How many real ones were noted so far.
pub(crate) fn so_far() -> u64 {
    NOTED.load(SeqCst)
}

/// The main thread has handled all that were noted at an earlier moment, of which `so_far` has told. Who poses
/// compares with those that have begun: if the numbers are equal, they are the same signals.
pub(crate) fn handled(so_far: u64) {
    HANDLED.fetch_max(so_far, SeqCst);
}

/// The child has but one OS thread, which is in no handler. What was noted is the parent's, and the runtime forgets it
/// there.
fn watch_fork(moment: Moment) {
    if let Moment::InChild(_) = moment {
        let begun = BEGUN.load(SeqCst);
        NOTED.store(begun, SeqCst);
        HANDLED.store(begun, SeqCst);
        SOLE.store(0, SeqCst);
        KEPT.store(0, SeqCst);
    }
}
