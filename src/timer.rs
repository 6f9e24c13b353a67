//! The timing wheel: deadlines armed and cancelled in constant time.
//!
//! After Varghese and Lauck, "Hashed and hierarchical timing wheels" (1987). Two things differ.
//!
//! An entry stays where it is when its wait ends early or its deadline moves away: a cancelled
//! deadline is one store, and the entry is looked at again when its slot comes. Most deadlines of a
//! server are cancelled and armed anew on every request, so this is what matters.
//!
//! Deadlines are rounded up a little, the more the further away (a thousandth of the wait, as the
//! kernel does for poll(2), up to the hub's slack), so that many of them share one wake-up.

use crate::clock::{Nanos, NEVER};
use crate::list::{Link, List};
use std::cell::{Cell, RefCell};

const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;
/// Enough for 63 bits of nanoseconds at the finest tick.
const LEVELS: usize = 9;
/// The list of entries whose deadline had already passed when they were armed.
const DUE: usize = LEVELS * SLOTS;
/// The place of an entry that has fired and was not taken yet.
const EXPIRED: u16 = u16::MAX;

/// The finest tick is 2^10 ns, the coarsest 2^15: what lies below the resolution of a wake-up would
/// only cost levels.
const MIN_SHIFT: u32 = 10;
const MAX_SHIFT: u32 = 15;
/// A deadline is rounded up by at most this fraction of the wait, as a shift.
const SLACK_FRACTION: u32 = 10;

/// Whose entry it is: what to do when it fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// Embedded in a green thread.
    Thread,
    /// Embedded in a timer of the C surface.
    Callback,
}

/// A place in the wheel, embedded in whatever waits. It must not move while `is_queued`.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Entry {
    link: Link,
    deadline: Cell<Nanos>,
    /// The tick it is queued for, which may be earlier than the deadline's.
    tick: Cell<u64>,
    place: Cell<u16>,
    owner: Owner,
}

impl Entry {
    pub(crate) const fn new(owner: Owner) -> Entry {
        Entry {
            link: Link::new(),
            deadline: Cell::new(NEVER),
            tick: Cell::new(0),
            place: Cell::new(0),
            owner,
        }
    }

    pub(crate) fn owner(&self) -> Owner {
        self.owner
    }

    /// The deadline it is armed for, `NEVER` when it is not.
    pub(crate) fn deadline(&self) -> Nanos {
        self.deadline.get()
    }
}

/// All deadlines of one hub.
#[derive(Debug)]
pub(crate) struct Wheel {
    shift: u32,
    slack: Nanos,
    /// Everything up to this tick has been looked at.
    tick: Cell<u64>,
    lists: Box<[List]>,
    occupied: [Cell<u64>; LEVELS],
    armed: Cell<usize>,
    /// Fired, in the order of their deadlines, and not yet taken.
    expired: List,
    sorting: RefCell<Vec<*const Entry>>,
}

impl Wheel {
    /// `slack` in nanoseconds, positive: how late a deadline may deliberately be.
    pub(crate) fn new(slack: Nanos, now: Nanos) -> Wheel {
        let shift = (slack.max(1) as u64).ilog2().clamp(MIN_SHIFT, MAX_SHIFT);
        Wheel {
            shift,
            slack,
            tick: Cell::new(now as u64 >> shift),
            lists: (0..=DUE).map(|_| List::new()).collect(),
            occupied: Default::default(),
            armed: Cell::new(0),
            expired: List::new(),
            sorting: RefCell::new(Vec::new()),
        }
    }

    /// Deadlines pending.
    pub(crate) fn armed(&self) -> usize {
        self.armed.get()
    }

    /// Arms an entry that is not armed. `now` need not be exact: it only sets the rounding.
    ///
    /// # Safety
    /// The entry stays alive and in place until `remove`, and is this hub's alone.
    #[inline]
    pub(crate) unsafe fn arm(&self, entry: &Entry, deadline: Nanos, now: Nanos) {
        debug_assert!(entry.deadline.get() == NEVER && deadline != NEVER);
        entry.deadline.set(deadline);
        self.armed.set(self.armed.get() + 1);
        let tick = self.tick_of(deadline, now);
        if entry.link.is_queued() {
            if entry.tick.get() <= tick && entry.place.get() != EXPIRED {
                return;
            }
            self.unlink(entry);
        }
        self.insert(entry, tick);
    }

    /// Disarms an entry, which may stay queued. True if it was armed.
    #[inline]
    pub(crate) fn disarm(&self, entry: &Entry) -> bool {
        let armed = entry.deadline.replace(NEVER) != NEVER;
        if armed {
            self.armed.set(self.armed.get() - 1);
        }
        armed
    }

    /// Disarms an entry and takes it out, so that its owner may go.
    pub(crate) fn remove(&self, entry: &Entry) {
        self.disarm(entry);
        if entry.link.is_queued() {
            self.unlink(entry);
        }
    }

    /// When `advance` should be called next: `NEVER` without deadlines, and possibly too early.
    pub(crate) fn next(&self) -> Nanos {
        if !self.lists[DUE].is_empty() || !self.expired.is_empty() {
            return 0;
        }
        match self.next_slot() {
            Some((tick, _)) => i64::try_from(tick << self.shift).unwrap_or(NEVER),
            None => NEVER,
        }
    }

    /// The deadline of some entry that is armed, an early one; `NEVER` if none is found soon.
    pub(crate) fn some_deadline(&self) -> Nanos {
        /// Cancelled entries are passed over, but a thousand of them are not worth it.
        const LOOKED_AT: usize = 64;
        if self.armed.get() == 0 {
            return NEVER;
        }
        let first = [&self.expired, &self.lists[DUE]];
        let level_by_level = self.lists[..DUE].chunks(SLOTS).zip(&self.occupied);
        let slots = level_by_level.filter(|(_, occupied)| occupied.get() != 0).flat_map(|(l, _)| l);
        let mut left = LOOKED_AT;
        for list in first.into_iter().chain(slots) {
            let mut earliest = NEVER;
            let mut link = list.first();
            while !link.is_null() && left > 0 {
                left -= 1;
                // SAFETY: queued in this list, so alive, by the contract of `arm`; an entry begins with
                // its link.
                unsafe {
                    earliest = earliest.min((*link.cast::<Entry>()).deadline.get());
                    link = list.after(link);
                }
            }
            if earliest != NEVER || left == 0 {
                return earliest;
            }
        }
        NEVER
    }

    /// Moves time on. What has fired since is then there for `pop_expired`.
    pub(crate) fn advance(&self, now: Nanos) {
        let target = now as u64 >> self.shift;
        let mut fired = self.sorting.borrow_mut();
        self.drain(DUE, now, &mut fired);
        while let Some((tick, place)) = self.next_slot() {
            if tick > target {
                break;
            }
            self.tick.set(tick);
            self.drain(place, now, &mut fired);
        }
        if self.tick.get() < target {
            self.tick.set(target);
        }
        // Stable, so that equal deadlines stay in the order of their arming.
        // SAFETY: whatever was queued is alive, by the contract of `arm`.
        let key = |entry: &*const Entry| unsafe { (**entry).deadline.get() };
        if !fired.is_sorted_by_key(key) {
            fired.sort_by_key(key);
        }
        for entry in fired.drain(..) {
            // SAFETY: alive as above, and `drain` has unlinked it.
            unsafe {
                (*entry).place.set(EXPIRED);
                self.expired.push_back(&raw const (*entry).link);
            }
        }
    }

    /// The next entry that has fired, disarmed and out of the wheel; null when there is none. Taken
    /// one by one, because what one of them does may cancel another.
    #[inline]
    pub(crate) fn pop_expired(&self) -> *const Entry {
        loop {
            let entry: *const Entry = self.expired.pop_front().cast();
            // An entry that was cancelled after it had fired is passed over.
            // SAFETY: an entry stays alive until `remove`, which takes it out of this list.
            if entry.is_null() || unsafe { self.disarm(&*entry) } {
                return entry;
            }
        }
    }

    /// The tick a deadline is queued for: never before it, and rounded up within the slack.
    fn tick_of(&self, deadline: Nanos, now: Nanos) -> u64 {
        let wait = deadline.saturating_sub(now);
        let slack = (wait >> SLACK_FRACTION).min(self.slack).max(1) as u64;
        let grain = slack.ilog2().max(self.shift);
        let deadline = deadline.max(0) as u64;
        let rounded = (deadline + ((1 << grain) - 1)) >> grain << grain;
        rounded >> self.shift
    }

    fn insert(&self, entry: &Entry, tick: u64) {
        let now = self.tick.get();
        let place = if tick <= now {
            DUE
        } else {
            let level = ((tick ^ now).ilog2() / SLOT_BITS) as usize;
            let slot = (tick >> (level as u32 * SLOT_BITS)) as usize % SLOTS;
            self.occupied[level].set(self.occupied[level].get() | 1 << slot);
            level * SLOTS + slot
        };
        entry.tick.set(tick);
        entry.place.set(place as u16);
        // SAFETY: not queued; alive until removed, by the contract of `arm`.
        unsafe { self.lists[place].push_back(&entry.link) };
    }

    fn unlink(&self, entry: &Entry) {
        let place = entry.place.get();
        if place == EXPIRED {
            // SAFETY: `place` says which list the entry stands in.
            unsafe { self.expired.unlink(&entry.link) };
            return;
        }
        let place = place as usize;
        // SAFETY: as above.
        unsafe { self.lists[place].unlink(&entry.link) };
        if place != DUE && self.lists[place].is_empty() {
            let level = &self.occupied[place / SLOTS];
            level.set(level.get() & !(1 << (place % SLOTS)));
        }
    }

    /// Empties a list: what is due goes to `fired`, what has moved away is queued anew, what was
    /// cancelled leaves.
    fn drain(&self, place: usize, now: Nanos, fired: &mut Vec<*const Entry>) {
        if self.lists[place].is_empty() {
            return;
        }
        let list = self.lists[place].take();
        if place != DUE {
            let level = &self.occupied[place / SLOTS];
            level.set(level.get() & !(1 << (place % SLOTS)));
        }
        loop {
            let entry: *const Entry = list.pop_front().cast();
            // SAFETY: queued, so alive, by the contract of `arm`.
            let Some(entry) = (unsafe { entry.as_ref() }) else { break };
            let deadline = entry.deadline.get();
            if deadline == NEVER {
                continue;
            }
            if deadline <= now && entry.tick.get() <= self.tick.get() {
                fired.push(entry);
            } else if entry.tick.get() > self.tick.get() {
                self.insert(entry, entry.tick.get());
            } else {
                self.insert(entry, self.tick_of(deadline, now));
            }
        }
    }

    /// The earliest occupied slot: the tick at which it begins, and its list.
    fn next_slot(&self) -> Option<(u64, usize)> {
        let now = self.tick.get();
        for level in 0..LEVELS {
            let occupied = self.occupied[level].get();
            if occupied == 0 {
                continue;
            }
            // Every entry of a level shares the higher bits with `now` and lies ahead of it, so that
            // the lowest bit is the earliest.
            let slot = occupied.trailing_zeros();
            let bits = level as u32 * SLOT_BITS;
            let above = (now >> bits) & !(SLOTS as u64 - 1);
            return Some(((above | u64::from(slot)) << bits, level * SLOTS + slot as usize));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Nanos = 1_000_000;

    fn fired(wheel: &Wheel, now: Nanos) -> Vec<*const Entry> {
        wheel.advance(now);
        std::iter::from_fn(|| Some(wheel.pop_expired()).filter(|entry| !entry.is_null())).collect()
    }

    /// A small generator, so that a failure repeats (Marsaglia's xorshift).
    fn random(state: &mut u64) -> u64 {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state
    }

    #[test]
    fn never_early_never_late_beyond_the_slack_and_in_order() {
        let mut state = 42;
        for slack in [1, 40_000, MS] {
            let start = 1_234_567_891;
            let wheel = Wheel::new(slack, start);
            let entries: Vec<Entry> = (0..500).map(|_| Entry::new(Owner::Thread)).collect();
            for entry in &entries {
                let wait = 1i64 << (random(&mut state) % 34);
                let deadline = start + wait + (random(&mut state) % 1000) as i64;
                // SAFETY: the entries outlive the wheel's use of them and do not move.
                unsafe { wheel.arm(entry, deadline, start) };
            }
            let tick = 1 << MIN_SHIFT.max((slack as u64).ilog2().min(MAX_SHIFT));
            let (mut now, mut count) = (start, 0);
            while wheel.armed() > 0 {
                let next = wheel.next();
                assert!(next > now, "time moves");
                let deadlines: Vec<Nanos> = entries.iter().map(Entry::deadline).collect();
                now = next;
                wheel.advance(now);
                let mut last = 0;
                loop {
                    let entry = wheel.pop_expired();
                    if entry.is_null() {
                        break;
                    }
                    // SAFETY: `entry` points into `entries`.
                    let at = unsafe { entry.offset_from(entries.as_ptr()) } as usize;
                    assert!(deadlines[at] <= now, "never early");
                    assert!(now - deadlines[at] <= slack + tick, "late beyond the slack");
                    assert!(deadlines[at] >= last, "in the order of deadlines");
                    last = deadlines[at];
                    count += 1;
                }
            }
            assert_eq!(count, entries.len());
            assert_eq!(wheel.next(), NEVER);
        }
    }

    #[test]
    fn one_batch_fires_in_the_order_of_deadlines_then_of_arming() {
        let wheel = Wheel::new(MS, 0);
        let entries: [Entry; 4] = std::array::from_fn(|_| Entry::new(Owner::Thread));
        for (entry, deadline) in entries.iter().zip([30, 10, 20, 10]) {
            // SAFETY: as above.
            unsafe { wheel.arm(entry, MS + deadline, 0) };
        }
        let order: Vec<*const Entry> =
            [1, 3, 2, 0].iter().map(|&at| &raw const entries[at]).collect();
        assert_eq!(fired(&wheel, 10 * MS), order);
    }

    #[test]
    fn a_cancelled_entry_is_silent_and_can_be_armed_again_earlier_or_later() {
        let wheel = Wheel::new(MS, 0);
        let entry = Entry::new(Owner::Thread);
        for deadline in [50 * MS, 90 * MS, 20 * MS] {
            // SAFETY: as above.
            unsafe { wheel.arm(&entry, deadline, 0) };
            assert!(wheel.disarm(&entry) && !wheel.disarm(&entry));
        }
        assert_eq!(wheel.armed(), 0);
        // SAFETY: as above.
        unsafe { wheel.arm(&entry, 70 * MS, 0) };
        assert!(fired(&wheel, 69 * MS).is_empty());
        assert_eq!(fired(&wheel, 72 * MS), [&raw const entry]);
        // SAFETY: as above.
        unsafe { wheel.arm(&entry, 5 * MS, 0) };
        assert_eq!(wheel.next(), 0, "a past deadline is due at once");
        wheel.remove(&entry);
        assert!(fired(&wheel, 80 * MS).is_empty() && wheel.next() == NEVER);
    }

    #[test]
    fn the_far_future_does_not_overflow() {
        let wheel = Wheel::new(1, i64::MAX / 2);
        let entries: [Entry; 2] = std::array::from_fn(|_| Entry::new(Owner::Callback));
        for (entry, deadline) in entries.iter().zip([NEVER - 1, i64::MIN]) {
            // SAFETY: as above.
            unsafe { wheel.arm(entry, deadline, 0) };
        }
        assert_eq!(fired(&wheel, i64::MAX / 2 + 1), [&raw const entries[1]]);
        assert_eq!(wheel.armed(), 1);
        wheel.remove(&entries[0]);
    }
}
