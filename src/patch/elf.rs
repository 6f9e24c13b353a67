//! An object's link table, found as the loader finds it: from PT_DYNAMIC, never from section headers,
//! which a stripped object need not have (System V ABI, chapter 5; ELF for the Arm 64-bit Architecture).

use crate::sys::memory;
use libc::{Elf64_Phdr, Elf64_Sym};
use std::ffi::{c_char, CStr};
use std::slice;

/// Relocations whose slot holds the address of a function.
#[cfg(target_arch = "x86_64")]
mod kind {
    pub(super) const ABSOLUTE: u32 = 1;
    pub(super) const GLOB_DAT: u32 = 6;
    pub(super) const JUMP_SLOT: u32 = 7;
}
#[cfg(target_arch = "aarch64")]
mod kind {
    pub(super) const ABSOLUTE: u32 = 257;
    pub(super) const GLOB_DAT: u32 = 1025;
    pub(super) const JUMP_SLOT: u32 = 1026;
}
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod kind {
    // No relocation has these numbers: on other machines nothing is ever found.
    pub(super) const ABSOLUTE: u32 = u32::MAX - 2;
    pub(super) const GLOB_DAT: u32 = u32::MAX - 1;
    pub(super) const JUMP_SLOT: u32 = u32::MAX;
}

const DT_NULL: i64 = 0;
const DT_PLTRELSZ: i64 = 2;
const DT_STRTAB: i64 = 5;
const DT_SYMTAB: i64 = 6;
const DT_RELA: i64 = 7;
const DT_RELASZ: i64 = 8;
const DT_STRSZ: i64 = 10;
const DT_RPATH: i64 = 15;
const DT_PLTREL: i64 = 20;
const DT_JMPREL: i64 = 23;
const DT_RUNPATH: i64 = 29;

#[repr(C)]
struct Dynamic {
    tag: i64,
    value: usize,
}

#[derive(Debug)]
#[repr(C)]
struct Relocation {
    offset: usize,
    info: u64,
    addend: i64,
}

/// How a slot is used: one of the two ways in which code reaches a function of another object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// By a stub of the procedure linkage table, bound at the first call or at once.
    Stub,
    /// By its address: `-fno-plt`, or a pointer to the function, in a table for example.
    Address,
}

/// One slot that holds, or will hold, the address of a function of another object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot<'object> {
    pub(super) address: usize,
    pub(super) name: &'object CStr,
    pub(super) usage: Use,
}

/// A range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Range {
    pub(super) fn holds(&self, address: usize) -> bool {
        (self.start..self.end).contains(&address)
    }

    fn holds_all(&self, start: usize, length: usize) -> bool {
        self.holds(start) && length <= self.end - start
    }
}

/// What an object adds to the search for libraries.
#[derive(Clone, Copy, Debug)]
pub(super) struct SearchPaths {
    /// For those that it asks for itself.
    pub(super) own: bool,
    /// Also for those that are asked for by what it has loaded.
    pub(super) inherited: bool,
}

/// The tables of an object that is mapped.
#[derive(Debug)]
pub(super) struct Image<'object> {
    base: usize,
    /// All that is mapped of it.
    pub(super) extent: Range,
    /// What the loader makes read-only once it has relocated the object.
    pub(super) relro: Range,
    strings: Range,
    symbols: usize,
    paths: SearchPaths,
    tables: [&'object [Relocation]; 2],
}

impl<'object> Image<'object> {
    /// Reads an object's dynamic section. `None` for one without a link table, or with one that does not
    /// lie where the object is.
    ///
    /// # Safety
    /// The object is mapped at `base` with these program headers, and stays so for the lifetime.
    pub(super) unsafe fn read(
        base: usize,
        headers: &'object [Elf64_Phdr],
    ) -> Option<Image<'object>> {
        let loaded = headers.iter().filter(|header| header.p_type == libc::PT_LOAD);
        let extent = Range {
            start: base + loaded.clone().map(|header| header.p_vaddr as usize).min()?,
            end: base + loaded.map(|header| (header.p_vaddr + header.p_memsz) as usize).max()?,
        };
        let relro = headers.iter().find(|header| header.p_type == libc::PT_GNU_RELRO);
        // Whole pages, as the loader protects them (_dl_protect_relro): the rest stays writable.
        let page = |address: u64| (base + address as usize) & !(memory::page_size() - 1);
        let relro = relro.map_or(Range { start: 0, end: 0 }, |header| Range {
            start: page(header.p_vaddr),
            end: page(header.p_vaddr + header.p_memsz),
        });
        let dynamic = headers.iter().find(|header| header.p_type == libc::PT_DYNAMIC)?;
        let start = base + dynamic.p_vaddr as usize;
        if !extent.holds_all(start, dynamic.p_memsz as usize) {
            return None;
        }
        // SAFETY: within the mapped object, says the line above; the linker aligns the section.
        let dynamic: &[Dynamic] = unsafe {
            slice::from_raw_parts(
                start as *const Dynamic,
                dynamic.p_memsz as usize / size_of::<Dynamic>(),
            )
        };
        let find = |tag| {
            let live = dynamic.iter().take_while(|entry| entry.tag != DT_NULL);
            live.into_iter().find(|entry| entry.tag == tag).map(|entry| entry.value)
        };
        // glibc has added the base to each address there, other loaders have not.
        let place = |value: usize| if value < extent.start { base + value } else { value };
        let table = |at: i64, size: i64| -> Option<&'object [Relocation]> {
            let (start, size) = (place(find(at)?), find(size)?);
            let fits = extent.holds_all(start, size) && start % align_of::<Relocation>() == 0;
            // SAFETY: within the mapped object and aligned, says the line above.
            fits.then(|| unsafe {
                slice::from_raw_parts(start as *const Relocation, size / size_of::<Relocation>())
            })
        };
        // Both machines have addends in all their tables; one without is not for us.
        let stubs_have_addends = find(DT_PLTREL).is_none_or(|kind| kind as i64 == DT_RELA);
        let tables = [
            table(DT_JMPREL, DT_PLTRELSZ).filter(|_| stubs_have_addends).unwrap_or_default(),
            table(DT_RELA, DT_RELASZ).unwrap_or_default(),
        ];
        let strings = place(find(DT_STRTAB)?);
        let strings = Range { start: strings, end: strings + find(DT_STRSZ)? };
        let symbols = place(find(DT_SYMTAB)?);
        let found = extent.holds_all(strings.start, strings.end - strings.start);
        let paths = SearchPaths {
            own: find(DT_RUNPATH).is_some() || find(DT_RPATH).is_some(),
            inherited: find(DT_RPATH).is_some(),
        };
        (found && extent.holds(symbols)).then_some(Image {
            base,
            paths,
            extent,
            relro,
            strings,
            symbols,
            tables,
        })
    }

    pub(super) fn search_paths(&self) -> SearchPaths {
        self.paths
    }

    /// Every slot for a function that the object takes from another one.
    pub(super) fn slots(&self) -> impl Iterator<Item = Slot<'object>> + '_ {
        self.tables.into_iter().flatten().filter_map(|relocation| self.slot(relocation))
    }

    fn slot(&self, relocation: &Relocation) -> Option<Slot<'object>> {
        let usage = match relocation.info as u32 {
            kind::JUMP_SLOT => Use::Stub,
            kind::GLOB_DAT => Use::Address,
            kind::ABSOLUTE if relocation.addend == 0 => Use::Address,
            _ => return None,
        };
        let symbol = self.symbol((relocation.info >> 32) as usize)?;
        // One that the object defines is its own, whatever its name.
        if symbol.st_shndx != 0 {
            return None;
        }
        let address = self.base + relocation.offset;
        let fits = self.extent.holds_all(address, size_of::<usize>())
            && address % align_of::<usize>() == 0;
        let name = self.string(symbol.st_name as usize)?;
        fits.then_some(Slot { address, name, usage })
    }

    fn symbol(&self, number: usize) -> Option<&'object Elf64_Sym> {
        let at = self.symbols.checked_add(number.checked_mul(size_of::<Elf64_Sym>())?)?;
        // SAFETY: within the mapped object, says the condition; the linker aligns the table.
        self.extent
            .holds_all(at, size_of::<Elf64_Sym>())
            .then(|| unsafe { &*(at as *const Elf64_Sym) })
    }

    fn string(&self, offset: usize) -> Option<&'object CStr> {
        let at = self.strings.start.checked_add(offset)?;
        // SAFETY: inside the table, whose last byte is a zero (System V ABI, "String Table").
        self.strings.holds(at).then(|| unsafe { CStr::from_ptr(at as *const c_char) })
    }
}
