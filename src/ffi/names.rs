//! Names: from hosts to addresses and back.
//!
//! The system's own resolver, with its hosts file, its nsswitch and its order of addresses, called
//! on the pool of gh_offload(), so that a slow name server keeps one green thread waiting and not
//! the hub. To connect to a name, gh_tcp_connect() is enough: it looks the name up and races its
//! addresses.
//!
//! gh_getaddrinfo() gives the list that getaddrinfo(3) gives, to be freed with freeaddrinfo(3). Its
//! failures come back as GH_EAI_NONAME and so on, negative as every failure here; gh_strerror()
//! knows them. A lookup goes on by itself when its green thread has left; how many may be under way
//! at one time is a member of gh_offload_options.

use super::guard::guard_suspending;
use super::options::optional_text;
use crate::error::Error;
use crate::net::address::Address;
use crate::net::names::{self, Hints};
use crate::sys::{addrinfo, sockaddr, socklen_t};
use std::ffi::{c_char, c_int};

/// Looks up a host, a service or both as getaddrinfo(3), which does it on the pool of gh_offload(). At
/// most gh_offload_options.names are looked up at once; the others wait, in order.
///
/// A lookup that was abandoned goes on, and what it finds is freed.
///
/// @param node      (borrow) a name or a numeric address; may be NULL
/// @param service   (borrow) a name or a number; may be NULL
/// @param hints     (borrow) what to look for, of which ai_flags, ai_family, ai_socktype and ai_protocol
///                  are read; may be NULL
/// @param res       (out, own) the list, for freeaddrinfo(3)
/// @param deadline  how long to wait; in the past, nothing is looked up
/// @return 0; what getaddrinfo(3) gives with GH_ before it, such as GH_EAI_NONAME, GH_EAI_AGAIN,
///         GH_EAI_FAMILY, GH_EAI_SERVICE; for EAI_SYSTEM the errno, or GH_EAI_SYSTEM where that could be
///         mistaken; -EINVAL for a NULL res; -EAGAIN if no OS thread can be made and there is none;
///         -ETIMEDOUT; -ECANCELED; GH_ENOTGREEN in a callback
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_getaddrinfo(
    node: *const c_char,
    service: *const c_char,
    hints: *const addrinfo,
    res: *mut *mut addrinfo,
    deadline: i64,
) -> c_int {
    guard_suspending(|| {
        if res.is_null() {
            return Err(Error::EINVAL);
        }
        // SAFETY: the caller lends the strings and the hints.
        let (node, service, hints) =
            unsafe { (optional_text(node), optional_text(service), hints.as_ref()) };
        let hints = hints.map(|hints| Hints {
            flags: hints.ai_flags,
            family: hints.ai_family,
            kind: hints.ai_socktype,
            protocol: hints.ai_protocol,
        });
        let found = names::addresses(node, service, hints, deadline)?;
        // SAFETY: the caller lends the place.
        unsafe { *res = found.into_raw() };
        Ok(0)
    })
}

/// How much room a caller has for a name; `None` where it wants none.
fn room(place: *mut c_char, length: socklen_t) -> Option<usize> {
    (!place.is_null()).then_some(length as usize)
}

/// # Safety
/// `place` has room for the name, which was cut to it, or there is none.
unsafe fn hand_over(name: Option<Vec<u8>>, place: *mut c_char) {
    if let Some(name) = name {
        // SAFETY: the caller vouches for the room.
        unsafe { place.cast::<u8>().copy_from_nonoverlapping(name.as_ptr(), name.len()) };
    }
}

/// Looks up the names of an address as getnameinfo(3), which does it on the pool of gh_offload() as
/// gh_getaddrinfo() does.
///
/// @param addr      (borrow) the address of a host and a service
/// @param addrlen   its length
/// @param host      (out) the host's name; NULL if it is not wanted
/// @param hostlen   bytes of room there; 0 if it is not wanted
/// @param serv      (out) the service's name; NULL if it is not wanted
/// @param servlen   bytes of room there; 0 if it is not wanted
/// @param flags     as for getnameinfo(3)
/// @param deadline  how long to wait; in the past, nothing is looked up
/// @return 0; what getnameinfo(3) gives with GH_ before it, such as GH_EAI_NONAME, GH_EAI_AGAIN,
///         GH_EAI_FAMILY, GH_EAI_OVERFLOW for too little room; for EAI_SYSTEM the errno, or GH_EAI_SYSTEM
///         where that could be mistaken; -EINVAL for a NULL address or one longer than a
///         sockaddr_storage; -EAGAIN if no OS thread can be made and there is none; -ETIMEDOUT;
///         -ECANCELED; GH_ENOTGREEN in a callback
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_getnameinfo(
    addr: *const sockaddr,
    addrlen: socklen_t,
    host: *mut c_char,
    hostlen: socklen_t,
    serv: *mut c_char,
    servlen: socklen_t,
    flags: c_int,
    deadline: i64,
) -> c_int {
    guard_suspending(|| {
        // SAFETY: the caller lends the address.
        let address = unsafe { Address::copied(addr, addrlen) }.ok_or(Error::EINVAL)?;
        let rooms = (room(host, hostlen), room(serv, servlen));
        let found = names::names(address, rooms, flags, deadline)?;
        // SAFETY: the caller lends the room that was asked for, and names longer than that are failures.
        unsafe {
            hand_over(found.host, host);
            hand_over(found.service, serv);
        }
        Ok(0)
    })
}
