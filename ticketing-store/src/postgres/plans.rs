//! Every statement finds its rows by an index, on the connection it runs on: in an empty database that was
//! never analysed, in a filled one, and in one whose statistics know that one session has nearly all the rows.

use std::collections::BTreeSet;

use serde_json::Value;
use ticketing_core::{
    audit::StreamId,
    ids::CallbackId,
    store::Read,
    testing::records::{event, hold, message, order, payment, seat, session, user},
};
use tokio_postgres::{Client, types::Type};

use super::{
    PostgresStore, batches, load,
    tables::{
        audit, callbacks, events, holds, orders, outbox, payments, places, rooms, seats, sessions, streams, tickets,
        users,
    },
};
use crate::{OpenOptions, Role, testing::postgres::Database};

/// Tables that a sale or a crowd makes long. The others have a row or two for each session.
const LONG: [&str; 11] = [
    "audit_log",
    "batches",
    "callbacks",
    "holds",
    "orders",
    "outbox",
    "payments",
    "places",
    "seats",
    "tickets",
    "users",
];

/// 5,000 holds with everything that belongs to them, nine tenths of them in one session of twenty.
const FILL: &str = "
CREATE FUNCTION pg_temp.id(n bigint) RETURNS uuid LANGUAGE sql AS
    $$ SELECT (lpad(to_hex(n), 12, '0') || '70008000000000000000')::uuid $$;
CREATE FUNCTION pg_temp.of(n bigint) RETURNS uuid LANGUAGE sql AS
    $$ SELECT pg_temp.id(CASE WHEN n % 10 < 9 THEN 1 ELSE 1 + n % 20 END) $$;
INSERT INTO users SELECT pg_temp.id(n), 'person-' || n || '@example.com', 'hash', 'USER', now()
    FROM generate_series(1, 5000) n;
INSERT INTO events SELECT pg_temp.id(n), 'title', '', 'venue', 'PUBLISHED', now(), now(), 0, '' FROM generate_series(1, 5) n;
INSERT INTO sessions SELECT pg_temp.id(n), pg_temp.id(1 + n % 5), now(), NULL, NULL, 'QUANTITY', 9000, 0, 4000, 5000, 1, 'KRW', 1,
    120, 'OPEN', 'ON', NULL, NULL, 1, 1, NULL, 1, now(), now(), 0, '' FROM generate_series(1, 20) n;
INSERT INTO rooms SELECT pg_temp.id(n), 1, 1, 1, '[]', now(), 0, 0, n % 2, 0 FROM generate_series(1, 20) n;
INSERT INTO places SELECT pg_temp.of(n), n, pg_temp.id(n), now(), false, CASE WHEN n % 3 = 0 THEN 'LEFT' ELSE 'IN' END
    FROM generate_series(1, 5000) n;
INSERT INTO seats SELECT pg_temp.of(n), 'A' || n, '', '', n, NULL, NULL, 'AVAILABLE', NULL FROM generate_series(1, 5000) n;
INSERT INTO holds SELECT pg_temp.of(n), pg_temp.id(n), pg_temp.id(n), 1, NULL, 1, 'KRW', 'key', '',
    CASE n % 2 WHEN 0 THEN 'ACTIVE' ELSE 'CONFIRMED' END, NULL, NULL, now(), now() + n * interval '1 s', NULL
    FROM generate_series(1, 5000) n;
INSERT INTO orders SELECT pg_temp.of(n), pg_temp.id(n), pg_temp.id(n), pg_temp.id(n), pg_temp.id(n), 1, NULL, 1, 'KRW', 'PAID',
    now(), now(), now() FROM generate_series(1, 5000) n;
INSERT INTO payments SELECT pg_temp.of(n), pg_temp.id(n), pg_temp.id(n), pg_temp.id(n), pg_temp.id(n), 'CARD', 1, 'KRW', 'pg_' || n,
    'url', 'SUCCEEDED', now(), now() FROM generate_series(1, 5000) n;
INSERT INTO callbacks SELECT pg_temp.id(n), 'pg_' || n, 'SUCCESS', 1, 'KRW', '{}', CASE WHEN n % 50 > 0 THEN pg_temp.id(n) END,
    now() FROM generate_series(1, 5000) n;
INSERT INTO tickets SELECT pg_temp.of(n), pg_temp.id(n), pg_temp.id(n), pg_temp.id(1), pg_temp.id(n), NULL, 'VALID', now()
    FROM generate_series(1, 5000) n;
INSERT INTO outbox SELECT pg_temp.of(n), pg_temp.id(n), pg_temp.id(n), 'refund_' || n, CASE WHEN n % 50 > 0 THEN 'DONE' ELSE 'PENDING' END,
    0, now(), NULL, now(), NULL FROM generate_series(1, 5000) n;
INSERT INTO streams VALUES ('users', 0, ''), ('callbacks', 0, '');
INSERT INTO audit_log SELECT pg_temp.of(n), 'SESSION', n, now(), 'operator', 'hold.placed', 'x', '{}', NULL, ''
    FROM generate_series(1, 5000) n;
INSERT INTO batches SELECT pg_temp.id(n), true, now() - n * interval '1 s' FROM generate_series(1, 5000) n;
";

/// Every statement of the tables' files.
fn statements() -> BTreeSet<&'static str> {
    let tables = [
        audit::statements(),
        callbacks::statements(),
        events::statements(),
        holds::statements(),
        orders::statements(),
        outbox::statements(),
        payments::statements(),
        places::statements(),
        rooms::statements(),
        seats::statements(),
        sessions::statements(),
        streams::statements(),
        tickets::statements(),
        users::statements(),
    ];
    tables.into_iter().flatten().chain(batches::STATEMENTS).collect()
}

/// What batches read, as they ask for it: every kind of lock and of read there is.
fn read_in_batches() -> BTreeSet<&'static str> {
    let (session_id, user_id, hold) = (session(1, 1).id, user(1).id, hold(1, 1));
    let locks = [StreamId::Session(session_id), StreamId::Event(event(1).id), StreamId::Users];
    let reads = [
        Read::Stream(StreamId::Users),
        Read::User(user_id),
        Read::UserByEmail(user(1).email),
        Read::Event(event(1).id),
        Read::Session(session_id),
        Read::Room(session_id),
        Read::Place(session_id, 1),
        Read::PlaceOfUser(session_id, user_id),
        Read::Places { session_id, after: 0, limit: 10 },
        Read::Seat(session_id, seat(1, "A1", None).id),
        Read::Hold(session_id, hold.id),
        Read::HoldsOfUser(session_id, user_id),
        Read::EarliestHolds { session_id, limit: 10 },
        Read::Order(session_id, order(1, 1).id),
        Read::Payment(session_id, payment(1, 1).id),
        Read::Callback(CallbackId::from_uuid(user_id.uuid())),
        Read::Outbox(session_id, message(1, 1).id),
    ];
    let loads = load::locks(&locks, &reads).into_iter().chain(load::reads(&reads, &[]));
    loads.map(|load| load.query.sql).collect()
}

fn is_write(sql: &str) -> bool {
    sql.starts_with("INSERT") || sql.starts_with("WITH done AS (UPDATE") || batches::STATEMENTS.contains(&sql)
}

#[tokio::test]
async fn explore() {
    let Some(database) = Database::migrated().await else { return };
    let store = PostgresStore::open(database.url(), OpenOptions::new(Role::Tool)).unwrap();
    let reader = store.readers.get().await.unwrap();
    let writer = store.writers.get().await.unwrap();
    let other = crate::testing::postgres::connect(database.url()).await;
    for when in ["EMPTY", "FILLED", "ANALYSED"] {
        if when == "FILLED" {
            other.batch_execute(FILL).await.unwrap();
        }
        if when == "ANALYSED" {
            other.batch_execute("ANALYZE").await.unwrap();
        }
        let in_batches = read_in_batches();
        for (n, sql) in statements().into_iter().enumerate() {
            for (name, client, modes) in [
                ("writer", &**writer, vec!["force_generic_plan"]),
                ("reader", &**reader, vec!["force_generic_plan"]),
            ] {
                if name == "writer" && !(is_write(sql) || in_batches.contains(sql)) {
                    continue;
                }
                if name == "reader" && (is_write(sql)) {
                    continue;
                }
                for mode in modes {
                    client.batch_execute(&format!("SET plan_cache_mode = {mode}")).await.unwrap();
                    let params = client.prepare(sql).await.unwrap().params().to_vec();
                    let values: Vec<_> = params.iter().map(literal).collect();
                    let values = if values.is_empty() { String::new() } else { format!("({})", values.join(", ")) };
                    client.batch_execute(&format!("PREPARE p AS {sql}")).await.unwrap();
                    let rows = client.query(&format!("EXPLAIN EXECUTE p{values}"), &[]).await.unwrap();
                    client.batch_execute("DEALLOCATE p").await.unwrap();
                    println!("### {when} {name} {mode} {n} {}", &sql);
                    for row in rows {
                        println!("    {}", row.get::<_, String>(0));
                    }
                }
            }
        }
    }
}

fn literal(ty: &Type) -> String {
    let id = "'00000000-0001-7000-8000-000000000000'";
    match *ty {
        Type::UUID => format!("{id}::uuid"),
        Type::TEXT => "'ACTIVE'".into(),
        Type::INT8 => "50".into(),
        Type::TIMESTAMPTZ => "now()".into(),
        Type::BOOL => "true".into(),
        Type::UUID_ARRAY => format!("ARRAY[{id}::uuid]"),
        Type::TEXT_ARRAY => "ARRAY['ACTIVE']".into(),
        Type::INT8_ARRAY => "ARRAY[50::bigint]".into(),
        Type::TIMESTAMPTZ_ARRAY => "ARRAY[now()]".into(),
        Type::BOOL_ARRAY => "ARRAY[true]".into(),
        Type::BYTEA_ARRAY => r"ARRAY['\x00'::bytea]".into(),
        Type::JSONB_ARRAY => "ARRAY['[]'::jsonb]".into(),
        _ => panic!("{ty}"),
    }
}
