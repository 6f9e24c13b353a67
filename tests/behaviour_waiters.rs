//! Several green threads on one descriptor: order, both directions, and one wake-up for many.

mod common;
use common::*;

/// Spawns readers of one byte each; the log tells who got which byte.
fn readers(fd: c_int, count: u8, log: &'static Log<(u8, u8)>) -> Vec<gh_thread> {
    (0..count)
        .map(|reader| {
            spawn(move || {
                let mut byte = [0];
                assert_eq!(recv(fd, &mut byte, GH_NEVER), 1);
                log.push((reader, byte[0]));
            })
        })
        .collect()
}

fn in_order(count: u8) -> Vec<(u8, u8)> {
    (0..count).map(|n| (n, n)).collect()
}

#[test]
fn readers_are_served_in_the_order_in_which_they_came() {
    with_hub(|| {
        let (a, b) = socket_pair();
        let log = log();
        let threads = readers(a, 50, log);
        yield_now();
        for n in 0..50 {
            plain_write(b, &[n]);
            sleep_ms(0);
        }
        join_all(threads);
        assert_eq!(log.take(), in_order(50));
        close(a);
        close(b);
    });
}

#[test]
fn one_burst_serves_all_readers_in_their_order() {
    with_hub(|| {
        let (a, b) = socket_pair();
        let log = log();
        let threads = readers(a, 50, log);
        yield_now();
        plain_write(b, &(0..50).collect::<Vec<u8>>());
        join_all(threads);
        assert_eq!(log.take(), in_order(50));
        close(a);
        close(b);
    });
}

#[test]
fn a_reader_that_comes_late_does_not_overtake_one_that_waits() {
    with_hub(|| {
        let (a, b) = socket_pair();
        let log = log();
        let mut threads = readers(a, 1, log);
        yield_now();
        plain_write(b, &[0, 1]);
        // The second reader tries while the first has not yet had its turn.
        threads.push(spawn(move || {
            let mut byte = [0];
            assert_eq!(recv(a, &mut byte, GH_NEVER), 1);
            log.push((1, byte[0]));
        }));
        join_all(threads);
        assert_eq!(log.take(), in_order(2));
        close(a);
        close(b);
    });
}

#[test]
fn a_waiter_that_timed_out_or_was_cancelled_gives_its_place_to_the_next() {
    with_hub(|| {
        let (a, b) = socket_pair();
        let log = log();
        let early = spawn(move || assert_eq!(recv(a, &mut [0], after_ms(5)), -ETIMEDOUT));
        let cancelled = spawn(move || assert_eq!(recv(a, &mut [0], GH_NEVER), -ECANCELED));
        let threads = readers(a, 2, log);
        join(early);
        cancel(cancelled);
        join(cancelled);
        plain_write(b, &[0, 1]);
        join_all(threads);
        assert_eq!(log.take(), in_order(2));
        close(a);
        close(b);
    });
}

#[test]
fn a_waiter_cancelled_after_its_wake_up_passes_it_on() {
    with_hub(|| {
        let (a, b) = socket_pair();
        let first = spawn(move || {
            let result = recv(a, &mut [0], GH_NEVER);
            assert!(result == -ECANCELED || result == 1, "{result}");
            if result == 1 {
                // The byte was its own after all: the next reader needs another one.
                plain_write(b, &[9]);
            }
        });
        let second = spawn(move || assert_eq!(recv(a, &mut [0], after_ms(20_000)), 1));
        yield_now();
        plain_write(b, &[9]);
        // One poll wakes the first reader; it is cancelled before it has its turn.
        timer_start(PAST, 0, move || assert_eq!(cancel(first), 0));
        join(first);
        join(second);
        close(a);
        close(b);
    });
}

#[test]
fn readers_and_writers_of_one_descriptor_do_not_wake_each_other() {
    with_hub(|| {
        let (a, b) = socket_pair();
        let filled = fill(a);
        let log = log();
        let writer = spawn(move || {
            assert_eq!(send(a, b"w", GH_NEVER), 1);
            log.push("writer");
        });
        let reader = spawn(move || {
            assert_eq!(recv(a, &mut [0; 4], GH_NEVER), 1);
            log.push("reader");
        });
        yield_now();
        plain_write(b, b"r");
        join(reader);
        assert_eq!(log.take(), ["reader"]);
        assert_eq!(drain(b, filled).len(), filled);
        join(writer);
        assert_eq!(log.take(), ["writer"]);
        assert_eq!(drain(b, 1), b"w");
        close(a);
        close(b);
    });
}

#[test]
fn writers_are_served_in_the_order_in_which_they_came() {
    with_hub(|| {
        let (a, b) = datagram_pair();
        fill(a);
        let threads: Vec<_> =
            (0..20_u8).map(|n| spawn(move || assert_eq!(send(a, &[n; 3], GH_NEVER), 3))).collect();
        yield_now();
        let mut order = Vec::new();
        while order.len() < 20 {
            let mut buf = [0; 16384];
            if recv(b, &mut buf, GH_NEVER) == 3 {
                order.push(buf[0]);
            }
        }
        join_all(threads);
        assert_eq!(order, (0..20).collect::<Vec<_>>());
        close(a);
        close(b);
    });
}

#[test]
fn acceptors_are_served_in_the_order_in_which_they_came() {
    with_hub(|| {
        let (listener, port) = listener();
        let log = log();
        let acceptors: Vec<_> = (0..8)
            .map(|n| {
                spawn(move || {
                    let fd = fd_of(accept(listener, GH_NEVER));
                    log.push(n);
                    close(fd);
                })
            })
            .collect();
        yield_now();
        // All connections are there before the hub looks: one edge for all of them.
        let clients: Vec<_> = (0..8)
            .map(|_| std::net::TcpStream::connect(("127.0.0.1", port as u16)).expect("connect"))
            .collect();
        join_all(acceptors);
        assert_eq!(log.take(), (0..8).collect::<Vec<_>>());
        drop(clients);
        close(listener);
    });
}

#[test]
fn the_end_of_a_stream_reaches_every_reader() {
    with_hub(|| {
        let (a, b) = tcp_pair();
        let log = log();
        let threads: Vec<_> = (0..30)
            .map(|n| {
                spawn(move || {
                    assert_eq!(recv(a, &mut [0; 8], GH_NEVER), 0);
                    log.push(n);
                })
            })
            .collect();
        yield_now();
        plain_close(b);
        join_all(threads);
        assert_eq!(log.take(), (0..30).collect::<Vec<_>>());
        close(a);
    });
}

#[test]
fn different_kinds_of_waits_share_one_descriptor() {
    with_hub(|| {
        let (a, b) = socket_pair();
        let log = log();
        let pollers = [
            spawn(move || {
                let ready = wait_fd(a, libc::POLLIN, GH_NEVER);
                assert_eq!(ready, i64::from(libc::POLLIN));
                log.push("wait_fd");
            }),
            spawn(move || {
                assert_eq!(poll(&mut [pollfd(a, libc::POLLIN)], GH_NEVER), 1);
                log.push("poll");
            }),
        ];
        let reader = spawn(move || {
            let n = recv_flags(a, &mut [0; 8], libc::MSG_PEEK, GH_NEVER);
            assert_eq!(n, 4, "and leaves it to be polled for");
            log.push("recv");
        });
        yield_now();
        plain_write(b, b"data");
        join_all(pollers);
        join(reader);
        assert_eq!(log.len(), 3);
        close(a);
        close(b);
    });
}

#[test]
fn a_duplicate_descriptor_waits_by_itself() {
    with_hub(|| {
        let (a, b) = socket_pair();
        let copy = c!(libc::fcntl(a, libc::F_DUPFD_CLOEXEC, 0));
        let log = log();
        let first = spawn(move || {
            assert_eq!(recv(a, &mut [0; 1], GH_NEVER), 1);
            log.push("original");
        });
        let second = spawn(move || {
            assert_eq!(recv(copy, &mut [0; 1], GH_NEVER), 1);
            log.push("copy");
        });
        yield_now();
        plain_write(b, b"12");
        join(first);
        join(second);
        assert_eq!(log.len(), 2);
        // The original goes; what waits on the copy is not concerned.
        let waiting = spawn(move || assert_eq!(recv(copy, &mut [0; 1], GH_NEVER), 1));
        yield_now();
        close(a);
        sleep_ms(2);
        plain_write(b, b"3");
        join(waiting);
        close(copy);
        close(b);
    });
}

#[test]
fn many_descriptors_wake_their_own_thread_each() {
    const COUNT: usize = 200;
    with_hub(|| {
        let pairs: Vec<_> = (0..COUNT).map(|_| socket_pair()).collect();
        let threads: Vec<_> = pairs
            .iter()
            .enumerate()
            .map(|(n, &(a, _))| {
                spawn(move || {
                    for round in 0..5 {
                        let mut buf = [0; 8];
                        assert_eq!(recv_exact(a, &mut buf, GH_NEVER).0, 8);
                        assert_eq!(u64::from_le_bytes(buf), (n * 10 + round) as u64);
                    }
                })
            })
            .collect();
        for round in 0..5 {
            for (n, &(_, b)) in pairs.iter().enumerate().rev() {
                plain_write(b, &((n * 10 + round) as u64).to_le_bytes());
            }
            sleep_ms(1);
        }
        join_all(threads);
        for (a, b) in pairs {
            close(a);
            close(b);
        }
        assert_eq!(stats().descriptors, 0);
    });
}
