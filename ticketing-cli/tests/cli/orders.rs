//! `order …`, `ticket …` and `audit …`, on what was bought.

use serde_json::json;

use crate::{shop::Shop, sold::sold};

#[test]
fn an_order_is_listed_shown_and_given_back() {
    let shop = Shop::open();
    let session = shop.session(&["--stock", "5", "--queue", "OFF"]);
    let order = sold(&shop, &session, 2).order.to_string();
    let shown = shop.json(&["order", "show", &order]);
    assert_eq!((&shown["status"], &shown["paymentStatus"]), (&json!("PAID"), &json!("SUCCEEDED")));
    assert_eq!((&shown["quantity"], &shown["amount"]), (&json!(2), &json!(110_000)));
    let listed = shop.json(&["order", "list", "--session", &session, "--status", "PAID"]);
    assert_eq!(listed, json!({ "items": [shown], "nextCursor": null }));

    let refunded = shop.json(&["order", "refund", &order]);
    assert_eq!((&refunded["status"], &refunded["paymentStatus"]), (&json!("REFUNDED"), &json!("REFUND_PENDING")));
    assert_eq!(shop.json(&["order", "refund", &order])["status"], "REFUNDED");
    assert_eq!(shop.json(&["session", "show", &session])["remainingStock"], 5);
    assert_eq!(shop.json(&["order", "list", "--status", "PAID"])["items"], json!([]));
    assert_eq!(shop.json(&["verify"])["ok"], true);
    shop.run(&["order", "show", "order_00000000000000000000000000000009"]).failed(1, "there is no order");
    shop.run(&["order", "refund", "order_00000000000000000000000000000009"]).failed(1, "no such order");
}

#[test]
fn a_code_is_verified_without_a_store_by_the_public_keys_alone() {
    let shop = Shop::open();
    let session = shop.session(&["--stock", "5", "--queue", "OFF"]);
    let sold = sold(&shop, &session, 1);
    let code = sold.codes[0].as_str();
    let claims = shop.json(&["ticket", "verify", code]);
    assert_eq!((&claims["ticketId"], &claims["sessionId"]), (&json!(sold.tickets[0].id), &json!(session)));

    let elsewhere = Shop::empty();
    let keys = elsewhere.file().with_file_name("keys.json");
    let secrets = ticketing_store::Secrets::load_or_create(&shop.url()).unwrap().keys();
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let x = URL_SAFE_NO_PAD.encode(secrets.ticket_signer.public_key());
    std::fs::write(&keys, json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x}]}).to_string()).unwrap();
    let by_keys = ["ticket", "verify", "--keys", keys.to_str().unwrap()];
    assert_eq!(elsewhere.json(&[&by_keys[..], &[code]].concat()), claims);
    let piped = elsewhere.run_with_input(&[&by_keys[..], &["--stdin", "--json"]].concat(), &format!("{code}\n")).done();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&piped.stdout).unwrap(), claims);
    assert!(!elsewhere.file().exists(), "no store is needed, and none is made");

    let place = code.len() - 8;
    let other = if &code[place..=place] == "A" { "B" } else { "A" };
    let forged = format!("{}{other}{}", &code[..place], &code[place + 1..]);
    for bad in [&forged, "x", "TKT1.a.b"] {
        let refused = elsewhere.run(&[&by_keys[..], &[bad]].concat());
        assert!(refused.code == 1 && refused.stdout.is_empty(), "{refused:?}");
    }
    std::fs::write(&keys, "{}").unwrap();
    elsewhere.run(&[&by_keys[..], &[code]].concat()).failed(2, "keys.json");
}

#[test]
fn a_ticket_is_redeemed_once() {
    let shop = Shop::open();
    let session = shop.session(&["--stock", "5", "--queue", "OFF"]);
    let sold = sold(&shop, &session, 2);
    let code = sold.codes[0].as_str();
    let first = shop.json(&["ticket", "redeem", code, "--nonce", "gate-1"]);
    assert_eq!((&first["result"], &first["status"]), (&json!("admitted"), &json!("USED")));
    assert_eq!(shop.json(&["ticket", "redeem", code, "--nonce", "gate-1"]), first);
    shop.run(&["ticket", "redeem", code]).failed(1, "used before");
    let other = shop.session(&["--stock", "5"]);
    shop.run(&["ticket", "redeem", &sold.codes[1], "--session", &other]).failed(1, "another session");
    shop.run(&["order", "refund", &sold.order.to_string()]).failed(1, "has been used");
    assert_eq!(shop.json(&["verify"])["ok"], true);
}

#[test]
fn the_audit_log_is_searched_and_its_chains_are_checked() {
    let shop = Shop::open();
    let session = shop.session(&["--stock", "5", "--queue", "OFF"]);
    let order = sold(&shop, &session, 1).order.to_string();
    shop.json(&["order", "refund", &order]);
    let actions = |args: &[&str]| -> Vec<String> {
        let listed = shop.json(&[&["audit", "list"], args].concat());
        let items = listed["items"].as_array().unwrap().iter();
        items.map(|record| record["action"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(actions(&["--target", &order]), ["checkout.started"]);
    assert_eq!(actions(&["--actor", "gateway"]), ["payment.succeeded"]);
    assert!(actions(&["--actor", "operator"]).contains(&"refund.requested".to_owned()));
    shop.run(&["audit", "list", "--cursor", "x"]).failed(2, "--cursor");

    let sound = shop.json(&["audit", "verify"]);
    assert_eq!((&sound["ok"], &sound["breaks"]), (&json!(true), &json!([])));
    shop.database().execute("UPDATE audit_log SET actor = 'engine' WHERE actor = 'gateway'", []).unwrap();
    let ran = shop.run(&["audit", "verify", "--json"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.stderr.contains(&session) && ran.stderr.contains("altered"), "{ran:?}");
}
