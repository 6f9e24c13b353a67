//! SIGSEGV and SIGBUS on a stack of their own: a thread whose stack is full has no room to say so.

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Once;

/// Says something of a fault at this address, by async-signal-safe means only.
pub(crate) type Report = fn(address: usize);

static mut REPORT: Option<Report> = None;
static mut PREVIOUS: [MaybeUninit<libc::sigaction>; 2] = [MaybeUninit::uninit(); 2];
const SIGNALS: [c_int; 2] = [libc::SIGSEGV, libc::SIGBUS];

/// Installs the handler, once per process. What a host had installed before is still called.
pub(crate) fn install(report: Report) {
    static ONCE: Once = Once::new();
    // SAFETY: `Once` makes this the only writer, and the statics are written before the handler that
    // reads them is installed; the action is fully initialised.
    ONCE.call_once(|| unsafe {
        REPORT = Some(report);
        let mut action: libc::sigaction = MaybeUninit::zeroed().assume_init();
        action.sa_sigaction = handler as extern "C" fn(_, _, _) as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        libc::sigemptyset(&mut action.sa_mask);
        for (at, signal) in SIGNALS.iter().enumerate() {
            // The previous action first: a fault between two calls would find none.
            libc::sigaction(*signal, ptr::null(), (&raw mut PREVIOUS[at]).cast());
            libc::sigaction(*signal, &action, ptr::null_mut());
        }
    });
}

extern "C" fn handler(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let _errno = super::errno::Kept::new();
    // SAFETY: the statics were written before the handler was installed; `info` comes from the
    // kernel, since SA_SIGINFO is set.
    unsafe {
        if let Some(report) = REPORT {
            report((*info).si_addr() as usize);
        }
        let at = usize::from(signal == SIGNALS[1]);
        let previous: *const libc::sigaction = (&raw const PREVIOUS[at]).cast();
        let previous = &*previous;
        match previous.sa_sigaction {
            // The instruction runs again and the process dies as it would have died without us. A
            // signal that somebody sent does not come again by itself, so it is sent again.
            libc::SIG_DFL | libc::SIG_IGN => {
                libc::sigaction(signal, previous, ptr::null_mut());
                if (*info).si_code <= 0 {
                    libc::raise(signal);
                }
            }
            function if previous.sa_flags & libc::SA_SIGINFO != 0 => {
                let function: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) =
                    std::mem::transmute(function);
                function(signal, info, context);
            }
            function => {
                let function: extern "C" fn(c_int) = std::mem::transmute(function);
                function(signal);
            }
        }
    }
}

/// The stack on which this OS thread handles signals: its own if it had one, ours otherwise.
#[derive(Debug)]
pub(crate) struct AlternateStack {
    memory: Option<Box<[u8]>>,
}

impl AlternateStack {
    /// Enough for a frame with every register of the machine and a handler that formats a line.
    const SIZE: usize = 64 * 1024;

    /// Gives the calling OS thread an alternate stack unless it has one.
    pub(crate) fn ensure() -> AlternateStack {
        let mut found = libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: 0, ss_size: 0 };
        // SAFETY: only asks.
        unsafe { libc::sigaltstack(ptr::null(), &mut found) };
        if found.ss_flags & libc::SS_DISABLE == 0 {
            return AlternateStack { memory: None };
        }
        let mut memory = vec![0u8; Self::SIZE].into_boxed_slice();
        let stack =
            libc::stack_t { ss_sp: memory.as_mut_ptr().cast(), ss_flags: 0, ss_size: Self::SIZE };
        // SAFETY: the memory lives until `drop` has taken it out of use.
        unsafe { libc::sigaltstack(&stack, ptr::null_mut()) };
        AlternateStack { memory: Some(memory) }
    }
}

impl Drop for AlternateStack {
    fn drop(&mut self) {
        let Some(memory) = &self.memory else { return };
        let mut now = libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: 0, ss_size: 0 };
        // SAFETY: asks, then disables only what is still ours: the host may have set another since.
        unsafe {
            libc::sigaltstack(ptr::null(), &mut now);
            if now.ss_sp == memory.as_ptr().cast_mut().cast() {
                let none = libc::stack_t {
                    ss_sp: ptr::null_mut(),
                    ss_flags: libc::SS_DISABLE,
                    ss_size: 0,
                };
                libc::sigaltstack(&none, ptr::null_mut());
            }
        }
    }
}
