//! One batch: read, decide, write, in two flights.

use std::{sync::atomic::AtomicU64, time::Duration};

use deadpool_postgres::Pool;
use ticketing_core::{
    clock::Timestamp,
    ids::BatchId,
    store::{BatchHeader, BatchOutcome, Changes, Decide, Decision, ROUNDS_MAX, Read, Receipt, Snapshot, StoreError},
};
use tokio_postgres::Error;

use super::{
    apply, batches,
    columns::{At, Columns},
    error::{Kind, kind, pool_error, said, store_error},
    flight::{Loss, Query, fly, params},
    load::{self, Fill, Load},
    pool::Lease,
    tables::{Replaced, Stored, events, holds, places, rooms, sessions},
};
use crate::{
    clock::{StoreClock, steady},
    decision,
    unanswered::Unanswered,
};

/// How long the server may take over a flight that reads, locks included.
const READING: Duration = Duration::from_secs(6);
/// How long it may take over one that writes.
const WRITING: Duration = Duration::from_secs(10);
/// How often a batch is tried when others are in its way, or its connection was lost before its commit.
const ATTEMPTS_MAX: u32 = 5;
/// After so long no other try begins.
const PATIENCE: Duration = Duration::from_secs(6);

const TIME: &str = "SELECT clock_timestamp()";

/// The statements of a hold, prepared ahead.
pub(super) fn warm() -> Vec<&'static str> {
    use ticketing_core::{audit::AuditRecord, hold::Hold, session::Session};
    let mut warm = vec![
        &**sessions::LOCK,
        &**events::BY_IDS,
        &**rooms::BY_SESSIONS,
        &**places::BY_NUMBERS,
        &**holds::OF_USERS,
        &**holds::EARLIEST,
        TIME,
        Session::update(),
        Hold::insert(),
        Hold::update(),
        AuditRecord::insert(),
    ];
    warm.extend(batches::WARM);
    warm
}

/// Why a batch was not written, or may not have been.
#[derive(Debug)]
enum Failure {
    /// Nothing was written, and the same batch may fare better at once.
    Again(StoreError),
    /// Nothing was written.
    Refused(StoreError),
    /// The commit was sent, and its reply lost.
    Unknown(String),
}

/// What a batch is written with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Transactor<'a> {
    pub(super) pool: &'a Pool,
    pub(super) clock: &'a StoreClock,
    /// Counts what was written.
    pub(super) written: &'a AtomicU64,
    pub(super) unanswered: &'a Unanswered,
}

impl Transactor<'_> {
    /// Writes the batch, again when others were in its way.
    pub(super) async fn transact(self, batch: &BatchHeader, decide: &mut Decide) -> Result<Receipt, StoreError> {
        let (mut attempt, began) = (1, steady());
        loop {
            match self.attempt(batch, decide).await {
                Ok(receipt) => return Ok(receipt),
                Err(Failure::Refused(error)) => return Err(error),
                Err(Failure::Unknown(detail)) => return Err(StoreError::OutcomeUnknown { detail }),
                Err(Failure::Again(error)) if attempt == ATTEMPTS_MAX || steady().since(began) > PATIENCE => {
                    return Err(error);
                }
                Err(Failure::Again(error)) => {
                    metrics::counter!("ticketing_store_retries_total").increment(1);
                    tracing::debug!(%error, attempt, batch = %batch.id, "a batch is tried again");
                }
            }
            tokio::time::sleep(pause(batch.id, attempt)).await;
            attempt += 1;
        }
    }

    async fn attempt(self, batch: &BatchHeader, decide: &mut Decide) -> Result<Receipt, Failure> {
        let lease = Lease::from(self.pool).await.map_err(|error| {
            // No server to be had: whoever asked may try again, and is told so now.
            Failure::Refused(pool_error("connecting to write", error))
        })?;
        match self.decide_and_write(&lease, batch, decide).await {
            Ok(receipt) => {
                lease.give_back();
                Ok(receipt)
            }
            Err(failure @ Failure::Refused(StoreError::Conflict { .. })) => {
                // The server has said why: the connection is sound, and what is open on it is to be undone.
                if fly(&lease, Some("ROLLBACK"), vec![], None, READING).await.is_ok() {
                    lease.give_back();
                }
                Err(failure)
            }
            Err(failure) => Err(failure),
        }
    }

    async fn decide_and_write(
        self,
        lease: &Lease,
        batch: &BatchHeader,
        decide: &mut Decide,
    ) -> Result<Receipt, Failure> {
        let mut snapshot = Snapshot::default();
        let mut loads = load::locks(&batch.locks, &batch.reads);
        loads.extend(load::reads(&batch.reads, &batch.locks));
        let mut begin = Some("BEGIN ISOLATION LEVEL READ COMMITTED");
        for rounds in 1..=ROUNDS_MAX {
            let at = self.read(lease, begin.take(), loads, &mut snapshot).await?;
            snapshot.reset();
            match decision::ask(decide, &mut snapshot, at).map_err(Failure::Refused)? {
                Decision::NeedMore(more) => loads = load::reads(&unread(more, &snapshot), &[]),
                Decision::Commit(changes) => {
                    self.write(lease, batch.id, &changes).await?;
                    return Ok(Receipt { at, rounds });
                }
            }
        }
        Err(Failure::Refused(decision::never_enough()))
    }

    /// One flight: locks, reads, and the time at last.
    async fn read(
        self,
        lease: &Lease,
        begin: Option<&'static str>,
        loads: Vec<Load>,
        snapshot: &mut Snapshot,
    ) -> Result<Timestamp, Failure> {
        let asked = steady();
        let (mut queries, fills): (Vec<Query>, Vec<Fill>) =
            loads.into_iter().map(|load| (load.query, load.fill)).unzip();
        queries.push(Query::new(TIME, params![]));
        let plain = usize::from(begin.is_some());
        let answers = fly(lease, begin, queries, None, READING).await.map_err(|loss| before_commit("reading", loss))?;
        let mut answers = answers.into_iter().skip(plain);
        for (fill, rows) in fills.into_iter().zip(answers.by_ref()) {
            fill(&rows, snapshot).map_err(Failure::Refused)?;
        }
        if let Some(given) = self.clock.given() {
            return Ok(given);
        }
        let time = answers.next().and_then(|rows| rows.into_iter().next());
        let time = time.ok_or_else(|| Failure::Refused(StoreError::corrupt("the server told no time")))?;
        let At(told) = Columns::of(&time).get().map_err(Failure::Refused)?;
        Ok(self.clock.hear(asked, told))
    }

    /// One flight: every change, the batch's name, and the commit.
    async fn write(self, lease: &Lease, id: BatchId, changes: &Changes) -> Result<(), Failure> {
        let mut queries = apply::writes(changes);
        if queries.is_empty() {
            // Nothing to keep: nothing can be lost but the locks.
            let ended = fly(lease, Some("ROLLBACK"), vec![], None, READING).await;
            return ended.map(drop).map_err(|loss| before_commit("ending", loss));
        }
        queries.extend(batches::put(id, self.written));
        let (commit, sent) = (queries.len(), steady());
        match fly(lease, None, queries, Some("COMMIT"), WRITING).await {
            Ok(_) => Ok(()),
            Err(Loss::Silent(patience)) => {
                self.unanswered.note(id, sent);
                Err(Failure::Unknown(format!("no answer to the commit in {patience:?}")))
            }
            Err(Loss::Failed { statement, error }) if is_undone(statement, commit, &error) => {
                Err(failure("writing", error))
            }
            Err(Loss::Failed { error, .. }) => {
                self.unanswered.note(id, sent);
                Err(Failure::Unknown(format!("committing: {}", said(&error))))
            }
        }
    }

    /// What became of a batch: final, whatever is still on its way.
    pub(super) async fn outcome(self, id: BatchId) -> Result<BatchOutcome, StoreError> {
        let what = "looking a batch up";
        if self.unanswered.is_stale(id) {
            let detail = format!("{what}: its commit was sent too long ago to tell");
            return Err(StoreError::Unavailable { detail, source: None });
        }
        let lease = Lease::from(self.pool).await.map_err(|error| pool_error(what, error))?;
        let answers = fly(&lease, None, batches::look_up(id), None, READING).await;
        let answers = answers.map_err(|loss| match loss {
            Loss::Failed { error, .. } => store_error(what, error),
            Loss::Silent(patience) => silent(what, patience),
        })?;
        lease.give_back();
        let row = answers.into_iter().next_back().and_then(|rows| rows.into_iter().next());
        let row =
            row.ok_or_else(|| StoreError::corrupt(format_args!("{what}: its name was written and is not there")))?;
        Columns::of(&row).get().map(batches::outcome)
    }
}

/// What is not loaded yet: a decision may name what it has again.
fn unread(more: Vec<Read>, snapshot: &Snapshot) -> Vec<Read> {
    more.into_iter().filter(|read| !snapshot.has(read)).collect()
}

/// Whether it is certain that nothing was committed: the server said so of a statement before the commit, or of
/// the commit itself that it was rolled back.
fn is_undone(statement: usize, commit: usize, error: &Error) -> bool {
    error.as_db_error().is_some() && (statement < commit || matches!(kind(error), Kind::Contended | Kind::Guard))
}

fn before_commit(what: &str, loss: Loss) -> Failure {
    match loss {
        Loss::Failed { error, .. } => failure(what, error),
        Loss::Silent(patience) => Failure::Refused(silent(what, patience)),
    }
}

fn failure(what: &str, error: Error) -> Failure {
    match kind(&error) {
        Kind::Contended | Kind::Lost => Failure::Again(store_error(what, error)),
        Kind::Guard | Kind::Unavailable | Kind::Corrupt => Failure::Refused(store_error(what, error)),
    }
}

fn silent(what: &str, patience: Duration) -> StoreError {
    StoreError::Unavailable { detail: format!("{what}: no answer in {patience:?}"), source: None }
}

/// 2 ms doubling with each attempt, and up to as much again, told by the batch's own random bits.
fn pause(id: BatchId, attempt: u32) -> Duration {
    let base = Duration::from_millis(1 << attempt.min(8));
    base + base.mul_f64(f64::from(id.uuid().as_u128() as u16) / f64::from(u16::MAX))
}
