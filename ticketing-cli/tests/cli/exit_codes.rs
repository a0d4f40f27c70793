//! Every exit code, and the words that come with it.

use std::{fs, sync::mpsc, thread, time::Duration};

use assert_cmd::Command;
use rusqlite::TransactionBehavior;

use crate::shop::{PASSWORD, Shop};

const NOBODY: &str = "event_00000000000000000000000000000001";

#[test]
fn what_a_rule_refuses_ends_with_1() {
    let shop = Shop::open();
    shop.run(&["event", "show", NOBODY]).failed(1, "there is no event");
    shop.run(&["event", "publish", NOBODY]).failed(1, "there is no such event");
    shop.run(&["session", "create", NOBODY, "--start-at", "2099-01-01T00:00:00Z", "--stock", "1", "--price", "1"])
        .failed(1, "there is no such event");
    shop.run(&["event", "create", "--title", "", "--venue", "Hall"]).failed(1, "title");
}

#[test]
fn wrong_usage_ends_with_2() {
    let shop = Shop::open();
    for args in [
        &["sell"][..],
        &["event", "show", "event_1"],
        &["event", "list", "--limit", "0"],
        &["session", "create", NOBODY, "--start-at", "tomorrow", "--stock", "1", "--price", "1"],
        &["session", "create", NOBODY, "--start-at", "2099-01-01T00:00:00Z", "--price", "1"],
        &["user", "create-admin", "--email", "a@example.com"],
        &["migrate", "--status", "--dry-run"],
    ] {
        let ran = shop.run(args);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{args:?}: {ran:?}");
    }
}

#[test]
fn what_is_wrong_with_an_argument_is_said_with_what_is_wanted() {
    #[track_caller]
    fn check(more: &[&str], word: &str) {
        let ran = Shop::empty().run(&[&["session", "create", NOBODY], more].concat());
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.stderr.contains(word), "`{word}` is not in {ran:?}");
    }
    let (start, time) = ("--start-at", "2099-01-01T00:00:00Z");
    check(&[start, "tomorrow", "--stock", "1", "--price", "1"], "RFC 3339, such as 2027-04-01T19:00:00+09:00");
    check(&[start, time, "--stock", "1", "--price", "9.90"], "whole minor units");
    check(&[start, time, "--price", "1"], "--seated");
    check(&[start, time, "--price", "1", "--seated", "--stock", "1"], "cannot be used with");
}

#[test]
fn a_url_that_names_no_store_ends_with_2() {
    let shop = Shop::empty();
    for url in ["ticketing.db", "mysql://localhost", "sqlite://", "memory://"] {
        let ran = shop.run(&["verify", "--store", url]);
        assert_eq!(ran.code, 2, "{url}: {ran:?}");
    }
}

#[test]
fn a_file_that_is_no_store_ends_with_2() {
    let shop = Shop::empty();
    fs::write(shop.file(), "this is a letter, not a database, and long enough to be looked at".repeat(100)).unwrap();
    let ran = shop.run(&["event", "list"]);
    assert_eq!(ran.code, 2, "{ran:?}");
}

#[test]
fn a_store_that_does_not_exist_ends_with_4_and_is_not_made() {
    let shop = Shop::empty();
    for args in [&["event", "list"][..], &["verify"], &["migrate", "--status"], &["event", "publish", NOBODY]] {
        shop.run(args).failed(4, "there is no store at");
    }
    assert_eq!(fs::read_dir(shop.file().parent().unwrap()).unwrap().count(), 0);
    shop.run(&["verify", "--store", "sqlite:///nowhere/at/all.db"]).failed(4, "/nowhere/at/all.db");
}

#[test]
fn a_store_with_another_schema_ends_with_2_and_says_what_to_do() {
    let shop = Shop::open();
    let newest = "SELECT max(version) FROM refinery_schema_history";
    let version: i64 = shop.database().query_row(newest, [], |row| row.get(0)).unwrap();
    let newer = "INSERT INTO refinery_schema_history SELECT version + 1, name, applied_on, checksum
        FROM refinery_schema_history WHERE version = ?1";
    shop.database().execute(newer, [version]).unwrap();
    shop.run(&["event", "list"]).failed(2, "newer");
    shop.run(&["migrate"]).failed(2, "newer");

    shop.database().execute("DELETE FROM refinery_schema_history WHERE version >= ?1", [version]).unwrap();
    shop.run(&["event", "list"]).failed(2, "run `ticketing migrate`");
    let args = ["user", "create-admin", "--email", "a@example.com", "--password-stdin"];
    shop.run_with_input(&args, PASSWORD).failed(2, "run `ticketing migrate`");
}

#[test]
fn the_store_is_named_by_flag_before_environment_before_the_usual_place() {
    let (shop, other) = (Shop::open(), Shop::empty());
    let listed = |command: &mut Command| command.output().unwrap().status.code().unwrap();
    assert_eq!(listed(&mut shop.command(&["event", "list"])), 0);
    assert_eq!(listed(shop.command(&["event", "list"]).env("TICKETING__STORE__URL", other.url())), 4);
    let by_flag = ["event", "list", "--store", &shop.url()];
    assert_eq!(listed(other.command(&by_flag).env("TICKETING__STORE__URL", other.url())), 0);
}

#[test]
fn keys_come_from_the_environment_under_the_servers_names() {
    let shop = Shop::open();
    let key = "an audit key of more than 32 bytes, for a test";
    let file = shop.file().with_file_name("audit.key");
    fs::write(&file, format!("{key}\n")).unwrap();
    let code = |command: &mut Command| command.output().unwrap().status.code().unwrap();
    let create = ["event", "create", "--title", "Spring", "--venue", "Hall"];
    assert_eq!(code(shop.command(&create).env("TICKETING__AUDIT__KEY", key)), 0);
    assert_eq!(code(shop.command(&["verify"]).env("TICKETING__AUDIT__KEY_FILE", &file)), 0);
    assert_eq!(shop.run(&["verify"]).code, 3, "another key verifies nothing");
    let both = &mut shop.command(&["verify"]);
    assert_eq!(code(both.env("TICKETING__AUDIT__KEY", key).env("TICKETING__AUDIT__KEY_FILE", &file)), 2);
    assert_eq!(code(shop.command(&["verify"]).env("TICKETING__TICKETS__SIGNING_SEED", "seed")), 2);
}

#[test]
fn a_write_waits_for_the_writer_that_was_faster() {
    let shop = Shop::open();
    let (release, released) = mpsc::channel::<()>();
    let (begun, has_begun) = mpsc::channel();
    let mut database = shop.database();
    let writer = thread::spawn(move || {
        let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
        begun.send(()).unwrap();
        // Either told to end, or after a time in which the program is sure to have met the lock.
        let _ = released.recv_timeout(Duration::from_millis(700));
        transaction.commit().unwrap();
    });
    has_begun.recv().unwrap();
    shop.run(&["event", "create", "--title", "Spring", "--venue", "Hall"]).done();
    assert!(writer.is_finished(), "the write was acknowledged beside another one");
    drop(release);
    writer.join().unwrap();
}
