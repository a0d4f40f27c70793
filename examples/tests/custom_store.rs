//! The example of a store of one's own keeps every promise of the storage traits, and has everything again after
//! a crash.

use std::{fs, sync::Arc};

use ticketing_core::{
    clock::Clock,
    store::{
        Schema,
        kv::{Change, KeyValue, KvStore, Lookup, Put},
    },
    testing::{Fixture, SimClock},
};

#[allow(dead_code, reason = "its `main` writes to the system's folder for temporary files")]
#[path = "../examples/custom_store.rs"]
mod example;

use example::Journal;

async fn journal(clock: Arc<dyn Clock>) -> Fixture {
    let directory = tempfile::tempdir().expect("a directory for one case's file is made");
    let journal = Journal::open(&directory.path().join("journal"), clock).expect("a new journal is begun");
    Fixture::of(Arc::new(KvStore::over(journal))).keeping(directory)
}

ticketing_core::conformance!(journal);

#[tokio::test]
async fn a_journal_that_was_torn_at_its_end_has_everything_before() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    let open = || Journal::open(&path, Arc::new(SimClock::new())).unwrap();
    let put = |value: &[u8]| vec![Put { key: vec![1], value: Some(value.to_vec()) }];
    let change = |puts| Change { batch: None, stamp: None, guards: vec![], puts };
    let first = open();
    KvStore::over(open()).version().await.unwrap();
    first.apply(change(put(b"whole"))).await.unwrap();
    let whole = fs::metadata(&path).unwrap().len();
    first.apply(change(put(b"torn"))).await.unwrap();
    let torn = fs::metadata(&path).unwrap().len() - 1;
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(torn).unwrap();
    let found = open().read(vec![Lookup::Get(vec![1])]).await.unwrap().found;
    assert_eq!(found[0][0].value, b"whole");
    assert_eq!(fs::metadata(&path).unwrap().len(), whole);
}

#[test]
fn it_is_as_short_as_it_is_said_to_be() {
    const LINES_MAX: usize = 200;
    let source = include_str!("../examples/custom_store.rs");
    assert!(source.lines().count() <= LINES_MAX, "{} lines", source.lines().count());
}
