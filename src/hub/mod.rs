//! The hub: one per OS thread, it runs one green thread while the others wait.
//!
//! * `current` — finds the calling OS thread's hub, makes it on first use, frees it.
//! * `registry` — the handles of all hubs, good on every OS thread and after a hub is gone.
//! * `inbox` — what other OS threads and signal handlers send; `bell` — how they wake the hub.
//! * `run` — the loop: ready threads, inbox, readiness, deadlines.
//! * `pulse` — what the watchdog sees of a hub.
//! * `pace` — how long ready threads may run before the loop looks for readiness again.
//! * `ready` — the ring of threads that can run.
//! * `park` — to wait, to wake, to yield.
//! * `interrupt` — handled signals, which end waits.
//! * `life` — spawn, end, join, detach, cancel.
//! * `remote` — the same, asked for by other OS threads.
//! * `descriptors` — what is known of each descriptor, here and across hubs.
//! * `mode` — whether it is in blocking mode.
//! * `waker` — to end a wait from another OS thread.
//! * `objects` — what is to be known of the locks and channels that are built on the hub.
//! * `readiness` — waiting for a descriptor's turn.
//! * `callback` — timers and posts, which run on the hub itself.
//! * `fork` — what becomes of a hub in the child of a fork.
//! * `slices` — whose time is over, as another OS thread has it.
//! * `runtime` — what a language runtime has attached to the OS thread.
//! * `linger` — how long it looks for work before it lets that one's lock go.
//! * `trim` — the pages that its green threads have used and do not need while they wait.
//! * `report` — statistics, and who waits for what.
//!
//! Everything in a hub is a cell: green threads call in from many stacks, so that no exclusive
//! reference to a hub's state may live across a switch.

mod bell;
mod callback;
mod current;
mod descriptors;
mod fork;
mod inbox;
mod interrupt;
mod life;
mod linger;
mod mode;
#[cfg(all(test, loom))]
mod model;
mod objects;
mod pace;
mod park;
mod pulse;
mod readiness;
mod ready;
mod registry;
mod remote;
mod report;
mod run;
mod runtime;
mod slices;
mod trim;
mod waker;

pub(crate) use current::{create, current, enter, free, keep_errno};
pub(crate) use descriptors::{
    adopt, changed, close, closing, forget_range, is_foreign, is_registered, share, share_all,
    stamp, Stamp,
};
pub(crate) use fork::{watch_forks, Moment};
pub(crate) use interrupt::{signal_handled, SignalSet};
pub(crate) use life::SpawnOptions;
pub(crate) use mode::{is_blocking, mode_has_changed, note_twins};
pub(crate) use objects::{observe, Description, Observer};
pub(crate) use pulse::{
    is_here, look, set_watched, thread_of, while_it_lives, witness, Beat, Place, Sighting,
};
pub(crate) use readiness::{perform, perform_once, try_now, Direction, PollWaiter};
pub(crate) use registry::{post, resolve, resolve_mine, stop};
pub(crate) use remote::{cancel_elsewhere, detach_elsewhere, post_to, spawn_away};
pub(crate) use run::Outcome;
pub(crate) use runtime::{
    register, runtime_ends, runtime_forbids_waiting, Attached, Origin, Runtime,
};
pub(crate) use slices::end_slice;
pub(crate) use waker::Waker;

use crate::clock::{self, Nanos};
use crate::coroutine::carry::Carrier;
use crate::error::{Error, Result};
use crate::poller::Poller;
use crate::slab::{Id, Kind, Slab};
use crate::stack::{self, Guard, Pool};
use crate::sys::fault::AlternateStack;
use crate::thread::Thread;
use crate::timer::Wheel;
use callback::Timer;
use descriptors::Descriptors;
use interrupt::Heeders;
use linger::Linger;
use pace::Pace;
use pulse::Pulse;
use ready::Ready;
use registry::Remote;
use remote::Joiners;
use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use trim::Trim;

/// What `gh_hub_options` sets, defaults filled in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    pub(crate) stack_size: usize,
    pub(crate) timer_slack: Nanos,
    pub(crate) budget: u32,
    pub(crate) warm_stacks: usize,
    pub(crate) guard: Guard,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            stack_size: stack::DEFAULT_SIZE,
            timer_slack: 1_000_000,
            budget: 128,
            warm_stacks: 4096,
            guard: Guard::Auto,
        }
    }
}

/// One OS thread's hub.
#[derive(Debug)]
pub(crate) struct Hub {
    /// The half that other OS threads may touch. It outlives the hub.
    remote: &'static Remote,
    handle: usize,
    options: Options,

    /// Who runs now; null while the hub itself does.
    current: Cell<*const Thread>,
    pulse: Pulse,
    ready: Ready,
    /// The clock as of the last look at it. A switch does not read the clock.
    now: Cell<Nanos>,
    /// Calls that may still succeed at once before the running thread must let others run.
    budget: Cell<u32>,
    pace: Pace,
    carrier: Carrier,
    /// What a language runtime has attached to the OS thread.
    attached: Cell<Attached>,
    linger: Linger,
    /// What the runtime's adapter keeps of the root.
    root_record: Cell<*mut c_void>,

    poller: Poller,
    descriptors: Descriptors,
    wheel: Wheel,
    trim: Trim,

    root: Cell<*const Thread>,
    /// Green threads that have not ended, the root not counted.
    live: Cell<usize>,
    /// Parked threads that only another green thread can wake.
    inside: Cell<usize>,
    /// Who waits in a way that signals end.
    heeders: Heeders,
    /// `gh_hub_free` is under way: no new green threads.
    draining: Cell<bool>,
    /// A foreign event loop may be waiting on the poller's descriptor.
    embedded: Cell<bool>,
    /// How many forks lie between the process that made the hub and this one.
    forks: Cell<u32>,
    counters: Counters,

    /// Who joins green threads of this hub from other OS threads.
    joiners: RefCell<Joiners>,
    timers: Slab<Timer>,
    threads: Slab<Thread>,
    stacks: Pool,
    /// The last field: a fault while the others are dropped is still handled on it.
    _signal_stack: AlternateStack,
}

#[derive(Debug, Default)]
struct Counters {
    spawned: Cell<u64>,
    polls: Cell<u64>,
    events: Cell<u64>,
    posts: Cell<u64>,
    /// Posts and timers together.
    callbacks: Cell<u64>,
}

impl Hub {
    fn new(remote: &'static Remote, handle: usize, options: Options) -> Result<Hub> {
        let now = clock::now();
        let number = remote.number();
        Ok(Hub {
            remote,
            handle,
            options,
            current: Cell::new(std::ptr::null()),
            pulse: Pulse::new(),
            ready: Ready::new(),
            now: Cell::new(now),
            budget: Cell::new(options.budget),
            pace: Pace::new(now),
            carrier: Carrier::new(),
            attached: Cell::new(std::ptr::null_mut()),
            linger: Linger::default(),
            root_record: Cell::new(std::ptr::null_mut()),
            poller: Poller::new(remote.wake_descriptor(), options.timer_slack)?,
            descriptors: Descriptors::new(),
            wheel: Wheel::new(options.timer_slack, now),
            trim: Trim::default(),
            root: Cell::new(std::ptr::null()),
            live: Cell::new(0),
            inside: Cell::new(0),
            heeders: Heeders::none(),
            draining: Cell::new(false),
            embedded: Cell::new(false),
            forks: Cell::new(0),
            counters: Counters::default(),
            joiners: RefCell::new(Joiners::new()),
            timers: Slab::new(Kind::Timer, number, remote.timer_floor()),
            threads: Slab::new(Kind::Thread, number, remote.thread_floor()),
            stacks: Pool::new(options.guard, options.warm_stacks),
            _signal_stack: AlternateStack::ensure(),
        })
    }

    /// The opaque pointer by which C knows this hub.
    pub(crate) fn handle(&self) -> usize {
        self.handle
    }

    /// The running green thread; `None` on the hub itself, in a callback.
    #[inline]
    pub(crate) fn running(&self) -> Option<&Thread> {
        // SAFETY: a control block stays in its slab while its thread runs.
        unsafe { self.current.get().as_ref() }
    }

    /// The running green thread, if it may wait now.
    #[inline]
    pub(crate) fn suspender(&self) -> Result<&Thread> {
        let thread = self.running().ok_or(Error::NOT_GREEN)?;
        if thread.is_interrupted() {
            return Err(Error::ECANCELED);
        }
        Ok(thread)
    }

    /// Whether a deadline has passed, by the clock as of the last look.
    #[inline]
    pub(crate) fn is_past(&self, deadline: Nanos) -> bool {
        deadline <= self.now.get()
    }

    /// The control block of an id. An id of another hub is told from one whose thread is gone.
    pub(crate) fn thread(&self, id: Id) -> Result<&Thread> {
        self.threads.get(id).ok_or_else(|| absent_thread(id))
    }

    /// Only the root may drive or free the hub.
    pub(crate) fn require_root(&self) -> Result<()> {
        match self.running() {
            Some(thread) if thread.root.get() => Ok(()),
            _ => Err(Error::NOT_ROOT),
        }
    }

    /// The poller's descriptor, for a foreign event loop, which from now on must learn of posts.
    pub(crate) fn descriptor(&self) -> Result<i32> {
        self.ensure_poller()?;
        let descriptor = self.poller.descriptor()?;
        if !self.embedded.replace(true) {
            self.remote.doze();
        }
        Ok(descriptor)
    }

    /// When a foreign event loop must call `run_once` at the latest: 0 for now.
    pub(crate) fn next_deadline(&self) -> Nanos {
        if !self.ready.is_empty() || self.remote.has_mail() {
            return 0;
        }
        self.wheel.next()
    }
}

/// Why the id of a green thread finds nothing on the calling OS thread: it is another hub's, or stale.
pub(crate) fn absent_thread(id: Id) -> Error {
    absent(id, Kind::Thread, Remote::thread_floor)
}

/// The same for the id of a timer.
pub(crate) fn absent_timer(id: Id) -> Error {
    absent(id, Kind::Timer, Remote::timer_floor)
}

/// `floor` tells which generations belong to earlier hubs of the same number.
fn absent(id: Id, kind: Kind, floor: impl Fn(&Remote) -> u32) -> Error {
    let mine = current().map(|hub| hub.remote.number());
    match registry::by_number(id.hub()) {
        Some(remote)
            if id.is_of(kind)
                && mine != Some(id.hub())
                && registry::is_alive(id.hub())
                && id.generation() > floor(remote) =>
        {
            Error::WRONG_THREAD
        }
        _ => Error::ESRCH,
    }
}
