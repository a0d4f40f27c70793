//! The secrets that the program works with: those of the server, or none.

use std::fs;

use crate::shop::{PASSWORD, Shop};

const KEY: &str = "an audit key of more than 32 bytes, for a test";

#[test]
fn nothing_is_written_with_another_key_than_the_log_was_written_with() {
    let shop = Shop::open();
    let admin = ["user", "create-admin", "--email", "admin@example.com", "--password-stdin"];
    shop.run_with_input(&admin, PASSWORD).done();
    let records = || -> i64 {
        let count = "SELECT count(*) FROM audit_log";
        shop.database().query_row(count, [], |row| row.get(0)).unwrap()
    };
    let before = records();
    let wrong = |args: &[&str]| shop.command(args).env("TICKETING__AUDIT__KEY", KEY).output().unwrap();
    let create = ["event", "create", "--title", "Spring", "--venue", "Hall"];
    for args in [&create[..], &["user", "set-role", "admin@example.com", "STAFF"]] {
        let ended = wrong(args);
        let told = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(2), "{told}");
        assert!(told.contains("audit.key") && told.contains("TICKETING__SECRETS__FILE"), "{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
    }
    assert_eq!(records(), before);
    assert_eq!(wrong(&["verify"]).status.code(), Some(3), "what only reads tells what it finds");
    shop.run(&create).done();
    assert_eq!(records(), before + 1);
    shop.run(&["verify"]).done();
}

#[test]
fn a_log_whose_users_are_elsewhere_is_told_by_its_events() {
    let shop = Shop::open();
    let create = ["event", "create", "--title", "Spring", "--venue", "Hall"];
    shop.run(&create).done();
    let wrong = shop.command(&create).env("TICKETING__AUDIT__KEY", KEY).output().unwrap();
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
}

#[test]
fn the_secrets_file_may_be_named() {
    let shop = Shop::open();
    let file = shop.file().with_file_name("shared.toml");
    let create = ["event", "create", "--title", "Spring", "--venue", "Hall"];
    let run = |args: &[&str]| shop.command(args).env("TICKETING__SECRETS__FILE", &file).output().unwrap();
    assert_eq!(run(&create).status.code(), Some(0));
    assert!(fs::read_to_string(&file).unwrap().contains("audit_key"));
    assert!(!shop.file().with_file_name("ticketing.db.secrets.toml").exists());
    assert_eq!(run(&["verify"]).status.code(), Some(0));
    shop.run(&create).failed(2, "TICKETING__SECRETS__FILE");
    assert!(!shop.file().with_file_name("ticketing.db.secrets.toml").exists());
}

#[test]
fn who_only_looks_makes_no_secrets_and_nobody_does_for_a_store_that_is_in_use() {
    let shop = Shop::open();
    let beside = shop.file().with_file_name("ticketing.db.secrets.toml");
    shop.run(&["ticket", "verify", "TKT1.AQ"]).failed(2, "TICKETING__SECRETS__FILE");
    let diagnosed = shop.run(&["doctor", "--json"]).done_with(3);
    assert!(diagnosed.stdout.contains("cannot read the secrets file"), "{diagnosed:?}");
    shop.run(&["verify"]).done();
    shop.run(&["audit", "list"]).done();
    assert!(!beside.exists(), "none were needed");

    let create = ["event", "create", "--title", "Spring", "--venue", "Hall"];
    shop.run(&create).done();
    fs::remove_file(&beside).unwrap();
    for args in [&["verify"][..], &["audit", "verify"], &create] {
        shop.run(args).failed(2, "cannot read the secrets file");
    }
    assert!(!beside.exists());
}

#[test]
fn the_doctor_looks_at_the_secrets_file_that_is_named() {
    use std::os::unix::fs::PermissionsExt as _;
    let shop = Shop::open();
    let file = shop.file().with_file_name("shared.toml");
    let run = |args: &[&str]| shop.command(args).env("TICKETING__SECRETS__FILE", &file).output().unwrap();
    assert_eq!(run(&["event", "create", "--title", "Spring", "--venue", "Hall"]).status.code(), Some(0));
    assert_eq!(run(&["doctor"]).status.code(), Some(0));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let diagnosed = run(&["doctor"]);
    let told = String::from_utf8(diagnosed.stdout).unwrap();
    assert_eq!(diagnosed.status.code(), Some(3), "{told}");
    assert!(told.contains("shared.toml") && told.contains("chmod 600"), "{told}");
}
