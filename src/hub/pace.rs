//! How long ready threads may run before the loop looks for readiness again.
//!
//! By time, so that a few long computations do not keep sockets waiting; but reading the clock on
//! every switch would cost as much as the switch. The clock is read after a number of switches that is
//! fitted to how long they take: pure yields hardly read it, long computations each time.

use crate::clock::{self, Nanos};
use std::cell::Cell;

/// Readiness is asked for after this many switches …
const SWITCHES_PER_POLL: u32 = 512;
/// … or after this long, whichever is first.
const TIME_PER_POLL: Nanos = 1_000_000;
/// Switches between two looks at the clock, at the most.
const MOST: u32 = 64;

#[derive(Debug)]
pub(super) struct Pace {
    /// Switches until the next look at the clock.
    left: Cell<u32>,
    /// Switches between the last look and the next one.
    interval: Cell<u32>,
    /// Switches since readiness was asked for, as of the last look.
    switches: Cell<u32>,
    looked: Cell<Nanos>,
    polled: Cell<Nanos>,
}

impl Pace {
    pub(super) fn new(now: Nanos) -> Pace {
        Pace {
            left: Cell::new(1),
            interval: Cell::new(1),
            switches: Cell::new(0),
            looked: Cell::new(now),
            polled: Cell::new(now),
        }
    }

    /// Counts a switch. True when readiness must be asked for now; until `polled`, it stays true.
    #[inline]
    pub(super) fn must_poll(&self, now: &Cell<Nanos>) -> bool {
        let left = self.left.get() - 1;
        self.left.set(left);
        left == 0 && self.look(now)
    }

    #[cold]
    fn look(&self, now: &Cell<Nanos>) -> bool {
        let time = clock::now();
        now.set(time);
        let switches = self.switches.get() + self.interval.get();
        self.switches.set(switches);
        if switches >= SWITCHES_PER_POLL || time - self.polled.get() >= TIME_PER_POLL {
            self.left.set(1);
            return true;
        }
        // As many switches as should fit into half of the time that is allowed.
        let elapsed = (time - self.looked.get()).max(1);
        let fitting = i64::from(self.interval.get()) * (TIME_PER_POLL / 2) / elapsed;
        self.interval.set(fitting.clamp(1, i64::from(MOST)) as u32);
        self.left.set(self.interval.get());
        self.looked.set(time);
        false
    }

    /// The last switch was long ago: the next one looks at the clock.
    #[cold]
    pub(super) fn was_long(&self) {
        self.left.set(1);
        self.interval.set(1);
    }

    /// Readiness has been asked for.
    pub(super) fn polled(&self, now: Nanos) {
        self.switches.set(0);
        self.left.set(self.interval.get());
        self.looked.set(now);
        self.polled.set(now);
    }
}
