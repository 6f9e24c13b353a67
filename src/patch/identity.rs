//! Who a green thread is to a language runtime that knows its threads by pthread_self(3).
//!
//! In the runtime's own object alone, and asked for by its adapter: a lock that one green thread holds twice is then
//! not another's on the same OS thread. The number is that of the green thread, which is never another's, with a
//! bit that no address of a thread has. It must not reach libc, so that whatever takes a thread is hooked with it.

use super::hooks::originals;
use crate::hub;
use crate::slab::Id;
use crate::thread::Thread;
use libc::{clockid_t, pthread_attr_t, pthread_t, size_t};
use std::ffi::{c_char, c_int};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Above every address of a process, and above what an id of a green thread has.
const GREEN: pthread_t = 1 << 62;

fn green() -> Option<&'static Thread> {
    hub::current()?.running().filter(|thread| !thread.root.get())
}

/// The OS thread that runs a green thread, if that is the calling one.
fn real(thread: pthread_t) -> Option<pthread_t> {
    let id = Id(thread & !GREEN);
    match thread & GREEN {
        0 => Some(thread),
        // SAFETY: takes nothing.
        _ if hub::current()?.is_of(id) => Some(unsafe { originals::pthread_self() }),
        _ => None,
    }
}

/// A signal that glibc keeps for itself (its nptl), so that no program has a handler for it, nor can be sent one.
const UNUSED: c_int = 32;

/// The runtime's own handler for that signal, which only notes that it came.
static NOTES: AtomicUsize = AtomicUsize::new(0);
/// Who the runtime takes for the thread that handles signals.
static MAIN: AtomicU64 = AtomicU64::new(0);
/// The OS thread that is giving a handler to the unused signal; 0 for none.
static CLAIMER: AtomicU64 = AtomicU64::new(0);

/// From now on the calling OS thread looks like `main` and may give the unused signal a handler; until 0 is said.
pub(crate) fn claim(main: u64) {
    // SAFETY: takes nothing.
    let me = unsafe { libc::pthread_self() };
    if main != 0 {
        MAIN.store(main, Ordering::Relaxed);
    }
    CLAIMER.store(if main == 0 { 0 } else { me }, Ordering::Release);
}

/// Whether a handler is that of the runtime for the unused signal. It is kept here; libc is not told.
pub(super) fn takes_handler(signal: c_int, handler: libc::sighandler_t) -> bool {
    // SAFETY: takes nothing.
    if signal != UNUSED || CLAIMER.load(Ordering::Acquire) != unsafe { libc::pthread_self() } {
        return false;
    }
    NOTES.store(handler, Ordering::Release);
    true
}

/// Has the runtime believe that the unused signal came.
pub(crate) fn note() {
    let handler = NOTES.load(Ordering::Acquire);
    if handler > libc::SIG_IGN {
        // SAFETY: a handler that takes the signal's number, as it was installed; it is safe anywhere.
        unsafe {
            let handler: extern "C" fn(c_int) = std::mem::transmute(handler);
            handler(UNUSED);
        }
    }
}

pub(super) unsafe fn pthread_self() -> pthread_t {
    // SAFETY: takes nothing.
    let real = unsafe { originals::pthread_self() };
    if CLAIMER.load(Ordering::Acquire) == real {
        return MAIN.load(Ordering::Relaxed);
    }
    let Some(hub) = hub::current() else { return real };
    match hub.running() {
        Some(thread) if hub.poses(thread) => MAIN.load(Ordering::Relaxed),
        Some(thread) if !thread.root.get() => thread.id.0 | GREEN,
        _ => real,
    }
}

/// Whether the runtime has a handler by which it can be told of exceptions.
pub(crate) fn is_claimed() -> bool {
    NOTES.load(Ordering::Acquire) > libc::SIG_IGN
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
    let own = green().filter(|own| done == 0 && own.id.0 | GREEN == thread);
    match own.and_then(|own| own.coroutine.stack()) {
        Some(stack) => {
            let (low, high) = stack.bounds();
            // SAFETY: filled in by the call above; a stack of so many bytes.
            unsafe { libc::pthread_attr_setstack(attributes, low as *mut _, high - low) }
        }
        None => done,
    }
}
