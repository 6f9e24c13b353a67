//! One walk over all objects: patch, restore, count.
//!
//! Nothing is remembered of a slot. What is patched is what leads to a hook now, so that an object which
//! was unloaded, and another at its place, need no bookkeeping that could be wrong.

use super::aside;
use super::elf::{Image, Range, Slot};
use super::family::Families;
use super::handlers;
use super::hooks::{Hook, HOOKS};
use super::listener;
use super::objects::{extent_of, loads, program_is_dynamic, walk, Loads, Plan, Wanted};
use super::options;
use super::original;
use super::protection::{file_at, Mappings};
use super::slots::{content, Content, Exchange, Exchanger};
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

/// Whether every object was patched with one of the families.
#[inline]
pub(super) fn is_everywhere(families: Families) -> bool {
    ENABLED.load(Ordering::Relaxed) & families.flags() != 0
}

#[derive(Clone, Copy, Debug)]
enum Aim {
    Patch(Families),
    /// What is enabled, of which these are new.
    Enable(Families),
    /// What is enabled, in what was loaded since.
    CatchUp,
    Restore,
}

/// What one walk does.
#[derive(Clone, Copy, Debug)]
enum Task {
    Patch(Families),
    Restore,
}

impl Aim {
    /// What is to be done now, under the lock: who patches and who restores at once agree by what is
    /// enabled. `None` when there is nothing to do, or somebody else has begun something new.
    fn task(self, round: usize, mine: &mut u32) -> Option<Task> {
        if round == 1 {
            match self {
                Aim::Enable(families) => ENABLED.fetch_or(families.flags(), Ordering::Relaxed),
                Aim::Restore => ENABLED.swap(0, Ordering::Relaxed),
                Aim::Patch(_) | Aim::CatchUp => 0,
            };
            let begins = u32::from(matches!(self, Aim::Enable(_) | Aim::Restore));
            *mine = BEGUN.fetch_add(begins, Ordering::Relaxed) + begins;
        }
        match self {
            Aim::Patch(families) => Some(Task::Patch(families)),
            Aim::Enable(_) => enabled().map(Task::Patch),
            Aim::CatchUp => {
                enabled().filter(|families| families.meets(Families::LOADING)).map(Task::Patch)
            }
            Aim::Restore => (BEGUN.load(Ordering::Relaxed) == *mine).then_some(Task::Restore),
        }
    }
}

fn enabled() -> Option<Families> {
    Families::of_flags(ENABLED.load(Ordering::Relaxed)).ok()
}

/// Counts what was begun for all objects, so that a later call is not undone by an earlier one's last rounds.
static BEGUN: AtomicU32 = AtomicU32::new(0);

/// How many walks there are at most. More than one or two are needed only while the loader is at work: a
/// first call that was being bound during a walk writes the original over a hook.
const REPEATS: usize = 16;

/// Patches every object, now and whenever one is loaded.
pub(crate) fn patch(families: Families) -> Result<usize> {
    let was = is_everywhere(Families::TRACKING);
    // SAFETY: no handle.
    let (changed, _) = unsafe { run(Wanted::Every, Aim::Enable(families)) }?;
    if !was && is_everywhere(Families::TRACKING) {
        options::distrust_all();
    }
    handlers::wrap_all();
    Ok(changed)
}

/// Patches what was loaded since, if it is to be.
pub(super) fn catch_up() {
    // Whoever loads something does not ask for this, and can be told of no failure.
    // SAFETY: no handle.
    let _ = unsafe { run(Wanted::Every, Aim::CatchUp) };
}

/// Patches one object, which must be there and not one that is left alone.
///
/// # Safety
/// A handle is one that dlopen(3) has given, and is open.
pub(crate) unsafe fn patch_one(wanted: Wanted<'_>, families: Families) -> Result<usize> {
    // SAFETY: the caller vouches for the handle.
    let changed = unsafe { patch_for_good(wanted, families) }?;
    handlers::wrap_all();
    Ok(changed)
}

/// The same for `Families::LASTING`, whose hooks do not care where they are called: signal handlers are left alone.
///
/// # Safety
/// As above.
pub(crate) unsafe fn patch_for_good(wanted: Wanted<'_>, families: Families) -> Result<usize> {
    // SAFETY: the caller vouches for the handle.
    match unsafe { run(wanted, Aim::Patch(families)) }? {
        (_, 0) => Err(Error::ENOENT),
        (changed, _) => Ok(changed),
    }
}

/// Gives every slot its original back.
pub(crate) fn unpatch() -> Result<usize> {
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
    let (mut changed, mut objects, mut mine) = (0, 0, 0);
    // What was loaded before this and is there still, the loader is known to be done with.
    let mut settled = None;
    for round in 1..=REPEATS {
        original::find_all(HOOKS);
        // SAFETY: the caller vouches for the handle.
        let plan = unsafe { Plan::new(wanted) }?;
        let outcome = {
            let _alone = lock();
            let Some(task) = aim.task(round, &mut mine) else { break };
            once(&plan, task, settled)?
        };
        changed += outcome.changed;
        objects = outcome.objects;
        if outcome.unsettled == 0 && outcome.changed == 0 {
            break;
        }
        if outcome.unsettled > 0 {
            let loaded = loads();
            original::wait_for_loader();
            settled = Some(loaded);
        }
    }
    Ok((changed, objects))
}

#[derive(Debug, Default)]
struct Outcome {
    changed: usize,
    unsettled: usize,
    objects: usize,
}

/// One walk to see whether there is anything to do, and one that does it. Nothing is allocated during
/// either: the loader's lock is held, and an allocator may call the loader with its own.
fn once(plan: &Plan<'_>, task: Task, settled: Option<Loads>) -> Result<Outcome> {
    let libc = libc_extent();
    let mut outcome = Outcome::default();
    let mut wanted = 0;
    walk(|object| {
        let Some(image) = object.image().filter(|image| plan.covers(object, image)) else { return };
        outcome.objects += 1;
        for slot in image.slots() {
            match step(task, &image, libc, slot, settled.is_some()) {
                Step::Exchange(_) => wanted += 1,
                Step::Wait => outcome.unsettled += 1,
                Step::Leave => {}
            }
        }
    });
    if wanted == 0 {
        return Ok(outcome);
    }
    outcome.unsettled = 0;
    let loaded = loads();
    let mappings = Mappings::read()?;
    let is_settled = settled == Some(loaded);
    let mut failure = None;
    walk(|object| {
        if object.loads() != loaded {
            // The mappings may be others by now.
            outcome.unsettled += 1;
            return;
        }
        let Some(image) = object.image().filter(|image| plan.covers(object, image)) else { return };
        let mut exchanger = Exchanger::new(&image, &mappings, is_settled);
        for slot in image.slots() {
            match step(task, &image, libc, slot, is_settled) {
                Step::Exchange(exchange) => match exchanger.exchange(exchange) {
                    Ok(true) => outcome.changed += 1,
                    Ok(false) => outcome.unsettled += 1,
                    Err(error) => failure = Some(error),
                },
                Step::Wait => outcome.unsettled += 1,
                Step::Leave => {}
            }
        }
    });
    failure.map_or(Ok(outcome), Err)
}

/// What a slot asks for.
enum Step {
    Exchange(Exchange),
    /// The loader has not come to it yet.
    Wait,
    Leave,
}

fn step(task: Task, image: &Image<'_>, libc: Range, slot: Slot<'_>, settled: bool) -> Step {
    let Some(hook) = Hook::of(slot.name) else { return Step::Leave };
    let (from, content) = content(image, libc, slot, hook);
    let to = match (task, content) {
        (Task::Patch(families), Content::Original) if hook.families.meets(families) => hook.entry(),
        (Task::Restore, Content::Hook) if !hook.families.meets(Families::LASTING) => {
            hook.original_for(slot.usage)
        }
        (Task::Patch(families), Content::Unsettled)
            if !settled && hook.families.meets(families) =>
        {
            return Step::Wait;
        }
        _ => return Step::Leave,
    };
    Step::Exchange(Exchange { address: slot.address, from, to })
}

fn libc_extent() -> Range {
    let [_, libc] = original::landmarks();
    extent_of(libc).unwrap_or(Range { start: 0, end: 0 })
}

/// How many slots of one object lead to the hook of one function.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) object: CString,
    pub(crate) function: &'static CStr,
    pub(crate) families: Families,
    pub(crate) slots: usize,
}

/// An object of the report, whose path is part of a common text.
#[derive(Clone, Copy, Debug)]
struct Named {
    path: (usize, usize),
    address: usize,
}

/// What is patched now, object by object. As in `once`, the walk allocates nothing.
pub(crate) fn report() -> Vec<Entry> {
    original::find_all(HOOKS);
    let libc = libc_extent();
    let _alone = lock();
    let mut room = (0, 0, 0);
    loop {
        let mut text = Vec::with_capacity(room.0);
        let mut objects: Vec<Named> = Vec::with_capacity(room.1);
        let mut slots: Vec<(usize, &'static Hook)> = Vec::with_capacity(room.2);
        let mut needed = (0, 0, 0);
        walk(|object| {
            let Some(image) = object.image() else { return };
            let path = object.path().to_bytes();
            needed = (needed.0 + path.len(), needed.1 + 1, needed.2);
            let fits = needed.0 <= text.capacity() && needed.1 <= objects.capacity();
            if fits {
                objects.push(Named { path: (text.len(), path.len()), address: object.dynamic() });
                text.extend_from_slice(path);
            }
            for slot in image.slots() {
                let Some(hook) = Hook::of(slot.name) else { continue };
                if content(&image, libc, slot, hook).1 == Content::Hook {
                    needed.2 += 1;
                    if fits && needed.2 <= slots.capacity() {
                        slots.push((objects.len() - 1, hook));
                    }
                }
            }
        });
        if slots.len() == needed.2 && objects.len() == needed.1 {
            return summed_up(&text, &objects, &slots);
        }
        // More than fits has been loaded since.
        room = (needed.0 + 256, needed.1 + 4, needed.2 + 64);
    }
}

fn summed_up(text: &[u8], objects: &[Named], slots: &[(usize, &'static Hook)]) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let (mut first, mut before) = (0, usize::MAX);
    for &(at, hook) in slots {
        if at != before {
            (first, before) = (entries.len(), at);
        }
        if let Some(entry) = entries[first..].iter_mut().find(|it| it.function == hook.name) {
            entry.slots += 1;
            continue;
        }
        let Named { path: (start, length), address } = objects[at];
        let object = match length {
            // The program has no name in the loader's list, nor in /proc/self/exe if that is the loader.
            0 => file_at(address),
            _ => text[start..start + length].to_owned(),
        };
        entries.push(Entry {
            object: CString::new(object).unwrap_or_default(),
            function: hook.name,
            families: hook.families,
            slots: 1,
        });
    }
    entries
}
