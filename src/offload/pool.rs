//! The OS threads that run the jobs: made when there is work, gone when there has been none for a while.
//!
//! Nobody joins them. A function that never returns keeps its thread, and nothing else: no lock is held
//! while one runs, so that the process can exit at any moment.

use super::job::Run;
use super::limits;
use super::queue::{Count, Purpose, Queue, Ticket};
use crate::error::Result;
use crate::hub::{self, Moment};
use crate::sys::os_thread;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

#[derive(Default)]
pub(super) struct Pool {
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Default)]
struct State {
    queue: Queue,
    /// All threads, also one that is being started.
    threads: usize,
    /// Those that wait for work and were not called.
    idle: usize,
    /// Those that were called and have not woken yet. Without the count two jobs that come one upon the
    /// other would both rely on one idle thread.
    called: usize,
}

/// What `gh_offload_stats` tells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stats {
    pub(crate) threads: usize,
    pub(crate) idle: usize,
    pub(crate) running: usize,
    pub(crate) queued: usize,
    pub(crate) outside: usize,
}

static POOL: AtomicPtr<Pool> = AtomicPtr::new(ptr::null_mut());

/// A child has none of its parent's threads, and maybe a lock that one of them held: its pool is a new one,
/// and the old one's memory stays.
fn watch_fork(moment: Moment) {
    if let Moment::InChild(_) = moment {
        POOL.store(ptr::null_mut(), Ordering::Release);
    }
}

/// The process's pool, made on first use and kept.
pub(super) fn get() -> &'static Pool {
    // SAFETY: null, or leaked by `make`.
    match unsafe { POOL.load(Ordering::Acquire).as_ref() } {
        Some(pool) => pool,
        None => make(),
    }
}

#[cold]
fn make() -> &'static Pool {
    hub::watch_forks(watch_fork);
    let made = Box::into_raw(Box::<Pool>::default());
    let exchange =
        POOL.compare_exchange(ptr::null_mut(), made, Ordering::AcqRel, Ordering::Acquire);
    match exchange {
        // SAFETY: published for ever by the exchange.
        Ok(_) => unsafe { &*made },
        // SAFETY: `made` was not published; `other` was, for ever.
        Err(other) => unsafe {
            drop(Box::from_raw(made));
            &*other
        },
    }
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a job in. An error means that nobody will ever run it.
    pub(super) fn submit(
        &'static self,
        purpose: Purpose,
        job: Arc<dyn Run>,
        waits_for_room: bool,
    ) -> Result<Ticket> {
        let mut state = self.lock();
        let ticket = state.queue.add(purpose, job, waits_for_room)?;
        if state.queue.runnable() == 0 {
            // A name beyond the limit: who looks one up now goes on with the next.
            return Ok(ticket);
        }
        if let Err(error) = self.call_a_thread(&mut state) {
            // Whoever is there will come to it; without anybody it would wait for ever.
            if state.threads == 0 {
                let job = state.queue.remove(purpose, ticket);
                drop(state);
                drop(job);
                return Err(error);
            }
        }
        Ok(ticket)
    }

    /// Takes a job out whose waiter has gone.
    pub(super) fn withdraw(&self, purpose: Purpose, ticket: Ticket) {
        let job = self.lock().queue.remove(purpose, ticket);
        drop(job);
    }

    /// Looks at the limits again, which have been changed.
    pub(super) fn adjust(&'static self) {
        let mut state = self.lock();
        state.queue.admit();
        for _ in 0..state.queue.runnable().min(limits::threads()) {
            // Those who are there do the work, if no more can be started.
            let _ = self.call_a_thread(&mut state);
        }
        drop(state);
        // The idle ones see for themselves whether they are too many, or have idled for too long.
        self.work.notify_all();
    }

    pub(super) fn stats(&self) -> Stats {
        let state = self.lock();
        let Count { running, queued, outside } = state.queue.count();
        Stats { threads: state.threads, idle: state.idle, running, queued, outside }
    }

    /// Has one thread more look at the queue, if there is one or may be.
    fn call_a_thread(&'static self, state: &mut State) -> Result<()> {
        if state.idle > 0 {
            state.idle -= 1;
            state.called += 1;
            self.work.notify_one();
        } else if state.threads < limits::threads() {
            // Nobody joins it.
            drop(os_thread::start("gh-offload", || self.serve())?);
            state.threads += 1;
        }
        Ok(())
    }

    /// What each thread does.
    fn serve(&'static self) {
        let mut state = self.lock();
        while state.threads <= limits::threads() {
            if let Some((purpose, job)) = state.queue.take() {
                drop(state);
                job.run();
                // Before the lock: the last one to hold a job drops what it owns.
                drop(job);
                state = self.lock();
                state.queue.ended(purpose);
                continue;
            }
            match self.wait_for_work(state) {
                Some(called) => state = called,
                None => return,
            }
        }
        state.threads -= 1;
        if state.queue.runnable() > 0 {
            // It may be this thread that was called for it.
            let _ = self.call_a_thread(&mut state);
        }
    }

    /// Waits to be called; `None` if the thread is to end, and is not counted any more.
    fn wait_for_work<'pool>(
        &self,
        mut state: MutexGuard<'pool, State>,
    ) -> Option<MutexGuard<'pool, State>> {
        state.idle += 1;
        loop {
            let (woken, timeout) = self
                .work
                .wait_timeout(state, limits::idle())
                .unwrap_or_else(PoisonError::into_inner);
            state = woken;
            if state.called > 0 {
                state.called -= 1;
                return Some(state);
            }
            if timeout.timed_out() || state.threads > limits::threads() {
                state.idle -= 1;
                state.threads -= 1;
                return None;
            }
        }
    }
}
