//! Which slots are to be exchanged, and their exchange.
//!
//! A slot is written once, by one atomic compare-and-exchange, while other OS threads jump through it:
//! they find the old function or the new one.

use super::elf::{Image, Range, Slot, Use};
use super::hooks::Hook;
use super::protection::{Mappings, Opened};
use crate::error::Result;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What stands in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// The function itself, or the way to it that the loader takes at the first call.
    Original,
    /// The hook.
    Hook,
    /// The loader has not come to it yet.
    Unsettled,
    /// Another function: somebody was there before, or the symbol is weak and has none.
    Foreign,
}

/// What a slot holds, for a hook that knows its original.
pub(super) fn content(
    image: &Image<'_>,
    libc: Range,
    slot: Slot<'_>,
    hook: &Hook,
) -> (usize, Content) {
    let value = place(slot.address).load(Ordering::Relaxed);
    let content = if value == hook.entry() {
        Content::Hook
    } else if value == hook.original.function() || value == hook.original.canonical() {
        Content::Original
    } else if image.extent.holds(value) && slot.usage == Use::Stub {
        Content::Original
    } else if value != 0 && value < image.extent.end - image.extent.start {
        // The linker's own value, relative to the object: the loader adds its base, or replaces it.
        Content::Unsettled
    } else if libc.holds(value) {
        // Under another version of its name.
        Content::Original
    } else {
        Content::Foreign
    };
    (value, content)
}

/// An exchange that is to be made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exchange {
    pub(super) address: usize,
    pub(super) from: usize,
    pub(super) to: usize,
}

/// What became of a number of exchanges.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Done {
    pub(super) exchanged: usize,
    /// They lie in an object that the loader is not done with.
    pub(super) unsettled: usize,
}

/// Makes exchanges in one object. `settled` says that the loader is known to be done with every object.
pub(super) fn exchange_all(
    image: &Image<'_>,
    exchanges: &[Exchange],
    mappings: &Mappings,
    settled: bool,
) -> Result<Done> {
    let mut done = Done::default();
    let mut open: Option<Opened> = None;
    for exchange in exchanges {
        if !open.as_ref().is_some_and(|opened| opened.holds(exchange.address)) {
            // First closed, then the next one opened: neighbours would be given back as they are now.
            drop(open.take());
            let Some(protection) = mappings.of(exchange.address) else { continue };
            let writable = protection & libc::PROT_WRITE != 0;
            if writable && !settled && image.relro.holds(exchange.address) {
                done.unsettled += 1;
                continue;
            }
            open = Some(Opened::new(exchange.address, protection)?);
        }
        let made = place(exchange.address).compare_exchange(
            exchange.from,
            exchange.to,
            // Whoever jumps through the slot finds what the hook needs.
            Ordering::AcqRel,
            Ordering::Relaxed,
        );
        match made {
            Ok(_) => done.exchanged += 1,
            // Bound by a first call meanwhile: another pass finds what it is now.
            Err(_) => done.unsettled += 1,
        }
    }
    Ok(done)
}

fn place(address: usize) -> &'static AtomicUsize {
    // SAFETY: `Image` has found the slot inside the object and aligned, and the object stays mapped during
    // the walk, in which alone this is used.
    unsafe { &*(address as *const AtomicUsize) }
}
