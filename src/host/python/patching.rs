//! The standard library made cooperative: libc's functions in every object, and who a thread is in the object that
//! holds the interpreter.

use super::api::Api;
use crate::error::{Error, Result};
use crate::patch::{self, Families, Wanted};
use crate::sys::symbol::Opened;

/// Patches families of functions in every object, and thread identity in the interpreter's own. How many slots it
/// has changed.
pub(super) fn patch(api: &Api, families: u32) -> Result<usize> {
    let families = Families::of_flags(families)?;
    let interpreter = Opened::around(api.state_new as usize).ok_or(Error::ENOENT)?;
    // SAFETY: the handle is open until this function returns.
    let identity =
        unsafe { patch::patch_one(Wanted::Handle(interpreter.handle()), Families::IDENTITY) }?;
    Ok(identity + patch::patch(families)?)
}

/// Gives every slot its original back, identity included.
pub(super) fn unpatch() -> Result<usize> {
    patch::unpatch()
}
