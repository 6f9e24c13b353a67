//! Connected UDP, and Unix datagrams: whom a message reaches, and who waits for whom.

mod common;
use common::*;

fn connected(a: c_int, b: c_int) {
    assert_eq!(connect_fd(a, &Address::of(b), PAST), 0, "connecting does not wait");
}

#[test]
fn a_connected_udp_socket_talks_to_its_peer_alone() {
    with_hub(|| {
        for ((a, b), (stranger, other)) in udp_pairs().into_iter().zip(udp_pairs()) {
            connected(a, b);
            connected(b, a);
            let receiver = spawn(move || {
                let (text, from) = receive_from(b, after_ms(10_000));
                assert_eq!((&text[..], from.bytes()), (&b"hello"[..], Address::of(a).bytes()));
                assert_eq!(send(b, b"answer", GH_NEVER), 6);
            });
            yield_now();
            for _ in 0..3 {
                assert_eq!(sendto(stranger, &Address::of(a), b"not from the peer", GH_NEVER), 17);
            }
            assert_eq!(send(a, b"hello", GH_NEVER), 5);
            assert_eq!(receive_all(a, 1, after_ms(10_000)), [b"answer"]);
            assert_eq!(Batch::room(4, 64).receive(a, now() + 20 * MILLISECOND), -ETIMEDOUT);
            join(receiver);
            for fd in [a, b, stranger, other] {
                close(fd);
            }
        }
    });
}

#[test]
fn a_udp_socket_is_connected_anew_and_not_at_all() {
    with_hub(|| {
        for ((a, b), (c, d)) in udp_pairs().into_iter().zip(udp_pairs()) {
            for (peer, text) in [(b, "for b"), (c, "for c"), (b, "for b again")] {
                connected(a, peer);
                assert_eq!(Batch::of([text]).send(a, GH_NEVER), 1);
                assert_eq!(receive_all(peer, 1, after_ms(10_000)), [text.as_bytes()]);
            }
            assert_eq!(connect_fd(a, &Address::none(), PAST), 0);
            assert_eq!(send(a, b"to nobody", GH_NEVER), -EDESTADDRREQ);
            assert_eq!(Batch::of(["to nobody"]).send(a, GH_NEVER), -EDESTADDRREQ);
            for fd in [a, b, c, d] {
                close(fd);
            }
        }
    });
}

/// Everything that can hear that the peer is gone. The error is told once.
type Hears = (&'static str, fn(c_int) -> i64);

const HEARS: [Hears; 5] = [
    ("gh_recv", |fd| recv(fd, &mut [0; 8], after_ms(10_000))),
    ("gh_recvmsg", |fd| common::suspending::recvmsg(fd, after_ms(10_000))),
    ("gh_recvmmsg", |fd| common::suspending::recvmmsg(fd, after_ms(10_000))),
    ("gh_send", |fd| until_it_fails(|| send(fd, b"again", after_ms(10_000)))),
    ("gh_sendmmsg", |fd| until_it_fails(|| Batch::of(["again"]).send(fd, after_ms(10_000)))),
];

/// The answer of a peer that is gone takes its time.
fn until_it_fails(call: impl Fn() -> i64) -> i64 {
    for _ in 0..5_000 {
        let result = call();
        if result < 0 {
            return result;
        }
        sleep_ms(1);
    }
    0
}

#[test]
fn a_connected_udp_socket_hears_that_its_peer_is_gone() {
    with_hub(|| {
        for (name, hears) in HEARS {
            for (a, b) in udp_pairs() {
                connected(a, b);
                assert_eq!(send(a, b"hello", GH_NEVER), 5, "{name}");
                assert_eq!(close(b), 0);
                let waiting = spawn(move || assert_eq!(hears(a), -ECONNREFUSED, "{name}"));
                if name.starts_with("gh_recv") {
                    yield_now();
                    assert_eq!(stats().ready, 0, "{name} waits");
                    assert_eq!(send(a, b"anyone?", GH_NEVER), 7, "{name}");
                }
                join(waiting);
                close(a);
            }
        }
    });
}

#[test]
fn an_unconnected_udp_socket_does_not_hear_of_receivers_that_are_gone() {
    with_hub(|| {
        let (a, b) = udp_pairs()[0];
        let gone = Address::of(b);
        assert_eq!(close(b), 0);
        for _ in 0..3 {
            assert_eq!(sendto(a, &gone, b"anyone?", GH_NEVER), 7);
            assert_eq!(Batch::of(["anyone?"; 3]).addressed(&gone).send(a, GH_NEVER), 3);
        }
        assert_eq!(Batch::room(2, 8).receive(a, now() + 10 * MILLISECOND), -ETIMEDOUT);
        close(a);
    });
}

#[test]
fn unix_datagrams_tell_who_sent_them_if_that_one_has_a_name() {
    with_hub(|| {
        let (bound, address) = unix_receiver();
        let (other, other_address) = unix_receiver();
        let unbound = unix_datagram();
        let receiver = spawn(move || {
            let (text, from) = receive_from(bound, GH_NEVER);
            assert_eq!((&text[..], from.bytes()), (&b"named"[..], other_address.bytes()));
            assert_eq!(sendto(bound, &from, b"answer", GH_NEVER), 6);
            let (text, from) = receive_from(bound, GH_NEVER);
            assert_eq!((&text[..], from.bytes()), (&b"nameless"[..], &b""[..]));
        });
        yield_now();
        assert_eq!(sendto(other, &address, b"named", GH_NEVER), 5);
        assert_eq!(receive_all(other, 1, after_ms(10_000)), [b"answer"]);
        assert_eq!(sendto(unbound, &address, b"nameless", GH_NEVER), 8);
        join(receiver);
        assert_eq!(send(unbound, b"to whom?", GH_NEVER), -ENOTCONN);
        for fd in [bound, other, unbound] {
            close(fd);
        }
    });
}

#[test]
fn a_unix_receiver_that_is_connected_takes_only_what_its_peer_sends() {
    with_hub(|| {
        let (a, a_address) = unix_receiver();
        let (b, b_address) = unix_receiver();
        let stranger = unix_datagram();
        assert_eq!(connect_fd(a, &b_address, GH_NEVER), 0);
        let refused = -i64::from(libc::EPERM);
        assert_eq!(sendto(stranger, &a_address, b"text", GH_NEVER), refused);
        assert_eq!(Batch::of(["text"]).addressed(&a_address).send(stranger, GH_NEVER), refused);
        assert_eq!(sendto(b, &a_address, b"from the peer", GH_NEVER), 13);
        assert_eq!(receive_all(a, 1, after_ms(10_000)), [b"from the peer"]);
        for fd in [a, b, stranger] {
            close(fd);
        }
    });
}

/// Sends that a full receiver makes wait: to a connected peer, and to one that each message names.
type Sends = (&'static str, bool, fn(c_int, &Address, i64) -> i64);

const SENDS: [Sends; 5] = [
    ("gh_send", true, |fd, _, by| send(fd, b"text", by)),
    ("gh_sendmmsg", true, |fd, _, by| Batch::of(["text"]).send(fd, by)),
    ("gh_sendto", false, |fd, to, by| sendto(fd, to, b"text", by)),
    ("gh_sendmsg", false, |fd, to, by| {
        let mut message = Batch::of(["text"]).addressed(to);
        c!(gh_sendmsg(fd, message.first(), 0, by)) as i64
    }),
    ("gh_sendmmsg to an address", false, |fd, to, by| {
        Batch::of(["text"]).addressed(to).send(fd, by)
    }),
];

/// A sender to a full receiver, connected to it or not.
fn full(connected: bool) -> (c_int, c_int, Address) {
    let (sender, receiver, address) = full_receiver();
    if connected {
        assert_eq!(connect_fd(sender, &address, GH_NEVER), 0);
    }
    (sender, receiver, address)
}

#[test]
fn a_full_unix_receiver_makes_senders_wait_until_it_is_drained() {
    with_hub(|| {
        for (name, connected, sends) in SENDS {
            let (sender, receiver, address) = full(connected);
            let sent = cell(false);
            let waiting = spawn(move || {
                assert!(sends(sender, &address, after_ms(30_000)) > 0, "{name}");
                sent.set(true);
            });
            sleep_ms(5);
            assert!(!sent.get(), "{name} waits");
            let mut texts = receive_all(receiver, 1, PAST);
            join(waiting);
            while texts.last().is_some_and(|text| text != b"text") {
                texts.extend(receive_all(receiver, 1, PAST));
            }
            assert!(texts.len() > 1, "{name}");
            assert_eq!(Batch::room(1, 8).receive(receiver, PAST), -ETIMEDOUT, "{name} sent once");
            close(sender);
            close(receiver);
        }
    });
}

#[test]
fn a_receiver_drained_on_another_os_thread_wakes_the_sender_too() {
    with_hub(|| {
        for (name, connected, sends) in SENDS {
            let (sender, receiver, address) = full(connected);
            let drained = std::thread::spawn(move || {
                std::thread::sleep(std::time::Duration::from_millis(10));
                drain(receiver, 4)
            });
            assert!(sends(sender, &address, after_ms(30_000)) > 0, "{name}");
            assert_eq!(drained.join().expect("the other OS thread"), b"fill");
            close(sender);
            close(receiver);
        }
    });
}

#[test]
fn a_full_unix_receiver_is_waited_for_until_the_deadline() {
    with_hub(|| {
        for (name, connected, sends) in SENDS {
            let (sender, receiver, address) = full(connected);
            for wait in [0, 1, 40] {
                let deadline = after_ms(wait);
                assert_eq!(sends(sender, &address, deadline), -ETIMEDOUT, "{name}");
                assert!(now() >= deadline, "{name}: not before the deadline");
            }
            assert_eq!(sends(sender, &address, PAST), -ETIMEDOUT, "{name}");
            close(sender);
            close(receiver);
        }
    });
}

#[test]
fn cancelling_ends_the_wait_for_a_full_receiver() {
    with_hub(|| {
        for (name, connected, sends) in SENDS {
            let (sender, receiver, address) = full(connected);
            let waiting = spawn(move || {
                assert_eq!(sends(sender, &address, GH_NEVER), -ECANCELED, "{name}");
            });
            sleep_ms(3);
            assert_eq!(cancel(waiting), 0);
            join(waiting);
            close(sender);
            close(receiver);
        }
    });
}

#[test]
fn a_sender_hears_that_the_full_receiver_is_gone() {
    with_hub(|| {
        for (name, connected, sends) in SENDS {
            let (sender, receiver, address) = full(connected);
            let waiting = spawn(move || {
                let result = sends(sender, &address, after_ms(30_000));
                // A connected socket is told of a reset once, before it finds nobody there.
                let gone =
                    if connected { [-ECONNRESET, -ECONNREFUSED] } else { [-ECONNREFUSED; 2] };
                assert!(gone.contains(&result), "{name}: {result}");
            });
            sleep_ms(3);
            assert_eq!(close(receiver), 0);
            join(waiting);
            close(sender);
        }
    });
}

#[test]
fn a_full_receiver_does_not_hold_up_messages_to_others() {
    with_hub(|| {
        let (sender, crammed, crammed_address) = full_receiver();
        let (receiver, address) = unix_receiver();
        let waiting = spawn(move || {
            assert_eq!(sendto(sender, &crammed_address, b"late", after_ms(30_000)), 4);
        });
        sleep_ms(2);
        for _ in 0..3 {
            assert_eq!(sendto(sender, &address, b"at once", GH_NEVER), 7);
            let mut batch = Batch::of(["batch"; 2]).addressed(&address);
            assert_eq!(batch.send(sender, GH_NEVER), 2);
            assert_eq!(receive_all(receiver, 3, PAST), [&b"at once"[..], b"batch", b"batch"]);
        }
        drain(crammed, 4);
        join(waiting);
        for fd in [sender, crammed, receiver] {
            close(fd);
        }
    });
}

#[test]
fn many_senders_to_one_receiver_lose_nothing() {
    const SENDERS: usize = 8;
    const EACH: usize = 100;
    with_hub(|| {
        let (receiver, address) = unix_receiver();
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                spawn(move || {
                    let fd = unix_datagram();
                    let mut batch = Batch::of((0..EACH).map(|n| [sender as u8, n as u8]));
                    batch = batch.addressed(&address);
                    let mut sent = 0;
                    while sent < EACH {
                        let more = batch.send_from(sent, fd, 0, after_ms(60_000));
                        assert!(more > 0, "gh_sendmmsg: {more}");
                        sent += more as usize;
                    }
                    close(fd);
                })
            })
            .collect();
        let mut next = [0; SENDERS];
        for text in receive_all(receiver, SENDERS * EACH, after_ms(60_000)) {
            let (sender, n) = (usize::from(text[0]), usize::from(text[1]));
            assert_eq!(n, next[sender], "each sender's messages stay in order");
            next[sender] += 1;
        }
        join_all(senders);
        close(receiver);
    });
}

#[test]
fn waiting_for_a_full_receiver_is_not_a_busy_loop() {
    const WAIT_MS: i64 = 300;
    with_hub(|| {
        for (name, connected, sends) in SENDS {
            let (sender, receiver, address) = full(connected);
            let before = stats();
            let waiting = spawn(move || {
                assert_eq!(sends(sender, &address, after_ms(WAIT_MS)), -ETIMEDOUT, "{name}");
            });
            join(waiting);
            let (switches, polls) =
                (stats().switches - before.switches, stats().polls - before.polls);
            assert!(switches < 100 && polls < 200, "{name}: {switches} switches, {polls} polls");
            close(sender);
            close(receiver);
        }
    });
}
