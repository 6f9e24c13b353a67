//! From a file to a descriptor without passing through the caller's memory.

use super::stream;
use crate::clock::Nanos;
use crate::error::Result;
use crate::hub::{enter, perform, Direction};
use crate::sys::fd::Kind;
use crate::sys::{retry, sigpipe};
use std::ffi::c_int;

/// What a pipe in blocking mode takes at once.
const PIECE: usize = 4096;

/// One sendfile(2). It has no flag against waiting, so that a socket in blocking mode is put into the
/// other one.
///
/// # Safety
/// `offset` is null or valid for reads and writes.
pub(crate) unsafe fn sendfile(
    out: c_int,
    input: c_int,
    offset: *mut i64,
    count: usize,
    deadline: Nanos,
) -> Result<isize> {
    let hub = enter()?;
    // Asked each time, since sendfile goes to pipes as well.
    let kind = hub.ask_kind(out)?;
    if kind.is_socket() {
        hub.ensure_nonblocking(out)?;
    }
    perform(out, Direction::Write, deadline, 0, move || {
        let count = if kind == Kind::Blocking {
            stream::would_wait(out, libc::POLLOUT)?;
            count.min(PIECE)
        } else {
            count
        };
        sigpipe::shielded(count, || {
            // SAFETY: the caller vouches for `offset`.
            retry(|| unsafe { libc::sendfile64(out, input, offset, count) })
        })
    })
}
