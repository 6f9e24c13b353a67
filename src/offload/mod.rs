//! Calls that block, run by OS threads of their own while the green thread waits.
//!
//! * `limits` — how large the pool may grow.
//! * `job` — one call, and how it and its waiter part.
//! * `queue` — the jobs that no thread has taken yet.
//! * `pool` — the threads.
//! * `file` — what is done with files there.
//!
//! There is one pool for the whole process, since what its threads wait for, disks and name servers, is
//! the process's too.

pub(crate) mod file;
mod job;
mod limits;
mod pool;
mod queue;

pub(crate) use limits::Wish;
pub(crate) use pool::Stats;
pub(crate) use queue::Purpose;

pub(crate) use crate::sys::os_thread::Signals;

use crate::clock::{Nanos, NEVER};
use crate::error::{Error, Result};
use crate::hub::enter;
use crate::sys::os_thread;
use crate::thread::{Reason, Wake};
use job::Job;
use std::sync::Arc;

/// How a job is to be treated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    pub(crate) purpose: Purpose,
    /// Where the queue is full, wait for room in it; else `EAGAIN`.
    pub(crate) waits_for_room: bool,
}

/// As what belongs to the library itself is treated.
const USUAL: Manner = Manner { purpose: Purpose::Any, waits_for_room: true };

/// Runs `work` on a thread of the pool and waits for what it gives.
///
/// When the wait ends before, work that has not begun is dropped here and never runs; of work that has,
/// the result is dropped on the pool's thread. So both own what they need, and what is to be given back.
pub(crate) fn call<T, W>(manner: Manner, deadline: Nanos, work: W) -> Result<T>
where
    T: Send + 'static,
    W: FnOnce() -> T + Send + 'static,
{
    let hub = enter()?;
    let thread = hub.suspender()?;
    if hub.is_past(deadline) {
        // To try once means here: nothing blocking can be done at once.
        return Err(Error::ETIMEDOUT);
    }
    let job = Arc::new(Job::new(work, hub.waker(thread)));
    let pool = pool::get();
    let ticket = match pool.submit(manner.purpose, job.clone(), manner.waits_for_room) {
        Ok(ticket) => ticket,
        Err(error) => {
            hub.void_wakers(thread);
            return Err(error);
        }
    };
    let forks = hub.forks();
    let wake = hub.park_for_waker(thread, Reason::Answer, deadline);
    if hub.forks() != forks {
        return Err(lost(job));
    }
    if let Some(result) = job.leave() {
        // Also one that came together with the deadline or a cancellation: it is not to be lost.
        return result;
    }
    pool.withdraw(manner.purpose, ticket);
    Err(failure(wake))
}

/// In the child of a fork, where the job's thread is not. Nothing of it is looked at, nor given back: the
/// thread may have been in the middle of it.
fn lost<T, W>(job: Arc<Job<W, T>>) -> Error {
    std::mem::forget(job);
    Error::ESRCH
}

/// Why there is no result.
fn failure(wake: Wake) -> Error {
    match wake {
        Wake::Canceled => Error::ECANCELED,
        Wake::TimedOut => Error::ETIMEDOUT,
        Wake::Deadlock => Error::DEADLOCK,
        Wake::Interrupted => Error::EINTR,
        // Only the job's end uses the waker.
        Wake::Ready => Error::PANIC,
    }
}

/// Runs `work` on an OS thread of its own and waits for what it gives, as `call` does. For what waits as
/// long as another program pleases: a few of those would fill the pool, and keep files and names waiting.
/// The thread costs little beside the other program.
///
/// The work is done, also when the waiter leaves or was cancelled before, unless no thread can be made.
pub(crate) fn call_apart<T, W>(name: &str, signals: Signals, work: W) -> Result<T>
where
    T: Send + 'static,
    W: FnOnce() -> T + Send + 'static,
{
    let hub = enter()?;
    let thread = hub.running().ok_or(Error::NOT_GREEN)?;
    let job = Arc::new(Job::new(work, hub.waker(thread)));
    let work = job.begin().ok_or(Error::PANIC)?;
    let running = Arc::clone(&job);
    if let Err(error) = os_thread::start_with(name, signals, move || running.carry_out(work)) {
        hub.void_wakers(thread);
        return Err(error);
    }
    let forks = hub.forks();
    let wake = match thread.is_interrupted() {
        false => hub.park_for_waker(thread, Reason::Answer, NEVER),
        true => {
            hub.void_wakers(thread);
            Wake::Canceled
        }
    };
    if hub.forks() != forks {
        return Err(lost(job));
    }
    job.leave().unwrap_or_else(|| Err(failure(wake)))
}

/// Sets how large the pool may grow, for what is under way too.
pub(crate) fn configure(wish: Wish) -> Result<()> {
    limits::set(wish)?;
    pool::get().adjust();
    Ok(())
}

pub(crate) fn stats() -> Stats {
    pool::get().stats()
}
