//! Where settings come from, and how they are laid over each other.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

use super::{
    Config,
    keys::{self, By, FILE_SUFFIX, KEYS, Kind},
    nearest::nearest,
};

/// In front of every variable of ours.
const PREFIX: &str = "TICKETING__";

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl ConfigError {
    /// A key whose value does not do.
    pub fn invalid(key: &str, message: &str) -> Self {
        Self(format!("{key} (environment: {}): {message}", variable(key)))
    }

    /// A configuration that cannot be shown.
    pub(super) fn unreadable(error: &serde_json::Error) -> Self {
        Self(format!("the configuration cannot be shown: {error}"))
    }
}

/// The places settings come from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// A TOML file.
    pub file: Option<PathBuf>,
    /// Environment variables; those without our prefix are passed over.
    pub environment: Vec<(OsString, OsString)>,
    /// Settings from flags.
    pub flags: Vec<Flag>,
}

/// A setting that a flag gives.
#[derive(Debug, Clone)]
pub struct Flag {
    /// The flag, as it is typed.
    pub name: &'static str,
    /// The key that it sets.
    pub key: &'static str,
    /// What it is set to.
    pub value: String,
}

/// Where the value of a key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// Nobody said anything, so the server makes it: a secret.
    Generated,
    /// The TOML file; or the file that it names, if there is a second one.
    File(PathBuf, Option<PathBuf>),
    /// This variable of the environment; or the file that it names, if there is one.
    Environment(String, Option<PathBuf>),
    /// This flag.
    Flag(&'static str),
}

/// Where each key that is set was set.
pub(super) type Origins = BTreeMap<&'static str, Origin>;

/// One source's settings: where they come from, and what they are.
type Layer = Vec<(&'static str, Value, Origin)>;

impl Sources {
    /// Lays flags over environment over file over defaults.
    ///
    /// # Errors
    /// Everything that is wrong, in the order of the sources; at least one thing.
    pub(super) fn merge(self) -> Result<(Config, Origins), Vec<ConfigError>> {
        let mut wrong = Vec::new();
        let mut layers = Layer::new();
        if let Some(path) = &self.file {
            layers.extend(self::file(path, &mut wrong));
        }
        layers.extend(environment(self.environment, &mut wrong));
        let flags = self.flags.into_iter();
        layers.extend(flags.map(|flag| (flag.key, Value::String(flag.value), Origin::Flag(flag.name))));
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let (mut merged, mut origins) = (Table::new(), Origins::new());
        for (key, value, origin) in layers {
            put(&mut merged, key, value);
            origins.insert(key, origin);
        }
        let config = serde_path_to_error::deserialize(Value::Table(merged)).map_err(|error| {
            let key = error.path().to_string();
            vec![ConfigError::invalid(&key, error.inner().message())]
        })?;
        Ok((config, origins))
    }
}

/// One setting as a source has it.
struct Given {
    /// How the source calls it.
    shown: String,
    /// As keys are called.
    name: String,
    value: Value,
}

fn file(path: &Path, wrong: &mut Vec<ConfigError>) -> Layer {
    let shown = path.display();
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            wrong.push(ConfigError(format!("cannot read {shown}: {error}")));
            return Layer::new();
        }
    };
    let table: Table = match text.parse() {
        Ok(table) => table,
        Err(error) => {
            let error: toml::de::Error = error;
            let line = error.span().map_or(1, |span| text[..span.start].lines().count().max(1));
            wrong.push(ConfigError(format!("{shown}, line {line}: {}", error.message())));
            return Layer::new();
        }
    };
    let mut leaves = Vec::new();
    flatten("", table, &mut leaves);
    let given = leaves.into_iter().map(|(name, value)| Given { shown: name.clone(), name, value });
    let unknown = |unknown: &str| {
        let nearest = nearest(unknown, every_key().iter().map(String::as_str)).map(str::to_owned);
        ConfigError(format!("{shown}: unknown key `{unknown}`; did you mean `{}`?", nearest.unwrap_or_default()))
    };
    layer(given, unknown, |_, secret| Origin::File(path.to_owned(), secret), wrong)
}

fn environment(variables: Vec<(OsString, OsString)>, wrong: &mut Vec<ConfigError>) -> Layer {
    let mut ours = Vec::new();
    for (name, value) in variables {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
        let key = name[PREFIX.len()..].to_lowercase().replace("__", ".");
        match value.into_string() {
            Ok(value) => ours.push(Given { shown: name.to_owned(), name: key, value: Value::String(value) }),
            Err(_) => wrong.push(ConfigError(format!("{name}: not UTF-8"))),
        }
    }
    // The order of the environment is nobody's; errors should not depend on it.
    ours.sort_by(|a, b| a.shown.cmp(&b.shown));
    let unknown = |unknown: &str| {
        let variables: Vec<String> = every_key().iter().map(|key| variable(key)).collect();
        let nearest = nearest(unknown, variables.iter().map(String::as_str)).map(str::to_owned);
        let nearest = nearest.unwrap_or_default();
        ConfigError(format!("unknown environment variable `{unknown}`; did you mean `{nearest}`?"))
    };
    layer(ours.into_iter(), unknown, |name, secret| Origin::Environment(name.to_owned(), secret), wrong)
}

/// Settings of one source: known, of their kind, each once, and secrets read from their files.
fn layer(
    settings: impl Iterator<Item = Given>,
    unknown: impl Fn(&str) -> ConfigError,
    origin: impl Fn(&str, Option<PathBuf>) -> Origin,
    wrong: &mut Vec<ConfigError>,
) -> Layer {
    let mut known = Layer::new();
    for setting in settings {
        match read(setting, &unknown, &origin) {
            Ok((key, ..)) if known.iter().any(|(other, ..)| *other == key) => {
                wrong.push(ConfigError(format!("{key}: given both by itself and in a file; one is enough")));
            }
            Ok(setting) => known.push(setting),
            Err(error) => wrong.push(error),
        }
    }
    known
}

fn read(
    Given { shown, name, value }: Given,
    unknown: &impl Fn(&str) -> ConfigError,
    origin: &impl Fn(&str, Option<PathBuf>) -> Origin,
) -> Result<(&'static str, Value, Origin), ConfigError> {
    let (key, kind, by) = keys::find(&name).ok_or_else(|| unknown(&shown))?;
    let (value, file) = match by {
        By::Itself => (typed(&shown, kind, value)?, None),
        By::File => {
            let (text, path) = secret_file(&shown, &value)?;
            (Value::String(text), Some(path))
        }
    };
    Ok((key, value, origin(&shown, file)))
}

fn typed(shown: &str, kind: Kind, value: Value) -> Result<Value, ConfigError> {
    let error = |expected: &str| ConfigError(format!("{shown}: expected {expected}"));
    match (kind, value) {
        (Kind::Text | Kind::Secret, value @ Value::String(_)) => Ok(value),
        (Kind::Text | Kind::Secret, _) => Err(error("a text")),
        (Kind::Number, value @ Value::Integer(0..)) => Ok(value),
        (Kind::Number, Value::String(text)) if text.trim().parse::<u32>().is_ok() => {
            text.trim().parse().map(Value::Integer).map_err(|_| error("a whole number, 0 or more"))
        }
        (Kind::Number, _) => Err(error("a whole number, 0 or more")),
        (Kind::Switch, value @ Value::Boolean(_)) => Ok(value),
        (Kind::Switch, Value::String(text)) => {
            text.trim().parse().map(Value::Boolean).map_err(|_| error("true or false"))
        }
        (Kind::Switch, _) => Err(error("true or false")),
        (Kind::List, value @ Value::Array(_)) => Ok(value),
        (Kind::List, Value::String(text)) => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Ok(Value::Array(items.map(|item| Value::String(item.to_owned())).collect()))
        }
        (Kind::List, _) => Err(error("a list")),
    }
}

/// The secret in a file, and where that is.
fn secret_file(shown: &str, path: &Value) -> Result<(String, PathBuf), ConfigError> {
    let path = path.as_str().ok_or_else(|| ConfigError(format!("{shown}: expected a path")))?;
    let text =
        fs::read_to_string(path).map_err(|error| ConfigError(format!("{shown}: cannot read {path}: {error}")))?;
    Ok((text.trim_end_matches(['\r', '\n']).to_owned(), path.into()))
}

fn flatten(prefix: &str, table: Table, leaves: &mut Vec<(String, Value)>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
        match value {
            Value::Table(inner) => flatten(&key, inner, leaves),
            value => leaves.push((key, value)),
        }
    }
}

fn put(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((section, rest)) => {
            let inner = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

fn every_key() -> Vec<String> {
    let files = KEYS.iter().filter(|(_, kind)| *kind == Kind::Secret).map(|(key, _)| format!("{key}{FILE_SUFFIX}"));
    KEYS.iter().map(|(key, _)| (*key).to_owned()).chain(files).collect()
}

pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.to_uppercase().replace('.', "__"))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::config::Profile;

    fn variables(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    #[track_caller]
    fn check_refused(file: &str, environment: &[(&str, &str)], expected: &[&str]) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ticketing.toml");
        fs::write(&path, file).unwrap();
        let sources = Sources { file: Some(path), environment: variables(environment), flags: Vec::new() };
        let error = Config::load(sources).unwrap_err().to_string();
        for part in expected {
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_flag_beats_the_environment_which_beats_the_file_which_beats_the_default() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ticketing.toml");
        fs::write(&path, "[server]\nlisten = \"file:1\"\nconnections_max = 3\n[store]\nurl = \"memory://\"").unwrap();
        let sources = Sources {
            file: Some(path),
            environment: variables(&[("TICKETING__SERVER__LISTEN", "env:1"), ("TICKETING__STORE__URL", "sqlite://e")]),
            flags: vec![Flag { name: "--listen", key: "server.listen", value: "flag:1".to_owned() }],
        };
        let config = Config::load(sources).unwrap();
        assert_eq!(config.server.listen, "flag:1");
        assert_eq!(config.store.url, "sqlite://e");
        assert_eq!(config.server.connections_max, 3);
        assert_eq!(config.limits.login_per_account_per_minute, 10);
    }

    #[test]
    fn every_key_can_be_set_from_the_environment() {
        let value = |key: &str, kind: Kind| match (key, kind) {
            ("profile", _) => "dev",
            ("log.format", _) => "human",
            ("server.public_url" | "tracing.otlp_endpoint" | "payments.http.url", _) => "https://tickets.example.com",
            ("server.cors_origins", _) => "https://shop.example, https://other.example",
            ("server.listen", _) => "127.0.0.1:0",
            ("store.url" | "queue.url", _) => "memory://",
            ("tickets.signing_seed" | "tickets.signing_seed_previous", _) => {
                "5eed0000c0ffee001337babe00facade5eed1111c0ffee111337babe11facade"
            }
            ("log.level", _) => "warn",
            ("bootstrap.admin_password", _) => "hunter2",
            (_, Kind::Switch) => "false",
            (_, Kind::Number) => "7",
            (_, Kind::List) => "10.0.0.0/8, ::1",
            (_, Kind::Text | Kind::Secret) => "hunter2-hunter3-hunter4-hunter5-hunter6",
        };
        let environment = KEYS.iter().map(|(key, kind)| (variable(key).into(), value(key, *kind).into())).collect();
        let config = Config::load(Sources { environment, ..Sources::default() }).unwrap();
        assert_eq!(config.profile, Profile::Dev);
        assert_eq!(config.server.proxies().unwrap().len(), 2);
        assert!(!config.auth.password_require_upper && config.concurrency.hold_max == 7);
        assert!(config.audit.key.unwrap().expose_secret().starts_with("hunter2"));
    }

    #[test]
    fn an_unknown_key_is_named_with_the_nearest_known_one() {
        check_refused("[server]\nlisen = \"x\"", &[], &["`server.lisen`", "`server.listen`"]);
        check_refused("[limits]\nlogin_per_minute = 1", &[], &["`limits.login_per_minute`", "`limits.login_per_a"]);
        let expected = &["`TICKETING__STORE__URI`", "`TICKETING__STORE__URL`"];
        check_refused("", &[("TICKETING__STORE__URI", "x")], expected);
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_named() {
        check_refused(
            "[limits]\nlogin_per_account_per_minute = \"many\"",
            &[],
            &["login_per_account_per_minute", "number"],
        );
        check_refused("[auth]\npassword_require_upper = \"yes\"", &[], &["password_require_upper", "true or false"]);
        check_refused("[log]\nformat = \"xml\"", &[], &["log.format", "xml"]);
        check_refused("profile = [", &[], &["line 1"]);
        check_refused("", &[("TICKETING__AUTH__ACCESS_TTL_SECONDS", "901")], &["auth.access_ttl_seconds", "900"]);
        check_refused("", &[("TICKETING__BOOTSTRAP__ADMIN_EMAIL", "a@b.com")], &["bootstrap"]);
    }

    #[test]
    fn a_secret_may_stand_in_a_file_of_its_own_but_not_in_both() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        fs::write(&path, "0123456789abcdefghijklmnopqrstuv\n").unwrap();
        let path = path.to_str().unwrap();
        let environment = variables(&[("TICKETING__AUTH__JWT_SECRET_FILE", path)]);
        let config = Config::load(Sources { environment, ..Sources::default() }).unwrap();
        assert_eq!(config.auth.jwt_secret.unwrap().expose_secret(), "0123456789abcdefghijklmnopqrstuv");
        let both = [("TICKETING__AUTH__JWT_SECRET_FILE", path), ("TICKETING__AUTH__JWT_SECRET", "x")];
        check_refused("", &both, &["both"]);
        let missing = [("TICKETING__AUDIT__KEY_FILE", "/nonexistent/secret")];
        check_refused("", &missing, &["TICKETING__AUDIT__KEY_FILE", "/nonexistent/secret"]);
    }
}
