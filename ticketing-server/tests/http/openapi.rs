//! The document of the contract, as it is served.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::Value;
use ticketing_server::openapi;

use crate::{
    contract,
    server::{TestServer, header},
    shop::Answer,
    store::Store,
};

const CHECKED_IN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");

/// Set, it has the file written anew.
const WRITE: &str = "TICKETING_WRITE_OPENAPI";

#[test]
fn the_document_that_is_checked_in_is_the_one_that_is_served() {
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(CHECKED_IN, openapi::render()).unwrap();
    }
    let checked_in = std::fs::read_to_string(CHECKED_IN).unwrap_or_default();
    assert!(checked_in == openapi::render(), "docs/openapi.json is another one: {WRITE}=1 writes it anew");
}

fn operations() -> Vec<(&'static str, &'static str, &'static Value)> {
    let paths = openapi::document()["paths"].as_object().unwrap();
    let of = |(path, methods): (&'static String, &'static Value)| {
        let methods = methods.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (path.as_str(), method.as_str(), operation)).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of).collect()
}

#[test]
fn every_route_is_described_and_nothing_else_is() {
    let served: BTreeSet<_> = openapi::served_paths().into_iter().collect();
    let described: BTreeSet<_> = openapi::document()["paths"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(described, served);
}

pub async fn every_path_takes_the_methods_that_are_described_and_no_other(store: &Store) {
    let server = TestServer::start(store).await;
    let mut described: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (path, method, _) in operations() {
        let methods = described.entry(path).or_default();
        methods.insert(method.to_uppercase());
        if method == "get" {
            methods.insert("HEAD".to_owned());
        }
    }
    for (path, methods) in described {
        let asked: Vec<_> = path.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect();
        let answer = server.request(Method::TRACE, &asked.join("/")).send().await.unwrap();
        let allowed: BTreeSet<_> = header(&answer, "allow").split(',').map(|method| method.trim().to_owned()).collect();
        assert_eq!((answer.status().as_u16(), &allowed), (405, &methods), "{path}");
    }
}

#[test]
fn every_operation_has_a_name_of_its_own_a_summary_and_a_success() {
    let mut names = BTreeSet::new();
    for (path, method, operation) in operations() {
        assert!(names.insert(operation["operationId"].as_str().unwrap()), "{method} {path}: its name is another's");
        assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{method} {path}");
        let statuses: Vec<_> = operation["responses"].as_object().unwrap().keys().collect();
        assert!(statuses.iter().any(|status| status.starts_with(['2', '3'])), "{method} {path}: {statuses:?}");
        for (at, parameter) in operation["parameters"].as_array().unwrap().iter().enumerate() {
            let said = parameter["description"].as_str().is_some_and(|text| !text.is_empty());
            assert!(said && parameter["schema"].is_object(), "{method} {path}: parameter {at}");
        }
        let filled = path.matches('{').count();
        let declared = operation["parameters"].as_array().unwrap().iter().filter(|p| p["in"] == "path").count();
        assert_eq!(filled, declared, "{method} {path}: the parameters of its path");
    }
}

#[test]
fn every_example_fits_its_schema() {
    let mut seen = 0;
    let mut check = |name: String, content: &Value| {
        if let Some(example) = content.get("example") {
            let errors: Vec<_> =
                contract::validator(&name, &content["schema"]).iter_errors(example).map(|e| e.to_string()).collect();
            assert!(errors.is_empty(), "{name}: {example}: {errors:?}");
            seen += 1;
        }
    };
    for (path, method, operation) in operations() {
        for (kind, content) in operation["requestBody"]["content"].as_object().into_iter().flatten() {
            check(format!("{path} {method} body of {kind}"), content);
        }
        for (status, response) in operation["responses"].as_object().unwrap() {
            for (kind, content) in response["content"].as_object().into_iter().flatten() {
                check(format!("{path} {method} {status} {kind}"), content);
            }
        }
    }
    assert!(seen > 300, "only {seen} examples");
}

/// The reasons that the document's refusals have.
fn reasons() -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    for (_, _, operation) in operations() {
        for response in operation["responses"].as_object().unwrap().values() {
            let reasons = &response["content"]["application/problem+json"]["schema"]["properties"]["reason"]["enum"];
            found.extend(reasons.as_array().into_iter().flatten().map(|reason| reason.as_str().unwrap()));
        }
    }
    // What the router itself answers.
    found.insert("method_not_allowed");
    found
}

#[test]
fn every_reason_is_explained_and_every_explanation_is_of_a_reason() {
    let explained: BTreeSet<_> = openapi::reasons().into_iter().collect();
    let unused: Vec<_> = explained.difference(&reasons()).copied().collect();
    // Only whoever embeds the engine meets this one: accounts are made and changed by nobody else.
    assert_eq!(unused, ["user_not_found"]);
    assert_eq!(reasons().difference(&explained).count(), 0);
}

pub async fn the_document_its_pages_and_its_reasons_are_served_and_load_nothing_from_elsewhere(store: &Store) {
    let server = TestServer::start(store).await;
    let served = Answer::read(server.get("/openapi.json").send().await.unwrap()).await.expect(200);
    assert_eq!(&served.body, openapi::document());
    let index = server.get("/docs/").send().await.unwrap();
    assert_eq!((index.status().as_u16(), header(&index, "content-type").as_str()), (200, "text/html"));
    let index = index.text().await.unwrap();
    assert!(!index.contains("https://") && !index.contains("http://"), "{index}");
    let files: Vec<_> = index.split(['"', '\'']).filter_map(|part| part.strip_prefix("./")).collect();
    assert!(files.len() >= 4, "{files:?}");
    for file in files {
        let found = server.get(&format!("/docs/{file}")).send().await.unwrap();
        assert_eq!(found.status().as_u16(), 200, "{file}");
        let text = String::from_utf8_lossy(&found.bytes().await.unwrap()).into_owned();
        assert!(!text.contains("cdn.jsdelivr") && !text.contains("unpkg.com"), "{file}");
    }
    let moved = server.get("/docs").send().await.unwrap();
    assert_eq!((moved.status().as_u16(), header(&moved, "location").as_str()), (308, "/docs/"));
    for reason in openapi::reasons() {
        let page = Answer::read(server.get(&format!("/problems/{reason}")).send().await.unwrap()).await.expect(200);
        assert!(!page.text("meaning").is_empty());
    }
    for none in ["/docs/%ff", "/problems/%ff", "/docs/none.js"] {
        Answer::read(server.get(none).send().await.unwrap()).await.refused(404, "route_not_found");
    }
}
