//! What the lock of a language runtime is made of, found by watching how a change of states uses it.
//!
//! No header says where CPython's lock is. But who watches one change sees all of its parts go by, in an order that is
//! that of nothing else; and what lies before the condition for who waits (`struct _gil_runtime_state`) is held
//! against what the change must have done to it. Nothing is used that was not seen to be so twice.

use super::lock_of_host::watch;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

/// The address of a part; 0 until it is known.
#[derive(Debug)]
pub(super) struct Part(AtomicUsize);

impl Part {
    const fn unknown() -> Part {
        Part(AtomicUsize::new(0))
    }

    #[inline(always)]
    pub(super) fn get(&self) -> usize {
        // Relaxed: stored by who held the lock before any holder used it.
        self.0.load(Ordering::Relaxed)
    }

    #[inline(always)]
    pub(super) fn is(&self, address: usize) -> bool {
        self.get() == address
    }
}

/// Under which the flag is.
pub(super) static MUTEX: Part = Part::unknown();
/// Of who waits for the lock.
pub(super) static CONDITION: Part = Part::unknown();
/// Of who has let go on request.
pub(super) static OTHER_MUTEX: Part = Part::unknown();
pub(super) static OTHER_CONDITION: Part = Part::unknown();

/// Words of the runtime's before the condition: in the order of the structure who had the lock last, whether it is
/// taken, and how often it has changed hands.
const HOLDER: usize = 3;
const FLAG: usize = 2;
const COUNT: usize = 1;

fn word(condition: usize, back: usize) -> usize {
    condition - back * size_of::<usize>()
}

fn count_before(condition: usize) -> &'static AtomicUsize {
    // SAFETY: aligned, as a condition is, and in the midst of a structure of the runtime's, which lives as long. It is
    // written under the mutex, by who is known to have written it before.
    unsafe { AtomicUsize::from_ptr(word(condition, COUNT) as *mut usize) }
}

/// How often the lock has changed hands, under the mutex. It must be known.
#[inline(always)]
pub(super) fn count() -> &'static AtomicUsize {
    count_before(CONDITION.get())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Words {
    holder: usize,
    flag: i32,
    count: usize,
}

impl Words {
    fn before(condition: usize) -> Words {
        // SAFETY: as in `count_before`; only looked at.
        let (holder, flag) = unsafe {
            let holder = AtomicUsize::from_ptr(word(condition, HOLDER) as *mut usize);
            (holder, AtomicI32::from_ptr(word(condition, FLAG) as *mut i32))
        };
        Words {
            holder: holder.load(Ordering::Relaxed),
            flag: flag.load(Ordering::Relaxed),
            count: count_before(condition).load(Ordering::Relaxed),
        }
    }
}

/// What the runtime asks for, of a mutex or a condition. Below what their addresses are multiples of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Call {
    Lock = 1,
    Signal = 2,
    Unlock = 3,
}

/// A change of states asks for so much.
const CALLS: usize = 8;

/// The calls of the change that is watched, each with its address.
static NOTES: [AtomicUsize; CALLS] = [const { AtomicUsize::new(0) }; CALLS];
static NOTED: AtomicUsize = AtomicUsize::new(0);

/// What lay before the condition when the lock was being let go.
static THEN: [AtomicUsize; 3] = [const { AtomicUsize::new(0) }; 3];

/// Notes a call of the change that is watched. Never inlined: the hooks need no frame without it.
#[cold]
#[inline(never)]
pub(super) fn note(call: Call, address: usize) {
    let at = NOTED.fetch_add(1, Ordering::Relaxed);
    let Some(note) = NOTES.get(at) else { return };
    note.store(address | call as usize, Ordering::Relaxed);
    if let (1, Call::Signal) = (at, call) {
        let Words { holder, flag, count } = Words::before(address);
        for (place, word) in THEN.iter().zip([holder, flag as usize, count]) {
            place.store(word, Ordering::Relaxed);
        }
    }
}

/// What one change has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    mutex: usize,
    condition: usize,
    other_mutex: usize,
    other_condition: usize,
}

impl Parts {
    /// Has the runtime change from one state to another, and sees by what. `None` if that was nothing known, or if the
    /// lock went to somebody else in between.
    ///
    /// Called on the OS thread that holds the lock, and by one at a time.
    pub(crate) fn watch(from: usize, to: usize, change: impl FnOnce()) -> Option<Parts> {
        NOTED.store(0, Ordering::Relaxed);
        watch(change);
        if NOTED.load(Ordering::Relaxed) != CALLS {
            return None;
        }
        let notes: [usize; CALLS] = std::array::from_fn(|at| NOTES[at].load(Ordering::Relaxed));
        let [mutex, condition, other_mutex, other_condition] =
            [0, 1, 4, 5].map(|at| notes[at] & !3);
        let expected = [
            (Call::Lock, mutex),
            (Call::Signal, condition),
            (Call::Unlock, mutex),
            (Call::Lock, mutex),
            (Call::Lock, other_mutex),
            (Call::Signal, other_condition),
            (Call::Unlock, other_mutex),
            (Call::Unlock, mutex),
        ];
        let as_expected = expected.map(|(call, address)| address | call as usize) == notes
            && mutex != other_mutex
            && condition != other_condition;
        if !as_expected {
            return None;
        }
        let [holder, flag, count] = [0, 1, 2].map(|at| THEN[at].load(Ordering::Relaxed));
        let expected = Words { holder: to, flag: 1, count: count.wrapping_add(1) };
        let is_so = (holder, flag) == (from, 0) && Words::before(condition) == expected;
        is_so.then_some(Parts { mutex, condition, other_mutex, other_condition })
    }

    /// From now on these are the lock's.
    pub(crate) fn settle(self) {
        for (part, address) in [
            (&MUTEX, self.mutex),
            (&CONDITION, self.condition),
            (&OTHER_MUTEX, self.other_mutex),
            (&OTHER_CONDITION, self.other_condition),
        ] {
            part.0.store(address, Ordering::Relaxed);
        }
    }

    /// What is to be seen of them by who holds the lock: who had it last, and how often it has changed hands.
    pub(crate) fn holder_and_count(self) -> (usize, usize) {
        let words = Words::before(self.condition);
        (words.holder, words.count)
    }
}
