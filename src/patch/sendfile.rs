//! sendfile(2). It has no flag against waiting, so that for an end in blocking mode the bytes go through
//! memory: read from the file, then sent as by send(2) or write(2).

use super::caller::Caller;
use super::hooks::originals;
use super::nature::{self, Nature};
use super::readable::is_there;
use super::turn::result;
use super::{bytes, socket};
use crate::error::{Error, Result};
use crate::hub;
use crate::sys::file::{self, MOST};
use crate::sys::wait::poll_one;
use crate::sys::{fd, retry};
use std::ffi::c_int;

/// What is read at a time: what a socket takes at once by default, and little enough for each call's own
/// memory.
const PIECE: usize = 64 * 1024;

/// # Safety
/// As sendfile(2).
pub(super) unsafe fn sendfile(
    caller: Caller,
    out: c_int,
    input: c_int,
    offset: *mut i64,
    count: usize,
) -> Result<isize> {
    // SAFETY: the caller vouches for the offset.
    let plain = || result(unsafe { originals::sendfile(out, input, offset, count) });
    // What is not open the kernel refuses, in its order.
    let (Ok(end), Ok(begin)) = (nature::of(out), nature::of(input)) else { return plain() };
    // From what is no file the kernel sends nothing, and says so at once.
    let begins_at_file = begin == Nature::File;
    let waits = matches!(end, Nature::Socket | Nature::Pipe | Nature::Device);
    let is_there = offset.is_null() || is_there(offset, 1);
    if !waits || !begins_at_file || !is_there || count == 0 || count > isize::MAX as usize {
        return plain();
    }
    if fd::is_nonblocking(out)? || !fd::is_open_for(out, libc::POLLOUT)? {
        return plain();
    }
    // SAFETY: the offset is there; for none it is the file's own position.
    let start = match unsafe { offset.as_ref() } {
        Some(start) => *start,
        // SAFETY: takes no pointer.
        None => retry(|| unsafe { libc::lseek(input, 0, libc::SEEK_CUR) })?,
    };
    let (moved, failure) = copy(caller, (out, end), (input, start), count.min(MOST));
    // A device's position stays where it is.
    let after = if nature::has_position(input)? { start + moved as i64 } else { start };
    match (moved, failure) {
        (0, Some(error)) => return Err(error),
        // At the end of the file a pipe is looked at all the same.
        (0, None) if end == Nature::Pipe && is_broken(out)? => return plain(),
        // SAFETY: the caller vouches for the offset.
        _ => match unsafe { offset.as_mut() } {
            Some(place) => *place = after,
            None => {
                // SAFETY: takes no pointer.
                retry(|| unsafe { libc::lseek(input, after, libc::SEEK_SET) })?;
            }
        },
    }
    Ok(moved as isize)
}

/// Whether nobody is left who could read from a pipe.
fn is_broken(out: c_int) -> Result<bool> {
    Ok(poll_one(out, libc::POLLOUT, 0)? & libc::POLLERR != 0)
}

/// How many bytes went over, and why no more did.
fn copy(
    caller: Caller,
    (out, end): (c_int, Nature),
    (input, start): (c_int, i64),
    count: usize,
) -> (usize, Option<Error>) {
    let mut memory = Vec::new();
    if memory.try_reserve_exact(PIECE.min(count)).is_err() {
        return (0, Some(Error::ENOMEM));
    }
    let stamps = [hub::stamp(out), hub::stamp(input)];
    let mut moved = 0;
    while moved < count {
        if moved > 0 && [hub::stamp(out), hub::stamp(input)] != stamps {
            break;
        }
        let at = start.saturating_add(moved as i64);
        if let Err(error) = file::read(input, &mut memory, count - moved, Some(at)) {
            return (moved, Some(error));
        }
        if memory.is_empty() {
            break;
        }
        let (bytes, length) = (memory.as_ptr().cast(), memory.len());
        // SAFETY: the memory is readable for its length.
        let sent = unsafe {
            match end {
                Nature::Socket => socket::send(caller, out, bytes, length, 0),
                _ => bytes::write(caller, out, bytes, length),
            }
        };
        match sent {
            Ok(sent) => {
                moved += sent as usize;
                if (sent as usize) < length {
                    break;
                }
            }
            Err(error) => return (moved, Some(error)),
        }
    }
    (moved, None)
}
