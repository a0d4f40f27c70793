//! Housekeeping: the sweeper, admission, the outbox, and callbacks that came too early.
//!
//! None of it is needed for correctness at the moment of a sale: rules reclaim what is overdue by
//! themselves. Any number of engines may do it on one store; each step is a command like any other.

use std::{error::Error, pin::pin, sync::Arc, time::Duration};

use futures_util::future::{Either, join_all, select};
use tokio::sync::{Notify, watch};

use super::{EngineError, Ticketing, payments::in_time, room::Rooms};
use crate::{
    command::{AdvanceQueue, CompleteOutbox, ExpireHolds, LeaseOutbox, Never},
    ids::SessionId,
    outbox::OutboxMessage,
    payment::gateway::{GatewayError, Refund},
    planted::{Planted, is_planted, key_of_attempt},
    store::StoreError,
};

/// Time between two sweeps.
const SWEEP_EVERY: Duration = Duration::from_millis(500);
/// Time between two steps of admission.
const ADMIT_EVERY: Duration = Duration::from_millis(100);
/// Time between two looks at the outbox, unless something was just put in.
const OUTBOX_EVERY: Duration = Duration::from_millis(500);
/// Time between two looks at unmatched callbacks.
const MATCH_EVERY: Duration = Duration::from_secs(1);
/// Most sessions, messages or callbacks in one round.
const ROUND_LEN: u32 = 256;
/// Sessions whose turns go together, so that they share batches.
const SESSIONS_AT_ONCE: usize = 64;
/// Messages under way at once: a gateway that is slow to answer one holds up few others.
const MESSAGES_AT_ONCE: usize = 16;

/// What one [`Ticketing::tick`] did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct TickReport {
    /// Holds expired.
    pub expired: u64,
    /// Visitors admitted.
    pub admitted: u64,
    /// Messages delivered.
    pub delivered: u64,
    /// Callbacks matched.
    pub matched: u64,
}

/// The tasks of one engine, and how to stop them.
#[derive(Debug)]
pub(super) struct Workers {
    stop: watch::Sender<bool>,
    running: watch::Sender<usize>,
    outbox: Arc<Notify>,
}

impl Workers {
    pub(super) fn new() -> Self {
        Self { stop: watch::Sender::new(false), running: watch::Sender::new(0), outbox: Arc::new(Notify::new()) }
    }

    pub(super) fn wake_outbox(&self) {
        self.outbox.notify_one();
    }

    pub(super) async fn stop(&self) {
        self.stop.send_replace(true);
        // The sender lives as long as `self`, so this only ends when every task has.
        let _ = self.running.subscribe().wait_for(|running| *running == 0).await;
    }
}

/// What lies at the bottom of an error, where that is not the error itself.
fn root(error: &dyn Error) -> Option<String> {
    let mut root = error.source()?;
    while let Some(deeper) = root.source() {
        root = deeper;
    }
    Some(root.to_string())
}

/// A worker at work. However it ends, it counts no more.
struct Running(Ticketing);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.inner.workers.running.send_modify(|running| *running -= 1);
    }
}

#[derive(Debug, Clone, Copy)]
enum Job {
    Sweep,
    Admit,
    Deliver,
    Match,
}

impl Job {
    const ALL: [Self; 4] = [Self::Sweep, Self::Admit, Self::Deliver, Self::Match];

    const fn every(self) -> Duration {
        match self {
            Self::Sweep => SWEEP_EVERY,
            Self::Admit => ADMIT_EVERY,
            Self::Deliver => OUTBOX_EVERY,
            Self::Match => MATCH_EVERY,
        }
    }
}

impl Ticketing {
    /// Starts the housekeeping as tasks of this engine. [`Ticketing::shutdown`] stops them.
    pub fn start_workers(&self) {
        for job in Job::ALL {
            self.inner.workers.running.send_modify(|running| *running += 1);
            let running = Running(self.clone());
            self.inner.spawn.spawn(Box::pin(async move { running.0.work(job).await }));
        }
    }

    /// Does one round of all housekeeping, for those who run the engine without its tasks.
    ///
    /// # Errors
    /// The first error of the store or the engine; what was done until then stands.
    pub async fn tick(&self) -> Result<TickReport, EngineError<Never>> {
        Ok(TickReport {
            expired: self.sweep().await?,
            admitted: self.admit().await?,
            matched: self.match_callbacks().await?,
            delivered: self.deliver().await?,
        })
    }

    async fn work(&self, job: Job) {
        let mut stop = self.inner.workers.stop.subscribe();
        let mut failed_times = 0_u32;
        loop {
            let done = match job {
                Job::Sweep => self.sweep().await,
                Job::Admit => self.admit().await,
                Job::Deliver => self.deliver().await,
                Job::Match => self.match_callbacks().await,
            };
            match done {
                Ok(_) if failed_times > 0 => {
                    tracing::info!(?job, failed_times, "housekeeping goes on");
                    failed_times = 0;
                }
                Ok(_) => {}
                Err(error) => {
                    failed_times = failed_times.saturating_add(1);
                    // The first time, and ever more seldom: a store that is away stays away for many rounds.
                    if failed_times.is_power_of_two() {
                        let cause = root(&error).map(tracing::field::display);
                        tracing::warn!(?job, failed_times, %error, cause, "housekeeping failed; it will be tried again");
                    }
                }
            }
            let woken = async {
                match job {
                    Job::Deliver => self.inner.workers.outbox.notified().await,
                    Job::Sweep | Job::Admit | Job::Match => std::future::pending().await,
                }
            };
            let stopped = stop.wait_for(|stop| *stop);
            let (stopped, woken) = (pin!(stopped), pin!(woken));
            let pause = tokio::time::timeout(job.every(), select(stopped, woken)).await;
            if matches!(pause, Ok(Either::Left(_))) {
                return;
            }
        }
    }

    async fn sweep(&self) -> Result<u64, EngineError<Never>> {
        let now = self.queries().now().await?;
        let mut round = Round::default();
        let sessions = self.queries().sessions_to_sweep(now, ROUND_LEN).await?;
        for together in sessions.chunks(SESSIONS_AT_ONCE) {
            let swept = join_all(together.iter().map(|session_id| self.sweep_session(*session_id))).await;
            swept.into_iter().for_each(|swept| round.note(swept));
        }
        metrics::counter!("ticketing_hold_expired_total").increment(round.done);
        round.end()
    }

    async fn sweep_session(&self, session_id: SessionId) -> Result<u64, EngineError<Never>> {
        let mut expired = 0;
        loop {
            let swept = self.ask(ExpireHolds { session_id }).await?;
            expired += u64::from(swept.expired);
            if !swept.more {
                return Ok(expired);
            }
        }
    }

    async fn admit(&self) -> Result<u64, EngineError<Never>> {
        let (mut round, mut after) = (Round::default(), None);
        // Of rooms that are kept apart, the ledger may not know the latest.
        let lively = self.inner.apart.as_ref().map(Rooms::lively).unwrap_or_default();
        self.admit_together(&lively.iter().copied().collect::<Vec<_>>(), &mut round).await;
        loop {
            let sessions = self.queries().sessions_to_admit(after, ROUND_LEN).await?;
            let others: Vec<_> = sessions.iter().copied().filter(|session_id| !lively.contains(session_id)).collect();
            self.admit_together(&others, &mut round).await;
            after = sessions.last().copied();
            if sessions.len() < ROUND_LEN as usize {
                metrics::counter!("ticketing_queue_allowed_total").increment(round.done);
                return round.end();
            }
        }
    }

    async fn admit_together(&self, sessions: &[SessionId], round: &mut Round) {
        for together in sessions.chunks(SESSIONS_AT_ONCE) {
            let admitted = join_all(together.iter().map(|session_id| self.admit_session(*session_id))).await;
            admitted.into_iter().for_each(|admitted| round.note(admitted));
        }
    }

    async fn admit_session(&self, session_id: SessionId) -> Result<u64, EngineError<Never>> {
        if let Some(rooms) = &self.inner.apart {
            return self.admit_apart(rooms, session_id).await;
        }
        let mut admitted = 0;
        loop {
            let advanced = self.ask(AdvanceQueue { session_id }).await?;
            admitted += advanced.admitted;
            if !advanced.more {
                return Ok(admitted);
            }
        }
    }

    async fn match_callbacks(&self) -> Result<u64, EngineError<Never>> {
        let mut round = Round::default();
        for found in self.queries().callbacks_to_match(None, ROUND_LEN).await? {
            round.note(self.match_callback(found.link, found.callback.report).await.map(|()| 1));
        }
        round.end()
    }

    async fn deliver(&self) -> Result<u64, EngineError<Never>> {
        let now = self.queries().now().await?;
        let mut round = Round::default();
        for together in self.queries().outbox_due(now, ROUND_LEN).await?.chunks(MESSAGES_AT_ONCE) {
            let delivered = join_all(together.iter().map(|due| self.deliver_one(due))).await;
            delivered.into_iter().for_each(|delivered| round.note(delivered));
        }
        round.end()
    }

    async fn deliver_one(&self, due: &OutboxMessage) -> Result<u64, EngineError<Never>> {
        let lease = LeaseOutbox { session_id: due.session_id, outbox_id: due.id, seen_attempts: due.attempts };
        match self.ask(lease).await? {
            Some(message) => self.refund(message).await.map(u64::from),
            None => Ok(0),
        }
    }

    /// Gives one payment back; tells whether that succeeded.
    async fn refund(&self, message: OutboxMessage) -> Result<bool, EngineError<Never>> {
        let payment = self.queries().payment(message.payment_id).await?;
        let corrupt = || StoreError::corrupt(format_args!("{} refunds a payment that is not there", message.id));
        let payment = payment.ok_or_else(corrupt)?;
        let mut amount = payment.amount;
        if is_planted(Planted::RefundOfOneTicket)
            && let Some(view) = self.queries().session(message.session_id).await?
        {
            amount = view.session.price;
        }
        let result = match &payment.gateway {
            Some(gateway) => {
                let (key, pg_payment_id) = (key_of_attempt(&message), gateway.pg_payment_id.clone());
                in_time(self.inner.gateway.refund(Refund { key, pg_payment_id, amount })).await
            }
            None => Err(GatewayError::Unavailable("the payment's name at the gateway is not recorded".to_owned())),
        };
        let delivered = result.is_ok();
        if delivered {
            metrics::counter!("ticketing_refund_completed_total").increment(1);
        } else {
            metrics::counter!("ticketing_refund_failed_total").increment(1);
        }
        let complete = CompleteOutbox {
            session_id: message.session_id,
            outbox_id: message.id,
            payment_id: payment.id,
            order_id: payment.order_id,
            result: result.map_err(|error| error.to_string()),
        };
        match self.inner.batcher.ask(complete).await? {
            Ok(_) => Ok(delivered),
            Err(refusal) => Err(StoreError::corrupt(refusal).into()),
        }
    }
}

/// One round over many items: one that fails does not keep the others from their turn.
#[derive(Debug, Default)]
struct Round {
    done: u64,
    first_error: Option<EngineError<Never>>,
}

impl Round {
    fn note(&mut self, item: Result<u64, EngineError<Never>>) {
        match item {
            Ok(done) => self.done += done,
            Err(error) => self.first_error = self.first_error.take().or(Some(error)),
        }
    }

    fn end(self) -> Result<u64, EngineError<Never>> {
        self.first_error.map_or(Ok(self.done), Err)
    }
}
