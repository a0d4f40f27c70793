//! What a server answers, held against the document that describes it.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex},
};

use jsonschema::Validator;
use reqwest::{Method, Url};
use serde_json::{Value, json};
use ticketing_server::openapi;

static VALIDATORS: LazyLock<Mutex<HashMap<String, &'static Validator>>> = LazyLock::new(Mutex::default);

/// Holds one answer against the document: its status is one that the operation of its path and method has, and
/// its body is as that operation says. What the router itself answers, to an address or a method that it does
/// not know, is in no operation.
#[track_caller]
pub fn check(method: &Method, url: &Url, status: u16, kind: &str, body: &str) {
    let Some(path) = openapi::path_of(url.path()) else {
        // One that a test serves beside the server's own.
        let added = url.path() == "/broken";
        assert!(status == 404 || added, "{url} is in no path of the document, and was answered {body}");
        return;
    };
    if status == 405 || (status == 400 && !kind.contains("json")) {
        return;
    }
    let method = if method == Method::HEAD { Method::GET } else { method.clone() }.as_str().to_lowercase();
    let operation = &openapi::document()["paths"][path][&method];
    if let Err(error) = fits(path, &method, operation, status, kind, body) {
        panic!("{method} {url} was answered {status} {kind} {body}, which {path} does not say: {error}");
    }
}

fn fits(path: &str, method: &str, operation: &Value, status: u16, kind: &str, body: &str) -> Result<(), String> {
    let response = operation["responses"].get(status.to_string()).ok_or("it has no such status")?;
    let Some(content) = response.get("content").and_then(Value::as_object) else {
        return if body.is_empty() { Ok(()) } else { Err("it has no body".to_owned()) };
    };
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let content = content.get(kind).or_else(|| content.get("*/*")).ok_or(format!("it is not {kind}"))?;
    if !kind.ends_with("json") {
        return Ok(());
    }
    let body: Value = serde_json::from_str(body).map_err(|error| error.to_string())?;
    let validator = validator(&format!("{path} {method} {status}"), &content["schema"]);
    let errors: Vec<_> =
        validator.iter_errors(&body).map(|error| format!("{}: {error}", error.instance_path())).collect();
    if errors.is_empty() { Ok(()) } else { Err(errors.join("; ")) }
}

/// The validator of a schema of the document, made once.
pub fn validator(name: &str, schema: &Value) -> &'static Validator {
    let mut known = VALIDATORS.lock().unwrap();
    if let Some(validator) = known.get(name) {
        return validator;
    }
    let whole = json!({ "allOf": [schema], "components": openapi::document()["components"] });
    let made = jsonschema::draft202012::options().should_validate_formats(true).build(&whole).unwrap();
    let made: &'static Validator = Box::leak(Box::new(made));
    known.insert(name.to_owned(), made);
    made
}
