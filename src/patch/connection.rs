//! connect(2) and accept(2).

use super::caller::{self, Caller};
use super::hooks::originals;
use super::listener;
use super::origin::Trail;
use super::socket::retry_later;
use super::turn::{has_ended, result, try_first, wait, Patience};
use crate::error::{Error, Result};
use crate::hub::{self, adopt, Direction};
use crate::sys::wait::poll_one;
use crate::sys::{errno, fd};
use libc::{sockaddr, socklen_t};
use std::ffi::c_int;

/// Begins a connection without waiting for it. connect(2) has no flag for that, so that the socket is in
/// non-blocking mode meanwhile: for one system call, in which it is nobody's connection yet.
///
/// # Safety
/// As connect(2).
unsafe fn begin(socket: c_int, address: *const sockaddr, length: socklen_t) -> Result<isize> {
    fd::set_mode(socket, true);
    // SAFETY: the caller vouches for the address.
    let begun = result(unsafe { originals::connect(socket, address, length) } as isize);
    fd::set_mode(socket, false);
    begun
}

/// # Safety
/// As connect(2).
pub(super) unsafe fn connect(
    caller: Caller,
    socket: c_int,
    address: *const sockaddr,
    length: socklen_t,
) -> Result<c_int> {
    // SAFETY: the caller vouches for the address.
    let plain = || result(unsafe { originals::connect(socket, address, length) } as isize);
    // Who keeps messages apart only takes note of an address.
    let waits = match fd::socket_option(socket, libc::SO_TYPE) {
        Ok(libc::SOCK_STREAM | libc::SOCK_SEQPACKET) => !fd::is_nonblocking(socket)?,
        _ => false,
    };
    if !waits {
        return plain().map(|done| done as c_int);
    }
    // Before the first attempt: a timeout stands over all of it.
    let patience = Patience::of_timeout(socket, Direction::Write);
    // SAFETY: the caller vouches for the address.
    let begin = || unsafe { begin(socket, address, length) };
    let begun = match begin() {
        // A Unix socket whose listener's backlog is full.
        Err(Error::EAGAIN) => retry_later(caller, socket, patience, &begin),
        begun => begun,
    };
    let pending = match begun {
        Err(pending @ (Error::EINPROGRESS | Error::EALREADY)) => pending,
        done => return done.map(|done| done as c_int),
    };
    let ends = |socket| poll_one(socket, libc::POLLOUT, 0);
    let done = wait(caller, socket, Direction::Write, 0, patience, &|| match ends(socket)? {
        0 => Err(Error::EAGAIN),
        _ if is_closed(socket) => Err(give_up(socket)),
        // A second connect(2) tells how the first one ended, at once, and makes the kernel take note.
        _ => match begin() {
            Err(Error::EISCONN) => Ok(0),
            Err(Error::EINPROGRESS | Error::EALREADY) => Err(Error::EAGAIN),
            done => done,
        },
    });
    match done {
        // So much of it as there is time for: it goes on by itself.
        Err(Error::EAGAIN) => Err(pending),
        done => done.map(|done| done as c_int),
    }
}

/// Whether a connection of TCP has come to nothing. Then the kernel may have taken note already, since somebody
/// shut the socket down: another connect(2) would begin anew.
fn is_closed(socket: c_int) -> bool {
    const CLOSED: u8 = 7;
    let mut state = 0_u8;
    let mut length = size_of::<u8>() as socklen_t;
    // SAFETY: a place for the first byte of the answer, and its size.
    let asked = unsafe {
        let state: *mut u8 = &mut state;
        libc::getsockopt(socket, libc::IPPROTO_TCP, libc::TCP_INFO, state.cast(), &mut length)
    };
    asked == 0 && state == CLOSED
}

/// Ends a connection that has come to nothing as connect(2) does: it takes the error, and the socket can be used
/// for another one.
fn give_up(socket: c_int) -> Error {
    let error = fd::socket_option(socket, libc::SO_ERROR).unwrap_or(0);
    let nobody = sockaddr { sa_family: libc::AF_UNSPEC as _, sa_data: [0; 14] };
    // SAFETY: a valid address, and its size.
    unsafe { originals::connect(socket, &nobody, size_of::<sockaddr>() as socklen_t) };
    match error {
        0 => Error::errno(libc::ECONNABORTED),
        number => Error::errno(number),
    }
}

/// Acts for every OS thread: of a Unix socket that is shut down for writing no event tells.
pub(super) unsafe fn shutdown(socket: c_int, how: c_int) -> c_int {
    // SAFETY: takes no pointer.
    let done = unsafe { originals::shutdown(socket, how) };
    if hub::is_registered(socket) && caller::may_track() {
        let number = errno::last();
        hub::changed(socket);
        // SAFETY: this OS thread's own errno.
        unsafe { *errno::address() = number };
    }
    done
}

/// # Safety
/// As accept(2).
pub(super) unsafe fn accept(
    socket: c_int,
    address: *mut sockaddr,
    length: *mut socklen_t,
) -> c_int {
    if caller::caller().is_some() {
        // SAFETY: the caller vouches for both pointers.
        return unsafe { accept_green(socket, address, length, None) };
    }
    // SAFETY: as above.
    let accepted = unsafe { originals::accept(socket, address, length) };
    if accepted >= 0 || !listener::any() {
        return accepted;
    }
    // SAFETY: as above.
    unsafe { accept_if_misled(socket, address, length, None) }
}

/// # Safety
/// As accept4(2).
pub(super) unsafe fn accept4(
    socket: c_int,
    address: *mut sockaddr,
    length: *mut socklen_t,
    flags: c_int,
) -> c_int {
    if caller::caller().is_some() {
        // SAFETY: the caller vouches for both pointers.
        return unsafe { accept_green(socket, address, length, Some(flags)) };
    }
    // SAFETY: as above.
    let accepted = unsafe { originals::accept4(socket, address, length, flags) };
    if accepted >= 0 || !listener::any() {
        return accepted;
    }
    // SAFETY: as above.
    unsafe { accept_if_misled(socket, address, length, Some(flags)) }
}

/// What accept(2), or accept4(2), was given beside the socket.
#[derive(Clone, Copy, Debug)]
struct Accept {
    address: *mut sockaddr,
    length: *mut socklen_t,
    flags: Option<c_int>,
}

impl Accept {
    /// # Safety
    /// Both pointers are as accept(2) wants them.
    unsafe fn call(self, socket: c_int) -> c_int {
        // SAFETY: the caller vouches for both.
        unsafe {
            match self.flags {
                None => originals::accept(socket, self.address, self.length),
                Some(flags) => originals::accept4(socket, self.address, self.length, flags),
            }
        }
    }
}

/// Apart, as what follows it, so that an OS thread without a hub keeps nothing but the arguments: who calls
/// is found out once more, for the same reason.
///
/// # Safety
/// As accept(2).
#[inline(never)]
unsafe fn accept_green(
    socket: c_int,
    address: *mut sockaddr,
    length: *mut socklen_t,
    flags: Option<c_int>,
) -> c_int {
    let accept = Accept { address, length, flags };
    // SAFETY: the caller vouches for both pointers.
    let call = || unsafe { accept.call(socket) };
    static TRAIL: Trail = Trail::new();
    match caller::caller() {
        Some(caller) => caller.answer(&TRAIL, |caller| accept_by(caller, socket, call)),
        None => call(),
    }
}

/// After a failure of an OS thread without a hub: waits if it was told EAGAIN of a listener that it believes
/// to be in blocking mode.
///
/// # Safety
/// As accept(2).
#[cold]
#[inline(never)]
unsafe fn accept_if_misled(
    socket: c_int,
    address: *mut sockaddr,
    length: *mut socklen_t,
    flags: Option<c_int>,
) -> c_int {
    if !is_misled(socket) {
        return -1;
    }
    let accept = Accept { address, length, flags };
    // SAFETY: the caller vouches for both pointers.
    unsafe { accept_plainly(socket, || accept.call(socket)) }
}

fn is_misled(socket: c_int) -> bool {
    errno::last() == libc::EAGAIN && {
        let believes = listener::believes_blocking(socket);
        // SAFETY: this OS thread's own errno.
        unsafe { *errno::address() = libc::EAGAIN };
        believes
    }
}

/// Waits for a client in poll(2), as the kernel would in accept(2).
#[cold]
unsafe fn accept_plainly(socket: c_int, call: impl Fn() -> c_int) -> c_int {
    let before = Patience::of_timeout(socket, Direction::Read).deadline;
    loop {
        let events = libc::POLLIN | libc::POLLRDHUP;
        let mut entry = libc::pollfd { fd: socket, events, revents: 0 };
        let left = before.saturating_sub(crate::clock::now()).max(0);
        let time = libc::timespec { tv_sec: left / 1_000_000_000, tv_nsec: left % 1_000_000_000 };
        // SAFETY: one valid entry, a valid time, and no signal mask.
        match unsafe { libc::ppoll(&mut entry, 1, &time, std::ptr::null()) } {
            0 => {
                // SAFETY: this OS thread's own errno.
                unsafe { *errno::address() = libc::EAGAIN };
                return -1;
            }
            failed if failed < 0 => return -1,
            _ => {}
        }
        let accepted = call();
        if accepted >= 0 || !is_misled(socket) {
            return accepted;
        }
        if entry.revents & libc::POLLRDHUP != 0 {
            return match accept_of_ended(socket, || result(call() as isize)) {
                Ok(accepted) => accepted as c_int,
                Err(error) => {
                    // SAFETY: this OS thread's own errno.
                    unsafe { *errno::address() = -error.code() };
                    -1
                }
            };
        }
    }
}

/// Accepts on a hub.
fn accept_by(caller: Caller, socket: c_int, call: impl Fn() -> c_int) -> Result<c_int> {
    let once = || result(call() as isize);
    let releases = listener::releases();
    // The kernel's own answer where nothing would be waited for.
    let waits = is_blocking_listener(socket)?;
    let attempt = || match waits {
        true => try_accept(socket, &once),
        false => once(),
    };
    let accepted = match try_first(caller, socket, Direction::Read, &attempt)? {
        Some(accepted) => accepted,
        None if !waits && !listener::believes_blocking(socket) => once()?,
        None => {
            let patience = Patience::of_timeout(socket, Direction::Read);
            let attempt = || accept_to_the_end(socket, &once);
            // Of an end that was reported no further event tells.
            let now = match caller.hub.seems_ended(socket) {
                true => attempt(),
                false => Err(Error::EAGAIN),
            };
            let accepted = match now {
                Err(Error::EAGAIN) => wait(caller, socket, Direction::Read, 0, patience, &attempt),
                done => done,
            };
            if listener::releases() != releases {
                listener::release(socket);
            }
            accepted?
        }
    };
    let accepted = accepted as c_int;
    // It is this process's alone, whatever had the number before.
    if hub::is_registered(accepted) || hub::is_foreign(accepted) {
        adopt(accepted);
    }
    caller.hub.spend(caller.thread);
    Ok(accepted)
}

/// Whether a socket listens, and its kernel mode is the blocking one.
fn is_blocking_listener(socket: c_int) -> Result<bool> {
    Ok(!fd::is_nonblocking(socket)? && fd::socket_option(socket, libc::SO_ACCEPTCONN) == Ok(1))
}

/// One accept(2) that does not wait, whoever has changed the listener's mode since the last.
fn try_accept(socket: c_int, once: &dyn Fn() -> Result<isize>) -> Result<isize> {
    if fd::is_nonblocking(socket)? {
        return once();
    }
    if listener::make_virtual(socket).is_err() {
        // No room, or a kernel that cannot tell sockets apart: who loses a race here waits.
        if poll_one(socket, libc::POLLIN, 0)? == 0 {
            return Err(Error::EAGAIN);
        }
    }
    once()
}

/// The same, of a listener that may have been shut down: a Unix one tells only who may wait (unix(7) has no word
/// of it; TCP's is a listener no more).
fn accept_to_the_end(socket: c_int, once: &dyn Fn() -> Result<isize>) -> Result<isize> {
    match try_accept(socket, once) {
        Err(Error::EAGAIN) if has_ended(socket)? => accept_of_ended(socket, once),
        done => done,
    }
}

#[cold]
fn accept_of_ended(socket: c_int, once: impl Fn() -> Result<isize>) -> Result<isize> {
    listener::release(socket);
    match once() {
        // Somebody else has accepted in between, and changed the mode back.
        Err(Error::EAGAIN) => Err(Error::EINVAL),
        done => done,
    }
}
