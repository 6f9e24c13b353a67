//! OS threads that a language runtime ends because it ends itself.
//!
//! Once CPython finalizes, whoever asks for its lock on another OS thread gets pthread_exit(3) instead (up to 3.13), which
//! unwinds the stack. A green thread's stack has no end that this could reach, and on a root's there may be the
//! loop: the process would abort. So where green threads have run the OS thread stops for good instead, as from
//! 3.14 on CPython has every one do. The process ends it.

use super::hooks::originals;
use crate::hub;
use std::ffi::c_void;

/// As pthread_exit(3). Before the runtime ends its threads end as they like.
pub(super) unsafe fn pthread_exit(value: *mut c_void) -> ! {
    while hub::current().is_some() && hub::runtime_ends() {
        // SAFETY: waits for a signal, and takes nothing.
        unsafe { libc::pause() };
    }
    // SAFETY: the caller wants this OS thread to end, and vouches for the value.
    unsafe { originals::pthread_exit(value) }
}
