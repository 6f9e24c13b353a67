//! A few words per OS thread, read in two loads (tls.c says why it is C).

use std::cell::Cell;
use std::ffi::c_void;

/// What an OS thread has of its own. tls.c has the same.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Words {
    hub: Cell<*mut c_void>,
    /// Not 0 while it may be that a signal handler runs, or the child of a vfork(2): `patch` says which.
    pub(crate) aside: Cell<usize>,
    /// The green thread that the handler has interrupted; 0 for none.
    pub(crate) owner: Cell<u64>,
    /// The process that has called vfork(2).
    pub(crate) parent: Cell<isize>,
    /// Calls of system(3), from here or for somebody else.
    pub(crate) sheltered: Cell<usize>,
}

extern "C" {
    #[cfg(not(target_arch = "x86_64"))]
    fn greenhub_tls_get() -> *mut c_void;
    fn greenhub_tls_set(hub: *mut c_void);
    fn greenhub_tls_words() -> *const Words;
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

/// Whether this OS thread may run code that no green thread does. Safe in a signal handler.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn is_aside() -> bool {
    let value: usize;
    // SAFETY: as in `get`; the word behind the first.
    unsafe {
        std::arch::asm!(
            "mov {value}, qword ptr [rip + greenhub_tls_hub@GOTTPOFF]",
            "mov {value}, qword ptr fs:[{value} + 8]",
            value = out(reg) value,
            options(pure, readonly, nostack, preserves_flags)
        );
    }
    value != 0
}

/// Whether this OS thread may run code that no green thread does. Safe in a signal handler.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub(crate) fn is_aside() -> bool {
    words().aside.get() != 0
}

/// This OS thread's own words. A signal handler may change them between any two looks. They must not be
/// kept beyond the OS thread.
pub(crate) fn words<'thread>() -> &'thread Words {
    // SAFETY: thread-local words of this form, zero at first, which is valid for all.
    unsafe { &*greenhub_tls_words() }
}
