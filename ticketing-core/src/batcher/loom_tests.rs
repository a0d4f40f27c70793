//! Every interleaving of the batcher's queue and slots, within bounded preemptions.
//!
//! `RUSTFLAGS="--cfg ticketing_loom" cargo test -p ticketing-core --release --lib loom_`

use loom::{future::block_on, model::Builder, sync::Mutex, thread};

use super::{
    BatchSettings,
    queue::{Batch, PushError, StreamQueue},
    slot::{Abandoned, Completer, Completion, slot},
};
use crate::{audit::StreamId, command::Class, sync::Arc};

const ONE: StreamId = StreamId::Users;
const OTHER: StreamId = StreamId::Callbacks;

/// Every stream is hot: two that are ready are two batches.
const ALONE: BatchSettings = BatchSettings {
    batch_len_max: 8,
    class_len_max: 8,
    waiting_len_max: 8,
    hot_len_min: 1,
    shared_streams_max: 8,
    shared_len_max: 8,
};

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
        let queue = Arc::new(StreamQueue::new(ALONE, 1));
        let pushing = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                queue.push(ONE, Class::Hold, 1).unwrap();
                queue.push(ONE, Class::Hold, 2).unwrap();
            })
        };
        let mut taken = Vec::new();
        while taken.len() < 2 {
            taken.extend(block_on(queue.take(0)).unwrap().items);
        }
        assert_eq!(taken, [1, 2]);
        pushing.join().unwrap();
    });
}

#[test]
fn loom_a_closing_queue_still_hands_out_what_it_took_in() {
    check(|| {
        let queue = Arc::new(StreamQueue::new(ALONE, 1));
        let pushing = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.push(ONE, Class::Hold, 1))
        };
        let closing = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.close())
        };
        let mut taken = Vec::new();
        while let Some(batch) = block_on(queue.take(0)) {
            taken.extend(batch.items);
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
        let queue = Arc::new(StreamQueue::new(ALONE, 1));
        let worker = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || work(&queue, 0, |completer: Completer<u8>| completer.complete(7)))
        };
        let (completer, completion) = slot();
        queue.push(ONE, Class::Payment, completer).unwrap();
        assert_eq!(block_on(completion), Ok(7));
        queue.close();
        worker.join().unwrap();
    });
}

/// What it guards is taken by trying, so that a second batch of the stream is a panic.
#[test]
fn loom_two_workers_never_have_one_stream_in_flight() {
    check(|| {
        let queue = Arc::new(StreamQueue::new(ALONE, 2));
        let written = Arc::new(Mutex::new(Vec::new()));
        let worker = |number| {
            let (queue, written) = (Arc::clone(&queue), Arc::clone(&written));
            let write = move |item| written.try_lock().expect("nobody else writes this stream").push(item);
            move || work(&queue, number, write)
        };
        let second = thread::spawn(worker(1));
        queue.push(ONE, Class::Hold, 1).unwrap();
        queue.push(ONE, Class::Hold, 2).unwrap();
        queue.close();
        worker(0)();
        second.join().unwrap();
        assert_eq!(*written.lock().unwrap(), [1, 2]);
    });
}

/// One stream's batch ends only when the other's is written, by the other worker therefore, and only
/// then the queue is closed: a wake-up that is lost leaves everybody waiting.
#[test]
fn loom_a_stream_is_written_while_another_one_s_batch_goes_on() {
    check(|| {
        let queue = Arc::new(StreamQueue::new(ALONE, 2));
        let workers = [0, 1].map(|number| {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                work(&queue, number, |step| match step {
                    Step::Await(completion) => {
                        assert_eq!(block_on(completion), Ok(7));
                        queue.close();
                    }
                    Step::Complete(completer) => completer.complete(7),
                });
            })
        });
        let (completer, completion) = slot();
        queue.push(ONE, Class::Hold, Step::Await(completion)).unwrap();
        queue.push(OTHER, Class::Hold, Step::Complete(completer)).unwrap();
        for worker in workers {
            worker.join().unwrap();
        }
    });
}

enum Step {
    Await(Completion<u8>),
    Complete(Completer<u8>),
}

/// A worker, as the batcher runs it.
fn work<T>(queue: &StreamQueue<T>, number: usize, write: impl Fn(T)) {
    while let Some(Batch { items, flight, .. }) = block_on(queue.take(number)) {
        items.into_iter().for_each(&write);
        drop(flight);
    }
}
