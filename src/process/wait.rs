//! Waiting for a child's end.

use crate::clock::{self, Nanos};
use crate::error::{Error, Result};
use crate::hub::{adopt, enter, perform, perform_once, Direction};
use crate::net::owned::Owned;
use crate::sys::process;
use std::cell::Cell;
use std::ffi::c_int;

/// What no descriptor tells of is asked for again after this long, then after twice as long, up to the
/// longest.
pub(crate) const SHORTEST_PAUSE: Nanos = 1_000_000;
pub(crate) const LONGEST_PAUSE: Nanos = 32_000_000;

/// Collects a child: its id and its status, or the id 0 where WNOHANG forbids to wait.
pub(crate) fn wait(pid: c_int, options: c_int, deadline: Nanos) -> Result<(c_int, c_int)> {
    if options & !process::WNOHANG != 0 {
        return Err(Error::EINVAL);
    }
    let status = Cell::new(0);
    let collect = || {
        let mut place = 0;
        let pid = process::collect(pid, &mut place)?;
        status.set(place);
        Ok(pid as isize)
    };
    let mut ended = perform_once(collect)?;
    if ended == 0 && options & process::WNOHANG == 0 {
        if deadline <= clock::now() {
            return Err(Error::ETIMEDOUT);
        }
        ended = match watch(pid) {
            Some(watched) => perform(watched.fd(), Direction::Read, deadline, 0, || {
                // Also right after it was opened: the number may have become another process's.
                match collect()? {
                    0 => Err(Error::EAGAIN),
                    ended => Ok(ended),
                }
            })?,
            None => ask_again(collect, deadline)?,
        };
    }
    Ok((ended as c_int, status.get()))
}

/// A descriptor that tells of a child's end. There is none for any child of several, none before Linux
/// 5.3, and none at the limit on descriptors.
pub(crate) fn watch(pid: c_int) -> Option<Owned> {
    if pid <= 0 {
        return None;
    }
    process::watch(pid).ok().map(|fd| Owned::new(adopt(fd)))
}

fn ask_again(collect: impl Fn() -> Result<isize>, deadline: Nanos) -> Result<isize> {
    let hub = enter()?;
    let mut pause = SHORTEST_PAUSE;
    loop {
        hub.sleep(clock::after_ns(pause).min(deadline))?;
        match collect()? {
            0 if deadline <= clock::now() => return Err(Error::ETIMEDOUT),
            0 => pause = (pause * 2).min(LONGEST_PAUSE),
            ended => return Ok(ended),
        }
    }
}
