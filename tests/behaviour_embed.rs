//! The hub inside a foreign poll loop: its descriptor, its next deadline, `gh_hub_run_once`.

mod common;
use common::*;

/// The hub's descriptor, or `None` where the backend has none to give.
fn hub_fd() -> Option<c_int> {
    match i64::from(c!(gh_hub_fd(hub()))) {
        unsupported if unsupported == -ENOTSUP => {
            eprintln!("skipped: the hub's descriptor, which the poll(2) backend does not have");
            None
        }
        fd => Some(fd_of(fd)),
    }
}

fn next_deadline() -> i64 {
    c!(gh_hub_next_deadline(hub()))
}

fn readable(fd: c_int, timeout_ms: c_int) -> bool {
    let mut fds = [pollfd(fd, libc::POLLIN)];
    let ready = c!(libc::poll(fds.as_mut_ptr(), 1, timeout_ms));
    assert!(ready >= 0);
    ready == 1 && fds[0].revents & libc::POLLIN != 0
}

/// A foreign loop: polls the hub's descriptor and lets the hub do what there is to do.
fn foreign_loop(fd: c_int) -> usize {
    let mut rounds = 0;
    loop {
        let deadline = next_deadline();
        assert!(deadline >= 0, "gh_hub_next_deadline: {deadline}");
        let timeout_ms = if deadline == GH_NEVER {
            -1
        } else {
            ((deadline - now()).max(0) as u64).div_ceil(1_000_000) as c_int
        };
        let mut fds = [pollfd(fd, libc::POLLIN)];
        assert!(c!(libc::poll(fds.as_mut_ptr(), 1, timeout_ms)) >= 0);
        rounds += 1;
        match run_once(PAST) {
            0 => return rounds,
            more => assert_eq!(more, 1),
        }
    }
}

#[test]
fn the_descriptor_stays_the_same_and_is_not_readable_when_idle() {
    with_hub(|| {
        let Some(fd) = hub_fd() else { return };
        assert_eq!(hub_fd(), Some(fd));
        assert!(!readable(fd, 0));
        assert!(is_close_on_exec(fd));
    });
}

#[test]
fn the_next_deadline_follows_what_the_hub_waits_for() {
    with_hub(|| {
        assert_eq!(next_deadline(), GH_NEVER, "nothing to do");
        let thread = spawn(|| ());
        assert_eq!(next_deadline(), 0, "a thread is ready");
        join(thread);
        assert_eq!(next_deadline(), GH_NEVER);

        let deadline = after_ms(5_000);
        let slack = 1_000_000;
        let timer = timer_start(deadline, 0, || ());
        let next = next_deadline();
        assert!(next > 0 && next <= deadline + slack, "{next} for {deadline}");
        let sooner = after_ms(1_000);
        let sleeper = spawn(move || {
            sleep_until(sooner);
        });
        assert_eq!(run_once(PAST), 1);
        let next = next_deadline();
        assert!(next > 0 && next <= sooner + slack, "{next} for {sooner}");
        assert_eq!(timer_cancel(timer), 0);
        cancel(sleeper);
        assert_eq!(next_deadline(), 0);
        join(sleeper);
        assert_eq!(next_deadline(), GH_NEVER);
    });
}

#[test]
fn a_thread_that_waits_for_a_descriptor_only_gives_no_deadline() {
    with_hub(|| {
        let (a, b) = socket_pair();
        let reader = spawn(move || {
            recv(a, &mut [0; 1], GH_NEVER);
        });
        assert_eq!(run_once(PAST), 1);
        assert_eq!(next_deadline(), GH_NEVER);
        plain_write(b, b"x");
        if let Some(fd) = hub_fd() {
            assert!(readable(fd, 10_000), "the hub's descriptor tells of the socket");
        }
        join(reader);
        close(a);
        close(b);
    });
}

#[test]
fn sleeping_threads_end_under_a_foreign_loop() {
    with_hub(|| {
        let Some(fd) = hub_fd() else { return };
        let log = log();
        for place in [2, 0, 1] {
            let deadline = after_ms(5 + place * 10);
            spawn_detached(move || {
                assert_eq!(sleep_until(deadline), 0);
                assert!(now() >= deadline);
                log.push(place);
            });
        }
        let rounds = foreign_loop(fd);
        assert_eq!(log.take(), [0, 1, 2]);
        assert!(rounds < 1000, "{rounds} rounds: the loop slept in between");
    });
}

#[test]
fn sockets_are_served_under_a_foreign_loop() {
    with_hub(|| {
        let Some(fd) = hub_fd() else { return };
        let (listener, port) = listener();
        spawn_detached(move || {
            let client = fd_of(accept(listener, GH_NEVER));
            let mut buf = [0; 64];
            loop {
                let n = recv(client, &mut buf, GH_NEVER);
                if n <= 0 {
                    break;
                }
                assert_eq!(send_all(client, &buf[..n as usize], GH_NEVER).0, n);
            }
            close(client);
        });
        let client = std::thread::spawn(move || {
            use std::io::{Read, Write};
            let mut stream = std::net::TcpStream::connect(("127.0.0.1", port as u16)).unwrap();
            for round in 0..50_u8 {
                stream.write_all(&[round; 8]).unwrap();
                let mut back = [0; 8];
                stream.read_exact(&mut back).unwrap();
                assert_eq!(back, [round; 8]);
            }
        });
        foreign_loop(fd);
        client.join().expect("the client");
        close(listener);
    });
}

#[test]
fn a_post_makes_the_descriptor_readable() {
    with_hub(|| {
        let Some(fd) = hub_fd() else { return };
        let ran = cell(0);
        for round in 1..=20 {
            let target = Sent((hub(), ran));
            std::thread::spawn(move || {
                let (hub, ran) = target.get();
                assert_eq!(post(hub, move || ran.set(ran.get() + 1)), 0);
            })
            .join()
            .expect("the poster");
            assert!(readable(fd, 10_000));
            run_once(PAST);
            assert_eq!(ran.get(), round);
            assert!(!readable(fd, 0), "the wake-up was taken");
        }
    });
}

#[test]
fn a_post_wakes_a_foreign_loop_that_waits_for_ever() {
    with_hub(|| {
        let Some(fd) = hub_fd() else { return };
        let sleeper = spawn(|| assert_eq!(sleep_until(GH_NEVER), -ECANCELED));
        let target = Sent(hub());
        let poster = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(20));
            assert_eq!(post(target.get(), move || assert_eq!(cancel(sleeper), 0)), 0);
        });
        foreign_loop(fd);
        poster.join().expect("the poster");
        join(sleeper);
    });
}

#[test]
fn stop_makes_the_descriptor_readable() {
    with_hub(|| {
        let Some(fd) = hub_fd() else { return };
        let target = Sent(hub());
        let stopper = std::thread::spawn(move || c!(gh_hub_stop(target.get())));
        assert_eq!(stopper.join().expect("the stopper"), 0);
        assert!(readable(fd, 10_000));
        assert_eq!(run(), 1);
    });
}

#[test]
fn what_the_root_makes_ready_makes_the_descriptor_readable() {
    with_hub(|| {
        let Some(fd) = hub_fd() else { return };
        let ran = cell(0);
        for round in 1..=3 {
            let sleeper = spawn(move || {
                assert_eq!(sleep_until(GH_NEVER), -ECANCELED);
                ran.set(ran.get() + 1);
            });
            assert!(readable(fd, 10_000), "a thread was spawned");
            assert_eq!(run_once(PAST), 1);
            assert!(!readable(fd, 0), "it sleeps");
            cancel(sleeper);
            assert!(readable(fd, 10_000), "it was cancelled");
            run_once(PAST);
            assert_eq!(ran.get(), round);
            assert!(!readable(fd, 0), "nothing is left to do");
            join(sleeper);
        }
    });
}
