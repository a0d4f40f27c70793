//! A store that an older program filled, brought up to date: nothing is lost, every invariant holds, and what is
//! new works on what is old.

mod support;

use std::{path::Path, sync::Arc};

use refinery::{Migration, Runner};
use rusqlite::Connection;
use support::Place;
use ticketing_core::{
    audit::{Actor, Caller},
    engine::RedeemRequest,
    ids::{SessionId, UserId},
    order::OrderStatus,
    seat::Seat,
    store::{Backend, SchemaVersion},
    testing::{Harness, SimClock, records},
    ticket::{ScanNonce, TicketStatus},
};
use ticketing_store::{
    OpenOptions, Role, open,
    testing::postgres::{Database, connect},
};
use tokio_postgres::Client;

/// What was released before check-in and refunds by the organiser.
const BEFORE: u32 = 2;

const SQLITE: [(&str, &str); BEFORE as usize] = [
    ("V1__tables", include_str!("../src/sqlite/migrations/V1__tables.sql")),
    ("V2__views", include_str!("../src/sqlite/migrations/V2__views.sql")),
];
const POSTGRES: [(&str, &str); BEFORE as usize] = [
    ("V1__tables", include_str!("../src/postgres/migrations/V1__tables.sql")),
    ("V2__views", include_str!("../src/postgres/migrations/V2__views.sql")),
];

fn buyer(n: u32) -> UserId {
    records::user(n).id
}

fn migrations(of: &[(&str, &str)]) -> Vec<Migration> {
    of.iter().map(|(name, sql)| Migration::unapplied(name, sql).unwrap()).collect()
}

/// Everything that a shop had before: sold, held, given up, by number and by seat, and people who wait.
async fn shop(store: Arc<dyn Backend>, clock: Arc<SimClock>) -> (Harness, SessionId) {
    let shop = Harness::over(store, clock).await;
    shop.event().await;
    let seated = shop.seated(&["A1", "A2", "A3"]).await;
    shop.hold_seats(buyer(1), "k", &["A1"]).await.unwrap();
    shop.session(10).await;
    shop.buy(buyer(1), "bought", 2).await;
    shop.buy(buyer(2), "bought", 1).await;
    let given_up = shop.hold(buyer(3), "given-up", 1).await.unwrap();
    shop.release(buyer(3), given_up.hold.id).await.unwrap();
    shop.held_and_checked_out(buyer(4), "not-paid", 3).await;
    shop.verify().await;
    (shop, seated)
}

/// The same shop on the store that was brought up to date.
async fn still_sells((before, seated): (Harness, SessionId), upgraded: Arc<dyn Backend>) {
    let needed = upgraded.version().await.unwrap().needed;
    assert_eq!(upgraded.version().await.unwrap(), SchemaVersion { found: BEFORE, needed });
    assert!(needed > BEFORE);
    assert_eq!(upgraded.migrate().await.unwrap(), SchemaVersion { found: needed, needed });

    let after = before.over_another_store(upgraded).await;
    after.select(before.event_id(), before.session_id());
    after.verify().await;
    assert_eq!(after.stock().await, before.stock().await);
    for n in 1..=4 {
        assert_eq!(after.tickets(buyer(n)).await, before.tickets(buyer(n)).await);
    }
    let (_, seats) = after.engine.queries().seats(seated, None).await.unwrap().unwrap();
    let (_, as_before) = before.engine.queries().seats(seated, None).await.unwrap().unwrap();
    let shown = |seats: Vec<Seat>| seats.into_iter().map(|seat| Seat { version: 0, ..seat }).collect::<Vec<_>>();
    assert_eq!(shown(seats), shown(as_before));

    let (used, refunded) = (&after.tickets(buyer(1)).await[0], &after.tickets(buyer(2)).await[0]);
    let staff = Caller::of(Actor::Operator);
    let nonce = ScanNonce::try_from("gate-1".to_owned()).unwrap();
    let scan = RedeemRequest { caller: staff, code: after.engine.ticket_code(used), nonce, session_id: None };
    assert_eq!(after.engine.redeem(scan).await.unwrap().ticket.status, TicketStatus::Used);
    let given_back = after.engine.refund_order(staff, refunded.order_id).await.unwrap();
    assert_eq!(given_back.order.status, OrderStatus::Refunded);
    after.buy(buyer(5), "afterwards", 1).await;
    after.verify().await;
}

#[tokio::test]
async fn a_filled_sqlite_file_of_the_version_before_is_brought_up_to_date() {
    let (new, old) = (Place::new(), Place::new());
    let before = shop(Arc::new(new.migrated(Role::Tool).await), Arc::clone(&new.clock)).await;
    let mut file = old.raw();
    Runner::new(&migrations(&SQLITE)).run(&mut file).unwrap();
    copy_file(&file, &new.path());
    drop(file);
    let store = ticketing_store::sqlite::SqliteStore::open(
        &old.path(),
        OpenOptions { clock: Some(new.clock.clone()), ..old.options(Role::Tool) },
    );
    still_sells(before, Arc::new(store.unwrap())).await;
}

/// Copies every row that an older file has room for.
fn copy_file(into: &Connection, from: &Path) {
    into.execute("ATTACH ?1 AS filled", [from.to_str().unwrap()]).unwrap();
    let tables =
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'refinery%' AND name NOT LIKE 'sqlite%'";
    for table in column(into, tables) {
        let columns = column(into, &format!("SELECT name FROM pragma_table_info('{table}')")).join(", ");
        let copy = format!("INSERT INTO main.{table} ({columns}) SELECT {columns} FROM filled.{table}");
        into.execute(&copy, []).unwrap();
    }
    into.execute("DETACH filled", []).unwrap();
}

fn column(of: &Connection, sql: &str) -> Vec<String> {
    let mut statement = of.prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[tokio::test]
async fn a_filled_postgres_database_of_the_version_before_is_brought_up_to_date() {
    let Some(new) = Database::migrated().await else { return };
    let Some(old) = Database::create().await else { return };
    let clock = Arc::new(SimClock::new());
    let options = || OpenOptions { clock: Some(clock.clone()), ..OpenOptions::new(Role::Tool) };
    let before = shop(open(new.url(), options()).unwrap(), Arc::clone(&clock)).await;
    let (from, mut into) = (connect(new.url()).await, connect(old.url()).await);
    Runner::new(&migrations(&POSTGRES)).run_async(&mut into).await.unwrap();
    copy_database(&into, &from).await;
    still_sells(before, open(old.url(), options()).unwrap()).await;
}

/// Copies every row that an older database has room for.
async fn copy_database(into: &Client, from: &Client) {
    let tables = "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace \
                  AND relname <> 'refinery_schema_history'";
    for table in into.query(tables, &[]).await.unwrap() {
        let table: String = table.get(0);
        let columns = "SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute \
                       WHERE attrelid = to_regclass($1::text) AND attnum > 0 AND NOT attisdropped";
        let columns: String = into.query_one(columns, &[&table]).await.unwrap().get(0);
        let rows =
            format!("SELECT coalesce(jsonb_agg(to_jsonb(t)), '[]')::text FROM (SELECT {columns} FROM {table}) t");
        let rows: String = from.query_one(&rows, &[]).await.unwrap().get(0);
        let fill = format!(
            "INSERT INTO {table} ({columns}) SELECT {columns} FROM jsonb_populate_recordset(NULL::{table}, $1::text::jsonb)"
        );
        into.execute(&fill, &[&rows]).await.unwrap();
    }
}
