//! What a hub shows of itself to the watchdog, which looks from an OS thread of its own.
//!
//! Numbers that change with everything the hub does: while they stay as they are, one stretch of code keeps
//! the OS thread. The hub alone writes them, by plain stores and beside what a switch writes anyway, so
//! that being watched costs nothing while nobody watches and little more while somebody does.

use super::ready::Ready;
use super::registry::{self, Remote};
use super::runtime::{self, Attached};
use super::{current, life, Hub};
use crate::clock::{Nanos, NEVER};
use crate::error::{Error, Result};
use crate::stack::Stack;
use crate::sys::interrupt;
use crate::thread::Thread;
use std::ptr;
use std::sync::atomic::{
    compiler_fence, fence, AtomicBool, AtomicI32, AtomicI64, AtomicPtr, AtomicU64, Ordering,
};

/// Where a hub's OS thread is. What runs in the loop says `Beat::switches`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the root's own code.
    Root,
    /// In a green thread, or between two of them.
    Loop,
    /// In a timer's or a post's callback.
    Callback,
    /// In the poller: nobody is kept from running.
    Waiting,
}

/// How many bits of `Pulse::phase` say the place.
const PLACE_BITS: u32 = 2;

/// Two looks that find the same beat found the same stretch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Beat {
    /// Green threads that were switched to.
    pub(crate) switches: u64,
    /// Changes of place, and the last one's.
    pub(crate) phase: u64,
}

impl Beat {
    pub(crate) fn place(self) -> Place {
        match self.phase & ((1 << PLACE_BITS) - 1) {
            0 => Place::Root,
            1 => Place::Loop,
            2 => Place::Callback,
            _ => Place::Waiting,
        }
    }
}

#[derive(Debug)]
pub(super) struct Pulse {
    switches: AtomicU64,
    /// The last green thread that was switched to. The block itself is not touched: its id lies on a line
    /// that a switch does not load.
    running: AtomicPtr<Thread>,
    phase: AtomicU64,
    /// In the root's own code: a deadline that others wait for.
    due: AtomicI64,
    os_thread: AtomicI32,
    /// Which stretch has used up its slice (`slices`).
    pub(super) over: AtomicU64,
}

/// Somebody looks: what costs more than a store is kept up to date.
static WATCHED: AtomicBool = AtomicBool::new(false);

pub(crate) fn set_watched(watched: bool) {
    WATCHED.store(watched, Ordering::Relaxed);
}

impl Pulse {
    pub(super) fn new() -> Pulse {
        Pulse {
            switches: AtomicU64::new(0),
            running: AtomicPtr::new(ptr::null_mut()),
            phase: AtomicU64::new(Place::Root as u64),
            due: AtomicI64::new(NEVER),
            os_thread: AtomicI32::new(interrupt::os_thread()),
            over: AtomicU64::new(0),
        }
    }

    pub(super) fn switches(&self) -> u64 {
        self.switches.load(Ordering::Relaxed)
    }

    #[inline(always)]
    pub(super) fn switch_to(&self, thread: &Thread) {
        self.switches.store(self.switches() + 1, Ordering::Relaxed);
        self.running.store(ptr::from_ref(thread).cast_mut(), Ordering::Relaxed);
        // For a signal handler, which sees what the instructions have done so far.
        compiler_fence(Ordering::Release);
    }

    #[inline]
    pub(super) fn go(&self, place: Place) {
        let changes = (self.phase.load(Ordering::Relaxed) >> PLACE_BITS) + 1;
        self.phase.store(changes << PLACE_BITS | place as u64, Ordering::Relaxed);
    }

    /// In the child of a fork, in `place` from now on.
    pub(super) fn after_fork(&self, place: Place) {
        self.os_thread.store(interrupt::os_thread(), Ordering::Relaxed);
        self.due.store(NEVER, Ordering::Relaxed);
        self.go(place);
    }

    pub(super) fn beat(&self) -> Beat {
        Beat { switches: self.switches(), phase: self.phase.load(Ordering::Relaxed) }
    }
}

impl Hub {
    /// The root's own code goes on. The others' deadlines do not change meanwhile: only the loop arms them.
    #[inline]
    pub(super) fn back_in_root(&self) {
        if WATCHED.load(Ordering::Relaxed) {
            self.pulse.due.store(self.wheel.some_deadline(), Ordering::Relaxed);
        }
        self.pulse.go(Place::Root);
    }
}

/// What a look finds of one hub.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sighting {
    pub(crate) hub: usize,
    pub(crate) number: usize,
    pub(crate) os_thread: i32,
    pub(crate) beat: Beat,
    /// Something could run if the root did not.
    pub(crate) others_wait: bool,
}

/// The parts of a hub that may be read here.
///
/// # Safety
/// The registry's lock is held while the answer is used.
pub(super) unsafe fn shown<'a>(remote: &Remote) -> Option<(&'a Pulse, &'a Ready)> {
    let hub = remote.hub();
    if hub.is_null() {
        return None;
    }
    // SAFETY: a hub takes its address back under the lock before it goes, and the caller holds that. No
    // reference to the whole is made, whose cells are its OS thread's: these two fields are read through
    // atomics only.
    Some(unsafe { (&(*hub).pulse, &(*hub).ready) })
}

/// Looks at every hub.
pub(crate) fn look(now: Nanos, mut each: impl FnMut(Sighting)) {
    let _held = registry::lock();
    registry::for_each(|remote| {
        // SAFETY: the lock is held.
        let Some((pulse, ready)) = (unsafe { shown(remote) }) else { return };
        let others_wait = !ready.is_empty() || pulse.due.load(Ordering::Relaxed) <= now;
        each(Sighting {
            hub: remote.handle(),
            number: remote.number() as usize,
            os_thread: pulse.os_thread.load(Ordering::Relaxed),
            beat: pulse.beat(),
            others_wait,
        });
    });
}

/// Calls `act` with the OS thread of a hub, which stays while it runs if its beat is still the same: a hub
/// takes its address back, under the lock, before its OS thread may end.
pub(crate) fn while_it_lives(
    hub: usize,
    beat: Beat,
    act: impl FnOnce(i32) -> Result<()>,
) -> Result<()> {
    let _held = registry::lock();
    let remote = registry::remote_of(hub)?;
    // SAFETY: the lock is held.
    match unsafe { shown(remote) } {
        Some((pulse, _)) if pulse.beat() == beat => act(pulse.os_thread.load(Ordering::Relaxed)),
        _ => Err(Error::NO_HUB),
    }
}

/// The id of the green thread that a hub has switched to, if its beat is still the same: for one whose OS
/// thread does not answer.
pub(crate) fn thread_of(hub: usize, beat: Beat) -> Option<u64> {
    let _held = registry::lock();
    let remote = registry::remote_of(hub).ok()?;
    // SAFETY: the lock is held.
    let (pulse, _) = unsafe { shown(remote) }?;
    let thread = pulse.running.load(Ordering::Acquire);
    if thread.is_null() || pulse.beat() != beat {
        return None;
    }
    // SAFETY: control blocks lie in memory that the hub keeps until it goes, and the lock keeps the hub. A
    // sequence lock's read: if the green thread has ended and another one is being made in its place, the
    // beat has changed before, and what was read is not used. Volatile, so that it is read here and once.
    let id = unsafe { (&raw const (*thread).id).read_volatile() };
    fence(Ordering::Acquire);
    (pulse.beat() == beat).then_some(id.0)
}

/// Whether the calling OS thread's hub is this one. Async-signal-safe.
pub(crate) fn is_here(hub: usize) -> bool {
    current().is_some_and(|mine| mine.handle == hub)
}

/// What runs on an OS thread, told by itself.
#[derive(Debug)]
pub(crate) struct Witness<'a> {
    /// 0 for a callback of the hub.
    pub(crate) thread: u64,
    pub(crate) name: &'a [u8],
    /// Where its frames lie; `None` for those of the OS thread's own stack.
    pub(crate) stack: Option<Stack>,
    /// The function of the library that called a green thread's entry.
    pub(crate) caller: usize,
    /// By which state a language runtime knows the OS thread; null for none.
    pub(crate) state: Attached,
}

/// What runs on the calling OS thread, if that is still the same stretch of this hub; `None` also for the
/// loop's own work. Async-signal-safe: it only reads what no code of the hub leaves half-written.
pub(crate) fn witness(hub: usize, beat: Beat) -> Option<Witness<'static>> {
    let mine = current().filter(|mine| mine.handle == hub && mine.pulse.beat() == beat)?;
    let (caller, state) = (life::caller(), runtime::mark());
    match mine.running() {
        // The root in the loop's place is about to leave it, or has just come.
        Some(thread) if thread.root.get() != (beat.place() == Place::Root) => None,
        Some(thread) => {
            let name = match thread.name() {
                [] if thread.root.get() => b"root",
                name => name,
            };
            let stack = thread.coroutine.stack();
            Some(Witness { thread: thread.id.0, name, stack, caller, state })
        }
        None if beat.place() == Place::Callback => {
            Some(Witness { thread: 0, name: b"callback", stack: None, caller, state })
        }
        None => None,
    }
}
