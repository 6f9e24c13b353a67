//! Files: the calls that wait for the disk, for OS threads that may.

use super::{retry, sigpipe};
use crate::error::Result;
use std::ffi::{c_int, CStr};

/// The most that Linux moves in one call; a full count of a larger buffer looks short.
pub(crate) const MOST: usize = 0x7fff_f000;

/// Opens a file, closed on exec. Its mode is as `flags` say: a FIFO would open otherwise if non-blocking.
pub(crate) fn open(path: &CStr, flags: c_int, mode: libc::mode_t) -> Result<c_int> {
    // SAFETY: a C string.
    retry(|| unsafe { libc::open(path.as_ptr(), flags | libc::O_CLOEXEC, mode) })
}

/// Fills a vector with up to `length` bytes, as far as it has room, from the file's own position or from
/// `at`.
pub(crate) fn read(fd: c_int, memory: &mut Vec<u8>, length: usize, at: Option<i64>) -> Result<()> {
    memory.clear();
    let room = memory.spare_capacity_mut();
    let (place, length) = (room.as_mut_ptr(), room.len().min(length));
    // SAFETY: the room is writable for its length.
    let count = retry(|| unsafe {
        match at {
            Some(offset) => libc::pread64(fd, place.cast(), length, offset),
            None => libc::read(fd, place.cast(), length),
        }
    })?;
    // SAFETY: the kernel has filled in so many bytes.
    unsafe { memory.set_len(count as usize) };
    Ok(())
}

/// Writes at the file's own position or at `at`, possibly less than everything.
pub(crate) fn write(fd: c_int, bytes: &[u8], at: Option<i64>) -> Result<usize> {
    // SAFETY: the slice is readable for its length.
    let write = || unsafe {
        match at {
            Some(offset) => libc::pwrite64(fd, bytes.as_ptr().cast(), bytes.len(), offset),
            None => libc::write(fd, bytes.as_ptr().cast(), bytes.len()),
        }
    };
    // Any descriptor may come here, a pipe too.
    sigpipe::shielded(bytes.len(), || retry(write)).map(|count| count as usize)
}

/// Has everything written that the system holds back: all, or only what a later read needs.
pub(crate) fn sync(fd: c_int, data_only: bool) -> Result<()> {
    // SAFETY: takes no pointer.
    let sync = || unsafe {
        match data_only {
            true => libc::fdatasync(fd),
            false => libc::fsync(fd),
        }
    };
    retry(sync).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn reads_what_was_written_and_no_more_than_there_is_room_for() {
        let path = std::env::temp_dir().join(format!("greenhub-file-{}", std::process::id()));
        let name = std::ffi::CString::new(path.to_str().expect("text")).expect("no zero byte");
        let flags = libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC;
        let fd = open(&name, flags, 0o600).expect("a file");
        std::fs::remove_file(&path).expect("it was there");
        assert_eq!(write(fd, b"content", None), Ok(7));
        assert_eq!(write(fd, b"C", Some(0)), Ok(1));
        let mut memory = Vec::with_capacity(4);
        assert_eq!(read(fd, &mut memory, 4, Some(0)), Ok(()));
        assert_eq!(memory, b"Cont");
        assert_eq!(read(fd, &mut memory, 4, None), Ok(()));
        assert_eq!(memory, b"");
        assert_eq!(sync(fd, true), Ok(()));
        assert_eq!(super::super::fd::close(fd), Ok(()));
        assert_eq!(sync(fd, false), Err(Error::EBADF));
    }
}
