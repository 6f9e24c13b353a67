//! Waiting for one of a set of signals.

use crate::clock::Nanos;
use crate::error::{Error, Result};
use crate::hub::{adopt, enter, perform, Direction};
use crate::net::owned::Owned;
use crate::sys::signal::{self, Arrival};
use std::cell::Cell;
use std::ffi::c_int;

/// There are no more signals than this.
pub(crate) const MOST: usize = 64;

/// Takes one of the signals, which the caller holds back.
pub(crate) fn wait(signals: &[c_int], deadline: Nanos) -> Result<Arrival> {
    if signals.is_empty() || signals.len() > MOST {
        return Err(Error::EINVAL);
    }
    enter()?.suspender()?;
    let watched = Owned::new(adopt(signal::watch(signals)?));
    let arrival = Cell::new(Arrival::default());
    perform(watched.fd(), Direction::Read, deadline, 0, || {
        arrival.set(signal::take(watched.fd())?);
        Ok(0)
    })?;
    Ok(arrival.get())
}
