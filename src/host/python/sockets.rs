//! The functions for sockets and other descriptors, as Python calls them.

use super::address;
use super::buffer::Buffer;
use super::builtins::{Answer, Arguments};
use super::streams::{receive, receive_into, send_everything, send_some, time_is_over, Patience};
use super::waits;
use crate::error::Error;
use crate::hub;
use crate::net::{connection, poll};
use crate::sys::fd;
use libc::{sockaddr_storage, socklen_t};

pub(super) fn recv(given: Arguments<'_>) -> Answer {
    let place = given.place(0, 3)?;
    let size = given.size(1, c"negative buffersize in recv")?;
    let flags = given.flags(2)?;
    // SAFETY: called by Python, with the state attached.
    unsafe { receive(given.api(), &place, size, flags) }
}

pub(super) fn recv_into(given: Arguments<'_>) -> Answer {
    let api = given.api();
    let place = given.place(0, 4)?;
    let size = given.size(2, c"negative buffersize in recv_into")?;
    let flags = given.flags(3)?;
    let mut buffer = Buffer::new();
    // SAFETY: called by Python, with the state attached, here and below.
    let held = unsafe { buffer.write(api, given.at(1)) }?;
    let size = match size {
        0 => held.length(),
        size if size > held.length() => {
            return Err(given.fails(api.value_error, c"buffer too small for requested bytes"))
        }
        size => size,
    };
    // SAFETY: the object has lent so many bytes.
    let count = unsafe { receive_into(api, &place, held.place(), size, flags) }?;
    given.int(count as u64)
}

pub(super) fn send(given: Arguments<'_>) -> Answer {
    let place = given.place(0, 3)?;
    let flags = given.flags(2)?;
    let mut buffer = Buffer::new();
    // SAFETY: called by Python, with the state attached, here and below.
    let held = unsafe { buffer.read(given.api(), given.at(1)) }?;
    // SAFETY: as above.
    let count = unsafe { send_some(given.api(), &place, held.bytes(), flags) }?;
    given.int(count as u64)
}

pub(super) fn sendall(given: Arguments<'_>) -> Answer {
    let place = given.place(0, 3)?;
    let flags = given.flags(2)?;
    let mut buffer = Buffer::new();
    // SAFETY: called by Python, with the state attached, here and below.
    let held = unsafe { buffer.read(given.api(), given.at(1)) }?;
    // SAFETY: as above.
    unsafe { send_everything(given.api(), &place, held.bytes(), flags) }?;
    given.none()
}

pub(super) fn accept(given: Arguments<'_>) -> Answer {
    let api = given.api();
    let place = given.place(0, 1)?;
    let deadline = place.deadline();
    // SAFETY: all zeroes is a valid address, of no family.
    let mut address: sockaddr_storage = unsafe { std::mem::zeroed() };
    let mut length = 0;
    // SAFETY: called by Python, with the state attached, and with room for an address.
    let done = unsafe {
        waits::within(api, |_, _| {
            length = size_of::<sockaddr_storage>() as socklen_t;
            connection::accept_as_it_is(place.fd, (&raw mut address).cast(), &mut length, deadline)
        })
    }?;
    let accepted = match done {
        Ok(accepted) => accepted,
        Err(Error::ETIMEDOUT) if place.patience == Patience::None => {
            return Err(given.raise(Error::EAGAIN))
        }
        // SAFETY: as above.
        Err(Error::ETIMEDOUT) => return Err(unsafe { time_is_over(api) }),
        Err(error) => return Err(given.raise(error)),
    };
    // SAFETY: as above; the kernel has filled it in.
    let pair = unsafe { address::object(api, &address, length) }.and_then(|address| {
        let address = match address {
            Some(address) => address,
            None => given.none()?,
        };
        // SAFETY: both references are given away.
        unsafe { address::tuple(api, [(api.int_from)(accepted as u64), address]) }
    });
    if pair.is_err() {
        // Nobody has got it.
        let _ = hub::close(accepted);
    }
    pair
}

pub(super) fn wait_fd(given: Arguments<'_>) -> Answer {
    let place = given.place(0, 2)?;
    let events = given.flags(1)?;
    let deadline = place.deadline();
    // SAFETY: called by Python, with the state attached.
    match unsafe { waits::within(given.api(), |_, _| poll::wait_fd(place.fd, events, deadline)) }? {
        Ok(events) => given.int(events as u64),
        Err(Error::ETIMEDOUT) => given.int(0),
        Err(error) => Err(given.raise(error)),
    }
}

pub(super) fn adopt(given: Arguments<'_>) -> Answer {
    hub::adopt(given.flags(0)?);
    given.none()
}

pub(super) fn doubt(given: Arguments<'_>) -> Answer {
    let number = given.flags(0)?;
    if let Some(hub) = hub::current() {
        hub.doubt(number);
    }
    given.none()
}

pub(super) fn shutdown(given: Arguments<'_>) -> Answer {
    given.of(connection::shutdown(given.flags(0)?, given.flags(1)?))?;
    given.none()
}

pub(super) fn close(given: Arguments<'_>) -> Answer {
    let (api, number) = (given.api(), given.flags(0)?);
    let done = match fd::lingers(number) {
        false => hub::close(number),
        // The kernel may wait for the peer, which nobody else may.
        // SAFETY: called by Python, with the state attached; between the two nothing of Python's is touched.
        true => unsafe {
            let state = (api.save)();
            let done = hub::close(number);
            (api.restore)(state);
            done
        },
    };
    given.of(done)?;
    given.none()
}
