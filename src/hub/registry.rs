//! The handles of all hubs.
//!
//! A `gh_hub *` is not the address of a hub: it is a number and a generation, so that a handle kept
//! after `gh_hub_free` is an error and not a use of freed memory, on any OS thread and in a signal
//! handler.

use super::bell::Bell;
use super::callback::Callback;
use super::inbox::{Inbox, Message};
use super::interrupt::Signals;
use super::{current, Hub};
use crate::error::{Error, Result};
use crate::slab::{Id, Slab, MAX_HUBS};
use crate::sys::fd;
use crate::thread::Thread;
use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The half of a hub that any OS thread may touch. Made once per hub number and kept for the life of
/// the process: a sender may still be inside when its hub is freed.
#[derive(Debug)]
pub(super) struct Remote {
    number: u16,
    /// The living hub's handle; 0 between two hubs.
    handle: AtomicUsize,
    generation: AtomicUsize,
    /// The living hub itself, to be looked at with the registry's lock held; null while it must not be.
    hub: AtomicPtr<Hub>,
    inbox: Inbox,
    /// -1 in the child of a fork until it is needed: the parent's would wake the parent.
    wake: AtomicI32,
    /// The descriptor of the living hub's poller, so that the child of another OS thread's fork can close
    /// it; -1 for none.
    poller: AtomicI32,
    bell: Bell,
    /// The handle of the hub whose run is to end; 0 for none.
    stop: AtomicUsize,
    signals: Signals,
    /// No id of a later hub may repeat one of an earlier hub of this number.
    thread_floor: AtomicU32,
    timer_floor: AtomicU32,
}

static REMOTES: [AtomicPtr<Remote>; MAX_HUBS] =
    [const { AtomicPtr::new(ptr::null_mut()) }; MAX_HUBS];
static FREE: Mutex<Numbers> = Mutex::new(Numbers { free: Vec::new(), next: 0 });

/// Hub numbers, used again last in, first out, so that few `Remote`s are ever made.
pub(super) struct Numbers {
    free: Vec<u16>,
    next: usize,
}

const NUMBER_BITS: u32 = 16;

impl Remote {
    /// Takes a free number and gives its remote half a new handle.
    pub(super) fn acquire() -> Result<(&'static Remote, usize)> {
        let mut numbers = lock();
        let remote = match numbers.free.pop() {
            Some(number) => by_number(number).ok_or(Error::EAGAIN)?,
            None if numbers.next < MAX_HUBS => {
                let remote = Box::leak(Box::new(Remote {
                    number: numbers.next as u16,
                    handle: AtomicUsize::new(0),
                    generation: AtomicUsize::new(0),
                    hub: AtomicPtr::new(ptr::null_mut()),
                    inbox: Inbox::new(),
                    wake: AtomicI32::new(fd::event_counter()?),
                    poller: AtomicI32::new(-1),
                    bell: Bell::new(),
                    stop: AtomicUsize::new(0),
                    signals: Signals::none(),
                    thread_floor: AtomicU32::new(0),
                    timer_floor: AtomicU32::new(0),
                }));
                REMOTES[numbers.next].store(remote, Ordering::Release);
                numbers.next += 1;
                remote
            }
            None => return Err(Error::EAGAIN),
        };
        if let Err(error) = remote.renew_wake() {
            numbers.free.push(remote.number);
            return Err(error);
        }
        remote.inbox.drain(drop);
        // Nobody reads the counter of an edge-triggered poller, but a new one would report it.
        fd::event_clear(remote.wake_descriptor());
        remote.stop.store(0, Ordering::Relaxed);
        remote.signals.take();
        remote.bell.wake_up();
        let generation = remote.generation.fetch_add(1, Ordering::Relaxed) + 1;
        let handle = generation << NUMBER_BITS | (remote.number as usize + 1);
        remote.handle.store(handle, Ordering::Release);
        Ok((remote, handle))
    }

    /// Makes the handle stale and, unless its ids are used up, the number free for another hub.
    pub(super) fn release(&self, ids: Option<&Hub>) {
        self.retire();
        self.inbox.drain(drop);
        if let Some(hub) = ids {
            let threads = hub.threads.highest_generation();
            let timers = hub.timers.highest_generation();
            self.thread_floor.store(threads, Ordering::Relaxed);
            self.timer_floor.store(timers, Ordering::Relaxed);
            if Slab::<Thread>::exhausted(threads.max(timers)) {
                return;
            }
        }
        lock().free.push(self.number);
    }

    /// Lets the hub be looked at, until `retire`.
    pub(super) fn show(&self, hub: *mut Hub) {
        self.hub.store(hub, Ordering::Release);
    }

    /// Null when there is none. Not to be used beyond the registry's lock.
    pub(super) fn hub(&self) -> *const Hub {
        self.hub.load(Ordering::Acquire)
    }

    /// Makes the handle stale, and keeps the number out of use: its green threads were abandoned.
    pub(super) fn retire(&self) {
        let held = lock();
        self.hub.store(ptr::null_mut(), Ordering::Relaxed);
        drop(held);
        self.make_stale();
    }

    fn make_stale(&self) {
        self.handle.store(0, Ordering::SeqCst);
        // Before the descriptor is closed: the number may be anybody's afterwards.
        self.poller.store(-1, Ordering::Release);
    }

    /// Drops what has come, which tells who waits for an answer that there will be none.
    pub(super) fn drop_mail(&self) {
        self.inbox.drain(drop);
    }

    /// Whether a hub lives here.
    #[inline]
    pub(super) fn is_used(&self) -> bool {
        self.handle.load(Ordering::Acquire) != 0
    }

    pub(super) fn handle(&self) -> usize {
        self.handle.load(Ordering::Acquire)
    }

    pub(super) fn number(&self) -> u16 {
        self.number
    }

    pub(super) fn thread_floor(&self) -> u32 {
        self.thread_floor.load(Ordering::Relaxed)
    }

    pub(super) fn timer_floor(&self) -> u32 {
        self.timer_floor.load(Ordering::Relaxed)
    }

    pub(super) fn wake_descriptor(&self) -> c_int {
        self.wake.load(Ordering::Relaxed)
    }

    /// Makes the event counter unless there is one.
    pub(super) fn renew_wake(&self) -> Result<()> {
        if self.wake_descriptor() < 0 {
            self.wake.store(fd::event_counter()?, Ordering::Relaxed);
        }
        Ok(())
    }

    pub(super) fn set_poller(&self, descriptor: c_int) {
        self.poller.store(descriptor, Ordering::Release);
    }

    #[inline]
    pub(super) fn has_mail(&self) -> bool {
        !self.inbox.is_empty()
    }

    pub(super) fn open_mail(&self, each: impl FnMut(Message)) {
        self.inbox.drain(each);
    }

    /// Announces that the hub will wait. False when it must not, since a message came before.
    #[inline]
    pub(super) fn fall_asleep(&self, heed_stop: bool) -> bool {
        self.bell.fall_asleep(|| {
            self.inbox.is_empty() && self.signals.is_empty() && !(heed_stop && self.is_stopped())
        })
    }

    #[inline]
    pub(super) fn wake_up(&self) {
        self.bell.wake_up();
    }

    /// As `fall_asleep`, for a hub that a foreign event loop waits for: what has come already is
    /// signalled at once.
    pub(super) fn doze(&self) {
        if !self.fall_asleep(false) {
            fd::event_signal(self.wake_descriptor());
        }
    }

    #[inline]
    pub(super) fn is_stopped(&self) -> bool {
        let stop = self.stop.load(Ordering::SeqCst);
        stop != 0 && stop == self.handle.load(Ordering::Relaxed)
    }

    pub(super) fn take_stop(&self) -> bool {
        self.is_stopped() && self.stop.swap(0, Ordering::SeqCst) != 0
    }

    /// One write per burst: only the first sender after the hub fell asleep finds it asleep.
    pub(super) fn wake(&self) {
        if self.bell.must_ring() {
            fd::event_signal(self.wake_descriptor());
        }
    }

    /// What signals this OS thread has handled.
    #[inline]
    pub(super) fn signals(&self) -> &Signals {
        &self.signals
    }

    /// Tells the hub, from a handler on its own OS thread, that a signal is being handled.
    pub(super) fn signal_handled(&self, signal: u32, restarts: bool) {
        self.signals.add(signal, restarts);
        self.wake();
    }

    pub(super) fn send_wake(&self, id: Id, ticket: u32) {
        self.send(Message::Wake { id, ticket });
    }

    /// As `send_wake`, without allocating; false when too many such messages are pending.
    pub(super) fn post_wake(&self, id: Id, ticket: u32) -> bool {
        let posted = self.inbox.push(Message::Wake { id, ticket });
        if posted {
            self.wake();
        }
        posted
    }

    /// Sends a message that must arrive if the hub lives; false if it does not. Allocates.
    ///
    /// Looks again afterwards: a hub that goes makes its handle stale first and drops its messages then,
    /// so that a message is read, or dropped, or this says that it may be lost.
    pub(super) fn send(&self, message: Message) -> bool {
        let handle = self.handle.load(Ordering::SeqCst);
        if handle == 0 {
            return false;
        }
        self.inbox.push_allocated(message);
        self.wake();
        self.handle.load(Ordering::SeqCst) == handle
    }

    pub(super) fn send_closed(&self, fd: c_int, generation: u32) {
        self.send(Message::Closed { fd, generation });
    }

    pub(super) fn send_changed(&self, fd: c_int, generation: u32) {
        self.send(Message::Changed { fd, generation });
    }
}

/// The numbers, to be changed by one OS thread at a time.
pub(super) fn lock() -> MutexGuard<'static, Numbers> {
    FREE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// In the child of a fork, where no OS thread but the caller is left: every other hub is gone. The
/// numbers of those stay out of use, since their ids are known to nobody.
pub(super) fn after_fork(mine: Option<&Remote>) {
    for_each(|remote| {
        let wake = remote.wake.swap(-1, Ordering::Relaxed);
        if wake >= 0 {
            let _ = fd::close(wake);
        }
        remote.bell.wake_up();
        remote.stop.store(0, Ordering::Relaxed);
        remote.signals.take();
        let poller = remote.poller.swap(-1, Ordering::Relaxed);
        if mine.is_some_and(|mine| ptr::eq(mine, remote)) {
            remote.inbox.drain(drop);
        } else {
            // The lock is held across the fork.
            remote.hub.store(ptr::null_mut(), Ordering::Relaxed);
            remote.make_stale();
            if poller >= 0 {
                let _ = fd::close(poller);
            }
        }
    });
}

pub(super) fn by_number(number: u16) -> Option<&'static Remote> {
    let remote = REMOTES.get(number as usize)?.load(Ordering::Acquire);
    // SAFETY: null, or leaked by `acquire`.
    unsafe { remote.as_ref() }
}

/// Calls `each` for every hub number ever used.
pub(super) fn for_each(mut each: impl FnMut(&'static Remote)) {
    for number in 0..MAX_HUBS {
        let Some(remote) = by_number(number as u16) else { return };
        each(remote);
    }
}

pub(super) fn is_alive(number: u16) -> bool {
    by_number(number).is_some_and(Remote::is_used)
}

pub(super) fn remote_of(handle: usize) -> Result<&'static Remote> {
    if handle == 0 {
        return Err(Error::EINVAL);
    }
    let number = (handle & ((1 << NUMBER_BITS) - 1)).checked_sub(1).ok_or(Error::NO_HUB)?;
    by_number(number as u16)
        .filter(|remote| remote.handle.load(Ordering::Acquire) == handle)
        .ok_or(Error::NO_HUB)
}

/// Whether a handle names a living hub, on whatever OS thread.
pub(crate) fn resolve(handle: usize) -> Result<()> {
    remote_of(handle).map(drop)
}

/// The hub of a handle, which must be the calling OS thread's.
pub(crate) fn resolve_mine(handle: usize) -> Result<&'static Hub> {
    remote_of(handle)?;
    current().filter(|hub| hub.handle == handle).ok_or(Error::WRONG_THREAD)
}

/// Sends a callback to a hub. Async-signal-safe but for errno, which the boundary keeps.
pub(crate) fn post(handle: usize, callback: Callback, argument: *mut c_void) -> Result<()> {
    let remote = remote_of(handle)?;
    if !remote.inbox.push(Message::Post { handle, callback, argument }) {
        return Err(Error::EAGAIN);
    }
    remote.wake();
    Ok(())
}

/// Ends the current or next run of a hub. Async-signal-safe like `post`.
pub(crate) fn stop(handle: usize) -> Result<()> {
    let remote = remote_of(handle)?;
    // Handles of one number grow: a caller that was held up here until the next hub lives must not undo
    // what was said to that one.
    remote.stop.fetch_max(handle, Ordering::SeqCst);
    remote.wake();
    Ok(())
}
