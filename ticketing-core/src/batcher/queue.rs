//! The queue of one lane: bounded, in classes, taken in batches by one worker.

use std::{
    collections::VecDeque,
    future::poll_fn,
    mem,
    task::{Context, Poll, Waker},
};

use crate::{
    command::Class,
    sync::{Mutex, lock},
};

/// Why something was not queued. It is handed back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PushError {
    /// Its class is as long as it may be.
    Full,
    /// The lane takes nothing any more.
    Closed,
}

/// A lane's queue.
pub(crate) struct LaneQueue<T> {
    inner: Mutex<Inner<T>>,
    class_len_max: usize,
}

struct Inner<T> {
    classes: [VecDeque<T>; Class::COUNT],
    closed: bool,
    worker: Option<Waker>,
}

impl<T> LaneQueue<T> {
    /// An empty queue with at most `class_len_max` items in each class.
    pub(crate) fn new(class_len_max: usize) -> Self {
        let inner = Inner { classes: [const { VecDeque::new() }; Class::COUNT], closed: false, worker: None };
        Self { inner: Mutex::new(inner), class_len_max }
    }

    /// Queues `item` behind those of its class.
    pub(crate) fn push(&self, class: Class, item: T) -> Result<(), PushError> {
        let mut inner = lock(&self.inner);
        if inner.closed {
            return Err(PushError::Closed);
        }
        let line = &mut inner.classes[class as usize];
        if line.len() >= self.class_len_max {
            return Err(PushError::Full);
        }
        line.push_back(item);
        let worker = inner.worker.take();
        drop(inner);
        if let Some(worker) = worker {
            worker.wake();
        }
        Ok(())
    }

    /// The next batch: everything queued, class by class, at most `len_max` items. Waits while
    /// there is nothing; `None` once the queue is closed and empty.
    pub(crate) async fn take(&self, len_max: usize) -> Option<Vec<T>> {
        poll_fn(|context| self.poll_take(context, len_max)).await
    }

    /// Takes nothing more in. What is queued is still taken out.
    pub(crate) fn close(&self) {
        let mut inner = lock(&self.inner);
        inner.closed = true;
        let worker = inner.worker.take();
        drop(inner);
        if let Some(worker) = worker {
            worker.wake();
        }
    }

    /// How many items wait.
    pub(crate) fn len(&self) -> usize {
        lock(&self.inner).classes.iter().map(VecDeque::len).sum()
    }

    fn poll_take(&self, context: &mut Context<'_>, len_max: usize) -> Poll<Option<Vec<T>>> {
        let mut inner = lock(&self.inner);
        let waiting: usize = inner.classes.iter().map(VecDeque::len).sum();
        if waiting == 0 {
            if inner.closed {
                return Poll::Ready(None);
            }
            inner.worker = Some(context.waker().clone());
            return Poll::Pending;
        }
        let mut batch = Vec::with_capacity(waiting.min(len_max));
        for line in &mut inner.classes {
            let room = len_max - batch.len();
            if room >= line.len() && batch.is_empty() {
                batch.extend(mem::take(line));
            } else {
                batch.extend(line.drain(..room.min(line.len())));
            }
        }
        Poll::Ready(Some(batch))
    }
}

impl<T> std::fmt::Debug for LaneQueue<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LaneQueue").field("len", &self.len()).finish_non_exhaustive()
    }
}
