//! The short ways in: a listening, connected or bound socket in one call.
//!
//! A server begins with gh_tcp_listen() or gh_unix_listen() and calls gh_accept() in a loop, with a
//! gh_spawn() for each connection; a client begins with gh_tcp_connect() or gh_unix_connect();
//! datagrams with gh_udp_bind(). What they give is a plain descriptor: setsockopt(2) and
//! getsockname(2) work on it, and the latter tells the port if 0 was asked for.
//!
//! gh_tcp_connect() takes names and numeric addresses, the others numeric ones only. NULL listens on
//! every address of the machine, which is rarely meant in tests: say "127.0.0.1". The results are
//! the caller's to close, with gh_close().

use super::guard::{guard, guard_suspending};
use super::options::{optional_text, text};
use crate::net::endpoint;
use std::ffi::{c_char, c_int};

/// Makes a TCP socket that listens, with SO_REUSEADDR.
///
/// @param host     (borrow) a numeric IPv4 or IPv6 address, "fe80::1%eth0" included; NULL for every
///                 address of the machine
/// @param port     0 to 65535; 0 lets the kernel choose (getsockname(2) tells)
/// @param backlog  connections that may wait to be accepted; 0 for the system's usual number
/// @return (own) the descriptor, for gh_close(); -EINVAL for a host that is no numeric address, or a
///         number out of range; what bind(2) gives, such as -EADDRINUSE, -EACCES, -EADDRNOTAVAIL;
///         -EMFILE
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_tcp_listen(host: *const c_char, port: c_int, backlog: c_int) -> c_int {
    // SAFETY: the caller lends the string.
    guard(|| endpoint::tcp_listen(unsafe { optional_text(host) }, port, backlog))
}

/// Makes a TCP connection, to a host by its address or its name.
///
/// A name is looked up as gh_getaddrinfo() does. Its addresses are raced as RFC 8305 says: they are tried
/// in the resolver's order with the families in turn, each 250 ms after the one before or as soon as one
/// has failed; the first to answer stays, the others are closed.
///
/// @param host      (borrow) a numeric IPv4 or IPv6 address, "fe80::1%eth0" included, or a name
/// @param port      0 to 65535
/// @param deadline  how long to wait, for the resolver and for all addresses together
/// @return (own) the descriptor, for gh_close(); -EINVAL for NULL, a port out of range or a host that is
///         neither a numeric address nor can be a name; what gh_getaddrinfo() gives, such as
///         GH_EAI_NONAME, GH_EAI_AGAIN; what connect(2) gives for the first address that fails when all
///         do, such as -ECONNREFUSED, -ENETUNREACH; -EMFILE; -ETIMEDOUT; -ECANCELED; GH_ENOTGREEN in a
///         callback
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_tcp_connect(host: *const c_char, port: c_int, deadline: i64) -> c_int {
    // SAFETY: the caller lends the string.
    guard_suspending(|| endpoint::tcp_connect(unsafe { text(host) }?, port, deadline))
}

/// Makes a Unix stream socket that listens. A file of that name must not exist yet.
///
/// @param path     (borrow) at most 107 bytes
/// @param backlog  connections that may wait to be accepted; 0 for the system's usual number
/// @return (own) the descriptor, for gh_close(); the file stays and is the caller's to unlink; -EINVAL
///         for NULL, an empty path or a negative backlog; -ENAMETOOLONG; what bind(2) gives, such as
///         -EADDRINUSE, -ENOENT, -EACCES; -EMFILE
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_unix_listen(path: *const c_char, backlog: c_int) -> c_int {
    // SAFETY: the caller lends the string.
    guard(|| endpoint::unix_listen(unsafe { text(path) }?, backlog))
}

/// Makes a Unix stream connection.
///
/// @param path      (borrow) at most 107 bytes
/// @param deadline  how long to wait, for room in the listener's backlog too
/// @return (own) the descriptor, for gh_close(); -EINVAL for NULL or an empty path; -ENAMETOOLONG; what
///         connect(2) gives, such as -ECONNREFUSED, -ENOENT, -EACCES; -EMFILE; -ETIMEDOUT; -ECANCELED;
///         GH_ENOTGREEN in a callback
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_unix_connect(path: *const c_char, deadline: i64) -> c_int {
    // SAFETY: the caller lends the string.
    guard_suspending(|| endpoint::unix_connect(unsafe { text(path) }?, deadline))
}

/// Makes a UDP socket bound to an address.
///
/// @param host  (borrow) a numeric IPv4 or IPv6 address, "fe80::1%eth0" included; NULL for every
///              address of the machine
/// @param port  0 to 65535; 0 lets the kernel choose (getsockname(2) tells)
/// @return (own) the descriptor, for gh_close(); -EINVAL for a host that is no numeric address, or a
///         port out of range; what bind(2) gives, such as -EADDRINUSE, -EACCES, -EADDRNOTAVAIL; -EMFILE
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_udp_bind(host: *const c_char, port: c_int) -> c_int {
    // SAFETY: the caller lends the string.
    guard(|| endpoint::udp_bind(unsafe { optional_text(host) }, port))
}
