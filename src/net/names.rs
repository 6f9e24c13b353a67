//! Names to addresses and back: the system's own resolver, on the pool, so that hosts files, nsswitch and
//! what else an administrator has set hold.

use super::address::Address;
use crate::clock::Nanos;
use crate::error::{Error, Result};
use crate::offload::{self, Manner, Purpose};
use crate::sys::errno;
use libc::{addrinfo, socklen_t};
use std::ffi::{c_char, c_int, CStr, CString};
use std::ptr;

/// Names have a limit of their own in the pool.
const NAME: Manner = Manner { purpose: Purpose::Name, waits_for_room: true };

/// Longer than any name of a host or a service (NI_MAXHOST is 1025).
const LONGEST: usize = 4096;

/// What fits into a question (RFC 1035 section 2.3.4), with the dot at its end.
const MOST_OF_A_NAME: usize = 254;

/// What the resolver says when it finds nothing: an EAI number, and errno.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure {
    pub(crate) eai: c_int,
    pub(crate) errno: c_int,
}

impl Failure {
    fn now(eai: c_int) -> Failure {
        Failure { eai, errno: errno::last() }
    }

    /// The code of an EAI number, which is negative on some systems and positive on others. That of
    /// EAI_SYSTEM is errno's, unless that says nothing, or what a wait's own end would say.
    fn error(self) -> Error {
        match self.errno {
            libc::ETIMEDOUT | libc::ECANCELED | 0 => {}
            number if self.eai == libc::EAI_SYSTEM => return Error::errno(number),
            _ => {}
        }
        Error::of_eai(self.eai)
    }
}

/// Does on the pool what asks the resolver.
pub(crate) fn ask<T: Send + 'static>(
    deadline: Nanos,
    question: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    offload::call(NAME, deadline, question)
}

/// Whether a host that is no numeric address can be a name, so that asking for it makes sense. The last
/// part of none is all digits (RFC 3696 section 2): `127.0.0.256` is a mistake, not a question.
pub(crate) fn is_name(host: &CStr) -> bool {
    let bytes = host.to_bytes();
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._".contains(byte) || *byte >= 0x80;
    let part = bytes.strip_suffix(b".").unwrap_or(bytes).rsplit(|byte| *byte == b'.').next();
    let last = part.unwrap_or_default();
    bytes.len() <= MOST_OF_A_NAME
        && host.to_str().is_ok()
        && bytes.iter().all(fits)
        && last.iter().any(|byte| !byte.is_ascii_digit())
}

/// What getaddrinfo(3) has made.
pub(crate) struct Addresses(*mut addrinfo);

// SAFETY: a list in the heap that only its owner knows.
unsafe impl Send for Addresses {}

impl Drop for Addresses {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: made by getaddrinfo, and not freed yet.
            unsafe { libc::freeaddrinfo(self.0) };
        }
    }
}

impl Addresses {
    /// For a caller that frees it itself.
    pub(crate) fn into_raw(self) -> *mut addrinfo {
        let list = self.0;
        std::mem::forget(self);
        list
    }

    /// The internet addresses, in the order of the list.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Address> + '_ {
        let mut next: *const addrinfo = self.0;
        std::iter::from_fn(move || {
            // SAFETY: null at the end, else an entry of the list, which lives as long as `self`.
            let entry = unsafe { next.as_ref()? };
            next = entry.ai_next;
            Some(entry)
        })
        // SAFETY: getaddrinfo says how long the address is.
        .filter_map(|entry| unsafe { Address::copied(entry.ai_addr, entry.ai_addrlen) })
    }
}

/// What to look for, as far as getaddrinfo(3) reads it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hints {
    pub(crate) flags: c_int,
    pub(crate) family: c_int,
    pub(crate) kind: c_int,
    pub(crate) protocol: c_int,
}

/// Looks up a host and a service.
pub(crate) fn addresses(
    node: Option<&CStr>,
    service: Option<&CStr>,
    hints: Option<Hints>,
    deadline: Nanos,
) -> Result<Addresses> {
    let (node, service) = (node.map(CStr::to_owned), service.map(CStr::to_owned));
    ask(deadline, move || look_up(node, service, hints))?.map_err(Failure::error)
}

/// Asks the resolver itself, and waits for it.
pub(crate) fn look_up(
    node: Option<CString>,
    service: Option<CString>,
    hints: Option<Hints>,
) -> std::result::Result<Addresses, Failure> {
    let pointer = |text: &Option<CString>| text.as_ref().map_or(ptr::null(), |text| text.as_ptr());
    let hints = hints.map(|wish| {
        // SAFETY: all zeroes is a valid addrinfo.
        let mut hints: addrinfo = unsafe { std::mem::zeroed() };
        hints.ai_flags = wish.flags;
        hints.ai_family = wish.family;
        hints.ai_socktype = wish.kind;
        hints.ai_protocol = wish.protocol;
        hints
    });
    let wish = hints.as_ref().map_or(ptr::null(), ptr::from_ref);
    let mut list = ptr::null_mut();
    // SAFETY: C strings or null, hints or null, and a place for the answer.
    let eai = unsafe { libc::getaddrinfo(pointer(&node), pointer(&service), wish, &mut list) };
    match eai {
        0 => Ok(Addresses(list)),
        eai => Err(Failure::now(eai)),
    }
}

/// The names of a host and a service, each with its closing zero; `None` where none was wanted.
#[derive(Debug)]
pub(crate) struct Names {
    pub(crate) host: Option<Vec<u8>>,
    pub(crate) service: Option<Vec<u8>>,
}

/// Looks up an address. `rooms` tell how many bytes the names may have with their closing zeroes.
pub(crate) fn names(
    address: Address,
    rooms: (Option<usize>, Option<usize>),
    flags: c_int,
    deadline: Nanos,
) -> Result<Names> {
    ask(deadline, move || look_back(&address, rooms, flags))?.map_err(Failure::error)
}

/// Asks the resolver itself, and waits for it.
pub(crate) fn look_back(
    address: &Address,
    (host, service): (Option<usize>, Option<usize>),
    flags: c_int,
) -> std::result::Result<Names, Failure> {
    let room = |wish: Option<usize>| wish.map(|length| vec![0_u8; length.min(LONGEST)]);
    let mut names = Names { host: room(host), service: room(service) };
    let place = |name: &mut Option<Vec<u8>>| match name {
        Some(room) => (room.as_mut_ptr().cast::<c_char>(), room.len() as socklen_t),
        None => (ptr::null_mut(), 0),
    };
    let ((host, host_room), (service, service_room)) =
        (place(&mut names.host), place(&mut names.service));
    // SAFETY: an address of its length, and rooms of theirs.
    let eai = unsafe {
        libc::getnameinfo(
            address.as_ptr(),
            address.length(),
            host,
            host_room,
            service,
            service_room,
            flags,
        )
    };
    if eai != 0 {
        return Err(Failure::now(eai));
    }
    for name in [&mut names.host, &mut names.service].into_iter().flatten() {
        let end = name.iter().position(|byte| *byte == 0).map_or(name.len(), |zero| zero + 1);
        name.truncate(end);
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_told_from_names() {
        for name in [c"localhost", c"a.example", c"a.example.", c"_x.y-z", c"1.2.3.4.x", c"3com"] {
            assert!(is_name(name), "{name:?}");
        }
        for mistake in [c"", c" ", c".", c"127.0.0", c"1.2.3.4.5", c"a b", c"a:80", c"[::1]", c"a."]
        {
            assert_eq!(is_name(mistake), mistake == c"a.", "{mistake:?}");
        }
    }

    #[test]
    fn failures_keep_their_number_or_the_systems() {
        let failure = |eai, errno| Failure { eai, errno }.error();
        assert_eq!(failure(libc::EAI_NONAME, libc::ENOENT), Error::of_code(-10102));
        assert_eq!(failure(libc::EAI_SYSTEM, libc::EMFILE), Error::EMFILE);
        assert_eq!(failure(libc::EAI_SYSTEM, libc::ETIMEDOUT), Error::of_code(-10111));
        assert_eq!(failure(libc::EAI_SYSTEM, 0), Error::of_code(-10111));
    }
}
