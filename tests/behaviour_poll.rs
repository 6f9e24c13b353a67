//! `gh_poll` and `gh_wait_fd`: they answer as poll(2) does.

mod common;
use common::*;
use libc::{POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, POLLRDHUP};

fn bits(events: i16) -> i64 {
    i64::from(events)
}

#[test]
fn readiness_is_a_level_and_is_told_each_time() {
    with_hub(|| {
        let (a, b) = socket_pair();
        plain_write(b, b"data");
        for deadline in [PAST, GH_NEVER, after_ms(60_000)] {
            assert_eq!(wait_fd(a, POLLIN, deadline), bits(POLLIN));
            assert_eq!(wait_fd(a, POLLOUT, deadline), bits(POLLOUT));
            assert_eq!(wait_fd(a, POLLIN | POLLOUT, deadline), bits(POLLIN | POLLOUT));
            let mut fds = [pollfd(a, POLLIN)];
            assert_eq!(poll(&mut fds, deadline), 1);
            assert_eq!(fds[0].revents, POLLIN);
        }
        close(a);
        close(b);
    });
}

#[test]
fn readiness_that_the_caller_used_up_itself_is_waited_for_again() {
    with_hub(|| {
        let (a, b) = socket_pair();
        for round in 0..5 {
            let waiter = spawn(move || {
                assert_eq!(wait_fd(a, POLLIN, GH_NEVER), bits(POLLIN), "{round}");
                assert_eq!(drain(a, 100), b"data");
                assert_eq!(wait_fd(a, POLLIN, PAST), -ETIMEDOUT);
                assert_eq!(poll(&mut [pollfd(a, POLLIN)], PAST), 0);
                assert_eq!(wait_fd(a, POLLIN, now() + MILLISECOND), -ETIMEDOUT);
                assert_eq!(poll(&mut [pollfd(a, POLLIN)], now() + MILLISECOND), 0);
            });
            yield_now();
            plain_write(b, b"data");
            join(waiter);
        }
        close(a);
        close(b);
    });
}

#[test]
fn room_that_the_caller_used_up_itself_is_waited_for_again() {
    with_hub(|| {
        let (a, b) = socket_pair();
        assert_eq!(wait_fd(a, POLLOUT, GH_NEVER), bits(POLLOUT));
        let filled = fill(a);
        assert_eq!(wait_fd(a, POLLOUT, PAST), -ETIMEDOUT);
        let waiter = spawn(move || {
            assert_eq!(wait_fd(a, POLLOUT, GH_NEVER), bits(POLLOUT));
        });
        yield_now();
        drain(b, filled);
        join(waiter);
        close(a);
        close(b);
    });
}

#[test]
fn nothing_to_watch_is_a_sleep() {
    with_hub(|| {
        let deadline = after_ms(5);
        assert_eq!(poll(&mut [], deadline), 0);
        assert!(now() >= deadline);
        assert_eq!(i64::from(c!(gh_poll(null_mut(), 0, PAST))), 0);
        let deadline = after_ms(5);
        let sleeper = spawn(move || {
            assert_eq!(poll(&mut [pollfd(-1, POLLIN), pollfd(-7, POLLOUT)], deadline), 0);
            assert!(now() >= deadline);
        });
        join(sleeper);
    });
}

#[test]
fn negative_descriptors_are_left_out() {
    with_hub(|| {
        let (a, b) = socket_pair();
        plain_write(b, b"x");
        let mut fds = [pollfd(-1, POLLIN), pollfd(a, POLLIN), pollfd(c_int::MIN, POLLIN)];
        fds[0].revents = 0x55;
        fds[2].revents = 0x55;
        assert_eq!(poll(&mut fds, GH_NEVER), 1);
        assert_eq!(fds.map(|fd| fd.revents), [0, POLLIN, 0]);
        close(a);
        close(b);
    });
}

#[test]
fn bad_descriptors_are_told_as_poll_tells_them() {
    with_hub(|| {
        let (a, b) = socket_pair();
        let closed = unused_number();
        let mut fds = [pollfd(a, POLLIN), pollfd(closed, POLLIN)];
        for deadline in [PAST, GH_NEVER] {
            assert_eq!(poll(&mut fds, deadline), 1);
            assert_eq!(fds.map(|fd| fd.revents), [0, POLLNVAL]);
        }
        assert_eq!(poll(&mut [pollfd(c_int::MAX, POLLIN)], GH_NEVER), 1);
        for fd in [closed, -1, c_int::MIN, c_int::MAX] {
            assert_eq!(wait_fd(fd, POLLIN, GH_NEVER), -EBADF, "{fd}");
        }
        close(a);
        close(b);
    });
}

#[test]
fn files_are_always_ready() {
    with_hub(|| {
        let file = temporary_file(b"");
        let both = POLLIN | POLLOUT;
        for deadline in [PAST, GH_NEVER] {
            assert_eq!(wait_fd(file, both, deadline), bits(both));
            let mut fds = [pollfd(file, POLLIN)];
            assert_eq!(poll(&mut fds, deadline), 1);
            assert_eq!(fds[0].revents, POLLIN);
        }
        let (a, b) = socket_pair();
        let mut fds = [pollfd(a, POLLIN), pollfd(file, POLLOUT)];
        assert_eq!(poll(&mut fds, GH_NEVER), 1);
        assert_eq!(fds.map(|fd| fd.revents), [0, POLLOUT]);
        for fd in [file, a, b] {
            close(fd);
        }
    });
}

#[test]
fn a_file_that_is_never_ready_for_what_is_asked_still_has_a_deadline() {
    with_hub(|| {
        let file = temporary_file(b"");
        for events in [0, POLLRDHUP, libc::POLLPRI] {
            let deadline = now() + MILLISECOND;
            assert_eq!(poll(&mut [pollfd(file, events)], deadline), 0);
            assert!(now() >= deadline);
        }
        assert_eq!(wait_fd(file, POLLRDHUP, now() + MILLISECOND), -ETIMEDOUT);
        close(file);
    });
}

#[test]
fn hang_up_and_error_are_told_without_being_asked_for() {
    with_hub(|| {
        let (reader, writer) = pipe();
        let (other_reader, other_writer) = pipe();
        let (socket, peer) = socket_pair();
        let asked_nothing = |fd, told: i16| {
            spawn(move || {
                let mut fds = [pollfd(fd, 0)];
                assert_eq!(poll(&mut fds, GH_NEVER), 1);
                assert_eq!(fds[0].revents, told);
            })
        };
        let waits = [
            asked_nothing(reader, POLLHUP),
            asked_nothing(other_writer, POLLERR),
            asked_nothing(socket, POLLHUP),
            spawn(move || assert_eq!(wait_fd(reader, POLLIN, GH_NEVER), bits(POLLHUP))),
            spawn(move || {
                let told = wait_fd(socket, POLLRDHUP, GH_NEVER);
                assert_eq!(told, bits(POLLRDHUP | POLLHUP));
            }),
        ];
        yield_now();
        for fd in [writer, other_reader, peer] {
            plain_close(fd);
        }
        for wait in waits {
            join(wait);
        }
        let mut fds =
            [pollfd(reader, POLLIN), pollfd(other_writer, POLLOUT), pollfd(socket, POLLIN)];
        assert_eq!(poll(&mut fds, GH_NEVER), 3);
        let expected = [POLLHUP, POLLOUT | POLLERR, POLLIN | POLLHUP];
        assert_eq!(fds.map(|fd| fd.revents), expected);
        for fd in [reader, other_writer, socket] {
            close(fd);
        }
    });
}

#[test]
fn a_half_close_is_told_when_asked_for() {
    with_hub(|| {
        let (client, server) = tcp_pair();
        let waiter = spawn(move || {
            assert_eq!(wait_fd(server, POLLRDHUP, GH_NEVER), bits(POLLRDHUP));
        });
        yield_now();
        shutdown(client, libc::SHUT_WR);
        join(waiter);
        close(client);
        close(server);
    });
}

#[test]
fn out_of_band_data_is_told_when_asked_for() {
    with_hub(|| {
        let (client, server) = tcp_pair();
        let waiter = spawn(move || {
            assert_eq!(wait_fd(server, libc::POLLPRI, GH_NEVER), bits(libc::POLLPRI));
        });
        yield_now();
        assert_eq!(send_flags(client, b"!", libc::MSG_OOB, GH_NEVER), 1);
        join(waiter);
        close(client);
        close(server);
    });
}

#[test]
fn only_what_was_asked_for_wakes() {
    with_hub(|| {
        let (a, b) = socket_pair();
        fill(a);
        let woken = cell(false);
        let writer = spawn(move || {
            assert_eq!(wait_fd(a, POLLOUT, GH_NEVER), -ECANCELED);
            woken.set(true);
        });
        yield_now();
        plain_write(b, b"something to read");
        sleep_ms(5);
        assert!(!woken.get());
        cancel(writer);
        join(writer);
        close(a);
        close(b);
    });
}

#[test]
fn one_of_many_descriptors_becomes_ready() {
    with_hub(|| {
        let pairs: Vec<_> = (0..150).map(|_| socket_pair()).collect();
        for round in [0, 77, 149] {
            let mut fds: Vec<_> = pairs.iter().map(|pair| pollfd(pair.0, POLLIN)).collect();
            let writer = pairs[round].1;
            let waiter = spawn(move || {
                assert_eq!(poll(&mut fds, GH_NEVER), 1);
                for (n, fd) in fds.iter().enumerate() {
                    assert_eq!(fd.revents, if n == round { POLLIN } else { 0 }, "{n}");
                }
            });
            yield_now();
            plain_write(writer, b"x");
            join(waiter);
            drain(pairs[round].0, 1);
        }
        for (a, b) in pairs {
            close(a);
            close(b);
        }
    });
}

#[test]
fn one_descriptor_may_be_named_several_times() {
    with_hub(|| {
        let (a, b) = socket_pair();
        let waiter = spawn(move || {
            let mut fds = [pollfd(a, POLLIN), pollfd(b, POLLIN), pollfd(a, POLLIN)];
            assert_eq!(poll(&mut fds, GH_NEVER), 2);
            assert_eq!(fds.map(|fd| fd.revents), [POLLIN, 0, POLLIN]);
            let mut fds = [pollfd(a, POLLIN), pollfd(a, POLLOUT)];
            assert_eq!(poll(&mut fds, GH_NEVER), 2);
            assert_eq!(fds.map(|fd| fd.revents), [POLLIN, POLLOUT]);
        });
        yield_now();
        plain_write(b, b"x");
        join(waiter);
        close(a);
        close(b);
    });
}

#[test]
fn the_deadline_of_a_poll_is_never_early() {
    with_hub(|| {
        let (a, b) = socket_pair();
        for length in [1, 50_000, 999_999, 5 * MILLISECOND] {
            let deadline = now() + length;
            let mut fds = [pollfd(a, POLLIN)];
            fds[0].revents = 0x55;
            assert_eq!(poll(&mut fds, deadline), 0);
            assert_eq!(fds[0].revents, 0);
            assert!(now() >= deadline);
            let deadline = now() + length;
            assert_eq!(wait_fd(a, POLLIN, deadline), -ETIMEDOUT);
            assert!(now() >= deadline);
        }
        close(a);
        close(b);
    });
}

#[test]
fn poll_answers_as_the_system_does() {
    with_hub(|| {
        let (a, b) = tcp_pair();
        let pipe = pipe();
        let file = temporary_file(b"x");
        plain_write(b, b"x");
        fill(pipe.1);
        let asked = [
            POLLIN,
            POLLOUT,
            POLLIN | POLLOUT,
            POLLRDHUP,
            libc::POLLPRI,
            libc::POLLRDNORM | libc::POLLWRNORM,
            0,
        ];
        for fd in [a, b, pipe.0, pipe.1, file, -1, unused_number()] {
            for events in asked {
                let mut theirs = [pollfd(fd, events)];
                let mut ours = theirs;
                let count = c!(libc::poll(theirs.as_mut_ptr(), 1, 0));
                assert_eq!(poll(&mut ours, PAST), i64::from(count), "{fd} {events:#x}");
                assert_eq!(ours[0].revents, theirs[0].revents, "{fd} {events:#x}");
            }
        }
        for fd in [a, b, pipe.0, pipe.1, file] {
            close(fd);
        }
    });
}
