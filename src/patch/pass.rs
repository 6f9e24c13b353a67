//! One walk over all objects: patch, restore, count.
//!
//! Nothing is remembered of a slot. What is patched is what leads to a hook now, so that an object which
//! was unloaded, and another at its place, need no bookkeeping that could be wrong.

use super::aside;
use super::elf::Range;
use super::family::Families;
use super::handlers;
use super::hooks::{Hook, HOOKS};
use super::listener;
use super::objects::{extent_of, program_is_dynamic, walk, Object, Plan, Wanted};
use super::original;
use super::protection::Mappings;
use super::slots::{content, exchange_all, Content, Exchange};
use crate::error::{Error, Result};
use crate::hub::{self, Moment};
use std::cell::UnsafeCell;
use std::ffi::{CStr, CString};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is patched in objects that are loaded from now on.
static ENABLED: AtomicU32 = AtomicU32::new(0);

/// One walk at a time: two would open and close each other's pages.
static WALK: Mutex<()> = Mutex::new(());

fn lock() -> MutexGuard<'static, ()> {
    hub::watch_forks(watch_fork);
    WALK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Held across a fork, so that the child has no page that was left open.
struct Held(UnsafeCell<Option<MutexGuard<'static, ()>>>);

// SAFETY: touched by the OS thread that forks only, between taking the lock and letting it go.
unsafe impl Sync for Held {}

static HELD: Held = Held(UnsafeCell::new(None));

fn watch_fork(moment: Moment) {
    aside::watch_fork(moment);
    let held = match moment {
        Moment::Before => Some(WALK.lock().unwrap_or_else(PoisonError::into_inner)),
        Moment::InParent | Moment::InChild(_) => None,
    };
    // SAFETY: this OS thread holds the lock, from `Before` until the value is replaced here.
    drop(unsafe { std::mem::replace(&mut *HELD.0.get(), held) });
}

#[derive(Clone, Copy, Debug)]
enum Aim {
    Patch(Families),
    Restore,
}

/// How many walks there are at most. The last of them finds nothing to do, unless the loader was at work: a
/// first call that was being bound during a walk writes the original over a hook.
const REPEATS: usize = 4;

/// Patches every object, now and whenever one is loaded.
pub(crate) fn patch(families: Families) -> Result<usize> {
    ENABLED.fetch_or(families.flags(), Ordering::Relaxed);
    // SAFETY: no handle.
    let (changed, _) = unsafe { run(Wanted::Every, Aim::Patch(families)) }?;
    handlers::wrap_all();
    Ok(changed)
}

/// Patches one object, which must be there and not one that is left alone.
///
/// # Safety
/// A handle is one that dlopen(3) has given, and is open.
pub(crate) unsafe fn patch_one(wanted: Wanted<'_>, families: Families) -> Result<usize> {
    // SAFETY: the caller vouches for the handle.
    match unsafe { run(wanted, Aim::Patch(families)) }? {
        (_, 0) => Err(Error::ENOENT),
        (changed, _) => {
            handlers::wrap_all();
            Ok(changed)
        }
    }
}

/// Gives every slot its original back.
pub(crate) fn unpatch() -> Result<usize> {
    ENABLED.store(0, Ordering::Relaxed);
    // SAFETY: no handle.
    let restored = unsafe { run(Wanted::Every, Aim::Restore) };
    listener::release_all();
    let (changed, _) = restored?;
    handlers::unwrap_all();
    Ok(changed)
}

/// The slots that were changed, and the objects that were meant.
///
/// # Safety
/// As `Plan::new`.
unsafe fn run(wanted: Wanted<'_>, aim: Aim) -> Result<(usize, usize)> {
    if !cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) || !program_is_dynamic() {
        return Err(Error::ENOTSUP);
    }
    let mut changed = 0;
    for round in 1.. {
        original::find_all(HOOKS);
        // SAFETY: the caller vouches for the handle.
        let plan = unsafe { Plan::new(wanted) }?;
        let settled = round == REPEATS;
        let outcome = {
            let _alone = lock();
            once(&plan, aim, settled)
        };
        changed += outcome.changed;
        if let Some(error) = outcome.failure {
            return Err(error);
        }
        if (outcome.unsettled == 0 && outcome.changed == 0) || settled {
            return Ok((changed, outcome.objects));
        }
        if outcome.unsettled > 0 {
            wait_for_loader();
        }
    }
    unreachable!("the loop ends by itself")
}

#[derive(Debug, Default)]
struct Outcome {
    changed: usize,
    unsettled: usize,
    objects: usize,
    failure: Option<Error>,
}

fn once(plan: &Plan<'_>, aim: Aim, settled: bool) -> Outcome {
    let mut outcome = Outcome::default();
    let libc = libc_extent();
    // Read when the first slot is to be changed: a pass that finds nothing to do costs one walk.
    let mut mappings: Option<Mappings> = None;
    walk(|object| {
        let Some(image) = object.image().filter(|image| plan.covers(object, image)) else { return };
        outcome.objects += 1;
        let mut exchanges = Vec::new();
        for slot in image.slots() {
            let Some(hook) = Hook::of(slot.name) else { continue };
            let (from, content) = content(&image, libc, slot, hook);
            let to = match (aim, content) {
                (Aim::Patch(families), Content::Original) if hook.families.meets(families) => {
                    hook.entry()
                }
                (Aim::Restore, Content::Hook) => hook.original_for(slot.usage),
                (Aim::Patch(_), Content::Unsettled) => {
                    outcome.unsettled += 1;
                    continue;
                }
                _ => continue,
            };
            exchanges.push(Exchange { address: slot.address, from, to });
        }
        if exchanges.is_empty() {
            return;
        }
        if mappings.is_none() {
            match Mappings::read() {
                Ok(read) => mappings = Some(read),
                Err(error) => outcome.failure = Some(error),
            }
        }
        let Some(mappings) = &mappings else { return };
        match exchange_all(&image, &exchanges, mappings, settled) {
            Ok(done) => {
                outcome.changed += done.exchanged;
                outcome.unsettled += done.unsettled;
            }
            Err(error) => outcome.failure = Some(error),
        }
    });
    outcome
}

fn libc_extent() -> Range {
    let [_, libc] = original::landmarks();
    extent_of(libc).unwrap_or(Range { start: 0, end: 0 })
}

/// Waits until no other OS thread is inside the loader: to open the program itself changes nothing, and
/// takes the lock under which objects are loaded.
fn wait_for_loader() {
    // SAFETY: no name means the program; the handle is given back.
    unsafe {
        let program = libc::dlopen(std::ptr::null(), libc::RTLD_LAZY);
        if !program.is_null() {
            libc::dlclose(program);
        }
    }
}

/// How many slots of one object lead to the hook of one function.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) object: CString,
    pub(crate) function: &'static CStr,
    pub(crate) families: Families,
    pub(crate) slots: usize,
}

/// What is patched now, object by object.
pub(crate) fn report() -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let libc = libc_extent();
    let _alone = lock();
    walk(|object| {
        let Some(image) = object.image() else { return };
        let first = entries.len();
        for slot in image.slots() {
            let Some(hook) = Hook::of(slot.name) else { continue };
            if content(&image, libc, slot, hook).1 != Content::Hook {
                continue;
            }
            match entries[first..].iter_mut().find(|entry| entry.function == hook.name) {
                Some(entry) => entry.slots += 1,
                None => entries.push(Entry {
                    object: readable_path(object),
                    function: hook.name,
                    families: hook.families,
                    slots: 1,
                }),
            }
        }
    });
    entries
}

/// The program has no name in the loader's list.
fn readable_path(object: &Object<'_>) -> CString {
    if !object.path().is_empty() {
        return object.path().to_owned();
    }
    let path = std::env::current_exe().map(|path| path.into_os_string().into_encoded_bytes());
    path.ok().and_then(|path| CString::new(path).ok()).unwrap_or_default()
}
