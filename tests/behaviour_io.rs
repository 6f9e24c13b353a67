//! Reading and writing: pipes and sockets made by other code, files, terminals, vectors, flags.

mod common;
use common::*;

#[test]
fn a_pipe_in_blocking_mode_suspends_the_green_thread_only() {
    with_hub(|| {
        let (reader, writer) = pipe();
        let log = log();
        let waiting = spawn(move || {
            let mut buf = [0; 16];
            assert_eq!(read(reader, &mut buf, GH_NEVER), 5);
            assert_eq!(&buf[..5], b"bytes");
            log.push("read");
            assert_eq!(read(reader, &mut buf, GH_NEVER), 0, "end of file");
        });
        let other = spawn(move || {
            log.push("other");
            assert_eq!(write(writer, b"bytes", GH_NEVER), 5);
        });
        join(other);
        yield_now();
        assert_eq!(close(writer), 0);
        join(waiting);
        assert_eq!(log.take(), ["other", "read"]);
        close(reader);
    });
}

#[test]
fn writing_more_than_a_blocking_pipe_holds_suspends_the_green_thread_only() {
    const TOTAL: usize = 1 << 20;
    with_hub(|| {
        let (reader, writer) = pipe();
        let source = spawn(move || {
            let data = pattern(TOTAL);
            let mut sent = 0;
            while sent < TOTAL {
                let n = write(writer, &data[sent..], GH_NEVER);
                assert!(n > 0, "{n}");
                sent += n as usize;
            }
            close(writer);
        });
        let mut received = Vec::new();
        let mut buf = [0; 10_000];
        loop {
            let n = read(reader, &mut buf, GH_NEVER);
            if n == 0 {
                break;
            }
            received.extend_from_slice(&buf[..n as usize]);
        }
        assert!(received == pattern(TOTAL));
        join(source);
        assert!(!is_nonblocking(reader), "the mode may be shared with other processes");
        close(reader);
    });
}

#[test]
fn sockets_in_blocking_mode_suspend_the_green_thread_only() {
    const TOTAL: usize = 4 << 20;
    with_hub(|| {
        let (a, b) = blocking_socket_pair();
        let source = spawn(move || {
            assert_eq!(send_all(a, &pattern(TOTAL), GH_NEVER).1, TOTAL);
        });
        let mut received = vec![0; TOTAL];
        assert_eq!(recv_exact(b, &mut received, GH_NEVER).1, TOTAL);
        assert!(received == pattern(TOTAL));
        join(source);
        assert_eq!(recv(b, &mut [0; 4], now() + MILLISECOND), -ETIMEDOUT);
        assert_eq!(read(b, &mut [0; 4], now() + MILLISECOND), -ETIMEDOUT);
        assert!(!is_nonblocking(a) && !is_nonblocking(b), "the mode is their owner's");
        close(a);
        close(b);
    });
}

#[test]
fn a_listener_in_blocking_mode_suspends_the_green_thread_only() {
    with_hub(|| {
        let std_listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
        let port = c_int::from(std_listener.local_addr().expect("address").port());
        let fd = std::os::fd::IntoRawFd::into_raw_fd(std_listener);
        assert_eq!(accept(fd, now() + MILLISECOND), -ETIMEDOUT);
        let acceptor = spawn(move || {
            let accepted = fd_of(accept(fd, GH_NEVER));
            assert!(is_nonblocking(accepted) && is_close_on_exec(accepted));
            close(accepted);
        });
        yield_now();
        close(fd_of(tcp_connect("127.0.0.1", port, after_ms(10_000))));
        join(acceptor);
        close(fd);
    });
}

#[test]
fn files_are_read_and_written_at_once() {
    with_hub(|| {
        let content = pattern(100_000);
        let file = temporary_file(&content);
        let mut back = vec![0; 100_000];
        assert_eq!(read(file, &mut back, PAST), 100_000);
        assert!(back == content);
        assert_eq!(read(file, &mut back, GH_NEVER), 0, "end of file");
        assert_eq!(write(file, b"more", PAST), 4);
        assert_eq!(read(file, &mut back, GH_NEVER), 0);
        plain_close(file);
    });
}

#[test]
fn devices_and_directories_answer_as_they_do() {
    with_hub(|| {
        let null_device = c!(libc::open(c"/dev/null".as_ptr(), libc::O_RDWR));
        let zero = c!(libc::open(c"/dev/zero".as_ptr(), libc::O_RDONLY));
        let directory = c!(libc::open(c"/".as_ptr(), libc::O_RDONLY));
        assert_eq!(read(null_device, &mut [0; 8], GH_NEVER), 0);
        assert_eq!(write(null_device, b"gone", GH_NEVER), 4);
        let mut buf = [7; 8];
        assert_eq!(read(zero, &mut buf, GH_NEVER), 8);
        assert_eq!(buf, [0; 8]);
        assert_eq!(read(directory, &mut buf, GH_NEVER), -EISDIR);
        for fd in [null_device, zero, directory] {
            assert_eq!(close(fd), 0);
        }
    });
}

#[test]
fn an_eventfd_counts_between_green_threads() {
    with_hub(|| {
        let fd = c!(libc::eventfd(0, libc::EFD_CLOEXEC));
        let reader = spawn(move || {
            for expected in 1..=5_u64 {
                let mut buf = [0; 8];
                assert_eq!(read(fd, &mut buf, GH_NEVER), 8);
                assert_eq!(u64::from_ne_bytes(buf), expected);
            }
        });
        for n in 1..=5_u64 {
            yield_now();
            assert_eq!(write(fd, &n.to_ne_bytes(), GH_NEVER), 8);
            sleep_ms(1);
        }
        join(reader);
        close(fd);
    });
}

#[test]
fn a_terminal_is_read_and_written() {
    with_hub(|| {
        let master = c!(libc::posix_openpt(libc::O_RDWR | libc::O_NOCTTY));
        assert!(master >= 0);
        assert_eq!(c!(libc::grantpt(master)), 0);
        assert_eq!(c!(libc::unlockpt(master)), 0);
        let mut path = [0 as c_char; 64];
        assert_eq!(c!(libc::ptsname_r(master, path.as_mut_ptr(), path.len())), 0);
        let slave = c!(libc::open(path.as_ptr(), libc::O_RDWR | libc::O_NOCTTY));
        assert!(slave >= 0);

        let shell = spawn(move || {
            let mut line = [0; 64];
            assert_eq!(read(slave, &mut line, GH_NEVER), 6);
            assert_eq!(&line[..6], b"whoami");
            assert_eq!(write(slave, b"nobody\n", GH_NEVER), 7);
        });
        yield_now();
        // The end of file character ends the line without a line end, so nothing is translated.
        assert_eq!(write(master, b"whoami\x04", GH_NEVER), 7);
        let mut screen = Vec::new();
        while !screen.ends_with(b"nobody\r\n") {
            let mut buf = [0; 64];
            let n = read(master, &mut buf, after_ms(20_000));
            assert!(n > 0, "{n}");
            screen.extend_from_slice(&buf[..n as usize]);
        }
        assert!(screen.starts_with(b"whoami"), "the echo comes first");
        join(shell);
        assert_eq!(read(master, &mut [0; 8], now() + MILLISECOND), -ETIMEDOUT);
        close(slave);
        assert_eq!(read(master, &mut [0; 8], GH_NEVER), -i64::from(libc::EIO));
        close(master);
    });
}

fn vectors(parts: &mut [&mut [u8]]) -> Vec<libc::iovec> {
    parts
        .iter_mut()
        .map(|part| libc::iovec { iov_base: part.as_mut_ptr().cast(), iov_len: part.len() })
        .collect()
}

#[test]
fn vectors_scatter_and_gather() {
    with_hub(|| {
        let (reader, writer) = nonblocking_pipe();
        let thread = spawn(move || {
            let (mut one, mut two, mut three) = ([0; 3], [0; 0], [0; 16]);
            let iov = vectors(&mut [&mut one, &mut two, &mut three]);
            assert_eq!(c!(gh_readv(reader, iov.as_ptr(), 3, GH_NEVER)), 9);
            assert_eq!(&one, b"one");
            assert_eq!(&three[..6], b"twotri");
        });
        yield_now();
        let (mut one, mut two, mut three) = (*b"one", *b"two", *b"tri");
        let iov = vectors(&mut [&mut one, &mut two, &mut three]);
        assert_eq!(c!(gh_writev(writer, iov.as_ptr(), 3, GH_NEVER)), 9);
        join(thread);
        close(reader);
        close(writer);
    });
}

#[test]
fn too_many_vectors_are_an_error() {
    with_hub(|| {
        let (reader, writer) = nonblocking_pipe();
        let mut byte = [0];
        let iov: Vec<_> = (0..2000).flat_map(|_| vectors(&mut [&mut byte])).collect();
        for count in [-1, c_int::MIN, 1025, 2000] {
            let wrong = c!(gh_writev(writer, iov.as_ptr(), count, GH_NEVER)) as i64;
            assert_eq!(wrong, -EINVAL, "{count} vectors");
            let wrong = c!(gh_readv(reader, iov.as_ptr(), count, GH_NEVER)) as i64;
            assert_eq!(wrong, -EINVAL, "{count} vectors");
        }
        assert_eq!(c!(gh_writev(writer, iov.as_ptr(), 1024, GH_NEVER)), 1024);
        assert_eq!(c!(gh_readv(reader, iov.as_ptr(), 1024, GH_NEVER)), 1024);
        close(reader);
        close(writer);
    });
}

#[test]
fn nothing_to_transfer_transfers_nothing() {
    with_hub(|| {
        let (a, b) = socket_pair();
        assert_eq!(send(a, &[], GH_NEVER), 0);
        assert_eq!(send_all(a, &[], GH_NEVER), (0, 0));
        assert_eq!(recv_exact(b, &mut [], GH_NEVER), (0, 0));
        assert_eq!(write(a, &[], GH_NEVER), 0);
        assert_eq!(read(a, &mut [], GH_NEVER), 0);
        close(a);
        close(b);
    });
}

#[test]
fn recv_exact_gathers_pieces_and_tells_what_came_before_the_end() {
    with_hub(|| {
        let (a, b) = socket_pair();
        let sender = spawn(move || {
            for piece in [&b"to"[..], b"get", b"her", b"rest"] {
                assert_eq!(send(b, piece, GH_NEVER), piece.len() as i64);
                sleep_ms(1);
            }
            close(b);
        });
        let mut buf = [0; 8];
        assert_eq!(recv_exact(a, &mut buf, GH_NEVER), (8, 8));
        assert_eq!(&buf, b"together");
        assert_eq!(recv_exact(a, &mut buf, GH_NEVER), (4, 4));
        assert_eq!(&buf[..4], b"rest");
        assert_eq!(recv_exact(a, &mut buf, GH_NEVER), (0, 0));
        join(sender);
        close(a);
    });
}

#[test]
fn recv_exact_tells_what_came_before_its_deadline() {
    with_hub(|| {
        let (a, b) = socket_pair();
        plain_write(b, b"half");
        let mut buf = [0; 8];
        assert_eq!(recv_exact(a, &mut buf, after_ms(5)), (-ETIMEDOUT, 4));
        assert_eq!(&buf[..4], b"half");
        plain_write(b, b"more");
        assert_eq!(recv_exact(a, &mut buf[4..], PAST), (4, 4));
        assert_eq!(&buf, b"halfmore");
        let told_nobody = c!(gh_recv_exact(a, buf.as_mut_ptr().cast(), 8, 0, null_mut(), PAST));
        assert_eq!(told_nobody as i64, -ETIMEDOUT);
        close(a);
        close(b);
    });
}

#[test]
fn the_callers_own_dontwait_is_honoured() {
    with_hub(|| {
        let (a, b) = socket_pair();
        let dontwait = libc::MSG_DONTWAIT;
        assert_eq!(recv_flags(a, &mut [0; 8], dontwait, GH_NEVER), -EAGAIN);
        fill(a);
        assert_eq!(send_flags(a, b"data", dontwait, GH_NEVER), -EAGAIN);
        assert!(recv_flags(b, &mut [0; 8], dontwait, PAST) == 8);
        close(a);
        close(b);
    });
}

#[test]
fn peeking_takes_nothing() {
    with_hub(|| {
        let (a, b) = socket_pair();
        let reader = spawn(move || {
            let mut buf = [0; 64];
            for _ in 0..3 {
                assert_eq!(recv_flags(a, &mut buf, libc::MSG_PEEK, GH_NEVER), 4);
                assert_eq!(&buf[..4], b"data");
            }
            assert_eq!(wait_fd(a, libc::POLLIN, PAST), i64::from(libc::POLLIN));
            assert_eq!(recv(a, &mut buf, PAST), 4);
            let peeked = recv_flags(a, &mut buf, libc::MSG_PEEK, now() + MILLISECOND);
            assert_eq!(peeked, -ETIMEDOUT);
        });
        yield_now();
        plain_write(b, b"data");
        join(reader);
        close(a);
        close(b);
    });
}

#[test]
fn waitall_waits_for_all() {
    with_hub(|| {
        let (a, b) = socket_pair();
        let reader = spawn(move || {
            let mut buf = [0; 8];
            let n = recv_flags(a, &mut buf, libc::MSG_WAITALL, after_ms(20_000));
            assert_eq!(n, 8);
            assert_eq!(&buf, b"onetwo34");
        });
        for piece in [&b"one"[..], b"two", b"34"] {
            yield_now();
            plain_write(b, piece);
            sleep_ms(1);
        }
        join(reader);
        close(a);
        close(b);
    });
}
