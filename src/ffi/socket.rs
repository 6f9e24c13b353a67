//! Making, connecting and closing descriptors.
//!
//! The calls of POSIX, which wait for nobody but their own green thread. Begin with gh_tcp_listen()
//! or gh_tcp_connect() where they do; this section is for all other kinds of sockets, and for
//! options that must be set before connecting or binding: gh_socket(), setsockopt(2) and bind(2) as
//! usual, then gh_listen() and gh_accept(), or gh_connect().
//!
//! Descriptors come from anywhere, but end here: gh_close() wakes those who wait on one, and
//! forgets it before its number is used again; close(2) and dup2(2) do neither. -EMFILE from
//! gh_accept() leaves the client in the backlog: pause before the next try, or the loop spins.

use super::guard::{guard, guard_suspending};
use crate::error::Error;
use crate::hub;
use crate::net::connection;
use crate::sys::{sockaddr, socklen_t};
use std::ffi::c_int;

/// Makes a socket as socket(2), non-blocking and closed on exec. Any other socket does as well: those
/// that are in blocking mode are left there, but for gh_connect(), gh_accept() and gh_sendfile(),
/// which have no other way.
///
/// @param domain    AF_INET, AF_INET6, AF_UNIX …
/// @param type      SOCK_STREAM, SOCK_DGRAM …
/// @param protocol  0 for the usual one
/// @return the descriptor; what socket(2) gives, such as -EAFNOSUPPORT, -EINVAL, -EMFILE
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub extern "C" fn gh_socket(domain: c_int, r#type: c_int, protocol: c_int) -> c_int {
    guard(|| connection::socket(domain, r#type, protocol))
}

/// Connects a socket as connect(2). After a failure the socket is of no more use: close it.
///
/// @param fd        a socket; put into non-blocking mode
/// @param addr      (borrow) the peer's address
/// @param len       its length in bytes
/// @param deadline  how long to wait
/// @return 0; what connect(2) gives, such as -ECONNREFUSED, -EBADF, -ENOTSOCK; -EINVAL for NULL;
///         -ETIMEDOUT, the network's or the deadline's; -ECANCELED; GH_ENOTGREEN in a callback
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_connect(
    fd: c_int,
    addr: *const sockaddr,
    len: socklen_t,
    deadline: i64,
) -> c_int {
    guard_suspending(|| {
        if addr.is_null() {
            return Err(Error::EINVAL);
        }
        // SAFETY: the caller lends `len` bytes.
        unsafe { connection::connect(fd, addr, len, deadline) }.map(|()| 0)
    })
}

/// Makes a bound socket listen as listen(2).
///
/// @param fd       a socket
/// @param backlog  connections that may wait to be accepted
/// @return 0; what listen(2) gives, such as -EADDRINUSE, -EBADF, -ENOTSOCK, -EOPNOTSUPP
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub extern "C" fn gh_listen(fd: c_int, backlog: c_int) -> c_int {
    guard(|| connection::listen(fd, backlog).map(|()| 0))
}

/// Accepts a connection as accept4(2), non-blocking and closed on exec. A client that left before is
/// passed over.
///
/// @param fd        a listening socket; put into non-blocking mode
/// @param addr      (out) the client's address; may be NULL
/// @param len       (out) in: the room at addr, out: the address's length; NULL if addr is
/// @param deadline  how long to wait
/// @return the descriptor; what accept(2) gives, such as -EMFILE and -ENFILE at the limit on
///         descriptors (the client stays in the backlog), -EBADF, -ENOTSOCK, -EINVAL; -ETIMEDOUT;
///         -ECANCELED; GH_ENOTGREEN in a callback
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_accept(
    fd: c_int,
    addr: *mut sockaddr,
    len: *mut socklen_t,
    deadline: i64,
) -> c_int {
    guard_suspending(|| {
        if !addr.is_null() && len.is_null() {
            return Err(Error::EINVAL);
        }
        // SAFETY: the caller lends both.
        unsafe { connection::accept(fd, addr, len, deadline) }
    })
}

/// Shuts a connection down as shutdown(2).
///
/// @param fd   a connected socket
/// @param how  SHUT_RD, SHUT_WR or SHUT_RDWR
/// @return 0; what shutdown(2) gives, such as -EBADF, -EINVAL, -ENOTCONN, -ENOTSOCK
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub extern "C" fn gh_shutdown(fd: c_int, how: c_int) -> c_int {
    guard(|| connection::shutdown(fd, how).map(|()| 0))
}

/// Closes a descriptor as close(2). Green threads that wait on it, on whatever hub, get -EBADF, and
/// nothing that is known of it is taken for the next descriptor of its number.
///
/// @param fd  any descriptor
/// @return 0; -EBADF if it is not open; what close(2) gives, such as -EIO, with the descriptor closed
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub extern "C" fn gh_close(fd: c_int) -> c_int {
    guard(|| hub::close(fd).map(|()| 0))
}
