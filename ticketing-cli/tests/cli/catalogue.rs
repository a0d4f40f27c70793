//! `migrate`, `user`, `event` and `session`.

use std::fs;

use serde_json::json;

use crate::shop::{PASSWORD, Shop};

#[test]
fn migrate_makes_a_store_and_does_nothing_the_second_time() {
    let shop = Shop::empty();
    let dry = shop.run(&["migrate", "--dry-run"]);
    assert_eq!((dry.code, shop.file().exists()), (0, false), "{dry:?}");
    assert_eq!(shop.json(&["migrate", "--dry-run"])["found"], 0);
    let made = shop.json(&["migrate"]);
    assert_eq!(made["current"], true);
    assert_eq!(made["found"], made["needed"]);
    assert_eq!(shop.json(&["migrate"]), made);
    assert_eq!(shop.json(&["migrate", "--status"]), made);
    assert_eq!(shop.json(&["migrate", "--dry-run"]), made);
}

#[test]
fn the_first_administrator_comes_with_the_store() {
    let shop = Shop::empty();
    let args = ["user", "create-admin", "--email", " Admin@Example.com ", "--password-stdin", "--json"];
    let made = shop.run_with_input(&args, PASSWORD).done();
    let made: serde_json::Value = serde_json::from_str(&made.stdout).unwrap();
    assert_eq!((&made["email"], &made["role"]), (&json!("admin@example.com"), &json!("ADMIN")));
    assert!(made["userId"].as_str().unwrap().starts_with("user_"));
    assert_eq!(shop.json(&["user", "list"]), json!({ "items": [made], "nextCursor": null }));
    shop.run_with_input(&args, PASSWORD).failed(1, "already has an account");
}

#[test]
fn a_weak_password_is_refused_before_a_store_is_made() {
    let shop = Shop::empty();
    let args = ["user", "create-admin", "--email", "a@example.com", "--password-stdin"];
    shop.run_with_input(&args, "secret\n").failed(1, "an upper-case letter");
    shop.run_with_input(&args, "\n").failed(2, "no password");
    let stricter = |value: &str| {
        let mut command = shop.command(&args);
        let ended = command.env("TICKETING__AUTH__PASSWORD_MIN_CHARS", value).write_stdin(PASSWORD).output().unwrap();
        (ended.status.code(), String::from_utf8(ended.stderr).unwrap())
    };
    let (code, told) = stricter("15");
    assert!(code == Some(1) && told.contains("15 to 128 characters"), "{told}");
    let (code, told) = stricter("many");
    assert!(code == Some(2) && told.contains("TICKETING__AUTH__PASSWORD_MIN_CHARS"), "{told}");
    assert!(!shop.file().exists());
}

#[test]
fn a_role_is_set_by_address_or_by_id() {
    let shop = Shop::empty();
    let args = ["user", "create-admin", "--email", "door@example.com", "--password-stdin"];
    shop.run_with_input(&args, PASSWORD).done();
    let user = shop.json(&["user", "set-role", "door@example.com", "STAFF"]);
    assert_eq!(user["role"], "STAFF");
    let id = user["userId"].as_str().unwrap();
    assert_eq!(shop.json(&["user", "set-role", id, "USER"])["role"], "USER");
    shop.run(&["user", "set-role", "nobody@example.com", "STAFF"]).failed(1, "nobody@example.com");
}

#[test]
fn an_event_goes_from_draft_to_the_archive() {
    let shop = Shop::open();
    let made = shop.json(&["event", "create", "--title", "Spring", "--venue", "Hall"]);
    let id = made["id"].as_str().unwrap();
    assert_eq!(made["status"], "DRAFT");
    assert_eq!(shop.json(&["event", "publish", id])["status"], "PUBLISHED");
    assert_eq!(shop.json(&["event", "list", "--status", "DRAFT"])["items"], json!([]));
    assert_eq!(shop.json(&["event", "list", "--status", "PUBLISHED"])["items"][0]["id"], id);
    assert_eq!(shop.json(&["event", "archive", id])["status"], "ARCHIVED");
    assert_eq!(shop.json(&["event", "show", id])["title"], "Spring");
}

#[test]
fn lists_are_paged() {
    let shop = Shop::open();
    let ids: Vec<_> = (0..3).map(|_| shop.event()).collect();
    let first = shop.json(&["event", "list", "--limit", "2"]);
    let cursor = first["nextCursor"].as_str().unwrap();
    let second = shop.json(&["event", "list", "--limit", "2", "--cursor", cursor]);
    let listed: Vec<_> = [&first, &second].iter().flat_map(|page| page["items"].as_array().unwrap()).collect();
    assert_eq!(listed.iter().map(|event| event["id"].as_str().unwrap()).collect::<Vec<_>>(), ids);
    assert_eq!(second["nextCursor"], json!(null));
    let people = shop.run(&["event", "list", "--limit", "2"]).done();
    assert!(people.stderr.contains("--cursor"), "{people:?}");
}

#[test]
fn a_session_is_made_opened_paused_closed_and_restocked() {
    let shop = Shop::open();
    let id = shop.session(&["--stock", "5", "--max-per-user", "2", "--admit-per-second", "50"]);
    let shown = shop.json(&["session", "show", &id]);
    assert_eq!(shown["startAt"], "2099-04-01T10:00:00.000000Z");
    assert_eq!(shown["price"], json!({ "amount": 55000, "currency": "KRW" }));
    assert_eq!((&shown["totalStock"], &shown["remainingStock"]), (&json!(5), &json!(5)));
    assert_eq!((&shown["maxPerUser"], &shown["queue"]["admitPerSecond"]), (&json!(2), &json!(50)));
    for (command, status) in [("pause", "PAUSED"), ("close", "CLOSED"), ("open", "OPEN")] {
        assert_eq!(shop.json(&["session", command, &id])["status"], status);
    }
    assert_eq!(shop.json(&["session", "set-stock", &id, "7"])["remainingStock"], 7);
    assert_eq!(shop.json(&["session", "list"])["items"][0]["id"], id.as_str());
    let event = shown["eventId"].as_str().unwrap();
    assert_eq!(shop.json(&["session", "list", "--event", event])["items"].as_array().unwrap().len(), 1);
}

#[test]
fn a_session_sells_only_once_it_is_opened() {
    let shop = Shop::open();
    let args =
        ["session", "create", &shop.event(), "--start-at", "2099-01-01T00:00:00Z", "--stock", "5", "--price", "1"];
    assert_eq!(shop.json(&[&args[..], &["--open"]].concat())["status"], "OPEN");
    let made = shop.json(&args);
    assert_eq!((&made["status"], &made["intendedStatus"]), (&json!("SCHEDULED"), &json!("SCHEDULED")));
    assert_eq!(shop.json(&["session", "open", made["id"].as_str().unwrap()])["status"], "OPEN");
}

#[test]
fn a_session_alone_tells_its_limits_and_whether_its_event_is_hidden() {
    let shop = Shop::open();
    let more = ["--stock", "5", "--max-per-user", "3", "--hold-ttl-seconds", "90", "--admit-per-second", "50"];
    let id = shop.session(&more);
    let show = || shop.run(&["session", "show", &id]).done().stdout;
    let shown = show();
    for part in ["max per user", "3", "hold TTL", "90 s", "ON, 50 admitted a second"] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
    assert!(!shown.contains("nothing is sold"), "{shown}");
    let event = shop.json(&["session", "show", &id])["eventId"].as_str().unwrap().to_owned();
    shop.run(&["event", "archive", &event]).done();
    assert!(show().contains("ARCHIVED: nothing is sold any more"), "{}", show());
}

#[test]
fn at_most_ten_seats_that_exist_are_named() {
    let shop = Shop::open();
    let id = shop.session(&["--seated"]);
    let rows: String = (1..=12).map(|number| format!("A{number},S,A,{number}\n")).collect();
    let seats = format!("id,section,row,number\n{rows}");
    let args = ["session", "import-seats", &id, "-"];
    shop.run_with_input(&args, &seats).done();
    let again = shop.run_with_input(&args, &seats).failed(1, "A10 and 2 more; nothing was imported");
    assert!(!again.stderr.contains("A11"), "{again:?}");
    shop.run_with_input(&args, "id,section,row,number\nB1,S,B,x\n").failed(2, "1 wrong line;");
}

#[test]
fn seats_are_imported_all_or_none() {
    let shop = Shop::open();
    let id = shop.session(&["--seated"]);
    let csv = shop.file().with_file_name("seats.csv");
    let file = csv.to_str().unwrap();

    fs::write(&csv, "id,section,row,number,price\nA1,S,A,1,80000\nA2,S,A,two,\nA1,S,A,3,\n").unwrap();
    let wrong = shop.run(&["session", "import-seats", &id, file]).failed(2, "2 wrong lines");
    assert!(wrong.stderr.contains("line 3:") && wrong.stderr.contains("line 4: seat A1"), "{wrong:?}");
    assert_eq!(shop.json(&["session", "show", &id])["totalStock"], 0);

    fs::write(&csv, "id,section,row,number,price\nA1,S,A,1,80000\nA2,S,A,2,\n").unwrap();
    assert_eq!(shop.json(&["session", "import-seats", &id, file])["totalStock"], 2);
    shop.run(&["session", "import-seats", &id, file]).failed(1, "exist already: A1, A2;");
    let more = shop.run_with_input(&["session", "import-seats", &id, "-"], "id,section,row,number\nB1,S,B,1\n");
    assert!(more.done().stderr.contains("1 seat added"));
    assert_eq!(shop.json(&["session", "show", &id])["remainingStock"], 3);
    assert_eq!(shop.json(&["verify"])["ok"], true);
}

#[test]
fn seats_of_a_session_that_sells_by_number_are_refused() {
    let shop = Shop::open();
    let id = shop.session(&["--stock", "5"]);
    let seats = "id,section,row,number\nB1,S,B,1\n";
    let refused = shop.run_with_input(&["session", "import-seats", &id, "-"], seats);
    assert_eq!(refused.code, 1, "{refused:?}");
}

#[test]
fn people_get_tables_with_times_in_rfc_3339() {
    let shop = Shop::open();
    let id = shop.session(&["--stock", "5", "--sales-open-at", "2098-01-01T00:00:00Z"]);
    let shown = shop.run(&["session", "show", &id]).done().stdout;
    for part in [id.as_str(), "55000 KRW", "2098-01-01T00:00:00Z", "SCHEDULED"] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
}
