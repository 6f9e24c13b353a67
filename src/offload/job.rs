//! One call on its way through the pool, and how it and its waiter part.
//!
//! The waiter may leave at any time: by its deadline, cancelled, with its hub. So the job owns all that it
//! works on, both sides hold it together, and its stage, under a lock of its own, settles who has the
//! result: the waiter if it is still there, else the pool's thread, which drops it.

use crate::error::{Error, Result};
use crate::hub::Waker;
use std::mem;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{Mutex, MutexGuard, PoisonError};

enum Stage<W, T> {
    /// Nobody has begun.
    Waiting(W),
    Running,
    Done(Result<T>),
    /// The waiter has gone, or has taken the result.
    Over,
}

/// Work that gives a `T`.
pub(super) struct Job<W, T> {
    stage: Mutex<Stage<W, T>>,
    waker: Waker,
}

/// What the pool does with a job, whatever it gives.
pub(super) trait Run: Send + Sync {
    fn run(&self);
}

impl<T, W: FnOnce() -> T> Job<W, T> {
    pub(super) fn new(work: W, waker: Waker) -> Job<W, T> {
        Job { stage: Mutex::new(Stage::Waiting(work)), waker }
    }

    fn lock(&self) -> MutexGuard<'_, Stage<W, T>> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The work; `None` if the waiter has left between the queue and here.
    pub(super) fn begin(&self) -> Option<W> {
        let mut stage = self.lock();
        match mem::replace(&mut *stage, Stage::Running) {
            Stage::Waiting(work) => Some(work),
            before => {
                *stage = before;
                None
            }
        }
    }

    /// The waiter goes, with the result if there is one. Without it, work that nobody has begun is dropped
    /// here and now and never runs; else what it gives is dropped on the pool's thread.
    pub(super) fn leave(&self) -> Option<Result<T>> {
        let stage = mem::replace(&mut *self.lock(), Stage::Over);
        match stage {
            Stage::Done(result) => Some(result),
            Stage::Waiting(_) | Stage::Running | Stage::Over => None,
        }
    }
}

impl<T, W: FnOnce() -> T> Job<W, T> {
    /// Does what `begin` gave.
    pub(super) fn carry_out(&self, work: W) {
        let result = catch_unwind(AssertUnwindSafe(work)).map_err(|_| Error::PANIC);
        let mut stage = self.lock();
        if matches!(*stage, Stage::Running) {
            *stage = Stage::Done(result);
            drop(stage);
            // The waiter may have left by itself since: a late waker ends nothing.
            self.waker.wake();
        } else {
            // Unlocked before the result goes: its owner's function may take its time.
            drop(stage);
            drop(result);
        }
    }
}

impl<T: Send, W: FnOnce() -> T + Send> Run for Job<W, T> {
    fn run(&self) {
        if let Some(work) = self.begin() {
            self.carry_out(work);
        }
    }
}
