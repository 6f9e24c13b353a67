//! The family that waits for descriptors: poll(2), ppoll(2), epoll_wait(2) and their like. `select` has a
//! file of its own.
//!
//! The kernel answers, always: asked with a timeout of zero, at first and whenever the hub has seen
//! something. So each call knows every kind of descriptor and every event, and fails as it should.

use super::caller::Caller;
use super::hooks::originals;
use super::mask::Mask;
use super::readable::is_there;
use super::sleep;
use crate::clock::{self, Nanos, NEVER};
use crate::error::{Error, Result};
use crate::net::poll::{mark_closed, watch, Found};
use crate::sys::errno;
use crate::thread::Heed;
use libc::{epoll_event, nfds_t, pollfd, sigset_t, size_t, timespec};
use std::ffi::c_int;
use std::slice;

const MILLISECOND: Nanos = 1_000_000;

/// Where the hub can have no event of something, it is asked about again after this long, then after twice
/// as long, up to the longest.
const SHORTEST_PAUSE: Nanos = MILLISECOND;
const LONGEST_PAUSE: Nanos = 32 * MILLISECOND;

pub(super) const AT_ONCE: timespec = timespec { tv_sec: 0, tv_nsec: 0 };

/// What a libc function has said, with -1 for what errno tells.
pub(super) fn said(count: c_int) -> Result<c_int> {
    match count {
        -1 => Err(Error::errno(errno::last())),
        count => Ok(count),
    }
}

/// Asks, and waits for at most `span` until there is another answer than 0. `ask` does not wait.
pub(super) fn wait_for(
    caller: Caller,
    fds: impl Iterator<Item = c_int> + Clone,
    span: Nanos,
    mask: Mask,
    mut ask: impl FnMut() -> Result<c_int>,
) -> Result<Found> {
    let mut ask = || caller.hub.claiming(&mut ask, |answer| *answer == Err(Error::EINTR));
    let ready = ask()?;
    if ready != 0 || span == 0 {
        // Also for who polls in a loop: the others must run.
        caller.hub.spend(caller.thread);
        return Ok(Found::Ready(ready));
    }
    if caller.thread.is_interrupted() {
        return Err(Error::ECANCELED);
    }
    let deadline = clock::after_ns(span);
    let waited = caller.heeding_but(mask.held_back(), Heed::Every, || {
        let watched = match mask.watch_opened() {
            Ok(signals) => {
                let signals_fd = signals.iter().map(|signals| signals.fd());
                watch(caller.hub, caller.thread, fds.chain(signals_fd), deadline, &mut ask)
            }
            Err(error) => Err(error),
        };
        match watched {
            Err(error) if error != Error::EINTR && error != Error::ECANCELED => {
                // A descriptor closed just now, an epoll set that the hub's own cannot hold (epoll_ctl(2)
                // says ELOOP), no descriptor left for the signals.
                ask_again(caller, deadline, &mut ask)
            }
            done => done,
        }
    });
    match waited {
        // The kernel tells of what is ready rather than of a signal.
        Err(Error::EINTR) => match ask()? {
            0 => Err(Error::EINTR),
            ready => Ok(Found::Ready(ready)),
        },
        done => done,
    }
}

fn ask_again(
    caller: Caller,
    deadline: Nanos,
    mut ask: impl FnMut() -> Result<c_int>,
) -> Result<Found> {
    let mut pause = SHORTEST_PAUSE;
    loop {
        let ready = ask()?;
        if ready != 0 || deadline <= clock::now() {
            return Ok(Found::Ready(ready));
        }
        caller.sleep_until(clock::after_ns(pause).min(deadline))?;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// A timeout in milliseconds, for ever if it is negative.
fn milliseconds(timeout: c_int) -> Nanos {
    match timeout {
        0.. => Nanos::from(timeout) * MILLISECOND,
        _ => NEVER,
    }
}

/// A timeout, for ever if there is none. `None` for one that the kernel refuses.
///
/// # Safety
/// Null, or as the kernel wants it, or it leads nowhere.
pub(super) unsafe fn span(timeout: *const timespec) -> Option<Nanos> {
    if timeout.is_null() {
        return Some(NEVER);
    }
    // SAFETY: it is there.
    is_there(timeout, 1).then(|| sleep::span(unsafe { &*timeout }).ok()).flatten()
}

/// # Safety
/// As `poll_asking`.
pub(super) unsafe fn poll(
    caller: Caller,
    fds: *mut pollfd,
    count: nfds_t,
    timeout: c_int,
) -> Result<c_int> {
    // SAFETY: the caller vouches for the array.
    let ask = || said(unsafe { originals::poll(fds, count, 0) });
    // SAFETY: as above; asked first.
    unsafe { poll_asking(caller, fds, count, milliseconds(timeout), Mask::Kept, ask) }
}

/// # Safety
/// As poll(2): an array, or what the kernel finds not to be one, in which case `ask` fails at once.
unsafe fn poll_asking(
    caller: Caller,
    fds: *mut pollfd,
    count: nfds_t,
    span: Nanos,
    mask: Mask,
    ask: impl FnMut() -> Result<c_int>,
) -> Result<c_int> {
    // SAFETY: looked at after the kernel has read and written all of it.
    let numbers = (0..count as usize).map(move |place| unsafe { (*fds.add(place)).fd });
    match wait_for(caller, numbers, span, mask, ask)? {
        Found::Ready(ready) => Ok(ready),
        Found::Closed(places) => {
            // SAFETY: as above; of no descriptor, nothing is closed.
            let entries = unsafe { slice::from_raw_parts_mut(fds, count as usize) };
            Ok(mark_closed(entries, &places) as c_int)
        }
    }
}

/// # Safety
/// As poll(2); `size` is what the compiler knows of the array's.
pub(super) unsafe fn poll_chk(
    caller: Caller,
    fds: *mut pollfd,
    count: nfds_t,
    timeout: c_int,
    size: size_t,
) -> Result<c_int> {
    if size / size_of::<pollfd>() < count as usize {
        // Ends the process, and says why.
        // SAFETY: the caller vouches for the arguments.
        return said(unsafe { originals::__poll_chk(fds, count, timeout, size) });
    }
    // SAFETY: as above.
    unsafe { poll(caller, fds, count, timeout) }
}

/// # Safety
/// As ppoll(2).
pub(super) unsafe fn ppoll(
    caller: Caller,
    fds: *mut pollfd,
    count: nfds_t,
    timeout: *const timespec,
    mask: *const sigset_t,
) -> Result<c_int> {
    // SAFETY: the caller vouches for it.
    let Some(span) = (unsafe { span(timeout) }) else {
        // SAFETY: as above.
        return said(unsafe { originals::ppoll(fds, count, timeout, mask) });
    };
    // SAFETY: as above. What is open in the mask and pending is handled now.
    let ask = || said(unsafe { originals::ppoll(fds, count, &AT_ONCE, mask) });
    // SAFETY: as above; asked first.
    unsafe { poll_asking(caller, fds, count, span, Mask::of(mask), ask) }
}

/// # Safety
/// As ppoll(2); `size` is what the compiler knows of the array's.
pub(super) unsafe fn ppoll_chk(
    caller: Caller,
    fds: *mut pollfd,
    count: nfds_t,
    timeout: *const timespec,
    mask: *const sigset_t,
    size: size_t,
) -> Result<c_int> {
    if size / size_of::<pollfd>() < count as usize {
        // SAFETY: the caller vouches for the arguments.
        return said(unsafe { originals::__ppoll_chk(fds, count, timeout, mask, size) });
    }
    // SAFETY: as above.
    unsafe { ppoll(caller, fds, count, timeout, mask) }
}

/// # Safety
/// As epoll_wait(2).
pub(super) unsafe fn epoll_wait(
    caller: Caller,
    epoll: c_int,
    events: *mut epoll_event,
    most: c_int,
    timeout: c_int,
) -> Result<c_int> {
    collect(caller, epoll, milliseconds(timeout), Mask::Kept, || {
        // SAFETY: the caller vouches for the array.
        said(unsafe { originals::epoll_wait(epoll, events, most, 0) })
    })
}

/// # Safety
/// As epoll_pwait(2).
pub(super) unsafe fn epoll_pwait(
    caller: Caller,
    epoll: c_int,
    events: *mut epoll_event,
    most: c_int,
    timeout: c_int,
    mask: *const sigset_t,
) -> Result<c_int> {
    collect(caller, epoll, milliseconds(timeout), Mask::of(mask), || {
        // SAFETY: the caller vouches for the array and the mask.
        said(unsafe { originals::epoll_pwait(epoll, events, most, 0, mask) })
    })
}

/// # Safety
/// As epoll_pwait2(2).
pub(super) unsafe fn epoll_pwait2(
    caller: Caller,
    epoll: c_int,
    events: *mut epoll_event,
    most: c_int,
    timeout: *const timespec,
    mask: *const sigset_t,
) -> Result<c_int> {
    // SAFETY: the caller vouches for it.
    let Some(span) = (unsafe { span(timeout) }) else {
        // SAFETY: the kernel refuses it.
        return said(unsafe { originals::epoll_pwait2(epoll, events, most, timeout, mask) });
    };
    collect(caller, epoll, span, Mask::of(mask), || {
        // SAFETY: as above.
        said(unsafe { originals::epoll_pwait2(epoll, events, most, &AT_ONCE, mask) })
    })
}

/// Waits for an epoll set itself, which is readable while it has events, and collects them.
fn collect(
    caller: Caller,
    epoll: c_int,
    span: Nanos,
    mask: Mask,
    mut ask: impl FnMut() -> Result<c_int>,
) -> Result<c_int> {
    let ask = || match ask()? {
        // Asked for events alone, epoll_pwait(2) does not look at signals.
        0 if span != 0 => mask.deliver_opened(),
        ready => Ok(ready),
    };
    match wait_for(caller, std::iter::once(epoll), span, mask, ask)? {
        Found::Ready(ready) => Ok(ready),
        Found::Closed(_) => Err(Error::EBADF),
    }
}
