//! Group commit: commands queue by stream, and each lane writes what gathered while the last
//! batches were being committed.
//!
//! There is no timer. An idle engine writes a command at once; a busy one writes up to
//! [`BatchSettings::batch_len_max`] together. A command that was queued runs to its end whether or
//! not anybody still waits for its answer.
//!
//! A lane is a batch that the store can write beside others ([`Store::lanes`]); no stream has one of
//! its own. A free lane takes what is ready next: a hot stream alone, cool ones together. A stream
//! with a batch in flight is not ready, so it occupies one lane at most, and what waits for it makes
//! no other stream wait. Where there is one lane, it takes everything.

#[cfg(all(test, ticketing_loom))]
mod loom_tests;
mod queue;
mod ready;
mod slot;
mod writer;

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::sync::watch;

use self::{
    queue::{Batch, PushError, StreamQueue},
    slot::{Completer, Completion, slot},
    writer::Writer,
};
use crate::{
    clock::Clock,
    command::{Ask, Class, Command, Outcome},
    decide::Rules,
    ids::IdGen,
    store::{Store, StoreError},
};

/// Runs a lane's worker. Injected, so that an embedder chooses the executor and a simulation its own.
pub trait Spawn: Send + Sync + std::fmt::Debug {
    /// Runs `task` to its end.
    fn spawn(&self, task: BoxFuture<'static, ()>);
}

/// Runs workers on the tokio runtime it was made in.
#[derive(Debug, Clone)]
pub struct TokioSpawn(tokio::runtime::Handle);

impl TokioSpawn {
    /// The current runtime's spawner.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn current() -> Self {
        Self(tokio::runtime::Handle::current())
    }
}

impl Spawn for TokioSpawn {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.0.spawn(task);
    }
}

/// Bounds of the batcher, each at least 1.
#[derive(Debug, Clone, Copy)]
pub struct BatchSettings {
    /// Most commands in one batch.
    pub batch_len_max: usize,
    /// Most commands of one class waiting for one stream; more are refused at once.
    pub class_len_max: usize,
    /// Most commands waiting for all streams together; more are refused at once. Payments and releases
    /// have as much room again, which no crowd of buyers can fill.
    pub waiting_len_max: usize,
    /// From how many commands on, waiting or in its last batch, a stream is hot: where there are
    /// several lanes, it is taken alone.
    pub hot_len_min: usize,
    /// Most cool streams in one batch where there are several lanes. Each is one more lock that
    /// another node may hold.
    pub shared_streams_max: usize,
    /// Most commands in a batch of cool streams where there are several lanes.
    pub shared_len_max: usize,
}

impl Default for BatchSettings {
    fn default() -> Self {
        Self {
            batch_len_max: 1_024,
            class_len_max: 16_384,
            waiting_len_max: 65_536,
            hot_len_min: 32,
            shared_streams_max: 64,
            shared_len_max: 256,
        }
    }
}

impl BatchSettings {
    /// How many commands may wait when one of `class` comes.
    fn waiting_len_max(&self, class: Class) -> usize {
        match class {
            Class::Payment | Class::Release => self.waiting_len_max.saturating_mul(2),
            Class::Hold | Class::Queue => self.waiting_len_max,
        }
    }
}

impl BatchSettings {
    /// What they come to with so many workers.
    fn for_workers(self, workers: usize) -> Self {
        let batch_len_max = self.batch_len_max.max(1);
        if workers > 1 {
            let shared_streams_max = self.shared_streams_max.max(1);
            let shared_len_max = self.shared_len_max.clamp(1, batch_len_max);
            Self { batch_len_max, shared_streams_max, shared_len_max, ..self }
        } else {
            // Whatever a batch left behind would wait for it all the same: one commit for all is the speed.
            let (hot_len_min, shared_streams_max) = (usize::MAX, usize::MAX);
            Self { batch_len_max, hot_len_min, shared_streams_max, shared_len_max: batch_len_max, ..self }
        }
    }
}

/// Why a command has no answer.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// Too much waits; nothing was done.
    #[error("the engine is overloaded")]
    Overloaded,
    /// The engine takes no more commands; nothing was done.
    #[error("the engine is shutting down")]
    ShuttingDown,
    /// The rule itself failed, for this command alone; nothing was done.
    #[error("the engine failed to decide this command")]
    Failed,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

type Answer = Result<Outcome, StoreError>;

#[derive(Debug)]
struct Request {
    command: Command,
    reply: Completer<Answer>,
}

/// The queue and the lanes of one engine.
#[derive(Debug)]
pub struct Batcher {
    queue: Arc<StreamQueue<Request>>,
    /// Each lane's worker holds a receiver.
    running: watch::Sender<()>,
}

impl Batcher {
    /// Starts as many lanes as `store` can use.
    pub fn start(
        store: Arc<dyn Store>,
        rules: Arc<Rules>,
        ids: Arc<dyn IdGen>,
        clock: Arc<dyn Clock>,
        spawn: &dyn Spawn,
        settings: BatchSettings,
    ) -> Self {
        let lanes = store.lanes().max(1);
        let queue = Arc::new(StreamQueue::new(settings, lanes));
        let writer = Arc::new(Writer::new(store, rules, ids, clock));
        let running = watch::Sender::new(());
        for lane in 0..lanes {
            let (queue, writer, running) = (Arc::clone(&queue), Arc::clone(&writer), running.subscribe());
            spawn.spawn(Box::pin(async move {
                write_batches(lane, &queue, &writer).await;
                drop(running);
            }));
        }
        Self { queue, running }
    }

    /// Queues `command` and waits for its answer. Once queued it runs to its end, even when this
    /// future is dropped.
    ///
    /// # Errors
    /// [`SubmitError`]; the inner `Err` is the rule's own refusal.
    pub async fn ask<C: Ask>(&self, command: C) -> Result<Result<C::Done, C::Refusal>, SubmitError> {
        let outcome = self.submit(command.into_command())?.await;
        let lost = || StoreError::OutcomeUnknown { detail: "the lane broke off without an answer".to_owned() };
        let outcome = outcome.map_err(|slot::Abandoned| lost())??;
        C::answer(outcome).ok_or(SubmitError::Failed)
    }

    /// Takes no more commands, and waits until those that were queued are written.
    pub async fn shutdown(&self) {
        self.queue.close();
        self.running.closed().await;
    }

    /// How many commands wait.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn submit(&self, command: Command) -> Result<Completion<Answer>, SubmitError> {
        let (stream, class) = (command.stream(), command.class());
        let (reply, completion) = slot();
        self.queue.push(stream, class, Request { command, reply }).map_err(|refused| match refused {
            PushError::Full => SubmitError::Overloaded,
            PushError::Closed => SubmitError::ShuttingDown,
        })?;
        Ok(completion)
    }
}

/// The worker of one lane. Ends when the queue is closed and nothing waits.
async fn write_batches(lane: usize, queue: &StreamQueue<Request>, writer: &Writer) {
    while let Some(Batch { items, left, flight }) = queue.take(lane).await {
        metrics::gauge!("ticketing_lane_length").set(left as f64);
        // A defect in a store must not end the lane. Whoever waited is told by the reply that was dropped.
        if AssertUnwindSafe(writer.write(items)).catch_unwind().await.is_err() {
            tracing::error!("writing a batch panicked");
        }
        drop(flight);
    }
}
