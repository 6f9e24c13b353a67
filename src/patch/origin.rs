//! Where a hooked function was called from, for who has to know that in the middle of a kill.
//!
//! Unwinding tells, and would cost more than all the rest. But between the frame that asks and the place of the
//! return address lie frames of this library alone, and the compiler has given each its size. So the place is
//! looked for once in each hook, by unwinding, and from then on read at that distance.
//!
//! A frame that aligns itself anew has no fixed size. Of a hook with such a frame two searches find two distances,
//! and it is searched for ever; what was read meanwhile is one word of the stack or another, not likely the very
//! return address that an earlier search has found. At worst a driver is taken for the interpreter.

use crate::hub;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

const UNKNOWN: usize = 0;
const VARIES: usize = usize::MAX;

/// How far above the mark of who asks the return address lies, in one hook.
#[derive(Debug)]
pub(super) struct Trail(AtomicUsize);

impl Trail {
    pub(super) const fn new() -> Trail {
        Trail(AtomicUsize::new(UNKNOWN))
    }
}

/// One call, as long as the frame stands that has the mark.
#[derive(Debug)]
pub(super) struct Here<'call> {
    mark: usize,
    trail: &'call Trail,
}

impl<'call> Here<'call> {
    pub(super) fn new(mark: &'call usize, trail: &'call Trail) -> Here<'call> {
        Here { mark: ptr::from_ref(mark) as usize, trail }
    }
}

impl hub::Origin for Here<'_> {
    fn glimpse(&self) -> Option<usize> {
        match self.trail.0.load(Ordering::Relaxed) {
            UNKNOWN | VARIES => None,
            // SAFETY: between the mark and the frame of who called the hook, which are all in use: the distance was
            // that of such a place, and differs by an alignment if at all.
            distance => Some(unsafe { ptr::read_volatile((self.mark + distance) as *const usize) }),
        }
    }

    fn found(&self, address: usize, stack: usize) {
        // Elsewhere the address lies wherever the first frame has put the register that it came in.
        if !cfg!(target_arch = "x86_64") {
            return;
        }
        let place = stack.wrapping_sub(size_of::<usize>());
        // SAFETY: what the call has pushed, as long as it has not returned.
        if place <= self.mark || unsafe { ptr::read_volatile(place as *const usize) } != address {
            return;
        }
        let distance = place - self.mark;
        let before = self.trail.0.load(Ordering::Relaxed);
        let now = if [UNKNOWN, distance].contains(&before) { distance } else { VARIES };
        self.trail.0.store(now, Ordering::Relaxed);
    }
}
