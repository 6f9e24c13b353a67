//! Numeric addresses as the kernel wants them.

use crate::error::{Error, Result};
use libc::{sockaddr, socklen_t};
use std::ffi::{c_int, CStr};
use std::mem::{size_of, zeroed};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A socket address of any family.
#[derive(Clone, Copy)]
pub(crate) struct Address {
    storage: libc::sockaddr_storage,
    length: socklen_t,
}

impl Address {
    /// An IP address and a port.
    pub(crate) fn inet(ip: IpAddr, scope: u32, port: u16) -> Address {
        match ip {
            IpAddr::V4(ip) => {
                // SAFETY: all zeroes is a valid sockaddr_in.
                let mut inet: libc::sockaddr_in = unsafe { zeroed() };
                inet.sin_family = libc::AF_INET as libc::sa_family_t;
                inet.sin_port = port.to_be();
                inet.sin_addr.s_addr = u32::from_ne_bytes(ip.octets());
                Address::from_parts(inet)
            }
            IpAddr::V6(ip) => {
                // SAFETY: all zeroes is a valid sockaddr_in6.
                let mut inet: libc::sockaddr_in6 = unsafe { zeroed() };
                inet.sin6_family = libc::AF_INET6 as libc::sa_family_t;
                inet.sin6_port = port.to_be();
                inet.sin6_addr.s6_addr = ip.octets();
                inet.sin6_scope_id = scope;
                Address::from_parts(inet)
            }
        }
    }

    /// The path of a Unix socket.
    pub(crate) fn unix(path: &CStr) -> Result<Address> {
        // SAFETY: all zeroes is a valid sockaddr_un.
        let mut unix: libc::sockaddr_un = unsafe { zeroed() };
        let path = path.to_bytes();
        if path.is_empty() {
            return Err(Error::EINVAL);
        }
        // One byte stays for the end of the string.
        if path.len() >= unix.sun_path.len() {
            return Err(Error::ENAMETOOLONG);
        }
        unix.sun_family = libc::AF_UNIX as libc::sa_family_t;
        for (place, byte) in unix.sun_path.iter_mut().zip(path) {
            *place = *byte as libc::c_char;
        }
        Ok(Address::from_parts(unix))
    }

    /// A copy of what a caller or the system has. `None` where there is nothing, or too much.
    ///
    /// # Safety
    /// `address` is null, or readable for `length` bytes.
    pub(crate) unsafe fn copied(address: *const sockaddr, length: socklen_t) -> Option<Address> {
        if address.is_null() || length as usize > size_of::<libc::sockaddr_storage>() {
            return None;
        }
        // SAFETY: all zeroes is a valid sockaddr_storage.
        let mut storage: libc::sockaddr_storage = unsafe { zeroed() };
        // SAFETY: the caller vouches for `length` bytes, for which the storage has room.
        unsafe {
            let bytes = (&raw mut storage).cast::<u8>();
            bytes.copy_from_nonoverlapping(address.cast(), length as usize);
        }
        Some(Address { storage, length })
    }

    /// The same host at another port. What has no port stays as it is.
    pub(crate) fn with_port(mut self, port: u16) -> Address {
        let storage = &raw mut self.storage;
        match self.family() {
            // SAFETY: the family says which type the storage holds, and it has room and alignment for each.
            libc::AF_INET => unsafe {
                (*storage.cast::<libc::sockaddr_in>()).sin_port = port.to_be()
            },
            // SAFETY: as above.
            libc::AF_INET6 => unsafe {
                (*storage.cast::<libc::sockaddr_in6>()).sin6_port = port.to_be();
            },
            _ => {}
        }
        self
    }

    fn from_parts<T: Copy>(parts: T) -> Address {
        const { assert!(size_of::<T>() <= size_of::<libc::sockaddr_storage>()) };
        // SAFETY: all zeroes is a valid sockaddr_storage.
        let mut storage: libc::sockaddr_storage = unsafe { zeroed() };
        // SAFETY: every address type fits into the storage, and the storage is aligned for each.
        unsafe { (&raw mut storage).cast::<T>().write(parts) };
        Address { storage, length: size_of::<T>() as socklen_t }
    }

    pub(crate) fn family(&self) -> c_int {
        c_int::from(self.storage.ss_family)
    }

    pub(crate) fn as_ptr(&self) -> *const sockaddr {
        (&raw const self.storage).cast()
    }

    pub(crate) fn length(&self) -> socklen_t {
        self.length
    }
}

/// Every address of the machine: IPv6, which takes IPv4 as well, and IPv4 where there is no IPv6.
pub(crate) fn any(port: u16) -> [Address; 2] {
    [
        Address::inet(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0, port),
        Address::inet(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0, port),
    ]
}

/// A numeric host: `127.0.0.1`, `::1`, `fe80::1%eth0` (RFC 4007 section 11).
pub(crate) fn parse(host: &CStr, port: u16) -> Result<Address> {
    let host = host.to_str().map_err(|_| Error::EINVAL)?;
    let (host, scope) = match host.split_once('%') {
        Some((host, zone)) => (host, scope_id(zone)?),
        None => (host, 0),
    };
    let ip: IpAddr = host.parse().map_err(|_| Error::EINVAL)?;
    if scope != 0 && ip.is_ipv4() {
        return Err(Error::EINVAL);
    }
    Ok(Address::inet(ip, scope, port))
}

fn scope_id(zone: &str) -> Result<u32> {
    if let Ok(number) = zone.parse() {
        return Ok(number);
    }
    let name = std::ffi::CString::new(zone).map_err(|_| Error::EINVAL)?;
    // SAFETY: a C string.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => Err(Error::EINVAL),
        index => Ok(index),
    }
}

/// A port as the C surface takes it.
pub(crate) fn port(number: c_int) -> Result<u16> {
    u16::try_from(number).map_err(|_| Error::EINVAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numeric_hosts_parse_and_nothing_else() {
        assert_eq!(parse(c"127.0.0.1", 80).map(|address| address.family()), Ok(libc::AF_INET));
        assert_eq!(parse(c"::1", 80).map(|address| address.family()), Ok(libc::AF_INET6));
        assert_eq!(parse(c"fe80::1%lo", 80).map(|address| address.family()), Ok(libc::AF_INET6));
        for bad in [c"", c"localhost", c"127.1", c"::1%no-such-link", c"127.0.0.1%lo", c"\xff"] {
            assert_eq!(parse(bad, 80).err(), Some(Error::EINVAL), "{bad:?}");
        }
        assert_eq!(port(65536), Err(Error::EINVAL));
        assert_eq!(port(-1), Err(Error::EINVAL));
    }
}
