//! A socket's address as Python has it, of the families that listen mostly.

use super::api::{Api, Object};
use super::waits::{Python, Raised};
use libc::{sockaddr_in, sockaddr_in6, sockaddr_storage, sockaddr_un, socklen_t};
use std::ffi::{c_char, c_int, c_void, CStr};
use std::mem::offset_of;
use std::ptr;

/// The longest text of an IPv6 address, with its end (INET6_ADDRSTRLEN).
const TEXT: usize = 46;

extern "C" {
    fn inet_ntop(
        family: c_int,
        address: *const c_void,
        text: *mut c_char,
        size: socklen_t,
    ) -> *const c_char;
}

/// What accept(2) has filled in, as a new object; `None` for a family of which only the standard library knows.
///
/// # Safety
/// The calling thread's state is attached; `length` bytes of the address are filled in.
pub(super) unsafe fn object(
    api: &Api,
    address: &sockaddr_storage,
    length: socklen_t,
) -> Python<Option<*mut Object>> {
    let place = ptr::from_ref(address);
    // SAFETY: the storage is larger than each of these and aligned for them; the family says which it is, and the
    // caller vouches for the state.
    unsafe {
        match c_int::from(address.ss_family) {
            libc::AF_INET => {
                let inet = &*place.cast::<sockaddr_in>();
                let ip = text(api, libc::AF_INET, (&raw const inet.sin_addr).cast());
                tuple(api, [ip, number(api, u16::from_be(inet.sin_port).into())]).map(Some)
            }
            libc::AF_INET6 => {
                let inet = &*place.cast::<sockaddr_in6>();
                let ip = text(api, libc::AF_INET6, (&raw const inet.sin6_addr).cast());
                let port = number(api, u16::from_be(inet.sin6_port).into());
                let flow = number(api, u32::from_be(inet.sin6_flowinfo).into());
                tuple(api, [ip, port, flow, number(api, inet.sin6_scope_id.into())]).map(Some)
            }
            libc::AF_UNIX => path(api, &*place.cast::<sockaddr_un>(), length).map(Some),
            _ => Ok(None),
        }
    }
}

/// # Safety
/// As above.
unsafe fn number(api: &Api, value: u64) -> *mut Object {
    // SAFETY: the caller vouches for the state.
    unsafe { (api.int_from)(value) }
}

/// # Safety
/// As above; an address of the family.
unsafe fn text(api: &Api, family: c_int, ip: *const c_void) -> *mut Object {
    let mut text = [0 as c_char; TEXT];
    // SAFETY: room for the longest text, and the caller vouches for the rest.
    unsafe {
        inet_ntop(family, ip, text.as_mut_ptr(), TEXT as socklen_t);
        (api.text_from)(text.as_ptr(), libc::strlen(text.as_ptr()) as isize)
    }
}

/// A tuple that takes over the references; null among them says that an exception is set.
///
/// # Safety
/// As above.
pub(super) unsafe fn tuple<const COUNT: usize>(
    api: &Api,
    parts: [*mut Object; COUNT],
) -> Python<*mut Object> {
    // SAFETY: the caller vouches for the state; each reference is given away once.
    unsafe {
        let whole = (api.tuple_new)(COUNT as isize);
        let failed = whole.is_null() || parts.iter().any(|part| part.is_null());
        for (at, part) in parts.into_iter().enumerate() {
            if !failed {
                (api.tuple_set)(whole, at as isize, part);
            } else if !part.is_null() {
                (api.decref)(part);
            }
        }
        if failed && !whole.is_null() {
            (api.decref)(whole);
        }
        if failed {
            Err(Raised)
        } else {
            Ok(whole)
        }
    }
}

/// A name in the file system is a text; one of Linux's own name space, which begins with a zero, is bytes.
///
/// # Safety
/// As above.
unsafe fn path(api: &Api, unix: &sockaddr_un, length: socklen_t) -> Python<*mut Object> {
    let start = unix.sun_path.as_ptr();
    let length = (length as usize)
        .saturating_sub(offset_of!(sockaddr_un, sun_path))
        .min(unix.sun_path.len());
    // SAFETY: within the path; the caller vouches for the state.
    let made = unsafe {
        if length > 0 && *start == 0 {
            (api.bytes_from)(start, length as isize)
        } else {
            let bytes = std::slice::from_raw_parts(start.cast::<u8>(), length);
            let ends = CStr::from_bytes_until_nul(bytes).map(|path| path.to_bytes().len());
            (api.path_from)(start, ends.unwrap_or(length) as isize)
        }
    };
    if made.is_null() {
        Err(Raised)
    } else {
        Ok(made)
    }
}
