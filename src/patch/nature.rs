//! What a descriptor is, and one attempt on it that does not wait.
//!
//! Asked each time of what is no socket: the number may be another's since, and a wrong belief would block
//! the OS thread.

use super::hooks::originals;
use super::turn::result;
use super::{options, ranges};
use crate::error::{Error, Result};
use crate::hub::{self, adopt};
use crate::sys::{fd, retry, wait};
use libc::iovec;
use std::ffi::{c_int, c_long, c_short};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nature {
    Socket,
    /// A file, a folder, a disk, /dev/null: never waited for but by the disk.
    File,
    Pipe,
    /// A terminal, or another character device.
    Device,
    /// eventfd, timerfd, signalfd, inotify and their like: each call moves records.
    Records,
}

impl Nature {
    /// Whether a call that moves `length` bytes ends at once, whatever has come: no descriptor has records of
    /// less than a number, and a terminal that is asked for nothing gives it. Who tells how many bytes are there
    /// has records of many lengths, and waits for one before it finds that it does not fit (inotify(7)).
    pub(super) fn never_waits(self, fd: c_int, length: usize) -> bool {
        match self {
            Nature::Socket => false,
            Nature::File => true,
            Nature::Pipe | Nature::Device => length == 0,
            Nature::Records => length < size_of::<u64>() && options::readable_bytes(fd).is_none(),
        }
    }
}

/// The devices of memory: null, zero, full, random (Documentation/admin-guide/devices.txt).
const MEMORY: u32 = 1;
/// One of them is the kernel's log, which is waited for.
const LOG: u32 = 11;

/// A device that is as a file.
fn is_memory(device: libc::dev_t) -> bool {
    libc::major(device) == MEMORY && libc::minor(device) != LOG
}

fn status(fd: c_int) -> Result<libc::stat> {
    let mut status = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: a place for the answer.
    retry(|| unsafe { libc::fstat(fd, status.as_mut_ptr()) })?;
    // SAFETY: the call has succeeded, so that it is filled in.
    Ok(unsafe { status.assume_init() })
}

/// Whether reading moves a position on.
pub(super) fn has_position(fd: c_int) -> Result<bool> {
    Ok(status(fd)?.st_mode & libc::S_IFMT != libc::S_IFCHR)
}

/// What has the number now, in one system call.
pub(super) fn of(fd: c_int) -> Result<Nature> {
    let status = status(fd)?;
    Ok(match status.st_mode & libc::S_IFMT {
        libc::S_IFSOCK => Nature::Socket,
        libc::S_IFIFO => Nature::Pipe,
        libc::S_IFCHR if !is_memory(status.st_rdev) => Nature::Device,
        0 => Nature::Records,
        _ => Nature::File,
    })
}

/// What a pipe takes at once when poll says that it is writable (POSIX: PIPE_BUF).
const PIPE_PIECE: usize = 4096;
/// What a terminal takes then: its buffers have room by 256 bytes, and a line feed can become two.
const DEVICE_PIECE: usize = 128;

/// preadv2(2) and pwritev2(2) at the descriptor's own position, failing with EAGAIN where they would wait.
///
/// # Safety
/// `iov` has `count` entries, each a range as the call wants it.
unsafe fn at_once(call: c_long, fd: c_int, iov: *const iovec, count: usize) -> Result<isize> {
    let own_position: c_long = -1;
    // SAFETY: the caller vouches for the ranges. The numbers are passed as the kernel takes them.
    retry(|| unsafe {
        libc::syscall(
            call,
            fd,
            iov,
            count,
            own_position,
            own_position,
            c_long::from(libc::RWF_NOWAIT),
        )
    })
    .map(|count| count as isize)
}

/// Whether the kernel, or the descriptor's kind, knows no call that does not wait.
fn is_unknown(done: Result<isize>) -> bool {
    let unknown = [Error::ENOTSUP, Error::errno(libc::ENOSYS)];
    matches!(done, Err(error) if unknown.contains(&error))
}

/// EAGAIN for what is not ready; EBADF for what is not open in this direction, and EINVAL for what nobody reads
/// or writes, which would be waited for in vain.
fn is_ready(fd: c_int, events: c_short) -> Result<()> {
    if wait::poll_one(fd, events, 0)? != 0 {
        return Ok(());
    }
    // To move nothing asks the descriptor nothing, but fails of one on which no such call is made.
    let nothing = iovec { iov_base: ptr::null_mut(), iov_len: 0 };
    // SAFETY: one range of no bytes.
    result(unsafe {
        match events {
            libc::POLLIN => originals::readv(fd, &nothing, 1),
            _ => originals::writev(fd, &nothing, 1),
        }
    })?;
    Err(Error::EAGAIN)
}

/// One read that does not wait.
///
/// # Safety
/// `iov` has `count` entries, each a writable range.
pub(super) unsafe fn read(fd: c_int, iov: *const iovec, count: usize) -> Result<isize> {
    // SAFETY: the caller vouches for the ranges.
    let done = unsafe { at_once(libc::SYS_preadv2, fd, iov, count) };
    if !is_unknown(done) {
        return done;
    }
    is_ready(fd, libc::POLLIN)?;
    // SAFETY: the caller vouches for the ranges.
    result(unsafe { originals::readv(fd, iov, count as c_int) })
}

/// One write that does not wait, possibly of less than everything.
///
/// # Safety
/// `iov` has `count` entries, each a readable range.
pub(super) unsafe fn write(
    fd: c_int,
    nature: Nature,
    iov: *const iovec,
    count: usize,
) -> Result<isize> {
    // SAFETY: the caller vouches for the ranges.
    let done = unsafe { at_once(libc::SYS_pwritev2, fd, iov, count) };
    if !is_unknown(done) {
        return done;
    }
    // SAFETY: the caller vouches for the entries.
    let length = unsafe { ranges::total(iov, count) }.unwrap_or(0);
    let piece = match nature {
        Nature::Pipe => PIPE_PIECE,
        Nature::Device => DEVICE_PIECE,
        _ => usize::MAX,
    };
    let (mut moved, mut looked_at) = (0, 0);
    loop {
        if nature == Nature::Device && length > piece && moved >= looked_at {
            // SAFETY: the caller vouches for the entries.
            if unsafe { is_unreadable(iov, count, moved, length) } {
                if moved > 0 {
                    return Ok(moved as isize);
                }
                // The kernel refuses it at once, or that nobody is there to read it.
                // SAFETY: the caller vouches for the ranges.
                return result(unsafe { originals::writev(fd, iov, count as c_int) });
            }
            looked_at = moved + TAKEN_AT_ONCE;
        }
        let ready = match nature {
            // SAFETY: the caller vouches for the ranges.
            Nature::Records => unsafe { is_roomy(fd, iov, count) },
            _ => is_ready(fd, libc::POLLOUT),
        };
        let step = ready.and_then(|()| {
            if moved == 0 && length <= piece {
                // SAFETY: the caller vouches for the ranges.
                return result(unsafe { originals::writev(fd, iov, count as c_int) });
            }
            // SAFETY: the caller vouches for the entries.
            let left = unsafe { ranges::rest(iov, count, moved, piece) }?;
            // SAFETY: parts of the caller's ranges.
            result(unsafe { originals::writev(fd, left.as_ptr(), left.len() as c_int) })
        });
        match step {
            Ok(written) => moved += written as usize,
            Err(error) if moved == 0 => return Err(error),
            Err(_) => return Ok(moved as isize),
        }
        // One after the other without letting others run, whose bytes would come between.
        if moved >= length {
            return Ok(moved as isize);
        }
    }
}

/// What the kernel copies at a time of what goes to a terminal, all of it or nothing (tty_io.c).
const TAKEN_AT_ONCE: usize = 2048;

/// Whether what a terminal would take next has a part that cannot be read. The kernel is asked; where it must
/// not tell, nothing is known against it.
///
/// # Safety
/// `iov` has `count` entries.
unsafe fn is_unreadable(iov: *const iovec, count: usize, moved: usize, length: usize) -> bool {
    let mut taken = [MaybeUninit::<u8>::uninit(); TAKEN_AT_ONCE];
    let wanted = (length - moved).min(TAKEN_AT_ONCE);
    // SAFETY: the caller vouches for the entries.
    let Ok(first) = (unsafe { ranges::rest(iov, count, moved, wanted) }) else { return false };
    let place = iovec { iov_base: taken.as_mut_ptr().cast(), iov_len: wanted };
    // SAFETY: a place for as many bytes; what is read is judged by the kernel.
    let read = result(unsafe {
        libc::process_vm_readv(libc::getpid(), &place, 1, first.as_ptr(), first.len() as u64, 0)
    });
    match read {
        Ok(read) => (read as usize) < wanted,
        Err(error) => error == Error::errno(libc::EFAULT),
    }
}

/// Whether a large number was added to a counter: until then there is room for what is not large.
static LARGE: AtomicBool = AtomicBool::new(false);

/// Whether an event counter has room for what is to be written. poll(2) says whether it has for 1, but nothing
/// waits to add 0, nor may more than there is room for be added.
///
/// # Safety
/// `iov` has `count` entries, each a readable range.
unsafe fn is_roomy(fd: c_int, iov: *const iovec, count: usize) -> Result<()> {
    // SAFETY: the caller vouches for the ranges.
    let number = unsafe { ranges::number(iov, count) }.unwrap_or(1);
    if number >> 32 != 0 {
        LARGE.store(true, Ordering::Relaxed);
    }
    if !LARGE.load(Ordering::Relaxed) {
        match is_ready(fd, libc::POLLOUT) {
            Err(Error::EAGAIN) => {}
            known => return known,
        }
    }
    match counted(fd) {
        Some(counted) if u64::MAX - counted > number => Ok(()),
        Some(_) => Err(Error::EAGAIN),
        None => is_ready(fd, libc::POLLOUT),
    }
}

/// What an event counter has counted to (proc_pid_fdinfo(5)).
#[cold]
fn counted(fd: c_int) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).ok()?;
    let count = text.lines().find_map(|line| line.strip_prefix("eventfd-count:"))?;
    u64::from_str_radix(count.trim(), 16).ok()
}

/// Fails as a counter does that refuses what it is given, whether it has room or not: a new one has room.
///
/// # Safety
/// `iov` has `count` entries, each a readable range.
#[cold]
pub(super) unsafe fn try_counter(fd: c_int, iov: *const iovec, count: usize) -> Result<()> {
    if counted(fd).is_none() {
        return Ok(());
    }
    let new = adopt(fd::event_counter()?);
    // SAFETY: the caller vouches for the ranges.
    let done = result(unsafe { originals::writev(new, iov, count as c_int) });
    hub::close(new)?;
    match done {
        // Of a number that is too large for any room the new one says that it must wait.
        Ok(_) | Err(Error::EAGAIN) => Ok(()),
        Err(error) => Err(error),
    }
}

fn settings(fd: c_int) -> Result<libc::termios> {
    let mut settings = MaybeUninit::<libc::termios>::uninit();
    // SAFETY: a place for the answer.
    retry(|| unsafe { libc::tcgetattr(fd, settings.as_mut_ptr()) })?;
    // SAFETY: the call has succeeded, so that it is filled in.
    Ok(unsafe { settings.assume_init() })
}

/// Whether a terminal is no longer there: its other side is closed.
pub(super) fn is_hung_up(fd: c_int) -> bool {
    matches!(settings(fd), Err(error) if error == Error::errno(libc::EIO))
}

/// How a terminal answers a read when nothing has been typed: at once or after a while with nothing, if it
/// was told so (termios(3), "MIN == 0"). `None` for one that waits, and for what is none.
pub(super) fn idle_time(fd: c_int) -> Option<i64> {
    const TENTH: i64 = 100_000_000;
    let settings = settings(fd).ok()?;
    let idles = settings.c_lflag & libc::ICANON == 0 && settings.c_cc[libc::VMIN] == 0;
    idles.then(|| i64::from(settings.c_cc[libc::VTIME]) * TENTH)
}
