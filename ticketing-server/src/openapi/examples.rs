//! Examples, put together from those of the members.

use serde_json::{Map, Value};

/// An example of what `schema` describes.
pub(super) fn of(schema: &Value, schemas: &Map<String, Value>) -> Value {
    if let Some(example) = schema.get("examples").and_then(|examples| examples.get(0)) {
        return example.clone();
    }
    if let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next()) {
        return schemas.get(name).map_or(Value::Null, |schema| of(schema, schemas));
    }
    if let Some(word) = schema.get("enum").and_then(|words| words.get(0)).or_else(|| schema.get("const")) {
        return word.clone();
    }
    if let Some(first) = schema.get("oneOf").and_then(|schemas| schemas.get(0)) {
        return of(first, schemas);
    }
    if let Some(items) = schema.get("items") {
        return Value::Array(vec![of(items, schemas)]);
    }
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return Value::Null };
    Value::Object(properties.iter().map(|(name, schema)| (name.clone(), of(schema, schemas))).collect())
}
