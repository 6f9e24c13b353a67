//! To suspend, to wake, to raise an exception where another green thread waits.

use super::api::{Api, Object};
use super::threads::{current_state, record, record_of, Record};
use super::{alarms, beneath, preemption, state};
use crate::clock::{self, Nanos};
use crate::error::{Error, Result};
use crate::hub::{self, Hub};
use crate::slab::Id;
use crate::thread::{Heed, Reason, State, Thread, Wake};
use std::ffi::c_void;
use std::ptr;

/// A Python exception is set.
#[derive(Debug)]
pub(super) struct Raised;

/// What a function gives that may raise.
pub(super) type Python<T> = std::result::Result<T, Raised>;

/// Sets the exception that an error of the library's is in Python.
///
/// # Safety
/// The calling thread's state is attached.
pub(super) unsafe fn raise(api: &Api, error: Error) -> Raised {
    // SAFETY: the caller vouches for the state; errno is this OS thread's own.
    unsafe {
        match error {
            Error::NOT_GREEN => {
                api.raise(
                    api.runtime_error,
                    c"only a root and a green thread that greenhub has spawned may do this",
                );
            }
            Error::ENOMEM => {
                api.raise(api.memory_error, c"no memory is left for a green thread");
            }
            Error::NOT_ROOT => {
                api.raise(
                    api.runtime_error,
                    c"a green thread may not do this, only the code of the OS thread itself",
                );
            }
            error if error.code() > -10_000 => {
                *crate::sys::errno::address() = -error.code();
                (api.error_errno)(api.os_error);
            }
            _ => {
                api.raise(api.system_error, c"greenhub: the hub cannot do this");
            }
        }
    }
    Raised
}

/// What was thrown into a thread and is still to be raised, which then no longer is, and whether a C library was told.
/// The reference is the caller's; null for nothing.
///
/// # Safety
/// The calling thread's state is attached; the thread is of the calling OS thread's hub, and the record its own.
#[inline]
pub(super) unsafe fn take_thrown(
    api: &Api,
    (hub, thread, record): (&Hub, &Thread, &Record),
) -> (*mut Object, bool) {
    let thrown = record.thrown.replace(ptr::null_mut());
    if thrown.is_null() {
        return (thrown, false);
    }
    hub.appease(thread);
    beneath::undisguise(thread.id, record);
    record.refusals.set(0);
    if !record.pressed.get().is_null() {
        // SAFETY: the caller vouches for all.
        unsafe { preemption::call_off(api, thread, record) };
    }
    (thrown, record.told.replace(false))
}

/// Takes an exception back from a thread of the calling OS thread's hub, if it is still to be raised there. Whether it
/// was, and whether a C library was told.
///
/// # Safety
/// The calling thread's state is attached.
pub(super) unsafe fn take_back(api: &Api, id: Id, exception: *mut Object) -> Option<bool> {
    let hub = hub::current()?;
    let (thread, record) = record_of(hub, id)?;
    if !ptr::eq(record.thrown.get(), exception) {
        return None;
    }
    // SAFETY: the caller vouches for the state.
    let (thrown, told) = unsafe { take_thrown(api, (hub, thread, record)) };
    // SAFETY: the record owned it, and the caller has one more.
    unsafe { (api.decref)(thrown) };
    Some(told)
}

/// Raises what was thrown into the running thread, if anything was.
///
/// # Safety
/// The calling thread's state is attached.
pub(super) unsafe fn raise_thrown(
    api: &Api,
    (hub, thread, record): (&Hub, &Thread, &Record),
) -> Python<()> {
    // SAFETY: the caller vouches for the state.
    let (thrown, _) = unsafe { take_thrown(api, (hub, thread, record)) };
    if thrown.is_null() {
        return Ok(());
    }
    // SAFETY: an exception that the record owned.
    unsafe {
        let kind = (api.type_of)(thrown);
        (api.error_object)(kind, thrown);
        (api.decref)(kind);
        (api.decref)(thrown);
    }
    Err(Raised)
}

/// Raises when the interpreter ends.
///
/// # Safety
/// As above.
pub(super) unsafe fn refuse_at_end(api: &Api) -> Python<()> {
    if !state::is_over(api) {
        return Ok(());
    }
    let text = c"the interpreter is ending: no green thread runs any more";
    // SAFETY: the caller vouches for the state.
    unsafe { api.raise(api.runtime_error, text) };
    Err(Raised)
}

/// Who may wait now.
///
/// # Safety
/// As above.
pub(super) unsafe fn waiter(api: &Api) -> Python<(&'static Hub, &'static Thread, &'static Record)> {
    // SAFETY: the caller vouches for the state.
    unsafe { refuse_at_end(api) }?;
    let found = hub::enter().and_then(|hub| {
        let thread = hub.running().ok_or(Error::NOT_GREEN)?;
        Ok((hub, thread, record(hub, thread)?))
    });
    match found {
        Ok((hub, thread, record)) => {
            // SAFETY: as above.
            unsafe { alarms::drop_garbage(api) };
            // SAFETY: as above.
            unsafe { raise_thrown(api, (hub, thread, record)) }?;
            Ok((hub, thread, record))
        }
        // SAFETY: as above.
        Err(error) => Err(unsafe { raise(api, error) }),
    }
}

/// Parks the running thread with its state attached. True when it was woken, false at the deadline.
///
/// # Safety
/// As above.
unsafe fn suspend(
    api: &Api,
    (hub, thread, record): (&Hub, &Thread, &Record),
    reason: Reason,
    deadline: Nanos,
) -> Python<bool> {
    if thread.is_interrupted() {
        // SAFETY: as above.
        return Err(unsafe { raise(api, Error::ECANCELED) });
    }
    loop {
        let wake = {
            // Python's handlers of signals run in a root alone.
            let heeding = thread.root.get().then(|| hub.heed(thread, Heed::Every, 0));
            hub.set_attached(current_state(api));
            record.waits.set(true);
            let wake = hub.park(thread, reason, deadline);
            record.waits.set(false);
            hub.set_attached(ptr::null_mut());
            drop(heeding);
            wake
        };
        // SAFETY: the thread's own state is attached again.
        unsafe {
            raise_thrown(api, (hub, thread, record))?;
            // One that came while another green thread ran. Up to 3.11 CPython, which was asked then who runs, would
            // not look for it before the next wait is over.
            let is_late = thread.root.get() && crate::patch::is_behind();
            match wake {
                Wake::Ready | Wake::TimedOut if is_late && (api.check_signals)() != 0 => {
                    return Err(Raised);
                }
                Wake::Ready => return Ok(true),
                Wake::TimedOut => return Ok(false),
                Wake::Interrupted if (api.check_signals)() != 0 => return Err(Raised),
                // One that a handler has unparked need not wait any longer.
                Wake::Interrupted if record.permit.get() && reason == Reason::Host => {
                    return Ok(true)
                }
                Wake::Interrupted => {}
                Wake::Canceled => return Err(raise(api, Error::ECANCELED)),
                Wake::Deadlock => return Err(raise(api, Error::EDEADLK)),
            }
        }
    }
}

/// Makes a call of the library's that may wait, with the state attached meanwhile: `operation` touches no code of
/// Python's. What was thrown into the thread is raised, and handlers of signals run if it is a root, wherever that
/// ended the wait; then the call is made again.
///
/// # Safety
/// The calling thread's state is attached.
#[inline(always)]
pub(super) unsafe fn within<T>(
    api: &Api,
    mut operation: impl FnMut(&'static Hub, &'static Thread) -> Result<T>,
) -> Python<Result<T>> {
    // SAFETY: the caller vouches for the state.
    let (hub, thread, record) = unsafe { waiter(api) }?;
    loop {
        let heeding = thread.root.get().then(|| hub.heed(thread, Heed::Every, 0));
        hub.set_attached(current_state(api));
        record.waits.set(true);
        let done = operation(hub, thread);
        record.waits.set(false);
        hub.set_attached(ptr::null_mut());
        drop(heeding);
        match done {
            // SAFETY: the thread's own state is attached again.
            Err(Error::EINTR) => unsafe { interrupted(api, (hub, thread, record)) }?,
            // SAFETY: as above.
            Err(Error::ECANCELED) => unsafe {
                raise_thrown(api, (hub, thread, record))?;
                return Ok(done);
            },
            done => return Ok(done),
        }
    }
}

/// What has ended a wait is raised, if it is to be.
///
/// # Safety
/// As above.
#[cold]
unsafe fn interrupted(api: &Api, found: (&Hub, &Thread, &Record)) -> Python<()> {
    // SAFETY: the caller vouches for the state.
    unsafe {
        raise_thrown(api, found)?;
        match found.1.root.get() && (api.check_signals)() != 0 {
            true => Err(Raised),
            false => Ok(()),
        }
    }
}

/// Seconds as Python has them.
pub(super) fn nanoseconds(seconds: f64) -> Nanos {
    // Saturates.
    (seconds * 1e9) as i64
}

/// The same, from now on.
pub(super) fn deadline(seconds: f64) -> Nanos {
    // The sum saturates, too.
    clock::after_ns(nanoseconds(seconds))
}

/// Lets every ready thread run first if `seconds` is not more than 0, else suspends for so long.
///
/// # Safety
/// The calling thread's state is attached.
pub(super) unsafe fn sleep(api: &Api, seconds: f64) -> Python<()> {
    // SAFETY: the caller vouches for the state.
    unsafe {
        let found = waiter(api)?;
        if seconds > 0.0 {
            return suspend(api, found, Reason::Sleep, deadline(seconds)).map(|_| ());
        }
        let (hub, thread, record) = found;
        hub.set_attached(current_state(api));
        hub.yield_now(thread);
        hub.set_attached(ptr::null_mut());
        raise_thrown(api, (hub, thread, record))?;
        match thread.root.get() && (api.check_signals)() != 0 {
            true => Err(Raised),
            false => Ok(()),
        }
    }
}

/// Suspends until an unpark: true, also for one that came before; or the deadline: false.
///
/// # Safety
/// As above.
pub(super) unsafe fn park(api: &Api, deadline: Nanos) -> Python<bool> {
    // SAFETY: the caller vouches for the state.
    unsafe {
        let found = waiter(api)?;
        let record = found.2;
        if !record.permit.get() {
            suspend(api, found, Reason::Host, deadline)?;
        }
        Ok(record.permit.replace(false))
    }
}

/// Runs one turn of the hub, which does not wait. When the next one must be made at the latest: 0 for now.
///
/// # Safety
/// As above.
pub(super) unsafe fn turn(api: &Api) -> Python<Nanos> {
    // SAFETY: the caller vouches for the state, which is attached again after the turn.
    unsafe {
        let (hub, thread, record) = waiter(api)?;
        hub.require_root().map_err(|error| raise(api, error))?;
        hub.set_attached(current_state(api));
        let done = hub.run_once(0);
        hub.set_attached(ptr::null_mut());
        done.map_err(|error| raise(api, error))?;
        raise_thrown(api, (hub, thread, record))?;
        Ok(hub.next_deadline())
    }
}

/// Lets a thread of the calling OS thread's hub go on from its park, or not begin its next one. False if it is gone.
fn unpark_here(hub: &Hub, id: Id) -> bool {
    let Some((thread, record)) = record_of(hub, id) else { return false };
    record.permit.set(true);
    if thread.state.get() == State::Parked && thread.reason.get() == Reason::Host {
        hub.unpark(thread, Wake::Ready);
    }
    true
}

/// The same from wherever. To another OS thread it is a message: false only if it cannot be sent.
pub(super) fn unpark(id: Id) -> bool {
    unsafe extern "C" fn arrives(id: *mut c_void) {
        if let Some(hub) = hub::current() {
            unpark_here(hub, Id(id as u64));
        }
    }
    match hub::current() {
        Some(hub) if hub.is_of(id) => unpark_here(hub, id),
        _ => hub::post_to(id, arrives, id.0 as *mut c_void).is_ok(),
    }
}

/// Has an exception, of which it takes a reference over, raised where a thread of the calling OS thread's hub waits,
/// or will. What cannot be is given back.
pub(super) fn throw_here(
    hub: &Hub,
    id: Id,
    exception: *mut Object,
) -> std::result::Result<(), *mut Object> {
    let Some((thread, record)) = record_of(hub, id) else { return Err(exception) };
    let before = record.thrown.replace(exception);
    record.told.set(false);
    if !before.is_null() {
        alarms::give_up(before);
    }
    if record.waits.get() && thread.state.get() == State::Parked {
        hub.unpark(thread, Wake::Interrupted);
    } else {
        // A wait beneath Python, now or later.
        hub.disturb(thread);
    }
    Ok(())
}

struct Thrown {
    id: Id,
    exception: *mut Object,
}

/// The same from wherever; takes a reference of its own. To another OS thread it is a message: false only if it
/// cannot be sent.
///
/// # Safety
/// An exception, with the calling thread's state attached.
pub(super) unsafe fn throw(api: &Api, id: Id, exception: *mut Object) -> bool {
    unsafe extern "C" fn arrives(thrown: *mut c_void) {
        // SAFETY: sent below, once.
        let Thrown { id, exception } = *unsafe { Box::from_raw(thrown.cast::<Thrown>()) };
        let Some(hub) = hub::current() else { return };
        if let Err(exception) = throw_here(hub, id, exception) {
            alarms::give_up(exception);
        }
    }
    // SAFETY: the caller vouches for both.
    unsafe { (api.incref)(exception) };
    let sent = match hub::current() {
        Some(hub) if hub.is_of(id) => throw_here(hub, id, exception).is_ok(),
        _ => {
            let thrown = Box::into_raw(Box::new(Thrown { id, exception }));
            let sent = hub::post_to(id, arrives, thrown.cast()).is_ok();
            if !sent {
                // SAFETY: made above, and nobody has got it.
                drop(unsafe { Box::from_raw(thrown) });
            }
            sent
        }
    };
    if !sent {
        // SAFETY: as above.
        unsafe { (api.decref)(exception) };
    }
    sent
}
