//! Files through the pool: the results of the system, and buffers that nobody writes to afterwards. One test at a time: some wait in
//! the kernel, on threads of the one pool.

mod common;
use common::*;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

/// A folder of this test's own, gone at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("greenhub-{test}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).expect("a folder");
        Folder(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("a printable path").to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const NEW: c_int = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL;

#[test]
fn what_was_written_is_read_again() {
    let _alone = pool_alone();
    let folder = Folder::new("written");
    with_hub(|| {
        let path = folder.file("data");
        let fd = fd_of(file_open(&path, NEW, 0o640, GH_NEVER));
        assert!(is_close_on_exec(fd));
        assert_eq!(file_write(fd, b"hello, world", GH_NEVER), 12);
        assert_eq!(file_pwrite(fd, b"HE", 0, GH_NEVER), 2);
        assert_eq!(file_fdatasync(fd, GH_NEVER), 0);
        assert_eq!(file_fsync(fd, GH_NEVER), 0);
        let mut buf = [b'.'; 16];
        assert_eq!(file_read(fd, &mut buf, GH_NEVER), 0, "at the end");
        assert_eq!(file_pread(fd, &mut buf, 7, GH_NEVER), 5);
        assert_eq!(&buf, b"world...........");
        assert_eq!(file_pread(fd, &mut buf[..5], 0, GH_NEVER), 5);
        assert_eq!(&buf, b"HEllo...........");
        assert_eq!(file_pread(fd, &mut buf, 12, GH_NEVER), 0);
        assert_eq!(c!(libc::lseek(fd, 2, libc::SEEK_SET)), 2);
        assert_eq!(file_read(fd, &mut buf[..3], GH_NEVER), 3, "from the file's own position");
        assert_eq!(&buf[..3], b"llo");
        assert_eq!(c!(libc::lseek(fd, 0, libc::SEEK_CUR)), 5);
        assert_eq!(close(fd), 0);
        let mode = std::fs::metadata(&path).expect("the file").permissions().mode();
        assert_eq!(mode & 0o077 & !0o040, 0, "{mode:o}");
    });
}

#[test]
fn others_run_while_a_file_is_waited_for() {
    let _alone = pool_alone();
    with_hub(|| {
        let (reader, writer) = pipe();
        let turns = cell(0);
        let other = spawn(move || {
            for turn in 1..=5 {
                turns.set(turn);
                sleep_ms(1);
            }
            plain_write(writer, b"now");
        });
        let mut buf = [0; 8];
        assert_eq!(file_read(reader, &mut buf, GH_NEVER), 3);
        assert_eq!((&buf[..3], turns.get()), (&b"now"[..], 5));
        join(other);
        assert_eq!((close(reader), close(writer)), (0, 0));
    });
}

#[test]
fn opening_fails_as_it_does_without_the_pool() {
    let _alone = pool_alone();
    let folder = Folder::new("errors");
    with_hub(|| {
        let path = folder.file("file");
        std::fs::write(&path, b"x").expect("a file");
        let open = |path: &str, flags| file_open(path, flags, 0o600, GH_NEVER);
        assert_eq!(open(&folder.file("absent"), libc::O_RDONLY), -ENOENT);
        assert_eq!(open("", libc::O_RDONLY), -ENOENT);
        assert_eq!(open(&path, NEW), -EEXIST);
        assert_eq!(open(&folder.file("."), libc::O_WRONLY), -EISDIR);
        assert_eq!(open(&path, libc::O_RDONLY | libc::O_DIRECTORY), -i64::from(libc::ENOTDIR));
        assert_eq!(open(&folder.file(&"n".repeat(300)), libc::O_RDONLY), -ENAMETOOLONG);
        assert_eq!(i64::from(c!(gh_file_open(null(), 0, 0, GH_NEVER))), -EINVAL);
    });
}

#[test]
fn bad_descriptors_buffers_and_offsets_are_refused() {
    let _alone = pool_alone();
    with_hub(|| {
        let gone = unused_number();
        let mut buf = [0; 4];
        for fd in [-1, c_int::MIN, c_int::MAX, gone] {
            assert_eq!(file_read(fd, &mut buf, GH_NEVER), -EBADF);
            assert_eq!(file_write(fd, &buf, GH_NEVER), -EBADF);
            assert_eq!(file_pread(fd, &mut buf, 0, GH_NEVER), -EBADF);
            assert_eq!(file_pwrite(fd, &buf, 0, GH_NEVER), -EBADF);
            assert_eq!(file_fsync(fd, GH_NEVER), -EBADF);
            assert_eq!(file_fdatasync(fd, GH_NEVER), -EBADF);
        }
        let fd = temporary_file(b"content");
        for offset in [-1, i64::MIN] {
            assert_eq!(file_pread(fd, &mut buf, offset, GH_NEVER), -EINVAL);
            assert_eq!(file_pwrite(fd, &buf, offset, GH_NEVER), -EINVAL);
        }
        assert_eq!(c!(gh_file_read(fd, null_mut(), 4, GH_NEVER)) as i64, -EINVAL);
        assert_eq!(c!(gh_file_write(fd, null(), 4, GH_NEVER)) as i64, -EINVAL);
        let beyond = isize::MAX as usize + 1;
        let place = buf.as_mut_ptr().cast();
        assert_eq!(c!(gh_file_read(fd, place, beyond, GH_NEVER)) as i64, -EINVAL);
        assert_eq!(c!(gh_file_write(fd, place, usize::MAX, GH_NEVER)) as i64, -EINVAL);
        assert_eq!(c!(gh_file_read(fd, null_mut(), 0, GH_NEVER)), 0, "nothing is no error");
        assert_eq!(c!(gh_file_write(fd, null(), 0, GH_NEVER)), 0);
        let (reader, writer) = pipe();
        assert_eq!(file_pread(reader, &mut buf, 0, GH_NEVER), -ESPIPE);
        assert_eq!(file_write(reader, &buf, GH_NEVER), -EBADF, "opened for the other direction");
        assert_eq!(file_fsync(reader, GH_NEVER), -EINVAL);
        close(reader);
        assert_eq!(file_write(writer, &buf, GH_NEVER), -EPIPE, "and no SIGPIPE");
        close(writer);
        close(fd);
    });
}

#[test]
fn a_deadline_in_the_past_does_nothing() {
    let _alone = pool_alone();
    let folder = Folder::new("past");
    with_hub(|| {
        let path = folder.file("file");
        assert_eq!(file_open(&path, NEW, 0o600, PAST), -ETIMEDOUT);
        assert!(!std::path::Path::new(&path).exists());
        let fd = temporary_file(b"content");
        assert_eq!(file_write(fd, b"other", PAST), -ETIMEDOUT);
        let mut buf = [0; 7];
        assert_eq!(file_read(fd, &mut buf, PAST), -ETIMEDOUT);
        assert_eq!(file_fsync(fd, PAST), -ETIMEDOUT);
        assert_eq!(file_read(fd, &mut buf, GH_NEVER), 7, "the position has not moved");
        assert_eq!(&buf, b"content");
        close(fd);
    });
}

#[test]
fn appending_goes_to_the_end_whole() {
    let _alone = pool_alone();
    const WRITERS: usize = 8;
    const LENGTH: usize = 200_000;
    let folder = Folder::new("append");
    with_hub(|| {
        let path = folder.file("log");
        std::fs::write(&path, b"").expect("a file");
        let threads: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let path = path.clone();
                spawn(move || {
                    let flags = libc::O_WRONLY | libc::O_APPEND;
                    let fd = fd_of(file_open(&path, flags, 0, GH_NEVER));
                    let record = vec![b'a' + writer as u8; LENGTH];
                    for _ in 0..3 {
                        assert_eq!(file_write(fd, &record, GH_NEVER), LENGTH as i64);
                    }
                    assert_eq!(close(fd), 0);
                })
            })
            .collect();
        join_all(threads);
        let content = std::fs::read(&path).expect("the file");
        assert_eq!(content.len(), WRITERS * 3 * LENGTH);
        for record in content.chunks(LENGTH) {
            assert!(record.iter().all(|byte| *byte == record[0]), "records are whole");
        }
    });
}

#[test]
fn large_transfers_are_whole() {
    let _alone = pool_alone();
    const LENGTH: usize = 64 << 20;
    let folder = Folder::new("large");
    with_hub(|| {
        let fd = fd_of(file_open(&folder.file("data"), NEW, 0o600, GH_NEVER));
        let data = pattern(LENGTH);
        assert_eq!(file_write(fd, &data, GH_NEVER), LENGTH as i64);
        let mut back = vec![0; LENGTH + 10];
        assert_eq!(file_pread(fd, &mut back, 0, GH_NEVER), LENGTH as i64);
        assert!(back[..LENGTH] == data[..], "the bytes are the same");
        assert_eq!(back[LENGTH..], [0; 10]);
        close(fd);
    });
}

#[test]
fn an_abandoned_read_leaves_the_buffer_alone() {
    let _alone = pool_alone();
    with_hub(|| {
        let (reader, writer) = pipe();
        let mut buf = [b'-'; 8];
        let deadline = after_ms(20);
        assert_eq!(file_read(reader, &mut buf, deadline), -ETIMEDOUT);
        assert!(now() >= deadline);
        let place = buf.as_mut_ptr() as usize;
        let canceled = spawn(move || {
            // SAFETY: the buffer outlives this thread, which is joined below.
            let buf = unsafe { std::slice::from_raw_parts_mut(place as *mut u8, 8) };
            assert_eq!(file_read(reader, buf, GH_NEVER), -ECANCELED);
        });
        sleep_ms(20);
        cancel(canceled);
        join(canceled);
        // Both reads are still in the kernel, and take what comes.
        plain_write(writer, b"12345678");
        plain_write(writer, b"12345678");
        close(writer);
        for _ in 0..50 {
            sleep_ms(1);
            assert_eq!(std::hint::black_box(&buf), b"--------");
        }
        close(reader);
    });
}

#[test]
fn an_abandoned_write_has_bytes_of_its_own() {
    let _alone = pool_alone();
    with_hub(|| {
        let (reader, writer) = pipe();
        let filled = fill(writer);
        let mut buf = *b"original";
        assert_eq!(file_write(writer, &buf, after_ms(20)), -ETIMEDOUT);
        buf.copy_from_slice(b"reused!!");
        std::hint::black_box(&buf);
        assert_eq!(drain(reader, filled).len(), filled);
        let mut late = [0; 8];
        assert_eq!(recv_all(reader, &mut late), 8);
        assert_eq!(&late, b"original");
        close(reader);
        close(writer);
    });
}

/// Reads from a pipe until the buffer is full.
fn recv_all(fd: c_int, buf: &mut [u8]) -> usize {
    let mut len = 0;
    while len < buf.len() {
        let n = read(fd, &mut buf[len..], after_ms(20_000));
        assert!(n > 0, "gh_read: {n}");
        len += n as usize;
    }
    len
}

#[test]
fn a_file_opened_for_nobody_is_closed_again() {
    let _alone = pool_alone();
    let folder = Folder::new("fifo");
    with_hub(|| {
        let path = folder.file("fifo");
        let name = std::ffi::CString::new(path.clone()).expect("no zero byte");
        assert_eq!(c!(libc::mkfifo(name.as_ptr(), 0o600)), 0);
        // Waits for a reader, in the kernel.
        assert_eq!(file_open(&path, libc::O_WRONLY, 0, after_ms(20)), -ETIMEDOUT);
        let reader = fd_of(file_open(&path, libc::O_RDONLY, 0, GH_NEVER));
        // The writer came when its caller had gone: it is closed, which is an end of file here.
        assert_eq!(read(reader, &mut [0; 1], after_ms(20_000)), 0);
        close(reader);
    });
}

#[test]
fn a_descriptor_closed_before_its_turn_is_bad_and_its_successor_untouched() {
    let _alone = pool_alone();
    configure_pool(1, 0);
    with_hub(|| {
        let gate = Gate::default();
        let busy = keep_busy(&gate);
        until_pool("busy", |pool| pool.running == 1);
        let fd = at_own_number(temporary_file(b"old"));
        let writer = spawn(move || assert_eq!(file_write(fd, b"late", GH_NEVER), -EBADF));
        let reader = spawn(move || assert_eq!(file_read(fd, &mut [0; 4], GH_NEVER), -EBADF));
        until_pool("queued", |pool| pool.queued == 2);
        assert_eq!(close(fd), 0);
        move_to(temporary_file(b"new"), fd);
        gate.open();
        join_all([busy, writer, reader]);
        let mut content = [0; 8];
        assert_eq!(file_pread(fd, &mut content, 0, GH_NEVER), 3);
        assert_eq!(&content[..3], b"new");
        close(fd);
    });
}

#[test]
fn a_signal_interrupts_nothing() {
    let _alone = pool_alone();
    extern "C" fn ignore(_: c_int) {}
    with_hub(|| {
        // SAFETY: an action that does nothing and does not restart.
        let before = unsafe {
            let mut action = std::mem::zeroed::<libc::sigaction>();
            let mut before = std::mem::zeroed::<libc::sigaction>();
            action.sa_sigaction = ignore as extern "C" fn(c_int) as usize;
            assert_eq!(libc::sigaction(libc::SIGUSR2, &action, &mut before), 0);
            before
        };
        let (reader, writer) = pipe();
        let result = cell(0);
        let thread = spawn(move || result.set(file_read(reader, &mut [0; 8], GH_NEVER)));
        for _ in 0..20 {
            sleep_ms(1);
            // SAFETY: a signal that is handled, to this process.
            assert_eq!(unsafe { libc::kill(libc::getpid(), libc::SIGUSR2) }, 0);
        }
        assert_eq!(result.get(), 0, "it still waits");
        plain_write(writer, b"data");
        join(thread);
        assert_eq!(result.get(), 4);
        // SAFETY: the action as it was.
        assert_eq!(unsafe { libc::sigaction(libc::SIGUSR2, &before, null_mut()) }, 0);
        close(reader);
        close(writer);
    });
}
