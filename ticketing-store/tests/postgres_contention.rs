//! Others are in the way, or the server says no: what a batch does about it, by the code of the error alone.

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use support::{batch, count_users, decide, ground, write};
use ticketing_core::{
    audit::StreamId,
    store::{Backend, BatchHeader, BatchOutcome, Receipt, Snapshot, StoreError},
    testing::records,
};
use ticketing_store::{
    OpenOptions, Role, open,
    testing::postgres::{Database, connect},
};
use tokio::{task::JoinHandle, time::Instant};
use tokio_postgres::Client;

/// A store with two sessions, and somebody else who is connected to its database.
struct Shop {
    store: Arc<dyn Backend>,
    other: Client,
    watch: Client,
    /// Is dropped last.
    _database: Database,
}

impl Shop {
    async fn new() -> Option<Self> {
        let database = Database::migrated().await?;
        let store = open(database.url(), OpenOptions::new(Role::Server)).unwrap();
        ground(&*store).await;
        write(&*store, vec![], |snapshot| snapshot.sessions.put(records::session(2, 1))).await.unwrap();
        let (other, watch) = (connect(database.url()).await, connect(database.url()).await);
        Some(Self { store, other, watch, _database: database })
    }

    /// Somebody else locks the `n`-th session.
    async fn lock(&self, n: u32) {
        self.other
            .execute("SELECT FROM sessions WHERE id = $1 FOR UPDATE", &[&records::session(n, 1).id.uuid()])
            .await
            .unwrap();
    }

    /// A batch that locks both sessions and adds the `n`-th account, on its way.
    fn add(&self, n: u32) -> JoinHandle<Result<Receipt, StoreError>> {
        let locks = vec![session_stream(1), session_stream(2)];
        let header = BatchHeader { locks, ..batch(vec![]) };
        let store = Arc::clone(&self.store);
        tokio::spawn(async move {
            store.transact(header, decide(move |snapshot| snapshot.add_user(records::user(n)))).await
        })
    }

    /// The connection that waits for a lock, once one does that is not `before`.
    async fn waiter(&self, before: Option<i32>) -> i32 {
        let sql = "SELECT pid FROM pg_stat_activity \
                   WHERE datname = current_database() AND wait_event_type = 'Lock' AND pid <> coalesce($1, 0)";
        let patience = async {
            loop {
                if let Some(row) = self.watch.query_opt(sql, &[&before]).await.unwrap() {
                    return row.get(0);
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), patience).await.expect("nobody waits for a lock")
    }
}

fn session_stream(n: u32) -> StreamId {
    StreamId::Session(records::session(n, 1).id)
}

#[tokio::test]
async fn a_batch_waits_for_a_lock_that_another_holds_for_a_second() {
    let Some(shop) = Shop::new().await else { return };
    shop.other.batch_execute("BEGIN").await.unwrap();
    shop.lock(1).await;
    let added = shop.add(1);
    shop.waiter(None).await;
    shop.other.batch_execute("SELECT pg_sleep(1); COMMIT").await.unwrap();
    added.await.unwrap().unwrap();
    assert_eq!(count_users(&*shop.store).await, 1);
}

#[tokio::test]
async fn a_batch_tries_again_for_a_lock_that_it_waited_for_in_vain() {
    let Some(shop) = Shop::new().await else { return };
    shop.other.batch_execute("BEGIN").await.unwrap();
    shop.lock(1).await;
    let started = Instant::now();
    let added = shop.add(1);
    let first = shop.waiter(None).await;
    // It leaves the line, and stands in it again, over another connection.
    shop.waiter(Some(first)).await;
    assert!(started.elapsed() > Duration::from_secs(2), "it left after {:?}", started.elapsed());
    shop.other.batch_execute("COMMIT").await.unwrap();
    added.await.unwrap().unwrap();
    assert_eq!(count_users(&*shop.store).await, 1);
}

#[tokio::test]
async fn a_lock_that_is_never_given_up_ends_a_batch_unwritten() {
    let Some(shop) = Shop::new().await else { return };
    shop.other.batch_execute("BEGIN").await.unwrap();
    shop.lock(1).await;
    let started = Instant::now();
    let refused = shop.add(1).await.unwrap().unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable { .. }), "{refused:?}");
    assert!(started.elapsed() < Duration::from_secs(10), "it took {:?}", started.elapsed());
    assert_eq!(count_users(&*shop.store).await, 0);
    shop.other.batch_execute("COMMIT").await.unwrap();
    shop.add(1).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_batch_that_ends_in_a_deadlock_is_tried_again() {
    let Some(shop) = Shop::new().await else { return };
    // The other locks in the wrong order, and leaves it to the batch to notice.
    shop.other.batch_execute("SET deadlock_timeout = '1min'; BEGIN").await.unwrap();
    shop.lock(2).await;
    let added = shop.add(1);
    shop.waiter(None).await;
    // Only when the batch has given up what it has, which is once it was told of the deadlock.
    shop.lock(1).await;
    assert!(!added.is_finished(), "the batch was not tried again");
    shop.other.batch_execute("COMMIT").await.unwrap();
    added.await.unwrap().unwrap();
    assert_eq!(count_users(&*shop.store).await, 1);
}

/// When the server fails.
#[derive(Debug, Clone, Copy)]
enum When {
    /// At a statement of the write.
    Writing,
    /// At the commit.
    Committing,
}

/// What a batch is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Written,
    Unavailable,
    Conflict,
    Corrupt,
    OutcomeUnknown,
}

/// The server fails `times` times with `code`; expects a batch to be told `told` after it was decided `decisions`
/// times, and to be written if and only if it is told so.
async fn fails(when: When, code: &str, times: u32, told: Told, decisions: u32) {
    let Some(shop) = Shop::new().await else { return };
    let deferred = match when {
        When::Writing => "",
        When::Committing => "DEFERRABLE INITIALLY DEFERRED",
    };
    // A sequence goes on, whatever becomes of the transaction.
    let fail = format!(
        "CREATE SEQUENCE failures;
         CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF NEW.committed AND nextval('failures') <= {times} THEN RAISE EXCEPTION 'of a test' USING ERRCODE = '{code}'; END IF;
             RETURN NEW;
         END $$;
         CREATE CONSTRAINT TRIGGER fails AFTER INSERT ON batches {deferred} FOR EACH ROW EXECUTE FUNCTION fail()"
    );
    shop.other.batch_execute(&fail).await.unwrap();
    let decided = Arc::new(AtomicU32::new(0));
    let counts = Arc::clone(&decided);
    let (header, what) = (batch(vec![]), format!("{when:?}: {code}"));
    let id = header.id;
    let answer = shop.store.transact(
        header,
        decide(move |snapshot: &mut Snapshot| {
            counts.fetch_add(1, Ordering::Relaxed);
            snapshot.add_user(records::user(1));
        }),
    );
    let seen = match answer.await {
        Ok(_) => Told::Written,
        Err(StoreError::Unavailable { .. }) => Told::Unavailable,
        Err(StoreError::Conflict { .. }) => Told::Conflict,
        Err(StoreError::Corrupt { .. }) => Told::Corrupt,
        Err(StoreError::OutcomeUnknown { .. }) => Told::OutcomeUnknown,
        Err(error) => panic!("{what}: {error}"),
    };
    assert_eq!((seen, decided.load(Ordering::Relaxed)), (told, decisions), "{what}");
    let outcome = shop.store.outcome(id).await.unwrap();
    assert_eq!(outcome == BatchOutcome::Committed, told == Told::Written, "{what}");
    assert_eq!(count_users(&*shop.store).await == 1, told == Told::Written, "{what}");
    write(&*shop.store, vec![], |snapshot| snapshot.add_user(records::user(2))).await.unwrap();
}

#[tokio::test]
async fn whoever_was_in_the_way_is_given_a_few_chances() {
    // A serialization failure, a deadlock, a lock not to be had, a statement that took too long.
    for code in ["40001", "40P01", "55P03", "57014"] {
        fails(When::Writing, code, 2, Told::Written, 3).await;
        fails(When::Committing, code, 2, Told::Written, 3).await;
        fails(When::Writing, code, 5, Told::Unavailable, 5).await;
    }
}

#[tokio::test]
async fn a_server_that_ends_a_write_half_way_is_asked_again() {
    // Ended by an administrator, a crash, a start, a standby, a connection that failed, one that idled for too long,
    // statements that are not prepared any more.
    for code in ["57P01", "57P02", "57P03", "25006", "08006", "25P03", "0A000", "26000"] {
        fails(When::Writing, code, 1, Told::Written, 2).await;
    }
}

#[tokio::test]
async fn a_server_without_room_or_rights_is_unavailable_at_once() {
    // A full disk, no memory, no connection to be had, no right.
    for code in ["53100", "53200", "53300", "42501"] {
        fails(When::Writing, code, 1, Told::Unavailable, 1).await;
    }
}

#[tokio::test]
async fn a_guard_that_speaks_is_a_conflict_at_once() {
    // Rows that are there, or not as they were read; values that cannot be stored.
    for code in ["23505", "23514", "23502", "TK001", "22P02", "54000"] {
        fails(When::Writing, code, 1, Told::Conflict, 1).await;
        fails(When::Committing, code, 1, Told::Conflict, 1).await;
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_corrupt_at_once() {
    // Tables that are not there, or not what they should be; a file that cannot be read.
    for code in ["42P01", "42703", "XX001"] {
        fails(When::Writing, code, 1, Told::Corrupt, 1).await;
    }
}

#[tokio::test]
async fn a_commit_that_failed_for_another_reason_may_have_happened() {
    for code in ["57P01", "08006", "53100", "XX000"] {
        fails(When::Committing, code, 1, Told::OutcomeUnknown, 1).await;
    }
}
