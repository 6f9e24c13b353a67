//! The builtin functions for who takes too long: slices of time, and the watchdog.

use super::api::Api;
use super::builtins::{Answer, Arguments};
use super::waits::{self, Raised};
use super::{patching, preemption, slices, watching};
use crate::watchdog;
use std::ptr;

pub(super) fn preempt(given: Arguments<'_>) -> Answer {
    let api = given.0;
    let interval = given.seconds(0)?;
    if interval > 0.0 {
        let interval = waits::nanoseconds(interval).max(slices::SHORTEST);
        given.of(patching::patch_lock(api))?;
        // SAFETY: arguments, with the state attached.
        unsafe { preemption::set(api, given.at(1), given.at(2)) };
        let started = without_lock(api, || slices::start(interval));
        given.of(started)?;
    } else {
        without_lock(api, slices::stop);
    }
    given.none()
}

pub(super) fn watch(given: Arguments<'_>) -> Answer {
    let limit = waits::nanoseconds(given.seconds(0)?);
    let prints = ptr::eq(given.at(1), given.0.true_object);
    // SAFETY: called by Python, with the state attached.
    let started = unsafe { watching::start(limit.max(watchdog::SHORTEST), prints) };
    let number = given.of(started)?;
    given.int(number)
}

pub(super) fn unwatch(given: Arguments<'_>) -> Answer {
    // SAFETY: called by Python, with the state attached.
    let was_on = unsafe { watching::close() };
    if was_on {
        let stopped = without_lock(given.0, watchdog::stop);
        given.of(stopped)?;
    }
    given.bool(was_on)
}

pub(super) fn next_report(given: Arguments<'_>) -> Answer {
    let number = given.id(0)?;
    // SAFETY: as above.
    match unsafe { watching::next(given.0, number) } {
        report if report.is_null() => Err(Raised),
        report => Ok(report),
    }
}

/// Does what may wait for somebody who wants the interpreter's lock.
pub(super) fn without_lock<T>(api: &Api, body: impl FnOnce() -> T) -> T {
    // SAFETY: called by Python, with the state attached, which is attached again.
    unsafe {
        let own = (api.save)();
        let outcome = body();
        (api.restore)(own);
        outcome
    }
}

pub(super) fn take_thrown(given: Arguments<'_>) -> Answer {
    let api = given.0;
    // SAFETY: called by Python, with the state attached.
    let thrown = unsafe { preemption::take(api) };
    if thrown.is_null() {
        return Err(given.fails(api.runtime_error, c"nothing was thrown into this thread"));
    }
    if api.version >= 0x030c {
        return Ok(thrown);
    }
    // An exception had a class apart from its own until then; one that is raised instead has the right one.
    // SAFETY: as above; an exception, whose reference is ours.
    unsafe {
        let kind = (api.type_of)(thrown);
        (api.error_object)(kind, thrown);
        (api.decref)(kind);
        (api.decref)(thrown);
    }
    Err(Raised)
}
