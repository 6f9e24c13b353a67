//! Libraries that nobody changed, made cooperative.
//!
//! gh_patch() exchanges libc's blocking functions in the link tables of the running process, so that
//! a database driver or an HTTP client that calls poll(2) or recv(2) suspends its green thread and
//! lets the others run. Call it once, after start-up, with GH_PATCH_ALL or the families that you
//! want; gh_unpatch() gives everything back, and gh_patch_info() tells what is exchanged.
//!
//! A hooked function acts for green threads and roots of a hub. On every other OS thread, in
//! a callback and between gh_patch_pause() and gh_patch_resume() it is libc's own. It gives what
//! libc's gives; what a cancelled green thread would wait for fails with ECANCELED. What cannot be
//! hooked stands in docs/patching.md, with the way out: mostly gh_offload().

use super::guard::guard;
use crate::error::Error;
use crate::patch::{self, Families, Wanted};
use std::ffi::{c_char, c_int, c_void, CStr};

/// sleep, usleep, nanosleep, clock_nanosleep.
pub const GH_PATCH_SLEEP: u32 = 1;
/// poll, select, epoll_wait and their like.
pub const GH_PATCH_WAIT: u32 = 2;
/// read, write, recv, send and their like.
pub const GH_PATCH_STREAM: u32 = 4;
/// connect and accept, and what must be known of a descriptor: close, dup, fcntl, ioctl.
pub const GH_PATCH_CONNECTION: u32 = 8;
/// waitpid and its like, system, pclose.
pub const GH_PATCH_PROCESS: u32 = 16;
/// POSIX semaphores. Mutexes and conditions of pthreads are never hooked.
pub const GH_PATCH_LOCKS: u32 = 32;
/// getaddrinfo, getnameinfo, gethostbyname and their like.
pub const GH_PATCH_NAMES: u32 = 64;
/// dlopen, so that what is loaded later is patched too.
pub const GH_PATCH_LOADING: u32 = 128;
/// All of them.
pub const GH_PATCH_ALL: u32 = 255;

/// What gh_patch_info() tells: the slots of one object that lead to the hook of one function.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gh_patched {
    /// sizeof(gh_patched), set by the library.
    pub size: usize,
    /// The path of the object, as the loader has it; good during the call.
    pub module: *const c_char,
    /// The function; good for ever.
    pub function: *const c_char,
    /// Slots in that object.
    pub slots: usize,
    /// The families to which the function belongs, as in GH_PATCH_ALL.
    pub families: u32,
    /// 0.
    pub reserved: u32,
}

/// Sees one line of gh_patch_info(). Anything but 0 ends it.
pub type gh_patch_visitor =
    Option<unsafe extern "C" fn(patched: *const gh_patched, arg: *mut c_void) -> c_int>;

/// Has libc's blocking functions suspend the calling green thread, in every object of the process that is
/// loaded, and with GH_PATCH_LOADING in those that are loaded later. May be repeated, with other families
/// too: what is patched stays so. Other OS threads may run meanwhile. Never touched are this library,
/// libc, the loader, and a shared object that brings the process's malloc.
///
/// @param families  GH_PATCH_ALL, or some of its bits
/// @return the number of slots that were exchanged by this call, 0 if all were so before; -EINVAL for no
///         family or unknown bits; -ENOTSUP in a program that is linked statically, and on a machine
///         other than x86-64 and aarch64; -ENOMEM; -EACCES
///         where the system forbids it to change a page of a link table
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub extern "C" fn gh_patch(families: u32) -> c_int {
    guard(|| patch::patch(Families::of_flags(families)?).map(count))
}

/// Gives every slot its original function back, also those of gh_patch_module(). Green threads that wait
/// inside a hooked function go on, and come back from it as from libc's.
///
/// @return the number of slots that were given back; -ENOTSUP, -ENOMEM, -EACCES as gh_patch()
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub extern "C" fn gh_unpatch() -> c_int {
    guard(|| patch::unpatch().map(count))
}

/// Patches one object only.
///
/// @param path      (borrow) the object's path as the loader has it, or the last part of that; empty for
///                  the program itself; NULL to give a handle instead
/// @param handle    (borrow) an open handle of dlopen(3); NULL to give a path instead
/// @param families  as for gh_patch()
/// @return the number of slots that were exchanged; -EINVAL for both or neither of path and handle, for
///         no family or unknown bits; -ENOENT if no such object is loaded, or it is one that is never
///         touched; -ENOTSUP, -ENOMEM, -EACCES as gh_patch()
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_patch_module(
    path: *const c_char,
    handle: *mut c_void,
    families: u32,
) -> c_int {
    guard(|| {
        let wanted = match (path.is_null(), handle.is_null()) {
            // SAFETY: the caller lends a string.
            (false, true) => Wanted::Path(unsafe { CStr::from_ptr(path) }),
            (true, false) => Wanted::Handle(handle),
            _ => return Err(Error::EINVAL),
        };
        // SAFETY: the caller vouches for the handle.
        unsafe { patch::patch_one(wanted, Families::of_flags(families)?) }.map(count)
    })
}

/// Tells what is patched, object by object and function by function, as of now.
///
/// @param visitor  called for each, with nothing locked; NULL only to count
/// @param arg      (borrow) passed to it
/// @return the number of slots of all objects together; what visitor has returned, if not 0
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_patch_info(visitor: gh_patch_visitor, arg: *mut c_void) -> c_int {
    guard(|| {
        let entries = patch::report();
        if let Some(visitor) = visitor {
            for entry in &entries {
                let patched = gh_patched {
                    size: size_of::<gh_patched>(),
                    module: entry.object.as_ptr(),
                    function: entry.function.as_ptr(),
                    slots: entry.slots,
                    families: entry.families.flags(),
                    reserved: 0,
                };
                // SAFETY: the host's own function, with what it is promised.
                let verdict = unsafe { visitor(&patched, arg) };
                if verdict != 0 {
                    return Ok(verdict);
                }
            }
        }
        Ok(count(entries.iter().map(|entry| entry.slots).sum()))
    })
}

/// Has hooked functions be libc's own for the calling green thread, until as many gh_patch_resume(). On an OS
/// thread without a hub they are so anyway, and both functions do nothing.
///
/// @return 0; -EOVERFLOW at the 256th; GH_ENOTGREEN in a callback
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub extern "C" fn gh_patch_pause() -> c_int {
    guard(|| patch::pause().map(|()| 0))
}

/// Takes one gh_patch_pause() of the calling green thread back.
///
/// @return 0; -EPERM if there is none; GH_ENOTGREEN in a callback
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub extern "C" fn gh_patch_resume() -> c_int {
    guard(|| patch::resume().map(|()| 0))
}

fn count(slots: usize) -> c_int {
    c_int::try_from(slots).unwrap_or(c_int::MAX)
}

// The flags of C are the families.
const _: () = {
    let pairs = [
        (GH_PATCH_SLEEP, Families::SLEEP),
        (GH_PATCH_WAIT, Families::WAIT),
        (GH_PATCH_STREAM, Families::STREAM),
        (GH_PATCH_CONNECTION, Families::CONNECTION),
        (GH_PATCH_PROCESS, Families::PROCESS),
        (GH_PATCH_LOCKS, Families::LOCKS),
        (GH_PATCH_NAMES, Families::NAMES),
        (GH_PATCH_LOADING, Families::LOADING),
        (GH_PATCH_ALL, Families::ALL),
    ];
    let mut at = 0;
    while at < pairs.len() {
        assert!(pairs[at].0 == pairs[at].1.flags());
        at += 1;
    }
};
