//! `gh_hub_stats` and `gh_hub_dump`: what the hub tells about its threads and their waits.

mod common;
use common::suspending::would_wait;
use common::*;

#[test]
fn a_new_hub_has_counted_nothing() {
    with_hub(|| {
        let stats = stats();
        assert_eq!((stats.live, stats.ready, stats.unjoined), (0, 0, 0));
        assert_eq!((stats.spawned, stats.posts, stats.timers), (0, 0, 0));
        assert_eq!((stats.descriptors, stats.events), (0, 0));
        assert_eq!((stats.stacks_warm, stats.stacks_cold), (stats.stacks, 0));
    });
}

#[test]
fn threads_are_counted_by_what_they_do() {
    with_hub(|| {
        let threads: Vec<_> = (0..6)
            .map(|n| {
                spawn(move || {
                    if n < 2 {
                        sleep_ms(10);
                    } else if n < 4 {
                        yield_now();
                    }
                })
            })
            .collect();
        let before = stats();
        assert_eq!((before.live, before.ready, before.unjoined), (6, 6, 0));
        assert_eq!(before.spawned, 6);
        yield_now();
        let after = stats();
        assert_eq!((after.live, after.ready, after.unjoined), (4, 2, 2));
        assert_eq!(after.timers, 2, "two deadlines");
        assert!(after.switches >= before.switches + 6);
        join_all(threads);
        let end = stats();
        assert_eq!((end.live, end.ready, end.unjoined), (0, 0, 0));
        assert_eq!((end.timers, end.spawned), (0, 6));
        assert_eq!(end.stacks_warm + end.stacks_cold, end.stacks);
    });
}

#[test]
fn descriptors_are_counted_from_the_first_wait_to_the_close() {
    with_hub(|| {
        let (a, b) = socket_pair();
        assert_eq!(stats().descriptors, 0);
        assert_eq!(recv(a, &mut [0; 1], now() + MILLISECOND), -ETIMEDOUT);
        assert_eq!(stats().descriptors, 1);
        assert_eq!(recv(a, &mut [0; 1], now() + MILLISECOND), -ETIMEDOUT);
        assert_eq!(stats().descriptors, 1, "registered once");
        let before = stats();
        let reader = spawn(move || assert_eq!(recv(a, &mut [0; 1], GH_NEVER), 1));
        yield_now();
        plain_write(b, b"x");
        join(reader);
        let after = stats();
        assert!(after.events > before.events);
        assert!(after.polls > before.polls);
        close(a);
        close(b);
        assert_eq!(stats().descriptors, 0);
    });
}

#[test]
fn idle_stacks_above_the_high_water_mark_give_their_pages_back() {
    let mut options = no_hub_options();
    options.warm_stacks = 10;
    with_hub(|| {
        assert_eq!(new_hub(&options), 0);
        let threads: Vec<_> = (0..100).map(|_| spawn(|| ())).collect();
        assert!(stats().stacks >= 100);
        join_all(threads);
        let idle = stats();
        assert!(idle.stacks_warm <= 10, "{} warm", idle.stacks_warm);
        assert_eq!(idle.stacks_warm + idle.stacks_cold, idle.stacks);
        let again: Vec<_> = (0..100)
            .map(|_| {
                spawn(|| {
                    yield_now();
                })
            })
            .collect();
        join_all(again);
        assert_eq!(stats().stacks, idle.stacks, "cold stacks are used again");
    });
}

#[test]
fn a_caller_may_know_fewer_or_more_fields() {
    with_hub(|| {
        let thread = spawn(|| ());
        let size = std::mem::size_of::<gh_stats>();
        let mut words = [u64::MAX; 32];
        let out = words.as_mut_ptr().cast::<gh_stats>();
        assert_eq!(c!(gh_hub_stats(hub(), out, 16)), 0);
        assert_eq!(words[..3], [1, 1, u64::MAX], "no more than asked for");

        let mut words = [u64::MAX; 32];
        let out = words.as_mut_ptr().cast::<gh_stats>();
        assert_eq!(c!(gh_hub_stats(hub(), out, size + 32)), 0);
        assert_eq!(words[0], 1);
        assert_eq!(words[size / 8..size / 8 + 5], [0, 0, 0, 0, u64::MAX]);
        join(thread);
    });
}

#[test]
fn bad_output_is_refused() {
    with_hub(|| {
        let refused = c!(gh_hub_stats(hub(), null_mut(), 8));
        assert_eq!(i64::from(refused), -EINVAL);
        let mut stats = stats();
        let refused = c!(gh_hub_stats(hub(), &mut stats, 0));
        assert_eq!(i64::from(refused), -EINVAL);
        for size in [4097, usize::MAX] {
            let refused = c!(gh_hub_stats(hub(), &mut stats, size));
            assert_eq!(i64::from(refused), -E2BIG);
        }
    });
}

#[test]
fn the_dump_has_a_line_for_each_thread_with_its_id_and_name() {
    with_hub(|| {
        let waiting = spawn_named("alpha", || {
            sleep_ms(10);
        });
        yield_now();
        let ready = spawn_named("beta", || ());
        let nameless = spawn(|| ());
        let text = dump();
        assert!(text.ends_with('\n'), "{text}");
        for (id, name) in [(waiting, "alpha"), (ready, "beta"), (nameless, "")] {
            let lines =
                text.lines().filter(|line| line.contains(&id.to_string()) && line.contains(name));
            assert_eq!(lines.count(), 1, "{id} {name} in\n{text}");
        }
        join_all([waiting, ready, nameless]);
    });
}

#[test]
fn the_dump_tells_what_each_thread_waits_for() {
    with_hub(|| {
        let fixture = would_wait();
        let threads: Vec<_> = fixture
            .cases
            .iter()
            .filter(|case| case.name != "gh_join")
            .map(|&case| {
                spawn_named(case.name, move || {
                    assert_eq!((case.call)(GH_NEVER), -ECANCELED);
                })
            })
            .collect();
        yield_now();
        let text = dump();
        for case in fixture.cases.iter().filter(|case| case.name != "gh_join") {
            assert!(text.lines().any(|line| line.contains(case.name)), "{} in\n{text}", case.name);
        }
        for thread in threads {
            cancel(thread);
            join(thread);
        }
        fixture.end();
    });
}

#[test]
fn a_name_with_a_line_end_does_not_forge_a_line() {
    with_hub(|| {
        let thread = spawn_named("two\nlines", || ());
        let plain = spawn_named("plain", || ());
        let lines = dump().lines().count();
        assert_eq!(set_name(thread, "one line"), 0);
        assert_eq!(dump().lines().count(), lines);
        join_all([thread, plain]);
    });
}

#[test]
fn dumping_to_a_bad_descriptor_is_an_error() {
    with_hub(|| {
        join(spawn(|| {
            assert_eq!(i64::from(c!(gh_hub_dump(hub(), -1))), -EBADF);
            let closed = unused_number();
            assert_eq!(i64::from(c!(gh_hub_dump(hub(), closed))), -EBADF);
        }));
    });
}

#[test]
fn a_large_dump_arrives_whole_in_a_file() {
    with_hub(|| {
        let threads: Vec<_> = (0..1000)
            .map(|n| {
                spawn_named(&format!("number {n} of a thousand"), || {
                    sleep_until(GH_NEVER);
                })
            })
            .collect();
        yield_now();
        let file = temporary_file(b"");
        assert!(c!(gh_hub_dump(hub(), file)) >= 0);
        let end = c!(libc::lseek(file, 0, libc::SEEK_CUR));
        assert_eq!(c!(libc::lseek(file, 0, libc::SEEK_SET)), 0);
        let text = String::from_utf8(drain(file, end as usize)).expect("text");
        for n in 0..1000 {
            assert!(text.contains(&format!("number {n} of a thousand")), "{n}");
        }
        plain_close(file);
        for thread in threads {
            cancel(thread);
            join(thread);
        }
    });
}
