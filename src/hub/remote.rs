//! What an OS thread asks of another one's hub: spawn, join, cancel, detach.
//!
//! A question travels as a message, and its answer ends the wait of who asked. Who gives up says so in
//! the question, under its lock, so that the other hub does nothing in vain: a green thread whose spawn
//! was given up is not made, a result that nobody takes stays where it is.

use super::callback::Callback;
use super::inbox::Message;
use super::registry::{self, Remote};
use super::{Hub, SpawnOptions, Waker};
use crate::clock::Nanos;
use crate::error::{Error, Result};
use crate::slab::{Id, Kind};
use crate::thread::{EntryPoint, Reason, State, Thread, Wake};
use std::ffi::c_void;
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Debug)]
enum Progress {
    Asked,
    Answered(Result<u64>),
    /// Nobody waits for the answer any more.
    GivenUp,
}

#[derive(Debug)]
struct Question {
    progress: Mutex<Progress>,
    waker: Waker,
}

/// The other hub's end of a question. Dropped without an answer, it says that the hub is gone.
#[derive(Debug)]
pub(super) struct Reply(Arc<Question>);

impl Reply {
    /// Answers with what `act` gives, which is called only if somebody still waits for it.
    fn answer(&self, act: impl FnOnce() -> Result<u64>) -> bool {
        let mut progress = self.0.progress.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*progress, Progress::Asked) {
            return false;
        }
        *progress = Progress::Answered(act());
        drop(progress);
        self.0.waker.wake();
        true
    }

    fn is_for(&self, question: usize) -> bool {
        Arc::as_ptr(&self.0) as usize == question
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.answer(|| Err(Error::ESRCH));
    }
}

/// A green thread to be made on another hub.
#[derive(Debug)]
pub(super) struct Order {
    entry: EntryPoint,
    argument: *mut c_void,
    stack_size: usize,
    name: Box<[u8]>,
    detached: bool,
}

/// Stands in `Thread::joiner` for one on another OS thread.
fn elsewhere() -> *const Thread {
    ptr::without_provenance(1)
}

/// Who joins from other OS threads.
pub(super) type Joiners = Vec<(Id, Reply)>;

impl Hub {
    /// Sends a question and waits for its answer. `given_up` is told which one, when the wait has ended
    /// without an answer.
    fn ask(
        &self,
        other: &'static Remote,
        question: impl FnOnce(Reply) -> Message,
        deadline: Nanos,
        given_up: impl FnOnce(usize),
    ) -> Result<u64> {
        let thread = self.suspender()?;
        let asked =
            Arc::new(Question { progress: Mutex::new(Progress::Asked), waker: self.waker(thread) });
        if !other.send(question(Reply(Arc::clone(&asked)))) {
            self.void_wakers(thread);
            return Err(Error::ESRCH);
        }
        let forks = self.forks();
        let wake = self.park_for_waker(thread, Reason::Answer, deadline);
        if self.forks() != forks {
            std::mem::forget(asked);
            return Err(Error::ESRCH);
        }
        let mut progress = asked.progress.lock().unwrap_or_else(PoisonError::into_inner);
        if let Progress::Answered(answer) = *progress {
            return answer;
        }
        *progress = Progress::GivenUp;
        drop(progress);
        given_up(Arc::as_ptr(&asked) as usize);
        Err(match wake {
            Wake::Canceled => Error::ECANCELED,
            _ => Error::ETIMEDOUT,
        })
    }

    /// Makes a green thread on another hub, and waits until it is made.
    pub(crate) fn spawn_on(
        &self,
        handle: usize,
        entry: EntryPoint,
        argument: *mut c_void,
        options: SpawnOptions<'_>,
        deadline: Nanos,
    ) -> Result<Id> {
        if handle == self.handle {
            return self.spawn(entry, argument, options);
        }
        let order = Order::new(entry, argument, options)?;
        let other = registry::remote_of(handle)?;
        self.ask(
            other,
            |reply| Message::Spawn { handle, order, reply: Some(reply) },
            deadline,
            drop,
        )
        .map(Id)
        // What a spawn itself never says: the hub has gone before it read the question.
        .map_err(|error| if error == Error::ESRCH { Error::NO_HUB } else { error })
    }

    pub(super) fn spawn_ordered(&self, handle: usize, order: Order, reply: Option<Reply>) {
        if handle != self.handle {
            return;
        }
        let spawn = || self.spawn(order.entry, order.argument, order.options()).map(|id| id.0);
        match reply {
            Some(reply) => drop(reply.answer(spawn)),
            // Nobody to tell of a failure, says `spawn_away`.
            None => drop(spawn()),
        }
    }

    /// Joins a green thread of another hub.
    pub(super) fn join_elsewhere(&self, id: Id, deadline: Nanos) -> Result<*mut c_void> {
        let other = remote_of(id)?;
        let give_up = |question| {
            other.send(Message::GiveUpJoin { id, question });
        };
        self.ask(other, |reply| Message::Join { id, reply }, deadline, give_up)
            .map(|value| ptr::with_exposed_provenance_mut(value as usize))
    }

    pub(super) fn joined_from_elsewhere(&self, id: Id, reply: Reply) {
        let joinable = self.thread(id).and_then(|target| match target {
            _ if target.root.get() || target.detached.get() || !target.joiner.get().is_null() => {
                Err(Error::EINVAL)
            }
            target => Ok(target),
        });
        match joinable {
            Err(error) => drop(reply.answer(|| Err(error))),
            Ok(target) if target.state.get() == State::Ended => {
                self.hand_result_to(target, &reply);
            }
            Ok(target) => {
                target.joiner.set(elsewhere());
                self.joiners.borrow_mut().push((id, reply));
            }
        }
    }

    fn hand_result_to(&self, ended: &Thread, reply: &Reply) {
        let value = ended.value.get().expose_provenance() as u64;
        if reply.answer(|| Ok(value)) {
            self.forget(ended);
        }
    }

    /// A thread has ended that somebody on another OS thread joins. False if nobody does.
    pub(super) fn end_for_elsewhere(&self, ended: &Thread) -> bool {
        if ended.joiner.get() != elsewhere() {
            return false;
        }
        ended.joiner.set(ptr::null());
        let mut joiners = self.joiners.borrow_mut();
        if let Some(at) = joiners.iter().position(|(id, _)| *id == ended.id) {
            let (_, reply) = joiners.swap_remove(at);
            drop(joiners);
            self.hand_result_to(ended, &reply);
        }
        true
    }

    /// In the child of a fork: who asked is the parent's, and must not be answered here.
    pub(super) fn forget_joiners(&self) {
        std::mem::forget(self.joiners.take());
    }

    pub(super) fn join_given_up(&self, id: Id, question: usize) {
        let mut joiners = self.joiners.borrow_mut();
        let mine = |(joined, reply): &(Id, Reply)| *joined == id && reply.is_for(question);
        if let Some(at) = joiners.iter().position(mine) {
            joiners.swap_remove(at);
            if let Some(thread) = self.threads.get(id) {
                thread.joiner.set(ptr::null());
            }
        }
    }
}

impl Order {
    fn new(entry: EntryPoint, argument: *mut c_void, options: SpawnOptions<'_>) -> Result<Order> {
        options.check()?;
        Ok(Order {
            entry,
            argument,
            stack_size: options.stack_size,
            name: options.name.unwrap_or(&[]).into(),
            detached: options.detached,
        })
    }

    fn options(&self) -> SpawnOptions<'_> {
        SpawnOptions {
            stack_size: self.stack_size,
            name: Some(&self.name),
            detached: self.detached,
            room: 0,
        }
    }
}

// SAFETY: the argument is the host's, which hands it to another OS thread by asking for this.
unsafe impl Send for Order {}

/// Makes a detached green thread on another hub, without waiting for it: for who cannot wait. If there is
/// no memory for it then, it is never run.
pub(crate) fn spawn_away(
    handle: usize,
    entry: EntryPoint,
    argument: *mut c_void,
    options: SpawnOptions<'_>,
) -> Result<()> {
    let order = Order::new(entry, argument, SpawnOptions { detached: true, ..options })?;
    match registry::remote_of(handle)?.send(Message::Spawn { handle, order, reply: None }) {
        true => Ok(()),
        false => Err(Error::NO_HUB),
    }
}

/// Cancels a green thread of another hub.
pub(crate) fn cancel_elsewhere(id: Id) -> Result<()> {
    send_to(id, Message::Cancel { id })
}

/// Detaches a green thread of another hub.
pub(crate) fn detach_elsewhere(id: Id) -> Result<()> {
    send_to(id, Message::Detach { id })
}

/// Sends a callback to the hub of a green thread, or a root, of another OS thread.
pub(crate) fn post_to(id: Id, callback: Callback, argument: *mut c_void) -> Result<()> {
    match (super::absent_thread(id), registry::by_number(id.hub())) {
        (Error::WRONG_THREAD, Some(remote)) if id.is_of(Kind::Thread) => {
            registry::post(remote.handle(), callback, argument)
        }
        _ => Err(Error::ESRCH),
    }
}

fn send_to(id: Id, message: Message) -> Result<()> {
    match remote_of(id)?.send(message) {
        true => Ok(()),
        false => Err(Error::ESRCH),
    }
}

/// The living hub whose slab gave the id out.
fn remote_of(id: Id) -> Result<&'static Remote> {
    match super::absent_thread(id) {
        Error::WRONG_THREAD if id.is_first() => Err(Error::EINVAL),
        Error::WRONG_THREAD if id.is_of(Kind::Thread) => {
            registry::by_number(id.hub()).ok_or(Error::ESRCH)
        }
        error => Err(error),
    }
}
