//! The watchdog for Python: what it tells goes to an OS thread of Python's, which looks at the Python frames of whoever
//! keeps its own OS thread.
//!
//! Frames may be read with the interpreter's lock alone. Who blocks in a call has let go of it, and who computes in
//! Python gives it up when it is asked for; but C code may keep it for good. So it is not the watchdog that waits for
//! the lock: it waits for a time that whoever has the lock has taken what it tells, and tells it itself otherwise.

use super::api::{Api, Object, State};
use super::{census, state};
use crate::clock::Nanos;
use crate::error::{Error, Result};
use crate::hub::{self, Beat};
use crate::slab::Id;
use crate::sys::symbol;
use crate::watchdog::{self, Options, Report};
use std::ffi::CStr;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The interpreter's lock is given up within 5 ms, and a busy machine takes longer.
const PATIENCE: Duration = Duration::from_millis(500);

/// What was told of one stretch.
#[derive(Debug)]
struct Told {
    thread: u64,
    name: Vec<u8>,
    kept: Nanos,
    os_thread: i32,
    silent: Option<Error>,
    frames: Vec<usize>,
    hub: usize,
    beat: Beat,
    state: usize,
    /// Nobody had the interpreter's lock in time.
    late: bool,
}

/// From the watchdog to Python, one at a time.
#[derive(Debug, Default)]
struct Mailbox {
    told: Mutex<Content>,
    bell: Condvar,
}

#[derive(Debug, Default)]
struct Content {
    told: Option<Told>,
    closed: bool,
}

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, Content> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// On the watchdog's OS thread. False if nobody has come for it in time.
    fn put(&self, told: Told) -> bool {
        let mut content = self.lock();
        if content.closed {
            return true;
        }
        // What nobody has come for yet is told by now, or will be when the lock is free: the first is the culprit.
        if content.told.is_some() {
            return false;
        }
        content.told = Some(told);
        self.bell.notify_all();
        let waiting = |content: &mut Content| content.told.is_some() && !content.closed;
        let waited = self.bell.wait_timeout_while(content, PATIENCE, waiting);
        let (mut content, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match &mut content.told {
            Some(told) => {
                told.late = true;
                false
            }
            None => true,
        }
    }

    /// Waits for something, or for the end.
    fn wait(&self) {
        let content = self.lock();
        let empty = |content: &mut Content| content.told.is_none() && !content.closed;
        drop(self.bell.wait_while(content, empty));
    }

    fn take(&self) -> Option<Told> {
        let told = self.lock().told.take();
        self.bell.notify_all();
        told
    }

    fn close(&self) {
        self.lock().closed = true;
        self.bell.notify_all();
    }
}

struct Watching {
    process: u32,
    /// Which watchdog of this process: who waited for another's reports is not to get these.
    number: u64,
    mailbox: Arc<Mailbox>,
}

/// Leaked while it is here, and exchanged with the interpreter's lock held: the child of a fork finds its parent's.
static WATCHING: AtomicPtr<Watching> = AtomicPtr::new(ptr::null_mut());

/// What this process has, if it has anything. With the interpreter's lock held, which is kept while it is used.
fn watching() -> Option<&'static Watching> {
    // SAFETY: leaked, and taken back with that lock held.
    let watching = unsafe { WATCHING.load(Ordering::Acquire).as_ref() }?;
    (watching.process == std::process::id()).then_some(watching)
}

/// Starts the watchdog, whose reports `next` gives. With `prints`, those for which the lock is not to be had are printed
/// as C's are. Its number is for `next`.
///
/// # Safety
/// The calling thread's state is attached.
pub(super) unsafe fn start(limit: Nanos, prints: bool) -> Result<u64> {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let mailbox = Arc::new(Mailbox::default());
    let theirs = Arc::clone(&mailbox);
    let sink = move |report: &Report<'_>| {
        if !theirs.put(told(report)) && prints {
            watchdog::print(report);
            watchdog::print_line("no Python stack: the interpreter's lock is kept");
        }
    };
    watchdog::start(Options { limit, ..Options::default() }, Box::new(sink))?;
    let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    let process = std::process::id();
    let watching = Box::into_raw(Box::new(Watching { process, number, mailbox }));
    let before = WATCHING.swap(watching, Ordering::AcqRel);
    if !before.is_null() {
        // SAFETY: leaked above. The parent's, else this one would be running.
        drop(unsafe { Box::from_raw(before) });
    }
    Ok(number)
}

fn told(report: &Report<'_>) -> Told {
    Told {
        thread: report.thread,
        name: report.name.to_vec(),
        kept: report.kept,
        os_thread: report.os_thread,
        silent: report.silent,
        frames: report.frames.to_vec(),
        hub: report.hub,
        beat: report.beat,
        state: report.state,
        late: false,
    }
}

/// Ends `next`, before the watchdog is stopped. False if none runs that `start` has started.
///
/// # Safety
/// The calling thread's state is attached.
pub(super) unsafe fn close() -> bool {
    let Some(watching) = watching() else { return false };
    watching.mailbox.close();
    let before = WATCHING.swap(ptr::null_mut(), Ordering::AcqRel);
    // SAFETY: leaked by `start`, found just now, and the lock is held; not used again.
    drop(unsafe { Box::from_raw(before) });
    true
}

/// The next report of a watchdog, as a new dict; None once that is stopped. Lets go of the interpreter's lock meanwhile.
///
/// # Safety
/// The calling thread's state is attached, and no hub's: it blocks the OS thread.
pub(super) unsafe fn next(api: &Api, number: u64) -> *mut Object {
    let found = watching().filter(|watching| watching.number == number);
    let told = found.map(|watching| Arc::clone(&watching.mailbox)).and_then(|mailbox| {
        // SAFETY: the caller vouches for the state, which is attached again.
        unsafe {
            let own = (api.save)();
            mailbox.wait();
            (api.restore)(own);
        }
        mailbox.take()
    });
    match told {
        // SAFETY: as above.
        Some(told) => unsafe { dict(api, &told) },
        // SAFETY: as above.
        None => unsafe { api.new_none() },
    }
}

/// # Safety
/// The calling thread's state is attached.
unsafe fn dict(api: &Api, told: &Told) -> *mut Object {
    // SAFETY: the caller vouches for the state; the entries are new references, which `set` takes over.
    unsafe {
        let dict = (api.dict_new)();
        if dict.is_null() {
            return dict;
        }
        let (owner, frame) = (census::thread_of(api, Id(told.thread)), frame(api, told));
        // By now it may be elsewhere.
        let native = match frame.is_null() || told.late {
            true => watchdog::describe(&told.frames),
            false => String::new(),
        };
        let silent = told.silent.map_or(0, |error| error.code().unsigned_abs().into());
        let done = set(api, dict, c"thread", (api.int_from)(told.thread))
            && set(api, dict, c"name", text(api, &told.name))
            && set(api, dict, c"kept", (api.int_from)(told.kept.unsigned_abs()))
            && set(api, dict, c"os_thread", (api.int_from)(told.os_thread.unsigned_abs().into()))
            && set(api, dict, c"silent", (api.int_from)(silent))
            && set(api, dict, c"late", (api.bool_from)(told.late.into()))
            && set(api, dict, c"native", text(api, native.as_bytes()))
            && set(api, dict, c"owner", if owner.is_null() { api.new_none() } else { owner })
            && set(api, dict, c"frame", if frame.is_null() { api.new_none() } else { frame });
        match done {
            true => dict,
            false => {
                (api.decref)(dict);
                ptr::null_mut()
            }
        }
    }
}

/// # Safety
/// As above; a new reference, or null with an exception set.
unsafe fn set(api: &Api, dict: *mut Object, name: &CStr, value: *mut Object) -> bool {
    if value.is_null() {
        return false;
    }
    // SAFETY: the caller vouches for both; a string.
    unsafe {
        let done = (api.dict_set)(dict, name.as_ptr(), value) == 0;
        (api.decref)(value);
        done
    }
}

/// # Safety
/// As above.
unsafe fn text(api: &Api, bytes: &[u8]) -> *mut Object {
    let escaped = bytes.escape_ascii().to_string().replace("\\n", "\n");
    // SAFETY: the caller vouches for the state; a string of ASCII's.
    unsafe { (api.text_from)(escaped.as_ptr().cast(), escaped.len() as isize) }
}

/// Where the culprit's Python code stands, as a new reference; null if it runs none, or its stretch is over.
///
/// # Safety
/// As above.
unsafe fn frame(api: &Api, told: &Told) -> *mut Object {
    let own = told.state as State;
    if own.is_null() || hub::while_it_lives(told.hub, told.beat, |_| Ok(())).is_err() {
        return ptr::null_mut();
    }
    // A state that C code was given for a call may be gone since. One that is in the list stays while we have the lock.
    // SAFETY: the caller has the lock, under which the list changes.
    unsafe {
        let mut state = (api.states)(state::interpreter());
        while state != own {
            if state.is_null() {
                return ptr::null_mut();
            }
            state = (api.state_next)(state);
        }
    }
    // To make the frame's object may start a collection, and the thread go on.
    let _quiet = census::NoGarbage::hold();
    type Frame = unsafe extern "C" fn(State) -> *mut Object;
    let function = symbol::of_process(c"PyThreadState_GetFrame");
    if !function.is_null() {
        // SAFETY: CPython's function of this name has this form; a state that is there.
        return unsafe { std::mem::transmute::<*mut std::ffi::c_void, Frame>(function)(own) };
    }
    /// Of `frame` in 3.8's PyThreadState, behind three pointers (Include/cpython/pystate.h); 3.9 has the function.
    const FRAME: usize = 3;
    // SAFETY: a state of 3.8, whose structure will not change any more.
    unsafe {
        let frame = *own.cast::<*mut Object>().add(FRAME);
        if !frame.is_null() {
            (api.incref)(frame);
        }
        frame
    }
}
