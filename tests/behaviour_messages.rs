//! `gh_recvmsg`, `gh_sendmsg`, `gh_sendfile`, and SIGPIPE, which none of the calls lets through.

mod common;
use common::*;
use std::sync::atomic::{AtomicU32, Ordering};

fn message(iov: &mut libc::iovec) -> libc::msghdr {
    // SAFETY: plain numbers and pointers that may be null.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = iov;
    message.msg_iovlen = 1;
    message
}

fn vector(buf: &mut [u8]) -> libc::iovec {
    libc::iovec { iov_base: buf.as_mut_ptr().cast(), iov_len: buf.len() }
}

/// Room for one descriptor, aligned as control messages must be.
#[repr(align(8))]
struct Control([u8; 24]);

fn send_descriptor(fd: c_int, passed: c_int) {
    let mut byte = *b"!";
    let mut iov = vector(&mut byte);
    let mut message = message(&mut iov);
    let mut control = Control([0; 24]);
    message.msg_control = control.0.as_mut_ptr().cast();
    message.msg_controllen = c!(libc::CMSG_SPACE(4)) as usize;
    // SAFETY: the control buffer is aligned and holds one descriptor.
    unsafe {
        let header = libc::CMSG_FIRSTHDR(&message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = libc::CMSG_LEN(4) as usize;
        libc::CMSG_DATA(header).cast::<c_int>().write_unaligned(passed);
    }
    assert_eq!(c!(gh_sendmsg(fd, &message, 0, GH_NEVER)), 1);
}

fn receive_descriptor(fd: c_int) -> c_int {
    let mut byte = [0];
    let mut iov = vector(&mut byte);
    let mut message = message(&mut iov);
    let mut control = Control([0; 24]);
    message.msg_control = control.0.as_mut_ptr().cast();
    message.msg_controllen = control.0.len();
    let flags = libc::MSG_CMSG_CLOEXEC;
    assert_eq!(c!(gh_recvmsg(fd, &mut message, flags, GH_NEVER)), 1);
    assert_eq!(byte, *b"!");
    // SAFETY: the kernel wrote a whole control message or none.
    unsafe {
        let header = libc::CMSG_FIRSTHDR(&message);
        assert!(!header.is_null());
        assert_eq!((*header).cmsg_type, libc::SCM_RIGHTS);
        libc::CMSG_DATA(header).cast::<c_int>().read_unaligned()
    }
}

#[test]
fn descriptors_are_passed_between_green_threads() {
    with_hub(|| {
        let (a, b) = socket_pair();
        let receiver = spawn(move || {
            let writer = receive_descriptor(b);
            assert!(is_close_on_exec(writer));
            assert_eq!(write(writer, b"through", GH_NEVER), 7);
            assert_eq!(close(writer), 0);
        });
        yield_now();
        let (reader, writer) = pipe();
        send_descriptor(a, writer);
        plain_close(writer);
        let mut buf = [0; 16];
        assert_eq!(read(reader, &mut buf, GH_NEVER), 7);
        assert_eq!(read(reader, &mut buf, GH_NEVER), 0);
        join(receiver);
        for fd in [a, b, reader] {
            close(fd);
        }
    });
}

#[test]
fn a_message_tells_its_sender_and_that_it_was_cut() {
    with_hub(|| {
        let a = fd_of(udp_bind(Some("127.0.0.1"), 0));
        let b = fd_of(udp_bind(Some("127.0.0.1"), 0));
        let reader = spawn(move || {
            let mut buf = [0; 4];
            let mut iov = vector(&mut buf);
            let mut message = message(&mut iov);
            // SAFETY: plain bytes.
            let mut from: libc::sockaddr_in = unsafe { std::mem::zeroed() };
            message.msg_name = std::ptr::addr_of_mut!(from).cast();
            message.msg_namelen = std::mem::size_of::<libc::sockaddr_in>() as libc::socklen_t;
            assert_eq!(c!(gh_recvmsg(b, &mut message, 0, GH_NEVER)), 4);
            assert_ne!(message.msg_flags & libc::MSG_TRUNC, 0);
            assert_eq!(c_int::from(u16::from_be(from.sin_port)), port_of(a));
        });
        yield_now();
        let mut bytes = *b"too long";
        let mut iov = vector(&mut bytes);
        let mut message = message(&mut iov);
        let mut to = loopback(port_of(b));
        message.msg_name = std::ptr::addr_of_mut!(to).cast();
        message.msg_namelen = std::mem::size_of::<libc::sockaddr_in>() as libc::socklen_t;
        assert_eq!(c!(gh_sendmsg(a, &message, 0, GH_NEVER)), 8);
        join(reader);
        close(a);
        close(b);
    });
}

#[test]
fn sendfile_sends_a_file_from_where_it_was_told() {
    const TOTAL: usize = 3 << 20;
    with_hub(|| {
        let content: &'static [u8] = pattern(TOTAL).leak();
        let file = temporary_file(content);
        let (a, b) = socket_pair();
        let sender = spawn(move || {
            let mut offset = 1000;
            while offset < TOTAL as i64 {
                let before = offset;
                let n = sendfile(a, file, Some(&mut offset), TOTAL, GH_NEVER);
                assert!(n > 0, "{n}");
                assert_eq!(offset, before + n);
            }
            assert_eq!(sendfile(a, file, Some(&mut offset), 10, GH_NEVER), 0);
            assert_eq!(c!(libc::lseek(file, 0, libc::SEEK_CUR)), 0);
            assert_eq!(shutdown(a, libc::SHUT_WR), 0);
        });
        let mut received = vec![0; TOTAL];
        let (n, _) = recv_exact(b, &mut received, GH_NEVER);
        assert_eq!(n as usize, TOTAL - 1000);
        assert!(received[..TOTAL - 1000] == content[1000..]);
        join(sender);
        for fd in [a, b, file] {
            close(fd);
        }
    });
}

#[test]
fn sendfile_without_an_offset_moves_the_files_own() {
    with_hub(|| {
        let file = temporary_file(b"one two");
        let (reader, writer) = pipe();
        assert_eq!(sendfile(writer, file, None, 4, GH_NEVER), 4);
        assert_eq!(sendfile(writer, file, None, 100, GH_NEVER), 3);
        assert_eq!(sendfile(writer, file, None, 100, GH_NEVER), 0);
        assert_eq!(drain(reader, 100), b"one two");
        for fd in [file, reader, writer] {
            close(fd);
        }
    });
}

#[test]
fn sendfile_refuses_what_it_cannot_do() {
    with_hub(|| {
        let file = temporary_file(b"content");
        let (a, b) = socket_pair();
        assert_eq!(sendfile(a, file, Some(&mut -1), 4, GH_NEVER), -EINVAL);
        assert_eq!(sendfile(a, -1, None, 4, GH_NEVER), -EBADF);
        assert_eq!(sendfile(-1, file, None, 4, GH_NEVER), -EBADF);
        assert_eq!(sendfile(a, unused_number(), None, 4, GH_NEVER), -EBADF);
        assert_eq!(sendfile(a, file, None, 0, GH_NEVER), 0);
        let pipe = pipe();
        assert!(sendfile(a, pipe.0, None, 4, GH_NEVER) < 0, "not a file");
        for fd in [file, a, b, pipe.0, pipe.1] {
            close(fd);
        }
    });
}

static PIPE_SIGNALS: AtomicU32 = AtomicU32::new(0);

extern "C" fn count_signal(_: c_int) {
    PIPE_SIGNALS.fetch_add(1, Ordering::Relaxed);
}

/// A stream socket and a pipe whose other ends are gone.
fn broken() -> (c_int, c_int) {
    let (socket, peer) = socket_pair();
    let (reader, writer) = pipe();
    plain_close(peer);
    plain_close(reader);
    (socket, writer)
}

#[test]
fn writing_to_a_gone_peer_is_an_error_and_no_signal() {
    with_hub(|| {
        let handler: extern "C" fn(c_int) = count_signal;
        // SAFETY: the handler adds to an atomic counter and does nothing else.
        unsafe { libc::signal(libc::SIGPIPE, handler as libc::sighandler_t) };
        let (socket, writer) = broken();
        let file = temporary_file(b"content");
        let attempts = move || {
            assert_eq!(send(socket, b"data", GH_NEVER), -EPIPE);
            assert_eq!(send_all(socket, b"data", GH_NEVER), (-EPIPE, 0));
            let to = common::suspending::sendto_peer(socket, b"data", GH_NEVER);
            assert_eq!(to, -EPIPE);
            assert_eq!(common::suspending::sendmsg(socket, GH_NEVER), -EPIPE);
            for fd in [socket, writer] {
                assert_eq!(write(fd, b"data", GH_NEVER), -EPIPE);
                assert_eq!(common::suspending::writev(fd, GH_NEVER), -EPIPE);
                let sent = sendfile(fd, file, Some(&mut 0), 4, GH_NEVER);
                assert_eq!(sent, -EPIPE);
            }
        };
        attempts();
        join(spawn(attempts));
        assert_eq!(PIPE_SIGNALS.load(Ordering::Relaxed), 0);
        for fd in [socket, writer, file] {
            close(fd);
        }
    });
}

#[test]
fn the_peer_going_away_ends_a_waiting_write() {
    with_hub(|| {
        let (a, b) = socket_pair();
        let (reader, writer) = pipe();
        fill(a);
        fill(writer);
        let threads = [
            spawn(move || {
                let result = send(a, b"data", GH_NEVER);
                assert!([-EPIPE, -ECONNRESET].contains(&result), "{result}");
            }),
            spawn(move || assert_eq!(write(writer, b"data", GH_NEVER), -EPIPE)),
        ];
        yield_now();
        plain_close(b);
        plain_close(reader);
        for thread in threads {
            join(thread);
        }
        close(a);
        close(writer);
    });
}
