//! The family of names: getaddrinfo(3) and getnameinfo(3). What asks a name server, a file or a daemon does
//! it on the pool, with the pool's limit for names; what only converts numbers stays where it is.
//!
//! The pool's thread works on copies, since it goes on when the wait was given up. A lookup is no wait that
//! signals end.

use super::caller::{Answer, Caller};
use crate::clock::NEVER;
use crate::error::Error;
use crate::error::Result;
use crate::net::address::Address;
use crate::net::names::{ask, look_back, look_up, Failure, Hints};
use libc::{addrinfo, sockaddr, socklen_t};
use std::ffi::{c_char, c_int, CStr};
use std::net::IpAddr;

/// What these functions return. EAI_SYSTEM says that errno tells why.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub(super) struct Eai(c_int);

impl Answer for Eai {
    const FAILED: Eai = Eai(libc::EAI_SYSTEM);
}

impl Eai {
    fn of(failure: Failure) -> Result<Eai> {
        match failure.eai {
            libc::EAI_SYSTEM => Err(Error::errno(failure.errno)),
            eai => Ok(Eai(eai)),
        }
    }
}

/// Whether a host is an address, for which libc asks nobody.
pub(super) fn is_address(host: &CStr) -> bool {
    host.to_str().is_ok_and(|text| text.parse::<IpAddr>().is_ok())
}

fn is_number(service: &CStr) -> bool {
    service.to_bytes().iter().all(u8::is_ascii_digit)
}

/// # Safety
/// `text` is null or a C string that lives as long as the answer is used.
unsafe fn optional<'a>(text: *const c_char) -> Option<&'a CStr> {
    // SAFETY: the caller vouches for the string.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) })
}

/// # Safety
/// The pointers are as getaddrinfo(3) wants them.
pub(super) unsafe fn getaddrinfo(
    caller: Caller,
    node: *const c_char,
    service: *const c_char,
    hints: *const addrinfo,
    list: *mut *mut addrinfo,
) -> Result<Eai> {
    // SAFETY: the caller vouches for the strings and the hints.
    let (node, service, hints) = unsafe { (optional(node), optional(service), hints.as_ref()) };
    let hints = hints.map(|hints| Hints {
        flags: hints.ai_flags,
        family: hints.ai_family,
        kind: hints.ai_socktype,
        protocol: hints.ai_protocol,
    });
    let numbers = node.is_none_or(is_address) && service.is_none_or(is_number);
    let (node, service) = (node.map(CStr::to_owned), service.map(CStr::to_owned));
    let found = if numbers {
        caller.hub.spend(caller.thread);
        look_up(node, service, hints)
    } else {
        ask(NEVER, move || look_up(node, service, hints))?
    };
    match found {
        Ok(found) => {
            // SAFETY: the caller vouches for the place.
            unsafe { *list = found.into_raw() };
            Ok(Eai(0))
        }
        Err(failure) => Eai::of(failure),
    }
}

/// Where a name goes, and how many bytes of it there may be.
type Room = (*mut c_char, socklen_t);

fn wanted((place, length): Room) -> Option<usize> {
    (!place.is_null() && length > 0).then_some(length as usize)
}

/// # Safety
/// The pointers are as getnameinfo(3) wants them.
#[allow(clippy::too_many_arguments, reason = "libc's own, and who calls")]
pub(super) unsafe fn getnameinfo(
    caller: Caller,
    address: *const sockaddr,
    length: socklen_t,
    host: *mut c_char,
    host_room: socklen_t,
    service: *mut c_char,
    service_room: socklen_t,
    flags: c_int,
) -> Result<Eai> {
    let (host, service) = ((host, host_room), (service, service_room));
    let rooms = (wanted(host), wanted(service));
    // Nothing behind that is read.
    let length = length.min(size_of::<libc::sockaddr_storage>() as socklen_t);
    // SAFETY: the caller vouches for the address.
    let Some(address) = (unsafe { Address::copied(address, length) }) else {
        return Ok(Eai(libc::EAI_FAMILY));
    };
    let numbers = (rooms.0.is_none() || flags & libc::NI_NUMERICHOST != 0)
        && (rooms.1.is_none() || flags & libc::NI_NUMERICSERV != 0);
    let found = if numbers {
        caller.hub.spend(caller.thread);
        look_back(&address, rooms, flags)
    } else {
        ask(NEVER, move || look_back(&address, rooms, flags))?
    };
    match found {
        Ok(names) => {
            // SAFETY: the caller vouches for the room, to which the names were cut.
            unsafe {
                hand_over(names.host, host);
                hand_over(names.service, service);
            }
            Ok(Eai(0))
        }
        Err(failure) => Eai::of(failure),
    }
}

/// # Safety
/// There is room for the name.
unsafe fn hand_over(name: Option<Vec<u8>>, (place, _): Room) {
    if let Some(name) = name {
        // SAFETY: the caller vouches for the room.
        unsafe { place.cast::<u8>().copy_from_nonoverlapping(name.as_ptr(), name.len()) };
    }
}
