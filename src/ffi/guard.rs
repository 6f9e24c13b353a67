//! The panic boundary, and what a result looks like in C.

use crate::error::{Error, Result};
use crate::faults::{self, Fault};
use crate::hub;
use std::ffi::{c_char, c_void};
use std::panic::{catch_unwind, AssertUnwindSafe};

/// A C result that can also say what went wrong.
pub(super) trait Answer {
    fn failed(error: Error) -> Self;
}

impl Answer for i32 {
    fn failed(error: Error) -> i32 {
        error.code()
    }
}

// Also `ssize_t`.
impl Answer for isize {
    fn failed(error: Error) -> isize {
        error.code() as isize
    }
}

impl Answer for i64 {
    fn failed(error: Error) -> i64 {
        i64::from(error.code())
    }
}

// An id; zero is none.
impl Answer for u64 {
    fn failed(_: Error) -> u64 {
        0
    }
}

// A version; zero is none.
impl Answer for u32 {
    fn failed(_: Error) -> u32 {
        0
    }
}

impl Answer for *const c_char {
    fn failed(_: Error) -> *const c_char {
        c"GH_EPANIC".as_ptr()
    }
}

impl Answer for *mut c_void {
    fn failed(_: Error) -> *mut c_void {
        std::ptr::null_mut()
    }
}

impl Answer for *mut super::gh_python_object {
    fn failed(_: Error) -> *mut super::gh_python_object {
        std::ptr::null_mut()
    }
}

impl Answer for *mut super::gh_hub {
    fn failed(_: Error) -> *mut super::gh_hub {
        std::ptr::null_mut()
    }
}

/// Runs the body of an exported function that makes system calls.
#[inline]
pub(super) fn guard<A: Answer>(body: impl FnOnce() -> Result<A>) -> A {
    let _errno = hub::keep_errno();
    guard_pure(body)
}

/// Runs the body of an exported function that leaves errno alone by itself: it makes no system call,
/// or only such as a switch carries errno across.
#[inline]
pub(super) fn guard_pure<A: Answer>(body: impl FnOnce() -> Result<A>) -> A {
    // What a panic leaves half-done is a hub's bookkeeping at worst, whose cells stay valid; the
    // caller is told that the library has a bug.
    let caught = catch_unwind(AssertUnwindSafe(|| {
        assert!(!faults::strikes(Fault::Panic), "a panic on demand");
        body()
    }));
    match caught {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => A::failed(error),
        Err(_) => A::failed(Error::PANIC),
    }
}

/// Runs the body of an exported function that may suspend.
#[inline]
pub(super) fn guard_suspending<A: Answer>(body: impl FnOnce() -> Result<A>) -> A {
    guard(|| {
        body().inspect_err(|_| {
            if let Some(hub) = hub::current() {
                hub.spend_on_failure();
            }
        })
    })
}
