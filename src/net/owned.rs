//! A descriptor that one call makes, and closes again unless it succeeds.

use crate::hub::{self, Stamp};
use std::ffi::c_int;

/// A descriptor that is closed again unless it is let go, or somebody else has closed it while we waited.
#[derive(Debug)]
pub(crate) struct Owned(c_int, Stamp);

impl Owned {
    /// Takes a descriptor that was adopted.
    pub(crate) fn new(fd: c_int) -> Owned {
        Owned(fd, hub::stamp(fd))
    }

    pub(crate) fn fd(&self) -> c_int {
        self.0
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
