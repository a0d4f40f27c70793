//! The contract as an OpenAPI 3.1 document, and the pages that show it.
//!
//! One table of operations and one of schemas; what all operations share is said once, in
//! [`Operation`](operation::Operation). Tests hold that every route is in it and no other, that the examples fit
//! their schemas, and that whatever a server answers in the tests is what it says here.

mod administration;
mod examples;
mod operation;
mod operations;
mod purchase;
mod schema;
mod schemas;
mod visit;

use std::sync::LazyLock;

use axum::{
    extract::{RawPathParams, rejection::RawPathParamsRejection},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};
use utoipa_swagger_ui::Config;

use self::operation::Operation;
use crate::{
    error::ApiError,
    routes::{Routes, json as json_body},
};

/// What the document says of itself.
const DESCRIPTION: &str = "First come, first served: holds, payments, tickets and the waiting room in front of them.\n\n\
    A refusal is `application/problem+json` (RFC 9457); match on its `reason`, which the address in `type` explains. \
    429 and 503 carry `Retry-After`. Every answer carries `X-Trace-Id`. Times are RFC 3339 in UTC, amounts whole minor \
    units of their currency. An object of somebody else is answered 404, as one that does not exist.";

static DOCUMENT: LazyLock<Value> = LazyLock::new(assemble);
static RENDERED: LazyLock<Bytes> = LazyLock::new(|| render().into());

/// The document.
pub fn document() -> &'static Value {
    &DOCUMENT
}

/// The document as it is served and checked in.
pub fn render() -> String {
    let mut text = serde_json::to_string_pretty(document()).expect("a JSON value has a text");
    text.push('\n');
    text
}

/// The document and its pages.
pub(crate) fn router() -> Routes {
    Routes::new()
        .route("/openapi.json", get(served))
        .route("/docs", get(|| async { Redirect::permanent("/docs/") }))
        .route("/docs/", get(|| async { page("index.html") }))
        .route("/docs/{file}", get(file))
}

/// A name that is none, such as one that is not UTF-8, is of no file.
async fn file(params: Result<RawPathParams, RawPathParamsRejection>) -> Result<Response, ApiError> {
    let named = params.as_ref().ok().and_then(|params| params.iter().next());
    page(named.map(|(_, file)| file).ok_or_else(no_page)?)
}

async fn served() -> Response {
    json_body(RENDERED.clone())
}

/// A file of the pages: all of it is in this program, nothing is loaded from elsewhere.
fn page(file: &str) -> Result<Response, ApiError> {
    let config = Config::from("/openapi.json").try_it_out_enabled(true).persist_authorization(false);
    let found = utoipa_swagger_ui::serve(file, config.into()).map_err(ApiError::internal)?;
    let found = found.ok_or_else(no_page)?;
    let kind = HeaderValue::from_str(&found.content_type).map_err(ApiError::internal)?;
    Ok(([(header::CONTENT_TYPE, kind)], found.bytes.into_owned()).into_response())
}

fn no_page() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "route_not_found", "there is no such page")
}

fn operations() -> Vec<Operation> {
    [visit::operations(), purchase::operations(), administration::operations(), operations::operations()].concat()
}

fn assemble() -> Value {
    let schemas = schemas::all();
    let mut paths: Map<String, Value> = Map::new();
    for operation in operations() {
        let (path, method) = (operation.path, operation.method);
        paths.entry(path).or_insert_with(|| json!({}))[method] = operation.describe(&schemas);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Ticketing",
            "version": env!("CARGO_PKG_VERSION"),
            "description": DESCRIPTION,
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "tags": [
            { "name": "Accounts" }, { "name": "Catalogue" }, { "name": "Waiting room" }, { "name": "Holds" },
            { "name": "Payments" }, { "name": "Tickets" }, { "name": "Administration" }, { "name": "Operations" },
            { "name": "Sandbox gateway" },
        ],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "accessToken": {
                    "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                    "description": "HS256; `POST /api/auth/login` gives one.",
                },
                "callbackSignature": {
                    "type": "apiKey", "in": "header", "name": "Ticketing-Signature",
                    "description": "`t=<unix seconds>,v1=<hex HMAC-SHA256(secret, \"<t>.<raw body>\")>`; 300 s of tolerance.",
                },
            },
        },
    })
}

/// Every reason that `/problems/{reason}` explains.
pub fn reasons() -> Vec<&'static str> {
    crate::routes::reasons()
}

/// Every path that is served, as the router spells it.
pub fn served_paths() -> Vec<String> {
    crate::routes::served_paths()
}

/// The path of the document that a request's path belongs to.
pub fn path_of(request: &str) -> Option<&'static str> {
    let asked: Vec<&str> = request.split('/').collect();
    let fits = |path: &str| {
        let parts: Vec<&str> = path.split('/').collect();
        parts.len() == asked.len()
            && parts.iter().zip(&asked).all(|(part, asked)| part.starts_with('{') && !asked.is_empty() || part == asked)
    };
    let paths = document()["paths"].as_object()?;
    // What is spelt out comes before what is filled in.
    let exact = paths.keys().find(|path| *path == request);
    exact.or_else(|| paths.keys().find(|path| fits(path))).map(String::as_str)
}
