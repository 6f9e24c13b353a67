//! Unix sockets and datagrams.

mod common;
use common::*;

#[test]
fn a_unix_server_and_its_clients() {
    with_hub(|| {
        let path = socket_path("server");
        let listener = fd_of(unix_listen(&path, 64));
        assert!(is_nonblocking(listener) && is_close_on_exec(listener));
        let server = spawn(move || {
            for _ in 0..20 {
                let fd = fd_of(accept(listener, GH_NEVER));
                spawn_detached(move || {
                    let mut buf = [0; 5];
                    assert_eq!(recv_exact(fd, &mut buf, GH_NEVER).0, 5);
                    assert_eq!(send_all(fd, &buf, GH_NEVER).0, 5);
                    close(fd);
                });
            }
        });
        let clients: Vec<_> = (0..20)
            .map(|_| {
                let path = path.clone();
                spawn(move || {
                    let fd = fd_of(unix_connect(&path, after_ms(10_000)));
                    assert!(is_nonblocking(fd) && is_close_on_exec(fd));
                    assert_eq!(send_all(fd, b"hello", GH_NEVER).0, 5);
                    let mut back = [0; 5];
                    assert_eq!(recv_exact(fd, &mut back, GH_NEVER).0, 5);
                    assert_eq!(&back, b"hello");
                    assert_eq!(recv(fd, &mut back, GH_NEVER), 0);
                    close(fd);
                })
            })
            .collect();
        join(server);
        join_all(clients);
        close(listener);
        std::fs::remove_file(&path).expect("closing does not remove the file");
        assert_eq!(run(), 0);
    });
}

#[test]
fn a_path_in_use_is_not_taken_over() {
    with_hub(|| {
        let path = socket_path("taken");
        let listener = fd_of(unix_listen(&path, 1));
        assert_eq!(unix_listen(&path, 1), -EADDRINUSE);
        close(listener);
        assert_eq!(unix_connect(&path, after_ms(100)), -ECONNREFUSED);
        std::fs::remove_file(&path).expect("the socket's file");
        assert_eq!(unix_connect(&path, after_ms(100)), -ENOENT);
    });
}

#[test]
fn a_full_unix_backlog_makes_connect_wait_until_there_is_room() {
    with_hub(|| {
        let path = socket_path("backlog");
        let listener = fd_of(unix_listen(&path, 1));
        let mut clients = Vec::new();
        let late = loop {
            let deadline = after_ms(30);
            let client = unix_connect(&path, deadline);
            if client < 0 {
                assert!(now() >= deadline, "no error before the deadline");
                break client;
            }
            clients.push(fd_of(client));
            assert!(clients.len() < 100, "a backlog of one fills up");
        };
        assert_eq!(late, -ETIMEDOUT);
        assert_eq!(unix_connect(&path, PAST), -ETIMEDOUT);

        let waiting = spawn(move || close_it(unix_connect(&path, after_ms(30_000))));
        sleep_ms(10);
        for _ in 0..=clients.len() {
            close(fd_of(accept(listener, after_ms(10_000))));
        }
        join(waiting);
        for fd in clients {
            close(fd);
        }
        close(listener);
    });
}

fn close_it(result: i64) {
    assert_eq!(close(fd_of(result)), 0);
}

fn udp_address(fd: c_int) -> libc::sockaddr_in {
    loopback(port_of(fd))
}

fn send_to(fd: c_int, to: c_int, bytes: &[u8]) -> i64 {
    let address = udp_address(to);
    c!(gh_sendto(
        fd,
        bytes.as_ptr().cast(),
        bytes.len(),
        0,
        std::ptr::addr_of!(address).cast(),
        std::mem::size_of::<libc::sockaddr_in>() as libc::socklen_t,
        GH_NEVER
    )) as i64
}

fn udp() -> c_int {
    fd_of(udp_bind(Some("127.0.0.1"), 0))
}

#[test]
fn datagrams_come_with_their_senders_address() {
    with_hub(|| {
        let (a, b) = (udp(), udp());
        assert!(is_nonblocking(a) && is_close_on_exec(a));
        let reader = spawn(move || {
            let mut buf = [0; 64];
            // SAFETY: plain bytes.
            let mut from: libc::sockaddr_in = unsafe { std::mem::zeroed() };
            let mut len = std::mem::size_of::<libc::sockaddr_in>() as libc::socklen_t;
            let n = c!(gh_recvfrom(
                b,
                buf.as_mut_ptr().cast(),
                buf.len(),
                0,
                std::ptr::addr_of_mut!(from).cast(),
                &mut len,
                GH_NEVER
            ));
            assert_eq!(&buf[..n as usize], b"ping");
            assert_eq!(len as usize, std::mem::size_of::<libc::sockaddr_in>());
            assert_eq!(c_int::from(u16::from_be(from.sin_port)), port_of(a));
            let back = c!(gh_sendto(
                b,
                b"pong".as_ptr().cast(),
                4,
                0,
                std::ptr::addr_of!(from).cast(),
                len,
                GH_NEVER
            ));
            assert_eq!(back, 4);
        });
        yield_now();
        assert_eq!(send_to(a, b, b"ping"), 4);
        let mut buf = [0; 64];
        assert_eq!(recv(a, &mut buf, GH_NEVER), 4);
        assert_eq!(&buf[..4], b"pong");
        join(reader);
        close(a);
        close(b);
    });
}

#[test]
fn a_datagram_without_bytes_is_a_datagram() {
    with_hub(|| {
        let (a, b) = (udp(), udp());
        let reader = spawn(move || {
            let mut buf = [7; 8];
            assert_eq!(recvfrom(b, &mut buf, GH_NEVER), 0);
            assert_eq!(recvfrom(b, &mut buf, GH_NEVER), 4, "the next one is still there");
            assert_eq!(recvfrom(b, &mut buf, now() + MILLISECOND), -ETIMEDOUT);
        });
        yield_now();
        assert_eq!(send_to(a, b, b""), 0);
        assert_eq!(send_to(a, b, b"next"), 4);
        join(reader);
        close(a);
        close(b);
    });
}

#[test]
fn a_datagram_too_large_for_the_buffer_is_cut() {
    with_hub(|| {
        let (a, b) = (udp(), udp());
        send_to(a, b, b"twelve bytes");
        send_to(a, b, b"twelve bytes");
        send_to(a, b, b"x");
        let mut buf = [0; 4];
        assert_eq!(recv(b, &mut buf, GH_NEVER), 4);
        assert_eq!(&buf, b"twel");
        assert_eq!(recv_flags(b, &mut buf, libc::MSG_TRUNC, GH_NEVER), 12);
        assert_eq!(recv(b, &mut buf, GH_NEVER), 1);
        assert_eq!(send_to(a, b, &[0; 70_000]), -EMSGSIZE);
        close(a);
        close(b);
    });
}

#[test]
fn one_wake_up_serves_every_datagram_and_every_reader() {
    with_hub(|| {
        let (a, b) = (udp(), udp());
        let log = log();
        let readers: Vec<_> = (0..5)
            .map(|reader| {
                spawn(move || {
                    let mut buf = [0; 64];
                    assert_eq!(recv(b, &mut buf, GH_NEVER), 1);
                    log.push((reader, buf[0]));
                })
            })
            .collect();
        yield_now();
        for n in 0..5 {
            send_to(a, b, &[n]);
        }
        join_all(readers);
        assert_eq!(log.take(), [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4)]);
        close(a);
        close(b);
    });
}

#[test]
fn a_connected_udp_socket_hears_that_nobody_listens() {
    with_hub(|| {
        let fd = udp();
        let nobody = {
            let other = udp();
            let address = udp_address(other);
            close(other);
            address
        };
        let connected = c!(gh_connect(
            fd,
            std::ptr::addr_of!(nobody).cast(),
            std::mem::size_of::<libc::sockaddr_in>() as libc::socklen_t,
            PAST
        ));
        assert_eq!(connected, 0, "connecting a datagram socket does not wait");
        let reader = spawn(move || {
            assert_eq!(recv(fd, &mut [0; 4], after_ms(10_000)), -ECONNREFUSED);
        });
        yield_now();
        assert_eq!(send(fd, b"anyone?", GH_NEVER), 7);
        join(reader);
        close(fd);
    });
}

#[test]
fn unix_datagrams_wait_for_room_and_keep_their_boundaries() {
    with_hub(|| {
        let (a, b) = datagram_pair();
        let writer = spawn(move || {
            for n in 0..2000_u32 {
                let size = 1 + n as usize % 500;
                let bytes = vec![n as u8; size];
                assert_eq!(send(a, &bytes, GH_NEVER), size as i64);
            }
        });
        for n in 0..2000_u32 {
            let mut buf = [0; 512];
            let size = recv(b, &mut buf, GH_NEVER);
            assert_eq!(size, 1 + i64::from(n) % 500);
            assert!(buf[..size as usize].iter().all(|&byte| byte == n as u8));
        }
        join(writer);
        close(a);
        close(b);
    });
}

#[test]
fn sequenced_packets_keep_boundaries_and_tell_the_end() {
    with_hub(|| {
        let mut fds = [-1; 2];
        let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
        assert_eq!(c!(libc::socketpair(libc::AF_UNIX, kind, 0, fds.as_mut_ptr())), 0);
        let [a, b] = fds;
        let reader = spawn(move || {
            let mut buf = [0; 64];
            assert_eq!(recv(b, &mut buf, GH_NEVER), 3);
            assert_eq!(recv(b, &mut buf, GH_NEVER), 5);
            assert_eq!(recv(b, &mut buf, GH_NEVER), 0);
        });
        yield_now();
        assert_eq!(send(a, b"one", GH_NEVER), 3);
        assert_eq!(send(a, b"three", GH_NEVER), 5);
        close(a);
        join(reader);
        close(b);
    });
}

#[test]
fn a_udp_port_in_use_is_an_error() {
    with_hub(|| {
        let fd = udp();
        assert_eq!(udp_bind(Some("127.0.0.1"), port_of(fd)), -EADDRINUSE);
        close(fd);
        let any = fd_of(udp_bind(None, 0));
        let sender = udp();
        assert_eq!(send_to(sender, any, b"any"), 3);
        assert_eq!(recv(any, &mut [0; 8], after_ms(10_000)), 3);
        close(any);
        close(sender);
    });
}
