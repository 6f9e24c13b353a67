//! The frames of the code that a signal has interrupted, innermost first.
//!
//! By the unwinder that C++ and Rust throw with (the Itanium ABI's `_Unwind_Backtrace`), which reads the
//! tables that every compiler writes: no frame pointers are needed. In a signal handler it is as good as its
//! search for those tables. With glibc 2.35 and GCC 12, `_dl_find_object` does that without a lock; before,
//! dl_iterate_phdr(3) takes the loader's, which is recursive and held for some instructions at a time.
//! Memory is not allocated, but for the loader's own binding at the first call, which `prime` makes.

#[cfg(not(target_arch = "arm"))]
use std::ffi::c_int;
use std::ffi::c_void;

/// Where to end, apart from the outermost frame.
#[derive(Clone, Copy)]
pub(crate) struct Bounds<'a> {
    /// The function whose frame, and all outside of it, is left out.
    pub(crate) caller: usize,
    /// Whether an address belongs to the stack of which frames are wanted.
    pub(crate) holds: &'a dyn Fn(usize) -> bool,
}

/// What unwinding may take of the stack that it runs on, measured, with as much again.
#[cfg(not(target_arch = "arm"))]
const NEEDED: usize = 3 << 10;

#[cfg(not(target_arch = "arm"))]
mod unwinder {
    use std::ffi::{c_int, c_void};

    pub(super) type Visit = extern "C" fn(*mut c_void, *mut c_void) -> c_int;

    extern "C" {
        pub(super) fn _Unwind_Backtrace(visit: Visit, walk: *mut c_void) -> c_int;
        pub(super) fn _Unwind_GetIP(frame: *mut c_void) -> usize;
        pub(super) fn _Unwind_GetIPInfo(frame: *mut c_void, exact: *mut c_int) -> usize;
        pub(super) fn _Unwind_GetCFA(frame: *mut c_void) -> usize;
        pub(super) fn _Unwind_GetRegionStart(frame: *mut c_void) -> usize;
    }
}

/// `_URC_NO_REASON` and `_URC_NORMAL_STOP`.
#[cfg(not(target_arch = "arm"))]
const ON: c_int = 0;
#[cfg(not(target_arch = "arm"))]
const ENOUGH: c_int = 4;

#[cfg(not(target_arch = "arm"))]
struct Walk<'a> {
    frames: &'a mut [usize],
    count: usize,
    /// The frames so far were the handler's.
    begun: bool,
    /// Wanted is where the functions of the frames begin.
    functions: bool,
    bounds: Bounds<'a>,
}

/// Fills `frames` from the code that was interrupted on, and says how many there are. At least the first
/// is found wherever the machine's context is known. Async-signal-safe.
///
/// # Safety
/// `context` is what the kernel passed to the signal handler that calls this.
pub(crate) unsafe fn interrupted(
    context: *mut c_void,
    bounds: Bounds<'_>,
    frames: &mut [usize],
) -> usize {
    // SAFETY: the caller vouches for the context.
    let mut count = if unsafe { has_room(context) } { walk(bounds, frames) } else { 0 };
    // SAFETY: as above.
    if let (0, Some(place), Some(at)) = (count, frames.first_mut(), unsafe { address(context) }) {
        *place = at;
        count = 1;
    }
    count
}

/// Shows `look` where the calling functions go on, innermost first, and with what stack pointer each does, until it
/// gives false. It must not panic.
#[cfg(not(target_arch = "arm"))]
pub(crate) fn here(mut look: &mut dyn FnMut(usize, usize) -> bool) {
    extern "C" fn shown(frame: *mut c_void, look: *mut c_void) -> c_int {
        // SAFETY: the unwinder passes a frame of its own, and what it was given below.
        let (look, at, stack) = unsafe {
            (
                &mut *look.cast::<&mut dyn FnMut(usize, usize) -> bool>(),
                unwinder::_Unwind_GetIP(frame),
                unwinder::_Unwind_GetCFA(frame),
            )
        };
        if at != 0 && look(at, stack) {
            ON
        } else {
            ENOUGH
        }
    }
    // SAFETY: `shown` gets this very reference, and nobody else uses it meanwhile.
    unsafe { unwinder::_Unwind_Backtrace(shown, (&raw mut look).cast()) };
}

/// The 32-bit ARM unwinder has another interface.
#[cfg(target_arch = "arm")]
pub(crate) fn here(_: &mut dyn FnMut(usize, usize) -> bool) {}

/// Fills `frames` with where the calling functions begin, innermost first, and says how many there are.
#[cfg(not(target_arch = "arm"))]
pub(crate) fn functions(frames: &mut [usize]) -> usize {
    let everything = |_: usize| true;
    let bounds = Bounds { caller: 0, holds: &everything };
    let mut walk = Walk { frames, count: 0, begun: true, functions: true, bounds };
    // SAFETY: `visit` gets this very walk, and nobody else uses it meanwhile.
    unsafe { unwinder::_Unwind_Backtrace(visit, (&raw mut walk).cast()) };
    walk.count
}

/// The 32-bit ARM unwinder has another interface.
#[cfg(target_arch = "arm")]
pub(crate) fn functions(_: &mut [usize]) -> usize {
    0
}

#[cfg(not(target_arch = "arm"))]
fn walk(bounds: Bounds<'_>, frames: &mut [usize]) -> usize {
    let mut walk = Walk { frames, count: 0, begun: false, functions: false, bounds };
    // SAFETY: `visit` gets this very walk, and nobody else uses it meanwhile.
    unsafe { unwinder::_Unwind_Backtrace(visit, (&raw mut walk).cast()) };
    walk.count
}

#[cfg(not(target_arch = "arm"))]
extern "C" fn visit(frame: *mut c_void, walk: *mut c_void) -> c_int {
    let mut exact = 0;
    // SAFETY: the unwinder passes a frame of its own, and the walk that `walk` gave it.
    let (walk, at, stack, function) = unsafe {
        (
            &mut *walk.cast::<Walk<'_>>(),
            unwinder::_Unwind_GetIPInfo(frame, &mut exact),
            unwinder::_Unwind_GetCFA(frame),
            unwinder::_Unwind_GetRegionStart(frame),
        )
    };
    // What a signal has interrupted is the one frame whose address is not one to return to.
    walk.begun |= exact != 0;
    if !walk.begun {
        return ON;
    }
    if at == 0 || function == walk.bounds.caller || !(walk.bounds.holds)(stack) {
        return ENOUGH;
    }
    let Some(place) = walk.frames.get_mut(walk.count) else { return ENOUGH };
    *place = if walk.functions { function } else { at };
    walk.count += 1;
    ON
}

/// The 32-bit ARM unwinder has another interface.
#[cfg(target_arch = "arm")]
fn walk(_: Bounds<'_>, _: &mut [usize]) -> usize {
    0
}

/// Does once what would allocate, or take a large part of a small stack, if it were first done in a signal
/// handler: the loader binds the unwinder's functions.
pub(crate) fn prime() {
    let everything = |_: usize| true;
    walk(Bounds { caller: 0, holds: &everything }, &mut [0; 4]);
}

/// Whether what is left of the stack for signals is enough; on no such stack, the host took it away, and a
/// thread's own is taken for large enough.
///
/// # Safety
/// As for `interrupted`.
#[cfg(not(target_arch = "arm"))]
unsafe fn has_room(context: *mut c_void) -> bool {
    let here = 0u8;
    let here = (&raw const here).addr();
    // SAFETY: the caller vouches for the context.
    let stack = unsafe { (*context.cast::<libc::ucontext_t>()).uc_stack };
    match here.checked_sub(stack.ss_sp.addr()) {
        Some(left) if stack.ss_flags & libc::SS_DISABLE == 0 && left < stack.ss_size => {
            left >= NEEDED
        }
        _ => true,
    }
}

/// # Safety
/// As for `interrupted`.
#[cfg(target_arch = "arm")]
unsafe fn has_room(_: *mut c_void) -> bool {
    false
}

/// The instruction that was interrupted.
///
/// # Safety
/// As for `interrupted`.
unsafe fn address(context: *mut c_void) -> Option<usize> {
    // SAFETY: the caller vouches for the context.
    let _machine = unsafe { &(*context.cast::<libc::ucontext_t>()).uc_mcontext };
    #[cfg(target_arch = "x86_64")]
    return Some(_machine.gregs[libc::REG_RIP as usize] as usize);
    #[cfg(target_arch = "aarch64")]
    return Some(_machine.pc as usize);
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    None
}
