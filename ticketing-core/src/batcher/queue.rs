//! The queue of all streams: bounded, in classes, taken in batches by several workers.

#[cfg(test)]
mod tests;

use std::{
    collections::{
        HashMap, VecDeque,
        hash_map::{DefaultHasher, Entry},
    },
    future::poll_fn,
    hash::BuildHasherDefault,
    mem,
    task::{Context, Poll, Waker},
};

use super::{
    BatchSettings,
    ready::{Place, Ready},
};
use crate::{
    audit::StreamId,
    command::Class,
    sync::{Mutex, lock},
};

/// Why something was not queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PushError {
    /// Its line, or the whole queue, is as long as it may be.
    Full,
    /// The queue takes nothing any more.
    Closed,
}

/// What waits, by stream. A stream has at most one batch in flight, and is known for as long as
/// something of it waits or is in flight.
pub(crate) struct StreamQueue<T> {
    inner: Mutex<Inner<T>>,
}

/// Items that were taken together.
pub(crate) struct Batch<'q, T> {
    /// The items; those of one stream by class, and in order within it.
    pub(crate) items: Vec<T>,
    /// How many were left waiting.
    pub(crate) left: usize,
    /// To be kept until they are dealt with.
    pub(crate) flight: Flight<'q, T>,
}

/// Keeps the streams of a batch from being taken. However the batch ends, dropping this frees them;
/// whoever drops it takes next, since nobody else is woken for what waits behind it.
pub(crate) struct Flight<'q, T> {
    queue: &'q StreamQueue<T>,
    streams: Vec<StreamId>,
}

struct Inner<T> {
    settings: BatchSettings,
    streams: HashMap<StreamId, Lines<T>, BuildHasherDefault<DefaultHasher>>,
    ready: Ready,
    waiting: usize,
    closed: bool,
    /// The wakers of the workers that wait, by their numbers.
    idle: Vec<Option<Waker>>,
    /// A worker was woken and nobody has looked since: the next push need wake nobody.
    woken: bool,
}

/// What waits for one stream.
struct Lines<T> {
    classes: [VecDeque<T>; Class::COUNT],
    state: State,
    /// How much of it was taken last.
    taken_last: usize,
}

enum State {
    Ready(Place),
    InFlight,
}

impl<T> StreamQueue<T> {
    /// An empty queue for so many workers.
    pub(crate) fn new(settings: BatchSettings, workers: usize) -> Self {
        let inner = Inner {
            settings: settings.for_workers(workers),
            streams: HashMap::default(),
            ready: Ready::default(),
            waiting: 0,
            closed: false,
            idle: vec![None; workers],
            woken: false,
        };
        Self { inner: Mutex::new(inner) }
    }

    /// Queues `item` behind those of its stream and class.
    pub(crate) fn push(&self, stream: StreamId, class: Class, item: T) -> Result<(), PushError> {
        let mut inner = lock(&self.inner);
        inner.push(stream, class, item)?;
        let worker = inner.worker_to_wake();
        drop(inner);
        wake(worker);
        Ok(())
    }

    /// The next batch for the worker of this number. Waits while no stream may be taken; `None` once
    /// the queue is closed and nothing waits.
    pub(crate) async fn take(&self, worker: usize) -> Option<Batch<'_, T>> {
        poll_fn(|context| self.poll_take(worker, context)).await
    }

    /// Takes nothing more in. What is queued is still taken out.
    pub(crate) fn close(&self) {
        let mut inner = lock(&self.inner);
        inner.closed = true;
        let worker = inner.worker_to_wake();
        drop(inner);
        wake(worker);
    }

    /// How many items wait.
    pub(crate) fn len(&self) -> usize {
        lock(&self.inner).waiting
    }

    fn poll_take(&self, worker: usize, context: &mut Context<'_>) -> Poll<Option<Batch<'_, T>>> {
        let mut inner = lock(&self.inner);
        inner.woken = false;
        inner.idle[worker] = None;
        let taken = if !inner.ready.is_empty() {
            let (items, streams) = inner.take();
            Some(Batch { items, left: inner.waiting, flight: Flight { queue: self, streams } })
        } else if inner.is_over() {
            None
        } else {
            inner.idle[worker] = Some(context.waker().clone());
            return Poll::Pending;
        };
        let next = inner.worker_to_wake();
        drop(inner);
        wake(next);
        Poll::Ready(taken)
    }
}

impl<T> Drop for Flight<'_, T> {
    fn drop(&mut self) {
        let mut inner = lock(&self.queue.inner);
        for stream in &self.streams {
            inner.land(*stream);
        }
    }
}

impl<T> Inner<T> {
    fn push(&mut self, stream: StreamId, class: Class, item: T) -> Result<(), PushError> {
        if self.closed {
            return Err(PushError::Closed);
        }
        if self.waiting >= self.settings.waiting_len_max(class) {
            return Err(PushError::Full);
        }
        let hot_len_min = self.settings.hot_len_min;
        match self.streams.entry(stream) {
            Entry::Occupied(mut known) => {
                let lines = known.get_mut();
                let line = &mut lines.classes[class as usize];
                if line.len() >= self.settings.class_len_max {
                    return Err(PushError::Full);
                }
                line.push_back(item);
                if let State::Ready(place) = lines.state {
                    let hot = lines.is_hot(hot_len_min);
                    lines.state = State::Ready(self.ready.grow(place, hot, class as usize));
                }
            }
            Entry::Vacant(unknown) => {
                let place = self.ready.enter(stream, hot_len_min <= 1, class as usize);
                unknown.insert(Lines::of(class, item, place));
            }
        }
        self.waiting += 1;
        Ok(())
    }

    /// The next batch, and the streams it is of. There must be a stream that is ready.
    fn take(&mut self) -> (Vec<T>, Vec<StreamId>) {
        let (mut items, mut streams) = (Vec::new(), Vec::new());
        let lead = self.ready.lead().expect("the caller has seen that a stream is ready");
        if lead.hot {
            self.take_from(&[lead.stream], self.settings.batch_len_max, &mut items, &mut streams);
            return (items, streams);
        }
        let len_max = self.settings.shared_len_max;
        if lead.oldest {
            self.take_from(&[lead.stream], len_max, &mut items, &mut streams);
        }
        // Each of them has something that waits, so more than these cannot be in the batch.
        let streams_max = self.settings.shared_streams_max.min(len_max) - streams.len();
        let sharing: Vec<StreamId> = self.ready.cool().take(streams_max).collect();
        self.take_from(&sharing, len_max, &mut items, &mut streams);
        (items, streams)
    }

    /// Takes from `ready`, class by class over all of them, until there are `len_max` items. Those it
    /// takes anything from are in flight, and are added to `streams`.
    fn take_from(&mut self, ready: &[StreamId], len_max: usize, items: &mut Vec<T>, streams: &mut Vec<StreamId>) {
        let mut from_class = [0; Class::COUNT];
        for stream in ready {
            for (len, line) in from_class.iter_mut().zip(&self.streams[stream].classes) {
                *len += line.len();
            }
        }
        let mut room = len_max - items.len();
        for len in &mut from_class {
            *len = room.min(*len);
            room -= *len;
        }
        items.reserve(len_max - items.len() - room);
        for stream in ready {
            let lines = self.streams.get_mut(stream).expect("its lines were counted just now");
            let before = items.len();
            for (line, left) in lines.classes.iter_mut().zip(&mut from_class) {
                let len = line.len().min(*left);
                items.extend(line.drain(..len));
                *left -= len;
            }
            let taken = items.len() - before;
            if taken == 0 {
                continue;
            }
            lines.taken_last = taken;
            if let State::Ready(place) = mem::replace(&mut lines.state, State::InFlight) {
                self.ready.leave(place);
            }
            streams.push(*stream);
            self.waiting -= taken;
        }
    }

    /// `stream` is not in flight any more: it is ready when something of it waits, or else forgotten.
    fn land(&mut self, stream: StreamId) {
        let lines = self.streams.get_mut(&stream).expect("a stream in flight is known");
        match lines.best_class() {
            Some(class) => {
                let hot = lines.is_hot(self.settings.hot_len_min);
                lines.state = State::Ready(self.ready.enter(stream, hot, class));
            }
            None => {
                self.streams.remove(&stream);
            }
        }
    }

    fn is_over(&self) -> bool {
        self.closed && self.waiting == 0
    }

    /// Whom to wake, if anybody: one worker, if there is something to do and nobody on the way. It
    /// wakes the next one when it leaves something behind, or when it ends.
    fn worker_to_wake(&mut self) -> Option<Waker> {
        if self.woken || (self.ready.is_empty() && !self.is_over()) {
            return None;
        }
        let worker = self.idle.iter_mut().find_map(Option::take);
        self.woken = worker.is_some();
        worker
    }
}

impl<T> Lines<T> {
    fn of(class: Class, item: T, place: Place) -> Self {
        let mut classes = [const { VecDeque::new() }; Class::COUNT];
        classes[class as usize].push_back(item);
        Self { classes, state: State::Ready(place), taken_last: 0 }
    }

    fn best_class(&self) -> Option<usize> {
        self.classes.iter().position(|line| !line.is_empty())
    }

    fn is_hot(&self, len_min: usize) -> bool {
        self.taken_last >= len_min || self.classes.iter().map(VecDeque::len).sum::<usize>() >= len_min
    }
}

fn wake(worker: Option<Waker>) {
    if let Some(worker) = worker {
        worker.wake();
    }
}

impl<T> std::fmt::Debug for StreamQueue<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamQueue").field("len", &self.len()).finish_non_exhaustive()
    }
}
