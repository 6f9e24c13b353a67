//! The intrusive FIFO: the link lives inside what is queued, so that to wait never allocates and to
//! leave from the middle takes constant time.

use std::cell::Cell;
use std::ptr;

/// The place in a list, embedded as the first field of what is queued.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Link {
    /// `UNQUEUED` outside of every list.
    prev: Cell<*const Link>,
    next: Cell<*const Link>,
}

/// No link lies at this address, since links are aligned.
const UNQUEUED: *const Link = ptr::without_provenance(1);

impl Link {
    pub(crate) const fn new() -> Link {
        Link { prev: Cell::new(UNQUEUED), next: Cell::new(ptr::null()) }
    }

    /// Takes the link for one that stands nowhere, whatever its list holds: in the child of a fork, where
    /// nobody looks at the list any more.
    pub(crate) fn forget(&self) {
        self.prev.set(UNQUEUED);
    }

    /// Whether the link stands in some list.
    #[inline]
    pub(crate) fn is_queued(&self) -> bool {
        self.prev.get() != UNQUEUED
    }
}

/// First in, first out. The list itself may move; its links may not.
#[derive(Debug)]
pub(crate) struct List {
    first: Cell<*const Link>,
    last: Cell<*const Link>,
}

impl List {
    pub(crate) const fn new() -> List {
        List { first: Cell::new(ptr::null()), last: Cell::new(ptr::null()) }
    }

    /// Moves everything into a list of its own.
    pub(crate) fn take(&self) -> List {
        List {
            first: Cell::new(self.first.replace(ptr::null())),
            last: Cell::new(self.last.replace(ptr::null())),
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.first.get().is_null()
    }

    #[inline]
    pub(crate) fn first(&self) -> *const Link {
        self.first.get()
    }

    /// The link behind `link`, null at the end.
    ///
    /// # Safety
    /// `link` stands in this list.
    #[inline]
    pub(crate) unsafe fn after(&self, link: *const Link) -> *const Link {
        // SAFETY: a queued link is alive, by the contract of `push_back`.
        unsafe { (*link).next.get() }
    }

    /// # Safety
    /// `link` is not queued anywhere, stays alive and where it is until it has left the list, and is
    /// touched by this OS thread only.
    #[inline]
    pub(crate) unsafe fn push_back(&self, link: *const Link) {
        let last = self.last.get();
        // SAFETY: the caller vouches for `link`; `last` was vouched for when it was pushed.
        unsafe {
            debug_assert!(!(*link).is_queued());
            (*link).prev.set(last);
            (*link).next.set(ptr::null());
            match last.as_ref() {
                Some(last) => last.next.set(link),
                None => self.first.set(link),
            }
        }
        self.last.set(link);
    }

    /// Puts `link` before all others.
    ///
    /// # Safety
    /// As `push_back`.
    pub(crate) unsafe fn push_front(&self, link: *const Link) {
        let first = self.first.get();
        // SAFETY: the caller vouches for `link`; `first` was vouched for when it was pushed.
        unsafe {
            debug_assert!(!(*link).is_queued());
            (*link).prev.set(ptr::null());
            (*link).next.set(first);
            match first.as_ref() {
                Some(first) => first.prev.set(link),
                None => self.last.set(link),
            }
        }
        self.first.set(link);
    }

    /// Takes the oldest link out; null when there is none.
    #[inline]
    pub(crate) fn pop_front(&self) -> *const Link {
        let first = self.first.get();
        if !first.is_null() {
            // SAFETY: `first` stands in this list.
            unsafe { self.unlink(first) };
        }
        first
    }

    /// Takes `link` out of the middle.
    ///
    /// # Safety
    /// `link` stands in this very list.
    #[inline]
    pub(crate) unsafe fn unlink(&self, link: *const Link) {
        // SAFETY: a queued link and its neighbours are alive, by the contract of `push_back`.
        unsafe {
            let (prev, next) = ((*link).prev.get(), (*link).next.get());
            match prev.as_ref() {
                Some(prev) => prev.next.set(next),
                None => self.first.set(next),
            }
            match next.as_ref() {
                Some(next) => next.prev.set(prev),
                None => self.last.set(prev),
            }
            (*link).prev.set(UNQUEUED);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_in_order_from_either_end_and_the_middle() {
        let links: [Link; 4] = std::array::from_fn(|_| Link::new());
        let list = List::new();
        for link in &links {
            // SAFETY: the array outlives the list's use of it and does not move.
            unsafe { list.push_back(link) };
        }
        // SAFETY: all four are queued.
        unsafe {
            list.unlink(&links[1]);
            list.unlink(&links[3]);
            assert_eq!(list.after(&links[0]), &links[2] as *const Link);
        }
        assert!(!links[1].is_queued() && links[2].is_queued());
        assert_eq!(list.pop_front(), &links[0] as *const Link);
        // SAFETY: it stands in no list.
        unsafe { list.push_front(&links[3]) };
        assert_eq!(list.pop_front(), &links[3] as *const Link);
        // SAFETY: as above.
        unsafe { list.push_front(&links[1]) };
        assert_eq!(list.pop_front(), &links[1] as *const Link);
        assert_eq!(list.pop_front(), &links[2] as *const Link);
        assert!(list.is_empty() && list.pop_front().is_null());
    }
}
