//! One batch, from its commands to their answers.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::FutureExt;

use super::Request;
use crate::{
    clock::Clock,
    command::{Command, Outcome},
    decide::Rules,
    ids::{BatchId, IdGen},
    planted::{self, Planted, is_planted},
    store::{BatchHeader, BatchOutcome, Decide, Store, StoreError},
};

/// How often a batch is decided again because somebody was faster.
const CONFLICTS_MAX: u32 = 5;
/// How often a store is asked what became of a batch.
const OUTCOME_QUESTIONS_MAX: u32 = 8;

#[derive(Debug)]
pub(super) struct Writer {
    store: Arc<dyn Store>,
    rules: Arc<Rules>,
    ids: Arc<dyn IdGen>,
    clock: Arc<dyn Clock>,
}

impl Writer {
    pub(super) fn new(store: Arc<dyn Store>, rules: Arc<Rules>, ids: Arc<dyn IdGen>, clock: Arc<dyn Clock>) -> Self {
        Self { store, rules, ids, clock }
    }

    /// Writes `batch` and answers everyone in it.
    pub(super) async fn write(&self, batch: Vec<Request>) {
        metrics::histogram!("ticketing_batch_size").record(batch.len() as f64);
        let began_at = self.clock.now();
        let (commands, replies): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|request| (request.command, request.reply)).unzip();
        let commands: Arc<[Command]> = commands.into();
        let answers = match self.commit(&commands).await {
            // One command may ask for what the store refuses: the others must not pay for it.
            Err(StoreError::Conflict { .. }) if commands.len() > 1 => self.one_by_one(&commands).await,
            Ok(outcomes) => outcomes.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error); replies.len()],
        };
        let took = self.clock.now().since(began_at);
        metrics::histogram!("ticketing_batch_duration_seconds").record(took.as_secs_f64());
        for (reply, answer) in replies.into_iter().zip(answers) {
            reply.complete(answer);
        }
    }

    async fn one_by_one(&self, commands: &[Command]) -> Vec<Result<Outcome, StoreError>> {
        let mut answers = Vec::with_capacity(commands.len());
        for command in commands {
            let outcome = self.commit(&Arc::from([command.clone()])).await;
            answers.push(outcome.map(|mut outcomes| outcomes.remove(0)));
        }
        answers
    }

    /// Decides and commits `commands`, again when somebody was faster or a reply was lost.
    async fn commit(&self, commands: &Arc<[Command]>) -> Result<Vec<Outcome>, StoreError> {
        let mut conflicts = 0;
        let mut commands = Arc::clone(commands);
        let mut decided_first = Vec::new();
        loop {
            let id = BatchId::from_uuid(self.ids.uuid(self.clock.now()));
            let error = match self.transact(id, &commands).await {
                Ok(_) if !decided_first.is_empty() => return Ok(decided_first),
                Ok(outcomes) => return Ok(outcomes),
                Err((_, outcomes)) if is_planted(Planted::AnswerBeforeCommit) && outcomes.len() == commands.len() => {
                    return Ok(outcomes);
                }
                Err((error @ StoreError::OutcomeUnknown { .. }, _)) if is_planted(Planted::NewKeyAfterUnknown) => {
                    commands = planted::under_new_keys(&commands);
                    error
                }
                Err((StoreError::OutcomeUnknown { detail }, outcomes)) => match self.outcome(id, detail).await? {
                    BatchOutcome::Committed => return Ok(outcomes),
                    BatchOutcome::NotCommitted => StoreError::Conflict { detail: "the batch was lost".to_owned() },
                },
                Err((error @ StoreError::Conflict { .. }, outcomes)) => {
                    if is_planted(Planted::FirstDecisionAnswered) && decided_first.is_empty() {
                        decided_first = outcomes;
                    }
                    error
                }
                Err((error, _)) => return Err(error),
            };
            conflicts += 1;
            metrics::counter!("ticketing_batch_conflicts_total").increment(1);
            if conflicts >= CONFLICTS_MAX {
                tracing::error!(%error, commands = commands.len(), "batch refused by its store");
                return Err(error);
            }
            tokio::time::sleep(jitter(id, conflicts)).await;
        }
    }

    async fn transact(
        &self,
        id: BatchId,
        commands: &Arc<[Command]>,
    ) -> Result<Vec<Outcome>, (StoreError, Vec<Outcome>)> {
        let mut locks: Vec<_> = commands.iter().map(Command::stream).collect();
        locks.sort_unstable();
        locks.dedup();
        let header = BatchHeader { id, locks, reads: self.rules.reads(commands) };
        // Only the last decision counts, so its outcomes replace those of the ones before.
        let decided = Arc::new(Mutex::new(Vec::new()));
        let decide: Decide = Box::new({
            let (rules, commands, decided) = (Arc::clone(&self.rules), Arc::clone(commands), Arc::clone(&decided));
            move |snapshot, now| {
                let (decision, outcomes) = rules.decide(snapshot, &commands, now);
                *decided.lock().unwrap_or_else(PoisonError::into_inner) = outcomes;
                decision
            }
        });
        let committed = AssertUnwindSafe(self.store.transact(header, decide)).catch_unwind().await;
        let outcomes = std::mem::take(&mut *decided.lock().unwrap_or_else(PoisonError::into_inner));
        match committed {
            Ok(Ok(_)) => Ok(outcomes),
            Ok(Err(error)) => {
                metrics::counter!("ticketing_store_errors_total", "kind" => error.kind()).increment(1);
                Err((error, outcomes))
            }
            Err(_) => Err((StoreError::OutcomeUnknown { detail: "the store panicked".to_owned() }, outcomes)),
        }
    }

    async fn outcome(&self, id: BatchId, detail: String) -> Result<BatchOutcome, StoreError> {
        metrics::counter!("ticketing_batch_outcomes_unknown_total").increment(1);
        for question in 1..=OUTCOME_QUESTIONS_MAX {
            match self.store.outcome(id).await {
                Ok(outcome) => return Ok(outcome),
                Err(error) => tracing::warn!(%error, batch = %id, "asking again what became of a batch"),
            }
            tokio::time::sleep(jitter(id, question + 4)).await;
        }
        Err(StoreError::OutcomeUnknown { detail })
    }
}

/// 1 ms doubling with each attempt, and up to as much again, told by the batch's own random bits.
fn jitter(id: BatchId, attempt: u32) -> Duration {
    let base = Duration::from_millis(1 << attempt.min(10));
    let fraction = f64::from(id.uuid().as_u128() as u16) / f64::from(u16::MAX);
    base + base.mul_f64(fraction)
}
