//! The database refuses what the rules never ask for, each refusal names its guard, and takes the
//! whole batch with it.

mod support;

use support::{Place, count_users, ground, write};
use ticketing_core::{
    ids::UserId,
    store::{PageRequest, Queries, Read, Snapshot, StoreError},
    testing::records,
    ticket::Ticket,
    waiting_room::PlaceState,
};
use ticketing_store::{Role, sqlite::SqliteStore};

async fn store(place: &Place) -> SqliteStore {
    let store = place.migrated(Role::Tool).await;
    ground(&store).await;
    let everything = |snapshot: &mut Snapshot| {
        snapshot.add_user(records::user(1));
        snapshot.add_hold(records::hold(1, 1));
        snapshot.orders.put(records::order(1, 1));
        snapshot.payments.put(records::payment(1, 1));
        snapshot.add_ticket(records::ticket(1, 1, 1, 1));
        snapshot.outbox.put(records::message(1, 1));
        snapshot.seats.put(records::seat(1, "A1", Some(1)));
        snapshot.add_place(records::place(1, 1, PlaceState::In));
        snapshot.add_audit(records::audit(ticketing_core::audit::StreamId::Users, 0));
    };
    write(&store, vec![], everything).await.unwrap();
    store
}

/// Writes `change` together with a new account, expects the guard to name itself and the account not
/// to be there.
async fn check(guard: &str, reads: Vec<Read>, mut change: impl FnMut(&mut Snapshot) + Send + 'static) {
    let place = Place::new();
    let store = store(&place).await;
    let refused = write(&store, reads, move |snapshot| {
        snapshot.add_user(records::user(77));
        change(snapshot);
    });
    let error = refused.await.unwrap_err();
    assert!(matches!(&error, StoreError::Conflict { detail } if detail.contains(guard)), "{guard}: {error}");
    assert_eq!(count_users(&store).await, 1, "{guard}: the rest of the batch was written");
}

fn session_read() -> Vec<Read> {
    vec![Read::Session(records::session(1, 1).id)]
}

#[tokio::test]
async fn stock_that_is_negative_or_does_not_add_up_is_refused() {
    let change = |available: i64, held: i64, sold: i64| {
        move |snapshot: &mut Snapshot| {
            let mut session = records::session(1, 1);
            session.version += 1;
            (session.stock.available, session.stock.held, session.stock.sold) = (available, held, sold);
            snapshot.sessions.put(session);
        }
    };
    check("available_is_not_negative", session_read(), change(-1, 51, 10)).await;
    check("held_is_not_negative", session_read(), change(51, -1, 10)).await;
    check("sold_is_not_negative", session_read(), change(51, 10, -1)).await;
    check("stock_adds_up", session_read(), change(1, 1, 1)).await;
}

#[tokio::test]
async fn a_session_decided_over_an_older_version_is_refused() {
    check("sessions", session_read(), |snapshot| snapshot.sessions.put(records::session(1, 1))).await;
}

#[tokio::test]
async fn an_update_of_what_is_not_there_is_refused() {
    check("holds", vec![], |snapshot| {
        let hold = records::hold(9, 1);
        snapshot.holds.load((hold.session_id, hold.id), Some(hold.clone()));
        snapshot.holds.put(hold);
    })
    .await;
}

#[tokio::test]
async fn a_hold_does_not_change_hands() {
    let hold = records::hold(1, 1);
    check("of another owner", vec![Read::Hold(hold.session_id, hold.id)], |snapshot| {
        snapshot.holds.put(ticketing_core::hold::Hold { user_id: records::user(2).id, ..records::hold(1, 1) });
    })
    .await;
}

#[tokio::test]
async fn what_must_be_unique_is() {
    check("users.email", vec![], |snapshot| {
        snapshot.add_user(ticketing_core::user::User { id: records::user(5).id, ..records::user(1) });
    })
    .await;
    check("holds.session_id, holds.user_id, holds.idempotency_key", vec![], |snapshot| {
        snapshot.add_hold(ticketing_core::hold::Hold { id: records::hold(5, 1).id, ..records::hold(1, 1) });
    })
    .await;
    check("orders.hold_id", vec![], |snapshot| {
        snapshot.orders.put(ticketing_core::order::Order { id: records::order(5, 1).id, ..records::order(1, 1) });
    })
    .await;
    check("payments.pg_payment_id", vec![], |snapshot| {
        let gateway = records::payment(1, 1).gateway;
        snapshot.payments.put(ticketing_core::payment::Payment { gateway, ..records::payment(5, 1) });
    })
    .await;
    check("payments.order_id", vec![], |snapshot| {
        let order_id = records::order(1, 1).id;
        snapshot.payments.put(ticketing_core::payment::Payment { order_id, ..records::payment(5, 1) });
    })
    .await;
    check("tickets.order_id, tickets.seat_id", vec![], |snapshot| {
        let id = records::ticket(5, 1, 1, 1).id;
        snapshot.add_ticket(Ticket { id, ..records::ticket(1, 1, 1, 1) });
    })
    .await;
    check("outbox.key", vec![], |snapshot| {
        let key = records::message(1, 1).key;
        snapshot.outbox.put(ticketing_core::outbox::OutboxMessage { key, ..records::message(5, 1) });
    })
    .await;
    check("seats.session_id, seats.id", vec![], |snapshot| snapshot.seats.put(records::seat(1, "A1", None))).await;
    check("places.session_id, places.number", vec![], |snapshot| {
        snapshot.add_place(records::place(1, 1, PlaceState::Left));
    })
    .await;
    check("audit_log.stream, audit_log.seq", vec![], |snapshot| {
        snapshot.add_audit(records::audit(ticketing_core::audit::StreamId::Users, 0));
    })
    .await;
}

#[tokio::test]
async fn a_ticket_is_used_with_its_scan_or_not_at_all() {
    let ticket = records::ticket(1, 1, 1, 1);
    check("ticket_use_is_whole", vec![Read::Ticket(ticket.session_id, ticket.id)], |snapshot| {
        let used = ticketing_core::ticket::TicketStatus::Used;
        snapshot.tickets.put(Ticket { status: used, redemption: None, ..records::ticket(1, 1, 1, 1) });
    })
    .await;
}

#[tokio::test]
async fn a_ticket_keeps_its_seat_and_its_time() {
    let ticket = records::ticket(1, 1, 1, 1);
    for change in [
        |ticket: Ticket| Ticket { seat_id: None, ..ticket },
        |ticket: Ticket| Ticket { seat_id: Some("Z9".parse().unwrap()), ..ticket },
        |ticket: Ticket| Ticket { issued_at: ticket.issued_at.plus_seconds(1), ..ticket },
    ] {
        let reads = vec![Read::Ticket(ticket.session_id, ticket.id)];
        check("not there as it was read", reads, move |snapshot| {
            snapshot.tickets.put(change(records::ticket(1, 1, 1, 1)));
        })
        .await;
    }
}

#[tokio::test]
async fn a_seat_that_is_taken_names_its_hold() {
    check("seat_has_its_hold", vec![], |snapshot| {
        snapshot.seats.put(ticketing_core::seat::Seat { hold_id: None, ..records::seat(1, "B1", Some(1)) });
    })
    .await;
}

#[tokio::test]
async fn a_decision_sees_that_a_user_has_too_many_holds() {
    let place = Place::new();
    let store = place.migrated(Role::Tool).await;
    ground(&store).await;
    let user = UserId::from_uuid(uuid::Uuid::from_u128(5));
    let many = u32::try_from(Read::HOLDS_OF_USER_MAX).unwrap() + 5;
    let fill = move |snapshot: &mut Snapshot| {
        for n in 1..=many {
            snapshot.add_hold(ticketing_core::hold::Hold { user_id: user, ..records::hold(n, 1) });
        }
    };
    write(&store, vec![], fill).await.unwrap();
    let session = records::session(1, 1).id;
    let seen = move |snapshot: &mut Snapshot| {
        assert_eq!(snapshot.holds_of_user(session, user).unwrap().len(), Read::HOLDS_OF_USER_MAX + 1);
    };
    write(&store, vec![Read::HoldsOfUser(session, user)], seen).await.unwrap();
    let listed = store.holds(Default::default(), PageRequest::first()).await.unwrap();
    assert_eq!(listed.items.len(), 50);
}
