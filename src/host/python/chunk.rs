//! The first piece of a green thread's data stack, on a page that its C stack has touched anyway.
//!
//! From 3.11 on the frames of Python functions lie in pieces of 16 KiB, each thread state's own, which come from the
//! interpreter's arena allocator (PyObject_SetArenaAllocator). By itself that maps and unmaps memory for each green
//! thread, and touches a page for some hundred bytes. Here the first piece begins where the C stack does, in its
//! slot: one grows down, the other up, and a thread that waits has a page of both.

use super::api::Api;
use super::threads;
use crate::hub;
use std::cell::UnsafeCell;
use std::ffi::c_void;

/// What the interpreter asks for at a time.
const PIECE: usize = 16 * 1024;
/// What stays free above the frames of the C stack: a piece, and so much that of the page on which both begin the
/// C stack has about three quarters. It needs more: what a builtin that waits has on it.
const ROOM: usize = PIECE + 1152;
const PAGE: usize = 4096;

/// PyObjectArenaAllocator.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct Allocator {
    context: *mut c_void,
    allocate: Option<unsafe extern "C" fn(*mut c_void, usize) -> *mut c_void>,
    free: Option<unsafe extern "C" fn(*mut c_void, *mut c_void, usize)>,
}

/// The interpreter's own.
struct Own(UnsafeCell<Allocator>);

// SAFETY: written once, with the interpreter's lock held, before anybody reads it.
unsafe impl Sync for Own {}

static OWN: Own =
    Own(UnsafeCell::new(Allocator { context: std::ptr::null_mut(), allocate: None, free: None }));

/// Bytes to leave free above the C stack of a green thread.
pub(super) fn room(api: &Api) -> u32 {
    match api.version >= 0x030b {
        true => ROOM as u32,
        false => 0,
    }
}

/// Takes the place of the interpreter's arena allocator, which still does all else.
///
/// # Safety
/// The calling thread's state is attached; once.
pub(super) unsafe fn install(api: &Api) {
    if room(api) == 0 {
        return;
    }
    // SAFETY: the caller vouches for the lock, and nobody has seen ours yet.
    unsafe {
        (api.arena_get)(OWN.0.get());
        let ours = Allocator { allocate: Some(allocate), free: Some(free), ..*OWN.0.get() };
        (api.arena_set)(&ours);
    }
}

unsafe extern "C" fn allocate(context: *mut c_void, size: usize) -> *mut c_void {
    if size == PIECE {
        if let Some(piece) = first_piece() {
            return piece as *mut c_void;
        }
    }
    // SAFETY: the interpreter's own, found before this one was given to it.
    unsafe { (*OWN.0.get()).allocate.map_or(std::ptr::null_mut(), |own| own(context, size)) }
}

/// Where the running green thread's is to be, once.
fn first_piece() -> Option<usize> {
    let hub = hub::current()?;
    let thread = hub.running()?;
    let (_, record) = threads::record_of(hub, thread.id)?;
    let (_, high) = thread.coroutine.stack()?.bounds();
    record.has_room.replace(false).then_some(high)
}

unsafe extern "C" fn free(context: *mut c_void, place: *mut c_void, size: usize) {
    // What is mapped begins with a page; a piece in a slot never does, and goes with the slot.
    if place as usize % PAGE != 0 {
        return;
    }
    // SAFETY: as in `allocate`.
    unsafe {
        if let Some(own) = (*OWN.0.get()).free {
            own(context, place, size);
        }
    }
}

const _: () = assert!(ROOM % 64 == 0 && ROOM % PAGE > 16 * 64, "never at a page's beginning");
