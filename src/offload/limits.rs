//! How large the pool may grow: what `gh_offload_options` sets.

use crate::clock::Nanos;
use crate::error::{Error, Result};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

/// OS threads that run at once. More than a machine has cores: they wait, for the disk as a rule.
const THREADS: usize = 16;
const QUEUE: usize = 1024;
const IDLE: Nanos = 10_000_000_000;
/// Beyond, a wish is a mistake: the kernel would refuse long before.
const MOST_THREADS: usize = 65_536;
const MOST_QUEUED: usize = 1 << 24;

/// A wish: zero stands for the default.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wish {
    pub(crate) threads: usize,
    pub(crate) queue: usize,
    pub(crate) idle: Nanos,
    pub(crate) names: usize,
}

/// Outside of the pool, so that the one that a forked child makes has them too.
static THREADS_NOW: AtomicUsize = AtomicUsize::new(THREADS);
static QUEUE_NOW: AtomicUsize = AtomicUsize::new(QUEUE);
static IDLE_NOW: AtomicI64 = AtomicI64::new(IDLE);
static NAMES_NOW: AtomicUsize = AtomicUsize::new(default_names(THREADS));

/// Half of the threads: names that do not resolve must not keep files from being read.
const fn default_names(threads: usize) -> usize {
    threads.div_ceil(2)
}

/// Takes a wish, all of it or, when something is out of range, nothing.
pub(super) fn set(wish: Wish) -> Result<()> {
    let or = |wish: usize, default: usize| if wish == 0 { default } else { wish };
    let threads = or(wish.threads, THREADS);
    let queue = or(wish.queue, QUEUE);
    let names = or(wish.names, default_names(threads));
    if threads > MOST_THREADS || queue > MOST_QUEUED || names > MOST_THREADS || wish.idle < 0 {
        return Err(Error::EINVAL);
    }
    THREADS_NOW.store(threads, Ordering::Relaxed);
    QUEUE_NOW.store(queue, Ordering::Relaxed);
    IDLE_NOW.store(if wish.idle == 0 { IDLE } else { wish.idle }, Ordering::Relaxed);
    NAMES_NOW.store(names, Ordering::Relaxed);
    Ok(())
}

pub(super) fn threads() -> usize {
    THREADS_NOW.load(Ordering::Relaxed)
}

/// Jobs that may stand in one queue.
pub(super) fn queue() -> usize {
    QUEUE_NOW.load(Ordering::Relaxed)
}

pub(super) fn idle() -> Duration {
    Duration::from_nanos(IDLE_NOW.load(Ordering::Relaxed) as u64)
}

/// Names that are looked up at once.
pub(super) fn names() -> usize {
    NAMES_NOW.load(Ordering::Relaxed)
}
