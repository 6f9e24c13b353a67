//! One pointer per OS thread, read in two loads (tls.c says why it is C).

use std::ffi::c_void;

extern "C" {
    #[cfg(not(target_arch = "x86_64"))]
    fn greenhub_tls_get() -> *mut c_void;
    fn greenhub_tls_set(hub: *mut c_void);
}

/// What this OS thread stored last; null at first. Safe in a signal handler.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn get() -> *mut c_void {
    let value: *mut c_void;
    // The two instructions of the initial-exec model, in the form that a linker can relax (ELF Handling
    // For Thread-Local Storage, 4.4.6), where a call of the C function would be one more line of code
    // to fetch after each system call.
    // SAFETY: reads one thread-local word, which tls.c defines. Nothing else is touched. Not `nomem`:
    // `set` may have stored another value since the last look.
    unsafe {
        std::arch::asm!(
            "mov {value}, qword ptr [rip + greenhub_tls_hub@GOTTPOFF]",
            "mov {value}, qword ptr fs:[{value}]",
            value = out(reg) value,
            options(pure, readonly, nostack, preserves_flags)
        );
    }
    value
}

/// What this OS thread stored last; null at first. Safe in a signal handler.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub(crate) fn get() -> *mut c_void {
    // SAFETY: reads one thread-local word; no preconditions.
    unsafe { greenhub_tls_get() }
}

pub(crate) fn set(value: *mut c_void) {
    // SAFETY: writes one thread-local word; no preconditions.
    unsafe { greenhub_tls_set(value) }
}
