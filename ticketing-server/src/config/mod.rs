//! What the server is told: flags over environment over file over defaults.

mod address;
mod check;
mod concurrency;
mod keys;
mod limits;
mod nearest;
mod report;
mod sources;
mod weak;

use std::path::PathBuf;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use ticketing_core::user::password::PasswordPolicy;
use ticketing_store::redis::RedisRooms;

pub(crate) use self::report::without_credentials;
pub use self::{
    address::AddressBlock,
    concurrency::ConcurrencyConfig,
    limits::LimitsConfig,
    report::Report,
    sources::{ConfigError, Flag, Origin, Sources},
    weak::weakness,
};
use crate::gateway::play::PlayConfig;

/// Everything that can be set. Keys are named `section.key` in files and `TICKETING__SECTION__KEY`
/// in the environment.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How strict the server is about its own settings.
    pub profile: Profile,
    /// The listener and the address of the shop.
    pub server: ServerConfig,
    /// Where everything is kept.
    pub store: StoreConfig,
    /// The waiting room.
    pub queue: QueueConfig,
    /// Access tokens.
    pub auth: AuthConfig,
    /// Secrets that are not set.
    pub secrets: SecretsConfig,
    /// Payment gateways.
    pub payments: PaymentsConfig,
    /// What is made at the first start.
    pub bootstrap: BootstrapConfig,
    /// How often who may ask.
    pub limits: LimitsConfig,
    /// How many requests are worked on at once.
    pub concurrency: ConcurrencyConfig,
    /// The audit log.
    pub audit: AuditConfig,
    /// Tickets.
    pub tickets: TicketsConfig,
    /// Logs.
    pub log: LogConfig,
    /// Spans for a collector.
    pub tracing: TracingConfig,
}

/// How strict the server is about its own settings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// A desk: secrets are made as needed, any origin may ask.
    #[default]
    Local,
    /// A shared place to try things: as `local`, but only named origins may ask.
    Dev,
    /// The real thing: weak or missing secrets and the sandbox gateway are refused.
    Prod,
}

impl Profile {
    /// How it is spelt in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Dev => "dev",
            Self::Prod => "prod",
        }
    }
}

/// The listener and the address of the shop.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// Address and port to listen on; port 0 takes a free one.
    pub listen: String,
    /// What links start with; `http://` and the listener's address unless said otherwise.
    pub public_url: Option<String>,
    /// Origins that browsers may ask from; `*` is any. Any in the `local` profile unless set.
    pub cors_origins: Option<Vec<String>>,
    /// Proxies whose `X-Forwarded-For` is believed: addresses or CIDR blocks.
    pub trusted_proxies: Vec<String>,
    /// Most open connections; more wait to be accepted.
    pub connections_max: usize,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            public_url: None,
            cors_origins: None,
            trusted_proxies: Vec::new(),
            connections_max: 20_000,
        }
    }
}

/// Where everything is kept.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// `sqlite://PATH`, `postgres://USER@HOST/DATABASE` or `memory://`.
    pub url: String,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self { url: "sqlite://ticketing.db".to_owned() }
    }
}

/// The waiting room.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct QueueConfig {
    /// Its own store, a `redis://` URL; the server's unless said otherwise.
    pub url: Option<String>,
    /// Signs queue tokens.
    #[serde(skip_serializing)]
    pub token_secret: Option<SecretString>,
}

impl Config {
    /// The waiting room's store, where it is not the server's.
    pub fn waiting_room_url(&self) -> Option<&str> {
        self.queue.url.as_deref().filter(|url| *url != self.store.url)
    }

    /// Where all nodes count limits together: the waiting room's store where that is a Redis, also if it is the
    /// server's.
    pub fn limits_url(&self) -> Option<&str> {
        self.queue.url.as_deref().filter(|url| RedisRooms::check_url(url).is_ok())
    }
}

/// Access tokens and passwords.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthConfig {
    /// Signs access tokens (HS256); at least 32 bytes.
    #[serde(skip_serializing)]
    pub jwt_secret: Option<SecretString>,
    /// Life of an access token, 1 to 900.
    pub access_ttl_seconds: u32,
    /// How long one log-in lasts, however often it is refreshed: 1 to 31,536,000.
    pub refresh_ttl_seconds: u32,
    /// Fewest characters of a new password, 1 to 128.
    pub password_min_chars: usize,
    /// Most characters of a new password, from the fewest to 1024.
    pub password_max_chars: usize,
    /// Whether a new password needs an upper-case letter.
    pub password_require_upper: bool,
    /// Whether a new password needs a lower-case letter.
    pub password_require_lower: bool,
    /// Whether a new password needs a digit.
    pub password_require_digit: bool,
}

impl AuthConfig {
    /// Longest life of an access token.
    pub const ACCESS_TTL_SECONDS_MAX: u32 = 900;
    /// Longest log-in: a year.
    pub const REFRESH_TTL_SECONDS_MAX: u32 = 31_536_000;
    /// Most characters that [`password_min_chars`](Self::password_min_chars) may ask for.
    pub const PASSWORD_MIN_CHARS_MAX: usize = 128;
    /// Most characters that [`password_max_chars`](Self::password_max_chars) may allow.
    pub const PASSWORD_MAX_CHARS_MAX: usize = 1_024;

    /// What a new password must have.
    pub const fn password_policy(&self) -> PasswordPolicy {
        PasswordPolicy {
            chars_min: self.password_min_chars,
            chars_max: self.password_max_chars,
            upper: self.password_require_upper,
            lower: self.password_require_lower,
            digit: self.password_require_digit,
        }
    }
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            jwt_secret: None,
            access_ttl_seconds: Self::ACCESS_TTL_SECONDS_MAX,
            refresh_ttl_seconds: 2_592_000,
            password_min_chars: 8,
            password_max_chars: 128,
            password_require_upper: true,
            password_require_lower: true,
            password_require_digit: true,
        }
    }
}

/// Secrets that are not set.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SecretsConfig {
    /// The file they are in, and are made in if there is none; beside the store unless said otherwise.
    pub file: Option<PathBuf>,
}

/// Payment gateways.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct PaymentsConfig {
    /// How often the gateway is asked what it captured, for callbacks that never come; 0: never.
    pub reconcile_every_seconds: u32,
    /// The gateway behind HTTP, once it has a URL.
    pub http: HttpGatewayConfig,
    /// The gateway that is part of the server, and takes its place until then.
    pub sandbox: SandboxConfig,
}

impl Default for PaymentsConfig {
    fn default() -> Self {
        let (http, sandbox) = (HttpGatewayConfig::default(), SandboxConfig::default());
        Self { reconcile_every_seconds: 300, http, sandbox }
    }
}

impl PaymentsConfig {
    /// What signs callbacks, and what did before.
    pub fn webhook_secrets(&self) -> (&Option<SecretString>, &Option<SecretString>) {
        match self.http.url {
            Some(_) => (&self.http.webhook_secret, &self.http.webhook_secret_previous),
            None => (&self.sandbox.webhook_secret, &self.sandbox.webhook_secret_previous),
        }
    }
}

/// A gateway behind HTTP.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpGatewayConfig {
    /// Where it answers: `https://…`. Without one the sandbox takes no money.
    pub url: Option<String>,
    /// How it knows this server.
    #[serde(skip_serializing)]
    pub token: Option<SecretString>,
    /// Signs its callbacks.
    #[serde(skip_serializing)]
    pub webhook_secret: Option<SecretString>,
    /// The secret before this one: still believed while it is being changed.
    #[serde(skip_serializing)]
    pub webhook_secret_previous: Option<SecretString>,
}

/// The sandbox gateway.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SandboxConfig {
    /// The file it keeps its own books in; in the process's memory unless said otherwise.
    pub journal: Option<PathBuf>,
    /// Signs its callbacks.
    #[serde(skip_serializing)]
    pub webhook_secret: Option<SecretString>,
    /// The secret before this one: still believed while it is being changed.
    #[serde(skip_serializing)]
    pub webhook_secret_previous: Option<SecretString>,
    /// What it does besides what is asked of it.
    pub play: PlayConfig,
}

/// What is made at the first start.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct BootstrapConfig {
    /// Address of the first administrator.
    pub admin_email: Option<String>,
    /// Password of the first administrator.
    #[serde(skip_serializing)]
    pub admin_password: Option<SecretString>,
}

/// The audit log.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditConfig {
    /// Chains the records; at least 32 bytes.
    #[serde(skip_serializing)]
    pub key: Option<SecretString>,
}

/// Tickets.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TicketsConfig {
    /// Ed25519 seed: 32 bytes in hex or base64.
    #[serde(skip_serializing)]
    pub signing_seed: Option<SecretString>,
    /// The one before it: tickets signed with it still admit.
    #[serde(skip_serializing)]
    pub signing_seed_previous: Option<SecretString>,
}

/// Logs.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// How a line looks. Unless said otherwise, for people where stderr is a terminal, for programs elsewhere.
    pub format: Option<LogFormat>,
    /// What is worth a line, as `tracing` filters say it.
    pub level: String,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: None, level: "info".to_owned() }
    }
}

/// Spans for a collector.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TracingConfig {
    /// The collector (OTLP over HTTP); without one there are no spans.
    pub otlp_endpoint: Option<String>,
    /// How many of a hundred new traces are recorded. Callers that bring a trace decide for themselves.
    pub sample_percent: u32,
    /// What the collector calls this server.
    pub service_name: String,
}

impl Default for TracingConfig {
    fn default() -> Self {
        Self { otlp_endpoint: None, sample_percent: 100, service_name: "ticketing".to_owned() }
    }
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For programs.
    Json,
    /// For people.
    Human,
}

impl Config {
    /// Reads and checks a configuration.
    ///
    /// # Errors
    /// [`ConfigError`] names the key, where it was set, and what is wrong: the first of all that is.
    pub fn load(sources: Sources) -> Result<Self, ConfigError> {
        let (config, _) = sources.merge().map_err(first)?;
        config.checked()?;
        Ok(config)
    }

    /// Whether a server may start with it.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn checked(&self) -> Result<(), ConfigError> {
        let wrong = self.check();
        if wrong.is_empty() { Ok(()) } else { Err(first(wrong)) }
    }

    /// Origins that browsers may ask from.
    pub fn cors_origins(&self) -> Vec<String> {
        match (&self.server.cors_origins, self.profile) {
            (Some(origins), _) => origins.clone(),
            (None, Profile::Local) => vec!["*".to_owned()],
            (None, Profile::Dev | Profile::Prod) => Vec::new(),
        }
    }
}

fn first(wrong: Vec<ConfigError>) -> ConfigError {
    wrong.into_iter().next().expect("whoever refuses a configuration says why")
}

impl ServerConfig {
    /// The proxies whose `X-Forwarded-For` is believed.
    ///
    /// # Errors
    /// [`ConfigError`] names the one that is no address.
    pub fn proxies(&self) -> Result<Vec<AddressBlock>, ConfigError> {
        let blocks = self.trusted_proxies.iter().map(|text| text.parse());
        blocks
            .collect::<Result<_, String>>()
            .map_err(|message| ConfigError::invalid("server.trusted_proxies", &message))
    }
}
