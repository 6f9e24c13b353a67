//! To leave a green thread between two instructions of Python, and to raise an exception there.
//!
//! The hub comes here from the hook in which the interpreter's lock was given up on request (`patch::slices`). That
//! happens at an instruction's end, or in a function that is about to let go of the lock by itself: then C code goes
//! on that may hold what others of its OS thread would wait for, and nobody is let in.
//!
//! What was thrown into the thread meanwhile is raised as CPython raises asynchronous exceptions, before the next
//! instruction. Those are classes, called without arguments; ours gives the very instance when it is called. Where
//! code must not be cut short, in finalizers and handlers of signals, only Python can see: a function of the
//! package's is asked, in a thread state made for that, since the thread's own is in the middle of something.

use super::api::{self, Api, Object};
use super::beneath::Disguise;
use super::threads::Record;
use super::{census, state, waits};
use crate::hub;
use crate::patch;
use crate::sys::unwind;
use crate::thread::Thread;
use std::ffi::{c_ulong, c_void};
use std::ops::Range;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::OnceLock;

/// `may(ident, throws)`: whether that thread may be left where it is, and an exception raised there. Owned; null
/// before the first slice.
static MAY: AtomicPtr<Object> = AtomicPtr::new(ptr::null_mut());
/// The class that stands for what was thrown. Owned; as above.
static THROWN: AtomicPtr<Object> = AtomicPtr::new(ptr::null_mut());

/// What the package gives for this; kept for ever.
///
/// # Safety
/// A function and a class, with the calling thread's state attached.
pub(super) unsafe fn set(api: &Api, may: *mut Object, thrown: *mut Object) {
    for (place, object) in [(&MAY, may), (&THROWN, thrown)] {
        // SAFETY: the caller vouches for both.
        unsafe { (api.incref)(object) };
        let before = place.swap(object, Ordering::AcqRel);
        if !before.is_null() {
            // SAFETY: the place owned it, and who uses it has the lock, as the caller has.
            unsafe { (api.decref)(before) };
        }
    }
}

/// Where the code of the interpreter lies.
fn interpreter(api: &Api) -> &'static Range<usize> {
    static EXTENT: OnceLock<Range<usize>> = OnceLock::new();
    EXTENT.get_or_init(|| patch::object_around(api.state_new as usize))
}

/// Whether the lock was given up by the loop that runs Python's instructions: not by a function whose callers are
/// about to wait without it, nor while the hub exchanges thread states.
fn is_between_instructions(api: &Api) -> bool {
    /// So near to the hook's caller stands who gives up the lock; behind it comes who calls that one.
    const NEAR: usize = 4;
    const LEAST: usize = 3;
    let leaving = [
        api.save as usize,
        api.state_swap as usize,
        api.state_delete_current as usize,
        api.release as usize,
        api.state_release as usize,
    ];
    let own = this_library();
    let interpreter = interpreter(api);
    let mut functions = [0; 24];
    let count = unwind::functions(&mut functions);
    let mut theirs = functions[..count].iter().skip_while(|at| own.contains(*at));
    let near = theirs.by_ref().take(NEAR).take_while(|at| interpreter.contains(*at));
    let mut found = 0;
    for function in near {
        if leaving.contains(function) {
            return false;
        }
        found += 1;
    }
    found >= LEAST
}

/// Where the code of this library lies.
fn this_library() -> &'static Range<usize> {
    static EXTENT: OnceLock<Range<usize>> = OnceLock::new();
    EXTENT.get_or_init(|| patch::object_around(preempts as *const () as usize))
}

/// As which number CPython knows the running thread, if it is nobody else's too.
fn ident(thread: &Thread, place: *mut c_void) -> Option<u64> {
    let Some(ident) = patch::ident_of(thread) else {
        // Who stands in for a root has its number, by which CPython would find either of them.
        let is_found = thread.root.get() && super::threads::are_known();
        // SAFETY: takes nothing.
        return is_found.then(|| unsafe { libc::pthread_self() });
    };
    // SAFETY: from the hub, for the running thread.
    let record = unsafe { place.cast::<Record>().as_ref() }?;
    record.is_known.get().then_some(ident)
}

/// The slice of the running thread is over.
pub(super) fn preempts(place: *mut c_void, yields: &mut dyn FnMut()) {
    let api = api::known();
    let Some(thread) = hub::current().and_then(|hub| hub.running()) else { return };
    if patch::is_asking() || state::is_over(api) || !is_between_instructions(api) {
        return;
    }
    // SAFETY: from the hub, for the running thread; null for a root that has never waited.
    let record = unsafe { place.cast::<Record>().as_ref() };
    // One that looks like the main thread keeps signals and others like it back until its handler has run.
    if record.is_some_and(|record| record.disguise.get() == Disguise::On) {
        return;
    }
    // Handlers of signals run in a root, and before others.
    if thread.root.get() && !ask(api, thread, place, false) {
        return;
    }
    yields();
    if state::is_over(api) || !thread.is_interrupted() {
        return;
    }
    if record.is_some_and(|record| !record.thrown.get().is_null()) {
        ask(api, thread, place, true);
    }
}

/// Asks whether the running thread may be left, or cut short: then that is done.
fn ask(api: &Api, thread: &Thread, place: *mut c_void, throws: bool) -> bool {
    let Some(ident) = ident(thread, place) else { return !throws };
    let before = state::mark();
    patch::set_asking(true);
    // SAFETY: nothing is attached on this OS thread: the running thread wants the lock back.
    let own = unsafe { state::start(api, ptr::null_mut()) };
    let mut may = false;
    if !own.is_null() {
        // SAFETY: the state just made is attached, and deleted so; the value under the key is put back.
        unsafe {
            may = answers(api, ident, throws);
            if may && throws {
                press(api, &*place.cast::<Record>(), ident);
            }
            (api.state_clear)(own);
            (api.state_delete_current)();
        }
        state::set_mark(before);
    }
    patch::set_asking(false);
    may
}

/// What the package's function says.
///
/// # Safety
/// A state is attached.
unsafe fn answers(api: &Api, ident: u64, throws: bool) -> bool {
    let may = MAY.load(Ordering::Acquire);
    if may.is_null() {
        return false;
    }
    // A finalizer that waits would do so in the thread's stead.
    let _quiet = census::NoGarbage::hold();
    // SAFETY: the caller vouches for the state. A tuple takes over what is put into it, and a failure of that, for
    // want of memory, is one of the call as well.
    unsafe {
        let arguments = (api.tuple_new)(2);
        if arguments.is_null() {
            (api.error_unraisable)(may);
            return false;
        }
        (api.tuple_set)(arguments, 0, (api.int_from)(ident));
        (api.tuple_set)(arguments, 1, (api.bool_from)(throws.into()));
        let answer = (api.call)(may, arguments, ptr::null_mut());
        (api.decref)(arguments);
        if answer.is_null() {
            (api.error_unraisable)(may);
            return false;
        }
        let yes = ptr::eq(answer, api.true_object);
        (api.decref)(answer);
        yes
    }
}

/// Has what was thrown into the thread raised before its next instruction. It stays thrown until then, so that a wait
/// that comes first raises it.
///
/// # Safety
/// A state is attached; the record is the running thread's, whose number is `ident`.
unsafe fn press(api: &Api, record: &Record, ident: u64) {
    let thrown = record.thrown.get();
    if thrown.is_null() {
        return;
    }
    // SAFETY: the caller vouches for the state; an exception that the record owns.
    unsafe {
        if (api.async_raise)(ident as c_ulong, THROWN.load(Ordering::Acquire)) != 1 {
            return;
        }
        (api.incref)(thrown);
        drop_reference(api, record.pressed.replace(thrown));
    }
}

/// # Safety
/// A reference or null, with a state attached.
unsafe fn drop_reference(api: &Api, object: *mut Object) {
    if !object.is_null() {
        // SAFETY: the caller vouches for it.
        unsafe { (api.decref)(object) };
    }
}

/// What was thrown into a thread is raised by its wait, or was taken back: before the next instruction nothing is to be
/// raised any more.
///
/// Up to 3.11 the class is called when somebody looks at the exception. Whatever comes before that is a destructor's:
/// what its wait raises is lost, and the class raises it once more; what it takes back was raised already.
///
/// # Safety
/// The calling thread's state is attached; the thread is of the calling OS thread's hub, and the record its own.
#[cold]
pub(super) unsafe fn call_off(api: &Api, thread: &Thread, record: &Record) {
    if let Some(ident) = ident(thread, ptr::from_ref(record).cast_mut().cast()) {
        // SAFETY: the caller vouches for the state; null takes back.
        unsafe { (api.async_raise)(ident as c_ulong, ptr::null_mut()) };
    }
    if api.version >= 0x030c {
        // SAFETY: as above.
        unsafe { drop_reference(api, record.pressed.replace(ptr::null_mut())) };
    }
}

/// What the class gives for the running thread, as a new reference; null for nothing.
///
/// # Safety
/// As above.
pub(super) unsafe fn take(api: &Api) -> *mut Object {
    let Some(hub) = hub::current() else { return ptr::null_mut() };
    let Some(thread) = hub.running() else { return ptr::null_mut() };
    let place = hub.record(thread);
    if place.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: from the hub, for the running thread.
    let record = unsafe { &*place.cast::<Record>() };
    let pressed = record.pressed.replace(ptr::null_mut());
    // SAFETY: the caller vouches for the state.
    let (thrown, _) = unsafe { waits::take_thrown(api, (hub, thread, record)) };
    match thrown.is_null() {
        true => pressed,
        false => {
            // SAFETY: as above.
            unsafe { drop_reference(api, pressed) };
            thrown
        }
    }
}
