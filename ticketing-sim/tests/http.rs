//! The simulator against servers on real sockets.

mod shop;

use std::path::Path;

use serde_json::Value;
use shop::{ADMIN, Shop, sim};
use tempfile::TempDir;

fn count(report: &Value, path: &str) -> i64 {
    report.pointer(path).and_then(Value::as_i64).unwrap_or_else(|| panic!("{path} is not in {report}"))
}

fn step(report: &Value, name: &str) -> i64 {
    let steps = report["steps"].as_array().unwrap();
    steps.iter().find(|step| step["step"] == name).map_or(0, |step| count(step, "/done"))
}

#[track_caller]
fn assert_kept(report: &Value) {
    assert_eq!((&report["complaints"], &report["violations"]), (&Value::Array(vec![]), &Value::Array(vec![])));
    for path in ["/oversold", "/doublePayments", "/inversions", "/unresolved"] {
        assert_eq!(count(report, path), 0, "{path}");
    }
    assert!(count(report, "/verifiedRecords") > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_buys_over_http_exactly_what_there_is() {
    let shop = Shop::open(1).await;
    let report =
        shop.load("--buyers 150 --stock 40 --decline 0 --abandon 20 --retry 40 --duplicate-callbacks 40").await;
    assert_eq!(count(&report, "/stock/0/available"), 0);
    assert_eq!(count(&report, "/stock/0/held") + count(&report, "/stock/0/sold"), 40);
    assert_eq!(count(&report, "/purchases"), count(&report, "/stock/0/sold"));
    assert!(count(&report, "/refusals/sold_out") >= 100, "{report}");
    assert_kept(&report);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn buyers_go_to_every_node_of_a_shop_and_do_whatever_buyers_do() {
    let shop = Shop::open(2).await;
    let shares = "--shares buy=40,decline=10,abandon=15,release=15,leave=10,late=10";
    let args = "--scenario flash --buyers 120 --stock 50 --hold-ttl-seconds 1 --quantity 1..3 --admit-per-second 200";
    let report = shop.load(&format!("{args} {shares}")).await;
    assert_kept(&report);
    for name in ["join", "poll", "leave", "hold", "release", "checkout", "callback", "payment", "tickets"] {
        assert!(step(&report, name) > 0, "nobody's {name}: {report}");
    }
    assert!(report["queueWait"]["admitted"].as_i64() > Some(0) && report["tokenToPaidRate"].as_f64() > Some(0.0));
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_secrets_buyers_sign_up_and_pay_on_the_page() {
    let shop = Shop::open(1).await;
    let dir = TempDir::new().unwrap();
    let args = format!("--target {} --buyers 8 --stock 5 --decline 20 --abandon 0 --json", shop.targets());
    let mut command = sim(dir.path(), &args);
    command.env("TICKETING__BOOTSTRAP__ADMIN_EMAIL", ADMIN.0).env("TICKETING__BOOTSTRAP__ADMIN_PASSWORD", ADMIN.1);
    let output = shop::output(command).await;
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(count(&report, "/purchases") > 0, "{report}");
    assert_kept(&report);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_peak_reads_beside_the_sale_and_tells_its_targets() {
    let shop = Shop::open(1).await;
    let args = "--scenario peak --rate 20 --duration 2 --reads-per-second 100 --stock 1000";
    // Whether a test machine is fast enough is not this test's business.
    let report = shop.load_ending(args, &[0, 1]).await;
    assert_eq!(report["targets"]["readMillis"].as_f64(), Some(10.0));
    assert!((150..=250).contains(&step(&report, "read")), "{report}");
    assert_eq!((step(&report, "hold"), step(&report, "join")), (40, 0));
    assert!(step(&report, "callback") > 0);
    assert_kept(&report);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn history_and_page_are_written() {
    let shop = Shop::open(1).await;
    let report =
        shop.load("--scenario steady --rate 40 --duration 1 --stock 10 --html load.html --history load.jsonl").await;
    let read = |name: &str| std::fs::read_to_string(shop.folder().join(name)).unwrap();
    let page = read("load.html");
    for part in ["<!doctype html>", "PASS", "Latency of hold", "Stock of the session on sale", "sold_out", "<svg"] {
        assert!(page.contains(part), "{part} is not in the page");
    }
    assert!(!page.contains("http://") && !page.contains("<script"), "the page is whole in itself");
    let stories: Vec<Value> = read("load.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(stories.len() as i64, count(&report, "/buyers"));
    let calls = stories.iter().flat_map(|story| story["calls"].as_array().unwrap());
    assert!(calls.clone().all(|call| call["asked"].is_string() && call["answered"].is_string()));
    assert!(
        calls.clone().any(|call| call["answer"] == "done") && calls.clone().any(|call| call["answer"] == "refused")
    );
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_administer_ends_with_2_and_who_finds_nobody_with_4() {
    #[track_caller]
    fn check(dir: &Path, args: &str, code: i32, word: &str) {
        let output = sim(dir, args).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args}: {stderr}");
        assert!(stderr.contains(word), "{args}: {stderr}");
        assert!(output.stdout.is_empty(), "{args}");
    }
    let (shop, dir) = (Shop::open(1).await, TempDir::new().unwrap());
    let target = shop.targets();
    std::fs::write(dir.path().join("wrong"), "Wrong-password-1\n").unwrap();
    let checked = tokio::task::spawn_blocking(move || {
        let dir = dir.path();
        check(dir, &format!("--target {target}"), 2, "--admin-email");
        let wrong = "--admin-email admin@example.com --admin-password-file wrong";
        check(dir, &format!("--target {target} {wrong}"), 2, "this password");
        check(dir, &format!("--target {target} --token nobody"), 2, "--token");
        check(dir, &format!("--target http://127.0.0.1:9 {wrong}"), 4, "cannot be reached");
        check(dir, &format!("--target nowhere {wrong}"), 2, "nowhere");
        check(dir, &format!("--target {target} --store memory:// {wrong}"), 2, "--store");
        check(dir, &format!("--target {target} {wrong} --shares buy=1,late=1"), 2, "--webhook-secret-file");
        check(dir, "--store memory:// --shares buy=1,steal=1", 2, "steal=1");
        check(dir, "--chaos --server-bin nothing", 2, "--server-bin");
        check(dir, "--chaos --scenario flash", 2, "steady");
    });
    checked.await.unwrap();
    shop.close().await;
}
