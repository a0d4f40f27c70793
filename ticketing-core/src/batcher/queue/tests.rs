use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Wake,
};

use futures_util::FutureExt;
use uuid::Uuid;

use super::*;
use crate::ids::SessionId;

const CLASSES: [Class; Class::COUNT] = [Class::Payment, Class::Release, Class::Hold, Class::Queue];

/// An item: its stream, its class, and its number among those of both.
type Item = (u32, Class, u32);

fn stream(n: u32) -> StreamId {
    StreamId::Session(SessionId::from_uuid(Uuid::from_u128(u128::from(n))))
}

/// A queue for so many workers.
fn queue(workers: usize) -> StreamQueue<Item> {
    StreamQueue::new(BatchSettings::default(), workers)
}

/// Pushes `count` items of one class.
fn push(queue: &StreamQueue<Item>, n: u32, class: Class, count: u32) {
    for item in 0..count {
        queue.push(stream(n), class, (n, class, item)).expect("the queue has room");
    }
}

/// What the first worker gets now.
#[track_caller]
fn take(queue: &StreamQueue<Item>) -> Batch<'_, Item> {
    take_now(queue).expect("something can be taken")
}

fn take_now(queue: &StreamQueue<Item>) -> Option<Batch<'_, Item>> {
    queue.take(0).now_or_never().flatten()
}

/// How many items of each stream.
fn shares(batch: &Batch<'_, Item>) -> BTreeMap<u32, usize> {
    let mut shares = BTreeMap::new();
    for (stream, ..) in &batch.items {
        *shares.entry(*stream).or_default() += 1;
    }
    shares
}

/// Checks how many items of which streams the next batch has; the streams stay in flight.
#[track_caller]
fn check_next<'q>(queue: &'q StreamQueue<Item>, expected: &[(u32, usize)]) -> Batch<'q, Item> {
    let batch = take(queue);
    assert_eq!(shares(&batch), expected.iter().copied().collect());
    batch
}

#[test]
fn a_hot_stream_is_taken_alone_and_cool_ones_share() {
    let queue = queue(4);
    push(&queue, 1, Class::Hold, 31);
    push(&queue, 2, Class::Hold, 32);
    push(&queue, 3, Class::Hold, 1);
    let _hot = check_next(&queue, &[(2, 32)]);
    let _cool = check_next(&queue, &[(1, 31), (3, 1)]);
}

#[test]
fn a_stream_is_hot_as_well_when_its_last_batch_was_long_until_it_has_been_idle() {
    let queue = queue(4);
    push(&queue, 1, Class::Hold, 40);
    let long = take(&queue);
    push(&queue, 1, Class::Hold, 2);
    drop(long);
    push(&queue, 2, Class::Hold, 1);
    drop((check_next(&queue, &[(2, 1)]), check_next(&queue, &[(1, 2)])));
    assert!(lock(&queue.inner).streams.is_empty(), "nothing is remembered of idle streams");
    push(&queue, 1, Class::Hold, 2);
    push(&queue, 2, Class::Hold, 1);
    let _shared = check_next(&queue, &[(1, 2), (2, 1)]);
}

#[test]
fn cool_streams_share_up_to_64_streams_and_256_items() {
    let many = queue(4);
    (0..100).for_each(|n| push(&many, n, Class::Hold, 1));
    let sizes = [take(&many), take(&many)].map(|batch| (batch.items.len(), batch.left));
    assert_eq!(sizes, [(64, 36), (36, 0)]);

    let fuller = queue(4);
    (0..20).for_each(|n| push(&fuller, n, Class::Hold, 20));
    let first = take(&fuller);
    assert_eq!((first.items.len(), shares(&first).len()), (256, 13), "the last one was cut");
    let second = take(&fuller);
    assert_eq!((second.items.len(), second.left), (140, 4), "what was cut off waits for its stream");
    drop(first);
    let _rest = check_next(&fuller, &[(12, 4)]);
}

#[test]
fn a_stream_in_flight_is_not_taken_and_makes_no_other_wait() {
    let queue = queue(2);
    push(&queue, 1, Class::Hold, 100);
    let first = check_next(&queue, &[(1, 100)]);
    push(&queue, 1, Class::Payment, 100);
    assert!(take_now(&queue).is_none());
    push(&queue, 2, Class::Queue, 1);
    let _other = check_next(&queue, &[(2, 1)]);
    drop(first);
    let _second = check_next(&queue, &[(1, 100)]);
}

#[test]
fn a_batch_frees_its_streams_however_it_ends() {
    let queue = queue(2);
    push(&queue, 1, Class::Hold, 1);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let batch = take(&queue);
        push(&queue, 1, Class::Hold, 1);
        panic!("writing {} failed", batch.items.len());
    }));
    assert!(panicked.is_err());
    drop(check_next(&queue, &[(1, 1)]));
    assert_eq!((queue.len(), lock(&queue.inner).streams.len()), (0, 0));
}

#[test]
fn payments_of_a_cool_stream_go_before_whatever_else_was_ready_first() {
    let queue = queue(4);
    push(&queue, 1, Class::Queue, 2_000);
    push(&queue, 2, Class::Hold, 1);
    push(&queue, 3, Class::Queue, 100);
    push(&queue, 3, Class::Payment, 1);
    push(&queue, 4, Class::Payment, 1);
    let hot = check_next(&queue, &[(3, 101)]);
    assert_eq!(hot.items[0], (3, Class::Payment, 0), "a later payment brings its stream forward");
    let _cool = check_next(&queue, &[(2, 1), (4, 1)]);
    let _last = check_next(&queue, &[(1, 1_024)]);
}

#[test]
fn one_stream_is_taken_class_by_class_and_in_order_within_each() {
    let queue = queue(4);
    let mut expected = Vec::new();
    for class in CLASSES.into_iter().rev() {
        push(&queue, 1, class, 9);
    }
    for class in CLASSES {
        expected.extend((0..9).map(|item| (1, class, item)));
    }
    assert_eq!(take(&queue).items, expected);
}

#[test]
fn one_worker_takes_everything_class_by_class_over_all_streams() {
    let everything = queue(1);
    push(&everything, 1, Class::Hold, 500);
    (2..400).for_each(|n| push(&everything, n, Class::Queue, 1));
    assert_eq!(take(&everything).items.len(), 898);

    let settings = BatchSettings { batch_len_max: 5, ..BatchSettings::default() };
    let bounded = StreamQueue::new(settings, 1);
    for n in 1..=2 {
        CLASSES.into_iter().rev().for_each(|class| push(&bounded, n, class, 2));
    }
    let mut classes = Vec::new();
    while let Some(batch) = take_now(&bounded) {
        classes.push(batch.items.iter().map(|(_, class, _)| *class).collect::<Vec<_>>());
        classes.last_mut().expect("it was pushed just now").sort_unstable();
    }
    let [payment, release, hold, join] = CLASSES;
    assert_eq!(
        classes,
        [
            vec![payment, payment, payment, payment, release],
            vec![release, release, release, hold, hold],
            vec![hold, hold, join, join, join],
            vec![join],
        ]
    );
}

#[test]
fn a_full_line_and_a_full_queue_refuse_at_once() {
    let settings = BatchSettings { class_len_max: 5, waiting_len_max: 6, ..BatchSettings::default() };
    let queue = StreamQueue::new(settings, 2);
    let pushed = |n, class| queue.push(stream(n), class, (n, class, 0));
    push(&queue, 1, Class::Hold, 5);
    assert_eq!(pushed(1, Class::Hold), Err(PushError::Full));
    assert_eq!(pushed(1, Class::Queue), Ok(()), "another class has room");
    assert_eq!((pushed(2, Class::Hold), pushed(3, Class::Queue)), (Err(PushError::Full), Err(PushError::Full)));
    push(&queue, 2, Class::Payment, 5);
    push(&queue, 3, Class::Release, 1);
    assert_eq!((pushed(4, Class::Payment), queue.len()), (Err(PushError::Full), 12), "payments had room of their own");
    let batch = take(&queue);
    assert_eq!((pushed(1, Class::Hold), pushed(3, Class::Hold)), (Ok(()), Ok(())), "what is in flight waits no more");
    queue.close();
    assert_eq!(pushed(4, Class::Hold), Err(PushError::Closed));
    drop(batch);
}

#[test]
fn hot_and_cool_streams_take_turns() {
    let queue = queue(8);
    for n in 0..3 {
        push(&queue, n, Class::Hold, 40);
    }
    for n in 100..300 {
        push(&queue, n, Class::Hold, 1);
    }
    let batches: Vec<_> = (0..6).map(|_| take(&queue)).collect();
    let streams: Vec<_> = batches.iter().map(|batch| shares(batch).len()).collect();
    assert_eq!(streams, [1, 64, 1, 64, 1, 64]);
}

#[test]
fn a_stream_with_the_worst_class_is_taken_though_better_ones_keep_coming() {
    for (workers, joins) in [(4, 100), (4, 1), (1, 100)] {
        let settings = BatchSettings { batch_len_max: 64, shared_len_max: 64, ..BatchSettings::default() };
        let queue = StreamQueue::new(settings, workers);
        (0..3).for_each(|n| push(&queue, n, Class::Queue, joins));
        let mut left = BTreeSet::from([0, 1, 2]);
        let mut batches = 0;
        while !left.is_empty() {
            (0..4).for_each(|n| push(&queue, 100 + 4 * batches + n, Class::Payment, 64));
            let batch = take(&queue);
            left.retain(|n| !shares(&batch).contains_key(n));
            batches += 1;
            assert!(batches <= 24, "{workers} workers: {left:?} still wait for their first of {joins}");
        }
    }
}

#[test]
fn streams_of_one_class_are_taken_in_the_order_in_which_they_became_ready() {
    let queue = queue(2);
    (0..5).for_each(|n| push(&queue, n, Class::Hold, 1_500));
    let taken: Vec<u32> = (0..10).map(|_| take(&queue).items[0].0).collect();
    assert_eq!(taken, [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]);
}

#[test]
fn a_stream_keeps_its_age_when_something_better_comes_for_it() {
    let queue = queue(2);
    push(&queue, 1, Class::Queue, 100);
    push(&queue, 2, Class::Hold, 100);
    push(&queue, 1, Class::Hold, 1);
    let _older = check_next(&queue, &[(1, 101)]);
}

#[test]
fn a_closed_queue_ends_its_workers_once_nothing_waits() {
    let queue = queue(2);
    push(&queue, 1, Class::Hold, 1_500);
    queue.close();
    let first = take(&queue);
    assert!(queue.take(1).now_or_never().is_none(), "what waits behind a batch may be for this worker yet");
    drop(first);
    let second = take(&queue);
    assert!(matches!(queue.take(1).now_or_never(), Some(None)));
    drop(second);
    assert!(matches!(queue.take(0).now_or_never(), Some(None)));
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_push_wakes_one_worker_who_wakes_the_next_only_for_what_is_left() {
    let queue = queue(3);
    let woken: Vec<Arc<Woken>> = (0..3).map(|_| Arc::default()).collect();
    let poll = |worker: usize| {
        let waker = Waker::from(Arc::clone(&woken[worker]));
        match queue.poll_take(worker, &mut Context::from_waker(&waker)) {
            Poll::Ready(batch) => batch,
            Poll::Pending => None,
        }
    };
    let wakes = || woken.iter().map(|woken| woken.0.load(Ordering::Relaxed)).collect::<Vec<_>>();
    assert!((0..3).all(|worker| poll(worker).is_none()));
    push(&queue, 1, Class::Hold, 40);
    push(&queue, 2, Class::Hold, 40);
    assert_eq!(wakes(), [1, 0, 0]);
    let first = poll(0);
    assert_eq!(wakes(), [1, 1, 0], "a hot stream was left");
    let second = poll(1);
    push(&queue, 1, Class::Hold, 1);
    assert_eq!(wakes(), [1, 1, 0], "its stream is in flight");
    drop((first, second));
    let third = poll(0);
    assert_eq!((third.map(|batch| batch.items.len()), wakes()), (Some(1), vec![1, 1, 0]));
}

/// Whatever is pushed, taken and ended in whatever order: each item comes out once, in order of its
/// stream and class, and no stream is in two batches at a time.
#[test]
fn nothing_is_lost_doubled_or_overtaken_in_its_line() {
    for seed in 0..300 {
        let mut random = fastrand::Rng::with_seed(seed);
        let settings = BatchSettings {
            batch_len_max: random.usize(1..12),
            class_len_max: random.usize(1..20),
            waiting_len_max: random.usize(1..60),
            hot_len_min: random.usize(1..8),
            shared_streams_max: random.usize(1..6),
            shared_len_max: random.usize(1..16),
        };
        let queue = StreamQueue::new(settings, random.usize(1..4));
        let (mut pushed, mut taken) = (BTreeMap::new(), BTreeMap::new());
        let mut in_flight: Vec<Batch<'_, Item>> = Vec::new();
        for step in 0..3_000 {
            let pushing = step < 1_500;
            match random.u8(0..8) {
                0..=4 if pushing => {
                    let (n, class) = (random.u32(0..6), CLASSES[random.usize(0..CLASSES.len())]);
                    let number = pushed.entry((n, class)).or_insert(0);
                    if queue.push(stream(n), class, (n, class, *number)).is_ok() {
                        *number += 1;
                    }
                }
                5..=6 => {
                    let Some(batch) = take_now(&queue) else { continue };
                    assert!(!batch.items.is_empty() && batch.items.len() <= settings.batch_len_max, "seed {seed}");
                    for (n, class, number) in &batch.items {
                        let next = taken.entry((*n, *class)).or_insert(0);
                        assert_eq!(next, number, "seed {seed}: stream {n}, {class:?}");
                        *next += 1;
                    }
                    let doubled =
                        in_flight.iter().find(|other| shares(other).keys().any(|n| shares(&batch).contains_key(n)));
                    assert!(doubled.is_none(), "seed {seed}: a stream is in two batches");
                    in_flight.push(batch);
                }
                _ if !in_flight.is_empty() => drop(in_flight.swap_remove(random.usize(0..in_flight.len()))),
                _ => {}
            }
        }
        in_flight.clear();
        assert_eq!((queue.len(), lock(&queue.inner).streams.len()), (0, 0), "seed {seed}");
        pushed.retain(|_, count| *count > 0);
        assert_eq!(pushed, taken, "seed {seed}");
    }
}
