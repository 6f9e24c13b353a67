//! Names of green threads, and the option struct of `gh_spawn`.

mod common;
use common::*;

const LONGEST: usize = 63;

#[test]
fn a_thread_has_no_name_until_it_is_given_one() {
    with_hub(|| {
        assert_eq!(name(0), Ok(String::new()));
        let thread = spawn(|| {
            assert_eq!(name(0), Ok(String::new()));
            assert_eq!(set_name(0, "own"), 0);
            assert_eq!(name(self_id()), Ok("own".into()));
            yield_now();
            assert_eq!(name(0), Ok("other".into()));
        });
        yield_now();
        assert_eq!(name(thread), Ok("own".into()));
        assert_eq!(set_name(thread, "other"), 0);
        join(thread);
    });
}

#[test]
fn the_root_may_be_named() {
    with_hub(|| {
        assert_eq!(set_name(0, "main"), 0);
        assert_eq!(name(0), Ok("main".into()));
        assert_eq!(name(self_id()), Ok("main".into()));
        assert_eq!(set_name(0, ""), 0);
        assert_eq!(name(0), Ok(String::new()));
    });
}

#[test]
fn the_name_is_copied_at_spawn() {
    with_hub(|| {
        let mut text = *b"before\0";
        let mut options = no_spawn_options();
        options.name = text.as_ptr().cast();
        let thread = spawn_with(&options, || assert_eq!(name(0), Ok("before".into())));
        text[..6].copy_from_slice(b"after!");
        std::hint::black_box(&text);
        assert_eq!(name(thread), Ok("before".into()));
        join(thread);
    });
}

#[test]
fn a_name_has_at_most_63_bytes() {
    with_hub(|| {
        let longest = "n".repeat(LONGEST);
        let too_long = "n".repeat(LONGEST + 1);
        assert_eq!(set_name(0, &longest), 0);
        assert_eq!(name(0), Ok(longest.clone()));
        assert_eq!(set_name(0, &too_long), -ERANGE);
        assert_eq!(name(0), Ok(longest.clone()), "a refused name changes nothing");

        let spawned = cell(false);
        for (text, expected) in [(&longest, None), (&too_long, Some(-ERANGE))] {
            let text = std::ffi::CString::new(text.as_str()).expect("no zero byte");
            let mut options = no_spawn_options();
            options.name = text.as_ptr();
            match try_spawn(&options, move || spawned.set(true)) {
                Ok(thread) => join(thread),
                Err(error) => assert_eq!(Some(error), expected),
            }
        }
        assert!(spawned.get());
    });
}

#[test]
fn a_buffer_must_hold_the_name_and_its_end() {
    with_hub(|| {
        assert_eq!(set_name(0, "four"), 0);
        let mut buf = [0x55_u8; 8];
        for size in 0..5 {
            let result = c!(gh_name(0, buf.as_mut_ptr().cast(), size));
            assert_eq!(i64::from(result), -ERANGE, "size {size}");
            assert!(buf[size..].iter().all(|&byte| byte == 0x55));
        }
        assert_eq!(c!(gh_name(0, buf.as_mut_ptr().cast(), 5)), 4);
        assert_eq!(&buf, b"four\0\x55\x55\x55");
    });
}

#[test]
fn an_ended_thread_keeps_its_name_until_it_is_joined() {
    with_hub(|| {
        let thread = spawn_named("ended", || ());
        sleep_ms(1);
        assert_eq!(name(thread), Ok("ended".into()));
        join(thread);
        assert_eq!(name(thread), Err(-ESRCH));
    });
}

#[test]
fn a_name_that_was_used_before_does_not_come_back() {
    with_hub(|| {
        join(spawn_named("first", || ()));
        join(spawn(|| assert_eq!(name(0), Ok(String::new()))));
    });
}

#[test]
fn names_of_many_threads_do_not_mix() {
    with_hub(|| {
        let threads: Vec<_> = (0..200)
            .map(|n| {
                spawn_named(&format!("thread {n}"), move || {
                    yield_now();
                    assert_eq!(name(0), Ok(format!("thread {n}")));
                })
            })
            .collect();
        for (n, &thread) in threads.iter().enumerate() {
            assert_eq!(name(thread), Ok(format!("thread {n}")));
        }
        join_all(threads);
    });
}

/// `gh_spawn` with the first `size` bytes of options told, `tail` behind them.
fn spawn_with_size(size: usize, tail: u8) -> i64 {
    #[repr(C)]
    struct Longer {
        options: gh_spawn_options,
        tail: [u8; 64],
    }
    unsafe extern "C" fn nothing(arg: *mut c_void) -> *mut c_void {
        arg
    }
    let mut longer = Longer { options: no_spawn_options(), tail: [0; 64] };
    longer.options.size = size;
    longer.tail[63] = tail;
    let mut thread = 0;
    let result =
        c!(gh_spawn(&mut thread, std::ptr::addr_of!(longer).cast(), Some(nothing), null_mut()));
    if result == 0 {
        join(thread);
    }
    i64::from(result)
}

#[test]
fn options_may_be_shorter_or_longer_with_a_zero_tail() {
    let full = std::mem::size_of::<gh_spawn_options>();
    with_hub(|| {
        assert_eq!(spawn_with_size(full, 0), 0);
        assert_eq!(spawn_with_size(std::mem::size_of::<usize>(), 0), 0);
        assert_eq!(spawn_with_size(2 * std::mem::size_of::<usize>(), 0), 0);
        assert_eq!(spawn_with_size(full + 64, 0), 0);
        assert_eq!(spawn_with_size(full + 64, 1), -E2BIG);
        assert_eq!(spawn_with_size(full + 63, 1), 0, "the byte behind the tail is not read");
    });
}

#[test]
fn a_size_that_does_not_hold_itself_is_refused() {
    with_hub(|| {
        for size in 0..std::mem::size_of::<usize>() {
            assert_eq!(spawn_with_size(size, 0), -EINVAL, "size {size}");
        }
    });
}

#[test]
fn a_shorter_struct_is_not_read_past_its_end() {
    with_hub(|| {
        let mut options = no_spawn_options();
        options.size = 2 * std::mem::size_of::<usize>();
        options.name = 8 as *const c_char;
        options.flags = u32::MAX;
        options.reserved = u32::MAX;
        join(spawn_with(&options, || assert_eq!(name(0), Ok(String::new()))));
    });
}

#[test]
fn unknown_flags_and_reserved_bits_are_refused() {
    with_hub(|| {
        for flags in [2, 0x8000_0000, u32::MAX] {
            let mut options = no_spawn_options();
            options.flags = flags;
            assert_eq!(try_spawn(&options, || ()), Err(-EINVAL), "flags {flags:#x}");
        }
        let mut options = no_spawn_options();
        options.reserved = 1;
        assert_eq!(try_spawn(&options, || ()), Err(-EINVAL));
    });
}
