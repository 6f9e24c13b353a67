//! Slices of time: an OS thread of the library's looks which stretch of a hub has lasted as long as a slice, and asks
//! for the interpreter's lock, so that it is given up between two instructions.
//!
//! It takes the lock like any thread of Python's, with a state of its own, and lets go of it at once: whom it has
//! interrupted meanwhile lets others of its OS thread run (`preemption`).

use super::api::{self, Api, State};
use super::state;
use crate::clock::{self, Nanos};
use crate::error::Result;
use crate::hub::{self, Beat, Place};
use crate::patch;
use crate::sys::os_thread;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A shorter one would go by before a switch of OS threads on a machine with work to do.
pub(super) const SHORTEST: Nanos = 1_000_000;

/// The OS thread that looks.
struct Monitor {
    process: u32,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

/// Leaked while it is here. Exchanged, not locked: the child of a fork finds what its parent had.
static MONITOR: AtomicPtr<Monitor> = AtomicPtr::new(ptr::null_mut());

/// Green threads run for so long at a time, from now on.
pub(super) fn start(interval: Nanos) -> Result<()> {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let thread = os_thread::start("gh-slices", move || watch(interval, &stopped))?;
    replace(Box::into_raw(Box::new(Monitor { process: std::process::id(), stop, thread })));
    Ok(())
}

/// Green threads run until they wait. The caller has let go of the interpreter's lock, for which the OS thread that is
/// waited for may be waiting.
pub(super) fn stop() {
    replace(ptr::null_mut());
}

fn replace(monitor: *mut Monitor) {
    let before = MONITOR.swap(monitor, Ordering::AcqRel);
    if before.is_null() {
        return;
    }
    // SAFETY: leaked by `start`, and taken by whoever has exchanged it, once.
    let before = unsafe { Box::from_raw(before) };
    if before.process != std::process::id() {
        // The parent's: there is no such OS thread here, and its handle stands for another process's memory.
        std::mem::forget(before);
        return;
    }
    before.stop.store(true, Ordering::Release);
    before.thread.thread().unpark();
    // An error would be a panic, of which it has died as well.
    let _ = before.thread.join();
}

/// What one look after the other has found of one hub.
#[derive(Clone, Copy, Debug, Default)]
struct Stretch {
    hub: usize,
    beat: Beat,
    since: Nanos,
}

/// The stretches of all hubs, by the hub's number.
#[derive(Debug, Default)]
struct Stretches {
    looked: Nanos,
    hubs: Vec<Stretch>,
}

impl Stretches {
    /// Which have lasted for a slice.
    fn over(&mut self, now: Nanos, interval: Nanos) -> Vec<(usize, Beat)> {
        let looked = std::mem::replace(&mut self.looked, now);
        let mut over = Vec::new();
        hub::look(now, |sighting| {
            if !matches!(sighting.beat.place(), Place::Root | Place::Loop) {
                return;
            }
            if self.hubs.len() <= sighting.number {
                self.hubs.resize_with(sighting.number + 1, Stretch::default);
            }
            let stretch = &mut self.hubs[sighting.number];
            if (stretch.hub, stretch.beat) != (sighting.hub, sighting.beat) {
                // Begun somewhere since the last look: most after one that was ended there.
                *stretch = Stretch { hub: sighting.hub, beat: sighting.beat, since: looked };
            }
            // Again at each look: it may have been where it cannot be left.
            if now - stretch.since >= interval {
                over.push((sighting.hub, sighting.beat));
            }
        });
        over
    }
}

/// Looks within a slice.
const LOOKS: i64 = 2;

fn watch(interval: Nanos, stop: &AtomicBool) {
    let api = api::known();
    // SAFETY: the interpreter lives until it has been ended, before which this OS thread is waited for.
    let own = unsafe { (api.state_new)(state::interpreter()) };
    if own.is_null() {
        return;
    }
    let pause = Duration::from_nanos((interval / LOOKS) as u64);
    let mut stretches = Stretches { looked: clock::now(), hubs: Vec::new() };
    while !stop.load(Ordering::Acquire) {
        thread::park_timeout(pause);
        let over = stretches.over(clock::now(), interval);
        if over.into_iter().filter(|(hub, beat)| hub::end_slice(*hub, *beat)).count() > 0 {
            interrupt(api, own);
        }
    }
    // SAFETY: this OS thread's own state, attached and deleted so.
    unsafe {
        (api.restore)(own);
        (api.state_clear)(own);
        (api.state_delete_current)();
    }
}

/// Has whoever has the interpreter's lock give it up for a moment.
fn interrupt(api: &Api, own: State) {
    // SAFETY: as above.
    patch::in_haste(|| unsafe { (api.restore)(own) });
    // SAFETY: attached just now.
    unsafe { (api.save)() };
}
