//! The life of a green thread that runs Python.

use super::api::{self, Api, Object, State};
use super::beneath::Disguise;
use super::{alarms, beneath, census, chunk, keep, patching, state};
use crate::error::{Error, Result};
use crate::hub::{self, Hub, SpawnOptions};
use crate::slab::Id;
use crate::thread::Thread;
use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// A function, a tuple of arguments, and a dict of keywords or null.
pub(super) type Call = (*mut Object, *mut Object, *mut Object);

/// Runs a call for the thread's object, and deals with what it gives or raises. Called with the thread's own state
/// attached, with references that are kept meanwhile.
pub(super) type Runner = unsafe fn(&Api, *mut Object, Call);

/// What is kept of a green thread beside its control block, from its making to its end; of a root, from its first
/// wait on.
#[derive(Debug)]
pub(super) struct Record {
    /// What `current()` answers; null in a root. Owned, as what is to be called.
    pub(super) thread: Cell<*mut Object>,
    call: Call,
    /// What runs it; otherwise the call is all there is to it.
    runner: Option<Runner>,
    /// An unpark has come that no park has used.
    pub(super) permit: Cell<bool>,
    /// What the next wait raises; owned, null for nothing.
    pub(super) thrown: Cell<*mut Object>,
    /// The same, while the interpreter is to raise it before the thread's next instruction; owned, null for nothing.
    pub(super) pressed: Cell<*mut Object>,
    /// No other thread state has its number.
    pub(super) is_known: Cell<bool>,
    /// It waits in a builtin of ours, where an exception can be raised.
    pub(super) waits: Cell<bool>,
    /// A C library was told of that, and is going to fail with an error of its own.
    pub(super) told: Cell<bool>,
    /// How many of its waits were refused since.
    pub(super) refusals: Cell<u32>,
    pub(super) disguise: Cell<Disguise>,
    /// The place above its C stack is free.
    pub(super) has_room: Cell<bool>,
    /// The thread's state, from its first turn on. Of a root it is not known.
    pub(super) state: Cell<State>,
    pub(super) place: census::Place,
}

impl Record {
    fn new(thread: *mut Object, call: Call, runner: Option<Runner>) -> Record {
        Record {
            thread: Cell::new(thread),
            call,
            runner,
            permit: Cell::new(false),
            thrown: Cell::new(ptr::null_mut()),
            pressed: Cell::new(ptr::null_mut()),
            is_known: Cell::new(false),
            waits: Cell::new(false),
            told: Cell::new(false),
            refusals: Cell::new(0),
            disguise: Cell::new(Disguise::Off),
            has_room: Cell::new(false),
            state: Cell::new(ptr::null_mut()),
            place: census::Place::default(),
        }
    }
}

/// Address space of a stack, until somebody chooses another. What a C library may expect of any thread: OpenBLAS
/// takes more than 2 MiB in one frame, and steps over the guard where that is too much. Up to 3.13 calls are counted as
/// if the stack had this size: of what the standard library calls from C, comparisons within sort() go through most,
/// 1.5 MiB on 3.8, 3 on 3.11 and 3.12, 6 on 3.13. From 3.14 on the interpreter is told how large the stack is.
const USUAL_STACK: usize = 8 * 1024 * 1024;

/// Green threads that began while they had the number of their OS thread.
static UNKNOWN: AtomicUsize = AtomicUsize::new(0);

/// Whether no green thread has the number of an OS thread.
pub(super) fn are_known() -> bool {
    UNKNOWN.load(Ordering::Relaxed) == 0
}

static STACK_SIZE: AtomicUsize = AtomicUsize::new(USUAL_STACK);

/// Bytes for the stacks of green threads that are made from now on; 0 for the default.
pub(super) fn set_stack_size(size: usize) -> Result<()> {
    let size = if size == 0 { USUAL_STACK } else { size };
    crate::stack::slot_size(size)?;
    STACK_SIZE.store(size, Ordering::Relaxed);
    Ok(())
}

/// What every green thread calls at its end, before its state goes; null for nothing.
static AT_END: AtomicPtr<Object> = AtomicPtr::new(ptr::null_mut());

/// Sets that, or takes it away with null. Gives back what it was before, whose reference is the caller's.
///
/// # Safety
/// A reference, which is taken over; the calling thread's state is attached.
pub(super) unsafe fn at_end(function: *mut Object) -> *mut Object {
    AT_END.swap(function, Ordering::AcqRel)
}

/// # Safety
/// The running green thread's state is attached.
unsafe fn call_at_end(api: &Api) {
    let function = AT_END.load(Ordering::Acquire);
    if function.is_null() {
        return;
    }
    // SAFETY: a function that the place owns, and that another must not take away meanwhile.
    unsafe {
        (api.incref)(function);
        let nothing = (api.tuple_new)(0);
        let result = (api.call)(function, nothing, ptr::null_mut());
        if result.is_null() {
            (api.error_unraisable)(function);
        }
        for object in [result, nothing, function] {
            if !object.is_null() {
                (api.decref)(object);
            }
        }
    }
}

/// Makes a green thread that calls `call`, by way of its runner if there is one.
///
/// # Safety
/// Objects of Python's, of which the keywords may be null; the calling thread's state is attached.
pub(super) unsafe fn spawn(
    api: &Api,
    thread: *mut Object,
    call: Call,
    runner: Option<Runner>,
) -> Result<Id> {
    let hub = hub::enter()?;
    // SAFETY: the caller vouches for the state.
    unsafe { keep::prepare(api) };
    let record = Box::into_raw(Box::new(Record::new(thread, call, runner)));
    let options = SpawnOptions {
        stack_size: STACK_SIZE.load(Ordering::Relaxed),
        detached: true,
        room: chunk::room(api),
        name: None,
    };
    match hub.spawn(entry, record.cast(), options) {
        Ok(id) => {
            for object in [thread, call.0, call.1, call.2] {
                if !object.is_null() {
                    // SAFETY: an object, with the lock held.
                    unsafe { (api.incref)(object) };
                }
            }
            // SAFETY: the record stays where it is until the thread ends, which it has not begun to; the lock is
            // held.
            unsafe { census::enter(record, id) };
            Ok(id)
        }
        Err(error) => {
            // SAFETY: made above, and nobody's yet.
            drop(unsafe { Box::from_raw(record) });
            Err(error)
        }
    }
}

/// A call whose result nobody wants.
///
/// # Safety
/// As a `Runner` is called.
unsafe fn run_alone(api: &Api, call: Call) {
    // SAFETY: the caller vouches for the call's parts and the state.
    unsafe {
        let result = (api.call)(call.0, call.1, call.2);
        match result.is_null() {
            true => (api.error_unraisable)(call.0),
            false => (api.decref)(result),
        }
    }
}

/// What a green thread of Python's runs.
///
/// # Safety
/// `record` was made by `spawn`.
pub(super) unsafe extern "C" fn entry(record: *mut c_void) -> *mut c_void {
    let api = api::known();
    let Some(hub) = hub::current() else { return ptr::null_mut() };
    // SAFETY: the caller vouches for it. Others see it through shared references only, until it is dropped.
    let kept = unsafe { &*record.cast::<Record>() };
    kept.has_room.set(chunk::room(api) > 0);
    let before = hub.take_attached();
    // SAFETY: the hub knows what is attached.
    let state = unsafe { state::start(api, before) };
    if state.is_null() {
        // Nothing of it can run, nor can anybody be told. What it holds stays.
        hub.set_attached(before);
        return ptr::null_mut();
    }
    kept.state.set(state);
    let is_known = patching::tells_apart();
    kept.is_known.set(is_known);
    if !is_known {
        UNKNOWN.fetch_add(1, Ordering::Relaxed);
    }
    // SAFETY: the thread's own state is attached, here and after every call of Python's.
    unsafe {
        match kept.runner {
            Some(run) => run(api, kept.thread.get(), kept.call),
            None => run_alone(api, kept.call),
        }
        call_at_end(api);
        // Destructors may run, and wait, in each of these.
        for object in [kept.call.0, kept.call.1, kept.call.2, kept.thread.get()] {
            if !object.is_null() {
                (api.decref)(object);
            }
        }
        alarms::drop_garbage(api);
        (api.state_clear)(state);
        for thrown in [&kept.thrown, &kept.pressed] {
            let thrown = thrown.replace(ptr::null_mut());
            if !thrown.is_null() {
                (api.decref)(thrown);
            }
        }
        if let Some(thread) = hub.running() {
            beneath::undisguise(thread.id, kept);
            thread.value.set(ptr::null_mut());
        }
        census::leave(kept);
        drop(Box::from_raw(record.cast::<Record>()));
    }
    if !is_known {
        UNKNOWN.fetch_sub(1, Ordering::Relaxed);
    }
    state::dies(state);
    hub.set_attached(state);
    ptr::null_mut()
}

/// What is kept of the running thread; a root gets it now if it has none. A green thread that C has made has none:
/// Python runs there in a callback, in whatever state that was given.
pub(super) fn record<'thread>(
    hub: &'thread Hub,
    thread: &'thread Thread,
) -> Result<&'thread Record> {
    let mut record = hub.record(thread);
    if record.is_null() {
        if !thread.root.get() {
            return Err(Error::NOT_GREEN);
        }
        // SAFETY: a builtin asks, which is called with the state attached.
        unsafe { keep::prepare(api::known()) };
        patching::prepare(api::known());
        let none = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        record = Box::into_raw(Box::new(Record::new(ptr::null_mut(), none, None))).cast();
        hub.set_root_record(record);
    }
    // SAFETY: made by `spawn` or above, and dropped by the thread itself when it ends.
    Ok(unsafe { &*record.cast::<Record>() })
}

/// Drops what was kept of a root, whose OS thread ends, or whose hub.
pub(super) fn root_ended(record: *mut c_void) {
    // SAFETY: made by `record`, and nobody's any more.
    let record = unsafe { Box::from_raw(record.cast::<Record>()) };
    for object in [record.thread.get(), record.thrown.get(), record.pressed.get()] {
        if !object.is_null() {
            alarms::give_up(object);
        }
    }
}

/// The record of a thread of the calling OS thread's hub, by its id.
pub(super) fn record_of(hub: &Hub, id: Id) -> Option<(&Thread, &Record)> {
    let thread = hub.thread(id).ok()?;
    let record = hub.record(thread);
    // SAFETY: as in `record`.
    (!record.is_null()).then(|| (thread, unsafe { &*record.cast::<Record>() }))
}

/// Whether a C library was told of what was thrown into the running thread, which has not been raised since.
pub(super) fn was_told() -> bool {
    let running = hub::current().and_then(|hub| Some((hub, hub.running()?)));
    let found = running.and_then(|(hub, thread)| record_of(hub, thread.id));
    found.is_some_and(|(_, record)| record.told.get())
}

/// The state of the running thread, which is attached.
pub(super) fn current_state(api: &Api) -> State {
    // SAFETY: only looks.
    unsafe { (api.state_current)() }
}
