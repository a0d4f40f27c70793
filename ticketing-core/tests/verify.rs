//! The checker is checked: every invariant that `verify` looks at is broken once and found.

use std::sync::Arc;

use ticketing_core::{
    audit::AuditKey,
    engine::RedeemRequest,
    hold::{Hold, HoldStatus},
    money::Money,
    order::OrderStatus,
    outbox::OutboxStatus,
    payment::PaymentStatus,
    seat::SeatStatus,
    store::{Ledger, memory::MemoryStore},
    testing::{Harness, SimClock, harness},
    ticket::{ScanNonce, TicketStatus},
    verify::check_session,
};

/// One session with a bit of everything: bought, declined, refunded, expired, released and live.
async fn ledger(seated: bool) -> (Harness, Ledger) {
    let clock = Arc::new(SimClock::new());
    let harness = Harness::over(Arc::new(MemoryStore::new(Arc::clone(&clock) as _)), clock).await;
    if seated {
        harness.seated(&["A1", "A2", "A3"]).await;
        let held = harness.hold_seats(harness::buyer(1), "k", &["A1", "A2"]).await.unwrap();
        let open = harness.checkout(harness::buyer(1), held.hold.id).await.unwrap();
        harness.pay(&open).await;
        harness.hold_seats(harness::buyer(2), "k", &["A3"]).await.unwrap();
    } else {
        harness.session(10).await;
        harness.buy(harness::buyer(1), "k", 2).await;
        let declined = harness.held_and_checked_out(harness::buyer(2), "k", 1).await;
        harness.decline(&declined).await;
        harness.pay(&declined).await;
        harness.tick().await;
        harness.hold(harness::buyer(3), "k", 1).await.unwrap();
        harness.advance(200);
        harness.tick().await;
        harness.hold(harness::buyer(4), "k", 2).await.unwrap();
        let pending = harness.held_and_checked_out(harness::buyer(5), "k", 1).await;
        harness.decline(&pending).await;
        harness.pay(&pending).await;
    }
    let ledger = harness.engine.queries().ledger(harness.session_id()).await.unwrap().unwrap();
    (harness, ledger)
}

fn audit_key() -> AuditKey {
    harness::keys().audit
}

#[track_caller]
fn check(harness: &Harness, ledger: &Ledger, expected: &[&str]) {
    let mut found: Vec<_> =
        check_session(ledger, &audit_key(), harness.now()).into_iter().map(|violation| violation.invariant).collect();
    found.sort_unstable();
    found.dedup();
    for invariant in expected {
        assert!(found.contains(invariant), "{invariant} was not found broken, only {found:?}");
    }
    if expected.is_empty() {
        assert!(found.is_empty(), "{found:?}");
    }
}

fn hold(ledger: &mut Ledger, status: HoldStatus) -> &mut Hold {
    ledger.holds.iter_mut().find(|hold| hold.status == status).unwrap()
}

#[tokio::test]
async fn a_session_nobody_tampered_with_is_clean() {
    for seated in [false, true] {
        let (harness, ledger) = ledger(seated).await;
        check(&harness, &ledger, &[]);
    }
}

#[tokio::test]
async fn every_broken_invariant_of_a_quantity_session_is_found() {
    let (harness, sound) = ledger(false).await;
    let broken = |change: &dyn Fn(&mut Ledger), expected: &[&str]| {
        let mut ledger = sound.clone();
        change(&mut ledger);
        check(&harness, &ledger, expected);
    };
    broken(&|l| l.session.stock.available += 1, &["I1"]);
    broken(
        &|l| {
            (l.session.stock.available, l.session.stock.held) =
                (l.session.stock.available - 1, l.session.stock.held + 1)
        },
        &["I1"],
    );
    broken(
        &|l| {
            (l.session.stock.available, l.session.stock.sold) =
                (l.session.stock.available + 1, l.session.stock.sold - 1)
        },
        &["I1"],
    );
    broken(&|l| hold(l, HoldStatus::Confirmed).status = HoldStatus::Expired, &["I1", "I3"]);
    broken(&|l| hold(l, HoldStatus::Confirmed).order_id = None, &["I3"]);
    broken(&|l| l.orders[1].hold_id = l.orders[0].hold_id, &["I3"]);
    broken(&|l| l.payments[1].order_id = l.payments[0].order_id, &["I4"]);
    broken(&|l| l.payments[1].gateway = l.payments[0].gateway.clone(), &["I4"]);
    broken(&|l| l.payments[0].amount = Money::new(1, l.payments[0].amount.currency), &["I4"]);
    broken(&|l| drop(l.tickets.pop()), &["I5"]);
    broken(&|l| l.tickets[0].id = l.tickets[1].id, &["I5"]);
    broken(&|l| l.tickets[0].status = TicketStatus::Revoked, &["I5"]);
    broken(&|l| paid(l).status = PaymentStatus::Pending, &["I6"]);
    broken(&|l| l.orders.iter_mut().for_each(|order| order.status = OrderStatus::Cancelled), &["I3", "I5", "I6"]);
    broken(&|l| l.callbacks.iter_mut().for_each(|kept| kept.payment_id = None), &["I6"]);
    broken(&|l| (l.holds[1].user_id, l.holds[1].key) = (l.holds[0].user_id, l.holds[0].key.clone()), &["I7"]);
    broken(&|l| twin(l), &["I12"]);
    broken(&|l| drop(l.audit.pop()), &["I14"]);
    broken(&|l| l.audit[1].meta.push(' '), &["I14"]);
    broken(&|l| hold(l, HoldStatus::Released).status = HoldStatus::Expired, &["I14"]);
    broken(&|l| l.outbox[0].key.push('2'), &["I15"]);
    broken(&|l| drop(l.outbox.pop()), &["I15"]);
    broken(&|l| l.outbox.push(l.outbox[0].clone()), &["I15"]);
    broken(&|l| l.outbox.iter_mut().for_each(|message| message.status = OutboxStatus::Pending), &["I15"]);
}

#[tokio::test]
async fn every_broken_invariant_of_a_seated_session_is_found() {
    let (harness, sound) = ledger(true).await;
    let broken = |change: &dyn Fn(&mut Ledger), expected: &[&str]| {
        let mut ledger = sound.clone();
        change(&mut ledger);
        check(&harness, &ledger, expected);
    };
    broken(&|l| l.seats[0].status = SeatStatus::Available, &["I2"]);
    broken(&|l| l.seats[0].hold_id = l.seats[2].hold_id, &["I2"]);
    broken(&|l| drop(l.seats.pop()), &["I1", "I2"]);
    broken(&|l| l.holds[1].wanted = l.holds[0].wanted.clone(), &["I2"]);
}

/// A session in which one ticket was used and one order given back.
async fn after_the_doors() -> (Harness, Ledger) {
    let clock = Arc::new(SimClock::new());
    let harness = Harness::over(Arc::new(MemoryStore::new(Arc::clone(&clock) as _)), clock).await;
    harness.session(10).await;
    harness.buy(harness::buyer(1), "k", 2).await;
    let given_back = harness.buy(harness::buyer(2), "k", 1).await;
    harness.engine.refund_order(harness::OPERATOR, given_back.order.id).await.unwrap();
    harness.tick().await;
    let ticket = harness.tickets(harness::buyer(1)).await.remove(0);
    let (caller, code) = (harness::OPERATOR, harness.engine.ticket_code(&ticket));
    let nonce = ScanNonce::try_from("gate-1".to_owned()).unwrap();
    harness.engine.redeem(RedeemRequest { caller, code, nonce, session_id: None }).await.unwrap();
    let ledger = harness.engine.queries().ledger(harness.session_id()).await.unwrap().unwrap();
    (harness, ledger)
}

#[tokio::test]
async fn every_broken_invariant_behind_the_doors_is_found() {
    let (harness, sound) = after_the_doors().await;
    check(&harness, &sound, &[]);
    let broken = |change: &dyn Fn(&mut Ledger), expected: &[&str]| {
        let mut ledger = sound.clone();
        change(&mut ledger);
        check(&harness, &ledger, expected);
    };
    let used = |l: &mut Ledger| l.tickets.iter().position(|ticket| ticket.status == TicketStatus::Used).unwrap();
    let refunded = |l: &mut Ledger| l.holds.iter().position(|hold| hold.refunded_at.is_some()).unwrap();
    broken(
        &|l| {
            let n = used(l);
            l.tickets[n].redemption = None
        },
        &["I5"],
    );
    broken(
        &|l| {
            let n = used(l);
            l.tickets[n].status = TicketStatus::Valid
        },
        &["I5", "I14"],
    );
    broken(
        &|l| {
            let n = used(l);
            l.tickets[n].status = TicketStatus::Revoked
        },
        &["I5"],
    );
    broken(
        &|l| {
            let n = refunded(l);
            l.holds[n].refunded_at = None
        },
        &["I3"],
    );
    broken(&|l| l.holds.iter_mut().for_each(|hold| hold.refunded_at = Some(hold.expires_at)), &["I3"]);
    broken(&|l| l.orders.iter_mut().for_each(|order| order.status = OrderStatus::Paid), &["I1", "I3", "I5", "I6"]);
    broken(&|l| l.payments.iter_mut().for_each(|payment| payment.status = PaymentStatus::Succeeded), &["I6", "I14"]);
    broken(
        &|l| {
            l.tickets
                .iter_mut()
                .filter(|t| t.status == TicketStatus::Revoked)
                .for_each(|t| t.status = TicketStatus::Valid)
        },
        &["I5"],
    );
}

fn paid(ledger: &mut Ledger) -> &mut ticketing_core::payment::Payment {
    ledger.payments.iter_mut().find(|payment| payment.status == PaymentStatus::Succeeded).unwrap()
}

/// A second live hold of the one who has one.
fn twin(ledger: &mut Ledger) {
    let live = hold(ledger, HoldStatus::Active).clone();
    ledger.holds.push(Hold { key: "another".parse().unwrap(), ..live });
}
