//! Entries of functions that look at who calls them.
//!
//! The loader takes the return address of dlopen(3) and dlsym(3) for their caller: by it, it knows whose
//! DT_RUNPATH to search, what $ORIGIN is, and what comes next after whom. So these entries ask a function of
//! ours what is to be called, and jump there with the arguments and the return address as they were:
//! libc's own function has the true caller, and an unwinder finds nothing in between.

use super::loading;

/// Makes an entry. What is asked gets three arguments and the return address, and gives the address to jump
/// to.
macro_rules! entry {
    ($symbol:literal, $ask:path) => {
        #[cfg(target_arch = "x86_64")]
        std::arch::global_asm!(
            concat!(".globl ", $symbol),
            concat!(".hidden ", $symbol),
            concat!(".type ", $symbol, ", @function"),
            concat!($symbol, ":"),
            ".cfi_startproc",
            "endbr64",
            "push rdi",
            ".cfi_adjust_cfa_offset 8",
            "push rsi",
            ".cfi_adjust_cfa_offset 8",
            "push rdx",
            ".cfi_adjust_cfa_offset 8",
            "mov rcx, [rsp + 24]",
            "call {ask}",
            "pop rdx",
            ".cfi_adjust_cfa_offset -8",
            "pop rsi",
            ".cfi_adjust_cfa_offset -8",
            "pop rdi",
            ".cfi_adjust_cfa_offset -8",
            "jmp rax",
            ".cfi_endproc",
            concat!(".size ", $symbol, ", . - ", $symbol),
            ask = sym $ask,
        );
        #[cfg(target_arch = "aarch64")]
        std::arch::global_asm!(
            concat!(".globl ", $symbol),
            concat!(".hidden ", $symbol),
            concat!(".type ", $symbol, ", @function"),
            concat!($symbol, ":"),
            ".cfi_startproc",
            "hint #34", // bti c
            "stp x29, x30, [sp, #-48]!",
            ".cfi_def_cfa_offset 48",
            ".cfi_offset x29, -48",
            ".cfi_offset x30, -40",
            "mov x29, sp",
            "stp x0, x1, [sp, #16]",
            "str x2, [sp, #32]",
            "mov x3, x30",
            "bl {ask}",
            "mov x16, x0",
            "ldr x2, [sp, #32]",
            "ldp x0, x1, [sp, #16]",
            "ldp x29, x30, [sp], #48",
            ".cfi_restore x29",
            ".cfi_restore x30",
            ".cfi_def_cfa_offset 0",
            "br x16",
            ".cfi_endproc",
            concat!(".size ", $symbol, ", . - ", $symbol),
            ask = sym $ask,
        );
    };
}

entry!("greenhub_entry_dlopen", loading::ask_dlopen);
entry!("greenhub_entry_dlmopen", loading::ask_dlmopen);
entry!("greenhub_entry_dlsym", loading::ask_dlsym);
entry!("greenhub_entry_dlvsym", loading::ask_dlvsym);
