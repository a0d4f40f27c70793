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

/// How often the organiser looks whether anybody holds anything.
const LOOKS_FOR_A_HOLD: u32 = 8;

/// Does one chore.
pub async fn chore(scene: Scene, mut random: Rng, chore: Chore) {
    match chore {
        Chore::SetTotal { sale, total } => {
            let patch = SessionPatch { total_stock: Some(total), ..SessionPatch::default() };
            change(&scene, &mut random, sale, Ask::SetTotal(total), patch, ATTEMPTS).await;
        }
        Chore::CutTotal { sale, total } => {
            until_some_hold_is_over(&scene, &mut random, sale).await;
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
            open(&scene, &mut random, sale).await;
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

/// Opens a sale, until it is heard: one that stays halted would end the run.
pub async fn open(scene: &Scene, random: &mut Rng, sale: usize) {
    let patch = SessionPatch { status: Some(SaleStatus::Open), ..SessionPatch::default() };
    change(scene, random, sale, Ask::SetOpen(true), patch, u32::MAX).await;
}

/// Waits for a hold of `sale`, and until it has just run out.
async fn until_some_hold_is_over(scene: &Scene, random: &mut Rng, sale: usize) {
    for _ in 0..LOOKS_FOR_A_HOLD {
        let now = scene.now();
        let ends = scene.recorder.all().into_iter().filter(|op| op.sale == sale).filter_map(|op| match op.answer {
            Answer::Held { expires, .. } if expires > now => Some(expires),
            _ => None,
        });
        if let Some(end) = ends.min() {
            let left = u64::try_from(end - now).unwrap_or(0);
            return sleep(Duration::from_micros(left) + Duration::from_millis(random.u64(0..1_500))).await;
        }
        sleep(Duration::from_secs(4)).await;
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
    let node = match mishap {
        Mishap::StoreDown { .. } => None,
        Mishap::Crash { node, .. } | Mishap::Pause { node, .. } | Mishap::Jump { node, .. } => Some(node),
    };
    // Nothing happens to a node that is down.
    if node.is_some_and(|node| !scene.nodes.is_up(node)) || !scene.faults.planned(mishap.fault()) {
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
