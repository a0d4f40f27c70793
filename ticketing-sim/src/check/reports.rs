//! What the gateway reports, until it is heard: late, several times, in whatever order.

use std::{sync::atomic::Ordering, time::Duration};

use fastrand::Rng;
use ticketing_core::{
    Ticketing,
    audit::{Actor, Caller},
    command::Settlement,
    engine::CallbackOutcome,
};
use tokio::time::sleep;

use super::{
    history::{Answer, Ask, Settled, Who},
    scene::Scene,
    sim::{bank::report, executor::Owner, faults::Fault},
};

/// The money was taken.
pub fn captured(scene: &Scene, random: &mut Rng, sale: usize, payment: &str, amount: i64, in_full: bool) {
    if scene.faults.strikes(Fault::CallbackForeign) {
        scene.trace.fault("the gateway reports a payment of nobody");
        let nobody = format!("pg_nobody_{}", random.u32(..));
        deliver(scene, random, sale, Report { payment: nobody, amount: Some(1_000), in_full: true }, 3_000);
    }
    let late = scene.faults.strikes(Fault::CallbackLate);
    let within = if late { 3_900_000 } else { 2_500 };
    if late {
        scene.trace.fault(format_args!("the report of {payment} comes up to an hour late"));
    }
    if scene.faults.strikes(Fault::CallbackContradicted) {
        scene.trace.fault(format_args!("the gateway says of {payment} that it was declined, too"));
        deliver(scene, random, sale, Report { payment: payment.to_owned(), amount: None, in_full: false }, within);
    }
    let paid = Report { payment: payment.to_owned(), amount: Some(amount), in_full };
    if scene.faults.strikes(Fault::CallbackCopied) {
        let copies = random.u32(1..5);
        scene.trace.fault(format_args!("the report of {payment} comes {copies} times more"));
        let spread = if random.bool() { 40 } else { 20_000 };
        for _ in 0..copies {
            deliver(scene, random, sale, paid.clone(), within + spread);
        }
    }
    deliver(scene, random, sale, paid, within);
}

/// The money was not taken.
pub fn declined(scene: &Scene, random: &mut Rng, sale: usize, payment: &str) {
    if scene.bank.books().get(payment).is_some_and(|account| account.captured.is_none()) {
        deliver(scene, random, sale, Report { payment: payment.to_owned(), amount: None, in_full: false }, 2_500);
    }
}

/// One report.
#[derive(Debug, Clone)]
struct Report {
    payment: String,
    amount: Option<i64>,
    in_full: bool,
}

/// Sends a report within `within` milliseconds, and again until it is taken.
fn deliver(scene: &Scene, random: &mut Rng, sale: usize, told: Report, within: u64) {
    let mut random = Rng::with_seed(random.u64(..));
    let scene = scene.clone();
    scene.undelivered.fetch_add(1, Ordering::Relaxed);
    let executor = scene.executor.clone();
    executor.spawn(Owner::World, async move {
        sleep(Duration::from_millis(random.u64(within / 2..within))).await;
        let mut pause = 500;
        while !heard(&scene, &mut random, sale, &told).await {
            sleep(Duration::from_millis(random.u64(pause / 2..pause))).await;
            pause = (pause * 2).min(60_000);
        }
        scene.undelivered.fetch_sub(1, Ordering::Relaxed);
    });
}

async fn heard(scene: &Scene, random: &mut Rng, sale: usize, told: &Report) -> bool {
    let Some(report) = report(&told.payment, told.amount) else { return true };
    let ask = Ask::Callback { payment: told.payment.clone(), paid: told.amount.is_some(), in_full: told.in_full };
    let question = |engine: Ticketing| async move { engine.payment_callback(Caller::of(Actor::Gateway), report).await };
    let answer = scene.ask(random, Who::Gateway, sale, ask, question, read).await;
    matches!(answer, Answer::Settled(_) | Answer::Unmatched)
}

fn read(outcome: CallbackOutcome) -> Answer {
    match outcome {
        CallbackOutcome::Unmatched => Answer::Unmatched,
        CallbackOutcome::Settled(settlement) => Answer::Settled(match settlement {
            Settlement::Sold => Settled::Sold,
            Settlement::Declined => Settled::Declined,
            Settlement::RefundRequested(reason) => Settled::Refund(reason.as_str()),
            Settlement::Duplicate => Settled::Duplicate,
            Settlement::Contradicted => Settled::Contradicted,
        }),
    }
}
