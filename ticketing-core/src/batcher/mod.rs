//! Group commit: commands queue in lanes, and each lane writes everything that gathered while its
//! last batch was being committed.
//!
//! There is no timer. An idle lane writes a command at once; a busy one writes up to
//! [`BatchSettings::batch_len_max`] together. A command that was queued runs to its end whether or
//! not anybody still waits for its answer.

#[cfg(all(test, ticketing_loom))]
mod loom_tests;
mod queue;
mod slot;
mod writer;

use std::{
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    panic::AssertUnwindSafe,
    sync::Arc,
};

use futures_util::{FutureExt, future::BoxFuture};

use self::{
    queue::{LaneQueue, PushError},
    slot::{Completer, Completion, slot},
    writer::Writer,
};
use crate::{
    clock::Clock,
    command::{Ask, Command, Outcome},
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

/// Bounds of the batcher.
#[derive(Debug, Clone, Copy)]
pub struct BatchSettings {
    /// Most commands in one batch.
    pub batch_len_max: usize,
    /// Most commands of one class waiting in one lane; more are refused at once.
    pub class_len_max: usize,
}

impl Default for BatchSettings {
    fn default() -> Self {
        Self { batch_len_max: 1_024, class_len_max: 16_384 }
    }
}

/// Why a command has no answer.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// Its lane is full; nothing was done.
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

/// The lanes of one engine.
#[derive(Debug)]
pub struct Batcher {
    lanes: Vec<Lane>,
}

#[derive(Debug)]
struct Lane {
    queue: Arc<LaneQueue<Request>>,
    ended: tokio::sync::watch::Receiver<bool>,
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
        let lane = |_| {
            let queue = Arc::new(LaneQueue::<Request>::new(settings.class_len_max));
            let (end, ended) = tokio::sync::watch::channel(false);
            let writer = Writer::new(Arc::clone(&store), Arc::clone(&rules), Arc::clone(&ids), Arc::clone(&clock));
            let requests = Arc::clone(&queue);
            spawn.spawn(Box::pin(async move {
                while let Some(batch) = requests.take(settings.batch_len_max).await {
                    metrics::gauge!("ticketing_lane_length").set(requests.len() as f64);
                    // A defect in a store must not end the lane. Whoever waited is told by the reply that was dropped.
                    if AssertUnwindSafe(writer.write(batch)).catch_unwind().await.is_err() {
                        tracing::error!("writing a batch panicked");
                    }
                }
                end.send_replace(true);
            }));
            Lane { queue, ended }
        };
        Self { lanes: (0..store.lanes().max(1)).map(lane).collect() }
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
        for lane in &self.lanes {
            lane.queue.close();
        }
        for lane in &self.lanes {
            // An error means that the worker is gone, which is what is waited for.
            let _ = lane.ended.clone().wait_for(|ended| *ended).await;
        }
    }

    /// How many commands wait.
    pub fn len(&self) -> usize {
        self.lanes.iter().map(|lane| lane.queue.len()).sum()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn submit(&self, command: Command) -> Result<Completion<Answer>, SubmitError> {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(command.stream());
        let lane = &self.lanes[(hash % self.lanes.len() as u64) as usize];
        let (reply, completion) = slot();
        let class = command.class();
        lane.queue.push(class, Request { command, reply }).map_err(|refused| match refused {
            PushError::Full => SubmitError::Overloaded,
            PushError::Closed => SubmitError::ShuttingDown,
        })?;
        Ok(completion)
    }
}
