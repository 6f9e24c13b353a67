//! What belongs to a green thread but lives in its OS thread: errno, and the C++ exceptions in flight.
//!
//! It is kept in the suspended function's own frame, so that it costs no memory of its own.

use crate::sys::{cxx, errno};
use std::cell::Cell;
use std::ffi::c_int;

/// Where the calling OS thread keeps what a switch must carry. Belongs to one hub.
#[derive(Debug)]
pub(crate) struct Carrier {
    errno: *mut c_int,
    exceptions: Cell<Option<*mut cxx::Globals>>,
    /// How many objects the loader had loaded at the last look.
    loaded: Cell<u64>,
}

/// What one green thread had there when it was suspended.
#[derive(Debug)]
pub(crate) struct Carried {
    errno: c_int,
    exceptions: cxx::Globals,
}

impl Carrier {
    pub(crate) fn new() -> Carrier {
        Carrier {
            errno: errno::address(),
            exceptions: Cell::new(cxx::globals()),
            loaded: Cell::new(cxx::loaded()),
        }
    }

    /// Looks again for a C++ run-time if anything was loaded since the last look.
    pub(crate) fn refresh_if_loaded(&self) {
        if self.exceptions.get().is_some() {
            return;
        }
        let loaded = cxx::loaded();
        if self.loaded.replace(loaded) != loaded {
            self.exceptions.set(cxx::globals());
        }
    }

    /// The calling OS thread's errno, to be put back when the answer is dropped.
    #[inline(always)]
    pub(crate) fn keep_errno(&self) -> errno::Kept {
        // SAFETY: found on this OS thread, see `save`.
        unsafe { errno::Kept::at(self.errno) }
    }

    #[inline(always)]
    pub(crate) fn save(&self) -> Carried {
        // SAFETY: both addresses belong to the OS thread that this carrier was made on, and a hub
        // with its carrier never leaves its OS thread.
        unsafe {
            Carried {
                errno: *self.errno,
                exceptions: match self.exceptions.get() {
                    Some(globals) => *globals,
                    None => [0; 2],
                },
            }
        }
    }

    #[inline(always)]
    pub(crate) fn restore(&self, carried: Carried) {
        // SAFETY: as in `save`.
        unsafe {
            *self.errno = carried.errno;
            if let Some(globals) = self.exceptions.get() {
                *globals = carried.exceptions;
            }
        }
    }

    /// What a green thread finds when it starts, and a callback on the hub.
    #[inline]
    pub(crate) fn clear(&self) {
        self.restore(Carried { errno: 0, exceptions: [0; 2] });
    }
}
