//! Green threads: spawn, join, detach, results, ids and the order in which they run.

mod common;
use common::*;

unsafe extern "C" fn give_back(arg: *mut c_void) -> *mut c_void {
    arg
}

unsafe extern "C" fn yield_twice(arg: *mut c_void) -> *mut c_void {
    yield_now();
    yield_now();
    arg
}

fn spawn_raw(entry: gh_entry, arg: usize) -> gh_thread {
    let mut thread = 0;
    assert_eq!(c!(gh_spawn(&mut thread, null(), entry, arg as *mut c_void)), 0);
    thread
}

fn join_raw(thread: gh_thread) -> (i64, usize) {
    let mut result = usize::MAX as *mut c_void;
    let joined = c!(gh_join(thread, &mut result, GH_NEVER));
    (i64::from(joined), result as usize)
}

#[test]
fn a_spawned_thread_runs_later_and_not_inside_gh_spawn() {
    with_hub(|| {
        let ran = cell(false);
        let thread = spawn(move || ran.set(true));
        assert!(!ran.get());
        join(thread);
        assert!(ran.get());
    });
}

#[test]
fn join_gives_the_entrys_result_of_a_running_and_of_an_ended_thread() {
    with_hub(|| {
        assert_eq!(join_raw(spawn_raw(Some(yield_twice), 0x1234)), (0, 0x1234));

        let ended = spawn_raw(Some(give_back), usize::MAX - 1);
        sleep_ms(1);
        assert_eq!(stats().unjoined, 1);
        assert_eq!(join_raw(ended), (0, usize::MAX - 1));
        assert_eq!(join_raw(spawn_raw(Some(give_back), 0)), (0, 0));
    });
}

#[test]
fn threads_start_in_the_order_of_their_spawn_and_yield_goes_to_the_back() {
    with_hub(|| {
        let log = log();
        let threads: Vec<_> = (0..5)
            .map(|thread| {
                spawn(move || {
                    for turn in 0..4 {
                        log.push((turn, thread));
                        assert_eq!(yield_now(), 0);
                    }
                })
            })
            .collect();
        join_all(threads);
        let expected: Vec<_> =
            (0..4).flat_map(|turn| (0..5).map(move |thread| (turn, thread))).collect();
        assert_eq!(log.take(), expected);
    });
}

#[test]
fn the_root_takes_its_turn_among_the_others() {
    with_hub(|| {
        let log = log();
        let first = spawn(move || {
            log.push("first");
            yield_now();
            log.push("first again");
        });
        let second = spawn(move || log.push("second"));
        log.push("root");
        assert_eq!(yield_now(), 0);
        log.push("root again");
        join(first);
        join(second);
        assert_eq!(log.take(), ["root", "first", "second", "root again", "first again"]);
    });
}

#[test]
fn a_thread_spawned_by_a_green_thread_runs_after_those_already_ready() {
    with_hub(|| {
        let log = log();
        let outer = spawn(move || {
            log.push("outer");
            let inner = spawn(move || log.push("inner"));
            log.push("outer goes on");
            join(inner);
            log.push("outer joined");
        });
        let other = spawn(move || log.push("other"));
        join(outer);
        join(other);
        assert_eq!(log.take(), ["outer", "outer goes on", "other", "inner", "outer joined"]);
    });
}

#[test]
fn joiners_are_woken_in_the_order_in_which_their_threads_end() {
    with_hub(|| {
        let log = log();
        let workers: Vec<_> = (0..4)
            .map(|n: usize| {
                spawn(move || {
                    for _ in 0..n {
                        yield_now();
                    }
                })
            })
            .collect();
        let joiners: Vec<_> = workers
            .into_iter()
            .enumerate()
            .rev()
            .map(|(n, worker)| {
                spawn(move || {
                    assert_eq!(join_until(worker, GH_NEVER), 0);
                    log.push(n);
                })
            })
            .collect();
        join_all(joiners);
        assert_eq!(log.take(), [0, 1, 2, 3]);
    });
}

#[test]
fn a_thread_can_be_joined_once() {
    with_hub(|| {
        let thread = spawn(|| ());
        join(thread);
        assert_eq!(join_until(thread, GH_NEVER), -ESRCH);
        assert_eq!(join_until(thread, PAST), -ESRCH);
    });
}

#[test]
fn an_id_stays_stale_when_its_place_is_used_again() {
    with_hub(|| {
        let mut ids = Vec::new();
        for _ in 0..2000 {
            let thread = spawn(|| ());
            assert!(!ids.contains(&thread), "an id came back");
            join(thread);
            ids.push(thread);
        }
        let live = spawn(|| {
            yield_now();
        });
        for id in ids {
            assert_ne!(id, live);
            assert_eq!(join_until(id, PAST), -ESRCH);
            assert_eq!(detach(id), -ESRCH);
            assert_eq!(cancel(id), -ESRCH);
            assert_eq!(name(id), Err(-ESRCH));
            assert_eq!(set_name(id, "stale"), -ESRCH);
        }
        join(live);
    });
}

#[test]
fn zero_is_no_thread() {
    with_hub(|| {
        assert_eq!(join_until(0, GH_NEVER), -ESRCH);
        assert_eq!(detach(0), -ESRCH);
        assert_eq!(cancel(0), -ESRCH);
    });
}

#[test]
fn joining_oneself_is_refused_in_a_green_thread_and_in_the_root() {
    with_hub(|| {
        let thread = spawn(|| assert_eq!(join_until(self_id(), GH_NEVER), -EDEADLK));
        join(thread);
        assert_eq!(join_until(self_id(), GH_NEVER), -EDEADLK);
    });
}

#[test]
fn a_second_joiner_is_refused_while_the_first_still_waits() {
    with_hub(|| {
        let worker = spawn(|| {
            sleep_ms(20);
        });
        let first = spawn(move || assert_eq!(join_until(worker, GH_NEVER), 0));
        yield_now();
        assert_eq!(join_until(worker, GH_NEVER), -EINVAL);
        assert_eq!(join_until(worker, PAST), -EINVAL);
        join(first);
    });
}

#[test]
fn a_joiner_that_timed_out_leaves_the_thread_joinable() {
    with_hub(|| {
        let worker = spawn_raw(Some(yield_twice), 7);
        assert_eq!(join_until(worker, PAST), -ETIMEDOUT);
        assert_eq!(join_raw(worker), (0, 7));

        let sleeper = spawn(|| {
            sleep_ms(60);
        });
        let start = now();
        assert_eq!(join_until(sleeper, start + 20 * MILLISECOND), -ETIMEDOUT);
        assert!(now() >= start + 20 * MILLISECOND);
        join(sleeper);
        assert!(now() >= start + 60 * MILLISECOND);
    });
}

#[test]
fn a_past_deadline_still_joins_a_thread_that_has_ended() {
    with_hub(|| {
        let thread = spawn(|| ());
        sleep_ms(1);
        assert_eq!(join_until(thread, PAST), 0);
    });
}

#[test]
fn a_detached_thread_cannot_be_joined_and_its_id_ends_with_it() {
    with_hub(|| {
        let done = cell(false);
        let thread = spawn(move || {
            sleep_ms(5);
            done.set(true);
        });
        assert_eq!(detach(thread), 0);
        assert_eq!(join_until(thread, GH_NEVER), -EINVAL);
        assert_eq!(detach(thread), -EINVAL);
        assert!(!done.get());
        assert_eq!(run(), 0);
        assert!(done.get());
        assert_eq!(join_until(thread, GH_NEVER), -ESRCH);
        assert_eq!(detach(thread), -ESRCH);
    });
}

#[test]
fn detaching_an_ended_thread_gives_it_back() {
    with_hub(|| {
        let thread = spawn(|| ());
        sleep_ms(1);
        assert_eq!((stats().live, stats().unjoined), (0, 1));
        assert_eq!(detach(thread), 0);
        assert_eq!(stats().unjoined, 0);
        assert_eq!(join_until(thread, PAST), -ESRCH);
    });
}

#[test]
fn a_thread_that_is_being_joined_cannot_be_detached() {
    with_hub(|| {
        let worker = spawn_raw(Some(yield_twice), 3);
        let joiner = spawn(move || assert_eq!(join_raw(worker), (0, 3)));
        yield_now();
        assert_eq!(detach(worker), -EINVAL);
        join(joiner);
    });
}

#[test]
fn spawning_detached_by_null_and_by_flag() {
    with_hub(|| {
        let ran = cell(0);
        spawn_detached(move || ran.set(ran.get() + 1));
        let mut options = no_spawn_options();
        options.flags = GH_SPAWN_DETACHED;
        let thread = spawn_with(&options, move || ran.set(ran.get() + 1));
        assert_eq!(join_until(thread, GH_NEVER), -EINVAL);
        assert_eq!(run(), 0);
        assert_eq!(ran.get(), 2);
        assert_eq!(join_until(thread, GH_NEVER), -ESRCH);
        assert_eq!((stats().live, stats().unjoined), (0, 0));
    });
}

#[test]
fn every_live_thread_has_an_id_of_its_own() {
    with_hub(|| {
        assert_ne!(hub(), null_mut());
        let root = self_id();
        assert_ne!(root, 0);
        let seen = log();
        let threads: Vec<_> = (0..3)
            .map(|_| {
                spawn(move || {
                    let before = self_id();
                    yield_now();
                    assert_eq!(self_id(), before);
                    seen.push(before);
                })
            })
            .collect();
        let ids = threads.clone();
        join_all(threads);
        assert_eq!(seen.take(), ids);
        assert!(!ids.contains(&root));
        assert_eq!(self_id(), root);
    });
}

#[test]
fn self_is_zero_on_an_os_thread_without_a_hub() {
    on_another_os_thread(|| assert_eq!(self_id(), 0));
}
