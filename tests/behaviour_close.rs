//! Descriptors closed under their waiters, and their numbers given to other files at once.

mod common;
use common::*;

/// What a waiter of a descriptor that is closed waits for: the name of its queue, and the call.
type Waiting = (&'static str, fn(c_int) -> i64);

#[test]
fn closing_wakes_every_waiter_with_ebadf_in_their_order() {
    const WAITS: [Waiting; 7] = [
        ("in", |fd| recv(fd, &mut [0; 1], GH_NEVER)),
        ("out", |fd| send(fd, b"x", GH_NEVER)),
        ("in", |fd| recv(fd, &mut [0; 1], after_ms(60_000))),
        ("poll", |fd| wait_fd(fd, libc::POLLIN, GH_NEVER)),
        ("out", |fd| send_all(fd, b"x", GH_NEVER).0),
        ("in", |fd| read(fd, &mut [0; 1], GH_NEVER)),
        ("in", |fd| recv_exact(fd, &mut [0; 1], GH_NEVER).0),
    ];
    with_hub(|| {
        let (a, b) = socket_pair();
        let fd = at_own_number(a);
        fill(fd);
        let log = log();
        let threads = WAITS.map(|(queue, wait)| {
            spawn(move || {
                assert_eq!(wait(fd), -EBADF);
                log.push((queue, self_id()));
            })
        });
        yield_now();
        assert_eq!(stats().ready, 0);
        assert_eq!(close(fd), 0);
        assert_eq!(log.len(), 0, "gh_close runs nobody");
        join_all(threads);
        let woken = log.take();
        assert_eq!(woken.len(), WAITS.len());
        for queue in ["in", "out", "poll"] {
            let order = woken.iter().filter(|woken| woken.0 == queue).map(|woken| woken.1);
            let came = WAITS.iter().zip(threads).filter(|(wait, _)| wait.0 == queue);
            assert!(order.eq(came.map(|(_, thread)| thread)), "{queue}");
        }
        assert_eq!(close(fd), -EBADF);
        close(b);
        assert_eq!(stats().descriptors, 0);
    });
}

#[test]
fn closing_ends_accepting_connecting_and_pipe_waits() {
    with_hub(|| {
        let (listening, _) = listener();
        let listening = at_own_number(listening);
        let (reader, writer) = pipe();
        let (reader, writer) = (at_own_number(reader), at_own_number(writer));
        fill(writer);
        let (empty_reader, keeps_open) = pipe();
        let empty_reader = at_own_number(empty_reader);
        let threads = [
            spawn(move || assert_eq!(accept(listening, GH_NEVER), -EBADF)),
            spawn(move || assert_eq!(write(writer, b"x", GH_NEVER), -EBADF)),
            spawn(move || assert_eq!(read(empty_reader, &mut [0; 1], GH_NEVER), -EBADF)),
        ];
        yield_now();
        for fd in [listening, writer, empty_reader] {
            assert_eq!(close(fd), 0);
        }
        for thread in threads {
            join(thread);
        }
        close(reader);
        close(keeps_open);
    });
}

#[test]
fn gh_poll_tells_which_of_its_descriptors_was_closed() {
    with_hub(|| {
        let (a, b) = socket_pair();
        let (fd, other) = (at_own_number(a), at_own_number(b));
        let thread = spawn(move || {
            let mut fds = [pollfd(other, libc::POLLIN), pollfd(fd, libc::POLLIN)];
            let ready = poll(&mut fds, GH_NEVER);
            assert!(ready == 1 || ready == 2, "{ready}");
            assert_eq!(fds[1].revents, libc::POLLNVAL);
        });
        yield_now();
        close(fd);
        join(thread);
        close(other);
    });
}

#[test]
fn a_thread_may_close_what_another_waits_on_and_both_go_on() {
    with_hub(|| {
        for _ in 0..50 {
            let (a, b) = socket_pair();
            let fd = at_own_number(a);
            let reader = spawn(move || assert_eq!(recv(fd, &mut [0; 1], GH_NEVER), -EBADF));
            let closer = spawn(move || assert_eq!(close(fd), 0));
            join(reader);
            join(closer);
            // The number is free again, and stays so until the next round reserves another.
            assert_eq!(recv(fd, &mut [0; 1], PAST), -EBADF);
            close(b);
        }
    });
}

#[test]
fn the_number_of_a_closed_descriptor_serves_another_socket_at_once() {
    with_hub(|| {
        let number = unused_number();
        for round in 0..50_u8 {
            let (old, old_peer) = socket_pair();
            move_to(old, number);
            let old_reader = spawn(move || {
                assert_eq!(recv(number, &mut [0; 1], GH_NEVER), -EBADF, "{round}");
            });
            yield_now();
            assert_eq!(close(number), 0);
            let (new, new_peer) = socket_pair();
            move_to(new, number);
            plain_write(new_peer, &[round]);
            let new_reader = spawn(move || {
                let mut byte = [0];
                assert_eq!(recv(number, &mut byte, GH_NEVER), 1);
                assert_eq!(byte[0], round);
                assert_eq!(recv(number, &mut byte, GH_NEVER), 1, "waits for the next");
                assert_eq!(byte[0], round ^ 0xff);
            });
            join(old_reader);
            sleep_ms(0);
            plain_write(new_peer, &[round ^ 0xff]);
            join(new_reader);
            assert_eq!(close(number), 0);
            close(old_peer);
            close(new_peer);
        }
    });
}

#[test]
fn what_happens_to_the_old_socket_does_not_wake_the_new_ones_reader() {
    with_hub(|| {
        let (old, old_peer) = socket_pair();
        let number = unused_number();
        // A copy keeps the old socket open after its number has gone.
        let copy = c!(libc::fcntl(old, libc::F_DUPFD_CLOEXEC, 0));
        move_to(old, number);
        assert_eq!(recv(number, &mut [0; 1], now() + 1000), -ETIMEDOUT);
        assert_eq!(close(number), 0);

        let (new, new_peer) = socket_pair();
        move_to(new, number);
        let got = cell(0);
        let reader = spawn(move || {
            got.set(wait_fd(number, libc::POLLIN, GH_NEVER));
        });
        yield_now();
        plain_write(old_peer, b"to the old one");
        plain_close(old_peer);
        sleep_ms(5);
        assert_eq!(got.get(), 0, "still waiting");
        plain_write(new_peer, b"to the new one");
        join(reader);
        assert_eq!(got.get(), i64::from(libc::POLLIN));
        plain_close(copy);
        close(number);
        close(new_peer);
    });
}

#[test]
fn a_number_closed_behind_the_hubs_back_serves_its_next_owner() {
    with_hub(|| {
        let number = unused_number();
        for round in 0..20_u8 {
            let (fd, peer) = socket_pair();
            move_to(fd, number);
            let reader = spawn(move || {
                let mut byte = [0];
                assert_eq!(recv(number, &mut byte, after_ms(20_000)), 1, "{round}");
                assert_eq!(byte[0], round);
            });
            yield_now();
            plain_write(peer, &[round]);
            join(reader);
            // A C library closes its own socket with close(2).
            plain_close(number);
            plain_close(peer);
        }
    });
}

#[test]
fn readiness_of_a_number_closed_behind_the_hubs_back_is_forgotten() {
    with_hub(|| {
        let number = unused_number();
        let (fd, peer) = socket_pair();
        move_to(fd, number);
        plain_write(peer, b"unread");
        assert_eq!(wait_fd(number, libc::POLLIN, GH_NEVER), i64::from(libc::POLLIN));
        plain_close(number);
        plain_close(peer);

        let (fd, peer) = socket_pair();
        move_to(fd, number);
        assert_eq!(wait_fd(number, libc::POLLIN, after_ms(5)), -ETIMEDOUT);
        fill(number);
        assert_eq!(wait_fd(number, libc::POLLOUT, after_ms(5)), -ETIMEDOUT);
        close(number);
        close(peer);
    });
}

#[test]
fn closing_what_nobody_waits_on_and_what_is_no_socket() {
    with_hub(|| {
        let (reader, writer) = pipe();
        let file = temporary_file(b"");
        for fd in [reader, writer, file] {
            let fd = at_own_number(fd);
            assert_eq!(close(fd), 0);
            assert_eq!(close(fd), -EBADF);
        }
        for fd in [-1, c_int::MIN, c_int::MAX, unused_number()] {
            assert_eq!(close(fd), -EBADF, "{fd}");
        }
    });
}

#[test]
fn closing_one_end_wakes_the_reader_of_the_other() {
    with_hub(|| {
        let (a, b) = socket_pair();
        let reader = spawn(move || assert_eq!(recv(a, &mut [0; 1], GH_NEVER), 0));
        yield_now();
        assert_eq!(close(b), 0);
        join(reader);
        close(a);
    });
}

#[test]
fn a_callback_may_close_what_a_thread_waits_on() {
    with_hub(|| {
        let (a, b) = socket_pair();
        let fd = at_own_number(a);
        let reader = spawn(move || assert_eq!(recv(fd, &mut [0; 1], GH_NEVER), -EBADF));
        timer_start(after_ms(3), 0, move || assert_eq!(close(fd), 0));
        join(reader);
        close(b);
    });
}
