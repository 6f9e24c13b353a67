//! What must be known of a descriptor: its close, its duplicates, its mode.
//!
//! These act on every OS thread. A number that no hub knows is closed by libc alone, after two loads.

use super::hooks::originals;
use super::{caller, listener};
use crate::hub;
use crate::sys::{errno, fd};
use libc::FILE;
use std::ffi::{c_int, c_uint, c_ulong};

/// Whether anybody must hear of a number's close.
#[inline(always)]
fn is_tracked(fd: c_int) -> bool {
    (hub::is_registered(fd) || listener::any()) && caller::may_track()
}

/// Runs what closes an open descriptor, or puts another one at its number: who waits for it, on whatever
/// hub, gets EBADF.
#[cold]
fn tracked<T>(fd: c_int, close: impl FnOnce() -> T) -> T {
    if listener::any() {
        listener::forget_number(fd);
    }
    if !hub::is_registered(fd) {
        return close();
    }
    hub::closing(fd, || {
        let closed = close();
        // What follows must not be seen in errno.
        (closed, errno::last())
    })
    .restored()
}

/// A result, and the errno that belongs to it.
trait Restored<T> {
    fn restored(self) -> T;
}

impl<T> Restored<T> for (T, c_int) {
    fn restored(self) -> T {
        // SAFETY: this OS thread's own errno.
        unsafe { *errno::address() = self.1 };
        self.0
    }
}

/// Looks at something without a trace in errno.
fn quietly<T>(look: impl FnOnce() -> T) -> T {
    let before = errno::last();
    (look(), before).restored()
}

pub(super) unsafe fn close(fd: c_int) -> c_int {
    // SAFETY: takes no pointer. Whose descriptor it is, is the caller's affair.
    let plain = || unsafe { originals::close(fd) };
    if !is_tracked(fd) || !quietly(|| fd::is_open(fd)) {
        return plain();
    }
    tracked(fd, plain)
}

/// # Safety
/// As fclose(3).
pub(super) unsafe fn fclose(file: *mut FILE) -> c_int {
    // SAFETY: the caller vouches for the stream.
    let plain = || unsafe { originals::fclose(file) };
    // SAFETY: as above. One without a descriptor says so in errno.
    let fd = quietly(|| unsafe { libc::fileno(file) });
    if fd < 0 || !is_tracked(fd) {
        return plain();
    }
    tracked(fd, plain)
}

/// # Safety
/// Takes no pointer.
pub(super) unsafe fn close_range(first: c_uint, last: c_uint, flags: c_int) -> c_int {
    // With flags they are closed at exec only, or of a table that is this OS thread's alone.
    if flags == 0 && first <= last && caller::may_track() {
        forget_range(first, last);
    }
    // SAFETY: takes no pointer.
    unsafe { originals::close_range(first, last, flags) }
}

pub(super) unsafe fn closefrom(first: c_int) {
    if caller::may_track() {
        forget_range(first.max(0) as c_uint, c_uint::MAX);
    }
    // SAFETY: takes no pointer.
    unsafe { originals::closefrom(first) }
}

fn forget_range(first: c_uint, last: c_uint) {
    let number = |value: c_uint| c_int::try_from(value).unwrap_or(c_int::MAX);
    quietly(|| {
        if listener::any() {
            listener::forget_numbers(number(first), number(last));
        }
        hub::forget_range(number(first), number(last));
    });
}

pub(super) unsafe fn dup(old: c_int) -> c_int {
    // SAFETY: takes no pointer.
    let plain = || unsafe { originals::dup(old) };
    noted(old, plain())
}

/// What is to be known of a descriptor is to be known of its new number: that a listener is in virtual blocking
/// mode, that another process has it too.
#[inline(always)]
fn noted(old: c_int, number: c_int) -> c_int {
    if number >= 0 && number != old && caller::may_track() {
        hub::note_twins([old, number]);
    }
    if number >= 0 && (listener::any() || hub::is_foreign(old)) && caller::may_track() {
        quietly(|| {
            if hub::is_foreign(old) {
                hub::share(number);
            }
            listener::note_duplicate(number);
        });
    }
    number
}

pub(super) unsafe fn dup2(old: c_int, new: c_int) -> c_int {
    // SAFETY: takes no pointer.
    unsafe { replace(old, new, || originals::dup2(old, new)) }
}

pub(super) unsafe fn dup3(old: c_int, new: c_int, flags: c_int) -> c_int {
    // SAFETY: takes no pointer.
    let plain = || unsafe { originals::dup3(old, new, flags) };
    if flags & !libc::O_CLOEXEC != 0 {
        return plain();
    }
    // SAFETY: takes no pointer.
    unsafe { replace(old, new, plain) }
}

/// Puts another descriptor at a number, whose old one is closed by that.
#[inline(always)]
unsafe fn replace(old: c_int, new: c_int, plain: impl FnOnce() -> c_int) -> c_int {
    if old == new {
        return plain();
    }
    if !is_tracked(new) {
        return noted(old, plain());
    }
    // Nothing is closed by one that fails.
    if !quietly(|| fd::is_open(old) && fd::is_open(new)) {
        return noted(old, plain());
    }
    noted(old, tracked(new, plain))
}

pub(super) unsafe fn fcntl(fd: c_int, command: c_int, argument: usize) -> c_int {
    // SAFETY: the caller vouches for what the command wants.
    let plain = |argument| unsafe { originals::fcntl(fd, command, argument) };
    if matches!(command, libc::F_DUPFD | libc::F_DUPFD_CLOEXEC) {
        return noted(fd, plain(argument));
    }
    if command == libc::F_SETFL {
        // SAFETY: as above.
        return unsafe { set_flags(fd, argument) };
    }
    // A call at the end is a jump, which spares the return: after a system call that is what costs most.
    if !listener::any() || !caller::may_track() {
        return plain(argument);
    }
    match command {
        libc::F_GETFL => {
            let flags = plain(argument);
            let is_virtual = flags >= 0
                && flags & libc::O_NONBLOCK != 0
                && quietly(|| listener::believes_blocking(fd));
            if is_virtual {
                flags & !libc::O_NONBLOCK
            } else {
                flags
            }
        }
        _ => plain(argument),
    }
}

/// # Safety
/// As fcntl(2) with F_SETFL.
#[inline(never)]
unsafe fn set_flags(fd: c_int, flags: usize) -> c_int {
    let set = |flags| {
        // SAFETY: the caller vouches for what the command wants.
        let done = unsafe { originals::fcntl(fd, libc::F_SETFL, flags) };
        hub::mode_has_changed(fd);
        done
    };
    let is_virtual =
        listener::any() && caller::may_track() && quietly(|| listener::believes_blocking(fd));
    if !is_virtual {
        return set(flags);
    }
    let done = set(flags | libc::O_NONBLOCK as usize);
    if done == 0 && flags & libc::O_NONBLOCK as usize != 0 {
        quietly(|| listener::forget(fd));
    }
    done
}

/// # Safety
/// As ioctl(2).
pub(super) unsafe fn ioctl(fd: c_int, request: c_ulong, argument: usize) -> c_int {
    // SAFETY: the caller vouches for what the request wants.
    let plain = || unsafe { originals::ioctl(fd, request, argument) };
    if request != libc::FIONBIO as c_ulong {
        return plain();
    }
    let plain = || {
        let done = plain();
        hub::mode_has_changed(fd);
        done
    };
    let tracks = listener::any() && argument != 0 && caller::may_track();
    if !tracks || !quietly(|| listener::believes_blocking(fd)) {
        return plain();
    }
    // SAFETY: a number, as FIONBIO wants it.
    if unsafe { *(argument as *const c_int) } == 0 {
        return 0;
    }
    let done = plain();
    if done == 0 {
        quietly(|| listener::forget(fd));
    }
    done
}
