//! Trying again after a while: a Unix socket says EAGAIN for the state of another one, of which no event
//! of its own tells. Its events would even mislead: each attempt to send causes one.

use crate::clock::{self, Nanos};
use crate::error::{Error, Result};
use crate::hub::{self, enter};
use std::ffi::c_int;

/// The first pause is about as long as a turn of a busy hub. Each is twice as long as the one before,
/// so that nobody waits twice as long as need be, up to the longest.
const SHORTEST: Nanos = 50_000;
const LONGEST: Nanos = 32_000_000;

/// Repeats `attempt`, which has just said EAGAIN, until it says something else. It stands in no queue
/// meanwhile: what others want of the descriptor may succeed at once.
#[inline(never)]
pub(crate) fn retry(
    fd: c_int,
    deadline: Nanos,
    attempt: impl Fn() -> Result<isize>,
) -> Result<isize> {
    let hub = enter()?;
    let stamp = hub::stamp(fd);
    let mut pause = SHORTEST;
    loop {
        let now = clock::now();
        if deadline <= now {
            return Err(Error::ETIMEDOUT);
        }
        hub.sleep(now.saturating_add(pause).min(deadline))?;
        if hub::stamp(fd) != stamp {
            // Closed meanwhile: the number may be another's.
            return Err(Error::EBADF);
        }
        match attempt() {
            Err(Error::EAGAIN) => pause = (pause * 2).min(LONGEST),
            done => return done,
        }
    }
}
