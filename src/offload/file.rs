//! Files: opened, read, written and synced by the pool.
//!
//! A wait may be abandoned while its system call goes on, for as long as a disk takes that does not
//! answer. So the pool's thread works on memory of its own, of which the caller's buffer is a copy: what
//! comes late never reaches a buffer that its owner has reused. Each call is one system call, as large as
//! the caller asked: what the kernel does at one go, such as an append, stays at one go.

use super::{call, USUAL};
use crate::clock::Nanos;
use crate::error::{Error, Result};
use crate::hub::{self, adopt, Stamp};
use crate::sys::file::{self, MOST};
use std::ffi::{c_int, CStr};

/// A descriptor that nobody has been told of yet.
struct Opened(c_int);

impl Drop for Opened {
    fn drop(&mut self) {
        // Whoever wanted it has gone.
        let _ = hub::close(self.0);
    }
}

/// The descriptor that had a number when a call was made. The number may be another's when it is the
/// call's turn.
#[derive(Clone, Copy)]
struct Target(c_int, Stamp);

impl Target {
    fn new(fd: c_int) -> Target {
        Target(fd, hub::stamp(fd))
    }

    fn descriptor(self) -> Result<c_int> {
        if hub::stamp(self.0) == self.1 {
            Ok(self.0)
        } else {
            Err(Error::EBADF)
        }
    }
}

fn memory(length: usize) -> Result<Vec<u8>> {
    let mut memory = Vec::new();
    memory.try_reserve_exact(length).map_err(|_| Error::ENOMEM)?;
    Ok(memory)
}

/// Opens a file.
pub(crate) fn open(path: &CStr, flags: c_int, mode: u32, deadline: Nanos) -> Result<c_int> {
    let path = path.to_owned();
    let opened =
        call(USUAL, deadline, move || file::open(&path, flags, mode).map(|fd| Opened(adopt(fd))))??;
    let fd = opened.0;
    std::mem::forget(opened);
    Ok(fd)
}

/// Reads up to `length` bytes, which `take` is given, from the file's own position or from `at`.
pub(crate) fn read(
    fd: c_int,
    length: usize,
    at: Option<i64>,
    deadline: Nanos,
    take: impl FnOnce(&[u8]),
) -> Result<isize> {
    let length = length.min(MOST);
    let mut memory = memory(length)?;
    let target = Target::new(fd);
    let bytes = call(USUAL, deadline, move || {
        file::read(target.descriptor()?, &mut memory, length, at).map(|()| memory)
    })??;
    take(&bytes);
    Ok(bytes.len() as isize)
}

/// Writes a buffer, possibly less than all of it, at the file's own position or at `at`.
pub(crate) fn write(fd: c_int, bytes: &[u8], at: Option<i64>, deadline: Nanos) -> Result<isize> {
    let bytes = &bytes[..bytes.len().min(MOST)];
    let mut memory = memory(bytes.len())?;
    memory.extend_from_slice(bytes);
    let target = Target::new(fd);
    let count = call(USUAL, deadline, move || file::write(target.descriptor()?, &memory, at))??;
    Ok(count as isize)
}

/// Waits until what was written is on the disk.
pub(crate) fn sync(fd: c_int, data_only: bool, deadline: Nanos) -> Result<()> {
    let target = Target::new(fd);
    call(USUAL, deadline, move || file::sync(target.descriptor()?, data_only))?
}
