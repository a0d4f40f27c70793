//! The configuration as it comes out, with where each value comes from, and without its secrets.

use std::fmt;

use serde_json::{Map, Value, json};

use super::{
    Config, ConfigError, Profile,
    keys::{KEYS, Kind},
    sources::{Origin, Origins, Sources, variable},
};

/// Stands for a secret that was given.
const SET: &str = "(set)";
/// Stands for a secret that the server makes, once, and keeps.
const GENERATED: &str = "(generated)";
/// Secrets that are made unless they are given.
const MADE: [&str; 5] =
    ["queue.token_secret", "auth.jwt_secret", "payments.sandbox.webhook_secret", "audit.key", "tickets.signing_seed"];

/// What a configuration comes to: every key with its value and where that comes from. Shows no secret.
#[derive(Debug)]
pub struct Report {
    profile: Profile,
    settings: Vec<Setting>,
}

#[derive(Debug)]
struct Setting {
    key: &'static str,
    /// `null`: not set, and nothing stands in.
    value: Value,
    secret: bool,
    origin: Origin,
}

impl Report {
    /// Reads and checks a configuration as a start of the server would, and opens nothing.
    ///
    /// # Errors
    /// Everything that is wrong with it: at least one thing.
    pub fn of(sources: Sources) -> Result<Self, Vec<ConfigError>> {
        let (config, origins) = sources.merge()?;
        let wrong = config.check();
        if !wrong.is_empty() {
            return Err(wrong);
        }
        // Secrets have no place in what is serialized.
        let values = serde_json::to_value(&config).map_err(|error| vec![ConfigError::unreadable(&error)])?;
        let settings = KEYS.iter().map(|(key, kind)| Setting::of(key, *kind, &config, &values, &origins));
        Ok(Self { profile: config.profile, settings: settings.collect() })
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        let settings: Vec<Value> = self.settings.iter().map(Setting::to_json).collect();
        json!({ "ok": true, "profile": self.profile.name(), "settings": settings })
    }
}

/// One line for each key: its name, its value, and where that comes from.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.settings.iter().map(|set| (set.key, set.shown(), set.origin.to_string())).collect();
        let width = |of: fn(&(&str, String, String)) -> usize| lines.iter().map(of).max().unwrap_or(0);
        let (keys, values) = (width(|line| line.0.chars().count()), width(|line| line.1.chars().count()).min(60));
        for (key, value, origin) in lines {
            writeln!(f, "{key:keys$}  {value:values$}  {origin}")?;
        }
        Ok(())
    }
}

impl Setting {
    fn of(key: &'static str, kind: Kind, config: &Config, values: &Value, origins: &Origins) -> Self {
        let origin = origins.get(key).cloned();
        if kind == Kind::Secret {
            let (value, origin) = match origin {
                Some(origin) => (json!(SET), origin),
                None if MADE.contains(&key) => (json!(GENERATED), Origin::Generated),
                None => (Value::Null, Origin::Default),
            };
            return Self { key, value, secret: true, origin };
        }
        let said = key.split('.').try_fold(values, |value, part| value.get(part)).cloned().unwrap_or_default();
        let value = match key {
            "server.cors_origins" => json!(config.cors_origins()),
            "server.public_url" if said.is_null() => json!(format!("http://{}", config.server.listen)),
            "store.url" => json!(without_credentials(&config.store.url)),
            "queue.url" => json!(without_credentials(config.queue.url.as_ref().unwrap_or(&config.store.url))),
            "tracing.otlp_endpoint" => config.tracing.otlp_endpoint.as_deref().map(without_credentials).into(),
            _ => said,
        };
        Self { key, value, secret: false, origin: origin.unwrap_or(Origin::Default) }
    }

    fn shown(&self) -> String {
        match &self.value {
            Value::Null => "-".to_owned(),
            Value::String(text) => text.clone(),
            value @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => value.to_string(),
        }
    }

    fn to_json(&self) -> Value {
        json!({
            "key": self.key,
            "environment": variable(self.key),
            "value": self.value,
            "secret": self.secret,
            "origin": self.origin.to_json(),
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secret = match self {
            Self::Default => return f.write_str("default"),
            Self::Generated => return f.write_str("generated"),
            Self::Flag(name) => return write!(f, "flag {name}"),
            Self::File(path, secret) => {
                write!(f, "file {}", path.display())?;
                secret
            }
            Self::Environment(name, secret) => {
                write!(f, "environment {name}")?;
                secret
            }
        };
        secret.as_ref().map_or(Ok(()), |path| write!(f, ", file {}", path.display()))
    }
}

impl Origin {
    fn to_json(&self) -> Value {
        let (kind, name, path, secret) = match self {
            Self::Default => ("default", None, None, None),
            Self::Generated => ("generated", None, None, None),
            Self::Flag(name) => ("flag", Some(*name), None, None),
            Self::File(path, secret) => ("file", None, Some(path), secret.as_ref()),
            Self::Environment(name, secret) => ("environment", Some(name.as_str()), None, secret.as_ref()),
        };
        let mut members = Map::from_iter([("kind".to_owned(), json!(kind))]);
        members.extend(name.map(|name| ("name".to_owned(), json!(name))));
        members.extend(path.map(|path| ("path".to_owned(), json!(path.display().to_string()))));
        members.extend(secret.map(|path| ("secretFile".to_owned(), json!(path.display().to_string()))));
        Value::Object(members)
    }
}

/// A store's URL as it may be shown: nothing before the host, and no parameters.
pub(crate) fn without_credentials(url: &str) -> String {
    let url = url.split_once('?').map_or(url, |(url, _)| url);
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    // A file's path may have an `@`, and has no credentials.
    match rest.rsplit_once('@') {
        Some((_, host)) if scheme != "sqlite" => format!("{scheme}://{host}"),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_secret_that_is_made_is_a_secret_that_there_is() {
        for key in MADE {
            assert!(KEYS.contains(&(key, Kind::Secret)), "{key}");
        }
    }

    #[test]
    fn every_key_that_is_no_secret_has_its_value_in_the_report() {
        let report = Report::of(Sources::default()).unwrap();
        let silent: Vec<_> = report.settings.iter().filter(|set| set.value.is_null()).map(|set| set.key).collect();
        let expected = [
            "secrets.file",
            "payments.sandbox.journal",
            "payments.http.url",
            "payments.http.token",
            "payments.http.webhook_secret",
            "payments.http.webhook_secret_previous",
            "payments.sandbox.webhook_secret_previous",
            "bootstrap.admin_email",
            "bootstrap.admin_password",
            "tickets.signing_seed_previous",
            "tracing.otlp_endpoint",
            "log.format",
        ];
        assert_eq!(silent, expected);
    }

    #[test]
    fn a_collector_is_shown_without_its_credentials() {
        let mut config = Config::default();
        config.tracing.otlp_endpoint = Some("https://user:hunter2@collector.example.com/v1?token=hunter2".to_owned());
        let values = serde_json::to_value(&config).unwrap();
        let shown = Setting::of("tracing.otlp_endpoint", Kind::Text, &config, &values, &Origins::default());
        assert_eq!(shown.value, json!("https://collector.example.com/v1"));
    }

    #[test]
    fn a_store_is_shown_without_its_credentials() {
        let check = |url: &str, expected: &str| assert_eq!(without_credentials(url), expected);
        check("sqlite://shop@home.db", "sqlite://shop@home.db");
        check("memory://", "memory://");
        check("postgres://shop:p@ss@db/tickets?password=p", "postgres://db/tickets");
        check("redis://:secret@cache:6379", "redis://cache:6379");
    }
}
