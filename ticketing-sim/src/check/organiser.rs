//! Whoever runs the sale, and what happens to the machines meanwhile.

use std::time::Duration;

use fastrand::Rng;
use ticketing_core::{
    Ticketing,
    audit::{Actor, Caller},
    command::{Refunded, ReleaseBy, SessionPatch},
    money::{Currency, Money},
    session::{SaleStatus, Session},
};
use tokio::time::sleep;

use super::{
    buyer,
    history::{Answer, Ask, Who},
    plan::{Chore, Mishap},
    scene::Scene,
    sim::store::DistantKv,
};

/// The organiser's own name in the audit log.
pub const OPERATOR: Caller = Caller::of(Actor::Operator);
/// How often something that was not answered is tried again.
const ATTEMPTS: u32 = 5;

/// Does one chore.
pub async fn chore(scene: Scene, mut random: Rng, chore: Chore) {
    match chore {
        Chore::SetTotal { sale, total } => {
            let patch = SessionPatch { total_stock: Some(total), ..SessionPatch::default() };
            change(&scene, &mut random, sale, Ask::SetTotal(total), patch, ATTEMPTS).await;
        }
        Chore::SetLimit { sale, limit } => {
            let patch = SessionPatch { max_per_user: u32::try_from(limit).ok(), ..SessionPatch::default() };
            change(&scene, &mut random, sale, Ask::SetLimit(limit), patch, ATTEMPTS).await;
        }
        Chore::SetPrice { sale, price } => {
            let patch = SessionPatch { price: Some(Money::new(price, Currency::KRW)), ..SessionPatch::default() };
            change(&scene, &mut random, sale, Ask::SetPrice(price), patch, ATTEMPTS).await;
        }
        Chore::Halt { sale, millis } => {
            let status = |status| SessionPatch { status: Some(status), ..SessionPatch::default() };
            change(&scene, &mut random, sale, Ask::SetOpen(false), status(SaleStatus::Paused), ATTEMPTS).await;
            sleep(Duration::from_millis(millis)).await;
            // Until it is heard: a sale that stays halted would end the run.
            change(&scene, &mut random, sale, Ask::SetOpen(true), status(SaleStatus::Open), u32::MAX).await;
        }
        Chore::Clear { sale } => {
            let session = scene.sessions[sale];
            let question = move |engine: Ticketing| async move { engine.clear_queue(OPERATOR, session).await };
            scene.ask(&mut random, Who::Organiser, sale, Ask::Clear, question, |_| Answer::Done).await;
        }
        Chore::ReleaseSomebody => {
            let known = scene.known().holds.clone();
            let Some((sale, _, hold)) = random.choice(known) else { return };
            let by = ReleaseBy::Administrator;
            let question = move |engine: Ticketing| async move { engine.release(OPERATOR, hold, by).await };
            scene.ask(&mut random, Who::Organiser, sale, Ask::Release { hold }, question, buyer::ended).await;
        }
        Chore::RefundSomebody => {
            let known = scene.known().orders.clone();
            let Some((sale, order)) = random.choice(known) else { return };
            for _ in 0..ATTEMPTS {
                let question = move |engine: Ticketing| async move { engine.refund_order(OPERATOR, order).await };
                let read = |_: Refunded| Answer::Refunded;
                let answer = scene.ask(&mut random, Who::Organiser, sale, Ask::Refund { order }, question, read).await;
                if !again(&answer) {
                    return;
                }
                sleep(Duration::from_millis(random.u64(0..2_000))).await;
            }
        }
        Chore::ScanSomebody => {
            let known = scene.known().orders.clone();
            let Some((sale, order)) = random.choice(known) else { return };
            let nonce = format!("door-{}", random.u32(0..3));
            buyer::scan(&scene, &mut random, sale, order, &nonce).await;
        }
    }
}

async fn change(scene: &Scene, random: &mut Rng, sale: usize, ask: Ask, patch: SessionPatch, attempts: u32) {
    let session = scene.sessions[sale];
    for _ in 0..attempts {
        let patch = patch.clone();
        let question = move |engine: Ticketing| async move { engine.update_session(OPERATOR, session, patch).await };
        let read = |_: Session| Answer::Done;
        if !again(&scene.ask(random, Who::Organiser, sale, ask.clone(), question, read).await) {
            return;
        }
        sleep(Duration::from_millis(random.u64(0..2_000))).await;
    }
}

fn again(answer: &Answer) -> bool {
    matches!(answer, Answer::Unknown | Answer::Failed(_))
}

/// Lets one thing happen to a machine, and pass.
pub async fn mishap(scene: Scene, store: DistantKv, mishap: Mishap) {
    if !scene.faults.planned(mishap.fault()) {
        return;
    }
    match mishap {
        Mishap::StoreDown { millis } => {
            scene.trace.fault(format_args!("the store goes down for {millis} ms"));
            store.set_down(true);
            sleep(Duration::from_millis(millis)).await;
            store.set_down(false);
            scene.trace.fault("the store is back, with everything that was committed");
        }
        Mishap::Crash { node, millis } => {
            scene.nodes.kill(node);
            sleep(Duration::from_millis(millis)).await;
            scene.trace.note(format_args!("node {node} starts"));
            scene.nodes.start(node);
        }
        Mishap::Pause { node, millis } => scene.nodes.pause(node, Duration::from_millis(millis)).await,
        Mishap::Jump { node, millis } => scene.nodes.jump(node, millis),
    }
}
