//! libc's own functions, and whoever stood before them.
//!
//! A hook calls what the loader would have bound: usually libc, sometimes a library that was there first
//! (a sanitizer, an LD_PRELOAD). The addresses are looked up when they are first needed, so that the
//! library itself links to no function that an older libc lacks.

use super::hooks::Hook;
use libc::{Dl_info, Elf64_Sym};
use std::ffi::{c_int, c_void, CStr};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

extern "C" {
    /// glibc's dladdr(3) with the symbol's own entry.
    pub(super) fn dladdr1(
        address: *const c_void,
        info: *mut Dl_info,
        extra: *mut *mut c_void,
        flags: c_int,
    ) -> c_int;
}

const RTLD_DL_SYMENT: c_int = 1;

/// Where the function lies that a hook stands in for.
#[derive(Debug)]
pub(super) struct Original {
    function: AtomicUsize,
    /// What its address is to code that compares. In a program that is not position-independent and takes
    /// the address itself, that is the program's own stub.
    canonical: AtomicUsize,
}

impl Original {
    pub(super) const fn unknown() -> Original {
        Original { function: AtomicUsize::new(0), canonical: AtomicUsize::new(0) }
    }

    /// 0 while it is not known, or this libc has none.
    #[inline(always)]
    pub(super) fn function(&self) -> usize {
        // Relaxed: it is stored before the first slot leads to a hook, and that slot is released.
        self.function.load(Ordering::Relaxed)
    }

    pub(super) fn canonical(&self) -> usize {
        self.canonical.load(Ordering::Relaxed)
    }
}

/// Looks up all that are not known yet, once: what this libc lacks it will not get. Takes the loader's
/// lock, so that no walk over the objects may be under way.
///
/// Later passes ask the loader nothing by name, so that they change nothing of what dlerror(3) will say.
pub(super) fn find_all(hooks: &[Hook]) {
    static DONE: AtomicBool = AtomicBool::new(false);
    if DONE.load(Ordering::Acquire) {
        return;
    }
    let libc = libc_handle();
    for hook in hooks.iter().filter(|hook| hook.original.function() == 0) {
        let bound = symbol(libc::RTLD_DEFAULT, hook.name);
        if bound == 0 {
            continue;
        }
        let function = if is_stub(bound) { symbol(libc, hook.name) } else { bound };
        hook.original.canonical.store(bound, Ordering::Relaxed);
        hook.original.function.store(function, Ordering::Relaxed);
    }
    landmarks();
    Hook::of(c"");
    DONE.store(true, Ordering::Release);
}

fn symbol(handle: *mut c_void, name: &CStr) -> usize {
    // SAFETY: a handle of the loader's, and a string.
    unsafe { libc::dlsym(handle, name.as_ptr()) as usize }
}

/// Where the process's allocator and libc itself lie: a function of each.
///
/// Without a lock: one that is held while the loader is asked would wait for ever for a constructor that
/// wants it, and that the loader waits for.
pub(super) fn landmarks() -> [usize; 2] {
    static FOUND: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];
    let [allocator, libc] = &FOUND;
    if libc.load(Ordering::Acquire) == 0 {
        allocator.store(symbol(libc::RTLD_DEFAULT, c"malloc"), Ordering::Relaxed);
        libc.store(symbol(libc_handle(), c"read"), Ordering::Release);
    }
    [allocator.load(Ordering::Relaxed), libc.load(Ordering::Relaxed)]
}

/// Waits until no other OS thread is inside dlopen(3) or dlclose(3): to look an address up takes the lock
/// under which objects are loaded, and leaves what dlerror(3) will say.
pub(super) fn wait_for_loader() {
    // SAFETY: all zeroes is a valid answer: null pointers.
    let mut info: Dl_info = unsafe { std::mem::zeroed() };
    // SAFETY: a place for the answer; any address may be asked for.
    unsafe { libc::dladdr(wait_for_loader as *const c_void, &mut info) };
}

fn libc_handle() -> *mut c_void {
    // SAFETY: a string; the object is there already, and is never unloaded.
    unsafe { libc::dlopen(c"libc.so.6".as_ptr(), libc::RTLD_LAZY | libc::RTLD_NOLOAD) }
}

/// Whether an address is a program's stub, which goes through a slot that is to be patched.
fn is_stub(address: usize) -> bool {
    let mut entry: *mut c_void = ptr::null_mut();
    // SAFETY: all zeroes is a valid answer: null pointers.
    let mut info: Dl_info = unsafe { std::mem::zeroed() };
    // SAFETY: places for both answers; any address may be asked for.
    let known =
        unsafe { dladdr1(address as *const c_void, &mut info, &mut entry, RTLD_DL_SYMENT) } != 0;
    // SAFETY: the loader's own table, as long as the object is loaded, and this one is in use.
    known && unsafe { entry.cast::<Elf64_Sym>().as_ref() }.is_some_and(|entry| entry.st_shndx == 0)
}
