//! Every function with every kind of bad argument: an error code, nothing else. What belongs to
//! hub handles stands in `behaviour_free`, hosts and paths in `behaviour_addresses`, option structs
//! in `behaviour_hub` and `behaviour_names`.

mod common;
use common::*;

const NEVER_OPEN: [c_int; 4] = [-1, -2, c_int::MIN, c_int::MAX];

type Io = (&'static str, fn(c_int) -> i64);

/// Every call that takes a descriptor, with sound arguments otherwise.
const CALLS: [Io; 19] = [
    ("gh_wait_fd", |fd| wait_fd(fd, libc::POLLIN, GH_NEVER)),
    ("gh_connect", |fd| connect(fd, GH_NEVER)),
    ("gh_listen", |fd| i64::from(c!(gh_listen(fd, 16)))),
    ("gh_accept", |fd| accept(fd, GH_NEVER)),
    ("gh_recv", |fd| recv(fd, &mut [0; 8], GH_NEVER)),
    ("gh_send", |fd| send(fd, b"data", GH_NEVER)),
    ("gh_recvfrom", |fd| recvfrom(fd, &mut [0; 8], GH_NEVER)),
    ("gh_sendto", |fd| common::suspending::sendto_peer(fd, b"data", GH_NEVER)),
    ("gh_recvmsg", |fd| common::suspending::recvmsg(fd, GH_NEVER)),
    ("gh_sendmsg", |fd| common::suspending::sendmsg(fd, GH_NEVER)),
    ("gh_recvmmsg", |fd| common::suspending::recvmmsg(fd, GH_NEVER)),
    ("gh_sendmmsg", |fd| common::suspending::sendmmsg(fd, GH_NEVER)),
    ("gh_send_all", |fd| send_all(fd, b"data", GH_NEVER).0),
    ("gh_recv_exact", |fd| recv_exact(fd, &mut [0; 8], GH_NEVER).0),
    ("gh_shutdown", |fd| shutdown(fd, libc::SHUT_RDWR)),
    ("gh_read", |fd| read(fd, &mut [0; 8], GH_NEVER)),
    ("gh_write", |fd| write(fd, b"data", GH_NEVER)),
    ("gh_readv", |fd| common::suspending::readv(fd, GH_NEVER)),
    ("gh_writev", |fd| common::suspending::writev(fd, GH_NEVER)),
];

/// Of those, the ones that need a socket: all before `gh_read` but the first.
fn socket_calls() -> impl Iterator<Item = Io> {
    CALLS.into_iter().skip(1).take(14)
}

fn connect(fd: c_int, deadline: i64) -> i64 {
    let address = loopback(9);
    i64::from(c!(gh_connect(
        fd,
        std::ptr::addr_of!(address).cast(),
        std::mem::size_of::<libc::sockaddr_in>() as libc::socklen_t,
        deadline
    )))
}

fn in_root_and_green_thread(body: fn()) {
    with_hub(move || {
        body();
        join(spawn(body));
    });
}

#[test]
fn descriptors_that_are_not_open() {
    in_root_and_green_thread(|| {
        let closed = unused_number();
        for fd in NEVER_OPEN.into_iter().chain([closed]) {
            for (name, call) in CALLS {
                assert_eq!(call(fd), -EBADF, "{name} of {fd}");
            }
            assert_eq!(close(fd), -EBADF);
        }
    });
}

#[test]
fn descriptors_that_are_no_sockets() {
    in_root_and_green_thread(|| {
        let (reader, writer) = pipe();
        let file = temporary_file(b"content");
        for fd in [reader, writer, file] {
            for (name, call) in socket_calls() {
                assert_eq!(call(fd), -ENOTSOCK, "{name} of {fd}");
            }
        }
        for fd in [reader, writer, file] {
            close(fd);
        }
    });
}

#[test]
fn descriptors_opened_for_the_other_direction() {
    in_root_and_green_thread(|| {
        let (reader, writer) = pipe();
        assert_eq!(read(writer, &mut [0; 8], GH_NEVER), -EBADF);
        assert_eq!(write(reader, b"data", GH_NEVER), -EBADF);
        assert_eq!(common::suspending::readv(writer, GH_NEVER), -EBADF);
        assert_eq!(common::suspending::writev(reader, GH_NEVER), -EBADF);
        close(reader);
        close(writer);
    });
}

#[test]
fn sockets_in_the_wrong_state() {
    in_root_and_green_thread(|| {
        let fd = fd_of(i64::from(c!(gh_socket(libc::AF_INET, libc::SOCK_STREAM, 0))));
        assert_eq!(accept(fd, GH_NEVER), -EINVAL, "not listening");
        assert_eq!(recv(fd, &mut [0; 8], GH_NEVER), -ENOTCONN);
        assert_eq!(shutdown(fd, libc::SHUT_WR), -ENOTCONN);
        assert_eq!(send(fd, b"data", GH_NEVER), -EPIPE);
        close(fd);
        let datagram = fd_of(udp_bind(Some("127.0.0.1"), 0));
        assert_eq!(accept(datagram, GH_NEVER), -EOPNOTSUPP);
        assert_eq!(i64::from(c!(gh_listen(datagram, 1))), -EOPNOTSUPP);
        assert_eq!(send(datagram, b"data", GH_NEVER), -EDESTADDRREQ);
        close(datagram);
        let (a, b) = socket_pair();
        assert_eq!(shutdown(a, 77), -EINVAL);
        assert_eq!(shutdown(a, -1), -EINVAL);
        close(a);
        close(b);
    });
}

#[test]
fn sockets_of_no_kind() {
    in_root_and_green_thread(|| {
        let cases = [
            (-1, libc::SOCK_STREAM, 0),
            (9999, libc::SOCK_STREAM, 0),
            (libc::AF_INET, -1, 0),
            (libc::AF_INET, 99, 0),
            (libc::AF_INET, libc::SOCK_STREAM, 9999),
            (libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_UDP),
        ];
        for (domain, kind, protocol) in cases {
            let result = i64::from(c!(gh_socket(domain, kind, protocol)));
            assert!(
                result < 0 && result > -4096,
                "gh_socket({domain}, {kind}, {protocol}): {result}"
            );
        }
        let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        close(fd_of(i64::from(c!(gh_socket(libc::AF_UNIX, kind, 0)))));
    });
}

#[test]
fn null_where_there_are_bytes() {
    in_root_and_green_thread(|| {
        let (a, b) = socket_pair();
        plain_write(b, b"data");
        let null_buf: *mut c_void = null_mut();
        let results = [
            ("gh_recv", c!(gh_recv(a, null_buf, 4, 0, GH_NEVER))),
            ("gh_send", c!(gh_send(a, null_buf, 4, 0, GH_NEVER))),
            ("gh_recvfrom", c!(gh_recvfrom(a, null_buf, 4, 0, null_mut(), null_mut(), GH_NEVER))),
            ("gh_sendto", c!(gh_sendto(a, null_buf, 4, 0, null(), 0, GH_NEVER))),
            ("gh_read", c!(gh_read(a, null_buf, 4, GH_NEVER))),
            ("gh_write", c!(gh_write(a, null_buf, 4, GH_NEVER))),
            ("gh_readv", c!(gh_readv(a, null(), 2, GH_NEVER))),
            ("gh_writev", c!(gh_writev(a, null(), 2, GH_NEVER))),
            ("gh_send_all", c!(gh_send_all(a, null_buf, 4, 0, null_mut(), GH_NEVER))),
            ("gh_recv_exact", c!(gh_recv_exact(a, null_buf, 4, 0, null_mut(), GH_NEVER))),
            ("gh_recvmsg", c!(gh_recvmsg(a, null_mut(), 0, GH_NEVER))),
            ("gh_sendmsg", c!(gh_sendmsg(a, null(), 0, GH_NEVER))),
            ("gh_recvmmsg", c!(gh_recvmmsg(a, null_mut(), 1, 0, GH_NEVER)) as isize),
            ("gh_sendmmsg", c!(gh_sendmmsg(a, null_mut(), 1, 0, GH_NEVER)) as isize),
            ("gh_poll", c!(gh_poll(null_mut(), 3, GH_NEVER)) as isize),
            ("gh_connect", c!(gh_connect(a, null(), 16, GH_NEVER)) as isize),
        ];
        for (name, result) in results {
            let result = result as i64;
            assert!([-EFAULT, -EINVAL].contains(&result), "{name}: {result}");
        }
        assert_eq!(drain(a, 8), b"data", "nothing was taken");
        close(a);
        close(b);
    });
}

#[test]
fn bytes_that_are_not_there() {
    in_root_and_green_thread(|| {
        let (a, b) = socket_pair();
        let nowhere = 8 as *mut c_void;
        assert_eq!(c!(gh_send(a, nowhere, 4, 0, GH_NEVER)) as i64, -EFAULT);
        assert_eq!(c!(gh_write(a, nowhere, 4, GH_NEVER)) as i64, -EFAULT);
        plain_write(b, b"data");
        assert_eq!(c!(gh_recv(a, nowhere, 4, 0, GH_NEVER)) as i64, -EFAULT);
        assert_eq!(c!(gh_read(a, nowhere, 4, GH_NEVER)) as i64, -EFAULT);
        close(a);
        close(b);
    });
}

#[test]
fn lengths_that_nothing_has() {
    in_root_and_green_thread(|| {
        let (a, b) = socket_pair();
        let mut buf = *b"datadata";
        let buf = buf.as_mut_ptr().cast::<c_void>();
        for len in [usize::MAX, isize::MAX as usize + 1] {
            let mut told = 77;
            let results = [
                ("gh_recv", c!(gh_recv(a, buf, len, 0, PAST))),
                ("gh_send", c!(gh_send(a, buf, len, 0, PAST))),
                ("gh_read", c!(gh_read(a, buf, len, PAST))),
                ("gh_write", c!(gh_write(a, buf, len, PAST))),
                ("gh_send_all", c!(gh_send_all(a, buf, len, 0, &mut told, PAST))),
                ("gh_recv_exact", c!(gh_recv_exact(a, buf, len, 0, &mut told, PAST))),
            ];
            for (name, result) in results {
                assert!(result < 0, "{name} of {len} bytes: {result}");
            }
        }
        close(a);
        close(b);
    });
}

#[test]
fn too_many_descriptors_to_poll() {
    in_root_and_green_thread(|| {
        let mut fds = [pollfd(-1, libc::POLLIN)];
        for count in [usize::MAX, usize::MAX / 8, isize::MAX as usize] {
            let result = i64::from(c!(gh_poll(fds.as_mut_ptr(), count, PAST)));
            assert_eq!(result, -EINVAL, "{count}");
        }
    });
}

#[test]
fn addresses_of_no_length_and_of_no_family() {
    in_root_and_green_thread(|| {
        let fd = fd_of(i64::from(c!(gh_socket(libc::AF_INET, libc::SOCK_STREAM, 0))));
        let address = loopback(9);
        let address: *const libc::sockaddr = std::ptr::addr_of!(address).cast();
        for len in [0, 1, 8, 200, u32::MAX, i32::MAX as u32] {
            let result = i64::from(c!(gh_connect(fd, address, len, GH_NEVER)));
            let refused = [-EINVAL, -ECONNREFUSED].contains(&result);
            assert!(refused && (len == 200 || result == -EINVAL), "{len}: {result}");
        }
        let odd = libc::sockaddr { sa_family: 9999, sa_data: [0; 14] };
        let result = i64::from(c!(gh_connect(fd, &odd, 16, GH_NEVER)));
        assert_eq!(result, -i64::from(libc::EAFNOSUPPORT));
        close(fd);

        let (listener, port) = listener();
        let client = fd_of(tcp_connect("127.0.0.1", port, after_ms(10_000)));
        let mut len = 16;
        let result = c!(gh_accept(listener, null_mut(), &mut len, GH_NEVER));
        close(fd_of(i64::from(result)));
        close(client);
        close(listener);
    });
}

#[test]
fn flags_and_events_that_mean_nothing() {
    in_root_and_green_thread(|| {
        let (a, b) = socket_pair();
        let urgent = recv_flags(a, &mut [0; 4], libc::MSG_OOB, GH_NEVER);
        assert!([-EOPNOTSUPP, -EINVAL].contains(&urgent), "{urgent}: nothing urgent has come");
        let hang_up = c_int::from(libc::POLLHUP);
        for events in [0, hang_up, -1, c_int::MAX, c_int::MIN, 0x1_0000, 0x1_0001] {
            let result = i64::from(c!(gh_wait_fd(a, events, PAST)));
            assert_eq!(result, -EINVAL, "{events:#x}");
        }
        for masked in [-1, 2, c_int::MAX, c_int::MIN] {
            assert_eq!(i64::from(c!(gh_cancel_mask(masked))), -EINVAL, "{masked}");
        }
        assert_eq!(cancel_mask(false), 0, "a refused mask changes nothing");
        close(a);
        close(b);
    });
}

#[test]
fn null_out_parameters_and_callbacks() {
    in_root_and_green_thread(|| {
        let mut thread = 0;
        let refused = c!(gh_spawn(&mut thread, null(), None, null_mut()));
        assert_eq!(i64::from(refused), -EINVAL);
        assert_eq!(i64::from(c!(gh_spawn(null_mut(), null(), None, null_mut()))), -EINVAL);
        assert_eq!(i64::from(c!(gh_name(0, null_mut(), 8))), -EINVAL);
        assert_eq!(i64::from(c!(gh_set_name(0, null()))), -EINVAL);
        let mut timer = 0;
        let refused = c!(gh_timer_start(&mut timer, PAST, 0, None, null_mut()));
        assert_eq!(i64::from(refused), -EINVAL);
    });
}

#[test]
fn ids_that_never_were() {
    in_root_and_green_thread(|| {
        for id in [0, 1, 2, 0xffff, 1 << 31, 1 << 32, u64::MAX, u64::MAX - 1, 1 << 63] {
            if id == self_id() {
                continue;
            }
            let stale = [-ESRCH, GH_EWRONGTHREAD];
            for result in [join_until(id, GH_NEVER), detach(id), cancel(id), timer_cancel(id)] {
                let roots = result == -EINVAL;
                assert!(stale.contains(&result) || roots, "{id:#x}: {result}");
            }
        }
    });
}

#[test]
fn backlogs_of_zero_and_more_are_taken_and_negative_ones_are_not() {
    in_root_and_green_thread(|| {
        for backlog in [0, 1, c_int::MAX] {
            let fd = fd_of(tcp_listen(Some("127.0.0.1"), 0, backlog));
            let client = fd_of(tcp_connect("127.0.0.1", port_of(fd), after_ms(10_000)));
            close(client);
            close(fd);
        }
        for backlog in [-1, c_int::MIN] {
            assert_eq!(tcp_listen(Some("127.0.0.1"), 0, backlog), -EINVAL);
            assert_eq!(unix_listen("/nonexistent", backlog), -EINVAL);
        }
    });
}
