//! Once: the first to come runs a function, the others wait until it is done.

use super::objects::{self, object, Holding};
use super::waiter::{self, Outcome, Queue};
use crate::clock::Nanos;
use crate::error::{Error, Result};
use crate::slab::Id;
use crate::thread::Thread;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Untried,
    Running(Id),
    Done,
}

#[derive(Debug)]
pub(crate) struct Once {
    state: State,
    queue: Queue,
}

object!(Once, held, "once", |once| [&once.queue],
forked: |once, survivor, _waiting| match once.state {
    State::Running(id) if Some(id) != survivor => once.hand_over(),
    _ => {}
});

/// Held by who runs the function.
impl Holding for Once {
    fn all_holders(&self, is: &mut dyn FnMut(Id) -> bool) -> bool {
        self.runner().is_none_or(is)
    }

    /// Its OS thread has ended, in the middle of the function.
    fn holder_ended(&mut self, thread: Id) {
        if self.runner() == Some(thread) {
            self.hand_over();
        }
    }
}

pub(crate) fn new(name: &[u8]) -> Result<usize> {
    objects::make(name, Once { state: State::Untried, queue: Queue::new() })
}

pub(crate) fn free(handle: usize) -> Result<()> {
    objects::free::<Once>(handle)
}

impl Once {
    fn runner(&self) -> Option<Id> {
        match self.state {
            State::Running(id) => Some(id),
            State::Untried | State::Done => None,
        }
    }

    /// The function has not succeeded: the next one in the queue may try.
    fn hand_over(&mut self) {
        self.state = match self.queue.grant_first(Outcome::Turn) {
            Some(next) => State::Running(next),
            None => State::Untried,
        };
    }
}

/// Runs `function` unless it has succeeded before. After a failure, which is this caller's result, the
/// next one in the queue tries.
pub(crate) fn run(
    handle: usize,
    deadline: Nanos,
    function: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let (hub, thread) = super::caller()?;
    let mut once = objects::open::<Once>(handle)?;
    match once.state {
        State::Done => {
            drop(once);
            hub.spend(thread);
            return Ok(());
        }
        State::Running(id) if id == thread.id => return Err(Error::EDEADLK),
        State::Running(_) => {
            super::check_deadline(hub, deadline)?;
            let how = (super::lock_reason(hub, handle, once.runner()), 0);
            match waiter::wait(hub, thread, once, how, deadline, |once| &once.queue, |_| {}) {
                Err(Error::EAGAIN) => {}
                // Done, also if it was freed since.
                ended => return ended,
            }
            // Freed between the other's failure and this thread's turn.
            once = objects::open::<Once>(handle).map_err(|_| Error::EIDRM)?;
            debug_assert_eq!(once.state, State::Running(thread.id));
        }
        State::Untried => once.state = State::Running(thread.id),
    }
    drop(once);
    let result = held_by(thread, function);
    // Freed while the function ran: nobody is left to be told.
    let Ok(mut once) = objects::open::<Once>(handle) else { return result };
    match result {
        Ok(()) => {
            once.state = State::Done;
            once.queue.grant_all(Outcome::Granted);
        }
        Err(_) => {
            once.hand_over();
        }
    }
    result
}

/// Runs the function. Whoever ends inside of it, with its OS thread, is looked for among those who hold.
fn held_by(thread: &Thread, function: impl FnOnce() -> Result<()>) -> Result<()> {
    thread.held.set(thread.held.get() + 1);
    let result = function();
    thread.held.set(thread.held.get() - 1);
    result
}
