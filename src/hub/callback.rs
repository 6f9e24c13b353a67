//! Callbacks on the hub: timers of the C surface, and posts. They run between green threads and cannot
//! be suspended.

use super::pulse::Place;
use super::Hub;
use crate::clock::{Nanos, NEVER};
use crate::error::{Error, Result};
use crate::slab::Id;
use crate::timer::{Entry, Owner};
use std::cell::Cell;
use std::ffi::c_void;
use std::mem::offset_of;

/// A function that the hub calls.
pub(crate) type Callback = unsafe extern "C" fn(*mut c_void);

/// One timer of the C surface.
#[derive(Debug)]
pub(super) struct Timer {
    id: Id,
    entry: Entry,
    /// Nanoseconds; 0 for once.
    period: Nanos,
    callback: Callback,
    argument: *mut c_void,
    /// When a periodic timer should fire next: a late one does not shift those after it.
    next: Cell<Nanos>,
}

impl Hub {
    /// Calls `callback` at the deadline, and every `period` after it unless that is 0.
    pub(crate) fn start_timer(
        &self,
        deadline: Nanos,
        period: Nanos,
        callback: Callback,
        argument: *mut c_void,
    ) -> Result<Id> {
        if period < 0 {
            return Err(Error::EINVAL);
        }
        let timer = self.timers.insert(|id| Timer {
            id,
            entry: Entry::new(Owner::Callback),
            period,
            callback,
            argument,
            next: Cell::new(deadline),
        });
        let timer = timer.ok_or(Error::EAGAIN)?;
        self.arm(timer);
        Ok(timer.id)
    }

    pub(crate) fn cancel_timer(&self, id: Id) -> Result<()> {
        let timer = self.timers.get(id).ok_or_else(|| super::absent_timer(id))?;
        self.drop_timer(timer);
        Ok(())
    }

    fn arm(&self, timer: &Timer) {
        // A timer for the end of time is kept, and can be cancelled, but never fires.
        if timer.next.get() != NEVER {
            // SAFETY: the entry stays in its slab until `drop_timer` has taken it out of the wheel.
            unsafe { self.wheel.arm(&timer.entry, timer.next.get(), self.now.get()) };
        }
    }

    /// None of them fires any more.
    pub(super) fn drop_timers(&self) {
        self.timers.for_each(|timer| self.drop_timer(timer));
    }

    fn drop_timer(&self, timer: &Timer) {
        self.wheel.remove(&timer.entry);
        // SAFETY: out of the wheel, and the callers do not use the reference again.
        unsafe { self.timers.remove(timer.id) };
    }

    /// # Safety
    /// `entry` belongs to a `Timer` and has just been taken from the wheel.
    pub(super) unsafe fn fire(&self, entry: *const Entry) {
        // SAFETY: the caller says what is around the entry.
        let timer = unsafe { &*entry.byte_sub(offset_of!(Timer, entry)).cast::<Timer>() };
        let (callback, argument) = (timer.callback, timer.argument);
        if timer.period == 0 {
            self.drop_timer(timer);
        } else {
            // Turns that were missed are left out, and the next one is where it would have been.
            let late = self.now.get().saturating_sub(timer.next.get()).max(0);
            let turns = (late / timer.period).saturating_add(1);
            let step = timer.period.saturating_mul(turns);
            timer.next.set(timer.next.get().saturating_add(step));
            self.arm(timer);
        }
        self.call_back(callback, argument);
    }

    /// Calls into the host from the hub itself.
    pub(super) fn call_back(&self, callback: Callback, argument: *mut c_void) {
        // What the last green thread left there belongs to that thread.
        self.detach_runtime();
        self.carrier.clear();
        self.counters.callbacks.set(self.counters.callbacks.get() + 1);
        self.pulse.go(Place::Callback);
        // SAFETY: the host passed both together and vouched for them.
        unsafe { callback(argument) };
        self.pulse.go(Place::Loop);
    }
}
