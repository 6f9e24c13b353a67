//! The family that loads: dlopen(3), so that what is loaded later is patched too.
//!
//! Where it makes no difference who asks, dlopen is called from here, and what it has loaded is patched
//! before its caller gets the handle. Where the caller has search paths of its own, or names a place
//! relative to itself, libc's function is jumped to, so that it finds the true caller (see `seen`); what it
//! has loaded is patched when its caller takes a symbol of it, or at the next hooked call. Either way the
//! handle, the libraries and what dlerror(3) says are libc's.

use super::hooks::originals;
use super::linker::searches_as_we_do;
use super::pass;
use crate::hub::{self, Moment};
use crate::sys::errno;
use libc::Lmid_t;
use std::cell::Cell;
use std::ffi::{c_char, c_int, c_void, CStr};
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};

extern "C-unwind" {
    #[link_name = "greenhub_entry_dlopen"]
    pub(super) fn dlopen(file: *const c_char, mode: c_int) -> *mut c_void;
    #[link_name = "greenhub_entry_dlmopen"]
    pub(super) fn dlmopen(space: Lmid_t, file: *const c_char, mode: c_int) -> *mut c_void;
    #[link_name = "greenhub_entry_dlsym"]
    pub(super) fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
    #[link_name = "greenhub_entry_dlvsym"]
    pub(super) fn dlvsym(
        handle: *mut c_void,
        name: *const c_char,
        version: *const c_char,
    ) -> *mut c_void;
}

/// OS threads that have loaded something which was not looked at.
static BEHIND: AtomicUsize = AtomicUsize::new(0);
/// Of these, who have ended since: anybody catches up for them.
static ENDED_BEHIND: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// This one has, or is about to: nothing tells when libc's function returns, but the next call here
    /// comes after it, or from within, when all is in its place.
    static AM_BEHIND: Cell<bool> = const { Cell::new(false) };
    /// Apart, since the other is asked for behind the end, too.
    static AT_EXIT: AtExit = const { AtExit };
}

struct AtExit;

impl Drop for AtExit {
    fn drop(&mut self) {
        if AM_BEHIND.replace(false) {
            ENDED_BEHIND.fetch_add(1, Ordering::AcqRel);
        }
    }
}

fn fall_behind() {
    hub::watch_forks(watch_fork);
    let at_exit = AT_EXIT.try_with(|_| ());
    if !AM_BEHIND.replace(true) {
        BEHIND.fetch_add(1, Ordering::AcqRel);
    }
    if at_exit.is_err() && AM_BEHIND.replace(false) {
        ENDED_BEHIND.fetch_add(1, Ordering::AcqRel);
    }
}

/// A child has none of its parent's other threads, but what they have loaded.
fn watch_fork(moment: Moment) {
    if let Moment::InChild(_) = moment {
        let behind = BEHIND.load(Ordering::Relaxed);
        ENDED_BEHIND.store(behind - usize::from(AM_BEHIND.get()), Ordering::Relaxed);
    }
}

/// Patches what this OS thread has loaded since.
#[inline(always)]
pub(super) fn catch_up() {
    if BEHIND.load(Ordering::Relaxed) != 0 {
        catch_up_if_behind(false);
    }
}

/// `handed_over`: also what another OS thread may have loaded, whose handle this one has got.
#[cold]
#[inline(never)]
fn catch_up_if_behind(handed_over: bool) {
    let others = ENDED_BEHIND.swap(0, Ordering::AcqRel);
    let all = others + usize::from(AM_BEHIND.replace(false));
    BEHIND.fetch_sub(all, Ordering::AcqRel);
    if all != 0 || handed_over {
        patch_new();
    }
}

fn patch_new() {
    let _errno = errno::Kept::new();
    // Nothing unwinds into who called the loader.
    let _ = catch_unwind(pass::catch_up);
}

/// Whether a call loads nothing, or must be libc's own caller's.
///
/// # Safety
/// `file` is null or a C string.
unsafe fn must_be_seen(file: *const c_char, mode: c_int, caller: usize) -> bool {
    if file.is_null() || mode & libc::RTLD_NOLOAD != 0 {
        return true;
    }
    // SAFETY: the caller vouches for the string.
    let file = unsafe { CStr::from_ptr(file) };
    let depends = file.to_bytes().contains(&b'$')
        || !catch_unwind(|| searches_as_we_do(caller)).unwrap_or(false);
    if depends {
        fall_behind();
    }
    depends
}

fn patched(handle: *mut c_void) -> *mut c_void {
    if !handle.is_null() {
        patch_new();
    }
    handle
}

unsafe extern "C-unwind" fn load(file: *const c_char, mode: c_int) -> *mut c_void {
    // SAFETY: the caller calls libc's function, and passes what that one demands.
    patched(unsafe { originals::dlopen(file, mode) })
}

unsafe extern "C-unwind" fn load_into(
    space: Lmid_t,
    file: *const c_char,
    mode: c_int,
) -> *mut c_void {
    // SAFETY: as in `load`.
    patched(unsafe { originals::dlmopen(space, file, mode) })
}

pub(super) unsafe extern "C" fn ask_dlopen(
    file: *const c_char,
    mode: c_int,
    _: usize,
    caller: usize,
) -> usize {
    let _errno = errno::Kept::new();
    // SAFETY: the caller calls libc's function, and passes what that one demands.
    match unsafe { must_be_seen(file, mode, caller) } {
        true => originals::addresses::dlopen(),
        false => load as *const () as usize,
    }
}

pub(super) unsafe extern "C" fn ask_dlmopen(
    space: Lmid_t,
    file: *const c_char,
    mode: c_int,
    caller: usize,
) -> usize {
    let _errno = errno::Kept::new();
    // Another namespace has a libc of its own, whose functions are not those that the hooks call.
    // SAFETY: as above.
    match space != libc::LM_ID_BASE || unsafe { must_be_seen(file, mode, caller) } {
        true => originals::addresses::dlmopen(),
        false => load_into as *const () as usize,
    }
}

pub(super) unsafe extern "C" fn ask_dlsym(_: usize, _: usize, _: usize, _: usize) -> usize {
    if BEHIND.load(Ordering::Acquire) != 0 {
        catch_up_if_behind(true);
    }
    originals::addresses::dlsym()
}

pub(super) unsafe extern "C" fn ask_dlvsym(_: usize, _: usize, _: usize, _: usize) -> usize {
    if BEHIND.load(Ordering::Acquire) != 0 {
        catch_up_if_behind(true);
    }
    originals::addresses::dlvsym()
}
