//! Signals that arrive during a wait: EINTR never leaks out, deadlines hold.

mod common;
use common::suspending::would_wait;
use common::*;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::Arc;
use std::time::Duration;

static SIGNALS: AtomicU32 = AtomicU32::new(0);

extern "C" fn on_signal(_: c_int) {
    SIGNALS.fetch_add(1, Ordering::Relaxed);
}

/// Installs the handler so that it interrupts system calls.
fn interrupting_handler() {
    let handler: extern "C" fn(c_int) = on_signal;
    // SAFETY: an all-zero action is one without flags, so without SA_RESTART; the handler adds to
    // an atomic counter and does nothing else.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as libc::sighandler_t;
        libc::sigemptyset(&mut action.sa_mask);
        assert_eq!(libc::sigaction(libc::SIGUSR1, &action, null_mut()), 0);
    }
}

/// Runs `body` while signals arrive at this OS thread all the time.
fn under_signals(body: impl FnOnce()) {
    interrupting_handler();
    let target = Sent(c!(libc::pthread_self()));
    let end = Arc::new(AtomicBool::new(false));
    let ended = end.clone();
    let sender = std::thread::spawn(move || {
        let mut sent = 0_u32;
        while !ended.load(Ordering::Relaxed) {
            assert_eq!(c!(libc::pthread_kill(target.get(), libc::SIGUSR1)), 0);
            sent += 1;
            std::thread::sleep(Duration::from_micros(300));
        }
        sent
    });
    let before = SIGNALS.load(Ordering::Relaxed);
    body();
    end.store(true, Ordering::Relaxed);
    sender.join().expect("the sender");
    assert!(SIGNALS.load(Ordering::Relaxed) > before, "no signal arrived");
}

#[test]
fn every_wait_goes_on_until_its_deadline() {
    with_hub(|| {
        under_signals(|| {
            let fixture = would_wait();
            for &case in &fixture.cases {
                let deadline = after_ms(10);
                assert_eq!((case.call)(deadline), case.late, "{} in the root", case.name);
                assert!(now() >= deadline);
                join(spawn(move || {
                    let deadline = after_ms(10);
                    assert_eq!((case.call)(deadline), case.late, "{}", case.name);
                    assert!(now() >= deadline);
                }));
            }
            fixture.end();
        });
    });
}

#[test]
fn long_and_endless_waits_go_on() {
    with_hub(|| {
        under_signals(|| {
            let (a, b) = socket_pair();
            let timer = timer_start(after_ms(100), 0, move || plain_write(b, b"data"));
            assert_eq!(recv(a, &mut [0; 8], GH_NEVER), 4);
            assert_eq!(timer_cancel(timer), -ESRCH);
            let start = now();
            assert_eq!(sleep_ms(100), 0);
            assert!(now() - start >= 100 * MILLISECOND);
            close(a);
            close(b);
        });
    });
}

#[test]
fn the_hubs_own_loop_goes_on() {
    with_hub(|| {
        under_signals(|| {
            let fired = cell(false);
            let deadline = after_ms(50);
            timer_start(deadline, 0, move || fired.set(true));
            assert_eq!(run(), 0);
            assert!(fired.get() && now() >= deadline);

            let sleeper = spawn(|| {
                sleep_ms(200);
            });
            run_once(PAST);
            let deadline = after_ms(30);
            assert_eq!(run_once(deadline), 1);
            assert!(now() >= deadline, "a signal is nothing for the hub to do");
            join(sleeper);
        });
    });
}

#[test]
fn much_data_arrives_whole() {
    const TOTAL: usize = 16 << 20;
    with_hub(|| {
        under_signals(|| {
            let (a, b) = tcp_pair();
            let data: &'static [u8] = pattern(TOTAL).leak();
            let sender = spawn(move || {
                assert_eq!(send_all(a, data, GH_NEVER), (TOTAL as i64, TOTAL));
            });
            let mut arrived = vec![0; TOTAL];
            assert_eq!(recv_exact(b, &mut arrived, GH_NEVER).1, TOTAL);
            assert!(arrived == data);
            join(sender);
            close(a);
            close(b);
        });
    });
}

#[test]
fn connecting_and_accepting_go_on() {
    with_hub(|| {
        under_signals(|| {
            let (listener, port) = listener();
            let server = spawn(move || {
                for _ in 0..300 {
                    let fd = fd_of(accept(listener, GH_NEVER));
                    assert_eq!(send_all(fd, b"hi", GH_NEVER).0, 2);
                    close(fd);
                }
            });
            for _ in 0..300 {
                let fd = fd_of(tcp_connect("127.0.0.1", port, after_ms(20_000)));
                assert_eq!(recv_exact(fd, &mut [0; 2], GH_NEVER), (2, 2));
                close(fd);
            }
            join(server);
            close(listener);
        });
    });
}

#[test]
fn pipes_and_files_go_on() {
    with_hub(|| {
        under_signals(|| {
            let (reader, writer) = pipe();
            let file = temporary_file(&pattern(1 << 20));
            let sender = spawn(move || {
                let mut offset = 0;
                while offset < 1 << 20 {
                    let n = sendfile(writer, file, Some(&mut offset), 1 << 20, GH_NEVER);
                    assert!(n > 0, "{n}");
                }
                close(writer);
            });
            let mut received = Vec::new();
            let mut buf = [0; 5000];
            loop {
                let n = read(reader, &mut buf, GH_NEVER);
                assert!(n >= 0, "{n}");
                if n == 0 {
                    break;
                }
                received.extend_from_slice(&buf[..n as usize]);
            }
            assert!(received == pattern(1 << 20));
            join(sender);
            close(file);
            close(reader);
        });
    });
}

#[test]
fn the_signal_mask_and_the_handlers_stay_as_they_were() {
    interrupting_handler();
    let mask = || {
        // SAFETY: reading the mask of this OS thread into a plain set.
        unsafe {
            let mut set: libc::sigset_t = std::mem::zeroed();
            assert_eq!(libc::pthread_sigmask(libc::SIG_SETMASK, null(), &mut set), 0);
            (1..32).filter(|&n| libc::sigismember(&set, n) == 1).collect::<Vec<_>>()
        }
    };
    let handler_of = |signal| {
        // SAFETY: reading an action into a plain struct.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            assert_eq!(libc::sigaction(signal, null(), &mut action), 0);
            action.sa_sigaction
        }
    };
    let signals = [libc::SIGPIPE, libc::SIGUSR1, libc::SIGCHLD, libc::SIGALRM];
    let before = (mask(), signals.map(handler_of));
    with_hub(|| {
        let (a, b) = socket_pair();
        plain_close(b);
        assert_eq!(write(a, b"data", GH_NEVER), -EPIPE);
        join(spawn(move || {
            assert_eq!(mask(), before.0, "in a green thread");
            sleep_ms(1);
            assert_eq!(mask(), before.0, "after a wait");
        }));
        assert_eq!(signals.map(handler_of), before.1);
        close(a);
    });
}
