//! Cooperation beneath the language: libc's blocking functions, exchanged in the link tables of the
//! running process, so that code which nobody changed suspends its green thread instead of its OS thread.
//!
//! * `hooks` — the one table: which functions, of which family, and what stands in for each.
//! * `family` — the families that a host chooses from.
//! * `original` — libc's own functions, and whoever stood before them.
//! * `elf` — an object's link table, from its dynamic section.
//! * `objects` — the objects of the process, and those that are left alone.
//! * `slots` — which slots are to be exchanged, and their exchange under protection.
//! * `protection` — what the kernel says of the pages in which slots lie.
//! * `pass` — one walk over all objects: patch, restore, count.
//! * `caller` — when a hook acts, and what its result looks like to who called libc.
//! * `origin` — from where it was called.
//! * `aside` — when none acts: in signal handlers, and in the children of vfork(2).
//! * `handlers` — signal handlers, so that it is known when one runs.
//!
//! Then the hooked functions, which do what libc's do, but wait in the hub: `sleep`; `wait` and `select`, with
//! the signal masks of `mask`; `signals`; `process` and `command`, with `shelter`; `semaphore`, with `posts` and
//! `patience`; `names` and `hosts`; `loading`, with `seen` and `linker`; and, in the object of a language runtime
//! alone, `identity`, with `noted` of the signals that it handles later, `lock_of_host`, with `lock_parts`,
//! `end_of_host` and `slices`.
//!
//! Of descriptors: `turn` — a call that would have to wait; `socket` and `bytes` — what moves bytes, with
//! `nature` of what is no socket, `ranges`, `readable` and `options`; `batch` and `sendfile`; `connection` —
//! connect and accept, with `listener` for the one mode that is virtual; `tracking` — close and its like.

mod aside;
mod batch;
mod bytes;
mod caller;
mod command;
mod connection;
mod elf;
mod end_of_host;
mod family;
mod handlers;
mod hooks;
mod hosts;
mod identity;
mod linker;
mod listener;
mod loading;
mod lock_of_host;
mod lock_parts;
mod mask;
mod names;
mod nature;
mod noted;
mod objects;
mod options;
mod origin;
mod original;
mod pass;
mod patience;
mod posts;
mod process;
mod protection;
mod ranges;
mod readable;
mod seen;
mod select;
mod semaphore;
mod sendfile;
mod shelter;
mod signals;
mod sleep;
mod slices;
mod slots;
mod socket;
mod tracking;
mod turn;
mod wait;

pub(crate) use caller::{pause, resume};
pub(crate) use family::Families;
pub(crate) use handlers::handler_behind;
pub(crate) use identity::{ident_of, is_main, stand_in};
pub(crate) use lock_of_host::keep_lock;
pub(crate) use lock_parts::Parts;
pub(crate) use noted::{
    begin_sole, claim, comes, end_sole, handled, is_behind, is_claimed, note, so_far,
};
pub(crate) use objects::{object_around, Wanted};
pub(crate) use pass::{patch, patch_for_good, patch_one, report, unpatch};
pub(crate) use slices::{in_haste, is_asking, set_asking};
