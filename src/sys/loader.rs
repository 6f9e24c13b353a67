//! The loader's list of objects, walked so that a fork leaves it whole.
//!
//! dl_iterate_phdr(3) holds a lock of the loader's meanwhile, which glibc gives back to nobody in the child of a fork,
//! other than its further locks. If another OS thread walks in the moment of a fork, the child's first walk waits for
//! ever. So every walk of this library holds a lock around that one, and a fork waits for it.

use libc::{c_int, c_void, dl_phdr_info, pthread_mutex_t, size_t};
use std::cell::UnsafeCell;

/// What is shown an object; anything but 0 ends the walk.
pub(crate) type Visit = unsafe extern "C" fn(*mut dl_phdr_info, size_t, *mut c_void) -> c_int;

struct Lock(UnsafeCell<pthread_mutex_t>);

// SAFETY: a mutex is made to be used by many; `renew` alone writes it, in a process that has one OS thread.
unsafe impl Sync for Lock {}

/// Recursive, for a signal handler that forks and has interrupted a walk: it takes the lock as the loader's is taken.
static WALKING: Lock = Lock(UnsafeCell::new(libc::PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP));

/// Keeps every other OS thread of this library from walking, until `release` or `renew`.
pub(crate) fn hold() {
    // SAFETY: a mutex that is initialised, for ever. Fails only where it is held very many times over.
    unsafe { libc::pthread_mutex_lock(WALKING.0.get()) };
}

/// After `hold`, by the same OS thread.
pub(crate) fn release() {
    // SAFETY: as above.
    unsafe { libc::pthread_mutex_unlock(WALKING.0.get()) };
}

/// In the child of a fork, before which `hold` was called: the lock belongs to an OS thread by its number, which is
/// another one here.
pub(crate) fn renew() {
    // SAFETY: nobody else is there.
    unsafe { *WALKING.0.get() = libc::PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP };
}

/// Shows every object of the process, the program first.
///
/// # Safety
/// `visit` takes `data`, does not unwind, and neither loads nor walks nor forks.
pub(crate) unsafe fn each_object(visit: Visit, data: *mut c_void) {
    hold();
    // SAFETY: the caller vouches for both.
    unsafe { libc::dl_iterate_phdr(Some(visit), data) };
    release();
}
