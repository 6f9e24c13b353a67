//! Stacks and numbers of green threads: ten thousand at once, larger stacks, use after use.

mod common;
use common::*;

#[test]
fn ten_thousand_threads_outstanding() {
    with_hub(|| {
        let sum = cell(0_u64);
        let threads: Vec<_> = (0..10_000_u64)
            .map(|n| {
                spawn(move || {
                    yield_now();
                    sum.set(sum.get() + n);
                    yield_now();
                })
            })
            .collect();
        assert_eq!(stats().live, 10_000);
        assert_eq!(stats().spawned, 10_000);
        yield_now();
        assert_eq!(stats().live, 10_000);
        join_all(threads);
        assert_eq!(sum.get(), 10_000 * 9_999 / 2);
        assert!(stats().stacks >= 10_000);
    });
}

#[test]
fn stacks_are_used_again() {
    with_hub(|| {
        join(spawn(|| ()));
        let cut = stats().stacks;
        for _ in 0..1000 {
            join(spawn(|| ()));
        }
        assert_eq!(stats().stacks, cut, "one stack serves one thread after another");
    });
}

#[test]
fn a_thread_may_have_a_larger_stack() {
    #[inline(never)]
    fn touch(top: usize, bytes: usize) -> u8 {
        let frame = std::hint::black_box([1_u8; 2048]);
        if top - std::ptr::addr_of!(frame) as usize > bytes {
            frame[0]
        } else {
            touch(top, bytes) + std::hint::black_box(frame[0]) - 1
        }
    }
    with_hub(|| {
        let mut options = no_spawn_options();
        for mib in [1, 2, 8] {
            options.stack_size = mib << 20;
            let bytes = options.stack_size / 10 * 9;
            let thread = spawn_with(&options, move || {
                let here = 0_u8;
                let top = std::ptr::addr_of!(here) as usize;
                assert_eq!(touch(top, bytes), 1);
                yield_now();
                assert_eq!(touch(top, bytes), 1);
            });
            join(thread);
        }
    });
}

#[test]
fn an_impossible_stack_size_is_an_error() {
    with_hub(|| {
        let mut options = no_spawn_options();
        for size in [usize::MAX, usize::MAX - 4095, 1 << 50, (1 << 30) + 1, 16_383, 4096, 1] {
            options.stack_size = size;
            assert_eq!(try_spawn(&options, || ()), Err(-EINVAL), "{size}");
        }
        assert_eq!(stats().live, 0);
        join(spawn(|| ()));
    });
}
