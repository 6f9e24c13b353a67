//! Connecting to a host of several addresses: "Happy Eyeballs" (RFC 8305).
//!
//! The first address gets a head start, not all the time there is: one that swallows packets would keep
//! its host out of reach until the deadline. The resolver asks for both families together, so that of
//! the RFC only the race is left (sections 4 and 5).

use super::address::Address;
use super::connection;
use super::owned::Owned;
use super::poll;
use crate::clock::{self, Nanos};
use crate::error::{Error, Result};
use libc::pollfd;
use std::ffi::c_int;

/// The head start of each attempt over the next (section 5).
const DELAY: Nanos = 250_000_000;

/// Takes turns between the families, beginning with that of the first one, each in the order given
/// (section 4).
fn interleave<T>(all: impl Iterator<Item = T>, family: impl Fn(&T) -> c_int) -> Vec<T> {
    let mut mine: Vec<T> = Vec::new();
    let mut others: Vec<T> = Vec::new();
    for one in all {
        match mine.first() {
            Some(first) if family(first) != family(&one) => others.push(one),
            _ => mine.push(one),
        }
    }
    let mut mixed = Vec::with_capacity(mine.len() + others.len());
    let (mut mine, mut others) = (mine.into_iter(), others.into_iter());
    loop {
        let pair = (mine.next(), others.next());
        if pair.0.is_none() && pair.1.is_none() {
            return mixed;
        }
        mixed.extend(pair.0.into_iter().chain(pair.1));
    }
}

/// An attempt whose outcome is not known yet.
struct Attempt {
    socket: Owned,
    address: Address,
}

enum Outcome {
    Connected(c_int),
    Pending(Attempt),
}

impl Attempt {
    fn start(address: Address) -> Result<Outcome> {
        Attempt { socket: Owned::socket(address.family(), libc::SOCK_STREAM)?, address }.proceed()
    }

    /// A second connect(2) tells how the first one ends, and makes the kernel take note of it.
    fn proceed(self) -> Result<Outcome> {
        // SAFETY: the address is valid for its length.
        let tried = unsafe {
            connection::attempt(
                self.socket.descriptor()?,
                self.address.as_ptr(),
                self.address.length(),
            )
        };
        match tried {
            Ok(_) | Err(Error::EISCONN) => Ok(Outcome::Connected(self.socket.let_go())),
            Err(Error::EINPROGRESS | Error::EALREADY | Error::EINTR) => Ok(Outcome::Pending(self)),
            Err(error) => Err(error),
        }
    }
}

/// A connection to whichever address answers first. When all fail, the error of the first, which the
/// resolver holds for the best; losers are closed.
pub(super) fn connect(addresses: impl Iterator<Item = Address>, deadline: Nanos) -> Result<c_int> {
    let mut left = interleave(addresses, Address::family).into_iter().peekable();
    let mut pending: Vec<Attempt> = Vec::new();
    let mut failure = None;
    // When the next one may start: at once when one has failed.
    let mut next = clock::now();
    loop {
        if next <= clock::now() {
            if let Some(address) = left.next() {
                match Attempt::start(address) {
                    Ok(Outcome::Connected(socket)) => return Ok(socket),
                    Ok(Outcome::Pending(attempt)) => {
                        pending.push(attempt);
                        next = clock::after_ns(DELAY);
                    }
                    Err(error) => {
                        failure.get_or_insert(error);
                        continue;
                    }
                }
            }
        }
        if pending.is_empty() && left.peek().is_none() {
            return Err(failure.unwrap_or(Error::EADDRNOTAVAIL));
        }
        let until = if left.peek().is_some() { next.min(deadline) } else { deadline };
        if !wait(&pending, until)? && deadline <= clock::now() {
            return Err(Error::ETIMEDOUT);
        }
        for attempt in std::mem::take(&mut pending) {
            match attempt.proceed() {
                Ok(Outcome::Connected(socket)) => return Ok(socket),
                Ok(Outcome::Pending(attempt)) => pending.push(attempt),
                Err(error) => {
                    failure.get_or_insert(error);
                    next = clock::now();
                }
            }
        }
    }
}

/// Waits until one of the attempts has ended, or until then.
fn wait(pending: &[Attempt], until: Nanos) -> Result<bool> {
    let entry = |attempt: &Attempt| {
        let fd = attempt.socket.descriptor()?;
        Ok(pollfd { fd, events: libc::POLLOUT, revents: 0 })
    };
    let mut entries = pending.iter().map(entry).collect::<Result<Vec<_>>>()?;
    poll::poll(&mut entries, until).map(|ready| ready > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns_and_keep_their_order() {
        let order = |given: &[&'static str]| {
            interleave(given.iter().copied(), |text| c_int::from(text.contains(':')))
        };
        assert_eq!(order(&["::1", "::2", "::3", "1.1.1.1"]), ["::1", "1.1.1.1", "::2", "::3"]);
        assert_eq!(order(&["1.1.1.1", "::1", "2.2.2.2"]), ["1.1.1.1", "::1", "2.2.2.2"]);
        assert_eq!(order(&["1.1.1.1"]), ["1.1.1.1"]);
        assert_eq!(order(&[]), [""; 0]);
    }
}
