//! What all locks, channels and their like have in common: handles, names, callbacks, errno.

mod common;
use common::objects::*;
use common::*;

/// A call, and its name.
type Call = (&'static str, Box<dyn Fn() -> i64>);

/// Calls each function that takes one handle, with that number for a handle, and gives the results.
fn call_all(number: usize, but: &str) -> Vec<(&'static str, i64)> {
    let mutex = Mutex::from_number(number);
    let lock = RwLock::from_number(number);
    let cond = Cond::from_number(number);
    let sem = Sem::from_number(number);
    let event = Event::from_number(number);
    let barrier = Barrier::from_number(number);
    let group = WaitGroup::from_number(number);
    let once = Once::from_number(number);
    let channel = Channel::from_number(number);
    let held = Mutex::new();
    assert_eq!(held.lock(PAST), 0);
    let calls: Vec<Call> = vec![
        ("mutex lock", Box::new(move || mutex.lock(PAST))),
        ("mutex lock for ever", Box::new(move || mutex.lock(GH_NEVER))),
        ("mutex unlock", Box::new(move || mutex.unlock())),
        ("mutex recover", Box::new(move || mutex.recover())),
        ("mutex free", Box::new(move || mutex.free())),
        ("rwlock read", Box::new(move || lock.read(GH_NEVER))),
        ("rwlock write", Box::new(move || lock.write(GH_NEVER))),
        ("rwlock unlock", Box::new(move || lock.unlock())),
        ("rwlock recover", Box::new(move || lock.recover())),
        ("rwlock free", Box::new(move || lock.free())),
        ("cond wait", Box::new(move || cond.wait(held, GH_NEVER))),
        ("cond signal", Box::new(move || cond.signal())),
        ("cond broadcast", Box::new(move || cond.broadcast())),
        ("cond free", Box::new(move || cond.free())),
        ("sem wait", Box::new(move || sem.wait(GH_NEVER))),
        ("sem post", Box::new(move || sem.post())),
        ("sem value", Box::new(move || sem.value())),
        ("sem free", Box::new(move || sem.free())),
        ("event wait", Box::new(move || event.wait(GH_NEVER))),
        ("event set", Box::new(move || event.set())),
        ("event reset", Box::new(move || event.reset())),
        ("event free", Box::new(move || event.free())),
        ("barrier wait", Box::new(move || barrier.wait(GH_NEVER))),
        ("barrier free", Box::new(move || barrier.free())),
        ("waitgroup wait", Box::new(move || group.wait(GH_NEVER))),
        ("waitgroup add", Box::new(move || group.add(1))),
        ("waitgroup done", Box::new(move || group.done())),
        ("waitgroup free", Box::new(move || group.free())),
        ("once run", Box::new(move || once.run(GH_NEVER, || 0))),
        ("once free", Box::new(move || once.free())),
        ("channel send", Box::new(move || channel.send(1, GH_NEVER))),
        ("channel recv", Box::new(move || channel.recv_result(GH_NEVER))),
        ("channel close", Box::new(move || channel.close())),
        ("channel len", Box::new(move || channel.len())),
        ("channel free", Box::new(move || channel.free())),
        ("select", Box::new(move || select(&mut [case_send(channel, &1)], GH_NEVER))),
    ];
    let own = |name: &str| name.starts_with(but) || (but == "channel" && name == "select");
    let results = calls
        .into_iter()
        .filter(|(name, _)| but.is_empty() || !own(name))
        .map(|(name, call)| {
            set_errno(99);
            let result = call();
            assert_eq!(errno(), 99, "errno after {name}");
            (name, result)
        })
        .collect();
    assert_eq!(held.unlock(), 0);
    held.end();
    results
}

fn refused(number: usize, but: &str) {
    for (name, result) in call_all(number, but) {
        assert_eq!(result, -EINVAL, "{name} of {number:#x}, which is no {name} or a {but:?}");
    }
}

#[test]
fn null_and_numbers_that_were_never_handles_are_refused() {
    with_hub(|| {
        let (mutex, local) = (Mutex::new(), 0_u64);
        let near = mutex.number();
        let address = std::ptr::from_ref(&local) as usize;
        for number in [0, 1, 2, 255, 1 << 24, (1 << 24) - 1, usize::MAX, usize::MAX - 1, address] {
            refused(number, "");
        }
        // Of this object's own place, or of one that nobody has: those beside it may be another test's.
        for number in [near + (1000 << 24), near | 0xff_ffff, near ^ (1 << 24), near ^ (1 << 63)] {
            refused(number, "");
        }
        assert_eq!((mutex.lock(PAST), mutex.unlock(), mutex.free()), (0, 0, 0), "still whole");
    });
}

#[test]
fn a_handle_of_another_kind_is_refused_and_what_it_names_is_untouched() {
    with_hub(|| {
        let all = [
            ("mutex", Mutex::new().number()),
            ("rwlock", RwLock::new().number()),
            ("cond", Cond::new().number()),
            ("sem", Sem::new(1).number()),
            ("event", Event::new(0).number()),
            ("barrier", Barrier::new(2).number()),
            ("waitgroup", WaitGroup::new().number()),
            ("once", Once::new().number()),
            ("channel", Channel::numbers(1).number()),
        ];
        for (kind, number) in all {
            refused(number, kind);
        }
        Mutex::from_number(all[0].1).end();
        RwLock::from_number(all[1].1).end();
        Cond::from_number(all[2].1).end();
        assert_eq!(Sem::from_number(all[3].1).value(), 1);
        Sem::from_number(all[3].1).end();
        Event::from_number(all[4].1).end();
        Barrier::from_number(all[5].1).end();
        WaitGroup::from_number(all[6].1).end();
        Once::from_number(all[7].1).end();
        Channel::from_number(all[8].1).end();
        for (_, number) in all {
            refused(number, "");
        }
    });
}

#[test]
fn a_stale_handle_stays_stale_when_its_place_is_used_again() {
    with_hub(|| {
        let stale = Sem::new(1);
        stale.end();
        let later: Vec<_> = (0..1000).map(|_| Sem::new(1)).collect();
        refused(stale.number(), "");
        on_another_os_thread(move || refused(stale.number(), ""));
        for sem in later {
            assert_eq!(sem.value(), 1);
            sem.end();
        }
    });
}

#[test]
fn constructors_refuse_null_unknown_flags_and_long_names() {
    with_hub(|| {
        let long = std::ffi::CString::new("n".repeat(64)).expect("no zero byte");
        let fits = std::ffi::CString::new("n".repeat(63)).expect("no zero byte");
        assert_eq!(mutex_new_named(fits.as_ptr()), 0);
        assert_eq!(mutex_new_named(long.as_ptr()), -ERANGE);
        type New<'a> = &'a dyn Fn(bool, *const c_char) -> i64;
        macro_rules! constructor {
            ($new:ident $(, $more:expr)*) => {
                &|null: bool, name: *const c_char| {
                    let mut raw = null_mut();
                    let place = if null { null_mut() } else { &mut raw };
                    let result = i64::from(c!($new(place, name $(, $more)*)));
                    assert!(raw.is_null(), "nothing is written by a failure");
                    result
                }
            };
        }
        let all: [New; 9] = [
            constructor!(gh_mutex_new, 0),
            constructor!(gh_rwlock_new),
            constructor!(gh_cond_new),
            constructor!(gh_sem_new, 0, 0),
            constructor!(gh_event_new, 0),
            constructor!(gh_barrier_new, 1),
            constructor!(gh_waitgroup_new),
            constructor!(gh_once_new),
            constructor!(gh_channel_new, 8, 1),
        ];
        for (n, new) in all.into_iter().enumerate() {
            assert_eq!(new(true, null()), -EINVAL, "constructor {n}");
            assert_eq!(new(false, long.as_ptr()), -ERANGE, "constructor {n}");
        }
        for flags in [2, 4, 1 << 31, u32::MAX] {
            assert_eq!(constructor!(gh_mutex_new, flags)(false, null()), -EINVAL);
        }
        for flags in [4, 7, 1 << 31, u32::MAX] {
            assert_eq!(constructor!(gh_event_new, flags)(false, null()), -EINVAL);
        }
    });
}

#[test]
fn a_callback_may_do_what_does_not_wait_and_nothing_else() {
    with_hub(|| {
        let (sem, event, group) = (Sem::new(0), Event::new(0), WaitGroup::of(1));
        let (channel, cond, mutex) = (Channel::numbers(2), Cond::new(), Mutex::new());
        let done = cell(0);
        let finish = move |result| {
            assert_eq!(result, 0);
            done.set(done.get() + 1);
        };
        let threads = [
            spawn(move || finish(sem.wait(GH_NEVER))),
            spawn(move || finish(event.wait(GH_NEVER))),
            spawn(move || finish(group.wait(GH_NEVER))),
            spawn(move || finish(i64::from(channel.recv(GH_NEVER) != Err(-EPIPE)))),
            spawn(move || {
                assert_eq!(mutex.lock(GH_NEVER), 0);
                finish(cond.wait(mutex, GH_NEVER));
                assert_eq!(mutex.unlock(), 0);
            }),
        ];
        settle();
        let results = log();
        timer_start(PAST, 0, move || {
            for result in [sem.post(), event.set(), group.done(), channel.close(), cond.signal()] {
                results.push(result);
            }
            for result in [mutex.lock(PAST), mutex.unlock(), mutex.recover()] {
                results.push(result);
            }
            let made = Sem::new(2);
            results.push(made.value());
            results.push(made.free());
        });
        join_all(threads);
        assert_eq!(done.get(), 5);
        let refused = GH_ENOTGREEN;
        assert_eq!(results.take(), [0, 0, 0, 0, 0, refused, refused, refused, 2, 0]);
        for result in [sem.free(), event.free(), group.free(), channel.free(), cond.free()] {
            assert_eq!(result, 0);
        }
        mutex.end();
    });
}

#[test]
fn the_dump_names_what_is_waited_for_and_what_is_held() {
    with_hub(|| {
        let (mutex, lock) = (Mutex::named("a \"quoted\" one"), RwLock::named("the page"));
        let nameless = Sem::new(0);
        assert_eq!((mutex.lock(PAST), lock.write(PAST)), (0, 0));
        let waits = [
            spawn_named("first", move || assert_eq!(mutex.lock(GH_NEVER), -ECANCELED)),
            spawn_named("second", move || assert_eq!(lock.read(GH_NEVER), -ECANCELED)),
            spawn_named("third", move || assert_eq!(nameless.wait(GH_NEVER), -ECANCELED)),
        ];
        settle();
        let text = dump();
        let line = |word: &str| {
            text.lines().find(|line| line.contains(word)).unwrap_or_else(|| panic!("{text}"))
        };
        assert!(line("first").contains(r#"mutex "a \"quoted\" one" held by"#), "{text}");
        assert!(line("second").contains(r#"rwlock "the page" held by"#), "{text}");
        let number = format!("semaphore {:#x}", nameless.number());
        assert!(line("third").contains(&number), "{text}");
        let root = line("(root)");
        assert!(root.contains("the page") && root.contains("quoted"), "{text}");
        for thread in waits {
            cancel(thread);
            join(thread);
        }
        assert_eq!((mutex.unlock(), lock.unlock()), (0, 0));
        assert_eq!((mutex.free(), lock.free(), nameless.free()), (0, 0, 0));
    });
}

#[test]
fn a_thousand_objects_and_back() {
    with_hub(|| {
        for _ in 0..3 {
            let all: Vec<_> = (0..1000).map(|n| (Sem::new(n), Mutex::new())).collect();
            for (n, (sem, mutex)) in all.iter().enumerate() {
                assert_eq!((sem.value(), mutex.lock(PAST)), (n as i64, 0));
                assert_eq!(mutex.unlock(), 0);
            }
            for (sem, mutex) in all {
                assert_eq!((sem.free(), mutex.free()), (0, 0));
            }
        }
    });
}

#[test]
fn keys_run_out_at_1024_and_come_back() {
    // Other tests of this process have keys too: the bound is theirs and ours together.
    let mut keys = Vec::new();
    let mut key = 0;
    let refused = loop {
        match i64::from(c!(gh_key_new(&mut key, None))) {
            0 => keys.push(key),
            error => break error,
        }
        assert!(keys.len() <= 1024);
    };
    assert_eq!(refused, -EAGAIN);
    for key in keys {
        assert_eq!(key_free(key), 0);
    }
}
