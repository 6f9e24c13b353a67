//! The portable implementation: a switch of about 5 ns, on every architecture that corosensei knows.

use crate::stack::Stack;
use crate::sys::{memory, prefetch};
use corosensei::{Coroutine as Inner, CoroutineResult, Yielder};
use std::cell::{Cell, UnsafeCell};
use std::ffi::c_void;
use std::fmt;
use std::mem::ManuallyDrop;

/// What a coroutine runs. Must not unwind.
pub(crate) type Body = unsafe fn(*const c_void);

/// A wait deep in the library returns through about this much of its stack.
const PREFETCHED_LINES: usize = 6;
/// What a switch pushes below the frame that asks for it.
const PUSHED: usize = 32;

/// In an address on a stack.
const LOOKS: usize = 3;
/// Below that address there is one small frame of corosensei's at most. What is kept free is far more.
const MARGIN: usize = 256;
const KNOWS_STACK_POINTER: bool = cfg!(any(target_arch = "x86_64", target_arch = "aarch64"));

/// Of the function that this is inlined into; on other architectures an address near it.
#[inline(always)]
fn stack_pointer() -> *const u8 {
    let pointer: *const u8;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: copies a register.
    unsafe {
        std::arch::asm!("mov {}, rsp", out(reg) pointer, options(nomem, nostack, preserves_flags));
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    unsafe {
        std::arch::asm!("mov {}, sp", out(reg) pointer, options(nomem, nostack, preserves_flags));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        let here = 0u64;
        pointer = (&raw const here).cast();
    }
    pointer
}

/// `ManuallyDrop`, because dropping a suspended coroutine unwinds through its frames.
type Flow = ManuallyDrop<Inner<(), (), (), Stack>>;

/// A coroutine, at an address that stays the same from `start` to `finish`.
pub(crate) struct Coroutine {
    inner: UnsafeCell<Option<Flow>>,
    yielder: Cell<*const Yielder<(), ()>>,
    /// Where the stack ends while the coroutine is suspended, with what a switch pushes; and in the bits that an
    /// aligned address leaves, how often it was looked at meanwhile.
    rest: Cell<*const u8>,
    stack: Cell<Option<Stack>>,
}

impl fmt::Debug for Coroutine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coroutine").field("stack", &self.stack.get()).finish_non_exhaustive()
    }
}

impl Coroutine {
    /// A place for a coroutine; the root of an OS thread stays like this.
    pub(crate) const fn empty() -> Coroutine {
        Coroutine {
            inner: UnsafeCell::new(None),
            yielder: Cell::new(std::ptr::null()),
            rest: Cell::new(std::ptr::null()),
            stack: Cell::new(None),
        }
    }

    /// Prepares `body(data)` to run on `stack`.
    ///
    /// # Safety
    /// `self` does not move until `finish`. The stack is nobody else's until then. `data` is good for
    /// `body`, which does not unwind.
    pub(crate) unsafe fn start(&self, stack: Stack, body: Body, data: *const c_void) {
        let this: *const Coroutine = self;
        let entry = move |yielder: &Yielder<(), ()>, ()| {
            // SAFETY: `self` does not move, says the caller; the yielder lives on the coroutine's
            // stack for as long as the body runs; the body was vouched for.
            unsafe {
                (*this).yielder.set(yielder);
                body(data);
            }
        };
        // SAFETY: nothing borrowed is captured, so that the closure may outlive this call. No switch
        // happens here, so that the exclusive reference into the cell is the only one.
        unsafe {
            *self.inner.get() = Some(ManuallyDrop::new(Inner::with_stack_unchecked(stack, entry)));
        }
        self.stack.set(Some(stack));
    }

    /// Switches in. True once the body has ended.
    ///
    /// # Safety
    /// Started and not ended; called from outside of every coroutine of this OS thread.
    #[inline(always)]
    pub(crate) unsafe fn resume(&self) -> bool {
        // SAFETY: the reference lives across the switch, but nobody else makes one meanwhile: only
        // the hub resumes, starts and finishes, and it is here.
        let inner = unsafe { (*self.inner.get()).as_mut().unwrap_unchecked() };
        matches!(inner.resume(()), CoroutineResult::Return(()))
    }

    /// Switches out, and returns at the next `resume`.
    ///
    /// # Safety
    /// Called on this coroutine's own stack.
    #[inline(always)]
    pub(crate) unsafe fn suspend(&self) {
        self.rest.set(stack_pointer().wrapping_sub(PUSHED));
        // SAFETY: the body is running, so that its yielder is alive.
        unsafe { (*self.yielder.get()).suspend(()) }
    }

    /// Begins to load the frames that the next `resume` returns through.
    #[inline(always)]
    pub(crate) fn prefetch(&self) {
        let rest = self.rest.get();
        for line in 0..PREFETCHED_LINES {
            prefetch::read(rest.wrapping_add(line * 64));
        }
        // Where to switch back to stands at the far end of the stack, in a page of its own.
        prefetch::read(self.yielder.get());
    }

    /// How often `count_look` was called since it was suspended, up to twice.
    pub(crate) fn looks(&self) -> usize {
        self.rest.get().addr() & LOOKS
    }

    pub(crate) fn count_look(&self) {
        self.rest.set(self.rest.get().wrapping_byte_add(1));
    }

    /// Gives back the pages that the stack has used and does not use now.
    ///
    /// # Safety
    /// It is suspended, and stays so meanwhile.
    pub(crate) unsafe fn trim(&self) {
        let (Some(stack), true) = (self.stack.get(), KNOWS_STACK_POINTER) else { return };
        let (low, high) = stack.bounds();
        let end = self.rest.get().addr().saturating_sub(MARGIN) & !(memory::page_size() - 1);
        if (low..high).contains(&end) && end > low {
            // SAFETY: of a stack's slot, above its guard and below everything that its frames use while it is
            // suspended, as the caller says it is.
            unsafe { memory::discard(low, end - low) };
        }
    }

    /// Gives the stack of an ended coroutine back.
    ///
    /// # Safety
    /// `resume` has returned true.
    pub(crate) unsafe fn finish(&self) -> Option<Stack> {
        // SAFETY: nobody is inside, so that the exclusive reference is the only one.
        if let Some(inner) = unsafe { (*self.inner.get()).take() } {
            // Drops nothing but what an ended coroutine has, which the sanitizer build relies on.
            drop(ManuallyDrop::into_inner(inner));
        }
        self.stack.take()
    }

    /// The stack it runs on; `None` for a root.
    pub(crate) fn stack(&self) -> Option<Stack> {
        self.stack.get()
    }
}
