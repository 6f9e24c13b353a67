//! Every green thread of Python's in the process, with its frames: for people who look into a program that runs.
//!
//! `sys._current_frames()` has one entry for each thread ident, which is the OS thread's for all green threads that
//! began before the patch. So they are kept in a list, from their making to their end; it is changed and read with
//! the interpreter's lock held, which needs no other. Roots are not in it: of their idents there is one each.

use super::api::{Api, Object, State};
use super::state;
use super::threads::{current_state, record_of, Record};
use crate::hub::{self, Moment};
use crate::slab::Id;
use crate::sys::symbol;
use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Where a record stands in the list.
#[derive(Debug)]
pub(super) struct Place {
    id: Cell<Id>,
    next: Cell<*const Record>,
    before: Cell<*const Record>,
}

impl Default for Place {
    fn default() -> Place {
        Place { id: Cell::new(Id(0)), next: Cell::new(ptr::null()), before: Cell::new(ptr::null()) }
    }
}

/// The newest. Read and written with the interpreter's lock held.
static NEWEST: AtomicPtr<Record> = AtomicPtr::new(ptr::null_mut());

/// # Safety
/// The record stays where it is until `leave`; the calling thread's state is attached.
pub(super) unsafe fn enter(record: *mut Record, id: Id) {
    let next = NEWEST.swap(record, Ordering::Relaxed);
    // SAFETY: the caller vouches for the record, and its own caller did for what is in the list.
    let (place, next_place) = unsafe { (&(*record).place, next.as_ref().map(|next| &next.place)) };
    place.id.set(id);
    place.next.set(next);
    if let Some(next) = next_place {
        next.before.set(record);
    }
}

/// # Safety
/// The record is in the list; the calling thread's state is attached.
pub(super) unsafe fn leave(record: &Record) {
    let (next, before) = (record.place.next.get(), record.place.before.get());
    // SAFETY: what is in the list has not left it, and so is there.
    unsafe {
        if let Some(next) = next.as_ref() {
            next.place.before.set(before);
        }
        match before.as_ref() {
            Some(before) => before.place.next.set(next),
            None => NEWEST.store(next.cast_mut(), Ordering::Relaxed),
        }
    }
}

/// In the child the others are gone, and their states with them; their records are nobody's. None is followed to
/// the next: another OS thread may have been at it.
pub(super) fn told_of_fork(moment: Moment) {
    let Moment::InChild(stays) = moment else { return };
    let left = hub::current().zip(stays).and_then(|(hub, id)| record_of(hub, id));
    let left = left.map(|(_, record)| record).filter(|record| record.place.id.get() != Id(0));
    if let Some(record) = left {
        record.place.next.set(ptr::null());
        record.place.before.set(ptr::null());
    }
    NEWEST.store(left.map_or(ptr::null(), ptr::from_ref).cast_mut(), Ordering::Relaxed);
}

/// One green thread as it was found. The objects are owned, null for none.
struct Found {
    id: Id,
    thread: *mut Object,
    frame: *mut Object,
    status: Option<String>,
}

/// The frame that a state is in, as a new reference; null for none.
///
/// # Safety
/// A state that has not ended; the calling thread's is attached.
unsafe fn frame(api: &Api, of: State) -> *mut Object {
    let get = symbol::of_process(c"PyThreadState_GetFrame");
    // SAFETY: from 3.9 on a function of this form. Before, the frame is asked for with the state attached, which is
    // the store of a pointer there.
    unsafe {
        if !get.is_null() {
            let get: unsafe extern "C" fn(State) -> *mut Object = std::mem::transmute(get);
            return get(of);
        }
        let (mine, mark) = (current_state(api), state::mark());
        state::attach(mine, of, of);
        let frame = (api.frame_here)();
        if !frame.is_null() {
            (api.incref)(frame);
        }
        state::attach(of, mine, mark);
        frame
    }
}

/// Keeps the garbage collector from running, whose finalizers may end threads that are being looked at: from 3.10
/// on, and before a frame is there without being made.
pub(super) struct NoGarbage(bool);

fn switch_garbage(name: &std::ffi::CStr) -> bool {
    let function: *mut c_void = symbol::of_process(name);
    if function.is_null() {
        return false;
    }
    // SAFETY: functions of this form, called with the lock held.
    let function: unsafe extern "C" fn() -> c_int = unsafe { std::mem::transmute(function) };
    // SAFETY: as above.
    unsafe { function() != 0 }
}

impl NoGarbage {
    pub(super) fn hold() -> NoGarbage {
        NoGarbage(switch_garbage(c"PyGC_Disable"))
    }
}

impl Drop for NoGarbage {
    fn drop(&mut self) {
        if self.0 {
            switch_garbage(c"PyGC_Enable");
        }
    }
}

/// # Safety
/// The calling thread's state is attached.
unsafe fn look(api: &Api) -> Vec<Found> {
    let _quiet = NoGarbage::hold();
    let mut all = Vec::new();
    let mut next = NEWEST.load(Ordering::Relaxed).cast_const();
    // SAFETY: what is in the list is there, and nothing here lets it change: the lock is held, and no code of a
    // user's runs.
    while let Some(record) = unsafe { next.as_ref() } {
        let (id, thread, of) = (record.place.id.get(), record.thread.get(), record.state.get());
        // SAFETY: as above: an object that the record owns, and a state that goes after its record.
        let frame = unsafe {
            if !thread.is_null() {
                (api.incref)(thread);
            }
            if of.is_null() {
                ptr::null_mut()
            } else {
                frame(api, of)
            }
        };
        // Those of another OS thread may be looked at by that one only.
        let status = hub::current().filter(|hub| hub.is_of(id)).and_then(|hub| hub.status(id));
        all.push(Found { id, thread, frame, status });
        next = record.place.next.get();
    }
    all.reverse();
    all
}

/// What stands for a green thread of the process in Python, as a new reference; null for nothing.
///
/// # Safety
/// The calling thread's state is attached.
pub(super) unsafe fn thread_of(api: &Api, id: Id) -> *mut Object {
    let mut next = NEWEST.load(Ordering::Relaxed).cast_const();
    // SAFETY: as in `look`.
    while let Some(record) = unsafe { next.as_ref() } {
        if record.place.id.get() == id {
            let thread = record.thread.get();
            if !thread.is_null() {
                // SAFETY: as above: an object that the record owns.
                unsafe { (api.incref)(thread) };
            }
            return thread;
        }
        next = record.place.next.get();
    }
    ptr::null_mut()
}

/// A new tuple of a tuple for each green thread, in the order of their making; null with an exception set.
///
/// # Safety
/// The calling thread's state is attached.
pub(super) unsafe fn take(api: &Api) -> *mut Object {
    // SAFETY: the caller vouches for the state; the rows are handed over.
    unsafe {
        let rows: Vec<_> = look(api).into_iter().map(|found| row(api, found)).collect();
        tuple(api, &rows)
    }
}

/// # Safety
/// As above.
unsafe fn row(api: &Api, found: Found) -> *mut Object {
    let or_none = |object: *mut Object| match object.is_null() {
        // SAFETY: the caller vouches for the state.
        true => unsafe { api.new_none() },
        false => object,
    };
    // SAFETY: as above; objects that are handed over.
    unsafe {
        let id = (api.int_from)(found.id.0);
        let status = match &found.status {
            Some(text) => (api.text_from)(text.as_ptr().cast(), text.len() as isize),
            None => api.new_none(),
        };
        tuple(api, &[id, or_none(found.thread), or_none(found.frame), status])
    }
}

/// A new tuple that takes over its members, of which one may be null with an exception set; null then, too.
///
/// # Safety
/// As above.
unsafe fn tuple(api: &Api, members: &[*mut Object]) -> *mut Object {
    // SAFETY: the caller vouches for the state, and hands the members over.
    unsafe {
        let failed = members.iter().any(|member| member.is_null());
        let tuple = if failed { ptr::null_mut() } else { (api.tuple_new)(members.len() as isize) };
        for (place, member) in members.iter().enumerate().filter(|(_, member)| !member.is_null()) {
            if tuple.is_null() {
                (api.decref)(*member);
            } else {
                (api.tuple_set)(tuple, place as isize, *member);
            }
        }
        tuple
    }
}
