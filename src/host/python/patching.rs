//! The standard library made cooperative: libc's functions in every object, and who a thread is in the object that
//! holds the interpreter.

use super::api::Api;
use crate::error::{Error, Result};
use crate::patch::{self, Families, Wanted};
use crate::sys::symbol::Opened;
use std::sync::atomic::{AtomicBool, Ordering};

/// The numbers of green threads are their own.
static APART: AtomicBool = AtomicBool::new(false);

/// Patches families of functions in every object, and thread identity in the interpreter's own. How many slots it
/// has changed.
pub(super) fn patch(api: &Api, families: u32) -> Result<usize> {
    let families = Families::of_flags(families)?;
    Ok(patch_interpreter(api, Families::IDENTITY)? + patch::patch(families)?)
}

/// Patches families that are the interpreter's own, among which identity is from then on.
fn patch_interpreter(api: &Api, families: Families) -> Result<usize> {
    let interpreter = Opened::around(api.state_new as usize).ok_or(Error::ENOENT)?;
    // SAFETY: the handle is open until this function returns.
    let slots = unsafe { patch::patch_one(Wanted::Handle(interpreter.handle()), families) }?;
    APART.store(true, Ordering::Relaxed);
    Ok(slots)
}

/// Patches where the interpreter's lock is asked for and given up.
pub(super) fn patch_lock(api: &Api) -> Result<usize> {
    patch_interpreter(api, Families::SLICES)
}

/// Whether a green thread that begins has a number of its own.
pub(super) fn tells_apart() -> bool {
    APART.load(Ordering::Relaxed)
}

/// What the interpreter's own object needs as soon as one of its threads may wait on a hub, patched or not: the hub
/// hears of signals, whose handlers run in the main code alone, which may wait while others compute. What notes their
/// handlers is of every family, and of loading nothing waits.
pub(super) fn prepare(api: &Api) {
    static PREPARED: AtomicBool = AtomicBool::new(false);
    if PREPARED.swap(true, Ordering::Relaxed) {
        return;
    }
    if let Some(interpreter) = Opened::around(api.state_new as usize) {
        // Where link tables cannot be written a signal may be handled late, which is no reason not to run.
        // SAFETY: the handle is open until this function returns.
        let _ =
            unsafe { patch::patch_one(Wanted::Handle(interpreter.handle()), Families::LOADING) };
    }
}

/// Gives every slot its original back, identity included.
pub(super) fn unpatch() -> Result<usize> {
    APART.store(false, Ordering::Relaxed);
    patch::unpatch()
}
