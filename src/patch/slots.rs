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
    } else if value == hook.original.function()
        || value == hook.original.canonical()
        || (image.extent.holds(value) && slot.usage == Use::Stub)
    {
        Content::Original
    } else if value < image.extent.end - image.extent.start {
        // The linker's own value, relative to the object: the loader adds its base, or replaces it. Zero is
        // also what a weak symbol keeps that has no function; this one has.
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

/// Makes exchanges in one object.
#[derive(Debug)]
pub(super) struct Exchanger<'walk> {
    image: &'walk Image<'walk>,
    mappings: &'walk Mappings,
    /// The loader is known to be done with every object.
    settled: bool,
    open: Option<Opened>,
}

impl<'walk> Exchanger<'walk> {
    pub(super) fn new(
        image: &'walk Image<'walk>,
        mappings: &'walk Mappings,
        settled: bool,
    ) -> Exchanger<'walk> {
        Exchanger { image, mappings, settled, open: None }
    }

    /// Makes one; false if it is to be looked at again, because the loader was there.
    pub(super) fn exchange(&mut self, exchange: Exchange) -> Result<bool> {
        if !self.open.as_ref().is_some_and(|opened| opened.holds(exchange.address)) {
            // First closed, then the next one opened: neighbours would be given back as they are now.
            self.open = None;
            let Some(protection) = self.mappings.of(exchange.address) else { return Ok(false) };
            let writable = protection & libc::PROT_WRITE != 0;
            if writable && !self.settled && self.image.relro.holds(exchange.address) {
                return Ok(false);
            }
            self.open = Some(Opened::new(exchange.address, protection)?);
        }
        let made = place(exchange.address).compare_exchange(
            exchange.from,
            exchange.to,
            // Whoever jumps through the slot finds what the hook needs.
            Ordering::AcqRel,
            Ordering::Relaxed,
        );
        // Bound by a first call meanwhile: another pass finds what it is now.
        Ok(made.is_ok())
    }
}

fn place(address: usize) -> &'static AtomicUsize {
    // SAFETY: `Image` has found the slot inside the object and aligned, and the object stays mapped during
    // the walk, in which alone this is used.
    unsafe { &*(address as *const AtomicUsize) }
}
