//! What the loader knows of an address in the code.

use std::ffi::{c_char, c_void, CStr, OsStr};
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

/// An object of the process, held open.
#[derive(Debug)]
pub(crate) struct Opened(*mut c_void);

impl Opened {
    /// The object in which an address lies, if it is there for good or by its name.
    pub(crate) fn around(address: usize) -> Option<Opened> {
        let mut info = MaybeUninit::<libc::Dl_info>::zeroed();
        // SAFETY: a place for the answer, which is filled in if there is one.
        let name = unsafe {
            if libc::dladdr(address as *const c_void, info.as_mut_ptr()) == 0 {
                return None;
            }
            info.assume_init().dli_fname
        };
        let flags = libc::RTLD_LAZY | libc::RTLD_NOLOAD;
        // SAFETY: the loader's own string.
        let mut handle = unsafe { libc::dlopen(name, flags) };
        if handle.is_null() {
            // The program itself is not known by its name.
            // SAFETY: no name.
            handle = unsafe { libc::dlopen(ptr::null(), flags) };
        }
        (!handle.is_null()).then_some(Opened(handle))
    }

    /// As dlopen(3) gives it, while this is kept.
    pub(crate) fn handle(&self) -> *mut c_void {
        self.0
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        // SAFETY: opened by `around`, and closed once.
        unsafe { libc::dlclose(self.0) };
    }
}

/// An object of the process, known by where it begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Object {
    base: usize,
    path: *const c_char,
}

impl PartialEq for Object {
    fn eq(&self, other: &Object) -> bool {
        self.base == other.base
    }
}

impl Object {
    /// As the loader has it.
    pub(crate) fn path(&self) -> &CStr {
        // SAFETY: a string of the loader's, which stays as long as the object: whose code is running, says the
        // caller of `object_at`.
        unsafe { CStr::from_ptr(self.path) }
    }
}

/// The object in which an address of running code lies.
pub(crate) fn object_at(address: usize) -> Option<Object> {
    let mut info = MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: a place for the answer, which is filled in if there is one.
    unsafe {
        if libc::dladdr(address as *const c_void, info.as_mut_ptr()) == 0 {
            return None;
        }
        let info = info.assume_init();
        Some(Object { base: info.dli_fbase as usize, path: info.dli_fname })
    }
}
