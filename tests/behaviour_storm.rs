//! Many green threads do random things to a few shared descriptors and to each other. Whatever the
//! order, each call gives one of the results that it may give, every thread ends, nothing is left.

mod common;
use common::*;

const THREADS: usize = 40;
const STEPS: usize = 300;
const PAIRS: usize = 4;

/// A small generator, so that a seed that fails can be run again.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

/// What the threads of one storm share.
struct Shared {
    pairs: [Cell<(c_int, c_int)>; PAIRS],
    threads: RefCell<Vec<gh_thread>>,
    fired: Cell<u32>,
}

const MAY_HAPPEN: [i64; 8] =
    [-ETIMEDOUT, -ECANCELED, -EBADF, -EPIPE, -ECONNRESET, -EAGAIN, -ENOTCONN, -EINVAL];

fn check(name: &str, result: i64) {
    assert!(result >= 0 || MAY_HAPPEN.contains(&result), "{name}: {result}");
}

fn deadline(random: &mut Random) -> i64 {
    match random.below(4) {
        0 => PAST,
        1 => now() + random.below(100_000) as i64,
        2 => now() + random.below(3_000_000) as i64,
        _ => after_ms(2),
    }
}

fn step(random: &mut Random, shared: &'static Shared) {
    let (a, b) = shared.pairs[random.below(PAIRS)].get();
    let fd = if random.below(2) == 0 { a } else { b };
    let by = deadline(random);
    let mut buf = [0; 512];
    let size = 1 + random.below(buf.len());
    match random.below(18) {
        0..=2 => check("gh_recv", recv(fd, &mut buf[..size], by)),
        3..=5 => check("gh_send", send(fd, &buf[..size], by)),
        6 => check("gh_send_all", send_all(fd, &[0; 300_000], by).0),
        7 => check("gh_recv_exact", recv_exact(fd, &mut [0; 20_000], by).0),
        8 => check("gh_wait_fd", wait_fd(fd, libc::POLLIN | libc::POLLOUT, by)),
        9 => {
            let mut fds = [pollfd(a, libc::POLLIN), pollfd(b, libc::POLLOUT), pollfd(-1, 0)];
            check("gh_poll", poll(&mut fds, by));
        }
        10 => check("gh_read", read(fd, &mut buf[..size], by)),
        11 => check("gh_sleep_until", sleep_until(by)),
        12 => check("gh_yield", yield_now()),
        13 => {
            let fired = &shared.fired;
            timer_start(by, 0, move || fired.set(fired.get() + 1));
        }
        14 => {
            let child = spawn(move || check("a child's sleep", sleep_until(by)));
            let joined = join_until(child, by);
            check("gh_join", joined);
            if joined != 0 {
                assert_eq!(detach(child), 0);
            }
        }
        15 => {
            let threads = shared.threads.borrow();
            let victim = threads[random.below(threads.len())];
            // One in many only, or all of them are cancelled soon.
            if random.below(20) == 0 {
                let result = cancel(victim);
                assert!(result == 0 || result == -ESRCH, "gh_cancel: {result}");
            }
        }
        16 if random.below(8) == 0 => replace(random.below(PAIRS), shared, random.below(2) == 0),
        _ => check("gh_shutdown of nothing", yield_now()),
    }
}

/// Closes a pair under whoever waits on it and puts another in its place, at the same numbers most
/// likely.
fn replace(place: usize, shared: &'static Shared, tcp: bool) {
    let (a, b) = shared.pairs[place].get();
    assert_eq!((close(a), close(b)), (0, 0));
    shared.pairs[place].set(if tcp { tcp_pair() } else { socket_pair() });
}

fn storm(seed: u64) {
    with_hub(|| {
        let shared: &'static Shared = Box::leak(Box::new(Shared {
            pairs: std::array::from_fn(|_| Cell::new(socket_pair())),
            threads: RefCell::new(Vec::new()),
            fired: Cell::new(0),
        }));
        for thread in 0..THREADS {
            let mut random = Random(seed * 1000 + thread as u64);
            let id = spawn_named(&format!("seed {seed} thread {thread}"), move || {
                for _ in 0..STEPS {
                    step(&mut random, shared);
                }
            });
            shared.threads.borrow_mut().push(id);
        }
        let threads = shared.threads.borrow().clone();
        join_all(threads);
        assert_eq!(run(), 0);
        for pair in &shared.pairs {
            let (a, b) = pair.get();
            assert_eq!((close(a), close(b)), (0, 0));
        }
        let stats = stats();
        assert_eq!((stats.live, stats.ready, stats.unjoined), (0, 0, 0), "seed {seed}");
        assert_eq!((stats.timers, stats.descriptors), (0, 0), "seed {seed}");
    });
}

// The storms of one process run one after the other: they reuse each other's numbers otherwise, and
// closing those of another test is no test of the library.
#[test]
fn everything_ends_well_whatever_the_order() {
    for seed in 1..=12 {
        storm(seed);
    }
}
