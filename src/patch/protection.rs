//! What the kernel says of the pages in which slots lie.
//!
//! The truth is asked for rather than concluded from PT_GNU_RELRO: a page is given back exactly as it was
//! found, and one that is still writable where the loader will make it read-only belongs to an object that
//! the loader has not finished, and must not be made read-only under its hands.

use super::elf::Range;
use crate::error::{Error, Result};
use crate::sys::memory::page_size;
use std::ffi::{c_int, c_void};
use std::fs;

/// The mappings of the process, in the order of their addresses.
#[derive(Debug)]
pub(super) struct Mappings(Vec<(Range, c_int)>);

impl Mappings {
    pub(super) fn read() -> Result<Mappings> {
        let text = fs::read("/proc/self/maps").map_err(|error| Error::from_io(&error))?;
        Ok(Mappings(text.split(|byte| *byte == b'\n').filter_map(parse).collect()))
    }

    /// The protection of the page around an address.
    pub(super) fn of(&self, address: usize) -> Option<c_int> {
        let after = self.0.partition_point(|(range, _)| range.end <= address);
        let (range, protection) = self.0.get(after)?;
        range.holds(address).then_some(*protection)
    }
}

/// One line of proc_pid_maps(5): `start-end rwxp ...`.
fn parse(line: &[u8]) -> Option<(Range, c_int)> {
    let mut words = line.split(|byte| *byte == b' ');
    let range = std::str::from_utf8(words.next()?).ok()?;
    let (start, end) = range.split_once('-')?;
    let number = |text| usize::from_str_radix(text, 16).ok();
    let letters = words.next()?;
    let kinds = [(b'r', libc::PROT_READ), (b'w', libc::PROT_WRITE), (b'x', libc::PROT_EXEC)];
    let protection = kinds
        .iter()
        .filter(|(letter, _)| letters.contains(letter))
        .fold(libc::PROT_NONE, |sum, (_, bit)| sum | bit);
    Some((Range { start: number(start)?, end: number(end)? }, protection))
}

/// The file that is mapped at an address; empty where that is not to be known.
pub(super) fn file_at(address: usize) -> Vec<u8> {
    let text = fs::read("/proc/self/maps").unwrap_or_default();
    let line = text
        .split(|byte| *byte == b'\n')
        .find(|line| parse(line).is_some_and(|(range, _)| range.holds(address)));
    let path = line.and_then(|line| Some(&line[line.iter().position(|byte| *byte == b'/')?..]));
    path.unwrap_or_default().to_owned()
}

/// A page that can be written to, until dropped.
#[derive(Debug)]
pub(super) struct Opened {
    page: usize,
    length: usize,
    before: c_int,
}

impl Opened {
    /// Opens the page around an address, whose protection is `before`.
    pub(super) fn new(address: usize, before: c_int) -> Result<Opened> {
        let length = page_size();
        let opened = Opened { page: address & !(length - 1), length, before };
        opened.protect(before | libc::PROT_WRITE)?;
        Ok(opened)
    }

    pub(super) fn holds(&self, address: usize) -> bool {
        (self.page..self.page + self.length).contains(&address)
    }

    fn protect(&self, protection: c_int) -> Result<()> {
        if self.before & libc::PROT_WRITE != 0 {
            return Ok(());
        }
        // SAFETY: a whole page of an object that stays mapped while it is looked at; others only read it.
        match unsafe { libc::mprotect(self.page as *mut c_void, self.length, protection) } {
            0 => Ok(()),
            _ => Err(Error::from_io(&std::io::Error::last_os_error())),
        }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        // The kernel splits a mapping when it is opened, so that closing it needs no memory.
        let _ = self.protect(self.before);
    }
}
