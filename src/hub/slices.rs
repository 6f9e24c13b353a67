//! The end of a slice of time, as an OS thread sees it that looks at the beats of all hubs.
//!
//! Nothing is taken from whoever runs: the hub is told which stretch is over, and the adapter of a language runtime
//! asks at a place where its code may be left. A stretch that has ended by itself meanwhile has another beat, and
//! nobody else is cut short in its stead.

use super::pulse::{shown, Beat};
use super::{registry, Hub};
use std::sync::atomic::Ordering;

/// A number for a stretch; 0 is none. That another has the same is as unlikely as harmless.
fn number(beat: Beat) -> u64 {
    (beat.switches.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ beat.phase).max(1)
}

/// Says that a stretch is over. False if it has ended by itself.
pub(crate) fn end_slice(hub: usize, beat: Beat) -> bool {
    let _held = registry::lock();
    let Ok(remote) = registry::remote_of(hub) else { return false };
    // SAFETY: the lock is held.
    match unsafe { shown(remote) } {
        Some((pulse, _)) if pulse.beat() == beat => {
            pulse.over.store(number(beat), Ordering::Relaxed);
            true
        }
        _ => false,
    }
}

impl Hub {
    /// Whether the stretch that runs is over, and anybody could make use of that. Said once.
    #[inline]
    pub(crate) fn slice_is_over(&self) -> bool {
        let over = self.pulse.over.load(Ordering::Relaxed);
        over != 0 && self.was_told_of(over)
    }

    #[cold]
    fn was_told_of(&self, over: u64) -> bool {
        self.pulse.over.store(0, Ordering::Relaxed);
        let others = self.live.get() > 0 || self.timers.len() > 0 || self.remote.has_mail();
        over == number(self.pulse.beat()) && others
    }
}
