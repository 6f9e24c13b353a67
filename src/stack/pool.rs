//! Reuse: the stack given back last is the next one handed out.

use super::guard::{self, Guarding};
use super::region::Regions;
use super::{Guard, Stack};
use crate::error::{Error, Result};
use crate::sys::memory;
use corosensei::stack::valgrind::ValgrindStackRegistration;
use std::cell::{Cell, RefCell};
use std::num::NonZeroUsize;

/// The stacks of one hub.
#[derive(Debug)]
pub(crate) struct Pool {
    /// A few sizes at most, so a scan beats a map.
    classes: RefCell<Vec<Class>>,
    guarding: Guarding,
    /// The high-water mark: with more idle warm stacks than this, pages are given back.
    warm_limit: usize,
    warm: Cell<usize>,
    cold: Cell<usize>,
    cut: Cell<usize>,
}

#[derive(Debug)]
struct Class {
    size: usize,
    regions: Regions,
    warm: Vec<NonZeroUsize>,
    cold: Vec<NonZeroUsize>,
    cut: usize,
}

/// How many stacks there are, for `gh_hub_stats`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts {
    pub(crate) cut: usize,
    pub(crate) warm: usize,
    pub(crate) cold: usize,
    pub(crate) guard: Guard,
}

impl Pool {
    pub(crate) fn new(guard: Guard, warm_limit: usize) -> Pool {
        Pool {
            classes: RefCell::new(Vec::new()),
            guarding: Guarding::new(guard),
            warm_limit,
            warm: Cell::new(0),
            cold: Cell::new(0),
            cut: Cell::new(0),
        }
    }

    /// A stack of `size` bytes, a power of two as `slot_size` gives it.
    #[inline]
    pub(crate) fn take(&self, size: usize) -> Result<Stack> {
        let mut classes = self.classes.borrow_mut();
        let at = match classes.iter().position(|class| class.size == size) {
            Some(at) => at,
            None => {
                classes.push(Class::new(size));
                classes.len() - 1
            }
        };
        let class = &mut classes[at];
        if let Some(low) = class.warm.pop() {
            self.warm.set(self.warm.get() - 1);
            return Ok(Stack::new(low, size));
        }
        if let Some(low) = class.cold.pop() {
            self.cold.set(self.cold.get() - 1);
            return Ok(Stack::new(low, size));
        }
        let low = class.cut(&self.guarding)?;
        self.cut.set(self.cut.get() + 1);
        Ok(Stack::new(low, size))
    }

    /// Takes a stack back.
    ///
    /// # Safety
    /// The stack came from this pool, and nothing on it is in use.
    #[inline]
    pub(crate) unsafe fn give(&self, stack: Stack) {
        let mut classes = self.classes.borrow_mut();
        let Some(class) = classes.iter_mut().find(|class| class.size == stack.size()) else {
            debug_assert!(false, "a stack from elsewhere");
            return;
        };
        // Neither push can allocate: `Class::cut` reserved a place for every stack.
        if self.warm.get() < self.warm_limit {
            self.warm.set(self.warm.get() + 1);
            class.warm.push(stack.low);
        } else {
            let guard = guard::length(stack.size());
            // SAFETY: above the guard the slot is an ordinary part of its mapping, and unused.
            unsafe { memory::discard(stack.low.get() + guard, stack.size() - guard) };
            self.cold.set(self.cold.get() + 1);
            class.cold.push(stack.low);
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            cut: self.cut.get(),
            warm: self.warm.get(),
            cold: self.cold.get(),
            guard: self.guarding.method(),
        }
    }
}

impl Class {
    fn new(size: usize) -> Class {
        Class { size, regions: Regions::new(size), warm: Vec::new(), cold: Vec::new(), cut: 0 }
    }

    /// A slot never used before, guarded.
    #[cold]
    fn cut(&mut self, guarding: &Guarding) -> Result<NonZeroUsize> {
        if self.warm.capacity() <= self.cut || self.cold.capacity() <= self.cut {
            let more = (self.cut + 1).next_power_of_two().max(64);
            self.warm.try_reserve(more).map_err(|_| Error::ENOMEM)?;
            self.cold.try_reserve(more).map_err(|_| Error::ENOMEM)?;
        }
        let low = self.regions.cut()?;
        // SAFETY: the slot was just cut, so it is mapped and nobody uses it.
        if let Err(error) = unsafe { guarding.install(low, self.size) } {
            self.regions.uncut();
            return Err(error);
        }
        let guard = guard::length(self.size);
        // Registered for good: valgrind asks its newest registrations first, so that a slot at the
        // address of an unmapped one is found right.
        std::mem::forget(ValgrindStackRegistration::new(
            (low + guard) as *mut u8,
            self.size - guard,
        ));
        self.cut += 1;
        NonZeroUsize::new(low).ok_or(Error::ENOMEM)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reuse_is_last_in_first_out_and_cools_above_the_mark() {
        for guard in [Guard::Auto, Guard::Mprotect] {
            let pool = Pool::new(guard, 2);
            let taken: Vec<Stack> = (0..3).map(|_| pool.take(1 << 16).expect("memory")).collect();
            for stack in &taken {
                // SAFETY: from this pool, unused.
                unsafe { pool.give(*stack) };
            }
            let counts = pool.counts();
            assert_eq!((counts.cut, counts.warm, counts.cold), (3, 2, 1));
            assert_ne!(counts.guard, Guard::Auto);
            let again: Vec<usize> =
                (0..3).map(|_| pool.take(1 << 16).expect("memory").low.get()).collect();
            let expected: Vec<usize> =
                [1, 0, 2].iter().map(|&at: &usize| taken[at].low.get()).collect();
            assert_eq!(again, expected);
        }
    }

    #[test]
    fn the_usable_part_is_writable_to_its_last_byte_and_aligned() {
        use corosensei::stack::Stack as _;
        let pool = Pool::new(Guard::Auto, 8);
        for _ in 0..40 {
            let stack = pool.take(1 << 14).expect("memory");
            let (limit, base) = (stack.limit().get(), stack.base().get());
            assert_eq!(base % 16, 0);
            assert!(base - limit >= 8 * 1024 && stack.guards(limit - 1) && !stack.guards(limit));
            // SAFETY: both bytes lie in the usable part.
            unsafe {
                (limit as *mut u8).write_volatile(1);
                ((base - 1) as *mut u8).write_volatile(1);
            }
        }
    }
}
