//! Green threads that wait for each other: the hub says so and can print who waits for whom.

mod common;
use common::*;

/// Two threads that join each other.
fn embraced() -> [gh_thread; 2] {
    let second = cell(0);
    let first = spawn_named("orpheus", move || {
        let result = join_until(second.get(), GH_NEVER);
        assert_eq!(result, -ECANCELED);
    });
    second.set(spawn_named("eurydice", move || {
        assert_eq!(join_until(first, GH_NEVER), 0);
    }));
    [first, second.get()]
}

/// Frees both by cancelling one: it ends, and so the other's join does.
fn part(threads: [gh_thread; 2]) {
    assert_eq!(cancel(threads[0]), 0);
    assert_eq!(run(), 0);
    join(threads[1]);
}

#[test]
fn run_tells_that_two_threads_join_each_other() {
    with_hub(|| {
        let threads = embraced();
        assert_eq!(run(), GH_EDEADLOCK);
        assert_eq!(run(), GH_EDEADLOCK, "nothing has changed");
        part(threads);
    });
}

#[test]
fn the_hub_prints_who_waits_for_whom() {
    with_hub(|| {
        let threads = embraced();
        assert_eq!(run(), GH_EDEADLOCK);
        let text = dump();
        for (name, id, other) in
            [("orpheus", threads[0], threads[1]), ("eurydice", threads[1], threads[0])]
        {
            let line = text
                .lines()
                .find(|line| line.contains(name) && line.contains(&id.to_string()))
                .unwrap_or_else(|| panic!("no line for {name} ({id}) in\n{text}"));
            assert!(line.contains(&other.to_string()), "{line}: waits for {other}");
        }
        part(threads);
    });
}

#[test]
fn a_longer_circle_is_found_too() {
    with_hub(|| {
        let ids = log();
        const COUNT: usize = 50;
        let all: &'static RefCell<Vec<gh_thread>> = Box::leak(Box::new(RefCell::new(Vec::new())));
        for n in 0..COUNT {
            let thread = spawn(move || {
                let next = all.borrow()[(n + 1) % COUNT];
                ids.push(join_until(next, GH_NEVER));
            });
            all.borrow_mut().push(thread);
        }
        assert_eq!(run(), GH_EDEADLOCK);
        let threads = all.borrow().clone();
        assert_eq!(cancel(threads[0]), 0);
        assert_eq!(run(), 0, "one cancelled thread frees them all in turn");
        let results = ids.take();
        assert_eq!(results[0], -ECANCELED);
        assert!(results[1..].iter().all(|&result| result == 0));
        // The one that the cancelled thread waited for is the only one that nobody joined.
        assert_eq!(join_until(threads[1], PAST), 0);
    });
}

#[test]
fn it_is_no_deadlock_while_something_may_still_happen() {
    with_hub(|| {
        let threads = embraced();
        assert_eq!(sleep_ms(5), 0, "the root has a deadline of its own");
        let timer = timer_start(after_ms(5), 0, || ());
        assert_eq!(run(), GH_EDEADLOCK, "after the last timer has fired");
        assert_eq!(timer_cancel(timer), -ESRCH);
        let other = spawn(|| assert_eq!(sleep_ms(5), 0));
        assert_eq!(join_until(other, GH_NEVER), 0);
        part(threads);
    });
}

#[test]
fn a_join_with_a_deadline_is_no_deadlock() {
    with_hub(|| {
        let second = cell(0);
        let first = spawn(move || {
            assert_eq!(join_until(second.get(), after_ms(10)), -ETIMEDOUT);
        });
        second.set(spawn(move || assert_eq!(join_until(first, GH_NEVER), 0)));
        assert_eq!(run(), 0);
        join(second.get());
    });
}

#[test]
fn waiting_for_a_descriptor_is_no_deadlock() {
    with_hub(|| {
        let (a, b) = socket_pair();
        spawn_detached(move || assert_eq!(recv(a, &mut [0; 4], GH_NEVER), 4));
        let writer = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(30));
            plain_write(b, b"data");
        });
        assert_eq!(run(), 0);
        writer.join().expect("the writer");
        close(a);
        close(b);
    });
}

#[test]
fn the_root_is_told_when_its_join_can_never_end() {
    with_hub(|| {
        assert_ne!(hub(), null_mut());
        let root = self_id();
        let refused = cell(false);
        let thread = spawn(move || {
            // Nobody can join a root, but were it allowed, this would be a circle with the root.
            let result = join_until(root, GH_NEVER);
            refused.set(result == -EINVAL);
            assert!([-EINVAL, -ECANCELED].contains(&result), "{result}");
        });
        let joined = join_until(thread, GH_NEVER);
        if refused.get() {
            assert_eq!(joined, 0);
        } else {
            assert_eq!(joined, GH_EDEADLOCK);
            cancel(thread);
            join(thread);
        }
    });
}

#[test]
fn a_circle_does_not_hold_up_the_others() {
    with_hub(|| {
        let threads = embraced();
        yield_now();
        let other = spawn(move || {
            assert_eq!(join_until(threads[0], GH_NEVER), -EINVAL, "joined already");
            assert_eq!(sleep_ms(2), 0);
        });
        join(other);
        part(threads);
    });
}
