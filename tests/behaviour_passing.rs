//! Descriptors passed in messages, one at a time and in batches, over streams and datagrams. That
//! their numbers are not taken for older ones is proved by `tests/c/reused_number_passed.c`.

mod common;
use common::*;

type Pair = (&'static str, fn() -> (c_int, c_int));

const PAIRS: [Pair; 4] = [
    ("stream", socket_pair),
    ("datagram", datagram_pair),
    ("blocking stream", blocking_socket_pair),
    ("packets", packet_pair),
];

fn packet_pair() -> (c_int, c_int) {
    let mut fds = [-1; 2];
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
    assert_eq!(c!(libc::socketpair(libc::AF_UNIX, kind, 0, fds.as_mut_ptr())), 0);
    (fds[0], fds[1])
}

fn send_one(fd: c_int, text: &str, descriptors: &[c_int]) {
    let mut message = Batch::of([text]).passing(&[descriptors]);
    assert_eq!(c!(gh_sendmsg(fd, message.first(), 0, GH_NEVER)) as usize, text.len());
}

fn receive_one(fd: c_int, text: &str) -> Vec<c_int> {
    let mut room = Batch::room(1, 64).with_room_for_descriptors();
    let flags = libc::MSG_CMSG_CLOEXEC;
    assert_eq!(c!(gh_recvmsg(fd, room.first(), flags, GH_NEVER)) as usize, text.len());
    room.passed(0)
}

/// The descriptor waits, wakes, and is closed under its waiter: it is one like any other.
fn works(fd: c_int, peer: c_int) {
    let reader = spawn(move || {
        let mut buf = [0; 8];
        assert_eq!(recv(fd, &mut buf, GH_NEVER), 4);
        assert_eq!(&buf[..4], b"ping");
        assert_eq!(send_all(fd, b"pong", GH_NEVER).0, 4);
    });
    yield_now();
    assert_eq!(stats().ready, 0, "the reader waits");
    assert_eq!(send_all(peer, b"ping", GH_NEVER).0, 4);
    let mut buf = [0; 4];
    assert_eq!(recv_exact(peer, &mut buf, GH_NEVER).0, 4);
    assert_eq!(&buf, b"pong");
    join(reader);
    let waiter = spawn(move || assert_eq!(recv(fd, &mut [0; 8], GH_NEVER), -EBADF));
    yield_now();
    assert_eq!(close(fd), 0);
    join(waiter);
}

#[test]
fn passed_descriptors_work_as_any_other() {
    with_hub(|| {
        for (name, pair) in PAIRS {
            let (a, b) = pair();
            let (passed, peer) = socket_pair();
            let receiver = spawn(move || {
                let fds = receive_one(b, "take it");
                assert_eq!(fds.len(), 1, "{name}");
                assert!(is_close_on_exec(fds[0]), "{name}");
                works(fds[0], peer);
            });
            yield_now();
            assert_eq!(stats().ready, 0, "{name}: the receiver waits");
            send_one(a, "take it", &[passed]);
            assert_eq!(close(passed), 0);
            join(receiver);
            assert_eq!(recv(peer, &mut [0; 1], GH_NEVER), 0, "{name}: that was the last copy");
            for fd in [a, b, peer] {
                close(fd);
            }
        }
    });
}

#[test]
fn descriptors_come_with_the_messages_of_a_batch_that_had_them() {
    with_hub(|| {
        for (name, pair) in PAIRS {
            let (a, b) = pair();
            let ends: Vec<_> = (0..3).map(|_| socket_pair()).collect();
            let peers: Vec<_> = ends.iter().map(|end| end.1).collect();
            let receiver = spawn(move || {
                let mut passed = Vec::new();
                let mut texts = Vec::new();
                while texts.len() < 4 {
                    let mut batch = Batch::room(4 - texts.len(), 3).with_room_for_descriptors();
                    let flags = libc::MSG_CMSG_CLOEXEC;
                    let count = batch.receive_flags(b, flags, after_ms(10_000));
                    texts.extend(batch.texts(count).iter().map(|text| text.to_vec()));
                    passed.extend((0..count as usize).map(|at| batch.passed(at)));
                }
                assert_eq!(texts, [b"two", b"non", b"one", b"end"], "{name}");
                let counts: Vec<_> = passed.iter().map(Vec::len).collect();
                assert_eq!(counts, [2, 0, 1, 0], "{name}");
                for (fd, &peer) in passed.concat().into_iter().zip(&peers) {
                    assert!(is_close_on_exec(fd), "{name}");
                    works(fd, peer);
                    assert_eq!(recv(peer, &mut [0; 1], GH_NEVER), 0, "{name}: the last copy");
                    assert_eq!(close(peer), 0);
                }
            });
            yield_now();
            let fds: Vec<_> = ends.iter().map(|end| end.0).collect();
            let mut batch = Batch::of(["two", "non", "one", "end"]);
            batch = batch.passing(&[&fds[..2], &[], &fds[2..], &[]]);
            assert_eq!(batch.send(a, GH_NEVER), 4, "{name}");
            for fd in fds {
                assert_eq!(close(fd), 0);
            }
            join(receiver);
            close(a);
            close(b);
        }
    });
}

#[test]
fn descriptors_without_room_are_not_kept_and_the_message_tells() {
    with_hub(|| {
        let (a, b) = datagram_pair();
        let (reader, writer) = pipe();
        let mut batch = Batch::of(["one", "two"]).passing(&[&[writer], &[writer]]);
        assert_eq!(batch.send(a, GH_NEVER), 2);
        assert_eq!(close(writer), 0);
        let mut room = Batch::room(2, 8);
        assert_eq!(room.receive(b, GH_NEVER), 2);
        for at in 0..2 {
            assert_ne!(room.flags(at) & libc::MSG_CTRUNC, 0);
        }
        assert_eq!(read(reader, &mut [0; 1], after_ms(10_000)), 0, "no copy is left");
        for fd in [a, b, reader] {
            close(fd);
        }
    });
}

#[test]
fn descriptors_pass_between_hubs() {
    with_hub(|| {
        let (a, b) = datagram_pair();
        let (passed, peer) = socket_pair();
        let other = std::thread::spawn(move || {
            with_hub(|| {
                let mut room = Batch::room(2, 8).with_room_for_descriptors();
                assert_eq!(room.receive(b, after_ms(20_000)), 1);
                let fd = room.passed(0)[0];
                assert_eq!(send(fd, b"from another hub", GH_NEVER), 16);
                assert_eq!(close(fd), 0);
            });
        });
        assert_eq!(Batch::of(["text"]).passing(&[&[passed]]).send(a, GH_NEVER), 1);
        assert_eq!(close(passed), 0);
        let mut buf = [0; 32];
        assert_eq!(recv(peer, &mut buf, after_ms(20_000)), 16);
        assert_eq!(recv(peer, &mut buf, after_ms(20_000)), 0);
        other.join().expect("the other OS thread");
        for fd in [a, b, peer] {
            close(fd);
        }
    });
}
