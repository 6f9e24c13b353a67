//! Channels: every item once and in order, whatever its size, and what closing and freeing mean.

mod common;
use common::objects::*;
use common::*;

/// An item whose bytes all depend on `n`.
fn pattern(size: usize, n: usize) -> Vec<u8> {
    (0..size).map(|at| (at * 7 + n * 31 + at / 251) as u8).collect()
}

#[test]
fn items_of_any_size_arrive_whole_and_in_order() {
    with_hub(|| {
        for size in [0, 1, 8, 24, 4096, 1 << 20] {
            for capacity in [0, 1, 3, 16] {
                let count = if size < 10_000 { 40 } else { 5 };
                let channel = Channel::new(size, capacity);
                let sender = spawn(move || {
                    for n in 0..count {
                        assert_eq!(channel.send_bytes(&pattern(size, n), GH_NEVER), 0);
                    }
                });
                // Behind the item nothing is written.
                let mut room = vec![0xee_u8; size + 8];
                for n in 0..count {
                    assert_eq!(channel.recv_bytes(&mut room, GH_NEVER), 0);
                    assert!(room[..size] == pattern(size, n), "item {n} of {size} bytes");
                    assert_eq!(room[size..], [0xee; 8]);
                    if n % 5 == 0 {
                        yield_now();
                    }
                }
                join(sender);
                assert_eq!(channel.recv_bytes(&mut room, PAST), -ETIMEDOUT);
                channel.end();
            }
        }
    });
}

#[test]
fn a_buffer_takes_as_many_as_it_has_room_for() {
    with_hub(|| {
        for capacity in [1, 2, 100] {
            let channel = Channel::numbers(capacity);
            for n in 0..capacity as u64 {
                assert_eq!(channel.len(), n as i64);
                assert_eq!(channel.send(n, PAST), 0);
            }
            assert_eq!(channel.send(0, PAST), -ETIMEDOUT);
            assert_eq!(channel.len(), capacity as i64);
            for n in 0..capacity as u64 {
                assert_eq!(channel.recv(PAST), Ok(n));
            }
            assert_eq!(channel.recv(PAST), Err(-ETIMEDOUT));
            channel.end();
        }
        let unbuffered = Channel::numbers(0);
        assert_eq!((unbuffered.send(1, PAST), unbuffered.len()), (-ETIMEDOUT, 0));
        unbuffered.end();
    });
}

#[test]
fn without_a_buffer_the_send_ends_with_the_receive() {
    with_hub(|| {
        let (channel, order) = (Channel::numbers(0), log());
        let sender = spawn(move || {
            assert_eq!(channel.send(1, GH_NEVER), 0);
            order.push("sent");
        });
        settle();
        order.push("receives");
        assert_eq!(channel.recv(PAST), Ok(1));
        join(sender);
        assert_eq!(order.take(), ["receives", "sent"]);
        channel.end();
    });
}

#[test]
fn receivers_get_items_in_the_order_of_their_arrival() {
    with_hub(|| {
        for capacity in [0, 4] {
            let (channel, got) = (Channel::numbers(capacity), log());
            let threads: Vec<_> =
                (0..20).map(|n| spawn(move || got.push((n, channel.recv(GH_NEVER))))).collect();
            settle();
            for n in 0..20 {
                assert_eq!(channel.send(100 + n, PAST), 0, "somebody waits for it");
            }
            assert_eq!(channel.len(), 0);
            join_all(threads);
            let expected: Vec<_> = (0..20).map(|n| (n, Ok(100 + n))).collect();
            assert_eq!(got.take(), expected);
            channel.end();
        }
    });
}

#[test]
fn waiting_senders_are_served_in_the_order_of_their_arrival() {
    with_hub(|| {
        for capacity in [0, 2] {
            let channel = Channel::numbers(capacity);
            let threads: Vec<_> =
                (0..20).map(|n| spawn(move || assert_eq!(channel.send(n, GH_NEVER), 0))).collect();
            settle();
            for n in 0..20 {
                assert_eq!(channel.recv(PAST), Ok(n));
            }
            join_all(threads);
            channel.end();
        }
    });
}

#[test]
fn many_senders_and_receivers_lose_and_double_nothing() {
    with_hub(|| {
        for capacity in [0, 1, 7] {
            let (channel, got) = (Channel::numbers(capacity), log());
            let senders: Vec<_> = (0..10)
                .map(|sender| {
                    spawn(move || {
                        for n in 0..100 {
                            assert_eq!(channel.send(sender * 100 + n, GH_NEVER), 0);
                            if n % 7 == sender % 7 {
                                yield_now();
                            }
                        }
                    })
                })
                .collect();
            let receivers: Vec<_> = (0..7)
                .map(|receiver| {
                    spawn(move || {
                        while let Ok(n) = channel.recv(GH_NEVER) {
                            got.push((receiver, n));
                        }
                    })
                })
                .collect();
            join_all(senders);
            assert_eq!(channel.close(), 0);
            join_all(receivers);
            let got = got.take();
            for sender in 0..10 {
                for receiver in 0..7 {
                    // Of different receivers nobody can tell who was first.
                    let of_both = |&&(by, n): &&(i32, u64)| by == receiver && n / 100 == sender;
                    let items: Vec<_> = got.iter().filter(of_both).collect();
                    assert!(items.windows(2).all(|pair| pair[0] < pair[1]), "{items:?}");
                }
            }
            let mut all: Vec<_> = got.into_iter().map(|(_, n)| n).collect();
            all.sort_unstable();
            assert_eq!(all, (0..1000).collect::<Vec<_>>());
            channel.end();
        }
    });
}

#[test]
fn a_closed_channel_gives_what_is_in_it_and_then_its_end() {
    with_hub(|| {
        let channel = Channel::numbers(3);
        assert_eq!((channel.send(1, PAST), channel.send(2, PAST)), (0, 0));
        assert_eq!(channel.close(), 0);
        assert_eq!(channel.close(), -EPIPE, "closed already");
        assert_eq!((channel.send(3, PAST), channel.send(3, GH_NEVER)), (-EPIPE, -EPIPE));
        assert_eq!(channel.len(), 2);
        assert_eq!((channel.recv(PAST), channel.recv(GH_NEVER)), (Ok(1), Ok(2)));
        assert_eq!((channel.recv(PAST), channel.recv(GH_NEVER)), (Err(-EPIPE), Err(-EPIPE)));
        channel.end();
    });
}

#[test]
fn closing_ends_the_waits_of_senders_and_receivers() {
    with_hub(|| {
        let (full, empty, unbuffered) =
            (Channel::numbers(1), Channel::numbers(1), Channel::numbers(0));
        assert_eq!(full.send(1, PAST), 0);
        let threads: Vec<_> = (0..3)
            .flat_map(|_| {
                [
                    spawn(move || assert_eq!(full.send(2, GH_NEVER), -EPIPE)),
                    spawn(move || assert_eq!(empty.recv(GH_NEVER), Err(-EPIPE))),
                    spawn(move || assert_eq!(unbuffered.send(3, GH_NEVER), -EPIPE)),
                ]
            })
            .collect();
        settle();
        assert_eq!((full.close(), empty.close(), unbuffered.close()), (0, 0, 0));
        join_all(threads);
        // What was not taken was not sent.
        assert_eq!((full.recv(PAST), full.recv(PAST)), (Ok(1), Err(-EPIPE)));
        assert_eq!(unbuffered.recv(PAST), Err(-EPIPE));
        for channel in [full, empty, unbuffered] {
            channel.end();
        }
    });
}

#[test]
fn an_item_that_was_handed_over_is_received_though_the_channel_is_closed_at_once() {
    with_hub(|| {
        let channel = Channel::numbers(0);
        let receiver = spawn(move || assert_eq!(channel.recv(GH_NEVER), Ok(4)));
        settle();
        assert_eq!((channel.send(4, PAST), channel.close(), channel.free()), (0, 0, 0));
        join(receiver);
    });
}

#[test]
fn sends_and_receives_that_were_given_up_move_no_item() {
    with_hub(|| {
        for capacity in [0, 1] {
            let channel = Channel::numbers(capacity);
            for n in 0..capacity as u64 {
                assert_eq!(channel.send(n, PAST), 0);
            }
            let late = spawn(move || assert_eq!(channel.send(10, after_ms(2)), -ETIMEDOUT));
            let cancelled = spawn(move || assert_eq!(channel.send(11, GH_NEVER), -ECANCELED));
            let stays = spawn(move || assert_eq!(channel.send(12, GH_NEVER), 0));
            settle();
            cancel(cancelled);
            join_all([late, cancelled]);
            for n in 0..capacity as u64 {
                assert_eq!(channel.recv(PAST), Ok(n));
            }
            assert_eq!((channel.recv(PAST), channel.recv(PAST)), (Ok(12), Err(-ETIMEDOUT)));
            join(stays);

            let late = spawn(move || assert_eq!(channel.recv(after_ms(2)), Err(-ETIMEDOUT)));
            let cancelled = spawn(move || assert_eq!(channel.recv(GH_NEVER), Err(-ECANCELED)));
            let stays = spawn(move || assert_eq!(channel.recv(GH_NEVER), Ok(20)));
            settle();
            cancel(cancelled);
            join_all([late, cancelled]);
            assert_eq!((channel.send(20, PAST), channel.len()), (0, 0));
            join(stays);
            channel.end();
        }
    });
}

#[test]
fn an_item_and_a_cancel_at_one_time_lose_no_item() {
    with_hub(|| {
        for cancel_first in [false, true] {
            let (channel, got) = (Channel::numbers(1), cell(None));
            let receiver = spawn(move || got.set(channel.recv(GH_NEVER).ok()));
            settle();
            if cancel_first {
                assert_eq!((cancel(receiver), channel.send(5, PAST)), (0, 0));
            } else {
                assert_eq!((channel.send(5, PAST), cancel(receiver)), (0, 0));
            }
            join(receiver);
            assert_eq!(got.get().or(channel.recv(PAST).ok()), Some(5));
            assert_eq!(channel.len(), 0);
            channel.end();
        }
    });
}

#[test]
fn freeing_one_ends_the_waits_of_senders_and_receivers() {
    with_hub(|| {
        let (full, empty) = (Channel::numbers(0), Channel::numbers(5));
        let threads: Vec<_> = (0..3)
            .flat_map(|_| {
                [
                    spawn(move || assert_eq!(full.send(2, GH_NEVER), -EIDRM)),
                    spawn(move || assert_eq!(empty.recv(GH_NEVER), Err(-EIDRM))),
                ]
            })
            .collect();
        settle();
        full.end();
        empty.end();
        join_all(threads);
        assert_eq!((full.send(1, PAST), full.recv(PAST)), (-EINVAL, Err(-EINVAL)));
        assert_eq!((full.close(), full.len(), full.free()), (-EINVAL, -EINVAL, -EINVAL));
    });
}

#[test]
fn null_is_an_item_only_where_items_have_no_bytes() {
    with_hub(|| {
        let (numbers, ticks) = (Channel::numbers(2), Channel::new(0, 2));
        let send = |channel: Channel| i64::from(c!(gh_channel_send(channel.0, null(), PAST)));
        let recv = |channel: Channel| i64::from(c!(gh_channel_recv(channel.0, null_mut(), PAST)));
        assert_eq!((send(numbers), recv(numbers), numbers.len()), (-EINVAL, -EINVAL, 0));
        assert_eq!((send(ticks), send(ticks), send(ticks)), (0, 0, -ETIMEDOUT));
        assert_eq!((recv(ticks), recv(ticks), recv(ticks)), (0, 0, -ETIMEDOUT));
        numbers.end();
        ticks.end();
    });
}

#[test]
fn sender_and_receiver_may_have_one_place() {
    with_hub(|| {
        let (channel, place) = (Channel::numbers(0), cell(7_u64));
        let at: *mut c_void = place.as_ptr().cast();
        for sends_first in [true, false] {
            let sends = move || assert_eq!(c!(gh_channel_send(channel.0, at, GH_NEVER)), 0);
            let receives = move || assert_eq!(c!(gh_channel_recv(channel.0, at, GH_NEVER)), 0);
            let threads = if sends_first {
                [spawn(sends), spawn(receives)]
            } else {
                [spawn(receives), spawn(sends)]
            };
            join_all(threads);
            assert_eq!(place.get(), 7);
        }
        channel.end();
    });
}

#[test]
fn a_channel_that_cannot_be_is_refused() {
    with_hub(|| {
        let mut raw = null_mut();
        for (item, capacity) in [
            (usize::MAX, 1),
            (1, usize::MAX),
            (usize::MAX, 0),
            (0, usize::MAX),
            (1 << 32, 1 << 32),
            (1 << 20, (1 << 20) + 1),
        ] {
            let result = i64::from(c!(gh_channel_new(&mut raw, null(), item, capacity)));
            assert_eq!(result, -EINVAL, "{capacity} items of {item} bytes");
            assert!(raw.is_null());
        }
        let result = i64::from(c!(gh_channel_new(null_mut(), null(), 1, 1)));
        assert_eq!(result, -EINVAL);
    });
}

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("/proc/self/statm");
    let pages: usize = statm.split(' ').nth(1).expect("a second field").parse().expect("a number");
    pages * 4096
}

#[test]
fn a_buffer_takes_memory_only_for_what_was_in_it() {
    with_hub(|| {
        let before = resident_bytes();
        let channel = Channel::new(1 << 20, 512);
        let item = pattern(1 << 20, 3);
        assert_eq!(channel.send_bytes(&item, PAST), 0);
        let grown = resident_bytes().saturating_sub(before);
        assert!(grown < 256 << 20, "{grown} bytes for one item of a mebibyte");
        let mut room = vec![0; 1 << 20];
        assert_eq!(channel.recv_bytes(&mut room, PAST), 0);
        assert!(room == item);
        channel.end();
    });
}
