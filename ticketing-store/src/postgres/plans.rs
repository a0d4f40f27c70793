//! Every statement finds its rows by an index: in an empty database that was never analysed, in a filled one,
//! and in one whose statistics know that one session has nearly all the rows.

use serde_json::Value;
use tokio_postgres::Client;

use super::{
    PostgresStore, batches,
    tables::{
        audit, callbacks, events, holds, logins, orders, outbox, payments, places, rooms, seats, sessions, streams,
        tickets, users,
    },
};
use crate::{
    OpenOptions, Role,
    testing::postgres::{Database, connect},
};

/// 5,000 rows of everything that a sale or a crowd makes, nine tenths of them in one of twenty sessions. With
/// only two sessions among them, statistics make the session look like a column that tells nothing.
const FILL: &str = "
    CREATE FUNCTION pg_temp.id(n bigint) RETURNS uuid LANGUAGE sql AS $$ SELECT lpad(to_hex(n), 32, '0')::uuid $$;
    CREATE FUNCTION pg_temp.of(n bigint) RETURNS uuid LANGUAGE sql AS
        $$ SELECT pg_temp.id(CASE WHEN n % 10 > 0 THEN 1 ELSE 2 END) $$;
    INSERT INTO users SELECT pg_temp.id(n), n || '@example.com', '', 'USER', now() FROM generate_series(1, 5000) n;
    INSERT INTO logins SELECT pg_temp.id(n), pg_temp.id(n), decode(repeat('00', 32), 'hex'), NULL, now(), now(), now(), NULL
        FROM generate_series(1, 5000) n;
    INSERT INTO events SELECT pg_temp.id(n), '', '', '', 'PUBLISHED', now(), now(), 0, '' FROM generate_series(1, 5) n;
    INSERT INTO sessions SELECT pg_temp.id(n), pg_temp.id(1 + n % 5), now(), NULL, NULL, 'QUANTITY', 2, 0, 1, 1, 1, 'KRW',
            1, 120, 'OPEN', 'ON', NULL, NULL, 1, 1, NULL, 1, now(), now(), 0, '' FROM generate_series(1, 20) n;
    INSERT INTO rooms SELECT pg_temp.id(n), 1, 1, 1, '[]', now(), 0, 0, n % 2, 0 FROM generate_series(1, 20) n;
    INSERT INTO places SELECT pg_temp.of(n), n, pg_temp.id(n), now(), false, CASE WHEN n % 3 > 0 THEN 'IN' ELSE 'LEFT' END
        FROM generate_series(1, 5000) n;
    INSERT INTO seats SELECT pg_temp.of(n), 'A' || n, '', '', n, NULL, NULL, 'AVAILABLE', NULL
        FROM generate_series(1, 5000) n;
    INSERT INTO holds SELECT pg_temp.of(n), pg_temp.id(n), pg_temp.id(n), 1, NULL, 1, 'KRW', 'key', '',
            CASE WHEN n % 2 > 0 THEN 'ACTIVE' ELSE 'CONFIRMED' END, NULL, NULL, now(), now() + n * interval '1 s', NULL
        FROM generate_series(1, 5000) n;
    INSERT INTO orders SELECT pg_temp.of(n), pg_temp.id(n), pg_temp.id(n), pg_temp.id(n), pg_temp.id(n), 1, NULL, 1, 'KRW',
            'PAID', now(), now(), now() FROM generate_series(1, 5000) n;
    INSERT INTO payments SELECT pg_temp.of(n), pg_temp.id(n), pg_temp.id(n), pg_temp.id(n), pg_temp.id(n), 'CARD', 1, 'KRW',
            n::text, '', 'SUCCEEDED', now(), now() FROM generate_series(1, 5000) n;
    INSERT INTO callbacks SELECT pg_temp.id(n), n::text, 'SUCCESS', 1, 'KRW', '{}', CASE WHEN n % 50 > 0 THEN pg_temp.id(n) END,
            now() FROM generate_series(1, 5000) n;
    INSERT INTO tickets SELECT pg_temp.of(n), pg_temp.id(n), pg_temp.id(n), pg_temp.id(1), pg_temp.id(n), NULL, 'VALID', now()
        FROM generate_series(1, 5000) n;
    INSERT INTO outbox SELECT pg_temp.of(n), pg_temp.id(n), pg_temp.id(n), n::text,
            CASE WHEN n % 50 > 0 THEN 'DONE' ELSE 'PENDING' END, 0, now(), NULL, now(), NULL FROM generate_series(1, 5000) n;
    INSERT INTO streams VALUES ('users', 0, ''), ('callbacks', 0, '');
    INSERT INTO audit_log SELECT pg_temp.of(n), 'SESSION', n, now(), '', '', '', '{}', NULL, ''
        FROM generate_series(1, 5000) n;
    INSERT INTO batches SELECT pg_temp.id(n), true, now() - n * interval '1 s' FROM generate_series(1, 5000) n;
";

fn statements() -> impl Iterator<Item = &'static str> {
    let tables = [
        audit::statements(),
        callbacks::statements(),
        events::statements(),
        holds::statements(),
        logins::statements(),
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
    tables.into_iter().flatten().chain(batches::STATEMENTS)
}

/// The nodes of a plan that is made for any values.
async fn plan(client: &Client, sql: &str) -> Vec<Value> {
    let nulls = vec!["NULL"; client.prepare(sql).await.unwrap().params().len()].join(", ");
    let nulls = if nulls.is_empty() { nulls } else { format!("({nulls})") };
    client.batch_execute(&format!("PREPARE explained AS {sql}")).await.unwrap();
    let row = client.query_one(&format!("EXPLAIN (FORMAT JSON) EXECUTE explained{nulls}"), &[]).await.unwrap();
    client.batch_execute("DEALLOCATE explained").await.unwrap();
    let (mut nodes, mut inner) = (vec![], vec![row.get::<_, Value>(0)[0]["Plan"].clone()]);
    while let Some(mut node) = inner.pop() {
        if let Some(Value::Array(plans)) = node.as_object_mut().unwrap().remove("Plans") {
            inner.extend(plans);
        }
        nodes.push(node);
    }
    nodes
}

/// Runs `check` on connections as the store uses them, while the database goes through its states.
async fn in_every_state(check: impl AsyncFn(&Client, &str)) {
    let Some(database) = Database::migrated().await else { return };
    for (change, state) in [("", "empty"), (FILL, "filled"), ("ANALYZE", "analysed")] {
        connect(database.url()).await.batch_execute(change).await.unwrap();
        // Newly opened, since a plan that was made once is kept.
        let store = PostgresStore::open(database.url(), OpenOptions::new(Role::Tool)).unwrap();
        check(&store.writers.get().await.unwrap(), &format!("{state}, to write")).await;
        check(&store.readers.get().await.unwrap(), &format!("{state}, to read")).await;
    }
}

/// Walked on purpose: sessions are few beside their holds, of streams there are two, and so many of the latest batches
/// are passed over now and then.
fn is_walk(sql: &str, node: &Value) -> bool {
    let table = node["Relation Name"].as_str();
    table == Some("streams")
        || (sql == sessions::TO_SWEEP.as_str() && table == Some("sessions"))
        || (sql == batches::FORGET && node["Alias"] == "latest")
}

#[tokio::test]
async fn every_statement_finds_its_rows_by_an_index() {
    in_every_state(async |client, state| {
        for sql in statements() {
            for node in plan(client, sql).await {
                let kind = node["Node Type"].as_str().unwrap();
                assert_ne!(kind, "Seq Scan", "{state}: {node}\n{sql}");
                let finds = !kind.starts_with("Index") || node["Index Cond"].is_string();
                assert!(finds || is_walk(sql, &node), "{state}: {node}\n{sql}");
            }
        }
    })
    .await;
}

/// It finds rows with this condition in this index, and sorts nothing.
#[track_caller]
fn check(nodes: &[Value], sql: &str, index: &str, condition: &str) {
    let found = nodes.iter().find(|node| node["Index Name"] == index);
    assert!(found.is_some_and(|node| node["Index Cond"] == condition), "{index}: {nodes:#?}\n{sql}");
    assert!(!nodes.iter().any(|node| node["Node Type"] == "Sort"), "{nodes:#?}\n{sql}");
}

#[tokio::test]
async fn hot_statements_read_in_the_order_of_their_index() {
    let hot: [(&str, &str, &str); 20] = [
        (&sessions::LOCK, "sessions_pkey", "(id = ANY ($1))"),
        (&events::LOCK, "events_pkey", "(id = ANY ($1))"),
        (&streams::LOCK, "streams_pkey", "(stream = ANY ($1))"),
        (&holds::OF_USERS, "holds_of_user", "((session_id = k.session_id) AND (user_id = k.user_id))"),
        (&holds::EARLIEST, "holds_due", "(session_id = $1)"),
        (&holds::OVERDUE, "holds_due", "((session_id = $1) AND (expires_at <= $2))"),
        (&holds::BY_IDS, "holds_by_id", "(id = ANY ($1))"),
        (&holds::OF_SESSION, "holds_pkey", "(session_id = ANY (ARRAY[$1]))"),
        (&holds::PAGE_OF_SESSION, "holds_pkey", "((session_id = ANY (ARRAY[$4])) AND (id > $1))"),
        (&places::OF_USERS, "places_of_user", "((session_id = k.session_id) AND (user_id = k.user_id))"),
        (&places::BY_NUMBERS, "places_pkey", "((session_id = k.session_id) AND (number = k.number))"),
        (&places::BEHIND, "places_pkey", "((session_id = $1) AND (number > $2))"),
        (&sessions::VIEW_BY_ID, "holds_due", "((session_id = t.id) AND (expires_at <= $1))"),
        (&sessions::VIEW_PAGE_OF_EVENT, "sessions_of_event", "((event_id = ANY (ARRAY[$4])) AND (id > $2))"),
        (&sessions::TO_SWEEP, "holds_due", "((session_id = s.id) AND (expires_at <= $1))"),
        (&rooms::TO_ADMIT, "rooms_pkey", "(session_id > $1)"),
        (&outbox::DUE, "outbox_due", "(next_attempt_at <= $1)"),
        (&orders::OF_USER, "orders_of_user", "(user_id = $3)"),
        (&tickets::VIEW_OF_USER, "tickets_of_user", "(user_id = $3)"),
        (&audit::FROM, "audit_log_pkey", "((stream_id = $1) AND (stream_kind = $2) AND (seq >= $3))"),
    ];
    in_every_state(async |client, _| {
        for (sql, index, condition) in hot {
            check(&plan(client, sql).await, sql, index, condition);
        }
    })
    .await;
}

#[tokio::test]
async fn a_commit_reaches_the_disk_whatever_the_database_says() {
    let Some(database) = Database::migrated().await else { return };
    let direct = connect(database.url()).await;
    for (set, expected) in [("off", "on"), ("on", "on"), ("remote_apply", "remote_apply")] {
        let alter = format!(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = {set}', current_database()); END $$"
        );
        direct.batch_execute(&alter).await.unwrap();
        let store = PostgresStore::open(database.url(), OpenOptions::new(Role::Tool)).unwrap();
        let row = store.writers.get().await.unwrap().query_one("SHOW synchronous_commit", &[]).await.unwrap();
        assert_eq!(row.get::<_, String>(0), expected, "the database says {set}");
    }
}
