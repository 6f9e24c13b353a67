//! The lock of a language runtime, kept while its holder changes from one state of the runtime's to another.
//!
//! From 3.12 on CPython lets go of its lock and takes it again when it is to go on in another state, although the same
//! OS thread goes on. The lock is a flag under a mutex, with a condition for who waits, and a second pair of both for
//! who has let go on request and must not be the next to take it (Python/ceval_gil.c). In the runtime's own object
//! alone the three functions are hooked that it uses for them. Between the release and the taking what is asked of
//! the first pair is left out: the mutex stays locked, and nobody sees the flag down. What is asked of the second
//! pair then is left out too: whoever waits there was told when this OS thread took the lock in earnest.
//!
//! Who waits for long asks the holder to let go, unless the lock has changed hands meanwhile, of which the runtime
//! keeps a count. A lock that was kept has not: the count is put back. A holder who was asked locks the second mutex
//! after the release, which is then made in earnest.
//!
//! Only the holder changes states, so that one place says who does, and the others' calls cost a look at it.

use super::hooks::originals;
use super::lock_parts as parts;
use crate::hub::{self, Hub};
use libc::{pthread_cond_t, pthread_mutex_t};
use std::ffi::c_int;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU8, AtomicUsize, Ordering};

/// The hub of the OS thread that changes states; null for nobody. What follows is that OS thread's.
static CHANGING: AtomicPtr<Hub> = AtomicPtr::new(ptr::null_mut());

static STEP: AtomicU8 = AtomicU8::new(OUT);
/// How often the lock had changed hands when it was to be let go.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Nothing was asked for yet.
const OUT: u8 = 0;
/// The first mutex is locked, for the release.
const RELEASING: u8 = 1;
/// It is still locked, and would not be.
const KEPT: u8 = 2;
/// It is locked, for the taking.
const TAKING: u8 = 3;
/// All is done, and noted.
const WATCHED: u8 = 4;

fn step() -> u8 {
    STEP.load(Ordering::Relaxed)
}

fn go(step: u8) {
    STEP.store(step, Ordering::Relaxed);
}

/// Has the runtime change states, and keeps its lock meanwhile unless somebody has asked for it. False if the runtime
/// did not do what it did when it was watched: then it must not be asked for this again.
///
/// Called on the OS thread that holds the lock, and knows its parts.
#[inline]
pub(crate) fn keep_lock(change: impl FnOnce()) -> bool {
    let hub = begin(OUT);
    change();
    is_done(hub) || ends_badly()
}

/// Has it change states with all that belongs to it, and notes what it asks for.
pub(super) fn watch(change: impl FnOnce()) {
    begin(WATCHED);
    change();
    CHANGING.store(ptr::null_mut(), Ordering::Relaxed);
}

#[inline]
fn begin(step: u8) -> *const Hub {
    let hub = me();
    go(step);
    CHANGING.store(hub.cast_mut(), Ordering::Relaxed);
    hub
}

/// Whether the taking has ended the change, or the release in earnest.
#[inline]
fn is_done(hub: *const Hub) -> bool {
    !ptr::eq(CHANGING.load(Ordering::Relaxed), hub)
}

#[cold]
fn ends_badly() -> bool {
    match step() {
        KEPT => let_go(),
        TAKING => {
            CHANGING.store(ptr::null_mut(), Ordering::Relaxed);
            // SAFETY: locked by this OS thread, and its unlock was never asked for.
            unsafe { originals::pthread_mutex_unlock(parts::MUTEX.get() as *mut _) };
        }
        _ => CHANGING.store(ptr::null_mut(), Ordering::Relaxed),
    }
    false
}

/// Makes the release that was left out.
#[cold]
#[inline(never)]
fn let_go() {
    // Before it is made: then somebody else may change states.
    CHANGING.store(ptr::null_mut(), Ordering::Relaxed);
    // SAFETY: the runtime's own, of which the mutex is locked by this OS thread.
    unsafe {
        originals::pthread_cond_signal(parts::CONDITION.get() as *mut _);
        originals::pthread_mutex_unlock(parts::MUTEX.get() as *mut _);
    }
}

#[inline(always)]
fn me() -> *const Hub {
    hub::current().map_or(ptr::null(), ptr::from_ref)
}

/// Another OS thread's hub it never is, however late the look: only this OS thread stores its own.
#[inline(always)]
fn is_changing() -> bool {
    let changing = CHANGING.load(Ordering::Relaxed);
    !changing.is_null() && ptr::eq(changing, me())
}

#[inline(always)]
fn leaves_lock_out(mutex: usize) -> bool {
    match step() {
        OUT if parts::MUTEX.is(mutex) => go(RELEASING),
        KEPT if parts::MUTEX.is(mutex) => {
            go(TAKING);
            return true;
        }
        // Somebody has asked for the lock: it is looked whether they have it already.
        KEPT => let_go(),
        TAKING => return parts::OTHER_MUTEX.is(mutex),
        WATCHED => parts::note(parts::Call::Lock, mutex),
        _ => {}
    }
    false
}

#[inline(always)]
fn leaves_unlock_out(mutex: usize) -> bool {
    match step() {
        RELEASING if parts::MUTEX.is(mutex) => {
            COUNT.store(parts::count().load(Ordering::Relaxed), Ordering::Relaxed);
            go(KEPT);
            return true;
        }
        TAKING if parts::MUTEX.is(mutex) => {
            parts::count().store(COUNT.load(Ordering::Relaxed), Ordering::Relaxed);
            CHANGING.store(ptr::null_mut(), Ordering::Relaxed);
        }
        TAKING => return parts::OTHER_MUTEX.is(mutex),
        WATCHED => parts::note(parts::Call::Unlock, mutex),
        _ => {}
    }
    false
}

#[inline(always)]
fn leaves_signal_out(condition: usize) -> bool {
    match step() {
        RELEASING => return parts::CONDITION.is(condition),
        TAKING => return parts::OTHER_CONDITION.is(condition),
        WATCHED => parts::note(parts::Call::Signal, condition),
        _ => {}
    }
    false
}

pub(super) unsafe fn pthread_mutex_lock(mutex: *mut pthread_mutex_t) -> c_int {
    if is_changing() && leaves_lock_out(mutex as usize) {
        return 0;
    }
    // SAFETY: the caller vouches for the mutex.
    unsafe { originals::pthread_mutex_lock(mutex) }
}

pub(super) unsafe fn pthread_mutex_unlock(mutex: *mut pthread_mutex_t) -> c_int {
    if is_changing() && leaves_unlock_out(mutex as usize) {
        return 0;
    }
    // SAFETY: as above.
    unsafe { originals::pthread_mutex_unlock(mutex) }
}

pub(super) unsafe fn pthread_cond_signal(condition: *mut pthread_cond_t) -> c_int {
    if is_changing() && leaves_signal_out(condition as usize) {
        return 0;
    }
    // SAFETY: the caller vouches for the condition.
    unsafe { originals::pthread_cond_signal(condition) }
}
