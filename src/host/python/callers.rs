//! Who calls libc: code that asks after signals when a call was interrupted, or other code.
//!
//! The interpreter does, and so do the modules that come with it. OpenSSL does not, but hands an interruption on to who
//! called it, so that the first caller that is not OpenSSL decides; which libraries it is shared with (libpq, libcurl)
//! does not matter, since one call comes from one of them.
//!
//! The frames of one call are looked at from within, as far as the first that decides. What an address was found to be
//! is kept for code that is never unloaded, and the immediate caller, once found, is known again without a search.

use super::api;
use crate::hub::Origin;
use crate::sys::{symbol, unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// This library.
    Own = 1,
    /// It asks.
    Python = 2,
    /// It lets its caller ask.
    HandsOn = 3,
    Other,
}

/// Addresses that were looked up, each at its place or nowhere.
const PLACES: usize = 512;
static KNOWN: [AtomicUsize; PLACES] = [const { AtomicUsize::new(0) }; PLACES];

/// An address and a kind are one word: a process ends far below the highest bits.
const KIND_BITS: u32 = 2;

fn place(address: usize) -> &'static AtomicUsize {
    // Fibonacci hashing: addresses of calls differ in their lower bits.
    &KNOWN[address.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as usize) >> (usize::BITS - 9)]
}

fn known(address: usize) -> Option<Kind> {
    let word = place(address).load(Ordering::Relaxed);
    if word >> KIND_BITS != address {
        return None;
    }
    [Kind::Own, Kind::Python, Kind::HandsOn]
        .into_iter()
        .find(|kind| *kind as usize == word & ((1 << KIND_BITS) - 1))
}

/// Of an address to which a call returns.
fn kind_at(address: usize) -> Kind {
    if let Some(kind) = known(address) {
        return kind;
    }
    // The call is the last instruction of some functions, behind which another object may begin.
    let kind = symbol::object_at(address - 1).map_or(Kind::Other, kind_of);
    if kind != Kind::Other {
        place(address).store(address << KIND_BITS | kind as usize, Ordering::Relaxed);
    }
    kind
}

fn kind_of(object: symbol::Object) -> Kind {
    if Some(object) == symbol::object_at(kind_of as *const () as usize) {
        return Kind::Own;
    }
    if Some(object) == symbol::object_at(api::known().state_new as usize) {
        return Kind::Python;
    }
    let path = object.path().to_bytes();
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
    if path.windows(13).any(|part| part == b"/lib-dynload/") {
        return Kind::Python;
    }
    match name.starts_with(b"libssl") || name.starts_with(b"libcrypto") {
        true => Kind::HandsOn,
        false => Kind::Other,
    }
}

/// Whether the function of libc's that has just failed was called by who asks, perhaps by way of OpenSSL.
pub(super) fn ask(origin: &dyn Origin) -> bool {
    if origin.glimpse().is_some_and(|address| known(address) == Some(Kind::Python)) {
        return true;
    }
    search(origin)
}

#[cold]
#[inline(never)]
fn search(origin: &dyn Origin) -> bool {
    // More than OpenSSL and this library have between them.
    let mut left = 48;
    let (mut is_first, mut asks) = (true, false);
    unwind::here(&mut |address, stack| {
        let kind = kind_at(address);
        if kind != Kind::Own && std::mem::take(&mut is_first) && kind == Kind::Python {
            origin.found(address, stack);
        }
        asks = kind == Kind::Python;
        left -= 1;
        left > 0 && matches!(kind, Kind::Own | Kind::HandsOn)
    });
    asks
}
