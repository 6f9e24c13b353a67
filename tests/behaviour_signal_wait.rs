//! Signals taken as results. The signals here are sent to one OS thread: other tests run beside it.

mod common;
use common::*;

fn real_time(offset: c_int) -> c_int {
    libc::SIGRTMIN() + offset
}

fn send_here(signal: c_int) {
    assert_eq!(c!(libc::pthread_kill(libc::pthread_self(), signal)), 0);
}

#[test]
fn a_pending_signal_is_taken_at_once() {
    with_hub(|| {
        for deadline in [PAST, GH_NEVER] {
            hold_back(libc::SIGUSR2, true);
            assert_eq!(
                signal_wait(&[libc::SIGUSR1, libc::SIGUSR2], deadline),
                libc::SIGUSR2.into()
            );
            assert_eq!(signal_wait(&[libc::SIGUSR2], PAST), -ETIMEDOUT, "it was taken");
        }
    });
}

#[test]
fn green_threads_wait_for_different_signals() {
    with_hub(|| {
        let taken = log();
        let threads: Vec<_> = (0..4)
            .map(|at| {
                hold_back(real_time(at), false);
                spawn(move || taken.push(signal_wait(&[real_time(at)], GH_NEVER)))
            })
            .collect();
        assert_eq!(sleep_ms(5), 0);
        assert_eq!(taken.len(), 0);
        for at in [2, 0, 3, 1] {
            let before = taken.len();
            send_here(real_time(at));
            while taken.len() == before {
                assert_eq!(sleep_ms(1), 0);
            }
        }
        join_all(threads);
        assert_eq!(taken.take(), [2, 0, 3, 1].map(|at| i64::from(real_time(at))));
        assert_eq!(stats().descriptors, 0);
    });
}

#[test]
fn of_several_that_wait_for_one_signal_each_takes_one() {
    with_hub(|| {
        let signal = real_time(0);
        hold_back(signal, false);
        let taken = cell(0);
        let threads: Vec<_> = (0..5)
            .map(|_| {
                spawn(move || {
                    assert_eq!(signal_wait(&[signal], GH_NEVER), i64::from(signal));
                    taken.set(taken.get() + 1);
                })
            })
            .collect();
        assert_eq!(sleep_ms(2), 0);
        send_here(signal);
        while taken.get() == 0 {
            assert_eq!(sleep_ms(1), 0);
        }
        assert_eq!(sleep_ms(5), 0);
        assert_eq!(taken.get(), 1);
        for _ in 0..4 {
            send_here(signal);
        }
        join_all(threads);
        assert_eq!(signal_wait(&[signal], PAST), -ETIMEDOUT);
    });
}

#[test]
fn what_the_signal_brought_is_told() {
    with_hub(|| {
        let signal = real_time(3);
        hold_back(signal, false);
        let value = libc::sigval { sival_ptr: 0x1234_5678_9abc_usize as *mut c_void };
        assert_eq!(c!(libc::pthread_sigqueue(libc::pthread_self(), signal, value)), 0);
        let mut info = gh_signal_info::default();
        let size = std::mem::size_of::<gh_signal_info>();
        let taken = c!(gh_signal_wait(&signal, 1, &mut info, size, GH_NEVER));
        assert_eq!((taken, info.signal), (signal, signal));
        assert_eq!(info.code, libc::SI_QUEUE);
        assert_eq!(info.value, 0x1234_5678_9abc);
        // SAFETY: only asks.
        assert_eq!((info.pid, info.uid), unsafe { (libc::getpid(), libc::getuid()) });
    });
}

#[test]
fn deadline_and_cancel_leave_the_signal_pending() {
    with_hub(|| {
        let signal = real_time(1);
        hold_back(signal, false);
        let deadline = after_ms(20);
        assert_eq!(signal_wait(&[signal], deadline), -ETIMEDOUT);
        assert!(now() >= deadline);
        let waiting = spawn(move || assert_eq!(signal_wait(&[signal], GH_NEVER), -ECANCELED));
        yield_now();
        assert_eq!(stats().descriptors, 1);
        assert_eq!(cancel(waiting), 0);
        send_here(signal);
        join(waiting);
        assert_eq!(stats().descriptors, 0);
        assert_eq!(signal_wait(&[signal], PAST), i64::from(signal));
    });
}

#[test]
fn bad_sets_are_errors_and_take_nothing() {
    with_hub(|| {
        hold_back(libc::SIGUSR2, true);
        let usr2 = libc::SIGUSR2;
        assert_eq!(signal_wait(&[], GH_NEVER), -EINVAL);
        assert_eq!(i64::from(c!(gh_signal_wait(null(), 1, null_mut(), 0, GH_NEVER))), -EINVAL);
        assert_eq!(i64::from(c!(gh_signal_wait(null(), 0, null_mut(), 0, GH_NEVER))), -EINVAL);
        assert_eq!(signal_wait(&[usr2; 65], GH_NEVER), -EINVAL);
        let many = c!(gh_signal_wait(&usr2, usize::MAX, null_mut(), 0, GH_NEVER));
        assert_eq!(i64::from(many), -EINVAL);
        for number in [0, -1, 65, c_int::MAX, c_int::MIN] {
            assert_eq!(signal_wait(&[usr2, number], GH_NEVER), -EINVAL);
        }
        let mut info = gh_signal_info::default();
        assert_eq!(i64::from(c!(gh_signal_wait(&usr2, 1, &mut info, 0, GH_NEVER))), -EINVAL);
        assert_eq!(i64::from(c!(gh_signal_wait(&usr2, 1, &mut info, 5000, GH_NEVER))), -E2BIG);
        assert_eq!(signal_wait(&[libc::SIGKILL, libc::SIGSTOP], after_ms(5)), -ETIMEDOUT);
        assert_eq!(signal_wait(&[libc::SIGKILL, usr2], PAST), i64::from(usr2), "still there");
    });
}
