//! TCP: connecting, accepting, backlogs, echo, both IP versions.

mod common;
use common::*;

fn echo(fd: c_int) {
    let mut buf = [0; 4096];
    loop {
        let n = recv(fd, &mut buf, GH_NEVER);
        if n <= 0 {
            assert_eq!(n, 0, "end of file");
            break;
        }
        assert_eq!(send_all(fd, &buf[..n as usize], GH_NEVER), (n, n as usize));
    }
    assert_eq!(close(fd), 0);
}

#[test]
fn a_hundred_clients_and_an_echo_server_in_one_os_thread() {
    const CLIENTS: usize = 100;
    with_hub(|| {
        let (listener, port) = listener();
        let server = spawn(move || {
            for _ in 0..CLIENTS {
                let fd = fd_of(accept(listener, GH_NEVER));
                spawn_detached(move || echo(fd));
            }
        });
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                spawn(move || {
                    let fd = fd_of(tcp_connect("127.0.0.1", port, after_ms(10_000)));
                    for round in 0..20 {
                        let sent = [(client * 31 + round) as u8; 64];
                        let mut back = [0; 64];
                        assert_eq!(send_all(fd, &sent, GH_NEVER).0, 64);
                        assert_eq!(recv_exact(fd, &mut back, GH_NEVER).0, 64);
                        assert_eq!(back, sent);
                    }
                    assert_eq!(close(fd), 0);
                })
            })
            .collect();
        join(server);
        join_all(clients);
        close(listener);
        assert_eq!(run(), 0);
        assert_eq!(stats().descriptors, 0);
    });
}

#[test]
fn descriptors_are_made_nonblocking_and_close_on_exec() {
    with_hub(|| {
        let (listener, port) = listener();
        let client = fd_of(tcp_connect("127.0.0.1", port, after_ms(10_000)));
        let server = fd_of(accept(listener, after_ms(10_000)));
        let made = c!(gh_socket(libc::AF_INET, libc::SOCK_STREAM, 0));
        for fd in [listener, client, server, made] {
            assert!(is_nonblocking(fd) && is_close_on_exec(fd));
            assert_eq!(close(fd), 0);
        }
    });
}

#[test]
fn accept_tells_the_peers_address() {
    with_hub(|| {
        let (listener, port) = listener();
        let client = fd_of(tcp_connect("127.0.0.1", port, after_ms(10_000)));
        // SAFETY: plain bytes.
        let mut address: libc::sockaddr_in = unsafe { std::mem::zeroed() };
        let mut len = std::mem::size_of::<libc::sockaddr_in>() as libc::socklen_t;
        let fd = c!(gh_accept(
            listener,
            std::ptr::addr_of_mut!(address).cast(),
            &mut len,
            after_ms(10_000)
        ));
        assert!(fd >= 0);
        assert_eq!(len as usize, std::mem::size_of::<libc::sockaddr_in>());
        assert_eq!(i32::from(address.sin_family), libc::AF_INET);
        assert_eq!(u16::from_be(address.sin_port) as c_int, port_of(client));
        for fd in [fd, client, listener] {
            close(fd);
        }
    });
}

#[test]
fn accept_waits_and_connections_are_taken_in_their_order() {
    with_hub(|| {
        let (listener, port) = listener();
        let acceptor = spawn(move || {
            for n in 0..10_u8 {
                let fd = fd_of(accept(listener, GH_NEVER));
                let mut byte = [0];
                assert_eq!(recv(fd, &mut byte, GH_NEVER), 1);
                assert_eq!(byte[0], n);
                close(fd);
            }
        });
        yield_now();
        for n in 0..10_u8 {
            let fd = fd_of(tcp_connect("127.0.0.1", port, after_ms(10_000)));
            assert_eq!(send(fd, &[n], GH_NEVER), 1);
            close(fd);
        }
        join(acceptor);
        close(listener);
    });
}

#[test]
fn a_burst_of_connections_waits_in_the_backlog() {
    with_hub(|| {
        let (listener, port) = listener();
        let clients: Vec<_> =
            (0..500).map(|_| fd_of(tcp_connect("127.0.0.1", port, after_ms(10_000)))).collect();
        for _ in 0..500 {
            close(fd_of(accept(listener, after_ms(10_000))));
        }
        assert_eq!(accept(listener, PAST), -ETIMEDOUT);
        for fd in clients {
            close(fd);
        }
        close(listener);
    });
}

#[test]
fn connecting_where_nobody_listens_is_refused() {
    with_hub(|| {
        let (listener, port) = listener();
        close(listener);
        for deadline in [GH_NEVER, after_ms(10_000)] {
            assert_eq!(tcp_connect("127.0.0.1", port, deadline), -ECONNREFUSED);
            assert_eq!(common::suspending::connect_to(port, deadline), -ECONNREFUSED);
        }
    });
}

#[test]
fn connecting_to_a_full_backlog_waits_until_the_deadline() {
    with_hub(|| {
        let (listener, port, crowd) = common::suspending::full_listener();
        let deadline = after_ms(30);
        assert_eq!(tcp_connect("127.0.0.1", port, deadline), -ETIMEDOUT);
        assert!(now() >= deadline);
        for fd in crowd {
            close(fd);
        }
        close(listener);
    });
}

#[test]
fn a_connected_socket_cannot_be_connected_again() {
    with_hub(|| {
        let (listener, port) = listener();
        let fd = fd_of(tcp_connect("127.0.0.1", port, after_ms(10_000)));
        let address = loopback(port);
        let again = c!(gh_connect(
            fd,
            std::ptr::addr_of!(address).cast(),
            std::mem::size_of::<libc::sockaddr_in>() as libc::socklen_t,
            after_ms(10_000)
        ));
        assert_eq!(i64::from(again), -EISCONN);
        close(fd);
        close(listener);
    });
}

#[test]
fn a_port_can_be_listened_on_again_at_once() {
    with_hub(|| {
        let (listener, port) = listener();
        let client = fd_of(tcp_connect("127.0.0.1", port, after_ms(10_000)));
        let server = fd_of(accept(listener, after_ms(10_000)));
        assert_eq!(tcp_listen(Some("127.0.0.1"), port, 16), -EADDRINUSE);
        // The side that closes first keeps the port in TIME_WAIT.
        close(server);
        assert_eq!(recv(client, &mut [0; 1], GH_NEVER), 0);
        close(client);
        close(listener);
        close(fd_of(tcp_listen(Some("127.0.0.1"), port, 16)));
    });
}

#[test]
fn ipv6_serves_as_well() {
    with_hub(|| {
        let fd = tcp_listen(Some("::1"), 0, 16);
        if fd == -EADDRNOTAVAIL || fd == -i64::from(libc::EAFNOSUPPORT) {
            eprintln!("skipped: this machine has no IPv6 loopback");
            return;
        }
        let listener = fd_of(fd);
        let server = spawn(move || echo(fd_of(accept(listener, GH_NEVER))));
        let client = fd_of(tcp_connect("::1", port_of(listener), after_ms(10_000)));
        assert_eq!(send_all(client, b"six", GH_NEVER).0, 3);
        let mut back = [0; 3];
        assert_eq!(recv_exact(client, &mut back, GH_NEVER).0, 3);
        assert_eq!(&back, b"six");
        close(client);
        join(server);
        close(listener);
    });
}

#[test]
fn no_host_means_every_address() {
    with_hub(|| {
        let listener = fd_of(tcp_listen(None, 0, 16));
        let port = port_of(listener);
        let mut hosts = vec!["127.0.0.1"];
        if let Ok(probe) = std::net::TcpListener::bind("[::1]:0") {
            drop(probe);
            hosts.push("::1");
        }
        for host in hosts {
            let client = fd_of(tcp_connect(host, port, after_ms(10_000)));
            close(fd_of(accept(listener, after_ms(10_000))));
            close(client);
        }
        close(listener);
    });
}

#[test]
fn urgent_data_waits_for_room_as_any_other() {
    with_hub(|| {
        let (a, b) = tcp_pair();
        fill(a);
        let send = |deadline| {
            let byte = [1u8; 4096];
            let flags = libc::MSG_OOB;
            c!(gh_send(a, byte.as_ptr().cast(), byte.len(), flags, deadline)) as i64
        };
        let begin = now();
        assert_eq!(send(after_ms(30)), -ETIMEDOUT);
        assert!(now() - begin >= 30 * MILLISECOND);
        assert_eq!((close(a), close(b)), (0, 0));
    });
}
