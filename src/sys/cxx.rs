//! Where a C++ run-time keeps its exceptions in flight.
//!
//! The Itanium C++ ABI (section 2.2.2) keeps two words per OS thread: the stack of caught exceptions
//! and the count of uncaught ones. Two green threads that are both inside a `catch` block would share
//! them, and `throw;` in one would throw the other's exception.

use super::loader;
use std::ffi::{c_char, c_int, c_void, CStr};
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// `__cxa_eh_globals`, opaque: a pointer and an unsigned int, with padding.
pub(crate) type Globals = [usize; 2];

type GetGlobals = unsafe extern "C" fn() -> *mut Globals;

static FOUND: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());

/// Held while the loader is asked by name.
static ASKING: Mutex<()> = Mutex::new(());
/// This is the child of a fork. Another OS thread of the parent may have been inside the loader, a constructor's
/// perhaps, and nobody ends here what it had begun.
static FROZEN: AtomicBool = AtomicBool::new(false);

const SYMBOL: &CStr = c"__cxa_get_globals";
const RUN_TIMES: [&CStr; 2] = [c"libstdc++.so.6", c"libc++abi.so.1"];

/// The calling OS thread's globals; `None` in a process that has no C++ run-time loaded (yet).
pub(crate) fn globals() -> Option<*mut Globals> {
    let mut found = FOUND.load(Ordering::Relaxed);
    if found.is_null() && !FROZEN.load(Ordering::Relaxed) {
        let _asking = hold();
        found = look_up();
        FOUND.store(found, Ordering::Relaxed);
    }
    if found.is_null() {
        return None;
    }
    // SAFETY: the symbol of that name has this signature in every Itanium C++ ABI.
    let get: GetGlobals = unsafe { std::mem::transmute::<*mut c_void, GetGlobals>(found) };
    // SAFETY: has no preconditions; the answer stays the same while the OS thread lives.
    Some(unsafe { get() })
}

/// Keeps every other OS thread of this library from asking the loader by name, so that a fork does not
/// copy it in the middle of that.
pub(crate) fn hold() -> MutexGuard<'static, ()> {
    ASKING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// In the child of a fork: the loader is asked no more. What was found stays found.
pub(crate) fn freeze() {
    FROZEN.store(true, Ordering::Relaxed);
}

/// How many objects the loader has loaded so far, in about a tenth of a microsecond.
pub(crate) fn loaded() -> u64 {
    if FROZEN.load(Ordering::Relaxed) {
        return 0;
    }
    unsafe extern "C" fn first(
        info: *mut libc::dl_phdr_info,
        _: libc::size_t,
        count: *mut c_void,
    ) -> c_int {
        // SAFETY: the loader passes a valid info, and `loaded` a u64.
        unsafe { *count.cast::<u64>() = (*info).dlpi_adds };
        1
    }
    let mut count = 0u64;
    let place: *mut u64 = &mut count;
    // SAFETY: `first` takes a u64 as its data, and stops at the first object. It does nothing else.
    unsafe { loader::each_object(first, place.cast()) };
    count
}

/// Finds the function among what is loaded; loads nothing. The run-time's own name is tried too,
/// since an interpreter loads extensions out of the reach of the global scope.
fn look_up() -> *mut c_void {
    let symbol: *const c_char = SYMBOL.as_ptr();
    // SAFETY: both arguments are valid for the call.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, symbol) };
    if !found.is_null() {
        return found;
    }
    for name in RUN_TIMES {
        // SAFETY: NOLOAD makes this a mere question; the name is a C string.
        let library = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOLOAD | libc::RTLD_LAZY) };
        if !library.is_null() {
            // The reference that dlopen took is kept: the function must not go away.
            // SAFETY: the handle is valid.
            return unsafe { libc::dlsym(library, symbol) };
        }
    }
    std::ptr::null_mut()
}
