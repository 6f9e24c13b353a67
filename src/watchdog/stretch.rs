//! How long each hub has been doing what it does.

use crate::clock::Nanos;
use crate::hub::{self, Beat, Place, Sighting};
use crate::sys::interrupt;

/// What one look after the other has found of one hub.
#[derive(Clone, Copy, Debug, Default)]
struct Stretch {
    hub: usize,
    beat: Beat,
    /// When it was first seen to do harm.
    since: Nanos,
    /// How much of the time since then the watchdog itself was awake.
    watched: Nanos,
    /// Somebody was kept from running at the last look.
    harms: bool,
    told: bool,
}

/// A stretch that has reached the limit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Suspect {
    pub(super) sighting: Sighting,
    pub(super) kept: Nanos,
}

#[derive(Debug)]
pub(super) struct Stretches {
    limit: Nanos,
    pause: Nanos,
    looked: Nanos,
    /// By the hub's number.
    hubs: Vec<Stretch>,
}

impl Stretches {
    pub(super) fn new(limit: Nanos, pause: Nanos) -> Stretches {
        Stretches { limit, pause, looked: 0, hubs: Vec::new() }
    }

    /// Looks at all hubs; gives those that have just reached the limit.
    pub(super) fn look(&mut self, now: Nanos) -> Vec<Suspect> {
        // A process that was stopped, or a machine that was, keeps the watchdog as it keeps everybody.
        let awake = now.saturating_sub(self.looked).min(self.pause.saturating_mul(2));
        self.looked = now;
        let own = interrupt::os_thread();
        let mut suspects = Vec::new();
        hub::look(now, |sighting| {
            // A callback of the watchdog may have made a hub, which is its own affair.
            if sighting.os_thread == own {
                return;
            }
            if self.hubs.len() <= sighting.number {
                self.hubs.resize_with(sighting.number + 1, Stretch::default);
            }
            let stretch = &mut self.hubs[sighting.number];
            if stretch.reaches(self.limit, &sighting, now, awake) {
                suspects.push(Suspect { sighting, kept: now - stretch.since });
            }
        });
        suspects
    }
}

impl Stretch {
    /// Whether this look is the one at which the limit is reached.
    fn reaches(&mut self, limit: Nanos, sighting: &Sighting, now: Nanos, awake: Nanos) -> bool {
        let (hub, beat) = (sighting.hub, sighting.beat);
        let harmless = match beat.place() {
            Place::Waiting => true,
            // It may compute, or wait in a loop of its own, as long as nobody else could run.
            Place::Root => !sighting.others_wait,
            Place::Loop | Place::Callback => false,
        };
        if harmless || !self.harms || (self.hub, self.beat) != (hub, beat) {
            // From this look on, if it does harm: what was before may have been another stretch, or no harm.
            *self = Stretch { hub, beat, since: now, watched: 0, harms: !harmless, told: false };
            return false;
        }
        self.watched += awake;
        let reached = !self.told && self.watched >= limit;
        self.told |= reached;
        reached
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Nanos = 1_000_000;
    const LIMIT: Nanos = 100 * MS;

    fn sighting(place: Place, switches: u64, others_wait: bool) -> Sighting {
        let beat = Beat { switches, phase: place as u64 };
        Sighting { hub: 1, number: 0, os_thread: 0, beat, others_wait }
    }

    /// The looks, in milliseconds, at which the limit is reached.
    fn reached(looks: &[(i64, Sighting)]) -> Vec<i64> {
        let (mut stretch, mut last) = (Stretch::default(), 0);
        let mut found = Vec::new();
        for (at, sighting) in looks {
            let awake = ((at - last) * MS).min(50 * MS);
            last = *at;
            if stretch.reaches(LIMIT, sighting, at * MS, awake) {
                found.push(*at);
            }
        }
        found
    }

    #[test]
    fn a_stretch_reaches_the_limit_once_and_the_next_one_again() {
        let one = (0..12).map(|at| (at * 25, sighting(Place::Loop, 1, false)));
        let two = (12..24).map(|at| (at * 25, sighting(Place::Loop, 2, false)));
        assert_eq!(reached(&one.chain(two).collect::<Vec<_>>()), [100, 400]);
    }

    #[test]
    fn waiting_is_no_stretch_and_the_root_only_while_others_wait() {
        let waiting = |place| (0..40).map(move |at| (at * 25, sighting(place, 1, false)));
        assert!(reached(&waiting(Place::Waiting).collect::<Vec<_>>()).is_empty());
        assert!(reached(&waiting(Place::Root).collect::<Vec<_>>()).is_empty());
        let hold_up = (40..80).map(|at| (at * 25, sighting(Place::Root, 1, true)));
        let looks: Vec<_> = waiting(Place::Root).chain(hold_up).collect();
        assert_eq!(reached(&looks), [40 * 25 + 100]);
    }

    #[test]
    fn time_in_which_nobody_ran_does_not_count_in_full() {
        let look = |at| (at, sighting(Place::Callback, 1, false));
        assert!(reached(&[look(0), look(5000)]).is_empty());
        assert_eq!(reached(&[look(0), look(5000), look(10000)]), [10000]);
    }
}
