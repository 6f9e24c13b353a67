//! The jobs that no thread has taken yet, in order.
//!
//! There are two lines, because names have a limit of their own: a resolver that does not answer must not
//! keep the files waiting. Of the jobs that may run, the one that came first is taken, whatever its line.

use super::job::Run;
use super::limits;
use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a job is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Files, and what the host brings.
    Any,
    /// Looking names up.
    Name,
}

/// Tells a job from all others, and who came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

type Jobs = BTreeMap<Ticket, Arc<dyn Run>>;

/// Those who wait for one kind of turn.
#[derive(Default)]
struct Line {
    queued: Jobs,
    /// Came when the queue was full, and move up as it empties.
    outside: Jobs,
    running: usize,
}

impl Line {
    fn admit(&mut self) {
        while self.queued.len() < limits::queue() {
            let Some((ticket, job)) = self.outside.pop_first() else { return };
            self.queued.insert(ticket, job);
        }
    }

    fn first(&self) -> Option<Ticket> {
        self.queued.first_key_value().map(|(ticket, _)| *ticket)
    }
}

/// How many jobs there are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count {
    pub(super) running: usize,
    pub(super) queued: usize,
    pub(super) outside: usize,
}

/// Both lines.
#[derive(Default)]
pub(super) struct Queue {
    any: Line,
    names: Line,
    next: u64,
}

impl Queue {
    fn line(&mut self, purpose: Purpose) -> &mut Line {
        match purpose {
            Purpose::Any => &mut self.any,
            Purpose::Name => &mut self.names,
        }
    }

    /// Puts a job behind all others of its line. One that is not to wait for room gets `EAGAIN` instead.
    pub(super) fn add(
        &mut self,
        purpose: Purpose,
        job: Arc<dyn Run>,
        waits_for_room: bool,
    ) -> Result<Ticket> {
        let ticket = Ticket(self.next);
        let line = self.line(purpose);
        if line.queued.len() < limits::queue() {
            line.queued.insert(ticket, job);
        } else if waits_for_room {
            line.outside.insert(ticket, job);
        } else {
            return Err(Error::EAGAIN);
        }
        self.next += 1;
        Ok(ticket)
    }

    /// Takes a job out whose waiter has gone, if no thread has taken it.
    pub(super) fn remove(&mut self, purpose: Purpose, ticket: Ticket) -> Option<Arc<dyn Run>> {
        let line = self.line(purpose);
        let job = line.queued.remove(&ticket).or_else(|| line.outside.remove(&ticket));
        line.admit();
        job
    }

    /// The job whose turn it is. `ended` is to be called when it has run.
    pub(super) fn take(&mut self) -> Option<(Purpose, Arc<dyn Run>)> {
        let name = self.names.first().filter(|_| self.names.running < limits::names());
        let purpose = match (self.any.first(), name) {
            (None, None) => return None,
            (Some(any), Some(name)) if name < any => Purpose::Name,
            (None, Some(_)) => Purpose::Name,
            (Some(_), _) => Purpose::Any,
        };
        let line = self.line(purpose);
        let (_, job) = line.queued.pop_first()?;
        line.running += 1;
        line.admit();
        Some((purpose, job))
    }

    pub(super) fn ended(&mut self, purpose: Purpose) {
        self.line(purpose).running -= 1;
    }

    /// Lets those in who have room since the limits were changed.
    pub(super) fn admit(&mut self) {
        self.any.admit();
        self.names.admit();
    }

    /// How many threads more could find something to do.
    pub(super) fn runnable(&self) -> usize {
        let names = limits::names().saturating_sub(self.names.running);
        self.any.queued.len() + self.names.queued.len().min(names)
    }

    pub(super) fn count(&self) -> Count {
        Count {
            running: self.any.running + self.names.running,
            queued: self.any.queued.len() + self.names.queued.len(),
            outside: self.any.outside.len() + self.names.outside.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    struct Number(u32, Arc<Mutex<Vec<u32>>>);

    impl Run for Number {
        fn run(&self) {
            self.1.lock().expect("no test panics in it").push(self.0);
        }
    }

    /// The limits are the whole process's: the tests here count on the defaults.
    #[test]
    fn the_first_that_may_run_is_taken_and_names_have_their_limit() {
        let ran = Arc::new(Mutex::new(Vec::new()));
        let mut queue = Queue::default();
        let job = |number| Arc::new(Number(number, ran.clone()));
        for number in 0..20 {
            queue.add(Purpose::Name, job(number), false).expect("room");
        }
        let late = queue.add(Purpose::Any, job(20), false).expect("room");
        queue.add(Purpose::Any, job(21), false).expect("room");
        assert_eq!(queue.runnable(), limits::names() + 2);
        assert!(queue.remove(Purpose::Any, late).is_some());
        assert!(queue.remove(Purpose::Any, late).is_none());
        let mut purposes = Vec::new();
        while let Some((purpose, job)) = queue.take() {
            job.run();
            purposes.push(purpose);
        }
        let names = limits::names();
        assert_eq!(purposes.len(), names + 1);
        assert_eq!(purposes.pop(), Some(Purpose::Any));
        let mut expected: Vec<u32> = (0..names as u32).collect();
        expected.push(21);
        assert_eq!(*ran.lock().expect("as above"), expected);
        queue.ended(Purpose::Name);
        assert_eq!(queue.take().map(|(purpose, _)| purpose), Some(Purpose::Name));
        assert!(queue.take().is_none());
    }

    #[test]
    fn who_finds_the_queue_full_waits_outside_and_moves_up_in_order() {
        let ran = Arc::new(Mutex::new(Vec::new()));
        let mut queue = Queue::default();
        let limit = limits::queue();
        let job = |number: usize| Arc::new(Number(number as u32, ran.clone()));
        let mut tickets = Vec::new();
        for number in 0..limit + 3 {
            tickets.push(queue.add(Purpose::Any, job(number), true).expect("it may wait"));
        }
        assert_eq!(queue.add(Purpose::Any, job(0), false).err(), Some(Error::EAGAIN));
        assert_eq!((queue.count().queued, queue.count().outside), (limit, 3));
        queue.remove(Purpose::Any, tickets[limit + 1]).expect("it waits outside");
        queue.remove(Purpose::Any, tickets[1]).expect("it is queued");
        assert_eq!((queue.count().queued, queue.count().outside), (limit, 1));
        while let Some((_, job)) = queue.take() {
            job.run();
        }
        let expected: Vec<u32> =
            (0..limit as u32 + 3).filter(|&at| at != 1 && at != limit as u32 + 1).collect();
        assert_eq!(*ran.lock().expect("as above"), expected);
    }
}
