//! Every statement finds its rows by an index: with and without statistics, empty and filled.

use rusqlite::{Connection, StatementStatus, params};

use super::{
    batches, connection, schema,
    tables::{
        audit, callbacks, events, holds, logins, orders, outbox, payments, places, rooms, seats, sessions, streams,
        tickets, users,
    },
};

/// Statements that walk a whole list on purpose, by the index named.
const WALKS: &[(&str, &str)] = &[(sessions::TO_SWEEP, "SCAN s USING INDEX sessions_with_holds")];

fn statements() -> impl Iterator<Item = &'static str> {
    let tables = [
        audit::STATEMENTS,
        callbacks::STATEMENTS,
        events::STATEMENTS,
        holds::STATEMENTS,
        logins::STATEMENTS,
        orders::STATEMENTS,
        outbox::STATEMENTS,
        payments::STATEMENTS,
        places::STATEMENTS,
        rooms::STATEMENTS,
        seats::STATEMENTS,
        sessions::STATEMENTS,
        streams::STATEMENTS,
        tickets::STATEMENTS,
        users::STATEMENTS,
        &[batches::PUT],
    ];
    tables.into_iter().flatten().copied()
}

fn plan(connection: &Connection, sql: &str) -> Vec<String> {
    let mut explained = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let nulls = vec![rusqlite::types::Null; explained.parameter_count()];
    let rows = explained.query_map(rusqlite::params_from_iter(nulls), |row| row.get(3)).unwrap();
    rows.map(Result::unwrap).collect()
}

#[track_caller]
fn check_all(connection: &Connection, when: &str) {
    for sql in statements() {
        for step in plan(connection, sql) {
            let walk = WALKS.iter().any(|(walked, how)| *walked == sql && step == *how);
            assert!(walk || !step.starts_with("SCAN"), "{when}: {step}\n{sql}");
        }
    }
}

#[track_caller]
fn check_sorts_nothing(connection: &Connection, sql: &str, index: &str) {
    let steps = plan(connection, sql);
    assert!(steps.iter().any(|step| step.contains(index)), "{steps:?}\n{sql}");
    assert!(!steps.iter().any(|step| step.contains("TEMP B-TREE")), "{steps:?}\n{sql}");
}

fn migrated() -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    schema::run(&mut connection).unwrap();
    connection
}

#[test]
fn every_statement_uses_an_index_without_statistics() {
    check_all(&migrated(), "without statistics");
}

#[test]
fn every_statement_uses_an_index_with_statistics() {
    let connection = migrated();
    // One session has nearly all the holds: the case in which statistics make its column look useless.
    connection
        .execute_batch(
            "INSERT INTO holds SELECT randomblob(16), x'01', randomblob(16), 1, NULL, 1, 'KRW', 'k', x'00', \
               CASE value % 2 WHEN 0 THEN 'ACTIVE' ELSE 'EXPIRED' END, NULL, NULL, 1, value, NULL, NULL, NULL \
               FROM json_each('[' || substr(replace(hex(zeroblob(500)), '00', ',1'), 2) || ']');
             INSERT INTO audit_log SELECT 's', key, 1, 'a', 'b', 'c', '{}', NULL, x'00' \
               FROM json_each('[' || substr(replace(hex(zeroblob(500)), '00', ',1'), 2) || ']');
             INSERT INTO places SELECT x'01', key + 1, randomblob(16), 1, 0, 'IN' \
               FROM json_each('[' || substr(replace(hex(zeroblob(500)), '00', ',1'), 2) || ']');
             ANALYZE;",
        )
        .unwrap();
    check_all(&connection, "with statistics");
}

#[test]
fn hot_statements_read_in_the_order_of_their_index() {
    let connection = migrated();
    check_sorts_nothing(&connection, holds::OF_USER, "holds_of_user (session_id=? AND user_id=?)");
    check_sorts_nothing(&connection, holds::EARLIEST, "holds_due (session_id=?)");
    check_sorts_nothing(&connection, holds::OVERDUE, "COVERING INDEX holds_due (session_id=? AND expires_at<?)");
    check_sorts_nothing(&connection, sessions::VIEW_BY_ID, "COVERING INDEX holds_due (session_id=? AND expires_at<?)");
    check_sorts_nothing(&connection, sessions::TO_SWEEP, "holds_due (session_id=? AND expires_at<?)");
    check_sorts_nothing(&connection, places::OF_USER, "places_of_user (session_id=? AND user_id=?)");
    check_sorts_nothing(&connection, places::GIVEN_UP, "places_given_up (session_id=? AND number>?)");
    check_sorts_nothing(&connection, places::BEHIND, "PRIMARY KEY (session_id=? AND number>?)");
    check_sorts_nothing(&connection, rooms::TO_ADMIT, "rooms_with_people (session_id>?)");
    check_sorts_nothing(&connection, outbox::DUE, "outbox_due (next_attempt_at<?)");
    check_sorts_nothing(&connection, audit::FROM, "PRIMARY KEY (stream=? AND seq>?)");
    check_sorts_nothing(&connection, orders::OF_USER, "orders_of_user (user_id=? AND id<?)");
    check_sorts_nothing(&connection, tickets::VIEW_OF_USER, "tickets_of_user (user_id=? AND id<?)");
}

#[test]
fn what_is_bound_does_not_have_a_statement_compiled_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ticketing.db");
    connection::prepare(&path).unwrap();
    let mut connection = connection::writer(&path).unwrap();
    schema::run(&mut connection).unwrap();
    let mut statement = connection.prepare(holds::OF_USER).unwrap();
    for limit in [10, 20, 30] {
        assert!(!statement.exists(params![[1_u8; 16], [2_u8; 16], limit]).unwrap());
    }
    assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
}

#[test]
fn a_commit_reaches_the_disk_before_it_is_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ticketing.db");
    connection::prepare(&path).unwrap();
    let connection = connection::writer(&path).unwrap();
    let ask = |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, rusqlite::types::Value>(0)).unwrap();
    assert_eq!(ask("PRAGMA journal_mode"), "wal".to_owned().into());
    assert_eq!(ask("PRAGMA synchronous"), 2.into());
}
