//! Attaching and detaching thread states, and what CPython knows the OS thread by.
//!
//! A state that is attached has the interpreter's lock. Which state `PyGILState_Ensure` takes for the OS thread's
//! stands apart, in a value of pthreads under a key of CPython's: up to 3.11 nothing but its first use sets it, and
//! from 3.12 on a state that is attached for the first time binds itself there only if nobody else is. So the
//! value goes with the green thread on every version.

use super::api::{self, Api, State};
use super::{beneath, census, chunk, keep, preemption, threads};
use crate::hub::{self, Attached, Runtime};
use std::cell::Cell;
use std::ffi::{c_void, CStr};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};

static RUNTIME: Runtime = Runtime {
    mark,
    attach,
    forbids_waiting,
    ends,
    interrupts: beneath::interrupts,
    was_ignored: beneath::was_ignored,
    poses: beneath::poses,
    preempts: preemption::preempts,
    root_ended: threads::root_ended,
    entry: threads::entry,
};

/// The key under which CPython keeps an OS thread's state.
static KEY: AtomicU32 = AtomicU32::new(0);
/// PTHREAD_KEYS_MAX of glibc; musl has fewer.
const MOST_KEYS: u32 = 1024;

static INTERPRETER: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
static BEGUN: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// The state of a green thread that has ended, attached until another one is.
    static DYING: Cell<State> = const { Cell::new(ptr::null_mut()) };
}

/// Finds what there is to be found once. Says what is wrong with the interpreter, if anything is.
///
/// # Safety
/// Called with the interpreter's lock held.
pub(super) unsafe fn begin(api: &Api) -> Result<(), &'static CStr> {
    // SAFETY: the caller has a state attached.
    let (mine, interpreter, main) =
        unsafe { ((api.state_known)(), (api.interpreter)(), (api.main_interpreter)()) };
    if api.is_free_threaded {
        return Err(
            c"greenhub needs the interpreter's lock, which a free-threaded build does not have",
        );
    }
    if interpreter != main {
        return Err(c"greenhub runs in the main interpreter only, not in a subinterpreter");
    }
    if BEGUN.load(Ordering::Acquire) {
        return Ok(());
    }
    let keys: Vec<u32> = (0..MOST_KEYS)
        // SAFETY: of a key that nobody has made it gives null.
        .filter(|key| !mine.is_null() && unsafe { libc::pthread_getspecific(*key) } == mine)
        .collect();
    let [key] = keys[..] else {
        return Err(
            c"this interpreter keeps its threads' states where greenhub does not find them",
        );
    };
    KEY.store(key, Ordering::Relaxed);
    INTERPRETER.store(main, Ordering::Relaxed);
    // SAFETY: the caller holds the lock, which others wait for that come here.
    unsafe { chunk::install(api) };
    hub::register(&RUNTIME);
    hub::watch_forks(census::told_of_fork);
    BEGUN.store(true, Ordering::Release);
    Ok(())
}

pub(super) fn interpreter() -> *mut c_void {
    INTERPRETER.load(Ordering::Relaxed)
}

/// Whether the calling OS thread has a state attached, and with it the lock. Before the key is known: up to 3.11 the
/// current state is anybody's.
pub(super) fn is_attached(api: &Api) -> bool {
    // SAFETY: both only look.
    let (current, known) = unsafe { ((api.state_current)(), (api.state_known)()) };
    !current.is_null() && (api.version >= 0x030c || current == known)
}

/// Whether the interpreter ends: whatever is registered with atexit has run, and a state that is attached now, but for
/// the main code's, ends its OS thread. So no green thread is switched to any more.
pub(super) fn is_over(api: &Api) -> bool {
    // SAFETY: only looks.
    unsafe { (api.is_finalizing)() != 0 }
}

fn ends() -> bool {
    is_over(api::known())
}

fn forbids_waiting() -> bool {
    holds() || is_over(api::known())
}

pub(super) fn mark() -> Attached {
    // SAFETY: a key of CPython's, which it keeps as long as it runs.
    unsafe { libc::pthread_getspecific(KEY.load(Ordering::Relaxed)) }
}

/// Up to 3.11 the current state is that of whoever has the lock, from 3.12 on each OS thread's own.
pub(super) fn holds() -> bool {
    let api = api::known();
    // SAFETY: only looks.
    let current = unsafe { (api.state_current)() };
    !current.is_null() && (api.version >= 0x030c || current == mark())
}

pub(super) fn set_mark(state: State) {
    // SAFETY: as above. Fails only for want of memory where an OS thread has no value yet.
    unsafe { libc::pthread_setspecific(KEY.load(Ordering::Relaxed), state) };
}

/// The state that is attached now ends with its green thread: it is dropped when another is attached.
pub(super) fn dies(state: State) {
    DYING.with(|dying| dying.set(state));
}

pub(super) fn attach(from: Attached, to: Attached, mark: Attached) {
    let api = api::known();
    let dying = match from.is_null() {
        true => ptr::null_mut(),
        false => DYING.with(|dying| dying.replace(ptr::null_mut())),
    };
    // SAFETY: `from` is what is attached on this OS thread, and `to` belongs to a green thread of it that left
    // with it attached. The value under the key is the state's own when it is attached, and that of the dying one
    // when it is deleted, as CPython wants both.
    unsafe {
        match (from == to, to.is_null()) {
            (true, _) => set_mark(mark),
            (_, true) if !dying.is_null() => {
                (api.state_delete_current)();
                set_mark(mark);
            }
            (_, true) => {
                (api.save)();
                set_mark(mark);
            }
            _ if from.is_null() => {
                set_mark(mark);
                (api.restore)(to);
            }
            _ => {
                set_mark(mark);
                keep::swap(api, to);
                if !dying.is_null() {
                    set_mark(dying);
                    (api.state_delete)(dying);
                    set_mark(mark);
                }
            }
        }
    }
}

/// CPython raises where less is left than its margins need (_PyOS_MIN_STACK_SIZE, with room).
const LEAST_PROTECTED: usize = 128 * 1024;

/// Tells a new state on which stack it is going to run. From 3.14 on CPython measures what is left of a stack, and takes
/// that of the OS thread unless it is told before the state is attached.
fn protect_stack(api: &Api, state: State) {
    let running = hub::current().and_then(|hub| hub.running());
    let stack = running.and_then(|thread| thread.coroutine.stack());
    if let (Some(protect), Some(stack)) = (api.protect_stack, stack) {
        let (low, high) = stack.bounds();
        if high - low >= LEAST_PROTECTED {
            // SAFETY: a state that nobody has attached, and the stack that the caller runs on.
            let _ = unsafe { protect(state, low as *mut c_void, high - low) };
        }
    }
}

/// Makes and attaches the state of a green thread that begins, in place of whatever is attached. Null for want of
/// memory, with `from` attached as it was.
///
/// # Safety
/// `from` is what is attached on this OS thread.
pub(super) unsafe fn start(api: &Api, from: State) -> State {
    // Known is still who was: what takes note of allocations (tracemalloc) wants the lock as a thread that it knows.
    // SAFETY: the interpreter lives as long as green threads run Python.
    let state = unsafe { (api.state_new)(interpreter()) };
    if state.is_null() {
        return state;
    }
    protect_stack(api, state);
    // From 3.12 on a state binds itself when it is first attached, if nobody is known.
    attach(from, state, ptr::null_mut());
    set_mark(state);
    state
}
