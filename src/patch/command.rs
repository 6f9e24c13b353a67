//! system(3) and pclose(3), in which libc itself waits for a child.
//!
//! That wait is inside libc, where no link table leads, so that libc's own function runs on an OS thread of
//! its own while the green thread waits. Of system(3) that thread has the caller's signal mask, because the
//! child gets the mask of who calls.

use super::caller::{self, Caller};
use super::hooks::originals;
use super::origin::Trail;
use super::shelter::{self, Shelter};
use crate::error::{Error, Result};
use crate::offload::{call_apart, Signals};
use crate::sys::errno;
use std::cell::Cell;
use std::ffi::{c_char, c_int, c_void, CStr};

/// What libc's function gave, and its errno.
type Outcome = (c_int, c_int);

/// # Safety
/// A C string or null.
pub(super) unsafe fn system(command: *const c_char) -> c_int {
    let Some(caller) = caller::caller() else {
        // SAFETY: the caller vouches for the string.
        return unsafe { originals::system(command) };
    };
    // A shell that cannot be started is a status of 127, and errno says why.
    let number = Cell::new(0);
    static TRAIL: Trail = Trail::new();
    let status = caller.answer(&TRAIL, |caller| {
        // SAFETY: the caller vouches for the string.
        let (status, said) = unsafe { run_shell(caller, command) }?;
        number.set(said);
        Ok(status)
    });
    if status != -1 && number.get() != 0 {
        // SAFETY: this OS thread's own errno.
        unsafe { *errno::address() = number.get() };
    }
    status
}

/// # Safety
/// As `system`.
unsafe fn run_shell(caller: Caller, command: *const c_char) -> Result<Outcome> {
    if caller.thread.is_interrupted() {
        return Err(Error::ECANCELED);
    }
    // SAFETY: the caller vouches for the string. The copy is the thread's, which goes on by itself when
    // the wait is given up.
    let copy = (!command.is_null()).then(|| unsafe { CStr::from_ptr(command) }.to_owned());
    let _shelter = Shelter::new();
    let outcome = call_apart("gh-system", Signals::OfMaker, move || {
        shelter::cover();
        let text = copy.as_ref().map_or(std::ptr::null(), |text| text.as_ptr());
        // SAFETY: a C string or null.
        outcome_of(|| unsafe { originals::system(text) })
    });
    // SAFETY: the caller vouches for the string.
    given(outcome, || unsafe { originals::system(command) })
}

fn outcome_of(call: impl FnOnce() -> c_int) -> Outcome {
    // SAFETY: this OS thread's own errno.
    unsafe { *errno::address() = 0 };
    (call(), errno::last())
}

/// The outcome, from `in_place` if there is no OS thread to be had: libc's function itself needs none.
fn given(outcome: Result<Outcome>, in_place: impl FnOnce() -> c_int) -> Result<Outcome> {
    let outcome = match outcome {
        Err(Error::EAGAIN | Error::ENOMEM) => outcome_of(in_place),
        outcome => outcome?,
    };
    match outcome {
        (-1, number) => Err(Error::errno(number)),
        outcome => Ok(outcome),
    }
}

/// A stream on its way to another OS thread.
#[derive(Clone, Copy)]
struct Stream(*mut c_void);

// SAFETY: stdio's streams belong to no OS thread; this one is its caller's to close.
unsafe impl Send for Stream {}

impl Stream {
    /// # Safety
    /// A stream of popen(3), which nobody uses any more.
    unsafe fn close(self) -> Outcome {
        // SAFETY: the caller vouches for the stream.
        outcome_of(|| unsafe { originals::pclose(self.0) })
    }
}

/// Also for a thread that was cancelled the stream is closed and the child collected, in the end.
///
/// # Safety
/// A stream of popen(3), which nobody uses any more.
pub(super) unsafe fn pclose(_caller: Caller, stream: *mut c_void) -> Result<c_int> {
    let stream = Stream(stream);
    // SAFETY: the caller vouches for the stream.
    let outcome = call_apart("gh-pclose", Signals::None, move || unsafe { stream.close() });
    // SAFETY: as above; nobody else has closed it if there was no thread.
    given(outcome, || unsafe { stream.close() }.0).map(|(status, _)| status)
}
