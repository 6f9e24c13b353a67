//! select(2) and pselect(2), on sets of descriptors that the kernel writes its answer into.
//!
//! The kernel is asked with copies: what it is asked again needs the sets as they were given, and a failed
//! call leaves them alone.

use super::caller::Caller;
use super::hooks::originals;
use super::mask::Mask;
use super::readable::is_there;
use super::wait::{said, span, wait_for, AT_ONCE};
use crate::clock::{self, Nanos, NEVER};
use crate::error::{Error, Result};
use crate::net::poll::Found;
use libc::{fd_set, sigset_t, timespec, timeval};
use smallvec::{smallvec, SmallVec};
use std::ffi::c_int;
use std::ptr;

const SECOND: Nanos = 1_000_000_000;
const MICROSECOND: Nanos = 1000;
/// Bits in one of the words that a set is made of.
const WORD: usize = 64;

/// Room for three sets of the usual size, of 16 words each.
type Words = SmallVec<[u64; 64]>;

/// The three sets of a call: for reading, for writing, for what is exceptional.
struct Sets {
    /// How many descriptors they speak of, from 0 on.
    count: c_int,
    /// Words of each set.
    length: usize,
    theirs: [*mut u64; 3],
    given: Words,
}

impl Sets {
    /// `None` if one is not there.
    ///
    /// # Safety
    /// Each set is null, or as large as `count` says, as far as there can be descriptors, or leads nowhere.
    unsafe fn read(count: c_int, theirs: [*mut fd_set; 3]) -> Option<Sets> {
        let count = if count as usize > libc::FD_SETSIZE { count.min(table_size()) } else { count };
        let length = (count as usize).div_ceil(WORD);
        let theirs = theirs.map(<*mut fd_set>::cast::<u64>);
        let mut given: Words = smallvec![0; 3 * length];
        for (set, place) in theirs.iter().zip(given.chunks_mut(length.max(1))) {
            if !set.is_null() {
                if !is_there(*set, length) {
                    return None;
                }
                // SAFETY: the set is there; the kernel too takes whole words.
                unsafe { ptr::copy_nonoverlapping(*set, place.as_mut_ptr(), length) };
            }
        }
        Some(Sets { count, length, theirs, given })
    }

    /// Every descriptor that is in one of them.
    fn descriptors(&self) -> impl Iterator<Item = c_int> + Clone + '_ {
        let (given, length) = (&self.given, self.length);
        let in_word = move |word: usize| {
            let bits = given[word] | given[length + word] | given[2 * length + word];
            (0..WORD).filter(move |bit| bits >> bit & 1 != 0).map(move |bit| word * WORD + bit)
        };
        (0..length).flat_map(in_word).map(|fd| fd as c_int).take_while(|fd| *fd < self.count)
    }
}

/// The kernel does not look at more bits than its table of the process's descriptors has places, however
/// large the count: programs count to INT_MAX with sets of the usual size.
fn table_size() -> c_int {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("FDSize:"));
    line.and_then(|size| size.trim().parse().ok()).unwrap_or(c_int::MAX)
}

/// # Safety
/// As pselect(2), with a mask and a count that the kernel takes.
unsafe fn select_for(
    caller: Caller,
    count: c_int,
    theirs: [*mut fd_set; 3],
    span: Nanos,
    mask: *const sigset_t,
) -> Result<c_int> {
    // SAFETY: the caller vouches for the sets.
    let Some(sets) = (unsafe { Sets::read(count, theirs) }) else {
        let [read, write, except] = theirs;
        // SAFETY: the kernel refuses them.
        return said(unsafe { originals::pselect(count, read, write, except, &AT_ONCE, mask) });
    };
    let Sets { count, length, theirs, ref given } = sets;
    let mut answer = given.clone();
    let found = wait_for(caller, sets.descriptors(), span, Mask::of(mask), || {
        answer.copy_from_slice(given);
        let mut place = answer.as_mut_ptr();
        let [read, write, except] = theirs.map(|set| {
            let own = place;
            // SAFETY: three sets of this length lie there.
            place = unsafe { place.add(length) };
            if set.is_null() {
                ptr::null_mut()
            } else {
                own.cast::<fd_set>()
            }
        });
        let mut at_once = timeval { tv_sec: 0, tv_usec: 0 };
        // SAFETY: the copies are as large as the count says; the caller vouches for the mask.
        said(unsafe {
            match mask.is_null() {
                true => originals::select(count, read, write, except, &mut at_once),
                false => originals::pselect(count, read, write, except, &AT_ONCE, mask),
            }
        })
    })?;
    let Found::Ready(ready) = found else { return Err(Error::EBADF) };
    for (set, copy) in theirs.iter().zip(answer.chunks(length.max(1))) {
        if !set.is_null() {
            // SAFETY: as large as the copy, says the caller.
            unsafe { ptr::copy_nonoverlapping(copy.as_ptr(), *set, length) };
        }
    }
    Ok(ready)
}

/// # Safety
/// As select(2).
pub(super) unsafe fn select(
    caller: Caller,
    count: c_int,
    read: *mut fd_set,
    write: *mut fd_set,
    except: *mut fd_set,
    timeout: *mut timeval,
) -> Result<c_int> {
    // SAFETY: the caller vouches for it.
    let given = unsafe { timeout.as_ref() };
    if count < 0 || given.is_some_and(|given| given.tv_sec < 0 || given.tv_usec < 0) {
        // SAFETY: as above. It fails.
        return said(unsafe { originals::select(count, read, write, except, timeout) });
    }
    // More than a million microseconds are taken as that.
    let span = given.map_or(NEVER, |given| {
        let rest = given.tv_usec.saturating_mul(MICROSECOND);
        given.tv_sec.saturating_mul(SECOND).saturating_add(rest)
    });
    let end = if timeout.is_null() { NEVER } else { clock::after_ns(span) };
    // SAFETY: as above.
    let selected = unsafe { select_for(caller, count, [read, write, except], span, ptr::null()) };
    if !timeout.is_null() {
        // Linux tells what was left, also after a failure.
        let left = end.saturating_sub(clock::now()).max(0);
        let left = timeval { tv_sec: left / SECOND, tv_usec: left % SECOND / MICROSECOND };
        // SAFETY: as above.
        unsafe { *timeout = left };
    }
    selected
}

/// # Safety
/// As pselect(2).
pub(super) unsafe fn pselect(
    caller: Caller,
    count: c_int,
    read: *mut fd_set,
    write: *mut fd_set,
    except: *mut fd_set,
    timeout: *const timespec,
    mask: *const sigset_t,
) -> Result<c_int> {
    // SAFETY: the caller vouches for it.
    match unsafe { span(timeout) } {
        // SAFETY: as above.
        Some(span) if count >= 0 => unsafe {
            select_for(caller, count, [read, write, except], span, mask)
        },
        // SAFETY: as above. It fails.
        _ => said(unsafe { originals::pselect(count, read, write, except, timeout, mask) }),
    }
}
