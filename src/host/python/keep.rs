//! From one green thread's state to another's, with the interpreter's lock kept.
//!
//! Up to 3.11 `PyThreadState_Swap` stores a pointer. From 3.12 on it lets go of the lock and takes it again, which
//! beside busy OS threads wakes one of them for nothing at every switch. There the release is left out
//! (`patch::keep_lock`), if this interpreter is seen to do what that is made for: at the first wait or green thread
//! states are changed back and forth, first watched and then kept. Else the swap is what CPython makes of it.
//!
//! Either way other OS threads get the lock as from any Python thread: who has waited for a switch interval asks for
//! it, and whoever runs lets go, in the eval loop or in the next swap.

use super::api::{Api, State};
use super::state::{interpreter, is_over, mark, set_mark};
use crate::patch::{self, Families, Parts, Wanted};
use crate::sys::symbol::Opened;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// With this variable "0" in the environment the swap is left as it is.
const VARIABLE: &str = "GREENHUB_KEEP_GIL";

static KEEPS: AtomicBool = AtomicBool::new(false);

/// What is known of the way.
static WAY: AtomicU8 = AtomicU8::new(UNDECIDED);
const UNDECIDED: u8 = 0;
/// The lock is let go and taken again, also while it is being decided.
const SWAPS: u8 = 1;
const KEPT: u8 = 2;

/// Whether a switch keeps the lock; `None` before the first wait or green thread.
pub(super) fn keeps() -> Option<bool> {
    match WAY.load(Ordering::Relaxed) {
        UNDECIDED => None,
        way => Some(way == KEPT),
    }
}

/// From the state that is attached to another one.
///
/// # Safety
/// As PyThreadState_Swap.
#[inline]
pub(super) unsafe fn swap(api: &Api, to: State) {
    // Once the interpreter ends, who takes the lock may have to end their OS thread instead, and must not have a part of
    // it in their hands. It cannot begin to end before the swap is done: that takes the lock.
    if !KEEPS.load(Ordering::Relaxed) || is_over(api) {
        // SAFETY: the caller vouches for it.
        unsafe { (api.state_swap)(to) };
        return;
    }
    let is_right = patch::keep_lock(|| {
        // SAFETY: as above.
        unsafe { (api.state_swap)(to) };
    });
    if !is_right {
        decide(SWAPS);
    }
}

fn decide(way: u8) {
    WAY.store(way, Ordering::Relaxed);
    KEEPS.store(way == KEPT, Ordering::Relaxed);
}

/// A green thread is about to be made, or to wait. Finds out, once, whether the lock can be kept.
///
/// # Safety
/// The calling thread's state is attached.
#[inline]
pub(super) unsafe fn prepare(api: &Api) {
    if WAY.load(Ordering::Relaxed) == UNDECIDED {
        // SAFETY: the caller vouches for it.
        unsafe { find_out(api) };
    }
}

/// # Safety
/// As above.
#[cold]
#[inline(never)]
unsafe fn find_out(api: &Api) {
    // Up to 3.11 nothing is let go that would have to be kept.
    let is_kept = api.version < 0x030c;
    // Whoever comes here while the lock is let go below takes it as it is.
    WAY.store(if is_kept { KEPT } else { SWAPS }, Ordering::Relaxed);
    let Some(interpreter) = Opened::around(api.state_swap as usize) else { return };
    let tries = !is_kept && std::env::var_os(VARIABLE).is_none_or(|value| value != "0");
    let families = if tries { Families::LASTING } else { Families::HOST_END };
    // SAFETY: open until this function returns.
    let hooked = unsafe { patch::patch_for_good(Wanted::Handle(interpreter.handle()), families) };
    if hooked.is_err() || !tries {
        return;
    }
    // SAFETY: the caller vouches for it.
    if unsafe { Trial::begin(api) }.is_some_and(|trial| trial.succeeds()) {
        decide(KEPT);
    }
}

/// Two states to change between. The second one goes with this.
struct Trial<'api> {
    api: &'api Api,
    own: State,
    other: State,
}

/// How often is tried what fails when another OS thread has asked for the lock.
const TRIES: usize = 16;

impl Trial<'_> {
    /// # Safety
    /// The calling thread's state is attached.
    unsafe fn begin(api: &Api) -> Option<Trial<'_>> {
        // SAFETY: the caller vouches for the state; the interpreter lives as long as anything that runs in it.
        let (own, other) = unsafe { ((api.state_current)(), (api.state_new)(interpreter())) };
        if other.is_null() {
            return None;
        }
        let trial = Trial { api, own, other };
        let before = mark();
        // As in `state::start`.
        set_mark(ptr::null_mut());
        trial.change(other);
        set_mark(before);
        trial.change(own);
        Some(trial)
    }

    fn succeeds(&self) -> bool {
        let Some(parts) = (0..TRIES).find_map(|_| self.watched()) else { return false };
        parts.settle();
        let mut is_kept = false;
        for _ in 0..TRIES {
            match self.kept(parts) {
                None => return false,
                Some(kept) => is_kept |= kept,
            }
        }
        is_kept
    }

    /// To the other state and back, both attached by `change`, which is told of each way.
    fn there_and_back<T>(&self, mut change: impl FnMut(State, State) -> T) -> [T; 2] {
        let before = mark();
        set_mark(self.other);
        let there = change(self.own, self.other);
        set_mark(before);
        [there, change(self.other, self.own)]
    }

    fn change(&self, to: State) {
        // SAFETY: one of the two states, of which the other one is attached, with the lock held.
        unsafe { (self.api.state_swap)(to) };
    }

    fn watched(&self) -> Option<Parts> {
        let [there, back] = self.there_and_back(|from, to| {
            Parts::watch(from as usize, to as usize, || self.change(to))
        });
        there.filter(|_| there == back)
    }

    /// Whether the lock was kept on both ways; `None` if something went wrong.
    fn kept(&self, parts: Parts) -> Option<bool> {
        let [there, back] = self.there_and_back(|_, to| {
            let (_, before) = parts.holder_and_count();
            let is_right = patch::keep_lock(|| self.change(to));
            let (holder, after) = parts.holder_and_count();
            // SAFETY: only looks.
            let current = unsafe { (self.api.state_current)() };
            (is_right && current == to && holder == to as usize).then_some(before == after)
        });
        Some(there? && back?)
    }
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        let before = mark();
        // SAFETY: made by `begin`, nothing has run in it, and it is not attached. Deleted as `state::attach` does it.
        unsafe {
            (self.api.state_clear)(self.other);
            set_mark(self.other);
            (self.api.state_delete)(self.other);
        }
        set_mark(before);
    }
}
