//! `backup`, `doctor` and `queue …`.

use serde_json::{Value, json};
use ticketing_core::{
    Ticketing,
    audit::{Actor, Caller},
    ids::UserId,
};

use ticketing_store::testing::redis::Namespace;

use crate::{
    shop::Shop,
    sold::{engine, engine_beside, sell},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_made_while_others_write_is_whole_and_has_what_was_acknowledged_before() {
    let shop = Shop::open();
    let session = shop.session(&["--stock", "100000", "--queue", "OFF", "--max-per-user", "10"]);
    let engine = engine(&shop);
    for n in 1..=20 {
        sell(&engine, &session, n, 1).await;
    }
    let (writing, stop) = (engine.clone(), std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false)));
    let (stopped, of) = (std::sync::Arc::clone(&stop), session.clone());
    let writer = tokio::spawn(async move {
        let mut n: u32 = 100;
        while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
            sell(&writing, &of, n, 1).await;
            n += 1;
        }
        n - 100
    });
    let copy = shop.file().with_file_name("copy.db");
    let made = tokio::task::block_in_place(|| shop.json(&["backup", copy.to_str().unwrap()]));
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let meanwhile = writer.await.unwrap();
    engine.shutdown().await;
    drop(engine);
    assert_eq!(made["database"], json!(copy));
    let url = format!("sqlite://{}", copy.display());
    let report = tokio::task::block_in_place(|| shop.json(&["verify", "--store", &url]));
    assert_eq!(report["ok"], true, "{report}");
    let orders = report["orders"].as_u64().unwrap();
    assert!((20..=20 + u64::from(meanwhile)).contains(&orders), "{orders} orders, {meanwhile} were written meanwhile");
    let secrets = made["secrets"].as_str().unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    for file in [copy.to_str().unwrap(), secrets] {
        assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600, "{file}");
    }
    tokio::task::block_in_place(|| {
        shop.run(&["backup", copy.to_str().unwrap()]).failed(2, "overwrites nothing");
        let left: Vec<_> = std::fs::read_dir(copy.parent().unwrap()).unwrap().collect();
        assert!(left.iter().all(|entry| !entry.as_ref().unwrap().path().to_string_lossy().ends_with(".part")));
    });
}

#[test]
fn what_cannot_be_backed_up_is_said_and_leaves_nothing() {
    let shop = Shop::empty();
    shop.run(&["backup", "copy.db"]).failed(4, "there is no store");
    shop.run(&["backup", "copy.db", "--store", "postgres://nobody@127.0.0.1:1/none"]).failed(2, "pg_dump");
    let shop = Shop::open();
    shop.run(&["backup", "no/such/folder/copy.db"]).failed(4, "copy.db");
    assert!(!shop.file().with_file_name("copy.db").exists());
}

fn levels(diagnosis: &Value) -> Vec<(String, String)> {
    let checks = diagnosis["checks"].as_array().unwrap().iter();
    let text = |check: &Value, name: &str| check[name].as_str().unwrap().to_owned();
    checks.map(|check| (text(check, "check"), text(check, "level"))).collect()
}

#[test]
fn a_sound_installation_is_said_to_be_so() {
    let shop = Shop::open();
    shop.session(&["--stock", "5"]);
    let diagnosis = shop.json(&["doctor"]);
    assert_eq!(diagnosis["ok"], true);
    assert!(levels(&diagnosis).iter().all(|(check, level)| level == "ok" || check == "disk"), "{diagnosis}");
    let table = shop.run(&["doctor"]).done().stdout;
    assert!(table.contains("durability") && table.contains("outbox"), "{table}");
}

#[test]
fn what_is_wrong_with_an_installation_is_told_with_what_to_do() {
    let shop = Shop::open();
    let session = shop.session(&["--stock", "5", "--queue", "OFF"]);
    crate::holds::place_hold(&shop, &session, 2);
    let long_ago = "UPDATE holds SET expires_at = 1";
    shop.database().execute(long_ago, []).unwrap();
    let secrets = shop.file().with_file_name("ticketing.db.secrets.toml");
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(&secrets, std::fs::Permissions::from_mode(0o644)).unwrap();
    let ran = shop.run(&["doctor", "--json"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    let diagnosis: Value = serde_json::from_str(&ran.stdout).unwrap();
    let found = levels(&diagnosis);
    assert!(found.contains(&("sweeping".into(), "warn".into())), "{diagnosis}");
    assert!(found.contains(&("secrets".into(), "fail".into())), "{diagnosis}");
    assert!(ran.stdout.contains("chmod 600") && ran.stdout.contains("is a server running?"), "{ran:?}");

    std::fs::set_permissions(&secrets, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(shop.run(&["doctor"]).code, 0, "warnings alone are no failure");
    shop.database().execute("UPDATE sessions SET available = available + 1", []).unwrap();
    shop.run(&["doctor", "--json"]).done_with(3);
    Shop::empty().run(&["doctor"]).failed(4, "there is no store");
}

#[tokio::main(flavor = "current_thread")]
async fn join(shop: &Shop, session: &str, people: u32) {
    enter(engine(shop), session, people).await;
}

async fn enter(engine: Ticketing, session: &str, people: u32) {
    for n in 1..=people {
        let user: UserId = format!("user_{n:032x}").parse().unwrap();
        engine.join_queue(Caller::of(Actor::User(user)), session.parse().unwrap(), user).await.unwrap();
    }
    engine.shutdown().await;
}

#[test]
fn a_waiting_room_is_shown_changed_and_cleared() {
    let shop = Shop::open();
    let session = shop.session(&["--stock", "5", "--max-active", "1"]);
    join(&shop, &session, 3);
    let stats = shop.json(&["queue", "stats", &session]);
    assert_eq!((&stats["waiting"], &stats["active"], &stats["policy"]["maxActive"]), (&json!(3), &json!(0), &json!(1)));

    let change = ["queue", "set-policy", &session, "--admit-per-second", "7", "--max-active", "none"];
    let changed = shop.json(&change);
    assert_eq!((&changed["policy"]["admitPerSecond"], &changed["policy"]["maxActive"]), (&json!(7), &json!(null)));
    assert_eq!(changed["policy"]["waitTtlSeconds"], 1800, "what is not named stays");
    shop.run(&["queue", "set-policy", &session, "--max-active", "few"]).failed(2, "--max-active");
    shop.run(&["queue", "set-policy", &session]).done_with(2);
    shop.run(&["queue", "set-policy", &session, "--admit-per-second", "0"]).failed(1, "admitPerSecond");

    let cleared = shop.run(&["queue", "clear", &session, "--json"]).done();
    assert!(cleared.stderr.contains("3 visitors sent away"), "{cleared:?}");
    let stats: Value = serde_json::from_str(&cleared.stdout).unwrap();
    assert_eq!((&stats["waiting"], &stats["joined"]), (&json!(0), &json!(3)));
    join(&shop, &session, 1);
    assert_eq!(shop.json(&["queue", "stats", &session])["waiting"], 1, "who was sent away may come again");
    shop.run(&["queue", "stats", "session_00000000000000000000000000000009"]).failed(1, "there is no session");
    assert_eq!(shop.json(&["verify"])["ok"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_room_in_redis_is_shown_and_cleared_where_it_is() {
    let Some(redis) = Namespace::create().await else { return };
    let shop = Shop::open();
    let session = shop.session(&["--stock", "5", "--max-active", "1"]);
    enter(engine_beside(&shop, redis.url()), &session, 3).await;
    let stats = shop.json(&["queue", "stats", &session, "--queue-url", redis.url()]);
    assert_eq!((&stats["waiting"], &stats["active"]), (&json!(3), &json!(0)));
    let cleared = shop.run(&["queue", "clear", &session, "--queue-url", redis.url()]).done();
    assert!(cleared.stderr.contains("3 visitors sent away"), "{cleared:?}");
    assert_eq!(shop.json(&["queue", "stats", &session, "--queue-url", redis.url()])["waiting"], 0);
    shop.run(&["queue", "clear", &session, "--queue-url", "redis://127.0.0.1:1"]).failed(4, "unavailable");
    let mirror = shop.run(&["queue", "stats", &session, "--queue-url", "redis://127.0.0.1:1"]).done();
    assert!(mirror.stderr.contains("cannot be reached"), "{mirror:?}");
    shop.run(&["queue", "stats", &session, "--queue-url", "sqlite://rooms.db"]).failed(2, "--queue-url");
    assert_eq!(shop.json(&["verify"])["ok"], true);
}
