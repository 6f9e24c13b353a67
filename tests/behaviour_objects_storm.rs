//! Ten thousand random waits on each object, many of them cancelled or timed out in the middle, on one OS
//! thread and on three: nothing is lost, nothing is held for ever, nothing is left behind.
//!
//! `GREENHUB_STORM_SEED` replaces the seed, which each test prints.

mod common;
use common::objects::*;
use common::*;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

const ATTEMPTS: usize = 10_000;
/// Green threads that try at one time, on one OS thread.
const BATCH: usize = 25;

/// A number that green threads of all OS threads share. It is leaked.
fn shared() -> &'static AtomicI64 {
    Box::leak(Box::new(AtomicI64::new(0)))
}

fn seed() -> u64 {
    let seed =
        std::env::var("GREENHUB_STORM_SEED").map_or(1, |text| text.parse().expect("a number"));
    println!("GREENHUB_STORM_SEED={seed}");
    seed
}

fn deadline(random: &mut Random) -> i64 {
    match random.below(6) {
        0 => PAST,
        1 => now() + random.below(20_000) as i64,
        2 | 3 => now() + random.below(300_000) as i64,
        4 => after_ms(2),
        _ => GH_NEVER,
    }
}

/// Lets others run in the middle of something, or not.
fn linger(random: &mut Random) {
    match random.below(4) {
        0 => yield_now(),
        1 => sleep_until(now() + random.below(50_000) as i64),
        _ => 0,
    };
}

fn may_happen(name: &str, result: i64) -> bool {
    assert!([0, 1, -ETIMEDOUT, -ECANCELED].contains(&result), "{name}: {result}");
    result >= 0
}

/// One OS thread's part: batches of green threads that each try once, some cancelled on the way and all
/// of them in the end, since a wait may be for ever.
fn storm_here(seed: u64, attempts: usize, attempt: impl Fn(&mut Random) + Copy + 'static) {
    let mut random = Random(seed);
    let mut left = attempts;
    while left > 0 {
        let threads: Vec<_> = (0..BATCH.min(left))
            .map(|_| {
                let mut random = Random(random.below(1 << 30) as u64);
                spawn(move || {
                    linger(&mut random);
                    attempt(&mut random);
                })
            })
            .collect();
        left -= threads.len();
        for _ in 0..random.below(8) {
            linger(&mut random);
            let victim = threads[random.below(threads.len())];
            assert_eq!(cancel(victim), 0);
        }
        if random.below(3) == 0 {
            sleep_ms(1);
        }
        for &thread in &threads {
            // Only one that was joined is gone.
            assert_eq!(cancel(thread), 0);
            if random.below(4) == 0 {
                linger(&mut random);
            }
        }
        join_all(threads);
    }
}

/// The storm on one OS thread, then on three; `check` looks at what is left after each.
fn storm(attempt: impl Fn(&mut Random) + Copy + Send + Sync + 'static, check: impl Fn()) {
    let seed = seed();
    with_hub(|| {
        storm_here(seed, ATTEMPTS, attempt);
        check();
    });
    let _watchdog = watchdog();
    std::thread::scope(|scope| {
        for n in 1..=3 {
            scope.spawn(move || {
                storm_here(seed * 1000 + n, ATTEMPTS / 3, attempt);
                assert_eq!(free_hub(), 0);
            });
        }
    });
    check();
    assert_eq!(free_hub(), 0);
}

#[test]
fn a_semaphore_keeps_its_count() {
    let (sem, inside) = (Sem::bounded(3, 3), shared());
    storm(
        move |random| {
            if may_happen("gh_sem_wait", sem.wait(deadline(random))) {
                assert!(inside.fetch_add(1, Ordering::SeqCst) < 3);
                linger(random);
                inside.fetch_sub(1, Ordering::SeqCst);
                assert_eq!(sem.post(), 0);
            }
        },
        || assert_eq!(sem.value(), 3),
    );
    sem.end();
}

#[test]
fn a_mutex_is_free_in_the_end_and_held_by_one_until_then() {
    for mutex in [Mutex::new(), Mutex::recursive()] {
        let inside = shared();
        storm(
            move |random| {
                if may_happen("gh_mutex_lock", mutex.lock(deadline(random))) {
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    linger(random);
                    inside.fetch_sub(1, Ordering::SeqCst);
                    assert_eq!(mutex.unlock(), 0);
                }
            },
            || assert_eq!((mutex.lock(PAST), mutex.unlock(), mutex.unlock()), (0, 0, -EPERM)),
        );
        mutex.end();
    }
}

#[test]
fn a_read_write_lock_is_free_in_the_end() {
    // Readers count by one, a writer by a thousand.
    let (lock, inside) = (RwLock::new(), shared());
    storm(
        move |random| {
            let write = random.below(3) == 0;
            let by = deadline(random);
            if may_happen("gh_rwlock", if write { lock.write(by) } else { lock.read(by) }) {
                let before = inside.fetch_add(if write { 1000 } else { 1 }, Ordering::SeqCst);
                assert!(if write { before == 0 } else { before < 1000 }, "{write} {before}");
                linger(random);
                inside.fetch_sub(if write { 1000 } else { 1 }, Ordering::SeqCst);
                assert_eq!(lock.unlock(), 0);
            }
        },
        || assert_eq!((lock.write(PAST), lock.unlock(), lock.unlock()), (0, 0, -EPERM)),
    );
    lock.end();
}

#[test]
fn a_condition_wakes_who_waits_and_leaves_the_mutex_free() {
    let (cond, mutex, tokens, balance) = (Cond::new(), Mutex::new(), shared(), shared());
    storm(
        move |random| {
            if !may_happen("gh_mutex_lock", mutex.lock(deadline(random))) {
                return;
            }
            if random.below(2) == 0 {
                tokens.fetch_add(1, Ordering::SeqCst);
                balance.fetch_add(1, Ordering::SeqCst);
                assert_eq!(if random.below(2) == 0 { cond.signal() } else { cond.broadcast() }, 0);
            } else {
                let by = deadline(random);
                while tokens.load(Ordering::SeqCst) == 0
                    && may_happen("gh_cond_wait", cond.wait(mutex, by))
                {}
                if tokens.load(Ordering::SeqCst) > 0 {
                    tokens.fetch_sub(1, Ordering::SeqCst);
                    balance.fetch_sub(1, Ordering::SeqCst);
                }
            }
            assert_eq!(mutex.unlock(), 0, "held, whatever ended the wait");
        },
        || {
            assert_eq!((mutex.lock(PAST), mutex.unlock()), (0, 0));
            assert_eq!(tokens.load(Ordering::SeqCst), balance.load(Ordering::SeqCst));
        },
    );
    cond.end();
    mutex.end();
}

#[test]
fn an_automatic_event_is_set_once_in_the_end() {
    let (event, inside) = (Event::new(GH_EVENT_AUTO | GH_EVENT_SET), shared());
    storm(
        move |random| {
            if may_happen("gh_event_wait", event.wait(deadline(random))) {
                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                linger(random);
                inside.fetch_sub(1, Ordering::SeqCst);
                assert_eq!(event.set(), 0);
            }
        },
        || assert_eq!((event.wait(PAST), event.wait(PAST), event.set()), (0, -ETIMEDOUT, 0)),
    );
    event.end();
}

#[test]
fn a_barrier_counts_who_is_there() {
    let (barrier, last, others) = (Barrier::new(3), shared(), shared());
    storm(
        move |random| match barrier.wait(deadline(random)) {
            1 => {
                last.fetch_add(1, Ordering::SeqCst);
            }
            result if may_happen("gh_barrier_wait", result) => {
                others.fetch_add(1, Ordering::SeqCst);
            }
            _ => {}
        },
        || {
            assert_eq!(2 * last.load(Ordering::SeqCst), others.load(Ordering::SeqCst));
            let two = [1, 2].map(|_| spawn(move || assert_eq!(barrier.wait(GH_NEVER), 0)));
            settle();
            assert_eq!(barrier.wait(PAST), 1, "nobody was counted who had gone");
            join_all(two);
        },
    );
    assert!(last.load(Ordering::SeqCst) > 0);
    barrier.end();
}

#[test]
fn a_wait_group_is_empty_in_the_end() {
    let group = WaitGroup::new();
    storm(
        move |random| {
            if random.below(2) == 0 {
                assert_eq!(group.add(1), 0);
                linger(random);
                assert_eq!(group.done(), 0);
            } else {
                may_happen("gh_waitgroup_wait", group.wait(deadline(random)));
            }
        },
        || assert_eq!((group.wait(PAST), group.done()), (0, -EINVAL)),
    );
    group.end();
}

#[test]
fn a_function_that_fails_is_called_by_one_at_a_time() {
    let (once, inside, calls) = (Once::new(), shared(), shared());
    storm(
        move |random| {
            let by = deadline(random);
            let result = once.run(by, || {
                calls.fetch_add(1, Ordering::SeqCst);
                let alone = inside.fetch_add(1, Ordering::SeqCst) == 0;
                linger(random);
                inside.fetch_sub(1, Ordering::SeqCst);
                if alone {
                    -1000
                } else {
                    -2000
                }
            });
            assert!([-1000, -ETIMEDOUT, -ECANCELED].contains(&result), "gh_once_run: {result}");
        },
        || assert_eq!(once.run(PAST, || -1000), -1000, "the next call is nobody else's"),
    );
    assert!(calls.load(Ordering::SeqCst) > 100);
    once.end();
}

/// Two channels among which items are sent, received and selected at random.
fn channel_storm(capacity: usize) {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let channels = [Channel::numbers(capacity), Channel::numbers(capacity)];
    // Of all items that were sent and not yet received.
    let (count, sum, squares) = (shared(), shared(), shared());
    let sent = move |item: u64, sign: i64| {
        let item = item as i64;
        count.fetch_add(sign, Ordering::SeqCst);
        sum.fetch_add(sign * item, Ordering::SeqCst);
        squares.fetch_add(sign * item * item % 1_000_003, Ordering::SeqCst);
    };
    storm(
        move |random| {
            let by = deadline(random);
            let item = NEXT.fetch_add(1, Ordering::Relaxed);
            let one = channels[random.below(2)];
            let mut rooms = [0; 2];
            match random.below(4) {
                0 => {
                    if may_happen("gh_channel_send", one.send(item, by)) {
                        sent(item, 1);
                    }
                }
                1 => match one.recv(by) {
                    Ok(item) => sent(item, -1),
                    Err(error) => assert!(!may_happen("gh_channel_recv", error)),
                },
                kind => {
                    let [room, other_room] = &mut rooms;
                    let mut cases = [
                        case_recv(channels[0], room),
                        if kind == 2 {
                            case_send(channels[1], &item)
                        } else {
                            case_recv(channels[1], other_room)
                        },
                        // Of one channel both, too: they must not meet.
                        case_send(channels[0], &item),
                    ];
                    let won = select(&mut cases[..2 + random.below(2)], by);
                    may_happen("gh_select", won.min(1));
                    let item_of = [rooms[0], if kind == 2 { item } else { rooms[1] }, item];
                    match won {
                        0 => sent(item_of[0], -1),
                        1 if kind == 3 => sent(item_of[1], -1),
                        1 | 2 => sent(item, 1),
                        _ => assert_eq!(rooms, [0, 0], "nothing was received"),
                    }
                }
            }
        },
        || {
            for channel in channels {
                while let Ok(item) = channel.recv(PAST) {
                    sent(item, -1);
                }
                assert_eq!((channel.len(), channel.recv(PAST)), (0, Err(-ETIMEDOUT)));
            }
            let left = [count, sum, squares].map(|number| number.load(Ordering::SeqCst));
            assert_eq!(left, [0; 3], "every item that was sent was received, once");
        },
    );
    for channel in channels {
        channel.end();
    }
}

#[test]
fn channels_without_a_buffer_lose_and_double_nothing() {
    channel_storm(0);
}

#[test]
fn channels_with_a_buffer_lose_and_double_nothing() {
    channel_storm(3);
}

#[test]
fn selects_with_descriptors_lose_and_double_nothing() {
    let channel = Channel::numbers(0);
    let (sent, received) = (shared(), shared());
    storm(
        move |random| {
            // A pair of this thread's own, so that numbers come and go while others wait.
            let (a, b) = socket_pair();
            let by = deadline(random);
            let noisy = random.below(2) == 0;
            if noisy {
                plain_write(b, b"x");
            }
            let (item, mut room) = (1, 0);
            let sends = random.below(2) == 0;
            let case =
                if sends { case_send(channel, &item) } else { case_recv(channel, &mut room) };
            let won = select(&mut [case_read(a), case], by);
            may_happen("gh_select", won);
            match won {
                0 => assert!(noisy, "nothing was written"),
                1 if sends => {
                    sent.fetch_add(1, Ordering::SeqCst);
                }
                1 => {
                    received.fetch_add(1, Ordering::SeqCst);
                }
                _ => {}
            }
            assert_eq!((room == 1, close(a), close(b)), (won == 1 && !sends, 0, 0));
        },
        || assert_eq!(sent.load(Ordering::SeqCst), received.load(Ordering::SeqCst)),
    );
    assert!(sent.load(Ordering::SeqCst) > 0);
    channel.end();
}
