//! The objects of the process: the program, its libraries, and those that must be left alone.

use super::elf::{Image, Range};
use super::original;
use crate::error::{Error, Result};
use crate::sys::loader;
use libc::{dl_phdr_info, size_t};
use std::ffi::{c_int, c_void, CStr};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::slice;

/// Objects whose own waits are part of what the hooks stand for, or that work on state of the OS thread's:
/// by the beginning of their names. glibc before 2.34 had several.
const LEFT_ALONE: &[&str] = &[
    "ld-linux",
    "ld.so",
    "libc.so",
    "libc-2",
    "libpthread",
    "libdl",
    "librt",
    "libresolv",
    "libnss_",
    "libanl",
    "libutil",
    "libm.so",
    "libm-2",
    "libgcc_s",
    "libasan",
    "libtsan",
    "liblsan",
    "libubsan",
    "libclang_rt",
    "linux-vdso",
    "vgpreload",
];

/// One object, during a walk.
#[derive(Debug)]
pub(super) struct Object<'walk> {
    base: usize,
    path: &'walk CStr,
    headers: &'walk [libc::Elf64_Phdr],
    loads: Loads,
}

/// How often the loader has added an object to the process, and taken one away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Loads(u64, u64);

/// Which objects a host means.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wanted<'host> {
    Every,
    /// By path, or by the last part of one. An empty one is the program itself.
    Path(&'host CStr),
    /// By the handle of dlopen(3).
    Handle(*mut c_void),
}

impl Object<'_> {
    pub(super) fn loads(&self) -> Loads {
        self.loads
    }

    /// The loader's name: a path, empty for the program.
    pub(super) fn path(&self) -> &CStr {
        self.path
    }

    /// Its tables, if it has any.
    pub(super) fn image(&self) -> Option<Image<'_>> {
        // SAFETY: mapped, and the loader keeps it so during the walk.
        unsafe { Image::read(self.base, self.headers) }
    }

    fn file_name(&self) -> &[u8] {
        file_name(self.path)
    }

    /// Where its dynamic section is; 0 without one.
    pub(super) fn dynamic(&self) -> usize {
        let header = self.headers.iter().find(|header| header.p_type == libc::PT_DYNAMIC);
        header.map_or(0, |header| self.base + header.p_vaddr as usize)
    }
}

fn file_name(path: &CStr) -> &[u8] {
    path.to_bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

/// What is to be known about a process before its objects are looked at.
#[derive(Debug)]
pub(super) struct Plan<'host> {
    wanted: Wanted<'host>,
    /// Functions in objects that are left alone: this library's own, libc's, the allocator's. The program
    /// itself may bring its own allocator.
    landmarks: [usize; 3],
    handle: Option<(usize, usize)>,
}

/// The part of the loader's list entry that is public (link.h).
#[repr(C)]
pub(super) struct LinkMap {
    base: usize,
    name: *const libc::c_char,
    pub(super) dynamic: usize,
    next: *mut LinkMap,
    previous: *mut LinkMap,
}

impl<'host> Plan<'host> {
    /// # Safety
    /// A handle is one that dlopen(3) has given, and is open.
    pub(super) unsafe fn new(wanted: Wanted<'host>) -> Result<Plan<'host>> {
        let [allocator, libc] = original::landmarks();
        let own = Plan::<'static>::covers as *const () as usize;
        let handle = match wanted {
            Wanted::Handle(handle) => {
                // SAFETY: the caller vouches for the handle: with glibc it is the list's entry.
                let map = unsafe { handle.cast::<LinkMap>().as_ref() }.ok_or(Error::EINVAL)?;
                Some((map.base, map.dynamic))
            }
            _ => None,
        };
        Ok(Plan { wanted, landmarks: [own, libc, allocator], handle })
    }

    /// Whether an object is to be looked at.
    pub(super) fn covers(&self, object: &Object<'_>, image: &Image<'_>) -> bool {
        let [own, libc, allocator] = self.landmarks;
        let is_program = object.path.is_empty();
        let name = object.file_name();
        let left_alone = image.extent.holds(own)
            || image.extent.holds(libc)
            || (image.extent.holds(allocator) && !is_program)
            || LEFT_ALONE.iter().any(|start| name.starts_with(start.as_bytes()));
        !left_alone && self.is_wanted(object)
    }

    fn is_wanted(&self, object: &Object<'_>) -> bool {
        match self.wanted {
            Wanted::Every => true,
            Wanted::Path(path) if path.is_empty() => object.path.is_empty(),
            Wanted::Path(path) => {
                object.path == path
                    || (!path.to_bytes().contains(&b'/') && object.file_name() == path.to_bytes())
            }
            Wanted::Handle(_) => {
                self.handle == Some((object.base, object.dynamic())) && object.dynamic() != 0
            }
        }
    }
}

/// Whether the program was linked to a loader. One that was not has libc's functions inside itself, where no
/// table leads to them.
pub(super) fn program_is_dynamic() -> bool {
    let mut dynamic = false;
    walk(|object| {
        dynamic |= object.path.is_empty()
            && object.headers.iter().any(|header| header.p_type == libc::PT_INTERP);
    });
    dynamic
}

/// What the loader has done up to now.
pub(super) fn loads() -> Loads {
    let mut loads = Loads::default();
    walk(|object| loads = object.loads);
    loads
}

/// The object in which something lies, from its first byte to its last.
pub(super) fn extent_of(address: usize) -> Option<Range> {
    let mut found = None;
    walk(|object| {
        if let Some(image) = object.image().filter(|image| image.extent.holds(address)) {
            found = Some(image.extent);
        }
    });
    found
}

/// The addresses of that object; none if there is none.
pub(crate) fn object_around(address: usize) -> std::ops::Range<usize> {
    extent_of(address).map_or(0..0, |extent| extent.start..extent.end)
}

/// Shows every object of the process. The loader adds and removes none meanwhile, which is why `visit` must
/// not call it.
pub(super) fn walk(visit: impl FnMut(&Object<'_>)) {
    unsafe extern "C" fn each<F: FnMut(&Object<'_>)>(
        info: *mut dl_phdr_info,
        _: size_t,
        visit: *mut c_void,
    ) -> c_int {
        // SAFETY: the loader's description, good during the call; `walk` passes the closure.
        let (info, visit) = unsafe { (&*info, &mut *visit.cast::<F>()) };
        if info.dlpi_phdr.is_null() {
            return 0;
        }
        // SAFETY: the loader's own arrays and string; an object without a name has an empty one.
        let object = unsafe {
            Object {
                base: info.dlpi_addr as usize,
                path: if info.dlpi_name.is_null() { c"" } else { CStr::from_ptr(info.dlpi_name) },
                headers: slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)),
                loads: Loads(info.dlpi_adds, info.dlpi_subs),
            }
        };
        // Nothing may unwind through the loader, which holds its lock: the walk just ends.
        match catch_unwind(AssertUnwindSafe(|| visit(&object))) {
            Ok(()) => 0,
            Err(_) => -1,
        }
    }
    fn call<F: FnMut(&Object<'_>)>(mut visit: F) {
        let visit: *mut F = &mut visit;
        // SAFETY: `each` gets the closure that it is made for, which lives until the call has returned, and does not
        // unwind. That it does not call the loader is what this module asks of whoever walks.
        unsafe { loader::each_object(each::<F>, visit.cast()) };
    }
    call(visit);
}
