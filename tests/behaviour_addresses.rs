//! The short ways in refuse addresses that are none: hosts, ports, paths.

mod common;
use common::*;

const NO_HOSTS: [&str; 16] = [
    "",
    " ",
    "localhost",
    "example.invalid",
    "127.0.0.1 ",
    " 127.0.0.1",
    "127.0.0.1:80",
    "127.0.0",
    "127.0.0.256",
    "1.2.3.4.5",
    "[::1]",
    "::1::",
    ":::",
    "12345::",
    "fe80::1%nosuchinterface0",
    "\u{7f}",
];

const NO_PORTS: [c_int; 5] = [-1, 65_536, 70_000, c_int::MIN, c_int::MAX];

#[test]
fn hosts_that_are_no_numeric_address() {
    with_hub(|| {
        for host in NO_HOSTS {
            assert_eq!(tcp_listen(Some(host), 0, 1), -EINVAL, "listen on {host:?}");
            let name = ["localhost", "example.invalid"].contains(&host);
            let expected = if name { -ETIMEDOUT } else { -EINVAL };
            assert_eq!(tcp_connect(host, 9, PAST), expected, "connect to {host:?}");
            assert_eq!(udp_bind(Some(host), 0), -EINVAL, "bind to {host:?}");
        }
        let long = "1".repeat(100_000);
        assert_eq!(tcp_listen(Some(&long), 0, 1), -EINVAL);
        assert_eq!(tcp_connect(&long, 9, GH_NEVER), -EINVAL);
        assert_eq!(udp_bind(Some(&long), 0), -EINVAL);
    });
}

#[test]
fn ports_out_of_range() {
    with_hub(|| {
        for port in NO_PORTS {
            assert_eq!(tcp_listen(Some("127.0.0.1"), port, 1), -EINVAL, "{port}");
            assert_eq!(tcp_connect("127.0.0.1", port, PAST), -EINVAL, "{port}");
            assert_eq!(udp_bind(Some("127.0.0.1"), port), -EINVAL, "{port}");
        }
    });
}

#[test]
fn connecting_to_no_host_is_refused() {
    with_hub(|| {
        let refused = c!(gh_tcp_connect(null(), 9, PAST));
        assert_eq!(i64::from(refused), -EINVAL);
    });
}

#[test]
fn an_address_of_another_machine_cannot_be_listened_on() {
    with_hub(|| {
        assert_eq!(tcp_listen(Some("203.0.113.1"), 0, 1), -EADDRNOTAVAIL);
        assert_eq!(udp_bind(Some("203.0.113.1"), 0), -EADDRNOTAVAIL);
    });
}

#[test]
fn bytes_that_are_no_text() {
    with_hub(|| {
        let host = [0xff_u8, 0xfe, 0];
        let host = host.as_ptr().cast::<c_char>();
        assert_eq!(i64::from(c!(gh_tcp_listen(host, 0, 1))), -EINVAL);
        assert_eq!(i64::from(c!(gh_tcp_connect(host, 9, PAST))), -EINVAL);
        assert_eq!(i64::from(c!(gh_udp_bind(host, 0))), -EINVAL);
    });
}

#[test]
fn a_path_may_hold_any_bytes() {
    with_hub(|| {
        let mut path = socket_path("bytes").into_bytes();
        path.extend_from_slice(&[0xff, 0xfe, b' ', 0]);
        let text = path.as_ptr().cast::<c_char>();
        let listener = fd_of(i64::from(c!(gh_unix_listen(text, 4))));
        let client = fd_of(i64::from(c!(gh_unix_connect(text, after_ms(10_000)))));
        close(fd_of(accept(listener, after_ms(10_000))));
        close(client);
        close(listener);
        assert_eq!(c!(libc::unlink(text)), 0);
    });
}

#[test]
fn paths_that_cannot_be_sockets() {
    with_hub(|| {
        let long = "p".repeat(200);
        assert_eq!(unix_listen(&long, 1), -ENAMETOOLONG);
        assert_eq!(unix_connect(&long, PAST), -ENAMETOOLONG);
        assert_eq!(unix_listen("", 1), -EINVAL);
        assert_eq!(unix_connect("", PAST), -EINVAL);
        assert_eq!(i64::from(c!(gh_unix_listen(null(), 1))), -EINVAL);
        assert_eq!(i64::from(c!(gh_unix_connect(null(), PAST))), -EINVAL);
        assert_eq!(unix_listen("/nonexistent/directory/socket", 1), -ENOENT);
        assert_eq!(unix_connect("/nonexistent/directory/socket", GH_NEVER), -ENOENT);
    });
}

#[test]
fn the_longest_path_that_the_system_takes() {
    with_hub(|| {
        let start = socket_path("long");
        let path = format!("{start}{}", "x".repeat(107 - start.len()));
        assert_eq!(path.len(), 107);
        let listener = fd_of(unix_listen(&path, 1));
        let client = fd_of(unix_connect(&path, after_ms(10_000)));
        close(client);
        close(listener);
        std::fs::remove_file(&path).expect("the socket's file");
        assert_eq!(unix_listen(&format!("{path}x"), 1), -ENAMETOOLONG);
    });
}

#[test]
fn a_failed_call_leaves_no_descriptor_open() {
    with_hub(|| {
        let closed_port = {
            let (fd, port) = listener();
            close(fd);
            port
        };
        // Other tests of this process open descriptors too, so a leak shows only in large numbers.
        const ROUNDS: usize = 3000;
        for _ in 0..ROUNDS {
            assert_eq!(tcp_listen(Some("203.0.113.1"), 0, 1), -EADDRNOTAVAIL);
            assert_eq!(udp_bind(Some("203.0.113.1"), 0), -EADDRNOTAVAIL);
            assert_eq!(tcp_connect("127.0.0.1", closed_port, GH_NEVER), -ECONNREFUSED);
            assert_eq!(unix_listen("/nonexistent/socket", 1), -ENOENT);
            assert_eq!(unix_connect("/nonexistent/socket", PAST), -ENOENT);
        }
        let open = std::fs::read_dir("/proc/self/fd").expect("/proc").count();
        assert!(open < ROUNDS, "{open} descriptors are open");
    });
}
