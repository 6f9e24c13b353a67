//! gh_select: one of several sends, receives and descriptors, fair among those that are ready.

mod common;
use common::objects::*;
use common::*;

#[test]
fn the_case_that_can_be_performed_is_and_the_others_are_not() {
    with_hub(|| {
        let channels: Vec<_> = (0..8).map(|_| Channel::numbers(1)).collect();
        for ready in 0..8 {
            assert_eq!(channels[ready].send(100 + ready as u64, PAST), 0);
            let mut rooms = [7; 8];
            let mut cases: Vec<_> =
                channels.iter().zip(&mut rooms).map(|(&c, room)| case_recv(c, room)).collect();
            assert_eq!(select(&mut cases, PAST), ready as i64);
            for (n, case) in cases.iter().enumerate() {
                assert_eq!(
                    case.result(),
                    if n == ready { 0 } else { 1 },
                    "result is written in one"
                );
            }
            for (n, room) in rooms.into_iter().enumerate() {
                assert_eq!(room, if n == ready { 100 + ready as u64 } else { 7 });
            }
        }
        for channel in channels {
            assert_eq!(channel.len(), 0);
            channel.end();
        }
    });
}

#[test]
fn it_waits_for_whichever_comes_first() {
    with_hub(|| {
        let (one, two) = (Channel::numbers(0), Channel::numbers(0));
        for n in 0..20 {
            let (mut a, mut b) = (0, 0);
            let sender = spawn(move || {
                let channel = if n % 2 == 0 { one } else { two };
                assert_eq!(channel.send(n, GH_NEVER), 0);
            });
            let won = select(&mut [case_recv(one, &mut a), case_recv(two, &mut b)], GH_NEVER);
            assert_eq!((won as u64, a + b), (n % 2, n));
            join(sender);
        }
        assert_eq!((one.send(1, PAST), two.send(1, PAST)), (-ETIMEDOUT, -ETIMEDOUT), "it has left");
        one.end();
        two.end();
    });
}

#[test]
fn it_sends_to_whoever_receives_first() {
    with_hub(|| {
        let (one, two) = (Channel::numbers(0), Channel::numbers(1));
        assert_eq!(two.send(50, PAST), 0);
        let receiver = spawn(move || assert_eq!(one.recv(GH_NEVER), Ok(1)));
        assert_eq!(select(&mut [case_send(one, &1), case_send(two, &2)], GH_NEVER), 0);
        join(receiver);
        let receiver = spawn(move || {
            assert_eq!((two.recv(GH_NEVER), two.recv(PAST)), (Ok(50), Ok(2)), "into the room made");
        });
        assert_eq!(select(&mut [case_send(one, &1), case_send(two, &2)], GH_NEVER), 1);
        join(receiver);
        assert_eq!((one.recv(PAST), two.recv(PAST)), (Err(-ETIMEDOUT), Err(-ETIMEDOUT)));
        one.end();
        two.end();
    });
}

#[test]
fn a_descriptor_is_a_case_like_others() {
    with_hub(|| {
        let ((a, b), channel) = (socket_pair(), Channel::numbers(0));
        let mut room = 0;
        let mut either = |by| select(&mut [case_recv(channel, &mut room), case_read(a)], by);
        assert_eq!(either(PAST), -ETIMEDOUT);
        let writer = spawn(move || plain_write(b, b"x"));
        assert_eq!(either(GH_NEVER), 1);
        join(writer);
        assert_eq!(either(PAST), 1, "until it was read");
        assert_eq!(recv(a, &mut [0; 8], PAST), 1);
        let sender = spawn(move || assert_eq!(channel.send(9, GH_NEVER), 0));
        assert_eq!(either(GH_NEVER), 0);
        join(sender);
        assert_eq!(either(after_ms(2)), -ETIMEDOUT);
        assert_eq!(select(&mut [case_read(a), case_write(a)], GH_NEVER), 1);
        fill(a);
        let reader = spawn(move || {
            assert!(!drain(b, 1 << 22).is_empty());
        });
        let mut cases = [case_read(a), case_none(), case_write(a)];
        assert_eq!(select(&mut cases, GH_NEVER), 2);
        assert_eq!((cases[2].result(), cases[1].result()), (0, 1));
        join(reader);
        assert_eq!((close(a), close(b)), (0, 0));
        channel.end();
        assert_eq!(stats().descriptors, 0);
    });
}

#[test]
fn a_descriptor_that_is_closed_meanwhile_ends_it() {
    with_hub(|| {
        let ((a, b), channel) = (socket_pair(), Channel::numbers(0));
        let thread = spawn(move || {
            let mut room = 0;
            let mut cases = [case_recv(channel, &mut room), case_read(a)];
            assert_eq!(select(&mut cases, GH_NEVER), -EBADF);
            assert_eq!((cases[0].result(), cases[1].result()), (1, 1));
        });
        settle();
        assert_eq!(close(a), 0);
        join(thread);
        assert_eq!(channel.send(1, PAST), -ETIMEDOUT, "it has left");
        assert_eq!(close(b), 0);
        channel.end();
    });
}

#[test]
fn a_bad_descriptor_is_an_error_whatever_else_is_ready() {
    with_hub(|| {
        let ((a, b), channel) = (socket_pair(), Channel::numbers(0));
        assert_eq!(channel.close(), 0);
        // No other test of this process gets a number like this one.
        let bad = 999_999;
        for _ in 0..50 {
            let mut room = 0;
            let mut cases = [case_recv(channel, &mut room), case_write(b), case_read(bad)];
            assert_eq!(select(&mut cases, PAST), -EBADF);
            assert_eq!(select(&mut [case_recv(channel, &mut room), case_read(-1)], PAST), -EBADF);
        }
        assert_eq!((close(a), close(b)), (0, 0));
        channel.end();
    });
}

#[test]
fn a_closed_channel_is_ready_and_says_so() {
    with_hub(|| {
        let (closed, quiet) = (Channel::numbers(2), Channel::numbers(0));
        assert_eq!((closed.send(6, PAST), closed.close()), (0, 0));
        let (mut room, mut none) = (0, 0);
        let mut cases = [case_recv(quiet, &mut none), case_recv(closed, &mut room)];
        assert_eq!((select(&mut cases, GH_NEVER), cases[1].result()), (1, 0));
        assert_eq!((select(&mut cases, GH_NEVER), cases[1].result()), (1, -EPIPE));
        assert_eq!(room, 6);
        let mut cases = [case_send(closed, &1), case_recv(quiet, &mut none)];
        assert_eq!((select(&mut cases, GH_NEVER), cases[0].result()), (0, -EPIPE));
        closed.end();
        let another = Channel::numbers(0);
        let sender = spawn(move || {
            let mut cases = [case_none(), case_send(quiet, &1)];
            assert_eq!((select(&mut cases, GH_NEVER), cases[1].result()), (1, -EPIPE));
        });
        let receiver = spawn(move || {
            let mut room = 0;
            let mut cases = [case_recv(another, &mut room), case_send(quiet, &1)];
            assert_eq!((select(&mut cases, GH_NEVER), cases[0].result()), (0, -EPIPE));
        });
        settle();
        assert_eq!((another.close(), quiet.close()), (0, 0), "while they wait");
        join_all([sender, receiver]);
        quiet.end();
        another.end();
    });
}

#[test]
fn a_freed_channel_ends_it_and_leaves_the_others() {
    with_hub(|| {
        let (freed, other) = (Channel::numbers(0), Channel::numbers(0));
        let thread = spawn(move || {
            let mut room = 0;
            let mut cases = [case_recv(other, &mut room), case_send(freed, &1)];
            assert_eq!(select(&mut cases, GH_NEVER), -EIDRM);
            assert_eq!(select(&mut cases, GH_NEVER), -EINVAL);
        });
        settle();
        freed.end();
        join(thread);
        assert_eq!(other.send(1, PAST), -ETIMEDOUT);
        other.end();
    });
}

#[test]
fn one_channel_may_stand_in_several_cases() {
    with_hub(|| {
        let channel = Channel::numbers(0);
        for n in 0..10 {
            let thread = spawn(move || assert_eq!(channel.send(n, GH_NEVER), 0));
            let (mut a, mut b) = (u64::MAX, u64::MAX);
            let won =
                select(&mut [case_recv(channel, &mut a), case_recv(channel, &mut b)], GH_NEVER);
            assert_eq!(if won == 0 { (a, b) } else { (b, a) }, (n, u64::MAX));
            join(thread);
        }
        channel.end();
    });
}

#[test]
fn a_send_and_a_receive_of_one_select_do_not_meet() {
    with_hub(|| {
        let channel = Channel::numbers(0);
        let mut room = 0;
        let mut both =
            |by| select(&mut [case_send(channel, &1), case_recv(channel, &mut room)], by);
        assert_eq!(both(PAST), -ETIMEDOUT);
        assert_eq!(both(after_ms(2)), -ETIMEDOUT);
        let sender = spawn(move || assert_eq!(channel.send(2, GH_NEVER), 0));
        assert_eq!(both(GH_NEVER), 1);
        join(sender);
        let receiver = spawn(move || assert_eq!(channel.recv(GH_NEVER), Ok(1)));
        assert_eq!(both(GH_NEVER), 0);
        join(receiver);
        assert_eq!(room, 2);
        channel.end();
    });
}

#[test]
fn two_selects_meet() {
    with_hub(|| {
        let (one, two) = (Channel::numbers(0), Channel::numbers(0));
        let sums = log();
        let swap = move |mine: u64, first: Channel, second: Channel| {
            spawn(move || {
                for _ in 0..100 {
                    let mut room = 0;
                    let mut cases = [case_send(first, &mine), case_recv(second, &mut room)];
                    let won = select(&mut cases, GH_NEVER);
                    assert_eq!(cases[won as usize].result(), 0);
                    sums.push(if won == 0 { 0 } else { room });
                }
            })
        };
        join_all([swap(1, one, two), swap(1, two, one)]);
        // Each meeting is a send of one and a receive of the other.
        assert_eq!(sums.take().iter().sum::<u64>(), 100);
        assert_eq!((one.recv(PAST), two.recv(PAST)), (Err(-ETIMEDOUT), Err(-ETIMEDOUT)));
        one.end();
        two.end();
    });
}

/// How often each of the given cases is chosen when those channels are ready.
fn chosen(cases: usize, ready: &[usize], rounds: usize) -> Vec<usize> {
    let channels: Vec<_> = (0..cases).map(|_| Channel::numbers(1)).collect();
    for &n in ready {
        assert_eq!(channels[n].send(0, PAST), 0);
    }
    let mut counts = vec![0; cases];
    let mut rooms = vec![0; cases];
    for _ in 0..rounds {
        let mut list: Vec<_> =
            channels.iter().zip(&mut rooms).map(|(&c, room)| case_recv(c, room)).collect();
        let won = select(&mut list, PAST) as usize;
        counts[won] += 1;
        assert_eq!(channels[won].send(0, PAST), 0);
    }
    channels.into_iter().for_each(Channel::end);
    counts
}

#[test]
fn none_of_the_ready_cases_is_preferred() {
    with_hub(|| {
        let counts = chosen(8, &[0, 1, 2, 3, 4, 5, 6, 7], 800);
        assert!(counts.iter().all(|&count| count > 40), "{counts:?}");
    });
}

#[test]
fn cases_that_are_not_ready_give_no_preference_to_their_neighbours() {
    with_hub(|| {
        for ready in [[3, 4, 5], [0, 1, 15], [2, 7, 8]] {
            let counts = chosen(16, &ready, 900);
            for n in ready {
                assert!(counts[n] > 150, "of three that are ready at {ready:?}: {counts:?}");
            }
        }
    });
}

#[test]
fn a_descriptor_that_is_always_ready_hides_no_channel_nor_the_other_way_round() {
    with_hub(|| {
        let ((a, b), channel) = (socket_pair(), Channel::numbers(1));
        let mut counts = [0; 2];
        for _ in 0..400 {
            let won = select(&mut [case_write(a), case_send(channel, &1)], PAST) as usize;
            counts[won] += 1;
            if won == 1 {
                assert_eq!(channel.recv(PAST), Ok(1));
            }
        }
        assert!(counts.iter().all(|&count| count > 100), "{counts:?}");
        assert_eq!((close(a), close(b)), (0, 0));
        channel.end();
    });
}

#[test]
fn selects_and_plain_waits_share_one_order() {
    with_hub(|| {
        let (channel, other, order) = (Channel::numbers(0), Channel::numbers(0), log());
        let threads: Vec<_> = (0..20)
            .map(|n| {
                spawn(move || {
                    let (mut room, mut none) = (0, 0);
                    if n % 2 == 0 {
                        room = channel.recv(GH_NEVER).expect("an item");
                    } else {
                        let mut cases =
                            [case_recv(other, &mut none), case_recv(channel, &mut room)];
                        assert_eq!(select(&mut cases, GH_NEVER), 1);
                    }
                    order.push((n, room));
                })
            })
            .collect();
        settle();
        for n in 0..20 {
            assert_eq!(channel.send(n, PAST), 0);
        }
        join_all(threads);
        assert_eq!(order.take(), (0..20).map(|n| (n, n)).collect::<Vec<_>>());
        channel.end();
        other.end();
    });
}

#[test]
fn one_that_was_given_up_leaves_no_trace_in_any_queue() {
    with_hub(|| {
        let (one, two, full) = (Channel::numbers(0), Channel::numbers(0), Channel::numbers(1));
        assert_eq!(full.send(1, PAST), 0);
        let call = move |by| {
            let mut room = 0;
            let mut cases =
                [case_recv(one, &mut room), case_send(two, &5), case_send(full, &6), case_none()];
            select(&mut cases, by)
        };
        let late = spawn(move || assert_eq!(call(after_ms(2)), -ETIMEDOUT));
        let cancelled = spawn(move || assert_eq!(call(GH_NEVER), -ECANCELED));
        settle();
        cancel(cancelled);
        join_all([late, cancelled]);
        assert_eq!((one.send(1, PAST), two.recv(PAST)), (-ETIMEDOUT, Err(-ETIMEDOUT)));
        assert_eq!((full.recv(PAST), full.recv(PAST)), (Ok(1), Err(-ETIMEDOUT)));
        for channel in [one, two, full] {
            channel.end();
        }
    });
}

#[test]
fn an_item_and_a_cancel_at_one_time_lose_no_item() {
    with_hub(|| {
        for cancel_first in [false, true] {
            let (one, two, got) = (Channel::numbers(1), Channel::numbers(1), cell(0));
            let thread = spawn(move || {
                let (mut a, mut b) = (0, 0);
                let won = select(&mut [case_recv(one, &mut a), case_recv(two, &mut b)], GH_NEVER);
                assert!(won >= 0 || won == -ECANCELED, "{won}");
                got.set(a + b);
            });
            settle();
            if cancel_first {
                cancel(thread);
            }
            assert_eq!((one.send(1, PAST), two.send(2, PAST)), (0, 0));
            cancel(thread);
            join(thread);
            let left = one.recv(PAST).unwrap_or(0) + two.recv(PAST).unwrap_or(0);
            assert_eq!(got.get() + left, 3);
            one.end();
            two.end();
        }
    });
}

#[test]
fn cases_that_take_no_part_and_none_at_all() {
    with_hub(|| {
        let mut cases = [case_none(), case_none()];
        let by = after_ms(3);
        assert_eq!((select(&mut cases, by), now() >= by), (-ETIMEDOUT, true), "a sleep");
        assert_eq!((select(&mut cases, PAST), select(&mut cases, GH_NEVER)), (-ETIMEDOUT, -EINVAL));
        assert_eq!(i64::from(c!(gh_select(null_mut(), 0, PAST))), -ETIMEDOUT);
        assert_eq!(i64::from(c!(gh_select(null_mut(), 0, GH_NEVER))), -EINVAL);
    });
}

/// A case with something changed.
fn but<'item>(
    mut case: SelectCase<'item>,
    change: impl FnOnce(&mut gh_select_case),
) -> SelectCase<'item> {
    change(&mut case.raw);
    case
}

#[test]
fn what_is_no_case_is_refused() {
    with_hub(|| {
        let (channel, mutex) = (Channel::numbers(1), Mutex::new());
        let freed = Channel::numbers(1);
        freed.end();
        let mut room = 0;
        let good = case_recv(channel, &mut room);
        let bad = [
            but(good, |case| case.op = 5),
            but(good, |case| case.op = u32::MAX),
            but(good, |case| case.reserved = 1),
            but(good, |case| case.channel = null_mut()),
            but(good, |case| case.channel = freed.0),
            but(good, |case| case.channel = mutex.number() as *mut gh_channel),
            but(good, |case| case.channel = (channel.number() + (1 << 24)) as *mut gh_channel),
            but(good, |case| case.channel = usize::MAX as *mut gh_channel),
            but(good, |case| case.item = null_mut()),
        ];
        assert_eq!(channel.send(1, PAST), 0);
        for (n, case) in bad.into_iter().enumerate() {
            for cases in [&mut [case, good], &mut [good, case]] {
                assert_eq!(select(cases, PAST), -EINVAL, "case {n}");
            }
        }
        assert_eq!(channel.len(), 1, "nothing was performed");
        assert_eq!(i64::from(c!(gh_select(null_mut(), 1, PAST))), -EINVAL);
        assert_eq!(select(&mut vec![case_none(); 65536], PAST), -ETIMEDOUT);
        assert_eq!(select(&mut vec![case_none(); 65537], PAST), -EINVAL);
        assert_eq!(select(&mut vec![good; 65536], PAST).min(0), 0, "many cases");
        channel.end();
        mutex.end();
    });
}

#[test]
fn many_cases_wait_together() {
    with_hub(|| {
        let channels: Vec<_> = (0..1000).map(|_| Channel::numbers(0)).collect();
        let sender = channels[777];
        let thread = spawn(move || assert_eq!(sender.send(5, GH_NEVER), 0));
        let mut rooms = vec![0; 1000];
        let mut cases: Vec<_> =
            channels.iter().zip(&mut rooms).map(|(&c, room)| case_recv(c, room)).collect();
        assert_eq!((select(&mut cases, GH_NEVER), cases[777].result()), (777, 0));
        assert_eq!(rooms[777], 5);
        join(thread);
        channels.into_iter().for_each(Channel::end);
    });
}
