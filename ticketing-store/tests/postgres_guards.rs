//! The database refuses what the rules never ask for, whoever asks. Each refusal names its guard, and takes the
//! whole batch with it.

mod support;

use std::{collections::BTreeSet, sync::Arc};

use support::{count_users, ground, write};
use ticketing_core::{
    audit::StreamId,
    event::Event,
    hold::Hold,
    ids::OrderId,
    order::Order,
    outbox::OutboxMessage,
    payment::Payment,
    seat::Seat,
    session::Session,
    store::{Backend, Snapshot, StoreError},
    testing::records,
    ticket::Ticket,
    user::User,
    waiting_room::{Place, PlaceState},
};
use ticketing_store::{
    OpenOptions, Role, open,
    testing::postgres::{Database, connect},
};
use tokio_postgres::{Client, error::SqlState};

/// A store with one record of every kind, and the database below it.
struct Ground {
    store: Arc<dyn Backend>,
    database: Database,
}

impl Ground {
    async fn new() -> Option<Self> {
        let database = Database::migrated().await?;
        let store = open(database.url(), OpenOptions::new(Role::Tool)).unwrap();
        ground(&*store).await;
        let everything = |snapshot: &mut Snapshot| {
            snapshot.streams.put(records::stream(1));
            snapshot.logins.put(records::login(1));
            snapshot.add_user(records::user(1));
            snapshot.add_hold(records::hold(1, 1));
            snapshot.orders.put(records::order(1, 1));
            snapshot.payments.put(records::payment(1, 1));
            snapshot.callbacks.put(records::callback(1));
            snapshot.add_ticket(records::ticket(1, 1, 1, 1));
            snapshot.outbox.put(records::message(1, 1));
            snapshot.seats.put(records::seat(1, "A1", Some(1)));
            snapshot.add_place(records::place(1, 1, PlaceState::In));
            snapshot.add_audit(records::audit(StreamId::Users, 0));
        };
        write(&*store, vec![], everything).await.unwrap();
        Some(Self { store, database })
    }

    async fn raw(&self) -> Client {
        connect(self.database.url()).await
    }

    /// Writes `change` together with a new account, expects the guard to name itself, and the account not to be
    /// there.
    async fn refuses(&self, guard: &str, mut change: impl FnMut(&mut Snapshot) + Send + 'static) {
        let before = count_users(&*self.store).await;
        let refused = write(&*self.store, vec![], move |snapshot| {
            snapshot.add_user(records::user(77));
            change(snapshot);
        });
        let error = refused.await.unwrap_err();
        assert!(matches!(&error, StoreError::Conflict { detail } if detail.contains(guard)), "{guard}: {error}");
        assert_eq!(count_users(&*self.store).await, before, "{guard}: the rest of the batch was written");
    }
}

#[tokio::test]
async fn every_check_refuses_plain_sql() {
    let Some(ground) = Ground::new().await else { return };
    let checks = [
        ("user_role", "UPDATE users SET role = 'OWNER'"),
        ("event_status", "UPDATE events SET status = 'GONE'"),
        ("session_kind", "UPDATE sessions SET kind = 'STANDING'"),
        ("available_is_not_negative", "UPDATE sessions SET available = -1, held = 51, sold = 10"),
        ("held_is_not_negative", "UPDATE sessions SET available = 51, held = -1, sold = 10"),
        ("sold_is_not_negative", "UPDATE sessions SET available = 51, held = 10, sold = -1"),
        ("stock_adds_up", "UPDATE sessions SET available = available + 1"),
        ("session_status", "UPDATE sessions SET status = 'LATER'"),
        ("queue_mode", "UPDATE sessions SET queue_mode = 'MAYBE'"),
        ("waiting_is_not_negative", "UPDATE rooms SET waiting = -1"),
        ("active_is_not_negative", "UPDATE rooms SET active = -1"),
        ("place_number", "UPDATE places SET number = 0"),
        ("place_state", "UPDATE places SET state = 'OUT'"),
        ("seat_price_is_whole", "UPDATE seats SET price_currency = NULL"),
        ("seat_status", "UPDATE seats SET status = 'BROKEN'"),
        ("seat_has_its_hold", "UPDATE seats SET hold_id = NULL"),
        ("hold_quantity", "UPDATE holds SET quantity = 0"),
        ("hold_status", "UPDATE holds SET status = 'LOST'"),
        ("order_quantity", "UPDATE orders SET quantity = 0"),
        ("order_status", "UPDATE orders SET status = 'LOST'"),
        ("payment_method", "UPDATE payments SET method = 'CASH'"),
        ("payment_status", "UPDATE payments SET status = 'LOST'"),
        ("payment_gateway_is_whole", "UPDATE payments SET pg_url = NULL"),
        ("callback_status", "UPDATE callbacks SET status = 'MAYBE'"),
        ("login_hash", "UPDATE logins SET current_hash = '\\x00'"),
        ("ticket_use_is_whole", "UPDATE tickets SET status = 'USED', redeem_nonce = NULL"),
        ("ticket_status", "UPDATE tickets SET status = 'LOST'"),
        ("outbox_status", "UPDATE outbox SET status = 'LOST'"),
        ("audit_stream_kind", "UPDATE audit_log SET stream_kind = 'OTHER'"),
        ("audit_seq", "UPDATE audit_log SET seq = -1"),
    ];
    let raw = ground.raw().await;
    for (guard, sql) in checks {
        refuses_sql(&raw, &SqlState::CHECK_VIOLATION, guard, sql).await;
    }
    let there = "SELECT conname::text FROM pg_constraint WHERE contype = 'c' AND connamespace = 'public'::regnamespace";
    assert_eq!(names(&raw, there).await, checks.iter().map(|(guard, _)| (*guard).to_owned()).collect());
}

#[tokio::test]
async fn every_unique_index_refuses_plain_sql() {
    let Some(ground) = Ground::new().await else { return };
    let raw = ground.raw().await;
    raw.batch_execute("INSERT INTO batches (id, committed) VALUES (gen_random_uuid(), true)").await.unwrap();
    // A copy of a row, and what is new about it.
    let (other, neither) = ("00000000-0000-7000-8000-000000000009", r#""pg_payment_id": null, "pg_url": null"#);
    let (id, session, order) =
        (format!(r#""id": "{other}""#), format!(r#""session_id": "{other}""#), format!(r#""order_id": "{other}""#));
    let copies = [
        ("users_pkey", "users", r#""email": "b@example.com""#.to_owned()),
        ("users_by_email", "users", id.clone()),
        ("events_pkey", "events", String::new()),
        ("sessions_pkey", "sessions", String::new()),
        ("rooms_pkey", "rooms", String::new()),
        ("places_pkey", "places", String::new()),
        ("seats_pkey", "seats", String::new()),
        ("holds_pkey", "holds", String::new()),
        ("holds_of_user", "holds", id.clone()),
        ("holds_by_id", "holds", session.clone()),
        ("orders_pkey", "orders", String::new()),
        ("order_of_hold", "orders", id.clone()),
        ("orders_by_id", "orders", session.clone()),
        ("payments_pkey", "payments", neither.to_owned()),
        ("payment_of_order", "payments", format!("{id}, {neither}")),
        ("payment_at_gateway", "payments", format!("{id}, {order}")),
        ("payments_by_id", "payments", format!("{session}, {neither}")),
        ("callbacks_pkey", "callbacks", String::new()),
        ("tickets_pkey", "tickets", String::new()),
        ("tickets_of_order", "tickets", id.clone()),
        ("tickets_by_id", "tickets", session.clone()),
        ("logins_pkey", "logins", String::new()),
        ("outbox_pkey", "outbox", String::new()),
        ("outbox_key", "outbox", id.clone()),
        ("streams_pkey", "streams", String::new()),
        ("audit_log_pkey", "audit_log", String::new()),
        ("batches_pkey", "batches", String::new()),
    ];
    for (guard, table, new) in &copies {
        let sql =
            format!("INSERT INTO {table} SELECT (jsonb_populate_record(t, '{{{new}}}')).* FROM {table} t LIMIT 1");
        refuses_sql(&raw, &SqlState::UNIQUE_VIOLATION, guard, &sql).await;
    }
    let there = "SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class ON pg_class.oid = indrelid \
                 WHERE indisunique AND relnamespace = 'public'::regnamespace AND relname <> 'refinery_schema_history'";
    assert_eq!(names(&raw, there).await, copies.iter().map(|(guard, ..)| (*guard).to_owned()).collect());
}

async fn refuses_sql(raw: &Client, code: &SqlState, guard: &str, sql: &str) {
    let error = raw.batch_execute(sql).await.expect_err(sql);
    let error = error.as_db_error().expect(sql);
    assert_eq!((error.code(), error.constraint()), (code, Some(guard)), "{sql}: {error}");
}

async fn names(raw: &Client, sql: &str) -> BTreeSet<String> {
    raw.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn stock_that_is_negative_or_does_not_add_up_is_refused() {
    let Some(ground) = Ground::new().await else { return };
    let stock = |available: i64, held: i64, sold: i64| {
        move |snapshot: &mut Snapshot| {
            let (read, mut written) = (records::session(1, 1), records::session(1, 1));
            written.version += 1;
            (written.stock.available, written.stock.held, written.stock.sold) = (available, held, sold);
            snapshot.sessions.load(read.id, Some(read));
            snapshot.sessions.put(written);
        }
    };
    ground.refuses("available_is_not_negative", stock(-1, 51, 10)).await;
    ground.refuses("held_is_not_negative", stock(51, -1, 10)).await;
    ground.refuses("sold_is_not_negative", stock(51, 10, -1)).await;
    ground.refuses("stock_adds_up", stock(1, 1, 1)).await;
}

#[tokio::test]
async fn what_must_be_unique_is() {
    let Some(ground) = Ground::new().await else { return };
    ground.refuses("users_by_email", |s| s.add_user(User { id: records::user(5).id, ..records::user(1) })).await;
    ground.refuses("holds_of_user", |s| s.add_hold(Hold { id: records::hold(5, 1).id, ..records::hold(1, 1) })).await;
    ground.refuses("holds_by_id", |s| s.add_hold(records::hold(1, 2))).await;
    ground
        .refuses("order_of_hold", |s| s.orders.put(Order { id: records::order(5, 1).id, ..records::order(1, 1) }))
        .await;
    ground
        .refuses("payment_at_gateway", |s| {
            s.payments.put(Payment { gateway: records::payment(1, 1).gateway, ..records::payment(5, 1) });
        })
        .await;
    ground
        .refuses("payment_of_order", |s| {
            s.payments.put(Payment { order_id: records::order(1, 1).id, ..records::payment(5, 1) });
        })
        .await;
    ground
        .refuses("tickets_of_order", |s| {
            s.add_ticket(Ticket { id: records::ticket(5, 1, 1, 1).id, ..records::ticket(1, 1, 1, 1) });
        })
        .await;
    ground
        .refuses("outbox_key", |s| {
            s.outbox.put(OutboxMessage { key: records::message(1, 1).key, ..records::message(5, 1) });
        })
        .await;
    ground.refuses("seats_pkey", |s| s.seats.put(records::seat(1, "A1", None))).await;
    ground.refuses("places_pkey", |s| s.add_place(records::place(1, 1, PlaceState::Left))).await;
    ground.refuses("audit_log_pkey", |s| s.add_audit(records::audit(StreamId::Users, 0))).await;
    ground
        .refuses("seat_has_its_hold", |s| s.seats.put(Seat { hold_id: None, ..records::seat(1, "B1", Some(1)) }))
        .await;
}

#[tokio::test]
async fn a_session_decided_over_an_older_version_is_refused() {
    let Some(ground) = Ground::new().await else { return };
    for version in [records::session(1, 1).version, records::session(1, 1).version - 1] {
        ground
            .refuses("sessions: 0 of 1 rows are there as they were read", move |snapshot| {
                let read = records::session(1, 1);
                snapshot.sessions.load(read.id, Some(read.clone()));
                snapshot.sessions.put(Session { version, ..read });
            })
            .await;
    }
}

#[tokio::test]
async fn a_write_over_another_row_than_was_read_is_undone() {
    let Some(ground) = Ground::new().await else { return };
    let (hold, order, payment) = (records::hold(1, 1), records::order(1, 1), records::payment(1, 1));
    let (other, another) = (records::user(2).id, records::hold(2, 1).id);
    let changed = |part: &str| format!("{part}: 0 of 1 rows are there as they were read");

    let (read, written) = (hold.clone(), Hold { user_id: other, ..hold.clone() });
    ground.refuses(&changed("holds"), replace_hold(read, written)).await;
    let (read, written) = (hold.clone(), Hold { key: records::hold(2, 1).key, ..hold.clone() });
    ground.refuses(&changed("holds"), replace_hold(read, written)).await;
    ground
        .refuses(&changed("orders"), move |snapshot| {
            snapshot.orders.load((order.session_id, order.id), Some(order.clone()));
            snapshot.orders.put(Order { hold_id: another, ..order.clone() });
        })
        .await;
    ground
        .refuses(&changed("payments"), move |snapshot| {
            snapshot.payments.load((payment.session_id, payment.id), Some(payment.clone()));
            let order_id = OrderId::from_uuid(another.uuid());
            snapshot.payments.put(Payment { order_id, ..payment.clone() });
        })
        .await;
    ground
        .refuses(&changed("places"), move |snapshot| {
            let place = records::place(1, 1, PlaceState::In);
            snapshot.places.load((place.session_id, place.number), Some(place));
            snapshot.places.put(Place { user_id: other, ..place });
        })
        .await;
    ground
        .refuses(&changed("outbox"), |snapshot| {
            let message = records::message(1, 1);
            snapshot.outbox.load((message.session_id, message.id), Some(message.clone()));
            snapshot.outbox.put(OutboxMessage { key: "another".to_owned(), ..message });
        })
        .await;
    for change in [
        |ticket: Ticket| Ticket { seat_id: None, ..ticket },
        |ticket: Ticket| Ticket { seat_id: Some("Z9".parse().unwrap()), ..ticket },
        |ticket: Ticket| Ticket { issued_at: ticket.issued_at.plus_seconds(1), ..ticket },
    ] {
        ground
            .refuses(&changed("tickets"), move |snapshot| {
                let ticket = records::ticket(1, 1, 1, 1);
                snapshot.tickets.load((ticket.session_id, ticket.id), Some(ticket.clone()));
                snapshot.tickets.put(change(ticket));
            })
            .await;
    }
    ground
        .refuses(&changed("sessions"), |snapshot| {
            let session = records::session(1, 1);
            snapshot.sessions.load(session.id, Some(session.clone()));
            snapshot.sessions.put(Session { event_id: records::event(2).id, version: session.version + 1, ..session });
        })
        .await;
}

#[tokio::test]
async fn one_row_that_is_not_there_undoes_the_others() {
    let Some(ground) = Ground::new().await else { return };
    let there = records::hold(1, 1);
    let read = there.clone();
    ground
        .refuses("holds: 1 of 2 rows are there as they were read", move |snapshot| {
            for hold in [read.clone(), records::hold(9, 1)] {
                replace_hold(hold.clone(), Hold { place: Some(99), ..hold })(snapshot);
            }
        })
        .await;
    assert_eq!(ground.store.hold(there.id).await.unwrap(), Some(there));
    ground
        .refuses("events: 0 of 1 rows", |snapshot| {
            let event = records::event(9);
            snapshot.events.load(event.id, Some(event.clone()));
            snapshot.events.put(Event { title: "Nothing".to_owned(), ..event });
        })
        .await;
}

fn replace_hold(read: Hold, written: Hold) -> impl FnMut(&mut Snapshot) + Send + 'static {
    move |snapshot| {
        snapshot.holds.load((read.session_id, read.id), Some(read.clone()));
        snapshot.holds.put(written.clone());
    }
}

#[tokio::test]
async fn a_guard_that_spoke_leaves_a_sound_connection() {
    let Some(ground) = Ground::new().await else { return };
    let raw = ground.raw().await;
    let connections = "SELECT pid::text || ' ' || state FROM pg_stat_activity \
                       WHERE datname = current_database() AND application_name = 'ticketing'";
    let again = |s: &mut Snapshot| s.add_user(User { id: records::user(5).id, ..records::user(1) });
    ground.refuses("users_by_email", again).await;
    let before = names(&raw, connections).await;
    for _ in 0..20 {
        ground.refuses("users_by_email", again).await;
    }
    assert_eq!(names(&raw, connections).await, before);
    write(&*ground.store, vec![], |snapshot| snapshot.add_user(records::user(2))).await.unwrap();
}
