//! A descriptor that one call makes, and closes again unless it succeeds.

use super::address::Address;
use super::connection;
use crate::error::{Error, Result};
use crate::hub::{self, Stamp};
use crate::sys::retry;
use std::ffi::c_int;

/// A descriptor that is closed again unless it is let go, or somebody else has closed it while we waited.
#[derive(Debug)]
pub(crate) struct Owned(c_int, Stamp);

impl Owned {
    /// Takes a descriptor that was adopted.
    pub(crate) fn new(fd: c_int) -> Owned {
        Owned(fd, hub::stamp(fd))
    }

    pub(super) fn socket(family: c_int, kind: c_int) -> Result<Owned> {
        connection::socket(family, kind, 0).map(Owned::new)
    }

    pub(super) fn set(&self, level: c_int, option: c_int, value: c_int) -> Result<()> {
        let value: *const c_int = &value;
        // SAFETY: an int, and its size.
        retry(|| unsafe {
            libc::setsockopt(self.0, level, option, value.cast(), size_of::<c_int>() as _)
        })
        .map(drop)
    }

    pub(super) fn bind(&self, address: &Address) -> Result<()> {
        // SAFETY: the address is valid for its length.
        retry(|| unsafe { libc::bind(self.0, address.as_ptr(), address.length()) }).map(drop)
    }

    pub(crate) fn fd(&self) -> c_int {
        self.0
    }

    /// The number, as long as it is still this descriptor's.
    pub(super) fn descriptor(&self) -> Result<c_int> {
        if hub::stamp(self.0) == self.1 {
            Ok(self.0)
        } else {
            Err(Error::EBADF)
        }
    }

    pub(crate) fn let_go(self) -> c_int {
        let fd = self.0;
        std::mem::forget(self);
        fd
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        if hub::stamp(self.0) == self.1 {
            let _ = hub::close(self.0);
        }
    }
}
