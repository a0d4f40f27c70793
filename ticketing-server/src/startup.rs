//! Assembling a server from its configuration.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use secrecy::{ExposeSecret, SecretString};
use ticketing_core::{
    Ticketing,
    clock::{Clock, SystemClock},
    engine::EngineError,
    ids::{IdGen, RandomIds},
    payment::gateway::PaymentGateway,
    store::Backend,
    verify::has_log,
    waiting_room::WaitingRoom,
};
use ticketing_store::{
    OpenOptions, Role, Secrets,
    redis::{RedisLimits, RedisRooms},
    secrets::{SeedError, parse_seed},
};
use tokio::net::TcpListener;

use crate::{
    auth::{bootstrap, jwt::AccessTokens, passwords::Passwords},
    cache::Rendered,
    capacity::{Capacity, Streams},
    config::{self, AddressBlock, Config, ConfigError, HttpGatewayConfig, SandboxConfig},
    gateway::{
        http::HttpGateway,
        journal::Journal,
        sandbox::{Sandbox, SandboxSettings},
        signature::{SigningSecret, Verifier},
    },
    limits::Limits,
    state::{App, Lifecycle, Shared},
    telemetry::{Cors, LedgerGauges, TraceIds, metrics::Metrics, spans::Spans},
};

/// Why the server did not start: one line for whoever started it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartupError(String);

impl StartupError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl From<ConfigError> for StartupError {
    fn from(error: ConfigError) -> Self {
        Self(error.to_string())
    }
}

/// What was tried at the start, and why it failed.
pub fn failed(tried: &str, error: &dyn std::error::Error) -> StartupError {
    let mut message = format!("{tried}: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        // Some errors quote their cause, others leave it to whoever asks.
        let cause_told = cause.to_string();
        if !message.contains(&cause_told) {
            message.push_str(": ");
            message.push_str(&cause_told);
        }
        source = cause.source();
    }
    StartupError(message)
}

/// A server that has everything and takes connections as soon as it is served.
#[derive(Debug)]
pub struct Ready {
    /// Its state.
    pub app: App,
    /// Its listener.
    pub listener: TcpListener,
    /// Where it listens.
    pub address: SocketAddr,
    /// How to buy a ticket, if a demo was asked for.
    pub walkthrough: Option<String>,
}

/// Binds the listener, opens and migrates the store, and starts the engine with its workers.
///
/// # Errors
/// [`StartupError`] names the setting, and what is wrong with what it names.
pub async fn start(config: Config, demo: bool) -> Result<Ready, StartupError> {
    let front = Front::prepare(&config).await?;
    let store = open(&config.store.url).await?;
    front.over(store, config, demo).await
}

/// [`start`] over a store that is open and migrated already: one more node of it. The store's URL only
/// tells where the secrets are.
///
/// # Errors
/// [`StartupError`] names the setting, and what is wrong with what it names.
pub async fn start_over(store: Arc<dyn Backend>, config: Config, demo: bool) -> Result<Ready, StartupError> {
    Front::prepare(&config).await?.over(store, config, demo).await
}

/// What a server has before it has a store.
struct Front {
    metrics: Metrics,
    proxies: Vec<AddressBlock>,
    listener: TcpListener,
    address: SocketAddr,
}

impl Front {
    async fn prepare(config: &Config) -> Result<Self, StartupError> {
        config.checked()?;
        let proxies = config.server.proxies()?;
        // First of all: what is counted before it is lost.
        let metrics = Metrics::install().map_err(StartupError)?;
        let (listener, address) = bind(&config.server.listen).await?;
        Ok(Self { metrics, proxies, listener, address })
    }

    async fn over(self, store: Arc<dyn Backend>, config: Config, demo: bool) -> Result<Ready, StartupError> {
        let Self { metrics, proxies, listener, address } = self;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        has_its_secrets(&config, &*store).await?;
        let secrets = configured(&config)?;
        let public_url = public_url(&config, address);
        let webhook_secret = SigningSecret::new(secrets.webhook_secret.expose_secret().as_bytes());
        let previous = config.payments.webhook_secrets().1.as_ref();
        let previous = previous.map(|secret| SigningSecret::new(secret.expose_secret().as_bytes()));
        let (sandbox, gateway): (_, Arc<dyn PaymentGateway>) = match http_gateway(&config.payments.http)? {
            Some(gateway) => (None, Arc::new(gateway)),
            None => {
                let sandbox = Arc::new(Sandbox::new(SandboxSettings {
                    secret: webhook_secret.clone(),
                    previous: previous.clone(),
                    public_url: Arc::clone(&public_url),
                    bound: reachable(address),
                    clock: Arc::clone(&clock),
                    journal: journal(&config.payments.sandbox)?,
                    play: config.payments.sandbox.play.clone(),
                }));
                (Some(Arc::clone(&sandbox)), sandbox)
            }
        };
        let ids = Arc::new(RandomIds::new());
        let engine =
            Ticketing::builder(store, secrets.keys(), gateway).clock(Arc::clone(&clock)).ids(Arc::clone(&ids) as _);
        let engine = engine.hold_churn(config.limits.hold_churn());
        let engine = match config.waiting_room_url() {
            Some(url) => engine.waiting_room(open_waiting_room(url)?),
            None => engine,
        };
        let ticketing = engine.build();
        open_log(&ticketing).await?;
        ticketing.start_workers();
        let passwords = Passwords::new();
        if let (Some(email), Some(password)) = (&config.bootstrap.admin_email, &config.bootstrap.admin_password) {
            let policy = config.auth.password_policy();
            bootstrap::first_administrator(&ticketing, &passwords, policy, email, password).await?;
        }
        let walkthrough = if demo { Some(walkthrough(&ticketing, &secrets, &public_url).await?) } else { None };
        tracing::info!(
            address = %address,
            store = config::without_credentials(&config.store.url),
            queue = config::without_credentials(config.queue.url.as_ref().unwrap_or(&config.store.url)),
            profile = config.profile.name(),
            gateway = if sandbox.is_some() { "sandbox" } else { "http" },
            "started"
        );
        let jwt_secret = secrets.jwt_secret.expose_secret().as_bytes();
        let app = App::new(Shared {
            ticketing,
            sandbox,
            callback_verifier: Verifier::new(webhook_secret, previous, Arc::clone(&clock)),
            public_url,
            tokens: AccessTokens::new(jwt_secret, config.auth.access_ttl_seconds, Arc::clone(&clock)),
            passwords,
            limits: limits(&config)?,
            capacity: Capacity::new(&config.concurrency),
            streams: Streams::default(),
            metrics,
            lifecycle: Lifecycle::new(),
            proxies,
            spans: Spans::start(&config.tracing, ids.uuid(clock.now()).as_u64_pair().1)?,
            ledger: LedgerGauges::default(),
            rendered: Rendered::new(),
            trace_ids: TraceIds::new(&*ids, clock.now()),
            cors: Cors::new(config.cors_origins()),
            clock,
            config: Arc::new(config),
        });
        Ok(Ready { app, listener, address, walkthrough })
    }
}

async fn bind(listen: &str) -> Result<(TcpListener, SocketAddr), StartupError> {
    let failed = |error: io::Error| {
        let why =
            if error.kind() == io::ErrorKind::AddrInUse { "the port is in use".to_owned() } else { error.to_string() };
        StartupError(format!("cannot listen on {listen}: {why}"))
    };
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

async fn open(url: &str) -> Result<Arc<dyn Backend>, StartupError> {
    let tried = format!("store.url (--store) {}", config::without_credentials(url));
    let failed = |error: &dyn std::error::Error| failed(&tried, error);
    let (owned, options) = (url.to_owned(), OpenOptions::new(Role::Server));
    let opened = tokio::task::spawn_blocking(move || ticketing_store::open(&owned, options)).await;
    let store = opened.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?;
    store.migrate().await.map_err(|error| failed(&error))?;
    Ok(store)
}

/// Limits, shared between nodes where there is a place for that.
fn limits(config: &Config) -> Result<Limits, StartupError> {
    let limits = Limits::new(&config.limits);
    let Some(url) = config.limits_url() else { return Ok(limits) };
    let shared = RedisLimits::open(url);
    let shared = shared.map_err(|error| ConfigError::invalid("queue.url", &format!("(--queue) {error}")))?;
    Ok(limits.shared_in(shared))
}

/// The waiting room's own store. It may be away: the server starts, and says so where it is asked for.
fn open_waiting_room(url: &str) -> Result<Arc<dyn WaitingRoom>, StartupError> {
    let rooms = RedisRooms::open(url, None);
    let rooms = rooms.map_err(|error| ConfigError::invalid("queue.url", &format!("(--queue) {error}")))?;
    Ok(Arc::new(rooms))
}

/// The secrets as configured; what is not comes from the secrets file, which is made if need be, and not
/// touched if there is no need.
fn configured(config: &Config) -> Result<Secrets, StartupError> {
    let failed = |error: &dyn std::fmt::Display| StartupError(error.to_string());
    let texts = [
        &config.auth.jwt_secret,
        &config.audit.key,
        &config.queue.token_secret,
        config.payments.webhook_secrets().0,
        &config.tickets.signing_seed,
    ];
    let mut secrets = match &config.secrets.file {
        // Every one of them is replaced.
        _ if texts.iter().all(|text| text.is_some()) => Secrets::generate().map_err(|error| failed(&error))?,
        Some(file) => Secrets::load_or_create_in(file).map_err(|error| failed(&error))?,
        None => Secrets::load_or_create(&config.store.url).map_err(|error| failed(&error))?,
    };
    let replace = |secret: &mut SecretString, configured: &Option<SecretString>| {
        if let Some(configured) = configured {
            *secret = configured.clone();
        }
    };
    replace(&mut secrets.jwt_secret, &config.auth.jwt_secret);
    replace(&mut secrets.audit_key, &config.audit.key);
    replace(&mut secrets.queue_token_key, &config.queue.token_secret);
    replace(&mut secrets.webhook_secret, config.payments.webhook_secrets().0);
    if let Some(seed) = &config.tickets.signing_seed {
        secrets.ticket_signing_seed = parse_seed(seed.expose_secret())
            .map_err(|error| ConfigError::invalid("tickets.signing_seed", &error.to_string()))?;
    }
    if let Some(seed) = &config.tickets.signing_seed_previous {
        let wrong = |error: SeedError| ConfigError::invalid("tickets.signing_seed_previous", &error.to_string());
        secrets.ticket_signing_seed_previous = Some(parse_seed(seed.expose_secret()).map_err(wrong)?);
    }
    Ok(secrets)
}

/// Refuses a store that is in use and whose secrets are not here: those that would be made are wrong, and would lie
/// about for the next one to use.
async fn has_its_secrets(config: &Config, store: &dyn Backend) -> Result<(), StartupError> {
    let beside = || Secrets::file_of(&config.store.url).ok().flatten();
    let file = config.secrets.file.clone().or_else(beside).filter(|file| !file.exists());
    let Some(file) = file.filter(|_| config.audit.key.is_none()) else { return Ok(()) };
    match has_log(store).await {
        // Whoever has begun the log meanwhile had made the file before.
        Ok(begun) if !begun || file.exists() => Ok(()),
        Ok(_) => {
            let message = format!(
                "the store's audit log was written with a key that is not here: there is no {}; every node of one store \
                 needs the same secrets (secrets.file)",
                file.display()
            );
            Err(ConfigError::invalid("audit.key", &message).into())
        }
        Err(error) => Err(failed("cannot look at the store's audit log", &error)),
    }
}

/// Refuses to write to a store with another key than its log was begun with.
async fn open_log(ticketing: &Ticketing) -> Result<(), StartupError> {
    let Err(error) = ticketing.open_log().await else { return Ok(()) };
    ticketing.shutdown().await;
    Err(match error {
        EngineError::Refused(other) => {
            let message = format!("{other}; every node of one store needs the same secrets (secrets.file)");
            ConfigError::invalid("audit.key", &message).into()
        }
        unopened => failed("cannot open the store's audit log", &unopened),
    })
}

/// The gateway behind HTTP, if one is configured.
fn http_gateway(http: &HttpGatewayConfig) -> Result<Option<HttpGateway>, StartupError> {
    let (Some(url), Some(token)) = (&http.url, &http.token) else { return Ok(None) };
    let gateway = HttpGateway::new(url, token.clone());
    gateway.map(Some).map_err(|error| failed("cannot speak to payments.http.url", &error))
}

fn journal(sandbox: &SandboxConfig) -> Result<Journal, StartupError> {
    let Some(path) = &sandbox.journal else { return Ok(Journal::in_memory()) };
    Journal::in_file(path).map_err(|error| {
        let message = format!("cannot open {}: {error}", path.display());
        ConfigError::invalid("payments.sandbox.journal", &message).into()
    })
}

fn public_url(config: &Config, address: SocketAddr) -> Arc<str> {
    match &config.server.public_url {
        Some(url) => url.trim_end_matches('/').into(),
        None => format!("http://{}", reachable(address)).into(),
    }
}

/// Where this machine reaches a listener: one on every address answers on loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port()),
        IpAddr::V6(ip) if ip.is_unspecified() => SocketAddr::new(std::net::Ipv6Addr::LOCALHOST.into(), address.port()),
        _ => address,
    }
}

async fn walkthrough(ticketing: &Ticketing, secrets: &Secrets, public_url: &str) -> Result<String, StartupError> {
    let demo = crate::demo::seed(ticketing, secrets.jwt_secret.expose_secret().as_bytes()).await;
    Ok(demo.map_err(|error| StartupError(error.to_string()))?.walkthrough(public_url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_every_address_is_reached_by_loopback() {
        let check = |bound: &str, expected: &str| assert_eq!(reachable(bound.parse().unwrap()).to_string(), expected);
        check("0.0.0.0:80", "127.0.0.1:80");
        check("[::]:80", "[::1]:80");
        check("192.0.2.1:80", "192.0.2.1:80");
    }
}
