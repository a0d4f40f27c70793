//! One file and everyone who may have it open: servers, tools, other programs, older and newer ones.

mod support;

use std::sync::Arc;

use support::{Place, batch, contents, count_users, decide, ground, write};
use ticketing_core::{
    ids::BatchId,
    store::{BatchOutcome, PageRequest, Queries, Schema, SchemaVersion, Store, StoreError},
    testing::records,
};
use ticketing_store::{OpenError, OpenOptions, Role, open, sqlite::SqliteStore};

#[tokio::test]
async fn a_second_server_is_refused_by_name_and_a_tool_is_not() {
    let place = Place::new();
    let server = place.migrated(Role::Server).await;
    let refused = SqliteStore::open(&place.path(), place.options(Role::Server)).unwrap_err();
    assert!(matches!(refused, OpenError::InUse { .. }));
    let line = refused.to_string();
    assert!(line.contains("ticketing.db.lock") && !line.contains('\n'), "{line}");

    let tool = place.open(Role::Tool);
    write(&tool, vec![], |snapshot| snapshot.add_user(records::user(1))).await.unwrap();
    assert_eq!(count_users(&server).await, 1);

    drop(server);
    place.open(Role::Server);
}

#[cfg(unix)]
#[tokio::test]
async fn a_second_server_is_refused_under_another_name_of_the_file_too() {
    let place = Place::new();
    let _server = place.migrated(Role::Server).await;
    let alias = place.folder.path().join("alias.db");
    std::os::unix::fs::symlink(place.path(), &alias).unwrap();
    let refused = SqliteStore::open(&alias, place.options(Role::Server)).unwrap_err();
    assert!(matches!(refused, OpenError::InUse { .. }), "{refused}");
}

#[tokio::test]
async fn everything_is_there_after_reopening() {
    let place = Place::new();
    let store = place.migrated(Role::Server).await;
    ground(&store).await;
    let header = batch(vec![]);
    let id = header.id;
    store.transact(header, decide(|snapshot| snapshot.add_hold(records::hold(1, 1)))).await.unwrap();
    drop(store);

    let store = place.open(Role::Server);
    assert_eq!(store.version().await.unwrap(), SchemaVersion { found: 4, needed: 4 });
    assert_eq!(store.hold(records::hold(1, 1).id).await.unwrap(), Some(records::hold(1, 1)));
    assert_eq!(store.outcome(id).await.unwrap(), BatchOutcome::Committed);
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_as_it_is() {
    let place = Place::new();
    drop(place.migrated(Role::Tool).await);
    let newer = "INSERT INTO refinery_schema_history VALUES (99, 'later', '2030-01-01T00:00:00Z', '1')";
    place.raw().execute_batch(newer).unwrap();
    let before = contents(&place.path());

    let refused = SqliteStore::open(&place.path(), place.options(Role::Tool)).unwrap_err();
    let OpenError::Store { source: StoreError::Corrupt { detail }, .. } = &refused else { panic!("{refused}") };
    assert!(detail.contains("99") && detail.contains("knows 4"), "{detail}");
    assert_eq!(contents(&place.path()), before);
}

#[tokio::test]
async fn a_schema_that_became_newer_while_open_is_not_migrated() {
    let place = Place::new();
    let store = place.migrated(Role::Tool).await;
    let newer = "INSERT INTO refinery_schema_history VALUES (99, 'later', '2030-01-01T00:00:00Z', '1')";
    place.raw().execute_batch(newer).unwrap();
    assert!(matches!(store.migrate().await, Err(StoreError::Corrupt { .. })));
    assert_eq!(store.version().await.unwrap().found, 99);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_as_it_is() {
    let place = Place::new();
    std::fs::write(place.path(), "once upon a time there was a file that is no database").unwrap();
    let refused = SqliteStore::open(&place.path(), place.options(Role::Tool)).unwrap_err();
    assert!(matches!(&refused, OpenError::Store { source: StoreError::Corrupt { .. }, .. }), "{refused}");
    assert!(refused.to_string().contains("ticketing.db"), "{refused}");
    assert_eq!(contents(&place.path()), b"once upon a time there was a file that is no database");
}

#[tokio::test]
async fn a_missing_file_is_made_only_if_asked() {
    let place = Place::new();
    let options = OpenOptions { create: false, ..place.options(Role::Tool) };
    let refused = open(&format!("sqlite://{}", place.path().display()), options).unwrap_err();
    assert!(matches!(refused, OpenError::Missing { .. }), "{refused}");
    assert!(!place.path().exists());

    let nowhere = place.folder.path().join("no/such/folder/t.db");
    let refused = SqliteStore::open(&nowhere, place.options(Role::Tool)).unwrap_err();
    assert!(refused.to_string().contains("no/such/folder"), "{refused}");
}

#[tokio::test]
async fn opening_does_not_migrate_and_an_unmigrated_store_says_so() {
    let place = Place::new();
    let store = place.open(Role::Tool);
    assert_eq!(store.version().await.unwrap(), SchemaVersion { found: 0, needed: 4 });
    assert!(matches!(store.users(PageRequest::first()).await, Err(StoreError::Corrupt { .. })));
    assert_eq!(store.migrate().await.unwrap(), SchemaVersion { found: 4, needed: 4 });
    assert_eq!(count_users(&store).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_that_open_and_migrate_at_once_end_with_one_schema() {
    let place = Place::new();
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            let (path, options) = (place.path(), place.options(Role::Tool));
            tokio::spawn(async move {
                let store = SqliteStore::open(&path, options).unwrap();
                store.migrate().await.unwrap();
                write(&store, vec![], move |snapshot| snapshot.add_user(records::user(n))).await.unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(count_users(&place.open(Role::Tool)).await, 8);
}

#[tokio::test]
async fn a_commit_by_anybody_changes_the_revision_and_nothing_else_does() {
    let place = Place::new();
    let (one, other) = (place.migrated(Role::Server).await, place.open(Role::Tool));
    let before = one.revision().await.unwrap();
    assert_eq!(one.revision().await.unwrap(), before);

    write(&one, vec![], |snapshot| snapshot.add_user(records::user(1))).await.unwrap();
    let by_itself = one.revision().await.unwrap();
    assert!(by_itself > before);

    write(&other, vec![], |snapshot| snapshot.add_user(records::user(2))).await.unwrap();
    let by_another = one.revision().await.unwrap();
    assert!(by_another > by_itself);

    write(&one, vec![], |_| {}).await.unwrap();
    assert_eq!(one.revision().await.unwrap(), by_another);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_writers_on_one_file_both_get_on_and_keep_their_names_apart() {
    const EACH: u32 = 300;
    let place = Place::new();
    let stores = [Arc::new(place.migrated(Role::Server).await), Arc::new(place.open(Role::Tool))];
    let tasks: Vec<_> = stores
        .iter()
        .zip([0, EACH])
        .map(|(store, from)| {
            let store = Arc::clone(store);
            tokio::spawn(async move {
                let mut batches: Vec<BatchId> = vec![];
                for n in from..from + EACH {
                    let header = batch(vec![]);
                    batches.push(header.id);
                    let add = decide(move |snapshot| snapshot.add_user(records::user(n)));
                    store.transact(header, add).await.unwrap();
                }
                batches
            })
        })
        .collect();
    for task in tasks {
        for id in task.await.unwrap() {
            assert_eq!(stores[0].outcome(id).await.unwrap(), BatchOutcome::Committed);
        }
    }
    let users: u32 = place.raw().query_row("SELECT count(*) FROM users", [], |row| row.get(0)).unwrap();
    assert_eq!(users, 2 * EACH);
}

#[tokio::test]
async fn an_open_write_elsewhere_is_waited_for() {
    let place = Place::new();
    let store = place.migrated(Role::Server).await;
    let elsewhere = place.raw();
    elsewhere.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut write = Box::pin(write(&store, vec![], |snapshot| snapshot.add_user(records::user(1))));
    let early = tokio::time::timeout(std::time::Duration::from_millis(50), &mut write).await;
    assert!(early.is_err(), "the write did not wait");
    elsewhere.execute_batch("COMMIT").unwrap();
    write.await.unwrap();
}

#[tokio::test]
async fn a_copy_made_beside_a_server_that_writes_is_a_whole_store() {
    let place = Place::new();
    let server = place.migrated(Role::Server).await;
    ground(&server).await;
    write(&server, vec![], |snapshot| snapshot.add_hold(records::hold(1, 1))).await.unwrap();
    let copy = place.folder.path().join("copy.db");
    place.raw().execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
    write(&server, vec![], |snapshot| snapshot.add_hold(records::hold(2, 2))).await.unwrap();

    let copied = SqliteStore::open(&copy, place.options(Role::Server)).unwrap();
    assert_eq!(copied.version().await.unwrap(), SchemaVersion { found: 4, needed: 4 });
    assert_eq!(copied.hold(records::hold(1, 1).id).await.unwrap(), Some(records::hold(1, 1)));
    assert_eq!(copied.hold(records::hold(2, 2).id).await.unwrap(), None);
    write(&copied, vec![], |snapshot| snapshot.add_hold(records::hold(3, 3))).await.unwrap();
}

#[tokio::test]
async fn operators_read_ids_and_times_as_text() {
    let place = Place::new();
    let store = place.migrated(Role::Tool).await;
    ground(&store).await;
    write(&store, vec![], |snapshot| snapshot.add_hold(records::hold(1, 1))).await.unwrap();
    let hold = records::hold(1, 1);
    let shown: (String, String, String) = place
        .raw()
        .query_row("SELECT id, session_id, created_at FROM hold_view", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .unwrap();
    assert_eq!(shown.0, hold.id.to_string());
    assert_eq!(shown.1, hold.session_id.to_string());
    assert_eq!(shown.2[..20], hold.created_at.to_string()[..20]);
    for view in ["session", "order", "payment", "ticket", "outbox", "audit"] {
        place.raw().execute_batch(&format!("SELECT * FROM {view}_view")).unwrap();
    }
}

#[tokio::test]
async fn memory_opens_by_its_url() {
    let store = open("memory://", OpenOptions::new(Role::Server)).unwrap();
    store.migrate().await.unwrap();
    assert!(store.users(PageRequest::first()).await.unwrap().items.is_empty());
}
