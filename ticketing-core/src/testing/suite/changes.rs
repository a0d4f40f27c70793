//! What changed since, and who did what: lists that are walked.

use std::collections::BTreeMap;

use crate::{
    audit::{Action, Actor, AuditRecord},
    engine::NewUser,
    order::OrderStatus,
    seat::{SeatId, SeatStatus},
    store::{OrderFilter, PageRequest},
    testing::{
        Harness,
        harness::{ALICE, BOB, OPERATOR, buyer},
        records::new_seat,
    },
    user::{Role, password::PasswordHash},
};

/// The map as a client has it that puts what it is told over what it has.
#[derive(Debug, Default)]
struct Client {
    version: Option<u64>,
    map: BTreeMap<SeatId, SeatStatus>,
}

impl Client {
    async fn poll(&mut self, h: &Harness) {
        let (session, changed) = h.store.seats(h.session_id(), self.version).await.unwrap().unwrap();
        self.version = Some(session.version);
        self.map.extend(changed.into_iter().map(|seat| (seat.id, seat.status)));
    }

    async fn check(&self, h: &Harness, when: &str) {
        let (_, all) = h.store.seats(h.session_id(), None).await.unwrap().unwrap();
        let all: BTreeMap<_, _> = all.into_iter().map(|seat| (seat.id, seat.status)).collect();
        assert_eq!(self.map, all, "{when}");
    }
}

pub async fn a_map_kept_up_by_what_changed_is_the_whole_map(h: Harness) {
    let labels = ["A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8"];
    h.seated(&labels).await;
    let (mut eager, mut lazy) = (Client::default(), Client::default());
    let mut draws = 0x9e37_79b9_u32;
    let mut paid = Vec::new();
    for step in 0..200_u32 {
        draws = draws.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (n, user) = ((draws >> 8) as usize, buyer(draws >> 20 & 7));
        let wanted = [labels[n % 8], labels[(n + 3) % 8]];
        match draws >> 28 {
            0..=7 => drop(h.hold_seats(user, &format!("k{step}"), &wanted).await),
            8..=10 => {
                if let Ok(placed) = h.hold_seats(user, &format!("k{step}"), &wanted[..1]).await {
                    let open = h.checkout(user, placed.hold.id).await.unwrap();
                    h.pay(&open).await;
                    paid.push(open.order.id);
                }
            }
            11 => h.advance(70),
            12 => drop(h.tick().await),
            13 => {
                if let Some(order) = paid.pop() {
                    h.engine.refund_order(OPERATOR, order).await.unwrap();
                }
            }
            14 => {
                let seats = vec![new_seat(&format!("B{step}"), i64::from(step))];
                h.engine.import_seats(OPERATOR, h.session_id(), seats).await.unwrap();
            }
            _ => h.advance(1),
        }
        eager.poll(&h).await;
        eager.check(&h, &format!("step {step}")).await;
        if step % 7 == 0 {
            lazy.poll(&h).await;
            lazy.check(&h, &format!("step {step}, after a while")).await;
        }
    }
    assert!(eager.map.values().any(|status| *status == SeatStatus::Sold), "{eager:?}");
}

pub async fn what_did_not_change_is_not_told_again(h: Harness) {
    let id = h.seated(&["A1", "A2", "A3"]).await;
    let (session, _) = h.store.seats(id, None).await.unwrap().unwrap();
    h.hold_seats(ALICE, "k1", &["A2"]).await.unwrap();
    let (later, changed) = h.store.seats(id, Some(session.version)).await.unwrap().unwrap();
    assert_eq!(changed.iter().map(|seat| seat.id.as_str()).collect::<Vec<_>>(), ["A2"]);
    assert!(later.version > session.version);
    assert_eq!(h.store.seats(id, Some(later.version)).await.unwrap().unwrap().1, []);
}

async fn all_records(h: &Harness, target: Option<&str>, actor: Option<Actor>, limit: u32) -> Vec<AuditRecord> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = PageRequest { limit, after };
        let page = h.engine.audit_records(target.map(ToOwned::to_owned), actor, page).await.unwrap();
        assert!(page.items.len() <= limit as usize);
        found.extend(page.items);
        if page.next.is_none() {
            return found;
        }
        after = page.next;
    }
}

pub async fn the_audit_log_is_walked_without_gaps_or_repeats(h: Harness) {
    for _ in 0..3 {
        h.session(10).await;
        h.buy(ALICE, "k1", 1).await;
        h.hold(BOB, "k1", 1).await.unwrap();
    }
    let whole = all_records(&h, None, None, 200).await;
    assert!(whole.len() > 20, "{}", whole.len());
    for limit in [1, 2, 7] {
        assert_eq!(all_records(&h, None, None, limit).await, whole, "{limit} at a time");
    }
    for chain in whole.chunk_by(|one, next| one.stream == next.stream) {
        assert!(chain.iter().map(|record| record.seq).eq(0..chain.len() as u64), "{chain:?}");
    }
    let by_operator = all_records(&h, None, Some(Actor::Operator), 3).await;
    let expected: Vec<_> = whole.iter().filter(|record| record.actor == Actor::Operator).cloned().collect();
    assert_eq!(by_operator, expected);
}

pub async fn a_thing_is_found_in_the_audit_log_by_its_name(h: Harness) {
    h.session(10).await;
    let open = h.buy(ALICE, "k1", 1).await;
    let order = open.order.id.to_string();
    h.engine.refund_order(OPERATOR, open.order.id).await.unwrap();
    let payment = all_records(&h, Some(&open.payment.id.to_string()), None, 50).await;
    assert!(payment.iter().any(|record| record.action == Action::RefundRequested), "{payment:?}");
    for target in [open.order.hold_id.to_string(), order, h.session_id().to_string(), h.event_id().to_string()] {
        let found = all_records(&h, Some(&target), None, 2).await;
        assert!(!found.is_empty() && found.iter().all(|record| record.target == target), "{target}: {found:?}");
    }
    assert_eq!(all_records(&h, Some("order_of_nobody"), None, 50).await, []);

    let email = "bob@example.com".parse().expect("an address");
    let password_hash = PasswordHash::from_stored("$argon2id$x".to_owned());
    let new = NewUser { email, password_hash, role: Role::User };
    let user = h.engine.create_user(OPERATOR, new).await.unwrap().id;
    let login = h.engine.start_login(OPERATOR, user, [7; 32], 60).await.unwrap().token.login_id;
    for target in [user.to_string(), login.to_string()] {
        let found = all_records(&h, Some(&target), None, 2).await;
        assert!(!found.is_empty() && found.iter().all(|record| record.target == target), "{target}: {found:?}");
    }
}

pub async fn orders_are_listed_by_session_buyer_and_status(h: Harness) {
    let mut sessions = Vec::new();
    for _ in 0..2 {
        sessions.push(h.session(10).await);
        h.buy(ALICE, "k1", 1).await;
        h.buy(BOB, "k1", 1).await;
        h.held_and_checked_out(ALICE, "k2", 1).await;
    }
    let count = async |filter: OrderFilter| {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = h.store.orders(filter.clone(), PageRequest { limit: 2, after }).await.unwrap();
            seen.extend(page.items.into_iter().map(|order| order.id));
            if page.next.is_none() {
                break;
            }
            after = page.next;
        }
        let len = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), len, "listed twice");
        len
    };
    let of = |session_id, user_id, status| OrderFilter { session_id, user_id, status };
    assert_eq!(count(of(None, None, None)).await, 6);
    assert_eq!(count(of(Some(sessions[0]), None, None)).await, 3);
    assert_eq!(count(of(None, Some(ALICE), None)).await, 4);
    assert_eq!(count(of(None, None, Some(OrderStatus::Paid))).await, 4);
    assert_eq!(count(of(Some(sessions[1]), Some(ALICE), Some(OrderStatus::Pending))).await, 1);
    assert_eq!(count(of(None, Some(BOB), Some(OrderStatus::Refunded))).await, 0);
}
