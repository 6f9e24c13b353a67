//! Faults that waiting on descriptors once had: numbers that became another file's, ends of streams
//! that were missed, waiters that were passed over.

mod common;
use common::*;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::{channel, Receiver};
use std::time::{Duration, Instant};

/// What is offered to the waiter of the stress below when it is no descriptor to wait on.
const NOTHING: c_int = -1;
const THE_END: c_int = -2;

/// The closer lets between 0 and 12 microseconds pass, so that it comes before, while and after the
/// waiter registers.
fn close_while_another_os_thread_begins_to_wait(
    number: c_int,
    offered: &'static AtomicI32,
    answers: &Receiver<i64>,
) {
    let end = Instant::now() + Duration::from_millis(800);
    let mut pause = 0;
    for round in 0.. {
        if Instant::now() > end {
            break;
        }
        let (fd, peer) = socket_pair();
        move_to(fd, number);
        offered.store(number, Ordering::SeqCst);
        while offered.load(Ordering::SeqCst) != NOTHING {
            std::hint::spin_loop();
        }
        pause = (pause + 977) % 12_000;
        let until = now() + pause;
        while now() < until {
            std::hint::spin_loop();
        }
        assert_eq!(close(number), 0);
        // The peer is open still, so that there is no other reason to wake up.
        match answers.recv_timeout(Duration::from_secs(15)) {
            Ok(result) => assert_eq!(result, -EBADF, "round {round}"),
            Err(_) => panic!("round {round}: the waiter sleeps on"),
        }
        assert_eq!(close(peer), 0);
    }
}

#[test]
fn closing_always_wakes_a_waiter_that_just_begins_to_wait_on_another_os_thread() {
    for deadline in [GH_NEVER, now() + 10 * SECOND] {
        let offered: &AtomicI32 = Box::leak(Box::new(AtomicI32::new(NOTHING)));
        let (answer, answers) = channel();
        let waiter = std::thread::spawn(move || {
            with_hub(|| loop {
                match offered.load(Ordering::SeqCst) {
                    NOTHING => std::hint::spin_loop(),
                    THE_END => break,
                    fd => {
                        // The hub is made before the number can be free.
                        hub();
                        offered.store(NOTHING, Ordering::SeqCst);
                        answer.send(recv(fd, &mut [0; 8], deadline)).expect("the closer");
                    }
                }
            });
        });
        close_while_another_os_thread_begins_to_wait(unused_number(), offered, &answers);
        offered.store(THE_END, Ordering::SeqCst);
        waiter.join().expect("the waiter");
    }
}

/// A hub that lets others run after each call that succeeds.
fn with_least_budget(body: impl FnOnce()) {
    let mut options = no_hub_options();
    options.budget = 1;
    assert_eq!(new_hub(&options), 0);
    with_hub(body);
}

#[test]
fn a_descriptor_closed_between_two_steps_of_send_all_does_not_send_to_its_successor() {
    with_least_budget(|| {
        let (fd, peer) = socket_pair();
        let number = at_own_number(fd);
        let sent = cell(usize::MAX);
        let sender = spawn(move || {
            let (result, count) = send_all(number, &pattern(1 << 20), after_ms(5_000));
            assert_eq!(result, -EBADF);
            sent.set(count);
        });
        yield_now();
        assert_eq!(close(number), 0);
        let (stranger, strangers_peer) = socket_pair();
        move_to(stranger, number);
        join(sender);
        assert!(sent.get() > 0);
        assert_eq!(drain(peer, 1 << 20), pattern(1 << 20)[..sent.get()]);
        assert_eq!(drain(strangers_peer, 16), b"");
        for fd in [number, peer, strangers_peer] {
            close(fd);
        }
    });
}

#[test]
fn a_descriptor_closed_between_two_steps_of_recv_exact_does_not_receive_from_its_successor() {
    with_least_budget(|| {
        let (fd, peer) = socket_pair();
        let number = at_own_number(fd);
        plain_write(peer, b"abc");
        let receiver = spawn(move || {
            let mut buf = [b'-'; 6];
            assert_eq!(recv_exact(number, &mut buf, after_ms(5_000)), (-EBADF, 3));
            assert_eq!(&buf, b"abc---");
        });
        yield_now();
        assert_eq!(close(number), 0);
        let (stranger, strangers_peer) = socket_pair();
        move_to(stranger, number);
        plain_write(strangers_peer, b"XYZ");
        join(receiver);
        assert_eq!(drain(number, 16), b"XYZ");
        for fd in [number, peer, strangers_peer] {
            close(fd);
        }
    });
}

fn send_until_full(fd: c_int) {
    while send_all(fd, &[b'f'; 1 << 16], after_ms(30)).0 > 0 {}
}

#[test]
fn the_end_of_a_stream_is_not_missed_by_one_whose_own_sending_runs_dry() {
    with_hub(|| {
        let (client, server) = tcp_pair();
        assert_eq!(recv(server, &mut [0; 8], after_ms(5)), -ETIMEDOUT);
        send_until_full(server);
        plain_write(client, b"hello");
        assert_eq!(c!(libc::shutdown(client, libc::SHUT_WR)), 0);
        // What makes room on the server's side comes in one event with the data and the end.
        while !drain(client, 1 << 16).is_empty() {}
        assert_eq!(sleep_ms(10), 0);
        send_until_full(server);
        let mut buf = [0; 64];
        assert_eq!(recv(server, &mut buf, after_ms(2_000)), 5);
        assert_eq!(&buf[..5], b"hello");
        assert_eq!(recv(server, &mut buf, after_ms(2_000)), 0);
        close(client);
        close(server);
    });
}

/// A blocking descriptor on the number of a regular file that was closed with close(2).
fn reading_suspends_only_its_green_thread(make: fn() -> (c_int, c_int)) {
    with_hub(|| {
        let number = unused_number();
        move_to(temporary_file(b"content"), number);
        assert_eq!(read(number, &mut [0; 1], GH_NEVER), 1);
        plain_close(number);

        let (reader, writer) = make();
        move_to(reader, number);
        let (done, rescue) = channel();
        let rescuer = std::thread::spawn(move || {
            if rescue.recv_timeout(Duration::from_secs(2)).is_err() {
                plain_write(writer, b"late");
            }
        });
        let other = spawn(move || {
            assert_eq!(sleep_ms(2), 0);
            plain_write(writer, b"soon");
        });
        let mut buf = [0; 4];
        assert_eq!(read(number, &mut buf, after_ms(20_000)), 4);
        let _ = done.send(());
        rescuer.join().expect("the rescuer");
        assert_eq!(&buf, b"soon", "the OS thread was blocked");
        join(other);
        close(number);
        close(writer);
    });
}

#[test]
fn a_file_that_became_a_blocking_socket_suspends_only_its_reader() {
    reading_suspends_only_its_green_thread(blocking_socket_pair);
}

#[test]
fn a_file_that_became_a_blocking_pipe_suspends_only_its_reader() {
    reading_suspends_only_its_green_thread(pipe);
}

#[test]
fn a_connection_that_became_a_pipe_is_read_and_written_as_one() {
    let became = |make: fn() -> (c_int, c_int)| {
        let (fd, peer) = tcp_pair();
        let number = at_own_number(fd);
        assert_eq!(write(number, b"x", GH_NEVER), 1);
        plain_close(number);
        plain_close(peer);
        let (reader, writer) = make();
        (number, reader, writer)
    };
    with_hub(|| {
        for make in [pipe as fn() -> (c_int, c_int), nonblocking_pipe] {
            let (number, reader, writer) = became(make);
            move_to(reader, number);
            plain_write(writer, b"1");
            let mut buf = [0; 4];
            assert_eq!(read(number, &mut buf, after_ms(2_000)), 1);
            assert_eq!(read(number, &mut buf, after_ms(2)), -ETIMEDOUT);
            let other = spawn(move || {
                assert_eq!(sleep_ms(2), 0);
                plain_write(writer, b"23");
            });
            assert_eq!(read(number, &mut buf, after_ms(2_000)), 2);
            join(other);
            close(number);
            close(writer);

            let (number, reader, writer) = became(make);
            move_to(writer, number);
            assert_eq!(write(number, b"4", after_ms(2_000)), 1);
            assert_eq!(drain(reader, 4), b"4");
            close(number);
            close(reader);
        }
    });
}

/// A call on a descriptor, with its deadline.
type Try = fn(c_int, i64) -> i64;

/// A green thread waits in `attempt`; what it waits for comes, and the root tries at once. Gives what
/// the green thread got.
fn does_not_overtake(fd: c_int, attempt: Try, come: impl FnOnce()) -> i64 {
    let result = cell(0);
    let waiter = spawn(move || result.set(attempt(fd, after_ms(5_000))));
    yield_now();
    assert_eq!(stats().ready, 0, "it waits");
    come();
    assert_eq!(attempt(fd, PAST), -ETIMEDOUT);
    join(waiter);
    result.get()
}

#[test]
fn a_call_with_a_past_deadline_does_not_overtake_those_that_wait() {
    with_hub(|| {
        let (fd, peer) = socket_pair();
        let read_one: [Try; 4] = [
            |fd, by| recv(fd, &mut [0; 4], by),
            |fd, by| read(fd, &mut [0; 4], by),
            |fd, by| recvfrom(fd, &mut [0; 4], by),
            |fd, by| recv_exact(fd, &mut [0; 1], by).0,
        ];
        for attempt in read_one {
            assert_eq!(does_not_overtake(fd, attempt, || plain_write(peer, b"x")), 1);
        }
        let write_one: [Try; 2] = [|fd, by| send(fd, b"y", by), |fd, by| write(fd, b"y", by)];
        for attempt in write_one {
            let filled = fill(fd);
            let sent = does_not_overtake(fd, attempt, || drop(drain(peer, filled)));
            assert_eq!((sent, drain(peer, 4)), (1, b"y".to_vec()));
        }
        let (listening, port) = listener();
        let client = cell(-1);
        let accepted = does_not_overtake(listening, accept, || {
            client.set(fd_of(tcp_connect("127.0.0.1", port, after_ms(5_000))));
        });
        for fd in [fd_of(accepted), client.get(), listening, fd, peer] {
            close(fd);
        }
    });
}
