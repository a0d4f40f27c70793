//! The role of docs/stores.md can sell, and can neither drop a table nor change what was logged.

mod support;

use std::sync::Arc;

use support::write;
use ticketing_core::{
    command::{RefundReason, Settlement},
    engine::{CallbackOutcome, NewUser, RedeemRequest},
    event::EventStatus,
    payment::{CallbackReport, PaymentStatus},
    store::{PageRequest, StoreError},
    testing::{
        Harness, SimClock,
        harness::{ALICE, BOB, CAROL, OPERATOR, buyer, refusal},
        records,
    },
    user::{Role as UserRole, User},
    waiting_room::QueuePolicy,
};
use ticketing_store::{
    OpenOptions, Role, open,
    testing::postgres::{Cluster, connect},
};
use tokio_postgres::error::SqlState;

const ROLE: &str = "ticketing_server";

/// The block of SQL behind the marker that names this test.
fn grants() -> &'static str {
    let docs = include_str!("../../docs/stores.md");
    let (_, behind) = docs.split_once("<!-- run by ticketing-store/tests/postgres_grants.rs -->\n```sql\n").unwrap();
    behind.split_once("\n```").unwrap().0
}

/// A server with the engine's tables, and the docs' role on it.
async fn granted() -> Option<Cluster> {
    let cluster = Cluster::start(&[]).await?;
    open(&cluster.url("postgres"), OpenOptions::new(Role::Tool)).unwrap().migrate().await.unwrap();
    cluster.execute("postgres", grants()).await;
    Some(cluster)
}

fn as_role(cluster: &Cluster) -> String {
    cluster.url("postgres").replace("postgres@", &format!("{ROLE}@"))
}

async fn shop(cluster: &Cluster) -> Harness {
    let clock = Arc::new(SimClock::new());
    let options = OpenOptions { clock: Some(Arc::clone(&clock) as _), ..OpenOptions::new(Role::Server) };
    // Migrating finds nothing to do, and needs no right to.
    Harness::over(open(&as_role(cluster), options).unwrap(), clock).await
}

#[tokio::test]
async fn the_role_of_the_docs_sells() {
    let Some(cluster) = granted().await else { return };
    let h = shop(&cluster).await;
    let User { email, password_hash, .. } = records::user(1);
    let new = NewUser { email, password_hash, role: UserRole::User };
    let user = refusal(h.engine.create_user(OPERATOR, new).await).unwrap();
    refusal(h.engine.set_role(OPERATOR, user.id, UserRole::Staff).await).unwrap();

    h.session(4).await;
    h.buy(ALICE, "a", 2).await;
    let released = h.hold(BOB, "b", 2).await.unwrap().hold;
    h.release(BOB, released.id).await.unwrap();
    // A payment that comes when its hold is over and its tickets are sold: given back, by way of the outbox.
    let late = h.held_and_checked_out(BOB, "c", 2).await;
    h.advance(121);
    h.tick().await;
    h.buy(CAROL, "d", 2).await;
    assert_eq!(h.pay(&late).await, Settlement::RefundRequested(RefundReason::StockGone));
    h.tick().await;
    assert_eq!(h.payment_record(&late).await.status, PaymentStatus::Refunded);

    // A callback about nobody's payment: kept.
    let stranger = CallbackReport::success("nobodys".parse().unwrap());
    assert_eq!(h.callback(stranger).await, CallbackOutcome::Unmatched);
    h.set_event_status(EventStatus::Archived).await;

    h.queue_session(10, QueuePolicy::default()).await;
    let token = h.token(ALICE).await;
    h.hold_with(ALICE, "e", 1, &token).await.unwrap();
    let token = h.token(BOB).await;
    h.leave(BOB, &token).await.unwrap();

    h.seated(&["A1", "A2"]).await;
    h.hold_seats(CAROL, "f", &["A1"]).await.unwrap();

    let login = h.engine.start_login(OPERATOR, user.id, [7; 32], 1_000).await.unwrap();
    let refreshed = refusal(h.engine.refresh(OPERATOR, &login.token.text()).await).unwrap();
    h.engine.logout(OPERATOR, &refreshed.next.token.text()).await.unwrap();

    h.session(4).await;
    h.buy(ALICE, "g", 1).await;
    let ticket = h.tickets(ALICE).await.remove(0);
    let (code, nonce) = (h.engine.ticket_code(&ticket), "n1".parse().unwrap());
    let scan = RedeemRequest { caller: OPERATOR, code, nonce, session_id: None };
    assert_eq!(refusal(h.engine.redeem(scan).await).unwrap().ticket.id, ticket.id);
    let open = h.buy(BOB, "h", 1).await;
    h.engine.refund_order(OPERATOR, open.order.id).await.unwrap();
    h.tick().await;
    h.verify().await;
    h.engine.shutdown().await;
}

#[tokio::test]
async fn the_role_of_the_docs_forgets_old_batches_but_not_the_latest() {
    let Some(cluster) = granted().await else { return };
    let h = shop(&cluster).await;
    // As if the clock had jumped since the most of them.
    cluster
        .execute(
            "postgres",
            "INSERT INTO batches SELECT gen_random_uuid(), true, \
             now() - CASE WHEN n = 0 THEN interval '1 day' ELSE interval '2 hours' END FROM generate_series(0, 7900) n",
        )
        .await;
    for n in 0..512 {
        write(&*h.store, vec![], move |snapshot| snapshot.add_user(records::user(n))).await.unwrap();
    }
    let older_than = async |age: &str| {
        let count = format!("SELECT count(*) FROM batches WHERE at < now() - interval '{age}'");
        cluster.query_one_i64("postgres", &count).await
    };
    assert_eq!((older_than("3 hours").await, older_than("1 hour").await > 7_000), (0, true));
}

#[tokio::test]
async fn the_role_of_the_docs_takes_nothing_away() {
    let Some(cluster) = granted().await else { return };
    let h = shop(&cluster).await;
    h.session(10).await;
    h.buy(buyer(1), "k", 1).await;
    let role = connect(&as_role(&cluster)).await;
    let tables = "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";
    let tables: Vec<String> = role.query(tables, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert!(tables.len() > 14, "{tables:?}");
    let refused = async |sql: String| {
        let error = role.batch_execute(&sql).await.expect_err(&sql);
        assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{sql}: {error:?}");
    };
    for table in &tables {
        refused(format!("DROP TABLE {table}")).await;
        refused(format!("TRUNCATE {table}")).await;
        refused(format!("ALTER TABLE {table} ADD COLUMN more int")).await;
        if table != "batches" {
            refused(format!("DELETE FROM {table}")).await;
        }
    }
    refused("UPDATE audit_log SET actor = 'nobody'".to_owned()).await;
    refused("UPDATE audit_log SET meta = '{}' WHERE seq = 0".to_owned()).await;
    for fixed in ["user_id = gen_random_uuid()", "seat_id = 'A1'", "issued_at = now()", "order_id = gen_random_uuid()"]
    {
        refused(format!("UPDATE tickets SET {fixed}")).await;
    }
    refused("UPDATE refinery_schema_history SET checksum = '0'".to_owned()).await;
    refused("CREATE TABLE mine (n int)".to_owned()).await;
    refused("CREATE OR REPLACE VIEW hold_view AS SELECT 1".to_owned()).await;
    refused("DROP FUNCTION ticketing_expect".to_owned()).await;
    refused("ALTER TABLE holds DISABLE TRIGGER ALL".to_owned()).await;
    h.verify().await;
}

#[tokio::test]
async fn the_role_of_the_docs_reads_tables_of_later_versions_and_migrates_none() {
    let Some(cluster) = granted().await else { return };
    cluster
        .execute("postgres", "CREATE TABLE later (n int); DELETE FROM refinery_schema_history WHERE version > 1")
        .await;
    connect(&as_role(&cluster)).await.batch_execute("SELECT n FROM later").await.unwrap();

    let store = open(&as_role(&cluster), OpenOptions::new(Role::Server)).unwrap();
    let refused = store.migrate().await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable { .. }), "{refused:?}");
    store.events(None, PageRequest::first()).await.unwrap();
}
