//! Schemas in few words. An example goes with every one that has no other way to have one.

use serde_json::{Map, Value, json};

/// An object of these members and no other; a name that ends in `?` may be left out.
pub(super) fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (name, schema) in members {
        match name.strip_suffix('?') {
            Some(optional) => properties.insert(optional.to_owned(), schema),
            None => {
                required.push(name.to_owned());
                properties.insert(name.to_owned(), schema)
            }
        };
    }
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

/// Another schema, by its name.
pub(super) fn of(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// The same, or `null`.
pub(super) fn nullable(mut schema: Value) -> Value {
    if schema.get("$ref").is_some() {
        return json!({ "oneOf": [schema, { "type": "null" }] });
    }
    if let Some(kind) = schema.get("type").cloned() {
        schema["type"] = json!([kind, "null"]);
    }
    if let Some(values) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        values.push(Value::Null);
    }
    schema
}

/// A list of these.
pub(super) fn list(items: Value) -> Value {
    json!({ "type": "array", "items": items })
}

/// A page of these.
pub(super) fn page(items: Value) -> Value {
    object([("items", list(items)), ("nextCursor", nullable(text("hold_0190163d8a7b7c3e9a1b2c3d4e5f6071")))])
}

/// Any text.
pub(super) fn text(example: &str) -> Value {
    json!({ "type": "string", "examples": [example] })
}

/// Text of a bounded length.
pub(super) fn text_of(min: u32, max: u32, example: &str) -> Value {
    json!({ "type": "string", "minLength": min, "maxLength": max, "examples": [example] })
}

/// Visible ASCII of a bounded length.
pub(super) fn visible(max: u32, example: &str) -> Value {
    json!({ "type": "string", "pattern": format!("^[!-~]{{1,{max}}}$"), "examples": [example] })
}

/// The id of a thing of this kind.
pub(super) fn id(kind: &str) -> Value {
    let example = format!("{kind}_0190163d8a7b7c3e9a1b2c3d4e5f6071");
    json!({ "type": "string", "pattern": format!("^{kind}_[0-9a-f]{{32}}$"), "examples": [example] })
}

/// An instant.
pub(super) fn time() -> Value {
    json!({ "type": "string", "format": "date-time", "examples": ["2027-04-01T10:00:00.000000Z"] })
}

/// A whole number within bounds.
pub(super) fn whole(min: i64, max: i64, example: i64) -> Value {
    json!({ "type": "integer", "minimum": min, "maximum": max, "examples": [example] })
}

/// How many.
pub(super) fn count(example: i64) -> Value {
    json!({ "type": "integer", "minimum": 0, "examples": [example] })
}

/// Yes or no.
pub(super) fn yes(example: bool) -> Value {
    json!({ "type": "boolean", "examples": [example] })
}

/// One of these words.
pub(super) fn one_of(words: &[&str]) -> Value {
    json!({ "type": "string", "enum": words })
}

/// An amount in whole minor units.
pub(super) fn amount() -> Value {
    json!({ "type": "integer", "minimum": 0, "examples": [110_000] })
}

/// A currency (ISO 4217).
pub(super) fn currency() -> Value {
    json!({ "type": "string", "pattern": "^[A-Z]{3}$", "examples": ["KRW"] })
}

/// `schema`, with a word on what it means.
pub(super) fn told(mut schema: Value, meaning: &str) -> Value {
    schema["description"] = json!(meaning);
    schema
}
