//! Makes another OS thread of the process run a function in between: a signal, sent to that thread alone.
//!
//! The signal may be the host's too. Ours carries an address that nobody else sends, and what is not ours
//! goes on to the handler that was there before.

use super::os_thread::{all_but_faults, OF_FAULTS};
use crate::error::{Error, Result};
use std::cell::UnsafeCell;
use std::ffi::{c_int, c_void};
use std::fs;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

pub(crate) use libc::SIGURG;

/// What the interrupted OS thread runs: async-signal-safe, with the context of the interruption.
pub(crate) type Told = fn(context: *mut c_void);

static TOLD: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());

/// Higher numbers than Linux has signals.
const SIGNALS: usize = 65;

struct Previous(UnsafeCell<MaybeUninit<libc::sigaction>>);

// SAFETY: written by `install`, whose callers take turns, before the handler that reads it exists, and
// never again.
unsafe impl Sync for Previous {}

static PREVIOUS: [Previous; SIGNALS] =
    [const { Previous(UnsafeCell::new(MaybeUninit::uninit())) }; SIGNALS];
static INSTALLED: [AtomicBool; SIGNALS] = [const { AtomicBool::new(false) }; SIGNALS];

/// Has `told` run by whatever OS thread takes a signal of `send`. The handler stays: a signal that an OS
/// thread holds back may arrive long after, and would find the default action, which may end the process.
/// `EBUSY` when somebody has put a handler over ours: to install it once more would make the two call each
/// other for ever.
///
/// `behind` gives the handler that is called for what the kernel has, which may be a way to it.
///
/// Two callers at once are not allowed.
pub(crate) fn install(signal: c_int, told: Told, behind: fn(usize) -> usize) -> Result<()> {
    let at = usize::try_from(signal).map_err(|_| Error::EINVAL)?;
    let (Some(previous), false) = (PREVIOUS.get(at), OF_FAULTS.contains(&signal)) else {
        return Err(Error::EINVAL);
    };
    TOLD.store(told as *mut (), Ordering::Release);
    let mut found = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: only asks. What is no signal, or is the C library's own, is an error.
    super::retry(|| unsafe { libc::sigaction(signal, ptr::null(), found.as_mut_ptr()) })?;
    // SAFETY: filled in, and zeroed before.
    let found = unsafe { found.assume_init() };
    let ours = own();
    if INSTALLED[at].load(Ordering::Relaxed) {
        return if behind(found.sa_sigaction) == ours { Ok(()) } else { Err(Error::EBUSY) };
    }
    // SAFETY: the handler does not exist yet, says the flag, and callers take turns. The action is fully
    // initialised. On its own stack, since a green thread's may be small; with all signals blocked, since
    // that stack may be small too; and with SA_RESTART, so that most system calls go on behind it.
    unsafe {
        (*previous.0.get()).write(found);
        let mut action: libc::sigaction = MaybeUninit::zeroed().assume_init();
        action.sa_sigaction = ours;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
        action.sa_mask = all_but_faults();
        super::retry(|| libc::sigaction(signal, &action, ptr::null_mut()))?;
    }
    INSTALLED[at].store(true, Ordering::Relaxed);
    Ok(())
}

/// What the kernel's siginfo_t holds of a signal with a value. The kernel's own order of the first three
/// is another on MIPS alone.
#[repr(C)]
struct Sent {
    signal: c_int,
    #[cfg(target_arch = "mips64")]
    code: c_int,
    error: c_int,
    #[cfg(not(target_arch = "mips64"))]
    code: c_int,
    #[cfg(target_pointer_width = "64")]
    _pad: c_int,
    pid: libc::pid_t,
    uid: libc::uid_t,
    value: *const c_void,
    _rest: [u8; REST],
}

/// What follows the members above.
const REST: usize = size_of::<libc::siginfo_t>() - if size_of::<usize>() == 8 { 32 } else { 24 };
const _: () = assert!(size_of::<Sent>() == size_of::<libc::siginfo_t>());

fn cookie() -> *const c_void {
    (&raw const TOLD).cast()
}

/// Interrupts an OS thread. `ESRCH` when it has ended: the kernel looks for it among those of this process,
/// so that a number that was given to another process's thread since is not found.
pub(crate) fn send(os_thread: c_int, signal: c_int) -> Result<()> {
    // SAFETY: have no preconditions.
    let (pid, uid) = unsafe { (libc::getpid(), libc::getuid()) };
    let sent = Sent {
        signal,
        error: 0,
        code: libc::SI_QUEUE,
        #[cfg(target_pointer_width = "64")]
        _pad: 0,
        pid,
        uid,
        value: cookie(),
        _rest: [0; REST],
    };
    // SAFETY: the record is as large as the kernel's.
    super::retry(|| unsafe {
        libc::syscall(libc::SYS_rt_tgsigqueueinfo, pid, os_thread, signal, &raw const sent)
    })
    .map(drop)
}

/// Whether an OS thread holds a signal back, as far as the system tells.
pub(crate) fn is_held_back(os_thread: c_int, signal: c_int) -> bool {
    let Ok(status) = fs::read_to_string(format!("/proc/self/task/{os_thread}/status")) else {
        return false;
    };
    let mask = status.lines().find_map(|line| line.strip_prefix("SigBlk:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 != 0
}

/// The system's number of the calling OS thread.
pub(crate) fn os_thread() -> c_int {
    // SAFETY: has no preconditions.
    unsafe { libc::syscall(libc::SYS_gettid) as c_int }
}

fn own() -> usize {
    handler as extern "C" fn(_, _, _) as usize
}

/// Whether a signal for which `function` is about to be called is one of ours. Async-signal-safe.
///
/// # Safety
/// `info` is what the kernel has passed.
pub(crate) unsafe fn is_question(function: usize, info: *const libc::siginfo_t) -> bool {
    // SAFETY: our handler is installed with SA_SIGINFO, so that the record is there.
    function == own() && unsafe { is_ours(info) }
}

/// # Safety
/// The record comes from the kernel.
unsafe fn is_ours(info: *const libc::siginfo_t) -> bool {
    // SAFETY: the caller vouches for the record. The value is there if the code says so.
    unsafe {
        (*info).si_code == libc::SI_QUEUE
            && (*info).si_pid() == libc::getpid()
            && (*info).si_value().sival_ptr.cast_const() == cookie()
    }
}

extern "C" fn handler(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let _errno = super::errno::Kept::new();
    // SAFETY: `info` comes from the kernel, since SA_SIGINFO is set.
    let ours = unsafe { is_ours(info) };
    if !ours {
        // SAFETY: what the kernel passed.
        return unsafe { pass_on(signal, info, context) };
    }
    let told = TOLD.load(Ordering::Acquire);
    if !told.is_null() {
        // SAFETY: `install` stored a function of this type.
        let told: Told = unsafe { std::mem::transmute(told) };
        told(context);
    }
}

/// What would have been without us.
///
/// # Safety
/// The arguments are those of a handler that the kernel has called.
unsafe fn pass_on(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: in range, and written before the handler was installed.
    let previous = unsafe { (*PREVIOUS[signal as usize].0.get()).assume_init_ref() };
    match previous.sa_sigaction {
        libc::SIG_IGN => {}
        libc::SIG_DFL => {
            let harmless = [libc::SIGURG, libc::SIGCHLD, libc::SIGWINCH, libc::SIGCONT];
            if !harmless.contains(&signal) {
                // SAFETY: restores the default action, which the signal then meets when this handler has
                // returned and it is not blocked any more.
                unsafe {
                    libc::sigaction(signal, previous, ptr::null_mut());
                    libc::raise(signal);
                }
            }
        }
        function if previous.sa_flags & libc::SA_SIGINFO != 0 => {
            // SAFETY: the flag says which type the host's function has.
            let function: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) =
                unsafe { std::mem::transmute(function) };
            function(signal, info, context);
        }
        function => {
            // SAFETY: as above.
            let function: extern "C" fn(c_int) = unsafe { std::mem::transmute(function) };
            function(signal);
        }
    }
}
