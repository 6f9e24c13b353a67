//! Readiness: a descriptor is registered once for both directions, edge-triggered; then wait.
//!
//! On epoll that is all. mio's poll(2) backend (systems without epoll, and our tests) forgets an
//! interest that has fired and a descriptor that hung up; `rearm` renews it before a wait, and costs
//! nothing elsewhere.

use crate::clock::Nanos;
use crate::error::{Error, Result};
use crate::faults::{self, Fault};
use crate::sys::{fd, wait};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};
use std::cell::{Cell, RefCell};
use std::ffi::c_int;
use std::io;
use std::time::Duration;

/// What one event says of its descriptor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Readiness {
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// The peer hung up, or will send no more: reads will not run dry again.
    pub(crate) hung_up: bool,
    /// Out-of-band data stands in the stream, at which a read stops short.
    pub(crate) priority: bool,
}

/// Takes events from the kernel in batches of this size: large enough that a busy server asks once
/// for many descriptors, small enough (12 KiB) to stay in the cache.
const BATCH: usize = 1024;
/// The token of the counter that other threads wake the hub by.
const WAKE: Token = Token(usize::MAX);
/// Below a millisecond epoll_wait cannot wait; a poll(2) of nanoseconds on the poller's descriptor
/// can.
const MILLISECOND: Nanos = 1_000_000;
/// Nothing is gained by longer waits, and overflow is far away.
const LONGEST_WAIT: Nanos = 3_600_000_000_000;
/// How long a hub that could not make a poller waits before it tries again.
const RETRY: Nanos = 10 * MILLISECOND;

/// The readiness source of one hub.
#[derive(Debug)]
pub(crate) struct Poller {
    /// `None` in the child of a fork until `renew`: the parent's must not be asked there, nor changed.
    poll: RefCell<Option<Poll>>,
    events: RefCell<Events>,
    wake: Cell<c_int>,
    /// Waits longer than this may end on a whole millisecond.
    finest: Nanos,
}

impl Poller {
    /// `wake` is an event counter, kept by the caller for as long as the poller lives. Waits may be up
    /// to `slack` nanoseconds too long.
    pub(crate) fn new(wake: c_int, slack: Nanos) -> Result<Poller> {
        if faults::strikes(Fault::PollerNew) {
            return Err(Error::EMFILE);
        }
        Ok(Poller {
            poll: RefCell::new(Some(open(wake)?)),
            events: RefCell::new(Events::with_capacity(BATCH)),
            wake: Cell::new(wake),
            finest: if slack < MILLISECOND { LONGEST_WAIT } else { MILLISECOND },
        })
    }

    /// Gives up the poller that a fork has copied: closes this process's descriptor of it and leaves the
    /// registrations, which are the parent's, alone.
    pub(crate) fn abandon(&self) {
        self.poll.replace(None);
        self.wake.set(-1);
    }

    /// Whether it was abandoned, and not renewed yet.
    #[inline]
    pub(crate) fn is_abandoned(&self) -> bool {
        self.poll.borrow().is_none()
    }

    /// Makes a poller in the place of the abandoned one. `wake` is as for `new`.
    pub(crate) fn renew(&self, wake: c_int) -> Result<()> {
        self.poll.replace(Some(open(wake)?));
        self.wake.set(wake);
        Ok(())
    }

    fn with_registry<T>(&self, act: impl FnOnce(&Registry) -> io::Result<T>) -> Result<T> {
        match self.poll.borrow().as_ref() {
            Some(poll) => act(poll.registry()).map_err(|error| Error::from_io(&error)),
            None => Err(Error::EBADF),
        }
    }

    /// A descriptor that is readable when there are events; for a foreign event loop.
    pub(crate) fn descriptor(&self) -> Result<c_int> {
        #[cfg(not(mio_unsupported_force_poll_poll))]
        {
            use std::os::fd::AsRawFd;
            self.poll.borrow().as_ref().map(|poll| poll.as_raw_fd()).ok_or(Error::EBADF)
        }
        #[cfg(mio_unsupported_force_poll_poll)]
        Err(Error::ENOTSUP)
    }

    /// Registers a descriptor. What is ready already is reported as an event too.
    pub(crate) fn add(&self, fd: c_int, token: usize) -> Result<()> {
        if faults::strikes(Fault::Register) {
            return Err(Error::ENOSPC);
        }
        let mut source = SourceFd(&fd);
        self.with_registry(|registry| {
            match registry.register(&mut source, Token(token), interest()) {
                // The number was registered for a descriptor that somebody duplicated away.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    registry.reregister(&mut source, Token(token), interest())
                }
                other => other,
            }
        })?;
        // poll(2) reports a closed descriptor as an event, not as an error.
        if cfg!(mio_unsupported_force_poll_poll) && !fd::is_open(fd) {
            self.remove(fd);
            return Err(Error::EBADF);
        }
        Ok(())
    }

    /// Renews the interest of a registered descriptor whose event has been used up.
    #[inline(always)]
    pub(crate) fn rearm(&self, fd: c_int, token: usize) {
        if cfg!(mio_unsupported_force_poll_poll) {
            let mut source = SourceFd(&fd);
            let _ = self.with_registry(|registry| {
                registry
                    .reregister(&mut source, Token(token), interest())
                    .or_else(|_| registry.register(&mut source, Token(token), interest()))
            });
        }
    }

    /// Registers a descriptor anew that should be registered. False if it is not: the number has become
    /// another descriptor's, since somebody closed the one that was.
    pub(crate) fn confirm(&self, fd: c_int, token: usize) -> Result<bool> {
        if cfg!(mio_unsupported_force_poll_poll) {
            // poll(2) asks about whatever has the number at that moment.
            self.rearm(fd, token);
            return Ok(true);
        }
        let source = &mut SourceFd(&fd);
        match self.with_registry(|registry| registry.reregister(source, Token(token), interest())) {
            Ok(()) => Ok(true),
            Err(Error::ENOENT) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Ends a registration. Needed before `close`: a duplicate would keep it alive otherwise.
    pub(crate) fn remove(&self, fd: c_int) {
        // The descriptor may be closed already, or be known to the kernel under another number.
        let _ = self.with_registry(|registry| registry.deregister(&mut SourceFd(&fd)));
    }

    /// Waits at most `timeout` nanoseconds (negative: no limit) and hands each event over. Returns how
    /// many there were, wake-ups not counted; `None` where a signal has ended the wait.
    pub(crate) fn wait(
        &self,
        timeout: Nanos,
        mut each: impl FnMut(usize, Readiness),
    ) -> Option<usize> {
        let mut is_whole = true;
        let timeout = match timeout {
            0 => Some(Duration::ZERO),
            ns if ns < 0 => None,
            ns if ns < self.finest => match self.descriptor() {
                Ok(descriptor) => {
                    is_whole = wait::sleep_on(descriptor, ns);
                    Some(Duration::ZERO)
                }
                Err(_) => Some(Duration::from_nanos(ns as u64)),
            },
            ns => Some(Duration::from_nanos(ns.min(LONGEST_WAIT) as u64)),
        };
        let mut events = self.events.borrow_mut();
        {
            let mut poll = self.poll.borrow_mut();
            let Some(poll) = poll.as_mut() else {
                let longest = timeout.map_or(RETRY, |left| (left.as_nanos() as Nanos).min(RETRY));
                wait::sleep_on(self.wake.get(), longest);
                return Some(0);
            };
            if poll.poll(&mut events, timeout).is_err() {
                // The loop looks at the clock and comes again.
                return None;
            }
        }
        let mut count = 0;
        for event in events.iter() {
            if event.token() == WAKE {
                if cfg!(mio_unsupported_force_poll_poll) {
                    self.rearm_wake();
                }
                continue;
            }
            count += 1;
            let hung_up = event.is_read_closed();
            let failed = event.is_error();
            each(
                event.token().0,
                Readiness {
                    readable: event.is_readable() || hung_up || failed,
                    writable: event.is_writable() || event.is_write_closed() || failed,
                    hung_up,
                    priority: event.is_priority(),
                },
            );
        }
        (is_whole || count > 0).then_some(count)
    }

    /// An edge-triggered counter needs no reading; a level-triggered one would fire for ever.
    fn rearm_wake(&self) {
        let wake = self.wake.get();
        fd::event_clear(wake);
        let source = &mut SourceFd(&wake);
        let _ =
            self.with_registry(|registry| registry.reregister(source, WAKE, Interest::READABLE));
    }
}

/// A poller that reports the event counter `wake`.
fn open(wake: c_int) -> Result<Poll> {
    let poll = Poll::new().map_err(|error| Error::from_io(&error))?;
    poll.registry()
        .register(&mut SourceFd(&wake), WAKE, Interest::READABLE)
        .map_err(|error| Error::from_io(&error))?;
    Ok(poll)
}

fn interest() -> Interest {
    Interest::READABLE | Interest::WRITABLE | Interest::PRIORITY
}
