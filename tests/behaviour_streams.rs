//! Streams with odd peers: half-close, reset, one byte at a time, slow readers, none at all.

mod common;
use common::*;

#[test]
fn after_a_half_close_the_other_direction_still_works() {
    with_hub(|| {
        let (client, server) = tcp_pair();
        let thread = spawn(move || {
            let mut all = Vec::new();
            let mut buf = [0; 16];
            loop {
                let n = recv(server, &mut buf, GH_NEVER);
                if n == 0 {
                    break;
                }
                all.extend_from_slice(&buf[..n as usize]);
            }
            assert_eq!(recv(server, &mut buf, GH_NEVER), 0, "the end stays");
            assert_eq!(all, b"question");
            sleep_ms(5);
            assert_eq!(send_all(server, b"answer", GH_NEVER).0, 6);
            assert_eq!(close(server), 0);
        });
        assert_eq!(send_all(client, b"question", GH_NEVER).0, 8);
        assert_eq!(shutdown(client, libc::SHUT_WR), 0);
        assert_eq!(send(client, b"more", GH_NEVER), -EPIPE);
        let mut answer = [0; 16];
        assert_eq!(recv_exact(client, &mut answer, GH_NEVER), (6, 6));
        assert_eq!(&answer[..6], b"answer");
        join(thread);
        close(client);
    });
}

#[test]
fn shutting_down_the_own_side_ends_the_own_wait() {
    with_hub(|| {
        let (client, server) = tcp_pair();
        let reader = spawn(move || assert_eq!(recv(client, &mut [0; 4], GH_NEVER), 0));
        yield_now();
        assert_eq!(shutdown(client, libc::SHUT_RD), 0);
        join(reader);
        close(client);
        close(server);
    });
}

#[test]
fn a_reset_reaches_the_waiting_reader_and_the_waiting_writer() {
    with_hub(|| {
        let (client, server) = tcp_pair();
        fill(server);
        let reader = spawn(move || {
            assert_eq!(recv(server, &mut [0; 4], GH_NEVER), -ECONNRESET);
        });
        let writer = spawn(move || {
            let result = send_all(server, &[0; 1 << 20], GH_NEVER).0;
            assert!([-ECONNRESET, -EPIPE].contains(&result), "{result}");
        });
        yield_now();
        assert_eq!(stats().ready, 0, "both wait");
        reset_on_close(client);
        close(client);
        join(reader);
        join(writer);
        assert_eq!(send(server, b"data", GH_NEVER), -EPIPE);
        close(server);
    });
}

#[test]
fn a_peer_that_sends_one_byte_at_a_time() {
    with_hub(|| {
        let (client, server) = tcp_pair();
        let sender = spawn(move || {
            for byte in pattern(300) {
                assert_eq!(send(client, &[byte], GH_NEVER), 1);
                if byte % 3 == 0 {
                    sleep_ms(1);
                } else {
                    yield_now();
                }
            }
        });
        let mut all = vec![0; 300];
        assert_eq!(recv_exact(server, &mut all, GH_NEVER), (300, 300));
        assert_eq!(all, pattern(300));
        join(sender);
        close(client);
        close(server);
    });
}

#[test]
fn sixty_four_mebibytes_arrive_whole_at_a_slow_reader() {
    const TOTAL: usize = 64 << 20;
    with_hub(|| {
        let (client, server) = tcp_pair();
        let expected: &'static [u8] = pattern(TOTAL).leak();
        let sender = spawn(move || {
            assert_eq!(send_all(client, expected, GH_NEVER), (TOTAL as i64, TOTAL));
            assert_eq!(shutdown(client, libc::SHUT_WR), 0);
        });
        // For a while the reader does not read at all, then it reads in odd pieces with pauses.
        sleep_ms(50);
        assert_eq!(stats().live, 1, "the sender waits");
        let mut received = 0;
        let mut buf = vec![0; 100_003];
        let mut reads = 0;
        loop {
            let n = recv(server, &mut buf, GH_NEVER);
            assert!(n >= 0, "{n}");
            if n == 0 {
                break;
            }
            let n = n as usize;
            assert!(buf[..n] == expected[received..received + n], "at {received}");
            received += n;
            reads += 1;
            if reads % 64 == 0 {
                sleep_ms(1);
            }
        }
        assert_eq!(received, TOTAL);
        join(sender);
        close(client);
        close(server);
    });
}

#[test]
fn a_peer_that_never_reads_makes_send_all_time_out_and_tell_how_far_it_came() {
    with_hub(|| {
        let (client, server) = tcp_pair();
        let data = pattern(64 << 20);
        let deadline = after_ms(100);
        let (result, sent) = send_all(client, &data, deadline);
        assert_eq!(result, -ETIMEDOUT);
        assert!(now() >= deadline);
        assert!(sent > 0 && sent < data.len());
        close(client);
        let mut arrived = vec![0; data.len()];
        let (n, _) = recv_exact(server, &mut arrived, GH_NEVER);
        assert_eq!(n as usize, sent, "what was told is what arrived");
        assert!(arrived[..sent] == data[..sent]);
        close(server);
    });
}

#[test]
fn both_sides_send_more_than_the_buffers_hold() {
    const TOTAL: usize = 8 << 20;
    with_hub(|| {
        let (client, server) = tcp_pair();
        let data: &'static [u8] = pattern(TOTAL).leak();
        let threads: Vec<_> = [client, server]
            .into_iter()
            .flat_map(|fd| {
                [
                    spawn(move || assert_eq!(send_all(fd, data, GH_NEVER).1, TOTAL)),
                    spawn(move || {
                        let mut arrived = vec![0; TOTAL];
                        assert_eq!(recv_exact(fd, &mut arrived, GH_NEVER).1, TOTAL);
                        assert!(arrived == data);
                    }),
                ]
            })
            .collect();
        join_all(threads);
        close(client);
        close(server);
    });
}
