//! Code that runs beside the green threads of its OS thread: signal handlers, and the children of vfork(2).
//! There every hook is libc's own function, and touches nothing that the library keeps.
//!
//! One word of each OS thread tells: 0 almost always. Else it may be old: a handler may be left by
//! siglongjmp(3), and vfork(2) returns in the parent without a call. So it is looked at again at each use.

use super::hooks;
use crate::hub::{self, Moment};
use crate::sys::signal::alternate_stack;
use crate::sys::tls;
use std::cell::Cell;
use std::hint::black_box;
use std::ptr;

/// In the word: vfork(2) was called. The rest is the address of the innermost handler's record.
const FORKED: usize = 1;

/// What lies in the frame from which a handler is called, below which all of the handler lies.
#[derive(Debug)]
#[repr(align(16))]
pub(super) struct Record {
    /// Says that the frame is still there, and not another at its place.
    mark: usize,
    /// Of the handler that this one has interrupted.
    before: usize,
    before_owner: u64,
}

impl Record {
    pub(super) const fn new() -> Record {
        Record { mark: 0, before: 0, before_owner: 0 }
    }

    fn mark_at(address: usize) -> usize {
        address ^ 0x6772_6565_6e68_7562
    }
}

/// Whether the caller runs beside the green threads.
#[inline(always)]
pub(super) fn is_aside() -> bool {
    tls::is_aside() && look()
}

#[cold]
#[inline(never)]
fn look() -> bool {
    if is_vforked() {
        return true;
    }
    let local = Cell::new(0u8);
    is_handling_at(ptr::from_ref(black_box(&local)) as usize)
}

/// Whether what runs with its stack at `here` is in a handler. Forgets those that it is not in.
fn is_handling_at(here: usize) -> bool {
    let words = tls::words();
    loop {
        let word = words.aside.get();
        if word & !FORKED == 0 {
            // The parent of a vfork(2) does not go on before its child has gone. A handler must not say so:
            // it may have come between the note and the call.
            words.aside.set(0);
            return false;
        }
        let frame = word & !FORKED;
        match standing(here, frame, words.owner.get()) {
            Standing::Inside => return true,
            Standing::Left => words.aside.set(word & FORKED),
            // SAFETY: its mark was found just now, in a frame of this OS thread.
            Standing::LeftTo => unsafe { leave(&*(frame as *const Record)) },
        }
    }
}

/// Longjmp(3) is about to go to a frame with the stack at `to`. It is told where it is called through a link
/// table; otherwise the mark tells later, unless what is called then lies deeper, and has left it as it was.
#[inline(always)]
pub(super) fn jump(to: impl FnOnce() -> usize) {
    if tls::is_aside() && !is_vforked() {
        is_handling_at(to());
    }
}

/// Where somebody is, seen from a handler.
enum Standing {
    Inside,
    /// Outside, by siglongjmp(3): nothing is known of who was interrupted.
    Left,
    /// Outside, but what was recorded is still there.
    LeftTo,
}

fn standing(here: usize, frame: usize, owner: u64) -> Standing {
    if running() != owner {
        // No other one runs before a handler is done. Its stack may be gone.
        return Standing::Left;
    }
    let alternate = alternate_stack();
    let (is_here, was_there) = (alternate.contains(&here), alternate.contains(&frame));
    if is_here && !was_there {
        // A handler that is not recorded, on the other stack, has interrupted this one.
        return Standing::Inside;
    }
    // SAFETY: in a frame on the stack on which the caller runs, or that it shares with who was interrupted, or
    // on the one that signals are handled on now.
    let is_there = unsafe { ptr::read_volatile(&raw const (*(frame as *const Record)).mark) }
        == Record::mark_at(frame);
    match (is_there, is_here == was_there && here < frame) {
        (true, true) => Standing::Inside,
        (true, false) => Standing::LeftTo,
        (false, _) => Standing::Left,
    }
}

/// Whose code runs: 0 for the hub's own, and where there is none.
fn running() -> u64 {
    hub::current().and_then(|hub| hub.running()).map_or(0, |thread| thread.id.0)
}

/// Records a handler that is to be called from the frame in which the record lies.
pub(super) fn enter(record: &mut Record) {
    let words = tls::words();
    let address = ptr::from_mut(record) as usize;
    record.before = words.aside.get();
    record.before_owner = words.owner.get();
    // SAFETY: an own place; volatile, since it is read through an address alone.
    unsafe { ptr::write_volatile(&mut record.mark, Record::mark_at(address)) };
    words.owner.set(running());
    words.aside.set(address | record.before & FORKED);
}

/// Forgets a handler that has returned, or was left.
pub(super) fn leave(record: &Record) {
    let words = tls::words();
    // Other frames will lie here, and must not be taken for this one.
    // SAFETY: a word of a record.
    unsafe { ptr::write_volatile((&raw const record.mark).cast_mut(), 0) };
    words.owner.set(record.before_owner);
    words.aside.set(record.before & !FORKED | words.aside.get() & FORKED);
}

/// Whether the caller is the child of a vfork(2), which has the memory of its parent.
pub(super) fn is_vforked() -> bool {
    let words = tls::words();
    words.aside.get() & FORKED != 0 && words.parent.get() != process()
}

fn process() -> isize {
    // SAFETY: takes nothing.
    unsafe { libc::getpid() as isize }
}

/// Called by the hook of vfork(2), which goes on where this says. Afterwards two processes run in this
/// memory, one after the other.
extern "C" fn note_vfork() -> usize {
    if !is_vforked() {
        let words = tls::words();
        words.parent.set(process());
        words.aside.set(words.aside.get() | FORKED);
    }
    hooks::places::vfork.function()
}

extern "C" {
    /// Hook of vfork(2). It has no frame, since the child would return from it and destroy it: a jump to
    /// the original, with the caller's return address.
    #[link_name = "greenhub_vfork"]
    pub(super) fn vfork_entry();
}

#[cfg(target_arch = "x86_64")]
std::arch::global_asm!(
    ".pushsection .text.greenhub_vfork, \"ax\", @progbits",
    ".hidden greenhub_vfork",
    ".globl greenhub_vfork",
    ".type greenhub_vfork, @function",
    ".balign 16",
    "greenhub_vfork:",
    ".cfi_startproc",
    "endbr64",
    "sub rsp, 8",
    ".cfi_adjust_cfa_offset 8",
    "call {note}",
    "add rsp, 8",
    ".cfi_adjust_cfa_offset -8",
    "jmp rax",
    ".cfi_endproc",
    ".size greenhub_vfork, . - greenhub_vfork",
    ".popsection",
    note = sym note_vfork,
);

#[cfg(target_arch = "aarch64")]
std::arch::global_asm!(
    ".pushsection .text.greenhub_vfork, \"ax\", %progbits",
    ".hidden greenhub_vfork",
    ".globl greenhub_vfork",
    ".type greenhub_vfork, %function",
    ".balign 16",
    "greenhub_vfork:",
    ".cfi_startproc",
    "hint 34", // bti c
    "stp x29, x30, [sp, #-16]!",
    ".cfi_def_cfa_offset 16",
    ".cfi_offset 29, -16",
    ".cfi_offset 30, -8",
    "bl {note}",
    "ldp x29, x30, [sp], #16",
    ".cfi_restore 29",
    ".cfi_restore 30",
    ".cfi_def_cfa_offset 0",
    // A jump through this register may land where calls do (BTI).
    "mov x16, x0",
    "br x16",
    ".cfi_endproc",
    ".size greenhub_vfork, . - greenhub_vfork",
    ".popsection",
    note = sym note_vfork,
);

/// A fork(2) copies the words.
pub(super) fn watch_fork(moment: Moment) {
    match moment {
        // What is old must be found so by the process that it is about.
        Moment::Before => {
            is_aside();
        }
        Moment::InParent => {}
        Moment::InChild(_) => {
            let words = tls::words();
            words.aside.set(words.aside.get() & !FORKED);
        }
    }
}
