//! The short ways in: a listening, connected or bound descriptor in one call.

use super::address::{self, Address};
use super::owned::Owned;
use super::{connection, names, race};
use crate::clock::Nanos;
use crate::error::{Error, Result};
use crate::sys::retry;
use std::ffi::{c_int, CStr};

fn backlog(wish: c_int) -> Result<c_int> {
    match wish {
        0 => Ok(libc::SOMAXCONN),
        wish if wish > 0 => Ok(wish),
        _ => Err(Error::EINVAL),
    }
}

/// A bound socket: at the host's address, or at every address of the machine.
fn bound(kind: c_int, host: Option<&CStr>, port: u16, shared: bool) -> Result<Owned> {
    let bind = |address: &Address| {
        let socket = Owned::socket(address.family(), kind)?;
        if shared {
            socket.set(libc::SOL_SOCKET, libc::SO_REUSEPORT, 1)?;
        }
        if kind == libc::SOCK_STREAM {
            socket.set(libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
        }
        if host.is_none() && address.family() == libc::AF_INET6 {
            socket.set(libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 0)?;
        }
        socket.bind(address)?;
        Ok(socket)
    };
    match host {
        Some(host) => bind(&address::parse(host, port)?),
        None => {
            let [six, four] = address::any(port);
            match bind(&six) {
                // A machine without IPv6, or with it switched off.
                Err(Error::EAFNOSUPPORT | Error::EADDRNOTAVAIL) => bind(&four),
                other => other,
            }
        }
    }
}

/// A TCP socket that listens. Port 0 lets the kernel choose.
pub(crate) fn tcp_listen(host: Option<&CStr>, port: c_int, wish: c_int) -> Result<c_int> {
    listener(host, port, wish, false)
}

/// One of several that listen at the same port.
pub(crate) fn tcp_listen_shared(host: Option<&CStr>, port: c_int, wish: c_int) -> Result<c_int> {
    listener(host, port, wish, true)
}

fn listener(host: Option<&CStr>, port: c_int, wish: c_int, shared: bool) -> Result<c_int> {
    let (port, backlog) = (address::port(port)?, backlog(wish)?);
    let socket = bound(libc::SOCK_STREAM, host, port, shared)?;
    connection::listen(socket.descriptor()?, backlog)?;
    Ok(socket.let_go())
}

/// The port that an IPv4 or IPv6 socket is bound to.
pub(crate) fn port_of(fd: c_int) -> Result<c_int> {
    // SAFETY: all zeroes is a valid address, of no family.
    let mut address: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
    let mut length = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    let place = (&raw mut address).cast::<libc::sockaddr>();
    // SAFETY: both are valid, and the length says how much room there is.
    retry(|| unsafe { libc::getsockname(fd, place, &mut length) })?;
    // The port has the same place in sockaddr_in and in sockaddr_in6.
    // SAFETY: the storage is larger than both and aligned for them.
    let port = unsafe { (*place.cast::<libc::sockaddr_in>()).sin_port };
    Ok(c_int::from(u16::from_be(port)))
}

/// A TCP connection, to a numeric address without detours.
pub(crate) fn tcp_connect(host: &CStr, port: c_int, deadline: Nanos) -> Result<c_int> {
    let port = address::port(port)?;
    match address::parse(host, port) {
        Ok(address) => return connected(&address, deadline),
        Err(error) if !names::is_name(host) => return Err(error),
        Err(_) => {}
    }
    let hints = names::Hints {
        flags: 0,
        family: libc::AF_UNSPEC,
        kind: libc::SOCK_STREAM,
        protocol: libc::IPPROTO_TCP,
    };
    let found = names::addresses(Some(host), None, Some(hints), deadline)?;
    race::connect(found.iter().map(|address| address.with_port(port)), deadline)
}

/// A Unix stream socket that listens.
pub(crate) fn unix_listen(path: &CStr, wish: c_int) -> Result<c_int> {
    let (address, backlog) = (Address::unix(path)?, backlog(wish)?);
    let socket = Owned::socket(libc::AF_UNIX, libc::SOCK_STREAM)?;
    socket.bind(&address)?;
    connection::listen(socket.descriptor()?, backlog)?;
    Ok(socket.let_go())
}

/// A Unix stream connection.
pub(crate) fn unix_connect(path: &CStr, deadline: Nanos) -> Result<c_int> {
    connected(&Address::unix(path)?, deadline)
}

fn connected(address: &Address, deadline: Nanos) -> Result<c_int> {
    let socket = Owned::socket(address.family(), libc::SOCK_STREAM)?;
    // SAFETY: the address is valid for its length.
    unsafe {
        connection::connect(socket.descriptor()?, address.as_ptr(), address.length(), deadline)?
    };
    Ok(socket.let_go())
}

/// A UDP socket bound to an address.
pub(crate) fn udp_bind(host: Option<&CStr>, port: c_int) -> Result<c_int> {
    bound(libc::SOCK_DGRAM, host, address::port(port)?, false).map(Owned::let_go)
}
