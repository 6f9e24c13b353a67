//! Faults that the flags of receiving once had: whole messages, errors and urgent data.

mod common;
use common::*;

/// Each kind of socket that keeps message boundaries: one end to receive at, one to send from.
fn message_pairs() -> [(c_int, c_int); 3] {
    let udp = fd_of(udp_bind(Some("127.0.0.1"), 0));
    let peer = fd_of(udp_bind(Some("127.0.0.1"), 0));
    connect_udp(peer, port_of(udp));
    let mut packets = [-1; 2];
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
    assert_eq!(c!(libc::socketpair(libc::AF_UNIX, kind, 0, packets.as_mut_ptr())), 0);
    [datagram_pair(), (udp, peer), (packets[0], packets[1])]
}

fn connect_udp(fd: c_int, port: c_int) {
    let address = loopback(port);
    let length = std::mem::size_of::<libc::sockaddr_in>() as libc::socklen_t;
    assert_eq!(c!(libc::connect(fd, std::ptr::addr_of!(address).cast(), length)), 0);
}

#[test]
fn one_message_is_the_whole_of_what_a_message_socket_gives() {
    with_hub(|| {
        for (fd, peer) in message_pairs() {
            for text in ["one", "two", "three"] {
                plain_write(peer, text.as_bytes());
            }
            let mut buf = [0; 16];
            assert_eq!(recv_flags(fd, &mut buf, libc::MSG_WAITALL, after_ms(2_000)), 3);
            assert_eq!(&buf[..3], b"one");
            assert_eq!(recv_exact(fd, &mut buf, after_ms(2_000)), (3, 3));
            assert_eq!(&buf[..3], b"two");
            assert_eq!(recv(fd, &mut buf, after_ms(2_000)), 5);
            assert_eq!(&buf[..5], b"three");
            close(fd);
            close(peer);
        }
    });
}

#[test]
fn one_message_is_waited_for_where_the_whole_is_asked_for() {
    with_hub(|| {
        for (fd, peer) in message_pairs() {
            let other = spawn(move || {
                for text in ["one", "two"] {
                    assert_eq!(sleep_ms(3), 0);
                    plain_write(peer, text.as_bytes());
                }
            });
            let mut buf = [0; 16];
            assert_eq!(recv_flags(fd, &mut buf, libc::MSG_WAITALL, after_ms(5_000)), 3);
            assert_eq!(&buf[..3], b"one");
            assert_eq!(recv_exact(fd, &mut buf, after_ms(5_000)), (3, 3));
            assert_eq!(&buf[..3], b"two");
            join(other);
            close(fd);
            close(peer);
        }
    });
}

#[test]
fn recv_exact_refuses_flags_that_repeated_receives_would_turn_into_nonsense() {
    let refused = [libc::MSG_PEEK, libc::MSG_TRUNC, libc::MSG_OOB, libc::MSG_ERRQUEUE];
    with_hub(|| {
        for (fd, peer) in [socket_pair(), tcp_pair(), datagram_pair()] {
            plain_write(peer, b"abcdef");
            assert_eq!(wait_fd(fd, libc::POLLIN, after_ms(5_000)), i64::from(libc::POLLIN));
            for flag in refused {
                for flags in [flag, flag | libc::MSG_WAITALL, flag | libc::MSG_DONTWAIT] {
                    let (mut buf, mut received) = ([b'-'; 4], usize::MAX);
                    let room = buf.as_mut_ptr().cast();
                    let result = c!(gh_recv_exact(fd, room, 4, flags, &mut received, GH_NEVER));
                    assert_eq!((result as i64, received), (-EINVAL, 0), "flags {flags:#x}");
                    assert_eq!(&buf, b"----", "flags {flags:#x}");
                }
            }
            let mut buf = [0; 6];
            assert_eq!(recv_exact(fd, &mut buf, after_ms(2_000)), (6, 6));
            assert_eq!(&buf, b"abcdef");
            close(fd);
            close(peer);
        }
    });
}

/// What recv(2) gives when it may not wait.
fn plain_recv(fd: c_int, flags: c_int) -> i64 {
    let mut buf = [0_u8; 64];
    match c!(libc::recv(fd, buf.as_mut_ptr().cast(), buf.len(), flags | libc::MSG_DONTWAIT)) {
        count if count >= 0 => count as i64,
        _ => -i64::from(errno()),
    }
}

fn recvmsg_flags(fd: c_int, flags: c_int, deadline: i64) -> i64 {
    // SAFETY: plain numbers and pointers that may be null.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    c!(gh_recvmsg(fd, &mut message, flags, deadline)) as i64
}

#[test]
fn errors_and_urgent_data_are_never_waited_for() {
    with_hub(|| {
        let udp = fd_of(udp_bind(Some("127.0.0.1"), 0));
        let (client, server) = tcp_pair();
        let (stream, stream_peer) = socket_pair();
        let (blocking, blocking_peer) = blocking_socket_pair();
        for fd in [udp, server, stream, blocking] {
            for flag in [libc::MSG_ERRQUEUE, libc::MSG_OOB] {
                let expected = plain_recv(fd, flag);
                assert!(expected < 0, "there is nothing");
                for _ in 0..2 {
                    let what = format!("flag {flag:#x}, recv(2) gives {expected}");
                    let mut buf = [0; 8];
                    assert_eq!(recv_flags(fd, &mut buf, flag, after_ms(500)), expected, "{what}");
                    assert_eq!(recvmsg_flags(fd, flag, after_ms(500)), expected, "{what}");
                }
            }
        }
        assert_eq!(plain_recv(udp, libc::MSG_ERRQUEUE), -EAGAIN, "the case that used to wait");
        for fd in [udp, client, server, stream, stream_peer, blocking, blocking_peer] {
            close(fd);
        }
    });
}

#[test]
fn asking_for_errors_or_urgent_data_does_not_hide_what_is_queued() {
    with_hub(|| {
        let (client, server) = tcp_pair();
        let [(udp, udp_peer), ..] = message_pairs();
        let pairs = [(server, client), (udp, udp_peer), datagram_pair(), socket_pair()];
        for (fd, peer) in pairs {
            // From here on the hub knows when the descriptor is ready.
            assert_eq!(recv(fd, &mut [0; 8], after_ms(2)), -ETIMEDOUT);
            for flag in [libc::MSG_ERRQUEUE, libc::MSG_OOB] {
                plain_write(peer, b"data");
                assert_eq!(wait_fd(fd, libc::POLLIN, after_ms(5_000)), i64::from(libc::POLLIN));
                let expected = plain_recv(fd, flag | libc::MSG_PEEK);
                if expected >= 0 {
                    // This kind of socket does not know the flag.
                    assert_eq!(recv(fd, &mut [0; 8], after_ms(2_000)), 4);
                    continue;
                }
                let mut buf = [0; 8];
                assert_eq!(recv_flags(fd, &mut buf, flag, after_ms(500)), expected);
                assert_eq!(recv(fd, &mut buf, after_ms(2_000)), 4, "flag {flag:#x}");
                assert_eq!(&buf[..4], b"data");
            }
            close(fd);
            close(peer);
        }
    });
}
