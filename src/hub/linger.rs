//! How long the hub looks for work before it lets a language runtime's lock go that somebody else wants.
//!
//! Who lets go of an interpreter's lock beside a thread that computes gets it back after a switch interval of the
//! interpreter's, 5 ms as a rule. A server whose peers answer within some microseconds would pay that after every round
//! of answers. So a hub that has paid it waits a moment with the lock in hand, before it pays again: little beside the
//! time that the other one then has the lock for. Where nobody wants the lock, nothing is waited for.

use super::pulse::Beat;
use super::Hub;
use crate::clock::{self, Nanos};
use std::cell::Cell;

/// Who was kept from the lock for less was not kept by somebody who computes.
const DEAR: Nanos = 1_000_000;
/// The other one loses at most this part of the time that it was seen to keep the lock for: of 5 ms as much as an answer
/// of a peer on the same machine takes, which is some tens of microseconds.
const PART: Nanos = 32;
/// After a call that kept the lock for very long, no other thread is to wait for long.
const LONGEST: Nanos = 1_000_000;

#[derive(Debug, Default)]
pub(super) struct Linger {
    /// The lock was let go for a wait, and is not back yet.
    let_go: Cell<bool>,
    /// How long the next wait may keep it.
    moment: Cell<Nanos>,
    /// The hub's beat when it had been kept last.
    kept_at: Cell<Beat>,
}

impl Linger {
    /// For how long the lock is kept in a wait that may last so long, -1 for ever; 0 for not at all. A hub that has been
    /// there, and has run nobody since, has found nothing.
    #[inline]
    pub(super) fn moment(&self, timeout: Nanos, beat: Beat) -> Nanos {
        let moment = self.moment.get();
        if moment == 0 || self.kept_at.get() == beat {
            return 0;
        }
        if timeout < 0 {
            moment
        } else {
            timeout.min(moment)
        }
    }

    #[inline]
    pub(super) fn was_kept(&self, beat: Beat) {
        self.kept_at.set(beat);
    }

    #[inline]
    pub(super) fn lets_go(&self) {
        self.let_go.set(true);
    }
}

impl Hub {
    /// The lock is there again. The first one who comes here after a wait has waited for it since the hub read the
    /// clock.
    #[inline]
    pub(super) fn has_lock_back(&self) {
        if self.linger.let_go.replace(false) {
            let waited = clock::now() - self.now.get();
            let moment = if waited < DEAR { 0 } else { (waited / PART).min(LONGEST) };
            self.linger.moment.set(moment);
        }
    }
}
