//! Many cores: a number of hubs, each on an OS thread of its own, and work that is spread over them.
//!
//! * `serve` — one port, served by all of them.
//!
//! The root of each OS thread waits for the group's end and drives its hub meanwhile. A green thread
//! stays on the hub that it was spawned on: what it shares with others of the group it shares through
//! `sync`.

pub(crate) mod serve;

use crate::clock::{self, Nanos};
use crate::error::{Error, Result};
use crate::hub::{self, enter, Moment, Options};
use crate::sync::{event, wait_group};
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

/// More hubs than this are no wish for cores but a mistake.
pub(crate) const MOST: usize = 1024;

/// Who is told to end, after its green threads were cancelled, may take so much longer than the deadline
/// before it counts as stuck in something that blocks its OS thread.
const GRACE: Nanos = 1_000_000_000;

/// How far a worker is.
const RUNS: u8 = 0;
const ENDS: u8 = 1;
const GONE: u8 = 2;

/// One of the OS threads.
#[derive(Debug)]
struct Worker {
    /// What became of its start; told once.
    started: Mutex<Option<Result<()>>>,
    told: Condvar,
    /// The handle of its hub.
    hub: AtomicUsize,
    /// An event that tells its root to free the hub.
    quit: usize,
    state: AtomicU8,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
pub(crate) struct Group {
    workers: Vec<Arc<Worker>>,
    next: AtomicUsize,
    /// Until when green threads may run that were cancelled.
    until: Arc<AtomicI64>,
    /// Counts the workers that are at it.
    freeing: usize,
}

/// All groups, by what C holds: an index and a generation, as with hubs.
static GROUPS: Mutex<Groups> = Mutex::new(Groups { slots: Vec::new(), made: 0 });

struct Groups {
    slots: Vec<(usize, Option<Arc<Group>>)>,
    made: usize,
}

const INDEX_BITS: u32 = 16;

struct AcrossFork(UnsafeCell<Option<MutexGuard<'static, Groups>>>);

// SAFETY: touched between the moments of one fork only, on the OS thread that forks.
unsafe impl Sync for AcrossFork {}

static HELD: AcrossFork = AcrossFork(UnsafeCell::new(None));

/// The child has no group: their OS threads are the parent's.
fn watch_fork(moment: Moment) {
    // SAFETY: see `AcrossFork`.
    let held = unsafe { &mut *HELD.0.get() };
    match moment {
        Moment::Before => *held = Some(lock(&GROUPS)),
        Moment::InParent => *held = None,
        Moment::InChild(_) => {
            if let Some(mut groups) = held.take() {
                for group in groups.slots.iter_mut().filter_map(|(_, group)| group.take()) {
                    // Ends the wait of a root that frees the group.
                    let _ = wait_group::free(group.freeing);
                    // Not dropped: it holds OS threads that nobody can join here.
                    std::mem::forget(group);
                }
            }
        }
    }
}

/// Makes a group of `count` hubs, 0 for as many as there are cores to run them.
pub(crate) fn new(count: usize, options: Options) -> Result<usize> {
    let count = match count {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        count if count <= MOST => count,
        _ => return Err(Error::EINVAL),
    };
    let until = Arc::new(AtomicI64::new(0));
    let freeing = wait_group::new(b"group")?;
    // Behind the objects, whose locks are free when this is told of a child.
    hub::watch_forks(watch_fork);
    let mut group = Group { workers: Vec::new(), next: AtomicUsize::new(0), until, freeing };
    for number in 0..count {
        match group.start(number, options) {
            Ok(worker) => group.workers.push(worker),
            Err(error) => {
                let _ = group.end(clock::NEVER);
                return Err(error);
            }
        }
    }
    let mut groups = lock(&GROUPS);
    groups.made += 1;
    let entry = (groups.made, Some(Arc::new(group)));
    let index = match groups.slots.iter().position(|(_, group)| group.is_none()) {
        Some(index) => {
            groups.slots[index] = entry;
            index
        }
        None => {
            groups.slots.push(entry);
            groups.slots.len() - 1
        }
    };
    if index >= 1 << INDEX_BITS {
        groups.slots.pop();
        return Err(Error::EAGAIN);
    }
    Ok(groups.made << INDEX_BITS | (index + 1))
}

/// The group of a handle. `EINVAL` for one that was freed, or never was.
pub(crate) fn find(handle: usize) -> Result<Arc<Group>> {
    let index = (handle & ((1 << INDEX_BITS) - 1)).checked_sub(1).ok_or(Error::EINVAL)?;
    let groups = lock(&GROUPS);
    match groups.slots.get(index) {
        Some((made, Some(group))) if *made == handle >> INDEX_BITS => Ok(Arc::clone(group)),
        _ => Err(Error::EINVAL),
    }
}

/// Cancels all green threads of a group and frees its hubs. `EBUSY` if some have not ended by then.
pub(crate) fn free(handle: usize, deadline: Nanos) -> Result<()> {
    let group = find(handle)?;
    let hub = enter()?;
    hub.suspender()?;
    if group.workers.iter().any(|worker| worker.hub() == hub.handle()) {
        // It would wait for itself.
        return Err(Error::EDEADLK);
    }
    group.end(deadline)?;
    let index = (handle & ((1 << INDEX_BITS) - 1)) - 1;
    let mut groups = lock(&GROUPS);
    if groups.slots[index].0 == handle >> INDEX_BITS {
        groups.slots[index].1 = None;
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Worker {
    /// The OS thread's life.
    fn run(&self, options: Options, until: &AtomicI64, freeing: usize) {
        let made = hub::create(options);
        if let Ok(hub) = made {
            self.hub.store(hub.handle(), Ordering::Release);
        }
        *lock(&self.started) = Some(made.map(drop));
        self.told.notify_one();
        let Ok(hub) = made else { return };
        loop {
            // Cancelled by nobody: roots are not.
            let _ = event::wait(self.quit, clock::NEVER);
            let freed = hub::free(hub, until.load(Ordering::Acquire)).is_ok();
            self.state.store(if freed { GONE } else { RUNS }, Ordering::Release);
            let _ = wait_group::add(freeing, -1);
            if freed {
                return;
            }
        }
    }

    fn wait_started(&self) -> Result<()> {
        let mut started = lock(&self.started);
        loop {
            if let Some(result) = *started {
                return result;
            }
            started = self.told.wait(started).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn hub(&self) -> usize {
        self.hub.load(Ordering::Acquire)
    }

    /// Once its hub is gone, or was never made, nothing is left that could keep the OS thread.
    fn clean_up(&self) {
        if let Some(thread) = lock(&self.thread).take() {
            let _ = thread.join();
        }
        let _ = event::free(self.quit);
    }
}

impl Group {
    fn start(&self, number: usize, options: Options) -> Result<Arc<Worker>> {
        let worker = Arc::new(Worker {
            started: Mutex::new(None),
            told: Condvar::new(),
            hub: AtomicUsize::new(0),
            quit: event::new(b"group", true, false)?,
            state: AtomicU8::new(RUNS),
            thread: Mutex::new(None),
        });
        let (mine, until, freeing) = (Arc::clone(&worker), Arc::clone(&self.until), self.freeing);
        let thread = Builder::new()
            .name(format!("greenhub-{number}"))
            .spawn(move || mine.run(options, &until, freeing));
        let result = match thread {
            Ok(thread) => {
                *lock(&worker.thread) = Some(thread);
                worker.wait_started()
            }
            Err(error) => Err(Error::from_io(&error)),
        };
        if let Err(error) = result {
            worker.clean_up();
            return Err(error);
        }
        Ok(worker)
    }

    fn end(&self, deadline: Nanos) -> Result<()> {
        self.until.store(deadline, Ordering::Release);
        for worker in &self.workers {
            // One that is at it since an earlier call, which was given up, is waited for all the same.
            let (success, failure) = (Ordering::AcqRel, Ordering::Acquire);
            if worker.state.compare_exchange(RUNS, ENDS, success, failure).is_ok() {
                wait_group::add(self.freeing, 1)?;
                event::set(worker.quit)?;
            }
        }
        let waited = wait_group::wait(self.freeing, deadline.saturating_add(GRACE));
        let gone = |worker: &Arc<Worker>| worker.state.load(Ordering::Acquire) == GONE;
        match waited {
            Ok(()) if self.workers.iter().all(gone) => {}
            Ok(()) | Err(Error::ETIMEDOUT) => return Err(Error::EBUSY),
            Err(error) => return Err(error),
        }
        for worker in &self.workers {
            worker.clean_up();
        }
        let _ = wait_group::free(self.freeing);
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        self.workers.len()
    }

    /// The handle of a hub.
    pub(crate) fn hub(&self, index: usize) -> Option<usize> {
        self.workers.get(index).map(|worker| worker.hub())
    }

    /// Whose turn it is.
    pub(crate) fn next(&self) -> usize {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        self.workers[turn % self.workers.len()].hub()
    }
}
