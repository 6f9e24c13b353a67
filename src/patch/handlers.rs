//! Signal handlers, called through an entry of ours, so that it is known when one runs and that one has run.
//!
//! Handlers are numbered as they come, for ever, and each number has two entries, which differ in what
//! they say of SA_RESTART. The kernel has the entry, and all else as it was given: flags, mask, and
//! whether the handler is one of three arguments. So an action changes in one step, as it did before, and
//! what the kernel tells of it leads back to the handler. Nothing locks: sigaction(2) may be
//! called by a handler.

use super::aside::{self, Record};
use super::hooks::originals;
use super::{mask, noted, shelter};
use crate::hub;
use crate::sys::interrupt;
use crate::sys::os_thread::OF_FAULTS;
use libc::{sighandler_t, siginfo_t};
use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

type Handler = unsafe extern "C-unwind" fn(c_int, *mut siginfo_t, *mut c_void);

/// Different handlers of one process. What comes later is left alone.
const MOST: usize = 256;
/// The size of an entry's code.
const STRIDE: usize = 16;
const LAST_SIGNAL: c_int = 64;

static HANDLERS: [AtomicUsize; MOST] = [const { AtomicUsize::new(0) }; MOST];

/// Signals for which signal(2) is to leave SA_RESTART out: siginterrupt(3).
static INTERRUPTING: AtomicU64 = AtomicU64::new(0);

/// signal.h; not actions, but neither handlers.
const SIG_HOLD: sighandler_t = 2;

fn is_wrapped(signal: c_int) -> bool {
    (1..=LAST_SIGNAL).contains(&signal)
}

/// Whether a signal that was handled ends waits. What an instruction has caused is part of the code that runs,
/// and what the watchdog asks is for nobody else.
///
/// # Safety
/// As for a handler.
unsafe fn ends_waits(signal: c_int, info: *const siginfo_t, handler: usize) -> bool {
    // SAFETY: the caller vouches for them.
    !OF_FAULTS.contains(&signal) && !unsafe { interrupt::is_question(handler, info) }
}

extern "C" {
    static greenhub_handler_entries: [[[u8; STRIDE]; 2]; MOST];
}

fn entry(number: usize, restarts: bool) -> sighandler_t {
    // SAFETY: only the address is taken, inside the table.
    unsafe { &raw const greenhub_handler_entries[number][usize::from(restarts)] as sighandler_t }
}

/// The number of the handler behind an entry of ours.
fn number_of(action: sighandler_t) -> Option<usize> {
    let offset = action.checked_sub(entry(0, false))?;
    (offset < 2 * MOST * STRIDE && offset % STRIDE == 0).then_some(offset / (2 * STRIDE))
}

/// What is to be called, for what the kernel has.
fn unwrapped(action: sighandler_t) -> sighandler_t {
    number_of(action).map_or(action, |number| HANDLERS[number].load(Ordering::Acquire))
}

/// What the kernel is to have, for what is to be called.
fn wrapped(action: sighandler_t, restarts: bool) -> sighandler_t {
    let action = unwrapped(action);
    if [libc::SIG_DFL, libc::SIG_IGN, SIG_HOLD, libc::SIG_ERR].contains(&action) {
        return action;
    }
    for (number, place) in HANDLERS.iter().enumerate() {
        let known = match place.load(Ordering::Acquire) {
            0 => match place.compare_exchange(0, action, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => action,
                Err(known) => known,
            },
            known => known,
        };
        if known == action {
            return entry(number, restarts);
        }
    }
    action
}

/// Every entry leads here, with all that the kernel has given it, and with its place in the table. It has no
/// destructor: handlers are left by siglongjmp(3).
unsafe extern "C-unwind" fn handle(
    signal: c_int,
    info: *mut siginfo_t,
    context: *mut c_void,
    place: u32,
) {
    let address = HANDLERS[place as usize / 2].load(Ordering::Acquire);
    // SAFETY: what was given to sigaction(2); one that takes fewer arguments leaves the others alone.
    let handler = unsafe { std::mem::transmute::<usize, Handler>(address) };
    if aside::is_vforked() {
        // SAFETY: as the kernel calls it.
        return unsafe { handler(signal, info, context) };
    }
    if shelter::keeps_back(signal) {
        return;
    }
    let mut record = Record::new();
    aside::enter(&mut record);
    // First, since the handler may not come back. Nobody looks before it has.
    // SAFETY: as the kernel has given them.
    if unsafe { ends_waits(signal, info, address) } {
        hub::signal_handled(signal as u32, place % 2 != 0);
    }
    if !noted::takes(signal, address) {
        // SAFETY: as above.
        unsafe { handler(signal, info, context) };
    }
    aside::leave(&record);
}

#[cfg(target_arch = "x86_64")]
std::arch::global_asm!(
    ".pushsection .text.greenhub_handlers, \"ax\", @progbits",
    ".hidden greenhub_handler_entries",
    ".globl greenhub_handler_entries",
    ".type greenhub_handler_entries, @function",
    ".balign 16",
    "greenhub_handler_entries:",
    ".cfi_startproc",
    ".cfi_signal_frame",
    ".set greenhub_place, 0",
    ".rept {entries}",
    ".balign 16",
    "endbr64",
    "mov ecx, offset greenhub_place",
    "jmp {handle}",
    ".set greenhub_place, greenhub_place + 1",
    ".endr",
    ".cfi_endproc",
    ".size greenhub_handler_entries, . - greenhub_handler_entries",
    ".popsection",
    entries = const 2 * MOST,
    handle = sym handle,
);

#[cfg(target_arch = "aarch64")]
std::arch::global_asm!(
    ".pushsection .text.greenhub_handlers, \"ax\", %progbits",
    ".hidden greenhub_handler_entries",
    ".globl greenhub_handler_entries",
    ".type greenhub_handler_entries, %function",
    ".balign 16",
    "greenhub_handler_entries:",
    ".cfi_startproc",
    ".set greenhub_place, 0",
    ".rept {entries}",
    ".balign 16",
    "hint 34", // bti c
    "mov w3, #greenhub_place",
    "b {handle}",
    ".set greenhub_place, greenhub_place + 1",
    ".endr",
    ".cfi_endproc",
    ".size greenhub_handler_entries, . - greenhub_handler_entries",
    ".popsection",
    entries = const 2 * MOST,
    handle = sym handle,
);

/// # Safety
/// As sigaction(2).
pub(super) unsafe fn sigaction(
    signal: c_int,
    new: *const libc::sigaction,
    old: *mut libc::sigaction,
) -> c_int {
    // SAFETY: the caller vouches for both.
    if !new.is_null() && noted::takes_handler(signal, unsafe { (*new).sa_sigaction }) {
        if !old.is_null() {
            // SAFETY: as above; all zeroes is the default action.
            unsafe { *old = std::mem::zeroed() };
        }
        return 0;
    }
    let mut changed = MaybeUninit::<libc::sigaction>::uninit();
    let mut given = new;
    if !new.is_null() && is_wrapped(signal) && !aside::is_vforked() {
        // SAFETY: the caller vouches for it.
        let mut action = unsafe { *new };
        let restarts = action.sa_flags & libc::SA_RESTART != 0;
        action.sa_sigaction = wrapped(action.sa_sigaction, restarts);
        given = changed.write(action);
    }
    // SAFETY: as above.
    let outcome = unsafe { originals::sigaction(signal, given, old) };
    if outcome == 0 && !old.is_null() {
        // SAFETY: as above; written just now.
        unsafe { (*old).sa_sigaction = unwrapped((*old).sa_sigaction) };
    }
    outcome
}

/// One of the older functions, which take the handler alone and give the one before.
fn install(
    signal: c_int,
    action: sighandler_t,
    restarts: bool,
    original: impl FnOnce(sighandler_t) -> sighandler_t,
) -> sighandler_t {
    let wrap = is_wrapped(signal) && !aside::is_vforked();
    unwrapped(original(if wrap { wrapped(action, restarts) } else { action }))
}

/// # Safety
/// As signal(2).
pub(super) unsafe fn signal(signal: c_int, action: sighandler_t) -> sighandler_t {
    let interrupts = is_wrapped(signal) && INTERRUPTING.load(Ordering::Relaxed) & bit(signal) != 0;
    // SAFETY: the caller vouches for the handler.
    install(signal, action, !interrupts, |action| unsafe { originals::signal(signal, action) })
}

/// # Safety
/// As sysv_signal(3).
pub(super) unsafe fn sysv_signal(signal: c_int, action: sighandler_t) -> sighandler_t {
    // SAFETY: the caller vouches for the handler.
    install(signal, action, false, |action| unsafe { originals::sysv_signal(signal, action) })
}

/// # Safety
/// As sigset(3).
pub(super) unsafe fn sigset(signal: c_int, action: sighandler_t) -> sighandler_t {
    // SAFETY: the caller vouches for the handler.
    install(signal, action, false, |action| unsafe { originals::sigset(signal, action) })
}

/// Where longjmp(3) will put the stack: inside the handler that calls it, or out of it.
///
/// # Safety
/// `buffer` was filled by setjmp(3).
#[cfg(target_arch = "x86_64")]
unsafe fn target(buffer: *const u64) -> usize {
    let mut stack = 0;
    // SAFETY: glibc's own form: the stack pointer is the seventh word, rotated and mixed with the guard that
    // lies in each thread's control block (sysdeps/x86_64/pointer_guard.h).
    unsafe {
        std::arch::asm!(
            "mov {stack}, qword ptr [{buffer} + 48]",
            "ror {stack}, 17",
            "xor {stack}, qword ptr fs:[48]",
            buffer = in(reg) buffer,
            stack = inout(reg) stack,
            options(readonly, nostack)
        );
    }
    stack
}

/// Where longjmp(3) will put the stack: inside the handler that calls it, or out of it.
///
/// # Safety
/// `buffer` was filled by setjmp(3).
#[cfg(target_arch = "aarch64")]
unsafe fn target(buffer: *const u64) -> usize {
    /// glibc's own form: the stack pointer's place, mixed with a guard that is the loader's secret.
    const STACK: usize = 13;
    // More than a jmp_buf is.
    let mut own = [0u64; 64];
    let here: u64;
    // SAFETY: setjmp(3) writes into the buffer, and nobody jumps there. Async-signal-safe.
    unsafe {
        std::arch::asm!(
            "mov x20, sp",
            "bl _setjmp",
            out("x20") here,
            inout("x0") own.as_mut_ptr() => _,
            clobber_abi("C"),
        );
    }
    let guard = own[STACK] ^ here;
    // SAFETY: the caller vouches for the buffer.
    (unsafe { *buffer.add(STACK) } ^ guard) as usize
}

/// Nothing is patched elsewhere.
///
/// # Safety
/// None.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
unsafe fn target(_: *const u64) -> usize {
    usize::MAX
}

/// # Safety
/// As longjmp(3).
pub(super) unsafe fn longjmp(buffer: *mut u64, value: c_int) -> ! {
    // SAFETY: the caller vouches for the buffer.
    aside::jump(|| unsafe { target(buffer) });
    // SAFETY: as above. No frame that it leaves has a destructor.
    unsafe { originals::longjmp(buffer, value) }
}

/// # Safety
/// As siglongjmp(3).
pub(super) unsafe fn siglongjmp(buffer: *mut u64, value: c_int) -> ! {
    // SAFETY: as in `longjmp`.
    aside::jump(|| unsafe { target(buffer) });
    // SAFETY: as in `longjmp`.
    unsafe { originals::siglongjmp(buffer, value) }
}

/// # Safety
/// As longjmp(3).
pub(super) unsafe fn longjmp_chk(buffer: *mut u64, value: c_int) -> ! {
    // SAFETY: as in `longjmp`.
    aside::jump(|| unsafe { target(buffer) });
    // SAFETY: as in `longjmp`; it makes sure that the jump goes outward.
    unsafe { originals::__longjmp_chk(buffer, value) }
}

/// # Safety
/// As siginterrupt(3).
pub(super) unsafe fn siginterrupt(signal: c_int, interrupts: c_int) -> c_int {
    // SAFETY: takes no pointer.
    let outcome = unsafe { originals::siginterrupt(signal, interrupts) };
    if outcome == 0 && is_wrapped(signal) && !aside::is_vforked() {
        match interrupts {
            0 => INTERRUPTING.fetch_and(!bit(signal), Ordering::Relaxed),
            _ => INTERRUPTING.fetch_or(bit(signal), Ordering::Relaxed),
        };
        // The flag has changed, the entry not yet.
        change(signal, |action| {
            number_of(action.sa_sigaction)?;
            let restarts = action.sa_flags & libc::SA_RESTART != 0;
            Some(wrapped(action.sa_sigaction, restarts))
        });
    }
    outcome
}

fn bit(signal: c_int) -> u64 {
    1 << (signal - 1)
}

/// Wraps what was installed before anything was patched.
pub(super) fn wrap_all() {
    for signal in (1..=LAST_SIGNAL).filter(|signal| is_wrapped(*signal)) {
        change(signal, |action| {
            Some(wrapped(action.sa_sigaction, action.sa_flags & libc::SA_RESTART != 0))
        });
    }
}

/// Gives the kernel the handlers themselves.
pub(super) fn unwrap_all() {
    for signal in (1..=LAST_SIGNAL).filter(|signal| is_wrapped(*signal)) {
        change(signal, |action| Some(unwrapped(action.sa_sigaction)));
    }
}

/// The handler that is called for what the kernel has.
pub(crate) fn handler_behind(action: sighandler_t) -> sighandler_t {
    unwrapped(action)
}

/// Tries to exchange a handler that others exchange as well.
const TRIES: usize = 64;

/// Exchanges the handler of a signal, all else as it is. Not in one step: what another OS thread has installed
/// in between, or SA_RESETHAND has taken away, is put back, exchanged if need be.
fn change(signal: c_int, exchange: impl Fn(&libc::sigaction) -> Option<sighandler_t>) {
    let exchanged = |mut action: libc::sigaction| {
        action.sa_sigaction = exchange(&action).unwrap_or(action.sa_sigaction);
        action
    };
    let Some(mut expected) = swap(signal, None) else { return };
    let mut action = exchanged(expected);
    if action.sa_sigaction == expected.sa_sigaction {
        return;
    }
    for _ in 0..TRIES {
        match swap(signal, Some(&action)) {
            Some(replaced) if !is_same(&replaced, &expected) => {
                expected = action;
                action = exchanged(replaced);
            }
            _ => return,
        }
    }
}

/// Installs an action, or none, and gives the one before.
fn swap(signal: c_int, action: Option<&libc::sigaction>) -> Option<libc::sigaction> {
    let mut before = MaybeUninit::<libc::sigaction>::zeroed();
    let action = action.map_or(ptr::null(), ptr::from_ref);
    // SAFETY: none, or one that was there but for the handler, which does the same; and a valid place.
    let outcome = unsafe { libc::sigaction(signal, action, before.as_mut_ptr()) };
    // SAFETY: all zeroes is valid, and the kernel has written it.
    (outcome == 0).then(|| unsafe { before.assume_init() })
}

fn is_same(one: &libc::sigaction, other: &libc::sigaction) -> bool {
    let parts = |action: &libc::sigaction| {
        (action.sa_sigaction, action.sa_flags, mask::bits(&action.sa_mask))
    };
    parts(one) == parts(other)
}
