//! A green thread with an object of the class (`class`): to start it, to run it, to wait for its end.
//!
//! What most threads do is done here; what few do, failing, being linked, being killed before the start, is left to
//! methods of the object's, in Python.

use super::api::{Api, FastCall, Method, Object, METH_CLASS, METH_FASTCALL};
use super::builtins::{called, Answer, Arguments};
use super::class::{self, Task, DONE, RUNNING, SPAWNED};
use super::threads;
use super::waits::{self, Python, Raised};
use crate::clock::NEVER;
use crate::hub;
use crate::slab::Id;
use std::cell::Cell;
use std::ffi::CStr;
use std::ptr;

/// Calls a method without arguments.
///
/// # Safety
/// An object; the calling thread's state is attached.
unsafe fn call_method(api: &Api, object: *mut Object, name: &CStr) -> *mut Object {
    // SAFETY: the caller vouches for both.
    unsafe {
        let method = (api.attribute)(object, name.as_ptr());
        if method.is_null() {
            return method;
        }
        let nothing = (api.tuple_new)(0);
        let answer = (api.call)(method, nothing, ptr::null_mut());
        (api.decref)(nothing);
        (api.decref)(method);
        answer
    }
}

/// The object of the root of the calling OS thread, as a new reference.
fn root(given: &Arguments<'_>, class: *mut Object) -> Answer {
    let api = given.0;
    let running = hub::current().and_then(|hub| Some((hub, hub.running()?)));
    let current = match running.and_then(|(hub, thread)| threads::record_of(hub, thread.id)) {
        Some((_, record)) => record.thread.get(),
        None => ptr::null_mut(),
    };
    // SAFETY: the record keeps the running thread's object; all with the state attached, as Python calls.
    unsafe {
        let mut adopted = ptr::null_mut();
        let task = match class::of_object(api, current) {
            Some(task) => task,
            None => {
                adopted = call_method(api, class, c"_adopt");
                if adopted.is_null() {
                    return Err(Raised);
                }
                class::of_object(api, adopted)
                    .ok_or_else(|| given.fails(api.type_error, c"no green thread"))?
            }
        };
        let root = task.root.get();
        (api.incref)(root);
        if !adopted.is_null() {
            (api.decref)(adopted);
        }
        Ok(root)
    }
}

/// `cls._start(function, args, kwargs)`.
fn start(class: *mut Object, given: Arguments<'_>) -> Answer {
    let api = given.0;
    let call = given.call(0)?;
    let root = root(&given, class)?;
    // SAFETY: called by Python, as a method of a class that derives from ours, with the state attached.
    unsafe {
        let object = class::instance(api, class);
        let Some(task) = class::of_object(api, object) else {
            (api.decref)(root);
            return Err(Raised);
        };
        task.root.set(root);
        (api.incref)(call.0);
        task.function.set(call.0);
        match threads::spawn(api, object, call, Some(run)) {
            Ok(id) => {
                task.ident.set(id.0);
                Ok(object)
            }
            Err(error) => {
                (api.decref)(object);
                Err(waits::raise(api, error))
            }
        }
    }
}

/// What a green thread with an object runs: keeps what its function gives, or raises, and wakes who waits.
///
/// # Safety
/// An object of the class, which is kept meanwhile, and a call's parts; the thread's own state is attached.
unsafe fn run(api: &Api, object: *mut Object, call: threads::Call) {
    // SAFETY: the caller vouches for the object and for the state.
    unsafe {
        let Some(task) = class::of_object(api, object) else { return };
        task.state.set(RUNNING);
        if is_nothing(api, &task.doom) || !is_doomed(api, object) {
            let result = (api.call)(call.0, call.1, call.2);
            match result.is_null() {
                true => {
                    fail(api, task);
                    if threads::was_told() {
                        // Another exception may have to stand for what a driver has made of it.
                        have(api, object, c"_amend");
                    }
                }
                false => replace(api, &task.value, result),
            }
        }
        end(task);
        if has_entries(api, task) || !is_nothing(api, &task.error) {
            have(api, object, c"_finish");
        }
        if ptr::eq(task.root.get(), object) {
            // It has forked, and its end is that of the child.
            have(api, object, c"_leave");
        }
    }
}

/// Has the object do something more, of which nobody waits to hear.
///
/// # Safety
/// As above.
unsafe fn have(api: &Api, object: *mut Object, name: &CStr) {
    // SAFETY: the caller vouches for both.
    unsafe {
        let done = call_method(api, object, name);
        match done.is_null() {
            true => (api.error_unraisable)(object),
            false => (api.decref)(done),
        }
    }
}

/// Whether an exception came before the start, which is then what the thread ends by.
///
/// # Safety
/// As above.
unsafe fn is_doomed(api: &Api, object: *mut Object) -> bool {
    // SAFETY: the caller vouches for both.
    unsafe {
        let answer = call_method(api, object, c"_is_doomed");
        if answer.is_null() {
            // A kill from another OS thread has met it there: the call raises that anew.
            (api.error_unraisable)(object);
            return false;
        }
        (api.decref)(answer);
        !ptr::eq(answer, api.none)
    }
}

/// Keeps the exception that is set.
///
/// # Safety
/// The calling thread's state is attached, with an exception set.
unsafe fn fail(api: &Api, task: &Task) {
    let (mut kind, mut error, mut traceback) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
    // SAFETY: three places, of which the first two are objects after the second call.
    unsafe {
        (api.error_fetch)(&mut kind, &mut error, &mut traceback);
        (api.error_normalize)(&mut kind, &mut error, &mut traceback);
        if !traceback.is_null() {
            (api.set_traceback)(error, traceback);
        }
        replace(api, &task.traceback, traceback);
        replace(api, &task.error, error);
        (api.decref)(kind);
    }
}

/// The thread has ended: who has waited first learns of it.
fn end(task: &Task) {
    task.state.set(DONE);
    let waiter = task.waiter.replace(0);
    if waiter != 0 {
        waits::unpark(Id(waiter));
    }
}

/// # Safety
/// The calling thread's state is attached; a reference, which the place takes over.
unsafe fn replace(api: &Api, place: &Cell<*mut Object>, object: *mut Object) {
    let before = place.replace(object);
    if !before.is_null() {
        // SAFETY: the place owned it.
        unsafe { (api.decref)(before) };
    }
}

/// Null, or None, which Python may have put there.
fn is_nothing(api: &Api, place: &Cell<*mut Object>) -> bool {
    place.get().is_null() || ptr::eq(place.get(), api.none)
}

/// # Safety
/// The calling thread's state is attached.
unsafe fn has_entries(api: &Api, task: &Task) -> bool {
    let list = task.entries.get();
    // SAFETY: a list, of the task's own.
    !list.is_null() && unsafe { (api.list_size)(list) } > 0
}

/// Where the end of a task finds who waits for it. Taken back when dropped, whatever exception is set.
struct Waiting<'task> {
    api: &'task Api,
    task: &'task Task,
    me: u64,
    /// In the list, behind others, by this object.
    listed: *mut Object,
}

impl<'task> Waiting<'task> {
    /// # Safety
    /// The calling thread's state is attached, also when the answer is dropped.
    unsafe fn enter(api: &'task Api, task: &'task Task, me: u64) -> Python<Waiting<'task>> {
        let mut listed = ptr::null_mut();
        // SAFETY: the caller vouches for the state.
        unsafe {
            if task.waiter.get() == 0 && !has_entries(api, task) {
                task.waiter.set(me);
            } else {
                let list = class::entries_of(api, task);
                listed = (api.int_from)(me);
                if list.is_null() || listed.is_null() || (api.list_append)(list, listed) != 0 {
                    if !listed.is_null() {
                        (api.decref)(listed);
                    }
                    return Err(Raised);
                }
            }
        }
        Ok(Waiting { api, task, me, listed })
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let api = self.api;
        if self.listed.is_null() {
            if self.task.waiter.get() == self.me {
                self.task.waiter.set(0);
            }
            return;
        }
        let (mut kind, mut error, mut traceback) =
            (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        // SAFETY: `enter` vouches for the state; the list is the task's own, and stays while it does.
        unsafe {
            (api.error_fetch)(&mut kind, &mut error, &mut traceback);
            let list = self.task.entries.get();
            let place = (api.index)(list, self.listed);
            if place >= 0 {
                (api.delete_at)(list, place);
            }
            (api.decref)(self.listed);
            // Takes the place of whatever went wrong here, too.
            (api.error_restore)(kind, error, traceback);
        }
    }
}

/// Waits for the end: true. False if the time is over.
fn join(given: &Arguments<'_>, task: &Task, deadline: i64) -> Python<bool> {
    let api = given.0;
    // SAFETY: called by Python, with the state attached.
    unsafe {
        let me = waits::waiter(api)?.1.id.0;
        if task.state.get() != SPAWNED && task.ident.get() == me {
            return Err(
                given.fails(api.runtime_error, c"a green thread cannot wait for its own end")
            );
        }
        let _waiting = Waiting::enter(api, task, me)?;
        while task.state.get() != DONE && waits::park(api, deadline)? {}
    }
    Ok(task.state.get() == DONE)
}

/// The object that a method was called of.
fn task<'call>(object: *mut Object, given: &Arguments<'call>) -> Python<&'call Task> {
    // SAFETY: the caller of a method keeps its object, and has its state attached.
    unsafe { class::of_object(given.0, object) }
        .ok_or_else(|| given.fails(given.0.type_error, c"no green thread"))
}

/// `wait()`.
fn wait(object: *mut Object, given: Arguments<'_>) -> Answer {
    let (api, task) = (given.0, task(object, &given)?);
    if task.state.get() != DONE {
        let taken = task.taken.replace(true);
        if let Err(raised) = join(&given, task, NEVER) {
            // Killed: what the thread ends by is nobody's again.
            task.taken.set(taken);
            return Err(raised);
        }
    }
    let value = task.value.get();
    if is_nothing(api, &task.error) && !value.is_null() {
        // SAFETY: the task owns it.
        unsafe { (api.incref)(value) };
        return Ok(value);
    }
    // SAFETY: as in `join`.
    match unsafe { call_method(api, object, c"_outcome") } {
        outcome if outcome.is_null() => Err(Raised),
        outcome => Ok(outcome),
    }
}

/// `_join(seconds)`.
fn join_for(object: *mut Object, given: Arguments<'_>) -> Answer {
    let task = task(object, &given)?;
    let deadline = given.deadline(0)?;
    let ended = join(&given, task, deadline)?;
    given.bool(ended)
}

/// `cls[type]`, which says what a thread's function returns to whom it may concern.
fn subscript(class: *mut Object, given: Arguments<'_>) -> Answer {
    // SAFETY: the caller of a method keeps its class, and has its state attached.
    unsafe { (given.0.incref)(class) };
    Ok(class)
}

/// `_end()`.
fn end_now(object: *mut Object, given: Arguments<'_>) -> Answer {
    end(task(object, &given)?);
    given.none()
}

macro_rules! methods {
    ($($name:literal $function:ident($range:expr) $flags:expr, $doc:literal;)*) => {
        /// The class's own, to the last, which is none.
        pub(super) fn methods() -> Vec<Method> {
            vec![$({
                /// # Safety
                /// As CPython calls a method of METH_FASTCALL.
                unsafe extern "C" fn entry(
                    object: *mut Object,
                    arguments: *const *mut Object,
                    count: isize,
                ) -> *mut Object {
                    // SAFETY: CPython passes an array, with the state of the calling thread attached.
                    unsafe { called(object, arguments, count, $range, |given| $function(object, given)) }
                }
                let function: FastCall = entry;
                Method {
                    name: $name.as_ptr(),
                    function: Some(function),
                    flags: METH_FASTCALL | $flags,
                    doc: $doc.as_ptr(),
                }
            },)* Method { name: ptr::null(), function: None, flags: 0, doc: ptr::null() }]
        }
    };
}

methods! {
    c"_start" start(3..=3) METH_CLASS,
        c"_start(function, args, kwargs)\n--\n\nA green thread that calls function(*args, **kwargs).";
    c"wait" wait(0..=0) 0,
        c"wait()\n--\n\nWaits for the end of the thread. What its function returned, or raises what it raised.";
    c"_join" join_for(0..=1) 0,
        c"_join(seconds=None)\n--\n\nWaits for the end alone. False if the time is over.";
    c"__class_getitem__" subscript(1..=1) METH_CLASS, c"The class itself: types are for checkers.";
    c"_end" end_now(0..=0) 0, c"_end()\n--\n\nThe thread has ended: wakes who has waited first.";
}
