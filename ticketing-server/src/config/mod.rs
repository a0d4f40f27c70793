//! What the server is told: flags over environment over file over defaults.

mod address;
mod keys;
mod nearest;
mod sources;
mod weak;

use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;

pub use self::{
    address::AddressBlock,
    sources::{ConfigError, Sources},
    weak::weakness,
};

/// Everything that can be set. Keys are named `section.key` in files and `TICKETING__SECTION__KEY`
/// in the environment.
#[derive(Debug, Clone, Default, Deserialize)]
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
    /// The audit log.
    pub audit: AuditConfig,
    /// Tickets.
    pub tickets: TicketsConfig,
    /// Logs.
    pub log: LogConfig,
}

/// How strict the server is about its own settings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
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
#[derive(Debug, Clone, Deserialize)]
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
#[derive(Debug, Clone, Deserialize)]
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
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QueueConfig {
    /// Its own store; the server's unless said otherwise.
    pub url: Option<String>,
    /// Signs queue tokens.
    pub token_secret: Option<SecretString>,
}

/// Access tokens.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthConfig {
    /// Signs access tokens (HS256); at least 32 bytes.
    pub jwt_secret: Option<SecretString>,
    /// Life of an access token, 1 to 900.
    pub access_ttl_seconds: u32,
}

impl AuthConfig {
    /// Longest life of an access token.
    pub const ACCESS_TTL_SECONDS_MAX: u32 = 900;
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self { jwt_secret: None, access_ttl_seconds: Self::ACCESS_TTL_SECONDS_MAX }
    }
}

/// Secrets that are not set.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SecretsConfig {
    /// The file they are in, and are made in if there is none; beside the store unless said otherwise.
    pub file: Option<PathBuf>,
}

/// Payment gateways.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PaymentsConfig {
    /// The gateway that is part of the server.
    pub sandbox: SandboxConfig,
}

/// The sandbox gateway.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SandboxConfig {
    /// The file it keeps its own books in; in the process's memory unless said otherwise.
    pub journal: Option<PathBuf>,
    /// Signs its callbacks.
    pub webhook_secret: Option<SecretString>,
    /// The secret before this one: still believed while it is being changed.
    pub webhook_secret_previous: Option<SecretString>,
}

/// What is made at the first start.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BootstrapConfig {
    /// Address of the first administrator.
    pub admin_email: Option<String>,
    /// Password of the first administrator.
    pub admin_password: Option<SecretString>,
}

/// How often who may ask. 0 is no limit.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Tries to log in to one account.
    pub login_per_account_per_minute: u32,
    /// Tries to log in from one address.
    pub login_per_address_per_minute: u32,
    /// New accounts from one address.
    pub signup_per_address_per_minute: u32,
    /// Requests of one user.
    pub requests_per_user_per_second: u32,
    /// Requests from one address.
    pub requests_per_address_per_second: u32,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            login_per_account_per_minute: 10,
            login_per_address_per_minute: 100,
            signup_per_address_per_minute: 60,
            requests_per_user_per_second: 50,
            requests_per_address_per_second: 1000,
        }
    }
}

/// The audit log.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditConfig {
    /// Chains the records; at least 32 bytes.
    pub key: Option<SecretString>,
}

/// Tickets.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TicketsConfig {
    /// Ed25519 seed: 32 bytes in hex or base64.
    pub signing_seed: Option<SecretString>,
}

/// Logs.
#[derive(Debug, Clone, Deserialize)]
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

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
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
    /// [`ConfigError`] names the key, where it was set, and what is wrong.
    pub fn load(sources: Sources) -> Result<Self, ConfigError> {
        let config = sources.merge()?;
        config.check()?;
        Ok(config)
    }

    /// Origins that browsers may ask from.
    pub fn cors_origins(&self) -> Vec<String> {
        match (&self.server.cors_origins, self.profile) {
            (Some(origins), _) => origins.clone(),
            (None, Profile::Local) => vec!["*".to_owned()],
            (None, Profile::Dev | Profile::Prod) => Vec::new(),
        }
    }

    fn check(&self) -> Result<(), ConfigError> {
        let invalid = |key, message: &str| Err(ConfigError::invalid(key, message));
        if !(1..=AuthConfig::ACCESS_TTL_SECONDS_MAX).contains(&self.auth.access_ttl_seconds) {
            return invalid("auth.access_ttl_seconds", "1 to 900 seconds");
        }
        if self.server.connections_max == 0 {
            return invalid("server.connections_max", "at least 1");
        }
        if let Some(url) = &self.server.public_url
            && !(url.starts_with("http://") || url.starts_with("https://"))
        {
            return invalid("server.public_url", "must start with http:// or https://");
        }
        if self.bootstrap.admin_email.is_some() != self.bootstrap.admin_password.is_some() {
            return invalid("bootstrap", "admin_email and admin_password go together");
        }
        weak::check(self)
    }
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
