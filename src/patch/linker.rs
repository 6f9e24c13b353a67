//! What of the loader's knowledge is public: who a caller is, and what its search for libraries depends on.

use super::elf::Image;
use super::objects::{walk, LinkMap};
use super::original::dladdr1;
use libc::Dl_info;
use std::ffi::{c_int, c_void};
use std::ptr;

const RTLD_DL_LINKMAP: c_int = 2;

/// The object in which an address lies, as the loader's list has it.
fn map_of(address: usize) -> Option<&'static LinkMap> {
    let mut map: *mut c_void = ptr::null_mut();
    // SAFETY: all zeroes is a valid answer: null pointers.
    let mut info: Dl_info = unsafe { std::mem::zeroed() };
    // SAFETY: places for both answers; any address may be asked for.
    let known =
        unsafe { dladdr1(address as *const c_void, &mut info, &mut map, RTLD_DL_LINKMAP) } != 0;
    // SAFETY: the entry of an object that is running, and so stays.
    unsafe { map.cast::<LinkMap>().as_ref() }.filter(|_| known)
}

/// Whether the loader would find the same libraries for this library as for the object in which an address
/// lies: neither has search paths of its own, and none that loaded another has any that is inherited.
/// DT_RPATH of the program counts for everybody, and makes no difference.
pub(super) fn searches_as_we_do(caller: usize) -> bool {
    let Some(caller) = map_of(caller) else { return false };
    let own = map_of(searches_as_we_do as *const () as usize);
    let own = own.map_or(0, |own| own.dynamic);
    let mut alike = true;
    walk(|object| {
        let Some(paths) = object.image().map(|image: Image<'_>| image.search_paths()) else {
            return;
        };
        let is_program = object.path().is_empty();
        let is_either = [caller.dynamic, own].contains(&object.dynamic());
        let differs = (paths.inherited && !is_program) || (paths.own && is_either);
        alike &= !differs;
    });
    alike
}
