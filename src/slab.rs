//! Generational slots: a 64-bit id finds its object, and an id whose object is gone finds nothing.
//!
//! An id carries its kind, the hub, the generation and the slot. A slot whose generations are used up is
//! retired, so that no id ever names two objects.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::mem::MaybeUninit;

const SLOT_BITS: u32 = 23;
const GENERATION_BITS: u32 = 26;
const KIND_BITS: u32 = 1;
const HUB_BITS: u32 = 64 - SLOT_BITS - GENERATION_BITS - KIND_BITS;

/// How many hubs can live at once.
pub(crate) const MAX_HUBS: usize = 1 << HUB_BITS;

/// What an id names, so that none is taken for another kind's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Thread = 0,
    Timer = 1,
}
/// How many objects one slab holds at most.
pub(crate) const MAX_SLOTS: usize = 1 << SLOT_BITS;
/// The last generation of a slot.
const LAST_GENERATION: u32 = (1 << GENERATION_BITS) - 1;

const CHUNK: usize = 256;

/// An id, taken apart. Zero is none: generations start at 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id(pub(crate) u64);

impl Id {
    fn new(space: u16, generation: u32, slot: usize) -> Id {
        Id((u64::from(space) << (SLOT_BITS + GENERATION_BITS))
            | (u64::from(generation) << SLOT_BITS)
            | slot as u64)
    }

    /// Kind and hub together.
    #[inline]
    fn space(self) -> u16 {
        (self.0 >> (SLOT_BITS + GENERATION_BITS)) as u16
    }

    pub(crate) fn is_of(self, kind: Kind) -> bool {
        self.space() >> HUB_BITS == kind as u16
    }

    /// The number of the hub whose slab gave the id out.
    #[inline]
    pub(crate) fn hub(self) -> u16 {
        self.space() & (MAX_HUBS - 1) as u16
    }

    #[inline]
    pub(crate) fn generation(self) -> u32 {
        (self.0 >> SLOT_BITS) as u32 & LAST_GENERATION
    }

    /// Whether it is that of the first object of its slab: of a hub's threads, the root.
    pub(crate) fn is_first(self) -> bool {
        self.slot() == 0
    }

    #[inline]
    fn slot(self) -> usize {
        self.0 as usize & (MAX_SLOTS - 1)
    }
}

/// On cache lines of its own.
#[repr(C, align(64))]
struct Slot<T> {
    value: UnsafeCell<MaybeUninit<T>>,
    /// Of the object inside, or of the next one while the slot is free.
    generation: Cell<u32>,
    occupied: Cell<bool>,
}

/// A growing set of `T`, each at an address that never changes, reached through `Id`s.
pub(crate) struct Slab<T> {
    /// Kind and hub, as the ids carry them.
    space: u16,
    /// No generation at or below this one is given out: an earlier hub of the same number did.
    floor: u32,
    highest: Cell<u32>,
    chunks: RefCell<Vec<Box<[Slot<T>]>>>,
    free: RefCell<Vec<u32>>,
    /// Slots ever used; among them, those with an object inside.
    used: Cell<usize>,
    live: Cell<usize>,
}

impl<T> std::fmt::Debug for Slab<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slab").field("space", &self.space).field("len", &self.len()).finish()
    }
}

impl<T> Slab<T> {
    /// `floor` is `highest_generation()` of the slab that carried this hub number before, 0 if none.
    pub(crate) fn new(kind: Kind, hub: u16, floor: u32) -> Slab<T> {
        Slab {
            space: (kind as u16) << HUB_BITS | hub,
            floor,
            highest: Cell::new(floor),
            chunks: RefCell::new(Vec::new()),
            free: RefCell::new(Vec::new()),
            used: Cell::new(0),
            live: Cell::new(0),
        }
    }

    /// The highest generation given out so far.
    pub(crate) fn highest_generation(&self) -> u32 {
        self.highest.get()
    }

    /// Whether a slab that starts above `floor` would run out of generations too soon to be worth it.
    pub(crate) fn exhausted(floor: u32) -> bool {
        floor >= LAST_GENERATION / 2
    }

    /// Objects inside.
    pub(crate) fn len(&self) -> usize {
        self.live.get()
    }

    /// Makes an object that knows its own id. `None` when every slot is taken.
    #[inline]
    pub(crate) fn insert(&self, make: impl FnOnce(Id) -> T) -> Option<&T> {
        let free = self.free.borrow_mut().pop();
        let index = match free {
            Some(index) => index as usize,
            None => self.grow()?,
        };
        let slot = self.slot(index);
        // SAFETY: `slot` is in range and chunks are never freed while the slab lives.
        let slot = unsafe { &*slot };
        let generation = slot.generation.get();
        if generation > self.highest.get() {
            self.highest.set(generation);
        }
        // SAFETY: the slot is free, so nobody holds a reference into it.
        let value =
            unsafe { (*slot.value.get()).write(make(Id::new(self.space, generation, index))) };
        slot.occupied.set(true);
        self.live.set(self.live.get() + 1);
        Some(value)
    }

    /// The object of an id; `None` for an id whose object is gone, or that never was.
    #[inline]
    pub(crate) fn get(&self, id: Id) -> Option<&T> {
        if id.space() != self.space || id.slot() >= self.used.get() {
            return None;
        }
        // SAFETY: in range; chunks are never freed while the slab lives.
        let slot = unsafe { &*self.slot(id.slot()) };
        if slot.generation.get() != id.generation() || !slot.occupied.get() {
            return None;
        }
        // SAFETY: occupied, so initialised.
        Some(unsafe { (*slot.value.get()).assume_init_ref() })
    }

    /// Drops the object of a valid id and makes the id stale.
    ///
    /// # Safety
    /// No reference to the object is used afterwards.
    #[inline]
    pub(crate) unsafe fn remove(&self, id: Id) {
        debug_assert!(self.get(id).is_some());
        // SAFETY: a valid id is in range.
        let slot = unsafe { &*self.slot(id.slot()) };
        slot.occupied.set(false);
        self.live.set(self.live.get() - 1);
        // SAFETY: it was occupied, and the caller vouches that nobody looks at it any more.
        unsafe { (*slot.value.get()).assume_init_drop() };
        let generation = id.generation();
        if generation < LAST_GENERATION {
            slot.generation.set(generation + 1);
            // Cannot allocate: `grow` reserved a place for every slot.
            self.free.borrow_mut().push(id.slot() as u32);
        }
    }

    /// Calls `visit` for every object, oldest slot first. `visit` may remove and insert.
    pub(crate) fn for_each(&self, visit: impl FnMut(&T)) {
        self.for_some(0, usize::MAX, visit);
    }

    /// The same for a number of slots from one on. Gives the slot to go on from, 0 after the last.
    pub(crate) fn for_some(&self, from: usize, most: usize, mut visit: impl FnMut(&T)) -> usize {
        let used = self.used.get();
        let end = from.saturating_add(most).min(used);
        for index in from..end {
            // SAFETY: in range.
            let slot = unsafe { &*self.slot(index) };
            if slot.occupied.get() {
                // SAFETY: occupied, so initialised.
                visit(unsafe { (*slot.value.get()).assume_init_ref() });
            }
        }
        if end == used {
            0
        } else {
            end
        }
    }

    #[inline]
    fn slot(&self, index: usize) -> *const Slot<T> {
        &self.chunks.borrow()[index / CHUNK][index % CHUNK]
    }

    #[cold]
    fn grow(&self) -> Option<usize> {
        let index = self.used.get();
        if index >= MAX_SLOTS {
            return None;
        }
        let mut chunks = self.chunks.borrow_mut();
        if index == chunks.len() * CHUNK {
            let chunk = (0..CHUNK).map(|_| Slot {
                generation: Cell::new(self.floor + 1),
                occupied: Cell::new(false),
                value: UnsafeCell::new(MaybeUninit::uninit()),
            });
            chunks.push(chunk.collect());
            self.free.borrow_mut().reserve(chunks.len() * CHUNK);
        }
        self.used.set(index + 1);
        Some(index)
    }
}

impl<T> Drop for Slab<T> {
    fn drop(&mut self) {
        for index in 0..self.used.get() {
            // SAFETY: in range.
            let slot = unsafe { &*self.slot(index) };
            if slot.occupied.replace(false) {
                // SAFETY: occupied, so initialised; `&mut self` means nobody else looks.
                unsafe { (*slot.value.get()).assume_init_drop() };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_id_finds_nothing_and_its_slot_is_reused() {
        let slab: Slab<u64> = Slab::new(Kind::Timer, 7, 0);
        let first = slab.insert(|id| id.0).map(|value| Id(*value)).expect("room");
        assert_eq!(first.hub(), 7);
        assert!(first.is_of(Kind::Timer) && !first.is_of(Kind::Thread));
        // SAFETY: no reference is held.
        unsafe { slab.remove(first) };
        assert!(slab.get(first).is_none());
        let second = slab.insert(|id| id.0).map(|value| Id(*value)).expect("room");
        assert_eq!(first.slot(), second.slot());
        assert_ne!(first, second);
        assert!(slab.get(first).is_none() && slab.get(second).is_some());
        assert!(slab.get(Id(0)).is_none() && slab.get(Id(u64::MAX)).is_none());
        assert_eq!(slab.len(), 1);
    }

    #[test]
    fn some_slots_at_a_time_are_all_of_them_once() {
        let slab: Slab<u64> = Slab::new(Kind::Timer, 0, 0);
        assert_eq!(slab.for_some(0, 3, |_| unreachable!()), 0);
        let ids: Vec<Id> = (0..7).filter_map(|_| slab.insert(|id| id.0).map(|v| Id(*v))).collect();
        // SAFETY: no reference is held.
        unsafe { slab.remove(ids[2]) };
        let (mut seen, mut steps, mut at) = (Vec::new(), Vec::new(), 0);
        loop {
            at = slab.for_some(at, 3, |value| seen.push(Id(*value)));
            steps.push(at);
            if at == 0 {
                break;
            }
        }
        assert_eq!(steps, [3, 6, 0]);
        assert_eq!(seen, [ids[0], ids[1], ids[3], ids[4], ids[5], ids[6]]);
    }

    #[test]
    fn a_later_slab_of_the_same_hub_number_honours_the_floor() {
        let slab: Slab<u64> = Slab::new(Kind::Thread, 0, 41);
        let id = slab.insert(|id| id.0).map(|value| Id(*value)).expect("room");
        assert_eq!((id.generation(), slab.highest_generation()), (42, 42));
    }

    #[test]
    fn a_slot_out_of_generations_is_retired() {
        let slab: Slab<u64> = Slab::new(Kind::Thread, 0, LAST_GENERATION - 1);
        let last = slab.insert(|id| id.0).map(|value| Id(*value)).expect("room");
        // SAFETY: no reference is held.
        unsafe { slab.remove(last) };
        assert_eq!(slab.len(), 0, "a retired slot holds nothing");
        let next = slab.insert(|id| id.0).map(|value| Id(*value)).expect("room");
        assert_ne!(last.slot(), next.slot());
        assert!(Slab::<u64>::exhausted(slab.highest_generation()));
    }
}
