//! Accounts, events and sessions.

use futures_util::future::join;

use crate::{
    command::{CatalogueRefusal, RefundReason, SessionPatch, Settlement, UpdateEvent, UserRefusal},
    engine::{NewEvent, NewSession, NewUser},
    event::EventStatus,
    ids::{EventId, SessionId, UserId},
    money::Money,
    session::{SaleStatus, Session, SessionKind, Stock},
    testing::{
        Harness,
        harness::{ALICE, BOB, OPERATOR, PRICE, refusal, stock},
    },
    user::{Email, Role, password::PasswordHash},
    waiting_room::QueuePolicy,
};

async fn update(h: &Harness, patch: SessionPatch) -> Result<Session, CatalogueRefusal> {
    refusal(h.engine.update_session(OPERATOR, h.session_id(), patch).await)
}

async fn set_stock(h: &Harness, total: i64) -> Result<Stock, CatalogueRefusal> {
    update(h, SessionPatch { total_stock: Some(total), ..SessionPatch::default() }).await.map(|session| session.stock)
}

pub async fn a_change_leaves_what_it_does_not_name(h: Harness) {
    let id = h.session(5).await;
    let before = h.store.session(id).await.unwrap().unwrap().session;
    h.advance(1);
    let after = update(&h, SessionPatch { max_per_user: Some(3), ..SessionPatch::default() }).await.unwrap();
    let expected =
        Session { max_per_user: 3, updated_at: h.now(), version: after.version, audit: after.audit, ..before.clone() };
    assert_eq!(after, expected);
    assert!(after.version > before.version && after.audit.length > before.audit.length);
    assert_eq!(update(&h, SessionPatch::default()).await.unwrap(), after, "a change of nothing changes nothing");

    let event = h.store.event(h.event_id()).await.unwrap().unwrap();
    let title = Some("Renamed".to_owned());
    let change = UpdateEvent { caller: OPERATOR, id: event.id, title, description: None, venue: None, status: None };
    let renamed = refusal(h.engine.update_event(change).await).unwrap();
    assert_eq!((renamed.title.as_str(), &renamed.venue, renamed.status), ("Renamed", &event.venue, event.status));
}

pub async fn stock_in_use_is_not_taken_away(h: Harness) {
    h.session(10).await;
    h.buy(ALICE, "k1", 2).await;
    h.hold(BOB, "k2", 3).await.unwrap();
    assert_eq!(set_stock(&h, 4).await, Err(CatalogueRefusal::StockInUse { in_use: 5 }));
    assert_eq!(h.stock().await, stock(5, 3, 2));
    assert_eq!(set_stock(&h, 5).await, Ok(stock(0, 3, 2)));
}

pub async fn an_overdue_hold_is_no_stock_in_use(h: Harness) {
    h.session(10).await;
    h.hold(ALICE, "k1", 3).await.unwrap();
    h.advance(120);
    assert_eq!(set_stock(&h, 1).await, Ok(stock(1, 0, 0)));
}

pub async fn stock_is_raised_and_lowered_while_on_sale(h: Harness) {
    h.session(2).await;
    let hold = h.hold(ALICE, "k1", 2).await.unwrap().hold;
    assert!(h.hold(BOB, "k2", 1).await.is_err());
    assert_eq!(set_stock(&h, 4).await, Ok(stock(2, 2, 0)));
    assert!(h.hold(BOB, "k2", 1).await.is_ok());
    assert_eq!(set_stock(&h, 3).await, Ok(stock(0, 3, 0)));
    h.release(ALICE, hold.id).await.unwrap();
    assert_eq!(h.stock().await, stock(2, 1, 0));
    assert_eq!(set_stock(&h, 1).await, Ok(stock(0, 1, 0)));
}

pub async fn a_session_with_seats_keeps_its_currency(h: Harness) {
    h.seated(&["A1"]).await;
    let dollars = Money::new(10, "USD".parse().unwrap());
    let refused = update(&h, SessionPatch { price: Some(dollars), ..SessionPatch::default() }).await;
    assert!(matches!(refused, Err(CatalogueRefusal::Invalid { field: "price", .. })), "{refused:?}");
}

pub async fn a_late_payment_finds_no_stock_of_another_kind(h: Harness) {
    let id = h.session(2).await;
    let open = h.held_and_checked_out(ALICE, "k1", 2).await;
    h.advance(120);
    update(&h, SessionPatch { kind: Some(SessionKind::Seated), ..SessionPatch::default() }).await.unwrap();
    let seat = |label: &str| crate::command::NewSeat {
        id: label.parse().unwrap(),
        section: String::new(),
        row: String::new(),
        number: 1,
        price: None,
    };
    h.engine.import_seats(OPERATOR, id, vec![seat("A1"), seat("A2")]).await.unwrap();
    assert_eq!(h.pay(&open).await, Settlement::RefundRequested(RefundReason::StockGone));
    assert_eq!(h.stock().await, stock(2, 0, 0));
}

pub async fn a_kind_in_use_is_not_changed(h: Harness) {
    h.session(10).await;
    let hold = h.hold(ALICE, "k1", 3).await.unwrap().hold;
    let seated = || SessionPatch { kind: Some(SessionKind::Seated), ..SessionPatch::default() };
    assert_eq!(update(&h, seated()).await, Err(CatalogueRefusal::StockInUse { in_use: 3 }));
    h.release(ALICE, hold.id).await.unwrap();
    assert_eq!(update(&h, seated()).await.unwrap().stock, stock(0, 0, 0));
}

pub async fn a_field_out_of_its_bounds_is_named(h: Harness) {
    h.session(10).await;
    let policy = |change: fn(&mut QueuePolicy)| {
        let mut policy = QueuePolicy::default();
        change(&mut policy);
        SessionPatch { queue: Some(policy.into()), ..SessionPatch::default() }
    };
    let none = SessionPatch::default;
    let bad = [
        ("totalStock", SessionPatch { total_stock: Some(-1), ..none() }),
        ("totalStock", SessionPatch { total_stock: Some(Stock::TOTAL_MAX + 1), ..none() }),
        ("price", SessionPatch { price: Some(Money { minor: -1, ..PRICE }), ..none() }),
        ("price", SessionPatch { price: Some(Money { minor: Money::MINOR_MAX + 1, ..PRICE }), ..none() }),
        ("maxPerUser", SessionPatch { max_per_user: Some(0), ..none() }),
        ("holdTtlSeconds", SessionPatch { hold_ttl_seconds: Some(0), ..none() }),
        ("holdTtlSeconds", SessionPatch { hold_ttl_seconds: Some(86_401), ..none() }),
        ("queue.admitPerSecond", policy(|policy| policy.admit_per_second = Some(0))),
        ("queue.maxActive", policy(|policy| policy.max_active = Some(0))),
        ("queue.maxLength", policy(|policy| policy.max_length = Some(0))),
        ("queue.admitTtlSeconds", policy(|policy| policy.admit_ttl_seconds = Some(0))),
        ("queue.waitTtlSeconds", policy(|policy| policy.wait_ttl_seconds = Some(604_801))),
        ("queue.preQueueSeconds", policy(|policy| policy.pre_queue_seconds = Some(0))),
        ("queue.preQueueSeconds", policy(|policy| policy.pre_queue_seconds = Some(604_801))),
    ];
    for (name, patch) in bad {
        let answer = update(&h, patch).await;
        let named = matches!(&answer, Err(CatalogueRefusal::Invalid { field, .. }) if *field == name);
        assert!(named, "{name}: {answer:?}");
    }
    let now = h.now();
    let backwards = SessionPatch { sales_open_at: Some(Some(now)), sales_close_at: Some(Some(now)), ..none() };
    assert!(matches!(update(&h, backwards).await, Err(CatalogueRefusal::Invalid { field: "salesCloseAt", .. })));
    for title in [String::new(), " ".to_owned(), "x".repeat(201), "no\0store".to_owned()] {
        let new = NewEvent { title, description: String::new(), venue: String::new(), status: EventStatus::Draft };
        let answer = refusal(h.engine.create_event(OPERATOR, new).await);
        assert!(matches!(answer, Err(CatalogueRefusal::Invalid { field: "title", .. })), "{answer:?}");
    }
}

pub async fn what_does_not_exist_is_not_changed(h: Harness) {
    h.session(10).await;
    let (event, session) = (EventId::from_uuid(h.fresh()), SessionId::from_uuid(h.fresh()));
    let new = NewSession::of(event, h.now(), 10, PRICE);
    let answer = refusal(h.engine.create_session(OPERATOR, new).await);
    assert_eq!(answer, Err(CatalogueRefusal::EventNotFound));
    let change = UpdateEvent { caller: OPERATOR, id: event, title: None, description: None, venue: None, status: None };
    assert_eq!(refusal(h.engine.update_event(change).await), Err(CatalogueRefusal::EventNotFound));
    let patch = SessionPatch { status: Some(SaleStatus::Open), ..SessionPatch::default() };
    let answer = refusal(h.engine.update_session(OPERATOR, session, patch).await);
    assert_eq!(answer, Err(CatalogueRefusal::SessionNotFound));
    let answer = refusal(h.engine.import_seats(OPERATOR, session, Vec::new()).await);
    assert_eq!(answer, Err(CatalogueRefusal::SessionNotFound));
}

fn account(address: &str) -> NewUser {
    let email: Email = address.parse().unwrap();
    NewUser { email, password_hash: PasswordHash::from_stored("$argon2id$x".to_owned()), role: Role::User }
}

pub async fn an_address_has_one_account_whatever_its_spelling(h: Harness) {
    let user = refusal(h.engine.create_user(OPERATOR, account("a@b.com")).await).unwrap();
    let taken = refusal(h.engine.create_user(OPERATOR, account(" A@B.COM ")).await);
    assert_eq!(taken, Err(UserRefusal::EmailTaken));
    assert_eq!(h.store.user_by_email("A@b.com".parse().unwrap()).await.unwrap(), Some(user));
    let (one, two) =
        join(h.engine.create_user(OPERATOR, account("c@d.com")), h.engine.create_user(OPERATOR, account("C@d.com")))
            .await;
    let answers = [refusal(one).err(), refusal(two).err()];
    assert_eq!(answers.iter().filter(|answer| **answer == Some(UserRefusal::EmailTaken)).count(), 1);
}

pub async fn a_role_is_set_for_an_existing_account_only(h: Harness) {
    let user = refusal(h.engine.create_user(OPERATOR, account("a@b.com")).await).unwrap();
    assert_eq!(user.role, Role::User);
    let raised = refusal(h.engine.set_role(OPERATOR, user.id, Role::Admin).await).unwrap();
    assert_eq!(raised.role, Role::Admin);
    assert_eq!(h.store.user(user.id).await.unwrap(), Some(raised));
    let nobody = UserId::from_uuid(h.fresh());
    let answer = refusal(h.engine.set_role(OPERATOR, nobody, Role::Admin).await);
    assert_eq!(answer, Err(UserRefusal::UserNotFound));
}

pub async fn a_shown_session_is_fresh_within_a_second(h: Harness) {
    let id = h.session(5).await;
    let shown = async || h.engine.session(id).await.unwrap().unwrap().remaining();
    assert_eq!(shown().await, 5);
    h.hold(ALICE, "k1", 2).await.unwrap();
    h.advance(1);
    assert_eq!(shown().await, 3);
    h.advance(120);
    assert_eq!(shown().await, 5);
    let unknown = SessionId::from_uuid(h.fresh());
    assert!(h.engine.session(unknown).await.unwrap().is_none());
}
