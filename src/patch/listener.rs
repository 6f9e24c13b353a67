//! The blocking mode of listening sockets, which is virtual.
//!
//! accept(2) has no flag against waiting, and who is told by poll(2) that a client waits may find that
//! another took it. So a listener in blocking mode is put into the other one when a green thread first
//! accepts on it, and this file remembers that its owner believes otherwise: fcntl(2) and ioctl(2) answer
//! from here, and OS threads without a hub wait in poll(2).
//!
//! The mode is the open file's, however many numbers it has. A socket has one open file, and a cookie that
//! is never given to another socket: belief is found by cookie. Numbers are noted only to know when the last
//! one is closed. Nothing is locked, since close(2) is called in signal handlers.

use super::caller;
use super::hooks::originals;
use super::readable::is_there;
use crate::error::{Error, Result};
use crate::hub;
use crate::sys::fd;
use libc::{msghdr, socklen_t};
use std::ffi::c_int;
use std::sync::atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering};

/// One number of a listener whose mode is virtual. A cookie of 0 is no socket's.
#[derive(Debug)]
struct Row {
    cookie: AtomicU64,
    number: AtomicI32,
}

const ROWS: usize = 256;

static TABLE: [Row; ROWS] =
    [const { Row { cookie: AtomicU64::new(0), number: AtomicI32::new(-1) } }; ROWS];
/// Rows in use: everybody else pays for this one load.
static USED: AtomicUsize = AtomicUsize::new(0);
/// How often all modes were given back.
static RELEASES: AtomicUsize = AtomicUsize::new(0);

#[inline(always)]
pub(super) fn any() -> bool {
    USED.load(Ordering::Acquire) != 0
}

fn cookie(socket: c_int) -> Option<u64> {
    let mut value = 0_u64;
    let mut length = size_of::<u64>() as socklen_t;
    // SAFETY: a place for the answer, and its size.
    let asked = unsafe {
        let value: *mut u64 = &mut value;
        libc::getsockopt(socket, libc::SOL_SOCKET, libc::SO_COOKIE, value.cast(), &mut length)
    };
    (asked == 0 && value != 0).then_some(value)
}

fn rows_of(cookie: u64) -> impl Iterator<Item = &'static Row> {
    TABLE.iter().filter(move |row| row.cookie.load(Ordering::Acquire) == cookie)
}

fn insert(cookie: u64, number: c_int) -> bool {
    let known = |row: &Row| row.number.load(Ordering::Relaxed) == number;
    if rows_of(cookie).any(known) {
        return true;
    }
    let free = |row: &&Row| {
        row.cookie.compare_exchange(0, cookie, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    };
    let Some(row) = TABLE.iter().find(free) else { return false };
    row.number.store(number, Ordering::Relaxed);
    USED.fetch_add(1, Ordering::AcqRel);
    true
}

fn remove(row: &Row, cookie: u64) {
    // Once only, whoever else is at it.
    if row.cookie.compare_exchange(cookie, 0, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
        USED.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Whether the owner of a socket in non-blocking mode believes that it is in blocking mode.
pub(super) fn believes_blocking(socket: c_int) -> bool {
    any() && cookie(socket).is_some_and(|cookie| rows_of(cookie).next().is_some())
}

/// Puts a listener in blocking mode into the other one.
pub(super) fn make_virtual(socket: c_int) -> Result<()> {
    let known = cookie(socket).ok_or(Error::ENOTSUP)?;
    if !insert(known, socket) {
        return Err(Error::ENOTSUP);
    }
    fd::set_nonblocking(socket)
}

/// The owner has chosen a mode, which is the kernel's from now on.
pub(super) fn forget(socket: c_int) {
    if let Some(known) = cookie(socket) {
        rows_of(known).for_each(|row| remove(row, known));
    }
}

/// A number is about to be closed.
pub(super) fn forget_number(number: c_int) {
    forget_numbers(number, number);
}

pub(super) fn forget_numbers(first: c_int, last: c_int) {
    for row in &TABLE {
        let known = row.cookie.load(Ordering::Acquire);
        let number = row.number.load(Ordering::Relaxed);
        if known == 0 || !(first..=last).contains(&number) {
            continue;
        }
        // Numbers that it had before its mode became virtual were never noted: what is left of it must be in
        // the mode that its owner believes in.
        if rows_of(known).nth(1).is_none() && cookie(number) == Some(known) {
            release(number);
        } else {
            remove(row, known);
        }
    }
}

/// A listener has another number.
pub(super) fn note_duplicate(number: c_int) {
    if !any() {
        return;
    }
    if let Some(known) = cookie(number) {
        if rows_of(known).next().is_some() {
            // Without a row the belief lasts as long as another number's.
            insert(known, number);
        }
    }
}

/// Gives a listener the mode that its owner believes in.
pub(super) fn release(socket: c_int) {
    if !believes_blocking(socket) {
        return;
    }
    // First the mode: who asks in between is still answered from here.
    // SAFETY: take no pointer.
    unsafe {
        let flags = originals::fcntl(socket, libc::F_GETFL, 0);
        if flags >= 0 {
            originals::fcntl(socket, libc::F_SETFL, (flags & !libc::O_NONBLOCK) as usize);
        }
    }
    forget(socket);
}

/// Gives every listener its mode back.
pub(super) fn release_all() {
    RELEASES.fetch_add(1, Ordering::AcqRel);
    for row in &TABLE {
        let known = row.cookie.load(Ordering::Acquire);
        let number = row.number.load(Ordering::Relaxed);
        if known != 0 && cookie(number) == Some(known) {
            release(number);
        } else if known != 0 {
            remove(row, known);
        }
    }
}

/// Tells later whether the modes were given back meanwhile.
pub(super) fn releases() -> usize {
    RELEASES.load(Ordering::Acquire)
}

/// What a message takes to another process is that one's too: a listener gets its mode back, and nothing is taken
/// for known any more.
///
/// # Safety
/// `message` is as sendmsg(2) wants it, or null.
pub(super) unsafe fn release_passed(message: *const msghdr) {
    if !is_there(message, 1) {
        return;
    }
    // SAFETY: it is there.
    let given = unsafe { &*message };
    let control = given.msg_control.cast::<u8>();
    if given.msg_controllen == 0 || !is_there(control, given.msg_controllen) {
        return;
    }
    let before = crate::sys::errno::last();
    // SAFETY: the control buffer is the caller's; descriptors in it need not be aligned.
    unsafe {
        let end = given.msg_control as usize + given.msg_controllen;
        let mut control = libc::CMSG_FIRSTHDR(given);
        while !control.is_null() {
            let header = &*control;
            if header.cmsg_level == libc::SOL_SOCKET && header.cmsg_type == libc::SCM_RIGHTS {
                let data = libc::CMSG_DATA(control);
                let claimed = header.cmsg_len.saturating_sub(data as usize - control as usize);
                let length = claimed.min(end.saturating_sub(data as usize));
                for at in 0..length / size_of::<c_int>() {
                    let passed = data.cast::<c_int>().add(at).read_unaligned();
                    if passed >= 0 && caller::may_track() {
                        hub::share(passed);
                    }
                    release(passed);
                }
            }
            control = libc::CMSG_NXTHDR(given, control);
        }
        *crate::sys::errno::address() = before;
    }
}
