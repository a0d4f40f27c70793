//! The seat list over real HTTP.

use std::collections::BTreeMap;

use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::{
    shop::{Answer, BRIEF, Shop, eventually},
    store::Store,
};

impl Shop {
    async fn seat_list(&self, session: &str, query: &str, headers: &[(&str, &str)]) -> reqwest::Response {
        let mut request = self.server.get(&format!("/api/sessions/{session}/seats{query}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    async fn seats(&self, session: &str, query: &str) -> Value {
        Answer::read(self.seat_list(session, query, &[]).await).await.expect(200).body
    }
}

/// Status by label.
fn by_label(list: &Value) -> BTreeMap<String, String> {
    let items = list["items"].as_array().unwrap().iter();
    items.map(|seat| (seat["id"].as_str().unwrap().to_owned(), seat["status"].as_str().unwrap().to_owned())).collect()
}

pub async fn a_list_that_has_not_changed_is_not_sent_again(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.seated(3, json!({})).await;
    let first = shop.seat_list(&session, "", &[]).await;
    let tag = first.headers()["etag"].to_str().unwrap().to_owned();
    assert!(first.headers()["vary"].to_str().unwrap().to_ascii_lowercase().contains("accept-encoding"));
    // Packed and not, the bytes differ: what names both is weak.
    let strong = tag.strip_prefix("W/").expect("a weak tag");
    for header in [tag.clone(), strong.to_owned(), format!("\"other\", {tag}"), "*".to_owned()] {
        let again = shop.seat_list(&session, "", &[("if-none-match", &header)]).await;
        assert_eq!((again.status().as_u16(), again.headers()["etag"].to_str().unwrap()), (304, tag.as_str()));
        assert_eq!(again.bytes().await.unwrap().len(), 0);
    }
    let buyer = shop.buyer().await;
    buyer.hold(&session, json!({"seatIds": ["A2"]})).await.expect(201);
    let changed = eventually("the list shows the hold", || async {
        let changed = shop.seat_list(&session, "", &[("if-none-match", &tag)]).await;
        (changed.status() == 200).then_some(changed)
    });
    let changed = Answer::read(changed.await).await;
    assert_eq!(by_label(&changed.body)["A2"], "HOLD");
    assert_ne!(changed.header("etag"), Some(tag.as_str()));
}

pub async fn a_list_is_compressed_for_those_who_take_it_so(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.seated(300, json!({})).await;
    let plain = shop.seat_list(&session, "", &[]).await;
    assert!(plain.headers().get("content-encoding").is_none());
    let plain = plain.bytes().await.unwrap();
    for accept in ["gzip", "br;q=1, GZIP;q=0.5", "*"] {
        let packed = shop.seat_list(&session, "", &[("accept-encoding", accept)]).await;
        assert_eq!(packed.headers()["content-encoding"], "gzip", "{accept}");
        let packed = packed.bytes().await.unwrap();
        assert!(packed.len() * 4 < plain.len(), "{} of {}", packed.len(), plain.len());
        let unpacked = std::io::read_to_string(GzDecoder::new(&packed[..])).unwrap();
        assert_eq!(unpacked.as_bytes(), plain);
    }
    for accept in ["identity", "gzip;q=0", "br", ""] {
        let sent = shop.seat_list(&session, "", &[("accept-encoding", accept)]).await;
        assert!(sent.headers().get("content-encoding").is_none(), "{accept}");
    }
}

pub async fn since_a_version_only_what_has_changed_is_told(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.seated(5, json!({"holdTtlSeconds": BRIEF})).await;
    let all = shop.seats(&session, "").await;
    let version = all["version"].as_u64().unwrap();
    let nothing = shop.seats(&session, &format!("?since={version}")).await;
    assert_eq!((nothing["items"].as_array().unwrap().len(), nothing["version"].as_u64()), (0, Some(version)));

    let buyer = shop.buyer().await;
    buyer.hold(&session, json!({"seatIds": ["A2", "A4"]})).await.expect(201);
    let ask = || async {
        let changed = shop.seats(&session, &format!("?since={version}")).await;
        (!changed["items"].as_array().unwrap().is_empty()).then_some(changed)
    };
    let changed = eventually("the hold is told", ask).await;
    assert_eq!(by_label(&changed), BTreeMap::from([("A2".into(), "HOLD".into()), ("A4".into(), "HOLD".into())]));

    // Whoever follows the changes ends up with what a whole list shows, also when a hold just ends.
    let mut followed = by_label(&all);
    let mut since = version;
    let free = || async {
        let whole = shop.seats(&session, "").await;
        by_label(&whole).values().all(|status| status == "AVAILABLE").then_some(())
    };
    eventually("the hold ends", free).await;
    let change = shop.seats(&session, &format!("?since={since}")).await;
    since = change["version"].as_u64().unwrap();
    followed.extend(by_label(&change));
    assert_eq!(followed, by_label(&shop.seats(&session, "").await));
    assert!(since > version);
}

pub async fn a_version_that_is_unknown_brings_the_whole_list(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.seated(3, json!({})).await;
    for since in ["0", "18446744073709551615"] {
        assert_eq!(by_label(&shop.seats(&session, &format!("?since={since}")).await).len(), 3, "{since}");
    }
    for since in ["-1", "x", "1.5", ""] {
        let answer = Answer::read(shop.seat_list(&session, &format!("?since={since}"), &[]).await).await;
        answer.refused(400, "invalid_argument");
    }
    let before = shop.seats(&session, "").await["version"].as_u64().unwrap();
    shop.patch(&session, json!({"price": {"amount": 1_000, "currency": "KRW"}})).await;
    let priced = || async {
        let changed = shop.seats(&session, &format!("?since={before}")).await;
        (changed["items"].as_array().unwrap().len() == 3).then_some(())
    };
    eventually("another price is a change of every seat", priced).await;
}

pub async fn a_hundred_who_want_one_seat_leave_it_with_one_of_them(store: &Store) {
    let shop = Shop::open(store).await;
    let session = shop.seated(2, json!({})).await;
    let mut buyers = Vec::new();
    for _ in 0..100 {
        buyers.push(shop.buyer().await);
    }
    let holds = buyers.iter().map(|buyer| buyer.hold(&session, json!({"seatIds": ["A1"]})));
    let answers = futures_util::future::join_all(holds).await;
    let held = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(held, 1);
    for answer in answers.into_iter().filter(|answer| answer.status != 201) {
        assert_eq!(answer.refused(409, "seat_taken").body["seatIds"], json!(["A1"]));
    }
    shop.verify().await;
}
