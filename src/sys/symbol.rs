//! What the loader knows of an address in the code.

use std::ffi::{c_void, CStr, OsStr};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::ptr;

#[derive(Debug)]
pub(crate) struct Symbol {
    pub(crate) module: PathBuf,
    /// In the module's file, as addr2line(1) wants it.
    pub(crate) offset: usize,
    /// The function that the module exports there, and how far behind its beginning.
    pub(crate) function: Option<(String, usize)>,
}

/// Takes the loader's lock, which is held while a module's constructors run.
///
/// # Safety
/// The module of the address, if there is one, is not unloaded meanwhile.
pub(crate) unsafe fn find(address: usize) -> Option<Symbol> {
    let mut found = MaybeUninit::<libc::Dl_info>::zeroed();
    let place = ptr::without_provenance::<c_void>(address);
    // SAFETY: looks the address up and does not follow it; the place is writable.
    if unsafe { libc::dladdr(place, found.as_mut_ptr()) } == 0 {
        return None;
    }
    // SAFETY: zeroed before, filled in by a call that has succeeded; texts and header are the loader's, and
    // stay as long as the module.
    unsafe {
        let found = found.assume_init();
        if found.dli_fname.is_null() || found.dli_fbase.is_null() {
            return None;
        }
        // By how much the module lies higher than its file says: not at all, if it was linked for a place.
        let header = found.dli_fbase.cast::<libc::Elf64_Ehdr>();
        let shift = match (&raw const (*header).e_type).read_unaligned() {
            libc::ET_EXEC => 0,
            _ => found.dli_fbase.addr(),
        };
        let module = OsStr::from_bytes(CStr::from_ptr(found.dli_fname).to_bytes()).into();
        let function = (!found.dli_sname.is_null()).then(|| {
            let name = CStr::from_ptr(found.dli_sname).to_string_lossy().into_owned();
            (name, address - found.dli_saddr.addr())
        });
        Some(Symbol { module, offset: address - shift, function })
    }
}

/// What the process's objects export by a name; null for nothing.
pub(crate) fn of_process(name: &CStr) -> *mut c_void {
    // SAFETY: a string, and a handle of the loader's own.
    unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }
}
