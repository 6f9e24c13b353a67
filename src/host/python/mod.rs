//! CPython, from 3.8 on: a thread state for each green thread, and builtin functions for what is hot.
//!
//! Nothing links to Python: what is needed of it is found in the running process. A green thread suspends in one
//! of two ways. In a builtin function of ours its state stays attached, and the interpreter's lock goes over to
//! whoever runs next without being let go. In a function of libc's that CPython calls with the lock let go, and
//! in whatever ctypes calls, nothing is attached, and nothing is to be done. The hub knows both (`hub::runtime`),
//! and lets go of the lock before it waits.
//!
//! * `api` — the functions of CPython that are used.
//! * `state` — attaching and detaching thread states, and what CPython knows the OS thread by.
//! * `keep` — from one state to another without letting go of the lock.
//! * `threads` — the life of a green thread that runs Python.
//! * `chunk` — where its Python frames lie.
//! * `class` — the class of the objects that stand for green threads.
//! * `tasks` — a green thread with such an object: its start, its end, who waits for that.
//! * `waits` — to suspend, to wake, to raise an exception where another green thread waits.
//! * `beneath` — the same where it waits in a function of libc's.
//! * `callers` — to whom that can be done.
//! * `alarms` — the same exception, at a time.
//! * `census` — all of them, with what each does.
//! * `slices` — whose time is over; `preemption` — to leave it there, and to raise the exception there.
//! * `watching` — what the watchdog tells, with the frames of Python's.
//! * `supervision` — the builtin functions for both.
//! * `patching` — libc's functions, and who a thread is to the interpreter.
//! * `streams` — sockets and other descriptors, waited for with the state attached.
//! * `sockets` — the builtin functions for them.
//! * `methods` — those of them that are methods of a class of sockets.
//! * `buffer` — the bytes of an object.
//! * `address` — a socket's address as Python has it.
//! * `builtins` — the functions as Python sees them.

mod address;
mod alarms;
mod api;
mod beneath;
mod buffer;
mod builtins;
mod callers;
mod census;
mod chunk;
mod class;
mod keep;
mod methods;
mod patching;
mod preemption;
mod slices;
mod sockets;
mod state;
mod streams;
mod supervision;
mod tasks;
mod threads;
mod waits;
mod watching;

use crate::error::{Error, Result};
use std::ffi::c_void;

/// A new dict of the builtin functions by their names; null with a Python exception set. `EPERM` for a caller who has
/// not the interpreter's lock.
pub(crate) fn functions() -> Result<*mut c_void> {
    let api = api::find()?;
    if !state::is_attached(api) {
        return Err(Error::EPERM);
    }
    // SAFETY: the caller holds the lock, and keeps it.
    unsafe {
        match state::begin(api) {
            Ok(()) => Ok(builtins::table(api).cast()),
            Err(why) => {
                api.raise(api.runtime_error, why);
                Ok(std::ptr::null_mut())
            }
        }
    }
}
