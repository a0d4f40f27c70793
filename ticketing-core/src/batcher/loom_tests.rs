//! Every interleaving of the batcher's queue and slots, within bounded preemptions.
//!
//! `RUSTFLAGS="--cfg ticketing_loom" cargo test -p ticketing-core --release --lib loom_`

use loom::{future::block_on, model::Builder, thread};

use super::{
    queue::{LaneQueue, PushError},
    slot::{Abandoned, slot},
};
use crate::{command::Class, sync::Arc};

fn check(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

#[test]
fn loom_an_answer_reaches_the_one_who_waits() {
    check(|| {
        let (completer, completion) = slot();
        let answering = thread::spawn(move || completer.complete(7));
        assert_eq!(block_on(completion), Ok(7));
        answering.join().unwrap();
    });
}

#[test]
fn loom_a_lost_completer_is_told() {
    check(|| {
        let (completer, completion) = slot::<u8>();
        let dropping = thread::spawn(move || drop(completer));
        assert_eq!(block_on(completion), Err(Abandoned));
        dropping.join().unwrap();
    });
}

#[test]
fn loom_an_answer_nobody_waits_for_harms_nobody() {
    check(|| {
        let (completer, completion) = slot();
        let leaving = thread::spawn(move || drop(completion));
        completer.complete(7);
        leaving.join().unwrap();
    });
}

#[test]
fn loom_everything_pushed_is_taken_once_and_in_order() {
    check(|| {
        let queue = Arc::new(LaneQueue::new(8));
        let pushing = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                queue.push(Class::Hold, 1).unwrap();
                queue.push(Class::Hold, 2).unwrap();
            })
        };
        let mut taken = Vec::new();
        while taken.len() < 2 {
            taken.extend(block_on(queue.take(8)).unwrap());
        }
        assert_eq!(taken, [1, 2]);
        pushing.join().unwrap();
    });
}

#[test]
fn loom_a_closing_lane_still_hands_out_what_it_took_in() {
    check(|| {
        let queue = Arc::new(LaneQueue::new(8));
        let pushing = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.push(Class::Hold, 1))
        };
        let closing = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.close())
        };
        let mut taken = Vec::new();
        while let Some(batch) = block_on(queue.take(8)) {
            taken.extend(batch);
        }
        closing.join().unwrap();
        match pushing.join().unwrap() {
            Ok(()) => assert_eq!(taken, [1]),
            Err(refused) => {
                assert_eq!(refused, PushError::Closed);
                assert!(taken.is_empty());
            }
        }
    });
}

#[test]
fn loom_a_request_is_answered_through_queue_and_slot() {
    check(|| {
        let queue = Arc::new(LaneQueue::new(1));
        let worker = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                while let Some(batch) = block_on(queue.take(8)) {
                    for completer in batch {
                        super::slot::Completer::complete(completer, 7);
                    }
                }
            })
        };
        let (completer, completion) = slot();
        queue.push(Class::Payment, completer).unwrap();
        assert_eq!(block_on(completion), Ok(7));
        queue.close();
        worker.join().unwrap();
    });
}
