//! Waiting for a descriptor: try the call first, queue only when the kernel says no.
//!
//! A waiter keeps its place in the queue until its call is done, also after it was woken: only the
//! first tries, and whoever comes later queues behind. So the order of arrival is the order of
//! delivery. Who leaves the queue while the descriptor is ready wakes the next.

use super::descriptors::{
    Descriptor, Waiter, ENDED, ENDLESS_READ, ENDLESS_WRITE, READ, STICKY, WRITE,
};
use super::{enter, is_foreign, Hub};
use crate::clock::Nanos;
use crate::error::{Error, Result};
use crate::list::List;
use crate::poller::Readiness;
use crate::sys::fd::{self, Kind};
use crate::thread::{Reason, Thread, Wake};
use std::ffi::c_int;

/// Which half of a descriptor a call needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Read,
    Write,
}

impl Direction {
    fn bit(self) -> u8 {
        match self {
            Direction::Read => READ,
            Direction::Write => WRITE,
        }
    }

    fn endless_bit(self) -> u8 {
        match self {
            Direction::Read => ENDLESS_READ,
            Direction::Write => ENDLESS_WRITE,
        }
    }

    fn reason(self, fd: c_int) -> Reason {
        match self {
            Direction::Read => Reason::Readable(fd),
            Direction::Write => Reason::Writable(fd),
        }
    }
}

impl Descriptor {
    fn queue(&self, direction: Direction) -> &List {
        match direction {
            Direction::Read => &self.readers,
            Direction::Write => &self.writers,
        }
    }

    #[inline]
    fn is_ready(&self, direction: Direction) -> bool {
        self.ready.get() & direction.bit() != 0
    }

    /// The kernel has said EAGAIN. For a read that also disproves a hang-up, which an unconnected socket
    /// reports.
    #[inline]
    fn run_dry(&self, direction: Direction) {
        let sticky = if direction == Direction::Read { STICKY } else { 0 };
        self.ready.set(self.ready.get() & !(direction.bit() | sticky));
    }

    /// What an unregistered descriptor was found to be is good for the call that found it. Nobody tells who
    /// closes it, and the number's next one must not be taken for it.
    fn forget_unregistered(&self) {
        if !self.registered.get() {
            self.ready.set(READ | WRITE);
        }
    }

    /// A call moved `count` bytes where it could have moved `asked`: of a stream, that was all, and
    /// the next call would only learn so from another EAGAIN (epoll(7), question 9).
    #[inline]
    fn moved(&self, direction: Direction, count: isize, asked: usize) {
        if (count as usize) < asked
            && self.ready.get() & STICKY == 0
            && self.registered.get()
            && self.kind.get() == Some(Kind::Tcp)
        {
            self.ready.set(self.ready.get() & !direction.bit());
        }
    }
}

/// Performs one call on a descriptor: `attempt` now if it can succeed, else when its turn has come.
///
/// `asked` is how many bytes a call could move at most, 0 when a smaller count proves nothing.
/// `attempt` does not wait, and gives `EAGAIN` when it would have to. It stands here once, inlined into
/// its caller: what a call executes between two waits is mostly fetched anew, since the kernel's own
/// code has pushed it out of the cache.
#[inline(always)]
pub(crate) fn perform(
    fd: c_int,
    direction: Direction,
    deadline: Nanos,
    asked: usize,
    attempt: impl Fn() -> Result<isize>,
) -> Result<isize> {
    let hub = enter()?;
    let thread = hub.suspender()?;
    let descriptor = hub.descriptor_of(fd)?;
    let waiter = Waiter::new(thread);
    let mut first = descriptor.queue(direction).is_empty();
    loop {
        if first && descriptor.is_ready(direction) {
            match attempt() {
                Err(Error::EAGAIN) => descriptor.run_dry(direction),
                done => {
                    if let Ok(count) = done {
                        descriptor.moved(direction, count, asked);
                    }
                    if waiter.link().is_queued() {
                        // SAFETY: `wait_turn` has queued it here.
                        unsafe { hub.leave(descriptor, direction, &waiter) };
                    } else if done.is_ok() {
                        hub.spend(thread);
                    }
                    return done;
                }
            }
        }
        if deadline <= hub.now.get() && !waiter.link().is_queued() {
            return hub.try_once(thread, descriptor, direction, &attempt);
        }
        // SAFETY: the waiter lives in this frame and does not move; every way out of the loop goes
        // through `leave`, here or there, or finds that `renew` has taken it out.
        unsafe { hub.wait_turn(thread, fd, descriptor, direction, deadline, &waiter)? };
        first = std::ptr::eq(descriptor.queue(direction).first(), waiter.link());
    }
}

/// The first half of `perform`, for who does not know yet whether the caller waits: makes the call if it can
/// be this one's turn. EAGAIN when it would have to wait, `None` when it was not tried: others have their turn, or
/// the hub believes that it would have to wait. Asks for no cancellation, and counts nothing as spent.
#[inline(always)]
pub(crate) fn try_now(
    hub: &Hub,
    fd: c_int,
    direction: Direction,
    asked: usize,
    attempt: impl FnOnce() -> Result<isize>,
) -> Result<Option<isize>> {
    let descriptor = hub.descriptor_of(fd)?;
    if !descriptor.is_ready(direction) || !descriptor.queue(direction).is_empty() {
        return Ok(None);
    }
    match attempt() {
        Ok(count) => {
            descriptor.moved(direction, count, asked);
            Ok(Some(count))
        }
        Err(Error::EAGAIN) => {
            if descriptor.registered.get() {
                descriptor.run_dry(direction);
            }
            Err(Error::EAGAIN)
        }
        Err(error) => Err(error),
    }
}

/// Performs one call that must not wait even here (`MSG_DONTWAIT`): as it comes, but not for a thread
/// that was cancelled.
#[inline(never)]
pub(crate) fn perform_once(attempt: impl FnOnce() -> Result<isize>) -> Result<isize> {
    let hub = enter()?;
    let thread = hub.suspender()?;
    let count = attempt()?;
    hub.spend(thread);
    Ok(count)
}

impl Hub {
    /// What a past deadline means: one try, whatever is known of the readiness.
    #[cold]
    #[inline(never)]
    fn try_once(
        &self,
        thread: &Thread,
        descriptor: &Descriptor,
        direction: Direction,
        attempt: &dyn Fn() -> Result<isize>,
    ) -> Result<isize> {
        if !descriptor.queue(direction).is_empty() {
            // What comes next is theirs who came before.
            return Err(Error::ETIMEDOUT);
        }
        let done = attempt();
        descriptor.forget_unregistered();
        let count = done.map_err(|error| match error {
            Error::EAGAIN => Error::ETIMEDOUT,
            error => error,
        })?;
        self.spend(thread);
        Ok(count)
    }

    /// Queues the waiter, if it is not, and parks. It keeps its place until `leave`; after a failure it
    /// has left.
    ///
    /// Not inlined: its frame lies below a suspended thread only if that thread really waits.
    ///
    /// # Safety
    /// The waiter is this thread's, and stays where it is until it has left.
    #[inline(never)]
    unsafe fn wait_turn(
        &self,
        thread: &Thread,
        fd: c_int,
        descriptor: &Descriptor,
        direction: Direction,
        deadline: Nanos,
        waiter: &Waiter,
    ) -> Result<()> {
        if !waiter.link().is_queued() {
            let last = &descriptor.last[usize::from(direction == Direction::Write)];
            if descriptor.registered.get() && last.get() != thread.id.0 as u32 {
                self.confirm(fd, descriptor)?;
            }
            if let Err(error) = self.register(fd, descriptor) {
                descriptor.forget_unregistered();
                return Err(error);
            }
            last.set(thread.id.0 as u32);
            let queue = descriptor.queue(direction);
            // SAFETY: the caller vouches for the place.
            unsafe { queue.push_back(waiter.link()) };
            if descriptor.is_ready(direction) && std::ptr::eq(queue.first(), waiter.link()) {
                // Registered just now, or confirmed: the readiness is not known to be old.
                return Ok(());
            }
        } else if thread.is_interrupted() {
            // Cancelled after it was woken and before it ran, for an event that came to nothing.
            // SAFETY: queued, says the condition above.
            unsafe { self.leave(descriptor, direction, waiter) };
            return Err(Error::ECANCELED);
        }
        self.poller.rearm(fd, descriptor.token(fd));
        let wake = self.park(thread, direction.reason(fd), deadline);
        if waiter.closed.get() {
            return Err(Error::EBADF);
        }
        let error = match wake {
            Wake::Ready => return Ok(()),
            Wake::Canceled => Error::ECANCELED,
            Wake::Interrupted => Error::EINTR,
            Wake::TimedOut | Wake::Deadlock => Error::ETIMEDOUT,
        };
        // SAFETY: still queued: only `renew` takes waiters out, and it says so in `closed`.
        unsafe { self.leave(descriptor, direction, waiter) };
        Err(error)
    }

    /// Takes a waiter out of its queue; the next one has its turn.
    ///
    /// # Safety
    /// The waiter stands in this queue.
    #[inline]
    unsafe fn leave(&self, descriptor: &Descriptor, direction: Direction, waiter: &Waiter) {
        // SAFETY: the caller vouches for it.
        unsafe { descriptor.queue(direction).unlink(waiter.link()) };
        self.wake_first(descriptor, direction);
    }

    /// Wakes the first waiter if the descriptor is ready for it.
    #[inline]
    fn wake_first(&self, descriptor: &Descriptor, direction: Direction) {
        if !descriptor.is_ready(direction) {
            return;
        }
        let first: *const Waiter = descriptor.queue(direction).first().cast();
        // SAFETY: a queued waiter lives on the stack of its suspended thread.
        if let Some(first) = unsafe { first.as_ref() } {
            // If it is awake already, it sees the readiness bit when it runs.
            // SAFETY: as above.
            self.unpark(unsafe { &*first.thread }, Wake::Ready);
        }
    }

    /// Takes an event in.
    #[inline]
    pub(super) fn dispatch(&self, token: usize, readiness: Readiness) {
        let Ok(descriptor) = self.descriptor_of(token as u32 as c_int) else { return };
        if descriptor.generation() != (token >> 32) as u32 {
            return;
        }
        let mut ready = descriptor.ready.get();
        if readiness.readable {
            ready |= READ;
        }
        if readiness.writable {
            ready |= WRITE;
        }
        if readiness.hung_up || readiness.priority {
            ready |= STICKY;
        }
        if readiness.hung_up {
            ready |= ENDED;
        }
        descriptor.ready.set(ready);
        if readiness.readable {
            self.wake_first(descriptor, Direction::Read);
        }
        if readiness.writable {
            self.wake_first(descriptor, Direction::Write);
        }
        let mut poller = descriptor.pollers.first();
        while !poller.is_null() {
            // SAFETY: a queued waiter lives on the stack, or in the heap, of its suspended thread,
            // which does not run before this loop is done.
            unsafe {
                self.unpark(&*(*poller.cast::<Waiter>()).thread, Wake::Ready);
                poller = descriptor.pollers.after(poller);
            }
        }
    }

    /// Forgets what is known against a call, and wakes who waits first in each queue.
    #[cold]
    pub(super) fn try_again(&self, descriptor: &Descriptor) {
        descriptor.ready.set(descriptor.ready.get() | READ | WRITE);
        self.wake_first(descriptor, Direction::Read);
        self.wake_first(descriptor, Direction::Write);
    }

    /// What kind of descriptor this is. Of a socket the kernel is asked once, since its calls have a
    /// flag against waiting; of anything else each time, since a wrong belief would block the OS thread.
    #[inline]
    pub(crate) fn kind_of(&self, fd: c_int) -> Result<Kind> {
        let descriptor = self.descriptor_of(fd)?;
        match descriptor.kind.get() {
            Some(kind) if kind.is_socket() => Ok(kind),
            _ => self.ask_kind(fd),
        }
    }

    /// Whether the number was a socket's when it was asked last: a guess, without a system call.
    #[inline(always)]
    pub(crate) fn seems_socket(&self, fd: c_int) -> bool {
        let known = self.descriptor_of(fd).ok().and_then(|descriptor| descriptor.kind.get());
        known.is_some_and(Kind::is_socket)
    }

    /// Whether the hub knows nothing against a call in this direction.
    pub(crate) fn seems_ready(&self, fd: c_int, direction: Direction) -> bool {
        self.descriptor_of(fd).is_ok_and(|descriptor| descriptor.is_ready(direction))
    }

    /// Whether the end of what can be read was reported of it, since it was registered.
    pub(crate) fn seems_ended(&self, fd: c_int) -> bool {
        self.descriptor_of(fd).is_ok_and(|descriptor| descriptor.ready.get() & ENDED != 0)
    }

    /// Whether a socket was seen to have no timeout for a direction, since it has the number. Only of what
    /// is registered: of that everybody tells who closes it. And not of what another process may have too.
    pub(crate) fn is_endless(&self, fd: c_int, direction: Direction) -> bool {
        !is_foreign(fd)
            && self.descriptor_of(fd).is_ok_and(|descriptor| {
                descriptor.registered.get() && descriptor.ready.get() & direction.endless_bit() != 0
            })
    }

    /// Takes note that a socket has no timeout for a direction.
    pub(crate) fn note_endless(&self, fd: c_int, direction: Direction) {
        if let Ok(descriptor) = self.descriptor_of(fd) {
            if descriptor.registered.get() {
                descriptor.ready.set(descriptor.ready.get() | direction.endless_bit());
            }
        }
    }

    /// Asks the kernel what a descriptor is that is no socket, or was one.
    #[cold]
    pub(crate) fn ask_kind(&self, fd: c_int) -> Result<Kind> {
        let descriptor = self.descriptor_of(fd)?;
        let kind = fd::kind(fd)?;
        if descriptor.kind.get().is_some_and(|known| known.is_socket() != kind.is_socket()) {
            self.replaced(fd, descriptor);
        }
        descriptor.kind.set(Some(kind));
        Ok(kind)
    }

    /// Puts a socket into non-blocking mode, for calls that have no flag of their own against waiting.
    /// Asks each time: a mode that is taken for granted would block the OS thread when it is wrong.
    pub(crate) fn ensure_nonblocking(&self, fd: c_int) -> Result<()> {
        // A terminal given by mistake must not be left in another mode for its other users.
        if !self.kind_of(fd)?.is_socket() {
            return Err(Error::ENOTSOCK);
        }
        fd::set_nonblocking(fd)?;
        // After it, for who has asked in between.
        super::mode_has_changed(fd);
        Ok(())
    }
}

/// One descriptor of a `gh_poll`, which waits on several.
#[derive(Debug)]
pub(crate) struct PollWaiter<'hub> {
    hub: &'hub Hub,
    fd: c_int,
    descriptor: &'hub Descriptor,
    waiter: Waiter,
}

impl<'hub> PollWaiter<'hub> {
    /// Prepares to wait; `watch` begins.
    pub(crate) fn new(hub: &'hub Hub, thread: &Thread, fd: c_int) -> Result<PollWaiter<'hub>> {
        let descriptor = hub.descriptor_of(fd)?;
        if descriptor.registered.get() {
            hub.confirm(fd, descriptor)?;
        }
        match hub.register(fd, descriptor) {
            // A file that epoll does not take never changes its readiness, but can be closed.
            Ok(()) | Err(Error::EPERM) => {}
            Err(error) => return Err(error),
        }
        Ok(PollWaiter { hub, fd, descriptor, waiter: Waiter::new(thread) })
    }

    /// Queues the waiter: every event of the descriptor from now on wakes the thread.
    ///
    /// # Safety
    /// The value does not move any more, and is dropped by its thread.
    pub(crate) unsafe fn watch(&self) {
        // SAFETY: the caller vouches for the place; `drop` takes the waiter out again.
        unsafe { self.descriptor.pollers.push_back(self.waiter.link()) };
    }

    /// To be called before each wait.
    pub(crate) fn rearm(&self) {
        self.hub.poller.rearm(self.fd, self.descriptor.token(self.fd));
    }

    /// The descriptor was closed while it was waited for.
    pub(crate) fn is_closed(&self) -> bool {
        self.waiter.closed.get()
    }
}

impl Drop for PollWaiter<'_> {
    fn drop(&mut self) {
        if self.waiter.link().is_queued() {
            // SAFETY: queued in this list by `watch`.
            unsafe { self.descriptor.pollers.unlink(self.waiter.link()) };
        }
    }
}
