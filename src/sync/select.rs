//! To wait for whichever comes first of several sends, receives and descriptors.
//!
//! All channels are locked at once, in the order of their places, so that nobody sees a select that is
//! half queued, and two selects that meet cannot wait for each other. Each case queues a waiter of its
//! own; they share one claim, so that one of them wins.

use super::channel::{self, Channel};
use super::objects::{self, Locked, Reopened};
use super::waiter::{Claim, Outcome, Waiter};
use crate::clock::Nanos;
use crate::error::{Error, Result};
use crate::hub::{Hub, PollWaiter};
use crate::sys::{pollfd, wait};
use crate::thread::{Reason, Thread, Wake};
use smallvec::SmallVec;
use std::ffi::c_int;
use std::sync::atomic::{AtomicU64, Ordering};

/// A select is mostly among few: so many cost no allocation.
pub(crate) type Few<T> = SmallVec<[T; 8]>;

/// One thing to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    /// Takes no part.
    Nothing,
    Send {
        channel: usize,
        item: *const u8,
    },
    Receive {
        channel: usize,
        item: *mut u8,
    },
    Readable(c_int),
    Writable(c_int),
}

impl Case {
    fn channel(self) -> Option<usize> {
        match self {
            Case::Send { channel, .. } | Case::Receive { channel, .. } => Some(channel),
            _ => None,
        }
    }

    fn pollfd(self) -> Option<pollfd> {
        let (fd, events) = match self {
            Case::Readable(fd) => (fd, wait::POLLIN),
            Case::Writable(fd) => (fd, wait::POLLOUT),
            _ => return None,
        };
        Some(pollfd { fd, events, revents: 0 })
    }
}

/// What became of the case that won: done, or its channel is closed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Won {
    pub(crate) case: usize,
    pub(crate) result: Result<()>,
}

/// Performs one of the cases, waiting until one can be.
///
/// # Safety
/// The items are good for their channels until the call returns.
pub(crate) unsafe fn select(cases: &[Case], deadline: Nanos) -> Result<Won> {
    let (hub, thread) = super::caller()?;
    let mut select = Select::new(cases)?;
    // Asked before anything is locked, and looked at together with the channels: a descriptor that is
    // always ready must not hide them.
    select.ready_descriptor()?;
    let mut locked = select.lock()?;
    // SAFETY: the caller vouches for the items.
    if let Some(won) = unsafe { select.try_all(&mut locked)? } {
        drop(locked);
        hub.spend(thread);
        return Ok(won);
    }
    if select.is_empty() && deadline == crate::clock::NEVER {
        // Nothing could ever end this wait but a cancellation: a mistake, and no sleep.
        return Err(Error::EINVAL);
    }
    super::check_deadline(hub, deadline)?;
    select.wait(hub, thread, locked, deadline)
}

/// No place.
const NONE: usize = usize::MAX;

struct Select<'a> {
    cases: &'a [Case],
    /// Sorted by place, each once.
    channels: Few<usize>,
    /// Where each case has its channel among them, or its descriptor among those.
    places: Few<usize>,
    /// Of the descriptors' cases alone: poll(2) takes no more entries than there may be descriptors.
    fds: Few<pollfd>,
    /// The numbers of the cases, shuffled as far as they were looked at.
    order: Few<u32>,
    random: Random,
}

impl Select<'_> {
    fn new(cases: &[Case]) -> Result<Select<'_>> {
        let mut channels: Few<usize> = cases.iter().filter_map(|case| case.channel()).collect();
        channels.sort_unstable_by_key(|&handle| (objects::index(handle), handle));
        channels.dedup();
        // Two handles of one place: one of them is stale, and the lock cannot be taken twice.
        if channels.windows(2).any(|pair| objects::index(pair[0]) == objects::index(pair[1])) {
            return Err(Error::EINVAL);
        }
        let place = |handle: usize| {
            let key = objects::index(handle);
            channels.partition_point(|&other| objects::index(other) < key)
        };
        let mut fds: Few<pollfd> = Few::new();
        let mut places: Few<usize> = Few::with_capacity(cases.len());
        for case in cases {
            let descriptor = case.pollfd();
            places.push(match case.channel() {
                Some(channel) => place(channel),
                None if descriptor.is_some() => fds.len(),
                None => NONE,
            });
            fds.extend(descriptor);
        }
        if fds.iter().any(|entry| entry.fd < 0) {
            return Err(Error::EBADF);
        }
        let order = (0..cases.len() as u32).collect();
        Ok(Select { cases, channels, places, fds, order, random: Random::new() })
    }

    fn is_empty(&self) -> bool {
        self.channels.is_empty() && self.fds.is_empty()
    }

    fn lock(&self) -> Result<Few<Locked<Channel>>> {
        self.channels.iter().map(|&handle| objects::open::<Channel>(handle)).collect()
    }

    /// Asks the kernel about the descriptors. The case of one that is ready, whichever. A bad one is an error even
    /// beside others that are ready: the result must not depend on where one begins to look.
    fn ready_descriptor(&mut self) -> Result<Option<usize>> {
        if self.fds.is_empty() {
            return Ok(None);
        }
        // SAFETY: a slice is valid for its length.
        let count = unsafe { wait::poll_now(self.fds.as_mut_ptr(), self.fds.len()) }?;
        if count == 0 {
            return Ok(None);
        }
        if self.fds.iter().any(|entry| entry.revents & wait::POLLNVAL != 0) {
            return Err(Error::EBADF);
        }
        let chosen = self.random.below(count as usize);
        let mut ready = (0..self.cases.len()).filter(|&case| self.is_ready(case));
        Ok(ready.nth(chosen))
    }

    /// Whether it is a descriptor's case, and the kernel's last answer was that it is ready.
    fn is_ready(&self, case: usize) -> bool {
        let is_descriptor = matches!(self.cases[case], Case::Readable(_) | Case::Writable(_));
        is_descriptor && self.fds[self.places[case]].revents != 0
    }

    /// The next case to look at, each of those left with the same chance (Fisher and Yates; Durstenfeld,
    /// "Random permutation", 1964). To begin somewhere and go on in order would prefer what stands
    /// behind a run of cases that are not ready.
    fn next_case(&mut self, seen: usize) -> usize {
        let other = seen + self.random.below(self.order.len() - seen);
        self.order.swap(seen, other);
        self.order[seen] as usize
    }

    /// Performs a case that needs no wait, by what was asked of the descriptors; none is preferred.
    ///
    /// # Safety
    /// The items are good for their channels.
    unsafe fn try_all(&mut self, locked: &mut [Locked<Channel>]) -> Result<Option<Won>> {
        for (case, &place) in self.cases.iter().zip(&self.places) {
            match *case {
                Case::Send { item, .. } => locked[place].check(item)?,
                Case::Receive { item, .. } => locked[place].check(item)?,
                _ => {}
            }
        }
        for seen in 0..self.cases.len() {
            let case = self.next_case(seen);
            let result = match self.cases[case] {
                Case::Nothing => None,
                Case::Send { item, .. } => {
                    // SAFETY: the caller vouches for the items.
                    unsafe { locked[self.places[case]].send_now(item) }
                }
                Case::Receive { item, .. } => {
                    // SAFETY: as above.
                    unsafe { locked[self.places[case]].receive_now(item) }
                }
                Case::Readable(_) | Case::Writable(_) => self.is_ready(case).then_some(Ok(())),
            };
            if let Some(result) = result {
                return Ok(Some(Won { case, result }));
            }
        }
        Ok(None)
    }

    fn wait(
        &mut self,
        hub: &Hub,
        thread: &Thread,
        locked: Few<Locked<Channel>>,
        deadline: Nanos,
    ) -> Result<Won> {
        let claim = Claim::new();
        let waker = hub.waker(thread);
        let mut waiters: Few<Waiter> = Few::with_capacity(self.cases.len());
        for (case, what) in self.cases.iter().enumerate() {
            let wish = match *what {
                Case::Send { item, .. } => channel::wish(item),
                Case::Receive { item, .. } => channel::wish(item),
                _ => 0,
            };
            waiters.push(Waiter::new(waker, &claim, case as u32, wish));
        }
        for (case, waiter) in waiters.iter().enumerate() {
            let queue = match self.cases[case] {
                Case::Send { .. } => locked[self.places[case]].senders(),
                Case::Receive { .. } => locked[self.places[case]].receivers(),
                _ => continue,
            };
            // SAFETY: the collection does not change any more, and `leave` takes all waiters out before it
            // goes.
            unsafe { queue.push(waiter) };
        }
        let slots: Few<Reopened<Channel>> = locked.into_iter().map(Locked::close).collect();
        let result = self.park(hub, thread, &claim, deadline);
        // No waker of this wait may end a later one.
        hub.void_wakers(thread);
        self.leave(&waiters, &slots);
        match (claim.winner(), result) {
            (Some((Outcome::Granted, case)), _) => Ok(Won { case: case as usize, result: Ok(()) }),
            (Some((Outcome::Closed, case)), _) => {
                Ok(Won { case: case as usize, result: Err(Error::EPIPE) })
            }
            (Some((outcome, _)), _) => Err(outcome.result().err().unwrap_or(Error::PANIC)),
            (None, result) => Err(result.err().unwrap_or(Error::ETIMEDOUT)),
        }
    }

    /// Waits until a case is won, here by a descriptor, or by whoever came to a channel.
    fn park(&mut self, hub: &Hub, thread: &Thread, claim: &Claim, deadline: Nanos) -> Result<()> {
        let mut watched: Few<PollWaiter<'_>> = Few::with_capacity(self.fds.len());
        for entry in &self.fds {
            watched.push(PollWaiter::new(hub, thread, entry.fd)?);
        }
        for waiter in &watched {
            // SAFETY: the collection does not change from here to its drop, at the end of this function.
            unsafe { waiter.watch() };
        }
        loop {
            if let Some(case) = self.ready_descriptor()? {
                // Lost only to somebody who has handed over at a channel.
                claim.take(Outcome::Granted, case as u32);
                return Ok(());
            }
            if thread.is_interrupted() {
                // Cancelled after it was woken and before it ran, for an event that came to nothing.
                return Err(Error::ECANCELED);
            }
            for waiter in &watched {
                waiter.rearm();
            }
            let wake = hub.park(thread, Reason::Select(self.cases.len()), deadline);
            if claim.winner().is_some() {
                return Ok(());
            }
            if watched.iter().any(PollWaiter::is_closed) {
                return Err(Error::EBADF);
            }
            match wake {
                Wake::Ready => {}
                Wake::Canceled => return Err(Error::ECANCELED),
                Wake::Deadlock => return Err(Error::DEADLOCK),
                Wake::Interrupted => return Err(Error::EINTR),
                Wake::TimedOut => return Err(Error::ETIMEDOUT),
            }
        }
    }

    /// Takes out whatever is still queued. Whoever has won is through with the case after that, since
    /// it held the lock of its channel.
    fn leave(&self, waiters: &[Waiter], slots: &[Reopened<Channel>]) {
        for (case, (waiter, &place)) in self.cases.iter().zip(waiters.iter().zip(&self.places)) {
            if case.channel().is_some() {
                let _locked = slots[place].lock();
                // SAFETY: locked. If the channel is gone, so is the waiter from its queue.
                unsafe { waiter.leave() };
            }
        }
    }
}

/// Numbers without a pattern that two loops of selects could fall into step with (Steele, Lea and Flood,
/// "Fast splittable pseudorandom number generators", 2014).
#[derive(Debug)]
struct Random(u64);

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl Random {
    /// One per select: what all of them share is touched once.
    fn new() -> Random {
        static STATE: AtomicU64 = AtomicU64::new(0);
        Random(mixed(STATE.fetch_add(STEP, Ordering::Relaxed)))
    }

    /// A number below `bound`, which is not 0. The bound is so small that the remainder is fair enough.
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(STEP);
        (mixed(self.0) % bound as u64) as usize
    }
}

fn mixed(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
