//! Children that only system(3) may collect.
//!
//! libc's function holds SIGCHLD back while it waits, so that a handler that collects whatever it finds does not
//! get the shell. Here the wait is another OS thread's, and the caller's mask is not its own alone: what the
//! others start meanwhile would inherit it. So the handler is called later instead: not on an OS thread some of
//! whose green threads are in system(3), nor on those that wait for them.

use crate::hub::{self, Moment};
use crate::sys::tls;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Callers of system(3), of all hubs.
static CALLERS: AtomicUsize = AtomicUsize::new(0);
/// A handler was to be called.
static KEPT_BACK: AtomicBool = AtomicBool::new(false);

/// One call of system(3), on the caller's OS thread, to be dropped there.
#[derive(Debug)]
pub(super) struct Shelter(());

impl Shelter {
    pub(super) fn new() -> Shelter {
        hub::watch_forks(watch_fork);
        cover();
        CALLERS.fetch_add(1, Ordering::SeqCst);
        Shelter(())
    }
}

impl Drop for Shelter {
    fn drop(&mut self) {
        let here = &tls::words().sheltered;
        // In the child of a callback's fork the root may come from here, of which nothing is known there.
        let Some(left) = here.get().checked_sub(1) else { return };
        here.set(left);
        CALLERS.fetch_sub(1, Ordering::SeqCst);
        if left == 0 && KEPT_BACK.swap(false, Ordering::SeqCst) {
            // SAFETY: takes no pointer.
            unsafe { libc::raise(libc::SIGCHLD) };
        }
    }
}

/// The calling OS thread waits for a shell, and does nothing else.
pub(super) fn cover() {
    let here = &tls::words().sheltered;
    here.set(here.get() + 1);
}

/// Whether a handler that is about to be called is to be called later. Async-signal-safe.
pub(super) fn keeps_back(signal: i32) -> bool {
    if signal != libc::SIGCHLD || tls::words().sheltered.get() == 0 {
        return false;
    }
    KEPT_BACK.store(true, Ordering::SeqCst);
    // Either the last caller finds the mark, or it has gone: a cancelled one does not wait for its shell.
    CALLERS.load(Ordering::SeqCst) != 0 || !KEPT_BACK.swap(false, Ordering::SeqCst)
}

/// A child has none of the callers.
fn watch_fork(moment: Moment) {
    if let Moment::InChild(_) = moment {
        tls::words().sheltered.set(0);
        CALLERS.store(0, Ordering::SeqCst);
        KEPT_BACK.store(false, Ordering::SeqCst);
    }
}
