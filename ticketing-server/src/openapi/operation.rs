//! One operation, and what all of them share.

use serde_json::{Map, Value, json};

use super::{examples, schema};

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Anyone,
    User,
    Staff,
    Admin,
    Gateway,
}

/// One method of one path.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    name: &'static str,
    tag: &'static str,
    summary: &'static str,
    access: Access,
    parameters: Vec<Value>,
    /// Its media type and its schema's name.
    body: Option<(&'static str, &'static str)>,
    answers: Vec<(u16, Answer)>,
    refusals: Vec<(u16, Vec<&'static str>)>,
    free: bool,
}

/// What a success brings.
#[derive(Debug, Clone)]
struct Answer {
    told: &'static str,
    kind: &'static str,
    schema: Option<Value>,
    headers: Vec<(&'static str, Value)>,
}

/// An operation that anybody may ask for.
pub(super) fn operation(
    method: &'static str,
    path: &'static str,
    name: &'static str,
    tag: &'static str,
    summary: &'static str,
) -> Operation {
    Operation {
        method,
        path,
        name,
        tag,
        summary,
        access: Access::Anyone,
        parameters: Vec::new(),
        body: None,
        answers: Vec::new(),
        refusals: Vec::new(),
        free: false,
    }
}

impl Operation {
    /// For whoever has an access token.
    pub(super) fn user(self) -> Self {
        Self { access: Access::User, ..self }
    }

    /// For staff and administrators.
    pub(super) fn staff(self) -> Self {
        Self { access: Access::Staff, ..self }
    }

    /// For administrators.
    pub(super) fn admin(self) -> Self {
        Self { access: Access::Admin, ..self }
    }

    /// For the payment gateway, by its signature.
    pub(super) fn gateway(self) -> Self {
        Self { access: Access::Gateway, ..self }
    }

    /// Looks at no store and refuses nobody.
    pub(super) fn free(self) -> Self {
        Self { free: true, ..self }
    }

    /// A parameter in the path, the query or a header.
    pub(super) fn parameter(mut self, place: &str, name: &str, required: bool, schema: Value, told: &str) -> Self {
        self.parameters.push(json!({
            "in": place, "name": name, "required": required, "schema": schema, "description": told,
        }));
        self
    }

    /// The id of a thing in the path. What is no such id names nothing.
    pub(super) fn id(self, name: &str, kind: &str) -> Self {
        let schema = schema::id(kind);
        self.parameter("path", name, true, schema, &format!("Names the {kind}."))
    }

    /// A page of a list is asked for.
    pub(super) fn paged(self) -> Self {
        self.parameter("query", "limit", false, schema::whole(1, 200, 50), "Length of the page; 50 unless said.")
            .parameter(
                "query",
                "cursor",
                false,
                schema::text_of(1, 256, "hold_0190163d8a7b7c3e9a1b2c3d4e5f6071"),
                "`nextCursor` of the page before.",
            )
            .refuses(400, &["invalid_argument"])
    }

    /// The schema of its body of JSON, by its name.
    pub(super) fn body(self, schema: &'static str) -> Self {
        Self { body: Some(("application/json", schema)), ..self }
    }

    /// The schema of the form that it takes, by its name.
    pub(super) fn form(self, schema: &'static str) -> Self {
        Self { body: Some(("application/x-www-form-urlencoded", schema)), ..self }
    }

    /// A success that brings JSON.
    pub(super) fn brings(self, status: u16, schema: Value, told: &'static str) -> Self {
        self.brings_as(status, "application/json", Some(schema), told)
    }

    /// A success without a body.
    pub(super) fn done(self, status: u16, told: &'static str) -> Self {
        self.brings_as(status, "", None, told)
    }

    /// A success that brings something else.
    pub(super) fn brings_as(
        mut self,
        status: u16,
        kind: &'static str,
        schema: Option<Value>,
        told: &'static str,
    ) -> Self {
        self.answers.push((status, Answer { told, kind, schema, headers: Vec::new() }));
        self
    }

    /// A header of the success above.
    pub(super) fn header(mut self, name: &'static str, schema: Value) -> Self {
        if let Some((_, answer)) = self.answers.last_mut() {
            answer.headers.push((name, schema));
        }
        self
    }

    /// Refusals of its own, by their reasons.
    pub(super) fn refuses(mut self, status: u16, reasons: &[&'static str]) -> Self {
        match self.refusals.iter_mut().find(|(known, _)| *known == status) {
            Some((_, known)) => known.extend(reasons),
            None => self.refusals.push((status, reasons.to_vec())),
        }
        self
    }

    /// As the document says it.
    pub(super) fn describe(mut self, schemas: &Map<String, Value>) -> Value {
        self.share();
        let mut responses = Map::new();
        for (status, answer) in &self.answers {
            responses.insert(status.to_string(), answer.describe(schemas));
        }
        self.refusals.sort_by_key(|(status, _)| *status);
        for (status, reasons) in &self.refusals {
            responses.insert(status.to_string(), refusal(*status, reasons));
        }
        let mut described = json!({
            "operationId": self.name,
            "tags": [self.tag],
            "summary": self.summary,
            "parameters": self.parameters,
            "responses": responses,
        });
        if let Some((kind, name)) = self.body {
            let schema = schema::of(name);
            let example = examples::of(&schema, schemas);
            let content = json!({ kind: { "schema": schema, "example": example } });
            described["requestBody"] = json!({ "required": true, "content": content });
        }
        match self.access {
            Access::Anyone => described["security"] = json!([]),
            Access::User | Access::Staff | Access::Admin => described["security"] = json!([{ "accessToken": [] }]),
            Access::Gateway => described["security"] = json!([{ "callbackSignature": [] }]),
        }
        let role = match self.access {
            Access::Anyone | Access::Gateway => None,
            Access::User => Some("USER"),
            Access::Staff => Some("STAFF"),
            Access::Admin => Some("ADMIN"),
        };
        described["x-role"] = json!(role);
        described
    }

    /// What every operation of its sort may answer.
    fn share(&mut self) {
        if self.free {
            return;
        }
        let mut add = |status, reasons: &[&'static str]| *self = self.clone().refuses(status, reasons);
        add(429, &["rate_limited"]);
        add(500, &["internal"]);
        add(503, &["overloaded", "conflict", "store_unavailable", "outcome_unknown", "shutting_down"]);
        let (access, body) = (self.access, self.body);
        let mut add = |status, reasons: &[&'static str]| *self = self.clone().refuses(status, reasons);
        match access {
            Access::Anyone => {}
            Access::Gateway => add(401, &["bad_signature"]),
            Access::User => add(401, &["token_required", "token_invalid"]),
            Access::Staff | Access::Admin => {
                add(401, &["token_required", "token_invalid"]);
                add(403, &["forbidden"]);
            }
        }
        if body.is_some() {
            add(400, &["invalid_argument"]);
            add(408, &["request_timeout"]);
            add(413, &["body_too_large"]);
            add(415, &["unsupported_media_type"]);
        }
    }
}

impl Answer {
    fn describe(&self, schemas: &Map<String, Value>) -> Value {
        let mut headers = Map::new();
        headers.insert("X-Trace-Id".to_owned(), trace_header());
        for (name, schema) in &self.headers {
            headers.insert((*name).to_owned(), json!({ "schema": schema }));
        }
        let mut described = json!({ "description": self.told, "headers": headers });
        if let Some(schema) = &self.schema {
            let mut content = json!({ "schema": schema });
            if self.kind == "application/json" {
                content["example"] = examples::of(schema, schemas);
            }
            described["content"] = json!({ self.kind: content });
        }
        described
    }
}

fn trace_header() -> Value {
    json!({ "schema": { "type": "string", "pattern": "^[0-9a-f]{32}$" } })
}

fn refusal(status: u16, reasons: &[&str]) -> Value {
    let mut reasons = reasons.to_vec();
    reasons.sort_unstable();
    reasons.dedup();
    let mut headers = json!({ "X-Trace-Id": trace_header() });
    if matches!(status, 429 | 503) {
        headers["Retry-After"] = json!({ "required": true, "schema": { "type": "integer", "minimum": 1 } });
    }
    if status == 401 {
        headers["WWW-Authenticate"] = json!({ "schema": { "type": "string" } });
    }
    let listed: Vec<_> = reasons.iter().map(|reason| format!("[`{reason}`](/problems/{reason})")).collect();
    json!({
        "description": listed.join(", "),
        "headers": headers,
        "content": { "application/problem+json": {
            "schema": {
                "allOf": [schema::of("Problem")],
                "properties": { "status": { "const": status }, "reason": { "enum": reasons } },
            },
            "example": {
                "type": format!("/problems/{}", reasons[0]),
                "title": http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()),
                "status": status,
                "code": crate::error::code_of(status),
                "reason": reasons[0],
                "detail": "a sentence for people",
                "traceId": "0af7651916cd43dd8448eb211c80319c",
                "errors": [],
            },
        } },
    })
}
