//! Locks and channels between OS threads, with hubs of their own or none: nothing lost, nothing doubled,
//! in order, and no deadlock reported where another OS thread can help.
//!
//! `GREENHUB_SOAK_SECONDS` makes the producers and consumers run for that long.

mod common;
use common::objects::*;
use common::*;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

const LONG: i64 = 60_000;

/// Runs one function on several OS threads, each with its number, to their end. Their hubs must be free
/// of green threads then.
fn on_os_threads(count: usize, body: impl Fn(usize) + Sync) {
    thread::scope(|scope| {
        for n in 0..count {
            let body = &body;
            scope.spawn(move || {
                body(n);
                reraise();
                assert_eq!(free_hub(), 0);
            });
        }
    });
}

#[test]
fn os_threads_without_a_hub_may_signal_send_and_wait() {
    with_hub(|| {
        let (sem, event, channel) = (Sem::new(0), Event::new(GH_EVENT_AUTO), Channel::numbers(0));
        let waiter = spawn(move || {
            for n in 0..100 {
                assert_eq!(sem.wait(after_ms(LONG)), 0);
                assert_eq!(event.wait(after_ms(LONG)), 0);
                assert_eq!(channel.recv(after_ms(LONG)), Ok(n));
            }
        });
        let plain = thread::spawn(move || {
            for n in 0..100 {
                // Neither needs a hub: the two before the first send are made without one.
                assert_eq!((sem.post(), event.set()), (0, 0));
                assert_eq!(channel.send(n, after_ms(LONG)), 0);
            }
        });
        join(waiter);
        plain.join().expect("the plain OS thread");
        let plain = thread::spawn(move || {
            assert_eq!(sem.wait(after_ms(LONG)), 0);
            assert_eq!(event.wait(after_ms(LONG)), 0);
            assert_eq!(channel.recv(after_ms(LONG)), Ok(5));
        });
        assert_eq!((sem.post(), event.set(), channel.send(5, after_ms(LONG))), (0, 0, 0));
        plain.join().expect("the plain OS thread");
        assert_eq!((sem.free(), event.free(), channel.free()), (0, 0, 0));
    });
}

#[test]
fn a_mutex_excludes_green_threads_of_all_os_threads() {
    let _watchdog = watchdog();
    let (mutex, inside, count) = (Mutex::new(), AtomicBool::new(false), AtomicUsize::new(0));
    // Leaked, so that green threads may have them.
    let shared: &'static _ = Box::leak(Box::new((inside, count)));
    on_os_threads(4, |_| {
        let threads: Vec<_> = (0..5)
            .map(|_| {
                spawn(move || {
                    for n in 0..200 {
                        assert_eq!(mutex.lock(after_ms(LONG)), 0);
                        assert!(!shared.0.swap(true, Ordering::Relaxed));
                        // Guarded by the mutex alone.
                        let value = shared.1.load(Ordering::Relaxed);
                        if n % 10 == 0 {
                            yield_now();
                        }
                        shared.1.store(value + 1, Ordering::Relaxed);
                        shared.0.store(false, Ordering::Relaxed);
                        assert_eq!(mutex.unlock(), 0);
                    }
                })
            })
            .collect();
        join_all(threads);
    });
    assert_eq!(shared.1.load(Ordering::Relaxed), 4 * 5 * 200);
    mutex.end();
    assert_eq!(free_hub(), 0);
}

#[test]
fn a_read_write_lock_holds_between_os_threads() {
    let _watchdog = watchdog();
    let lock = RwLock::new();
    let shared: &'static (AtomicUsize, AtomicUsize) = Box::leak(Box::default());
    on_os_threads(4, |n| {
        for round in 0..300 {
            if (n + round) % 4 == 0 {
                assert_eq!(lock.write(after_ms(LONG)), 0);
                let (one, two) =
                    (shared.0.load(Ordering::Relaxed), shared.1.load(Ordering::Relaxed));
                assert_eq!(one, two);
                shared.0.store(one + 1, Ordering::Relaxed);
                thread::yield_now();
                shared.1.store(two + 1, Ordering::Relaxed);
            } else {
                assert_eq!(lock.read(after_ms(LONG)), 0);
                let one = shared.0.load(Ordering::Relaxed);
                assert_eq!(shared.1.load(Ordering::Relaxed), one);
            }
            assert_eq!(lock.unlock(), 0);
        }
    });
    assert_eq!(shared.0.load(Ordering::Relaxed), 300);
    lock.end();
    assert_eq!(free_hub(), 0);
}

#[test]
fn condition_barrier_group_and_once_work_between_os_threads() {
    let _watchdog = watchdog();
    let (mutex, cond, barrier) = (Mutex::new(), Cond::new(), Barrier::new(4));
    let (group, once) = (WaitGroup::of(4), Once::new());
    let shared: &'static (AtomicUsize, AtomicUsize) = Box::leak(Box::default());
    on_os_threads(4, |n| {
        let done = once.run(after_ms(LONG), || {
            shared.0.fetch_add(1, Ordering::SeqCst);
            sleep_ms(5)
        });
        assert_eq!((done, shared.0.load(Ordering::SeqCst)), (0, 1));
        for round in 1..=50 {
            shared.1.fetch_add(1, Ordering::SeqCst);
            assert!(barrier.wait(after_ms(LONG)) >= 0);
            assert!(shared.1.load(Ordering::SeqCst) >= 4 * round);
            assert!(barrier.wait(after_ms(LONG)) >= 0);
        }
        // Taking turns.
        for turn in (n..40).step_by(4) {
            assert_eq!(mutex.lock(after_ms(LONG)), 0);
            while shared.1.load(Ordering::SeqCst) != 200 + turn {
                assert_eq!(cond.wait(mutex, after_ms(LONG)), 0);
            }
            shared.1.fetch_add(1, Ordering::SeqCst);
            assert_eq!((cond.broadcast(), mutex.unlock()), (0, 0));
        }
        assert_eq!((group.done(), group.wait(after_ms(LONG))), (0, 0));
    });
    assert_eq!(shared.1.load(Ordering::SeqCst), 240);
    assert_eq!((mutex.free(), cond.free(), barrier.free()), (0, 0, 0));
    assert_eq!((group.free(), once.free()), (0, 0));
    assert_eq!(free_hub(), 0);
}

const PRODUCERS: usize = 6;

/// One producer: numbers that say whose they are and which. Returns how many it sent.
fn produce(channel: Channel, producer: usize, count: usize, ends: i64) -> u64 {
    let mut n = 0;
    while n < count as u64 && (ends == GH_NEVER || now() < ends) {
        assert_eq!(channel.send((producer as u64) << 40 | n, after_ms(LONG)), 0);
        n += 1;
    }
    n
}

/// One consumer: checks the order of each producer, and gives how many it got of each and their sum.
fn consume(channel: Channel, other: Channel, with_select: bool) -> [(u64, u64); PRODUCERS] {
    let mut seen = [(0, 0); PRODUCERS];
    let mut last = [None; PRODUCERS];
    loop {
        let (mut item, mut none) = (0, 0);
        if with_select {
            let mut cases = [case_recv(other, &mut none), case_recv(channel, &mut item)];
            assert_eq!(select(&mut cases, after_ms(LONG)), 1);
            if cases[1].result() == -EPIPE {
                return seen;
            }
        } else {
            match channel.recv(after_ms(LONG)) {
                Ok(received) => item = received,
                Err(error) => {
                    assert_eq!(error, -EPIPE);
                    return seen;
                }
            }
        }
        let (producer, n) = ((item >> 40) as usize, item & ((1 << 40) - 1));
        assert!(last[producer].is_none_or(|last| last < n), "{producer}: {n} after {last:?}");
        last[producer] = Some(n);
        seen[producer].0 += 1;
        seen[producer].1 += n;
    }
}

/// Producers on two OS threads, consumers on two others, several green threads on each.
fn produce_and_consume(capacity: usize, count: usize, ends: i64) {
    let (channel, quiet) = (Channel::numbers(capacity), Channel::numbers(0));
    let producing = WaitGroup::of(PRODUCERS as c_int);
    let sent: &'static [AtomicUsize; PRODUCERS] = Box::leak(Box::default());
    let got: &'static [[AtomicUsize; 2]; PRODUCERS] = Box::leak(Box::default());
    on_os_threads(4, |os_thread| {
        let threads: Vec<_> = (0..3)
            .map(|n| {
                spawn(move || {
                    if os_thread < 2 {
                        let producer = os_thread * 3 + n;
                        let count = produce(channel, producer, count, ends);
                        sent[producer].store(count as usize, Ordering::Relaxed);
                        assert_eq!(producing.done(), 0);
                        return;
                    }
                    let seen = consume(channel, quiet, n == 1);
                    for (got, (count, sum)) in got.iter().zip(seen) {
                        got[0].fetch_add(count as usize, Ordering::Relaxed);
                        got[1].fetch_add(sum as usize, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        if os_thread == 0 {
            assert_eq!(producing.wait(GH_NEVER), 0);
            assert_eq!(channel.close(), 0);
        }
        join_all(threads);
    });
    for (producer, (sent, got)) in sent.iter().zip(got).enumerate() {
        let sent = sent.load(Ordering::Relaxed);
        assert_eq!(got[0].load(Ordering::Relaxed), sent, "items of producer {producer}");
        // Each once: as many as were sent, in order without repetition, and of the same sum.
        let sum = sent * sent.saturating_sub(1) / 2;
        assert_eq!(got[1].load(Ordering::Relaxed), sum, "which items of producer {producer}");
    }
    assert_eq!((channel.free(), quiet.free(), producing.free()), (0, 0, 0));
}

#[test]
fn every_item_of_four_os_threads_arrives_once_and_in_order() {
    let soak = std::env::var("GREENHUB_SOAK_SECONDS").ok();
    match soak.map(|text| text.parse::<i64>().expect("a number of seconds")) {
        // Longer than the watchdog allows other tests: the parts each have one of their own.
        Some(seconds) => {
            let ends = now() + seconds * SECOND;
            let mut capacity = 0;
            while now() < ends {
                let _watchdog = watchdog();
                let part = ends.min(now() + 10 * SECOND);
                produce_and_consume(capacity, usize::MAX, part);
                capacity = (capacity * 3 + 1) % 100;
            }
        }
        None => {
            for capacity in [0, 1, 64] {
                let _watchdog = watchdog();
                produce_and_consume(capacity, 1500, GH_NEVER);
            }
        }
    }
    assert_eq!(free_hub(), 0);
}

#[test]
fn a_lock_that_another_os_thread_holds_is_no_deadlock() {
    with_hub(|| {
        let (theirs, mine, held) = (Mutex::new(), Mutex::new(), Sem::new(0));
        let holder = thread::spawn(move || {
            assert_eq!(
                (theirs.lock(GH_NEVER), held.post(), sleep_ms(20), theirs.unlock()),
                (0, 0, 0, 0)
            );
        });
        assert_eq!(held.wait(GH_NEVER), 0);
        assert_eq!(mine.lock(GH_NEVER), 0);
        let thread = spawn(move || {
            assert_eq!(theirs.lock(GH_NEVER), 0);
            assert_eq!(theirs.unlock(), 0);
        });
        let behind = spawn(move || {
            assert_eq!(mine.lock(GH_NEVER), 0);
            assert_eq!(mine.unlock(), 0);
        });
        // All here wait for each other but the one that waits for the other OS thread.
        assert_eq!(join_until(thread, GH_NEVER), 0);
        assert_eq!(mine.unlock(), 0);
        join(behind);
        holder.join().expect("the holder");
        assert_eq!((theirs.free(), mine.free(), held.free()), (0, 0, 0));
    });
}

#[test]
fn a_lock_that_comes_back_from_another_os_thread_is_no_deadlock_either() {
    const ROUNDS: usize = 3000;
    let _watchdog = watchdog();
    let (mutex, ready, go, done) = (Mutex::new(), Sem::new(0), Sem::new(0), Sem::new(0));
    let spin = &*Box::leak(Box::new(AtomicUsize::new(0)));
    let other = thread::spawn(move || {
        for _ in 0..ROUNDS {
            assert_eq!(go.wait(GH_NEVER), 0);
            assert_eq!(ready.post(), 0);
            // Queued between the two below.
            assert_eq!(mutex.lock(GH_NEVER), 0);
            for _ in 0..spin.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
            assert_eq!((mutex.unlock(), done.post()), (0, 0));
        }
        assert_eq!(free_hub(), 0);
    });
    // Many that wait for the root, so that the look at all of them takes its time.
    let roots = Mutex::new();
    assert_eq!(roots.lock(GH_NEVER), 0);
    let crowd: Vec<_> = (0..300)
        .map(|_| {
            spawn(move || {
                assert_eq!(roots.lock(GH_NEVER), 0);
                assert_eq!(roots.unlock(), 0);
            })
        })
        .collect();
    for round in 0..ROUNDS {
        spin.store(round * 7 % 3000, Ordering::Relaxed);
        assert_eq!(mutex.lock(GH_NEVER), 0);
        assert_eq!((go.post(), ready.wait(GH_NEVER)), (0, 0));
        // The other OS thread is about to queue; most rounds it does so first.
        thread::yield_now();
        let last = spawn(move || {
            assert_eq!(mutex.lock(GH_NEVER), 0);
            assert_eq!(mutex.unlock(), 0);
        });
        assert_eq!(yield_now(), 0);
        assert_eq!(mutex.unlock(), 0);
        // The lock goes there and comes back to `last`, while the root looks for a deadlock.
        assert_eq!(join_until(last, GH_NEVER), 0, "round {round}");
        assert_eq!(done.wait(GH_NEVER), 0);
    }
    other.join().expect("the other OS thread");
    assert_eq!(roots.unlock(), 0);
    join_all(crowd);
    roots.end();
    assert_eq!((mutex.free(), ready.free(), go.free(), done.free()), (0, 0, 0, 0));
    assert_eq!(free_hub(), 0);
}

#[test]
fn freeing_what_other_os_threads_wait_for_ends_their_waits() {
    let _watchdog = watchdog();
    for _ in 0..20 {
        let (sem, channel, waiting) = (Sem::new(0), Channel::numbers(0), Sem::new(0));
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(move || {
                    let thread = spawn(move || {
                        assert_eq!(waiting.post(), 0);
                        let mut room = 0;
                        let mut cases = [case_recv(channel, &mut room), case_send(channel, &1)];
                        let result = select(&mut cases, after_ms(LONG));
                        assert!([-EIDRM, 0, 1].contains(&result), "{result}");
                    });
                    assert_eq!(waiting.post(), 0);
                    let result = sem.wait(after_ms(LONG));
                    assert!([-EIDRM, -EINVAL].contains(&result), "{result}");
                    join(thread);
                });
            }
            for _ in 0..4 {
                assert_eq!(waiting.wait(after_ms(LONG)), 0);
            }
            sleep_ms(1);
            assert_eq!((sem.free(), channel.free()), (0, 0));
        });
        waiting.end();
    }
    assert_eq!(free_hub(), 0);
}

#[test]
fn an_owner_that_ends_on_another_os_thread_is_told_here() {
    with_hub(|| {
        let (mutex, lock, held) = (Mutex::new(), RwLock::new(), Sem::new(0));
        let owner = thread::spawn(move || {
            let thread = spawn(move || {
                assert_eq!((mutex.lock(GH_NEVER), lock.write(GH_NEVER)), (0, 0));
                assert_eq!((held.post(), sleep_ms(10)), (0, 0));
            });
            join(thread);
        });
        assert_eq!(held.wait(GH_NEVER), 0);
        let reader = spawn(move || assert_eq!(lock.read(after_ms(LONG)), -EOWNERDEAD));
        assert_eq!(mutex.lock(after_ms(LONG)), -EOWNERDEAD);
        join(reader);
        owner.join().expect("the owner");
        assert_eq!((mutex.recover(), mutex.free(), lock.free(), held.free()), (0, 0, 0, 0));
    });
}
