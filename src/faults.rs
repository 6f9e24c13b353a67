//! Faults on demand, for the tests of failures that cannot be provoked from outside.
//!
//! Compiled to nothing without the feature `fault-injection`. Armed per OS thread.

/// Where a fault can strike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A panic inside the next guarded call of the C surface.
    Panic,
    /// The mapping of new stacks fails.
    StackMap,
    /// The poller of a new hub cannot be made.
    PollerNew,
    /// A descriptor cannot be registered for readiness.
    Register,
}

#[cfg(feature = "fault-injection")]
mod armed {
    use super::Fault;
    use std::cell::Cell;

    thread_local! {
        static ARMED: Cell<Option<(Fault, u32)>> = const { Cell::new(None) };
    }

    /// Makes the `nth` chance of `fault` from now on, counted from 1, fail on this OS thread. It
    /// strikes once and is then disarmed.
    pub fn arm(fault: Fault, nth: u32) {
        ARMED.set(Some((fault, nth)));
    }

    /// Takes back what `arm` said.
    pub fn disarm() {
        ARMED.set(None);
    }

    pub(crate) fn strikes(fault: Fault) -> bool {
        match ARMED.get() {
            Some((armed, 1)) if armed == fault => {
                ARMED.set(None);
                true
            }
            Some((armed, left)) if armed == fault => {
                ARMED.set(Some((armed, left - 1)));
                false
            }
            _ => false,
        }
    }
}

#[cfg(feature = "fault-injection")]
pub(crate) use armed::strikes;
#[cfg(feature = "fault-injection")]
pub use armed::{arm, disarm};

/// Whether the fault strikes here and now.
#[cfg(not(feature = "fault-injection"))]
#[inline(always)]
pub(crate) fn strikes(_: Fault) -> bool {
    false
}
