//! Whether the hub waits, so that a burst of messages costs one wake-up and none is missed.

#[cfg(loom)]
use loom::sync::atomic::{fence, AtomicBool, Ordering};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Debug)]
pub(super) struct Bell {
    /// The hub waits, or may begin to, without another look at the inbox.
    asleep: AtomicBool,
}

impl Bell {
    pub(super) fn new() -> Bell {
        Bell { asleep: AtomicBool::new(false) }
    }

    /// Announces that the hub will wait. False when it must not, since something came before. Either the
    /// sender sees the announcement or the hub sees what was sent: both orders are sequentially
    /// consistent, here as in the inbox.
    #[inline]
    pub(super) fn fall_asleep(&self, is_quiet: impl FnOnce() -> bool) -> bool {
        self.asleep.store(true, Ordering::SeqCst);
        total_order();
        if is_quiet() {
            return true;
        }
        self.wake_up();
        false
    }

    #[inline]
    pub(super) fn wake_up(&self) {
        self.asleep.store(false, Ordering::Relaxed);
    }

    /// Whether the caller, who has sent something, must wake the hub: only the first one after it fell
    /// asleep finds it asleep.
    #[inline]
    pub(super) fn must_ring(&self) -> bool {
        total_order();
        self.asleep.load(Ordering::SeqCst) && self.asleep.swap(false, Ordering::SeqCst)
    }
}

/// loom takes sequentially consistent accesses for acquire and release: this stands for the rest there.
#[inline(always)]
fn total_order() {
    #[cfg(loom)]
    fence(Ordering::SeqCst);
}
