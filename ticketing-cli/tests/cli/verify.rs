//! `verify`: a store that was tampered with is found out.

use crate::{holds::place_hold, shop::Shop};

fn with_a_hold() -> Shop {
    let shop = Shop::open();
    let session = shop.session(&["--stock", "5", "--queue", "OFF"]);
    place_hold(&shop, &session, 2);
    shop
}

#[track_caller]
fn check_found(tamper: &str, invariant: &str) {
    let shop = with_a_hold();
    assert_eq!(shop.run(&["verify"]).done().stderr.trim(), "every invariant holds");
    assert!(shop.database().execute(tamper, []).unwrap() > 0, "{tamper} changed nothing");
    let ran = shop.run(&["verify", "--json"]);
    assert_eq!(ran.code, 3, "{tamper}: {ran:?}");
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["ok"], false);
    let violations = report["violations"].as_array().unwrap();
    assert!(violations.iter().any(|violation| violation["invariant"] == invariant), "{tamper}: {violations:?}");
    assert!(violations.iter().all(|violation| violation["target"].is_string() && violation["detail"].is_string()));
    assert!(ran.stderr.contains(invariant), "{ran:?}");
}

#[test]
fn stock_that_does_not_add_up_is_found() {
    check_found("UPDATE sessions SET available = available + 1", "I1");
}

#[test]
fn a_hold_that_the_books_do_not_know_is_found() {
    check_found("UPDATE holds SET quantity = 1", "I1");
}

#[test]
fn a_deleted_audit_record_is_found() {
    check_found("DELETE FROM audit_log WHERE stream LIKE 'event_%' AND seq = 0", "I14");
}

#[test]
fn an_edited_audit_record_is_found() {
    check_found("UPDATE audit_log SET actor = 'engine' WHERE stream LIKE 'session_%'", "I14");
}

#[test]
fn a_truncated_audit_log_is_found() {
    let last = "DELETE FROM audit_log WHERE (stream, seq) IN
        (SELECT stream, max(seq) FROM audit_log WHERE stream LIKE 'session_%' GROUP BY stream)";
    check_found(last, "I14");
}

#[test]
fn a_clean_store_is_said_to_be_clean() {
    let report = with_a_hold().json(&["verify"]);
    assert_eq!((&report["ok"], &report["holds"], &report["sessions"]), (&true.into(), &1.into(), &1.into()));
}

#[test]
fn a_chain_that_holds_is_not_broken_by_what_others_changed_beside_it() {
    let shop = with_a_hold();
    let released = "UPDATE holds SET status = 'RELEASED', ended_at = created_at";
    assert_eq!(shop.database().execute(released, []).unwrap(), 1);
    let report = shop.run(&["verify"]).done_with(3);
    assert!(report.stderr.contains("I14"), "{report:?}");
    assert_eq!(shop.json(&["audit", "verify"])["ok"], true);

    let edited = "UPDATE audit_log SET actor = 'engine' WHERE stream LIKE 'session_%'";
    assert!(shop.database().execute(edited, []).unwrap() > 0);
    let broken = shop.run(&["audit", "verify"]).done_with(3);
    assert!(broken.stderr.contains("1 broken audit chain") && broken.stderr.contains("session_"), "{broken:?}");
}
