//! The inbox and the bell under loom, which runs every interleaving of a few threads, within the C11
//! memory model. `make test-loom`.

use super::bell::Bell;
use super::inbox::{Inbox, Message, CAPACITY};
use loom::sync::atomic::{AtomicU32, Ordering};
use loom::sync::Arc;
use loom::thread;
use std::ffi::c_int;

/// What a sender sends: who it is, and which message.
fn message(sender: u32, number: c_int) -> Message {
    Message::Closed { fd: number, generation: sender }
}

fn send(inbox: &Inbox, sender: u32, number: c_int) {
    if !inbox.push(message(sender, number)) {
        inbox.push_allocated(message(sender, number));
    }
}

fn receive(inbox: &Inbox, seen: &mut [Vec<c_int>]) {
    inbox.drain(|message| match message {
        Message::Closed { fd, generation } => seen[generation as usize].push(fd),
        _ => unreachable!("none was sent"),
    });
}

/// As many preemptions as find all that is known, in seconds and not in days.
fn check(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

#[test]
fn every_message_arrives_once_and_in_its_senders_order() {
    check(|| {
        let inbox = Arc::new(Inbox::new());
        let senders: Vec<_> = (0..2)
            .map(|sender| {
                let inbox = inbox.clone();
                thread::spawn(move || {
                    for number in 0..2 {
                        send(&inbox, sender, number);
                    }
                })
            })
            .collect();
        let mut seen = vec![Vec::new(); 2];
        receive(&inbox, &mut seen);
        receive(&inbox, &mut seen);
        for sender in senders {
            sender.join().expect("a sender");
        }
        receive(&inbox, &mut seen);
        assert_eq!(seen, [[0, 1], [0, 1]]);
        assert!(inbox.is_empty());
    });
}

#[test]
fn a_node_goes_to_one_sender_also_when_it_comes_back_meanwhile() {
    check(|| {
        let inbox = Arc::new(Inbox::new());
        let senders: Vec<_> = (0..2)
            .map(|sender| {
                let inbox = inbox.clone();
                thread::spawn(move || c_int::from(inbox.push(message(sender, 7))))
            })
            .collect();
        // Takes nodes and gives them back, in another order than they lay.
        let mut seen = vec![Vec::new(); 3];
        let mine = c_int::from(inbox.push(message(2, 7)));
        receive(&inbox, &mut seen);
        let theirs: Vec<_> =
            senders.into_iter().map(|sender| sender.join().expect("a sender")).collect();
        receive(&inbox, &mut seen);
        let sent = [theirs[0], theirs[1], mine];
        for (seen, sent) in seen.iter().zip(sent) {
            assert_eq!(seen.len(), sent as usize, "accepted is received, refused is not");
        }
        // All of them are free again.
        for number in 0..CAPACITY as c_int {
            assert!(inbox.push(message(0, number)));
        }
        assert!(!inbox.push(message(0, 0)));
        receive(&inbox, &mut seen);
    });
}

#[test]
fn a_hub_that_sleeps_is_woken_once_by_a_burst() {
    check(|| {
        let inbox = Arc::new(Inbox::new());
        let bell = Arc::new(Bell::new());
        let rung = Arc::new(AtomicU32::new(0));
        let senders: Vec<_> = (0..2)
            .map(|sender| {
                let (inbox, bell, rung) = (inbox.clone(), bell.clone(), rung.clone());
                thread::spawn(move || {
                    send(&inbox, sender, 0);
                    if bell.must_ring() {
                        rung.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        let mut seen = vec![Vec::new(); 2];
        receive(&inbox, &mut seen);
        let asleep = bell.fall_asleep(|| inbox.is_empty());
        for sender in senders {
            sender.join().expect("a sender");
        }
        let rung = rung.load(Ordering::Relaxed);
        assert!(rung <= 1, "one wake-up for both");
        if asleep && !inbox.is_empty() {
            assert_eq!(rung, 1, "the hub sleeps and has mail");
        }
        receive(&inbox, &mut seen);
        assert_eq!(seen, [[0], [0]]);
    });
}
