//! One pointer per OS thread, read in a load or two (tls.c says why it is C).

use std::ffi::c_void;

extern "C" {
    fn greenhub_tls_get() -> *mut c_void;
    fn greenhub_tls_set(hub: *mut c_void);
}

/// What this OS thread stored last; null at first. Safe in a signal handler.
#[inline]
pub(crate) fn get() -> *mut c_void {
    // SAFETY: reads one thread-local word; no preconditions.
    unsafe { greenhub_tls_get() }
}

pub(crate) fn set(value: *mut c_void) {
    // SAFETY: writes one thread-local word; no preconditions.
    unsafe { greenhub_tls_set(value) }
}
