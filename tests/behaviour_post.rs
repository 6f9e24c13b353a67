//! `gh_post`: callbacks handed to a hub from its own OS thread, from others, from signal handlers.

mod common;
use common::suspending::{would_succeed, would_wait};
use common::*;
use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// How many posts may be pending.
const PENDING: usize = 1024;

unsafe extern "C" fn count(arg: *mut c_void) {
    // SAFETY: every test that posts this passes a counter that lives for ever.
    unsafe { &*arg.cast::<AtomicU64>() }.fetch_add(1, Ordering::Relaxed);
}

fn counter() -> &'static AtomicU64 {
    Box::leak(Box::new(AtomicU64::new(0)))
}

fn post_count(hub: *mut gh_hub, counter: &'static AtomicU64) -> i64 {
    let arg: *const AtomicU64 = counter;
    i64::from(c!(gh_post(hub, Some(count), arg.cast_mut().cast())))
}

#[test]
fn a_post_runs_on_the_hub_and_not_inside_the_call() {
    with_hub(|| {
        let ran = cell(false);
        assert_eq!(post(hub(), move || ran.set(true)), 0);
        assert!(!ran.get());
        run_once(PAST);
        assert!(ran.get());
        assert_eq!(stats().posts, 1);
    });
}

#[test]
fn posts_of_one_os_thread_run_in_their_order() {
    with_hub(|| {
        let log = log();
        let target = Sent((hub(), log));
        std::thread::spawn(move || {
            let (hub, log) = target.get();
            for n in 0..1000 {
                assert_eq!(post(hub, move || log.push(n)), 0);
            }
        })
        .join()
        .expect("the poster");
        while log.len() < 1000 {
            sleep_ms(1);
        }
        assert_eq!(log.take(), (0..1000).collect::<Vec<_>>());
    });
}

#[test]
fn a_post_wakes_a_sleeping_root() {
    with_hub(|| {
        let thread = spawn(|| assert_eq!(sleep_until(GH_NEVER), -ECANCELED));
        let target = Sent(hub());
        let poster = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            assert_eq!(post(target.get(), move || assert_eq!(cancel(thread), 0)), 0);
        });
        join(thread);
        poster.join().expect("the poster");
    });
}

#[test]
fn a_post_wakes_a_hub_that_waits_for_descriptors() {
    with_hub(|| {
        let (a, b) = socket_pair();
        let reader = spawn(move || assert_eq!(recv(a, &mut [0; 1], GH_NEVER), -ECANCELED));
        let target = Sent(hub());
        let poster = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            assert_eq!(post(target.get(), move || assert_eq!(cancel(reader), 0)), 0);
        });
        assert_eq!(run(), 0);
        join(reader);
        poster.join().expect("the poster");
        close(a);
        close(b);
    });
}

#[test]
fn the_inbox_holds_1024_posts_and_then_says_so() {
    with_hub(|| {
        let ran = counter();
        for n in 0..PENDING {
            assert_eq!(post_count(hub(), ran), 0, "post {n}");
        }
        for _ in 0..3 {
            assert_eq!(post_count(hub(), ran), -EAGAIN);
        }
        while ran.load(Ordering::Relaxed) < PENDING as u64 {
            run_once(PAST);
        }
        assert_eq!(stats().posts, PENDING as u64);
        for _ in 0..PENDING {
            assert_eq!(post_count(hub(), ran), 0, "room again");
        }
        while ran.load(Ordering::Relaxed) < 2 * PENDING as u64 {
            run_once(PAST);
        }
        assert_eq!(ran.load(Ordering::Relaxed), 2 * PENDING as u64);
    });
}

#[test]
fn ten_thousand_posts_from_each_of_several_os_threads_with_retries() {
    const EACH: u64 = 10_000;
    const POSTERS: u64 = 4;
    with_hub(|| {
        let ran = counter();
        let target = Sent(hub());
        let posters: Vec<_> = (0..POSTERS)
            .map(|_| {
                std::thread::spawn(move || {
                    for _ in 0..EACH {
                        loop {
                            match post_count(target.get(), ran) {
                                0 => break,
                                full => assert_eq!(full, -EAGAIN),
                            }
                            std::thread::yield_now();
                        }
                    }
                })
            })
            .collect();
        while ran.load(Ordering::Relaxed) < EACH * POSTERS {
            assert_eq!(sleep_ms(1), 0);
        }
        for poster in posters {
            poster.join().expect("a poster");
        }
        sleep_ms(5);
        assert_eq!(ran.load(Ordering::Relaxed), EACH * POSTERS);
    });
}

#[test]
fn a_post_may_spawn_cancel_and_post() {
    with_hub(|| {
        let log = log();
        let hub = hub();
        assert_eq!(
            post(hub, move || {
                log.push("post");
                spawn_detached(move || log.push("thread"));
                assert_eq!(post(hub, move || log.push("second post")), 0);
            }),
            0
        );
        while log.len() < 3 {
            sleep_ms(1);
        }
        assert_eq!(log.take()[0], "post");
    });
}

#[test]
fn a_post_that_posts_itself_again_does_not_hold_up_the_hub() {
    with_hub(|| {
        let count = cell(0_u32);
        let hub = hub();
        fn again(hub: *mut gh_hub, count: &'static Cell<u32>) {
            count.set(count.get() + 1);
            if count.get() < 1_000_000 {
                assert_eq!(post(hub, move || again(hub, count)), 0);
            }
        }
        again(hub, count);
        join(spawn(|| {
            for _ in 0..5 {
                assert_eq!(yield_now(), 0);
            }
        }));
        assert!(count.get() < 1_000_000, "threads have their turns in between");
        count.set(1_000_000);
        run_once(PAST);
    });
}

#[test]
fn every_suspending_call_is_refused_in_a_post() {
    with_hub(|| {
        let waiting = would_wait();
        let ready = would_succeed();
        for fixture in [&waiting, &ready] {
            for &case in &fixture.cases {
                let result = cell(i64::MAX);
                assert_eq!(post(hub(), move || result.set((case.call)(GH_NEVER))), 0);
                while result.get() == i64::MAX {
                    sleep_ms(1);
                }
                assert_eq!(result.get(), GH_ENOTGREEN, "{}", case.name);
            }
        }
        waiting.end();
        ready.end();
    });
}

#[test]
fn a_post_is_no_green_thread_and_not_the_root() {
    with_hub(|| {
        let ran = cell(false);
        assert_eq!(
            post(hub(), move || {
                assert_eq!(self_id(), 0);
                assert_eq!(run(), GH_ENOTROOT);
                assert_eq!(run_once(PAST), GH_ENOTROOT);
                assert_eq!(free_hub(), GH_ENOTROOT);
                ran.set(true);
            }),
            0
        );
        while !ran.get() {
            sleep_ms(1);
        }
    });
}

#[test]
fn bad_posts_are_refused() {
    with_hub(|| {
        assert_eq!(i64::from(c!(gh_post(hub(), None, null_mut()))), -EINVAL);
        assert_eq!(post_count(null_mut(), counter()), -EINVAL);
        assert_eq!(stats().posts, 0);
    });
}

#[test]
fn posting_to_a_hub_while_it_is_freed_is_safe() {
    let _watchdog = watchdog();
    for _ in 0..20 {
        let ran = counter();
        let target = Sent(hub());
        let posting: &'static AtomicUsize = Box::leak(Box::new(AtomicUsize::new(0)));
        let poster = std::thread::spawn(move || loop {
            match post_count(target.get(), ran) {
                0 => posting.fetch_add(1, Ordering::Relaxed),
                full if full == -EAGAIN => 0,
                end => break end,
            };
        });
        while posting.load(Ordering::Relaxed) < 100 {
            sleep_ms(1);
        }
        assert_eq!(free_hub(), 0);
        assert_eq!(poster.join().expect("the poster"), GH_ENOHUB);
        assert!(ran.load(Ordering::Relaxed) <= posting.load(Ordering::Relaxed) as u64);
    }
}

static SIGNALLED_HUB: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());
static POSTS_OF_SIGNALS: AtomicU64 = AtomicU64::new(0);

extern "C" fn post_from_signal(_: c_int) {
    let hub = SIGNALLED_HUB.load(Ordering::Relaxed).cast();
    let counter: *const AtomicU64 = &POSTS_OF_SIGNALS;
    c!(gh_post(hub, Some(count), counter.cast_mut().cast()));
}

#[test]
fn a_signal_handler_may_post() {
    with_hub(|| {
        SIGNALLED_HUB.store(hub().cast(), Ordering::Relaxed);
        let handler: extern "C" fn(c_int) = post_from_signal;
        // SAFETY: the handler makes one call that is safe in signal handlers.
        unsafe { libc::signal(libc::SIGUSR2, handler as libc::sighandler_t) };
        assert_eq!(c!(libc::raise(libc::SIGUSR2)), 0);
        while POSTS_OF_SIGNALS.load(Ordering::Relaxed) < 1 {
            assert_eq!(sleep_ms(1), 0);
        }
        let own = Sent(c!(libc::pthread_self()));
        let sender = std::thread::spawn(move || {
            for _ in 0..100 {
                std::thread::sleep(Duration::from_micros(300));
                assert_eq!(c!(libc::pthread_kill(own.get(), libc::SIGUSR2)), 0);
            }
        });
        // Signals may merge, so at least the last of them is waited for.
        while !sender.is_finished() {
            assert_eq!(sleep_ms(2), 0);
        }
        sender.join().expect("the sender");
        sleep_ms(2);
        let ran = POSTS_OF_SIGNALS.load(Ordering::Relaxed);
        assert!(ran > 1 && ran <= 101, "{ran} posts");
        // SAFETY: back to what it was.
        unsafe { libc::signal(libc::SIGUSR2, libc::SIG_DFL) };
    });
}
