//! Who a green thread is to a language runtime that knows its threads by pthread_self(3).
//!
//! In the runtime's own object alone, and asked for by its adapter: a lock that one green thread holds twice is then
//! not another's on the same OS thread. The number is that of the green thread, which is never another's, with a
//! bit that no address of a thread has. It must not reach libc, so that whatever takes a thread is hooked with it.
//!
//! In the child of a fork the green thread that forked is who it was, as the thread is that calls fork(3): locks that
//! it holds are its own there too. It is then who the runtime takes for the thread that handles signals.

use super::hooks::originals;
use super::{aside, noted, slices};
use crate::hub::{self, Moment};
use crate::slab::Id;
use crate::thread::Thread;
use libc::{clockid_t, pthread_attr_t, pthread_t, size_t};
use std::ffi::{c_char, c_int};
use std::sync::atomic::{AtomicU64, Ordering};

/// Above every address of a process, and above what an id of a green thread has.
const GREEN: pthread_t = 1 << 62;
/// The same, for Python that runs in its stead: neither that thread nor the main one, in which handlers would run.
const ASKING: pthread_t = 1 << 61;

/// Whether a thread has a stack of its own: a root has none, but for one that was a green thread when it forked.
fn is_green(thread: &Thread) -> bool {
    thread.coroutine.stack().is_some()
}

fn green() -> Option<&'static Thread> {
    hub::current()?.running().filter(|thread| is_green(thread))
}

/// The OS thread that runs a green thread, if that is the calling one.
fn real(thread: pthread_t) -> Option<pthread_t> {
    let id = Id(thread & !(GREEN | ASKING));
    match thread & GREEN {
        0 => Some(thread),
        // SAFETY: takes nothing.
        _ if hub::current()?.is_of(id) => Some(unsafe { originals::pthread_self() }),
        _ => None,
    }
}

/// Who the runtime takes for the thread that handles signals.
static MAIN: AtomicU64 = AtomicU64::new(0);
/// The green thread that is the runtime's main thread as much as the root is; 0 for none.
static STANDS_IN: AtomicU64 = AtomicU64::new(0);

pub(super) fn set_main(main: u64) {
    MAIN.store(main, Ordering::Relaxed);
    hub::watch_forks(watch_fork);
}

/// From now on a green thread that runs the program's main code looks like the runtime's main thread.
pub(crate) fn stand_in(id: Id) {
    STANDS_IN.store(id.0, Ordering::Relaxed);
}

/// Whom the runtime takes a green thread for.
fn number(thread: &Thread) -> pthread_t {
    match thread.id.0 == STANDS_IN.load(Ordering::Relaxed) {
        true => MAIN.load(Ordering::Relaxed),
        false => thread.id.0 | GREEN,
    }
}

/// Whom the runtime takes the calling code for, as it is.
fn myself() -> pthread_t {
    // SAFETY: takes nothing.
    green().map_or_else(|| unsafe { libc::pthread_self() }, number)
}

fn watch_fork(moment: Moment) {
    if let Moment::InChild(_) = moment {
        MAIN.store(myself(), Ordering::Relaxed);
    }
}

/// Whether the calling code is what the runtime takes for that thread, as it is.
pub(crate) fn is_main() -> bool {
    myself() == MAIN.load(Ordering::Relaxed)
}

pub(super) unsafe fn pthread_self() -> pthread_t {
    // SAFETY: takes nothing.
    let real = unsafe { originals::pthread_self() };
    if noted::claimer() == real {
        return MAIN.load(Ordering::Relaxed);
    }
    let Some(hub) = hub::current() else { return real };
    match hub.running() {
        Some(thread) if slices::is_asking() => thread.id.0 | GREEN | ASKING,
        // Not in a handler that has interrupted the thread: nobody may wait there.
        Some(thread) if !aside::is_aside() && hub.poses(thread) => MAIN.load(Ordering::Relaxed),
        Some(thread) if is_green(thread) => number(thread),
        _ => real,
    }
}

/// The number of a green thread, if that is its own: not of a root, nor of who stands in for one.
pub(crate) fn ident_of(thread: &Thread) -> Option<u64> {
    let is_own = is_green(thread) && thread.id.0 != STANDS_IN.load(Ordering::Relaxed);
    is_own.then_some(thread.id.0 | GREEN)
}

/// As pthread_kill(3), to the OS thread.
pub(super) unsafe fn pthread_kill(thread: pthread_t, signal: c_int) -> c_int {
    // SAFETY: the caller vouches for the thread.
    real(thread).map_or(libc::ESRCH, |thread| unsafe { originals::pthread_kill(thread, signal) })
}

/// As pthread_setname_np(3). The OS thread keeps its own name.
pub(super) unsafe fn pthread_setname_np(thread: pthread_t, name: *const c_char) -> c_int {
    if thread & GREEN != 0 {
        return 0;
    }
    // SAFETY: the caller vouches for both.
    unsafe { originals::pthread_setname_np(thread, name) }
}

/// As pthread_getname_np(3), of the OS thread.
pub(super) unsafe fn pthread_getname_np(
    thread: pthread_t,
    name: *mut c_char,
    room: size_t,
) -> c_int {
    real(thread)
        // SAFETY: the caller vouches for the rest.
        .map_or(libc::ESRCH, |thread| unsafe { originals::pthread_getname_np(thread, name, room) })
}

/// As pthread_getcpuclockid(3): the clock of the OS thread.
pub(super) unsafe fn pthread_getcpuclockid(thread: pthread_t, clock: *mut clockid_t) -> c_int {
    real(thread)
        // SAFETY: the caller vouches for the place.
        .map_or(libc::ESRCH, |thread| unsafe { originals::pthread_getcpuclockid(thread, clock) })
}

/// As pthread_getattr_np(3), with the stack that the calling green thread runs on.
pub(super) unsafe fn pthread_getattr_np(
    thread: pthread_t,
    attributes: *mut pthread_attr_t,
) -> c_int {
    let Some(os_thread) = real(thread) else { return libc::ESRCH };
    // SAFETY: the caller vouches for the place.
    let done = unsafe { originals::pthread_getattr_np(os_thread, attributes) };
    let own = green().filter(|own| done == 0 && number(own) == thread);
    match own.and_then(|own| own.coroutine.stack()) {
        Some(stack) => {
            let (low, high) = stack.bounds();
            // SAFETY: filled in by the call above; a stack of so many bytes.
            unsafe { libc::pthread_attr_setstack(attributes, low as *mut _, high - low) }
        }
        None => done,
    }
}
