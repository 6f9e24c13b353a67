//! `gh_recvmmsg` and `gh_sendmmsg`: several messages in one call, of which only the first is waited for.

mod common;
use common::*;

const TEXTS: [&str; 5] = ["one", "two", "", "four", "and the fifth"];

fn texts() -> Vec<&'static [u8]> {
    TEXTS.iter().map(|text| text.as_bytes()).collect()
}

#[test]
fn batches_go_over_udp_and_tell_their_senders() {
    with_hub(|| {
        for (a, b) in udp_pairs() {
            let receiver = spawn(move || {
                let mut received = Vec::new();
                while received.len() < TEXTS.len() {
                    let mut batch = Batch::room(8, 64).addressed(&Address::unknown());
                    let count = batch.receive(b, after_ms(10_000));
                    received.extend(batch.texts(count).iter().map(|text| text.to_vec()));
                    for at in 0..count as usize {
                        assert_eq!(batch.sender(at).bytes(), Address::of(a).bytes());
                        assert_eq!(batch.flags(at) & libc::MSG_TRUNC, 0);
                    }
                }
                assert_eq!(received, texts());
            });
            yield_now();
            let mut batch = Batch::of(TEXTS).addressed(&Address::of(b));
            assert_eq!(batch.send(a, GH_NEVER), TEXTS.len() as i64);
            for (at, text) in TEXTS.iter().enumerate() {
                assert_eq!(batch.length(at), text.len(), "what was sent of each is told");
            }
            join(receiver);
            close(a);
            close(b);
        }
    });
}

#[test]
fn only_the_first_message_is_waited_for() {
    with_hub(|| {
        let (a, b) = datagram_pair();
        let receiver = spawn(move || {
            let mut batch = Batch::room(8, 64);
            assert_eq!(
                batch.receive(b, GH_NEVER),
                5,
                "all that is there, not all there is room for"
            );
            assert_eq!(batch.texts(5), texts());
        });
        yield_now();
        assert_eq!(Batch::of(TEXTS).send(a, GH_NEVER), 5);
        join(receiver);
        close(a);
        close(b);
    });
}

#[test]
fn what_there_is_no_room_for_stays_for_the_next_call() {
    with_hub(|| {
        let (a, b) = datagram_pair();
        assert_eq!(Batch::of(TEXTS).send(a, PAST), 5);
        let mut received = Vec::new();
        for expected in [2, 2, 1] {
            let mut batch = Batch::room(2, 64);
            assert_eq!(batch.receive(b, PAST), expected);
            received.extend(batch.texts(expected).iter().map(|text| text.to_vec()));
        }
        assert_eq!(received, texts());
        assert_eq!(Batch::room(2, 64).receive(b, PAST), -ETIMEDOUT);
        close(a);
        close(b);
    });
}

#[test]
fn a_batch_is_sent_as_far_as_there_is_room_and_the_rest_waits_for_more() {
    const COUNT: usize = 500;
    let bytes: Vec<_> = (0..COUNT).map(|n| vec![n as u8; 1500]).collect();
    with_hub(move || {
        let (a, b) = datagram_pair();
        let mut batch = Batch::of(&bytes);
        let first = batch.send(a, GH_NEVER) as usize;
        assert!((1..COUNT).contains(&first), "{first} of {COUNT} sent at once");
        assert_eq!(batch.send_from(first, a, 0, PAST), -ETIMEDOUT, "full");
        let sender = spawn(move || {
            let mut sent = first;
            while sent < COUNT {
                let more = batch.send_from(sent, a, 0, after_ms(20_000));
                assert!(more > 0, "gh_sendmmsg: {more}, {sent} sent before");
                sent += more as usize;
            }
        });
        yield_now();
        assert_eq!(stats().ready, 0, "the sender waits");
        assert!(receive_all(b, COUNT, after_ms(20_000)) == bytes, "all of them, in order");
        join(sender);
        close(a);
        close(b);
    });
}

#[test]
fn an_error_after_some_messages_is_left_for_the_next_call() {
    with_hub(|| {
        let (a, b) = (fd_of(udp_bind(Some("127.0.0.1"), 0)), fd_of(udp_bind(Some("127.0.0.1"), 0)));
        let sizes = [10, 20, 70_000, 30];
        let mut batch = Batch::of(sizes.map(|size| vec![b'x'; size])).addressed(&Address::of(b));
        assert_eq!(batch.send(a, GH_NEVER), 2, "those before the one that is too large");
        assert_eq!(batch.send_from(2, a, 0, GH_NEVER), -EMSGSIZE);
        assert_eq!(batch.send_from(3, a, 0, GH_NEVER), 1);
        let lengths: Vec<_> = receive_all(b, 3, after_ms(10_000)).iter().map(Vec::len).collect();
        assert_eq!(lengths, [10, 20, 30]);
        close(a);
        close(b);

        let (a, b) = datagram_pair();
        assert_eq!(Batch::of(["fine", "lost", "next"]).send(a, GH_NEVER), 3);
        let mut room = Batch::room(3, 8);
        room.spoil(1);
        assert_eq!(room.receive(b, GH_NEVER), 1);
        assert_eq!(room.text(0), b"fine");
        assert_eq!(Batch::room(3, 8).receive(b, GH_NEVER), -EFAULT);
        assert_eq!(
            receive_all(b, 1, after_ms(10_000)).last().map(|text| &text[..]),
            Some(&b"next"[..])
        );
        close(a);
        close(b);
    });
}

#[test]
fn each_message_tells_whether_it_was_cut() {
    with_hub(|| {
        let mut pairs = udp_pairs();
        for &(a, b) in &pairs {
            assert_eq!(connect_fd(a, &Address::of(b), GH_NEVER), 0);
        }
        pairs.push(datagram_pair());
        for (a, b) in pairs {
            for (flags, told) in [(0, 4), (libc::MSG_TRUNC, 11)] {
                assert_eq!(Batch::of(["tiny", "rather long", "ok"]).send(a, GH_NEVER), 3);
                let mut cut = Vec::new();
                while cut.len() < 3 {
                    let mut batch = Batch::room(3 - cut.len(), 4);
                    let count = batch.receive_flags(b, flags, after_ms(10_000));
                    assert!(count > 0, "gh_recvmmsg: {count}");
                    cut.extend((0..count as usize).map(|at| {
                        let is_cut = batch.flags(at) & libc::MSG_TRUNC != 0;
                        (batch.text(at).to_vec(), batch.length(at), is_cut)
                    }));
                }
                let text = |text: &str| text.as_bytes().to_vec();
                let expected =
                    [(text("tiny"), 4, false), (text("rath"), told, true), (text("ok"), 2, false)];
                assert_eq!(cut, expected);
            }
            close(a);
            close(b);
        }
    });
}

#[test]
fn no_messages_are_moved_at_once() {
    with_hub(|| {
        let (a, b) = datagram_pair();
        let (reader, writer) = pipe();
        fill(a);
        for (fd, expected) in
            [(a, 0), (b, 0), (-1, -EBADF), (unused_number(), -EBADF), (reader, -ENOTSOCK)]
        {
            assert_eq!(i64::from(c!(gh_recvmmsg(fd, null_mut(), 0, 0, GH_NEVER))), expected);
            assert_eq!(i64::from(c!(gh_sendmmsg(fd, null_mut(), 0, 0, GH_NEVER))), expected);
        }
        for fd in [a, b, reader, writer] {
            close(fd);
        }
    });
}

#[test]
fn more_than_1024_messages_take_more_than_one_call() {
    const COUNT: usize = 1500;
    with_hub(|| {
        let (client, server) = tcp_pair();
        // One buffer for all: each byte in a segment of its own would be too much for the socket.
        set_option(client, libc::IPPROTO_TCP, libc::TCP_NODELAY, 0);
        let content = pattern(COUNT);
        let mut batch = Batch::of(content.iter().map(|byte| [*byte]));
        assert_eq!(batch.send(client, GH_NEVER), 1024);
        assert_eq!(batch.send_from(1024, client, 0, GH_NEVER), 476);
        let mut all = vec![0; COUNT];
        assert_eq!(recv_exact(server, &mut all, after_ms(10_000)).0, COUNT as i64);
        assert_eq!(all, content);

        assert_eq!(send_all(client, &content, GH_NEVER).0, COUNT as i64);
        let whole = recv_flags(server, &mut all, libc::MSG_PEEK, after_ms(10_000));
        assert_eq!(whole, COUNT as i64, "one buffer is one segment");
        let mut room = Batch::room(COUNT, 1);
        assert_eq!(room.receive(server, GH_NEVER), 1024);
        assert_eq!(room.texts(1024).concat(), content[..1024]);
        assert_eq!(room.receive(server, GH_NEVER), 476);
        assert_eq!(room.texts(476).concat(), content[1024..]);
        close(client);
        close(server);
    });
}

#[test]
fn numbers_of_messages_that_nothing_has() {
    with_hub(|| {
        let (a, b) = datagram_pair();
        // SAFETY: plain numbers and pointers that may be null.
        let mut one: libc::mmsghdr = unsafe { std::mem::zeroed() };
        for vlen in [u32::MAX, 1 << 31] {
            assert_eq!(i64::from(c!(gh_recvmmsg(a, &mut one, vlen, 0, GH_NEVER))), -EINVAL);
            assert_eq!(i64::from(c!(gh_sendmmsg(a, &mut one, vlen, 0, GH_NEVER))), -EINVAL);
        }
        assert_eq!(Batch::room(1, 8).receive(b, PAST), -ETIMEDOUT, "nothing was sent");
        close(a);
        close(b);
    });
}

#[test]
fn at_the_end_of_a_stream_messages_are_empty() {
    with_hub(|| {
        let (a, b) = socket_pair();
        plain_write(a, b"abcdef");
        plain_close(a);
        let mut batch = Batch::room(4, 4);
        assert_eq!(batch.receive(b, GH_NEVER), 4);
        assert_eq!(batch.texts(4), [b"abcd", &b"ef"[..], b"", b""]);
        assert_eq!(Batch::of(["lost"]).send(b, GH_NEVER), -EPIPE, "and no signal");
        close(b);
    });
}

#[test]
fn dontwait_is_told_instead_of_waiting() {
    with_hub(|| {
        let (a, b) = datagram_pair();
        assert_eq!(Batch::room(2, 8).receive_flags(a, libc::MSG_DONTWAIT, GH_NEVER), -EAGAIN);
        fill(a);
        let mut batch = Batch::of([[b'x'; 4096]; 2]);
        assert_eq!(batch.send_from(0, a, libc::MSG_DONTWAIT, GH_NEVER), -EAGAIN);
        let (sender, receiver, address) = full_receiver();
        let mut batch = batch.addressed(&address);
        assert_eq!(batch.send_from(0, sender, libc::MSG_DONTWAIT, GH_NEVER), -EAGAIN);
        for fd in [a, b, sender, receiver] {
            close(fd);
        }
    });
}

#[test]
fn batches_work_on_sockets_in_blocking_mode_and_leave_it() {
    with_hub(|| {
        let (a, b) = blocking_socket_pair();
        let receiver = spawn(move || {
            assert_eq!(Batch::room(2, 8).receive(b, now() + MILLISECOND), -ETIMEDOUT);
            assert_eq!(receive_all(b, 1, GH_NEVER), [b"text"]);
        });
        sleep_ms(5);
        assert_eq!(Batch::of(["text"]).send(a, GH_NEVER), 1);
        join(receiver);
        assert!(!is_nonblocking(a) && !is_nonblocking(b));
        close(a);
        close(b);
    });
}

#[test]
fn closing_ends_waiting_batches() {
    with_hub(|| {
        let (reader, peer) = datagram_pair();
        let (writer, other) = datagram_pair();
        let (reader, writer) = (at_own_number(reader), at_own_number(writer));
        fill(writer);
        let (sender, receiver, address) = full_receiver();
        let sender = at_own_number(sender);
        let threads = [
            spawn(move || assert_eq!(Batch::room(2, 8).receive(reader, GH_NEVER), -EBADF)),
            spawn(move || assert_eq!(Batch::of([[0; 4096]; 2]).send(writer, GH_NEVER), -EBADF)),
            spawn(move || {
                let mut batch = Batch::of(["text"; 2]).addressed(&address);
                assert_eq!(batch.send(sender, GH_NEVER), -EBADF);
            }),
        ];
        yield_now();
        for fd in [reader, writer, sender] {
            assert_eq!(close(fd), 0);
        }
        join_all(threads);
        for fd in [peer, other, receiver] {
            close(fd);
        }
    });
}

#[test]
fn receivers_of_batches_are_served_in_the_order_of_their_arrival() {
    with_hub(|| {
        let (a, b) = datagram_pair();
        let log = log();
        let receivers: Vec<_> = (0..3)
            .map(|receiver| {
                spawn(move || {
                    let mut batch = Batch::room(2, 8);
                    let count = batch.receive(b, GH_NEVER);
                    for text in batch.texts(count) {
                        log.push((receiver, text[0]));
                    }
                })
            })
            .collect();
        yield_now();
        assert_eq!(Batch::of([[0], [1], [2], [3], [4]]).send(a, GH_NEVER), 5);
        join_all(receivers);
        assert_eq!(log.take(), [(0, 0), (0, 1), (1, 2), (1, 3), (2, 4)]);
        close(a);
        close(b);
    });
}
