//! What a server does besides answering: again and again, whatever becomes of one round.

use std::{collections::HashSet, future::Future, panic::AssertUnwindSafe, time::Duration};

use fastrand::Rng;
use futures_util::FutureExt;
use ticketing_core::{
    audit::{Actor, Caller},
    clock::Timestamp,
    engine::ReconcileReport,
    payment::GatewayPaymentId,
};
use tokio::{task::JoinHandle, time::sleep};

use crate::{error::panic_message, state::App};

/// Time between two rounds of forgetting what is no longer needed.
const UPKEEP_EVERY: Duration = Duration::from_secs(2);
/// Pause before what has panicked starts again.
const RESTART_AFTER: Duration = Duration::from_secs(1);
/// A server that has just started does not know when the gateway was last asked: it asks about so much of
/// the past.
const FIRST_LOOK_BACK_SECONDS: u32 = 86_400;
/// What was captured shortly before the gateway was last asked is asked for again: its clock is not ours, and
/// its list may lag behind.
const OVERLAP_SECONDS: u32 = 3_600;
/// Servers that start together ask the gateway one after the other, within so much time.
const FIRST_WITHIN: Duration = Duration::from_secs(60);
/// By how much of its length the time between two askings varies.
const VARIES_BY: f64 = 0.1;

/// The tasks of one server, which end with it.
#[derive(Debug)]
pub(crate) struct Tasks(Vec<JoinHandle<()>>);

impl Tasks {
    /// Starts them.
    pub(crate) fn start(app: &App) -> Self {
        let for_upkeep = app.clone();
        let mut tasks = vec![tokio::spawn(kept_up("upkeep", move || upkeep(for_upkeep.clone())))];
        if app.config.payments.reconcile_every_seconds > 0 {
            let app = app.clone();
            tasks.push(tokio::spawn(kept_up("reconciliation", move || Reconciling::new(app.clone()).run())));
        }
        Self(tasks)
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// Has `work` done, and begun again when it panics: a defect that shows in one round is not the end of all.
async fn kept_up<F: Future<Output = ()>>(name: &'static str, work: impl Fn() -> F) {
    while let Err(panic) = AssertUnwindSafe(async { work().await }).catch_unwind().await {
        tracing::error!(task = name, cause = panic_message(&*panic), "a task panicked; it starts again");
        sleep(RESTART_AFTER).await;
    }
}

async fn upkeep(app: App) {
    let mut every = tokio::time::interval(UPKEEP_EVERY);
    loop {
        every.tick().await;
        app.limits.clean();
        app.capacity.tell();
        app.metrics.upkeep();
    }
}

/// Asks the gateway again and again what it captured: of a callback that never came, nobody else tells.
struct Reconciling {
    app: App,
    /// When it was last asked and answered to the end.
    last: Option<Timestamp>,
    /// What it named then that nothing can be done about.
    known: HashSet<GatewayPaymentId>,
    rng: Rng,
}

impl Reconciling {
    fn new(app: App) -> Self {
        let mut seed = [0; 8];
        // Without it, servers ask at the same time.
        let _ = getrandom::fill(&mut seed);
        Self { app, last: None, known: HashSet::new(), rng: Rng::with_seed(u64::from_le_bytes(seed)) }
    }

    async fn run(mut self) {
        let period = Duration::from_secs(self.app.config.payments.reconcile_every_seconds.into());
        sleep(period.min(FIRST_WITHIN).mul_f64(self.rng.f64())).await;
        loop {
            self.ask().await;
            sleep(period.mul_f64(1.0 + VARIES_BY * (2.0 * self.rng.f64() - 1.0))).await;
        }
    }

    async fn ask(&mut self) {
        let now = self.app.clock.now();
        match self.app.ticketing.reconcile(Caller::of(Actor::Engine), since(self.last, now)).await {
            Ok(report) => {
                self.last = Some(now);
                if is_news(&report, &mut self.known) {
                    tracing::warn!(?report, "the gateway had captured what the ledger did not know");
                }
            }
            Err(error) => tracing::warn!(%error, "the gateway could not be asked what it captured"),
        }
    }
}

/// About what time on to ask at `now`, when the gateway last answered at `last`.
fn since(last: Option<Timestamp>, now: Timestamp) -> Timestamp {
    last.map_or(now.minus_seconds(FIRST_LOOK_BACK_SECONDS), |last| last.minus_seconds(OVERLAP_SECONDS))
}

/// Whether a report tells what the one before it did not: payments that it sold or gave back, or such as are
/// not among those `known` from before. From now on, its own are.
fn is_news(report: &ReconcileReport, known: &mut HashSet<GatewayPaymentId>) -> bool {
    let named: HashSet<_> = report.unmatched_payments.iter().chain(&report.contradicted_payments).cloned().collect();
    let is_news = report.sold + report.refunded > 0 || !named.is_subset(known);
    *known = named;
    is_news
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_starts_again() {
        let rounds = AtomicU32::new(0);
        kept_up("a test's", || async {
            assert!(rounds.fetch_add(1, Ordering::Relaxed) > 0, "the first round has a defect");
        })
        .await;
        assert_eq!(rounds.into_inner(), 2);
    }

    #[test]
    fn the_gateway_is_asked_about_all_the_time_since_it_last_answered() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        assert_eq!(since(None, at(1_000_000)), at(1_000_000 - 86_400));
        // Five hours without an answer are five hours to ask about, and some overlap.
        assert_eq!(since(Some(at(1_000_000)), at(1_018_000)), at(996_400));
    }

    #[test]
    fn what_was_told_at_the_last_asking_is_told_once() {
        let name = |text: &str| text.parse::<GatewayPaymentId>().unwrap();
        let unmatched = |names: &[&str]| ReconcileReport {
            unmatched: names.len() as u64,
            unmatched_payments: names.iter().map(|text| name(text)).collect(),
            ..ReconcileReport::default()
        };
        let mut known = HashSet::new();
        let mut check = |report: ReconcileReport, expected| assert_eq!(is_news(&report, &mut known), expected);
        check(ReconcileReport::default(), false);
        check(unmatched(&["a"]), true);
        check(unmatched(&["a"]), false);
        check(unmatched(&["a", "b"]), true);
        check(unmatched(&["b"]), false);
        check(ReconcileReport { sold: 1, ..unmatched(&["b"]) }, true);
    }
}
