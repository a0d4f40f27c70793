//! Servers, their ground, and the ways between them and their buyers.

use std::{sync::Arc, time::Duration};

use fastrand::Rng;
use secrecy::{ExposeSecret, SecretString};
use tempfile::TempDir;
use ticketing_core::clock::{Clock, Timestamp};
use ticketing_store::testing::proxy::Proxy;

use super::{
    Fault, Kind, Setup,
    fault::{Deck, Recovery},
    gateway::Gateway,
    ground::Ground,
    node::{self, Node, Program},
    probe::Probe,
    queue::Queue,
    way,
};
use crate::{
    error::SimError,
    load::{
        args::ChaosArgs,
        shop::{Accounts, Credentials, Entrance, Sale, Till, Wire},
    },
};

const ADMIN: &str = "admin@example.com";
/// How long a buyer waits for one answer before asking again: shorter than some faults last.
const PATIENCE: Duration = Duration::from_secs(3);
/// A fault that cannot be over before the sale is, with so much time to get over it, is not begun.
const TIME_TO_RECOVER: Duration = Duration::from_secs(2);
/// How often the servers ask the gateway what it took: beside callbacks that are under way.
const RECONCILE_EVERY_SECONDS: &str = "5";

/// Everything that is broken.
#[derive(Debug)]
pub struct Site {
    // First, so that they end before what they stand on.
    nodes: Vec<Node>,
    /// In front of each server.
    doors: Vec<Proxy>,
    ground: Option<Ground>,
    queue: Option<Queue>,
    gateway: Gateway,
    folder: TempDir,
    program: Program,
    secrets: Secrets,
    deck: Deck,
    every: Duration,
    probe: Probe,
}

#[derive(Debug)]
struct Secrets {
    jwt: SecretString,
    webhook: SecretString,
    gateway_token: SecretString,
    admin_password: SecretString,
}

impl Secrets {
    fn new() -> Self {
        let admin_password = format!("Aa1-{}", random_hex());
        Self {
            jwt: random_hex().into(),
            webhook: random_hex().into(),
            gateway_token: random_hex().into(),
            admin_password: admin_password.into(),
        }
    }
}

/// What every server of the store at `store`, with its waiting rooms at `queue` and its money at `gateway`, is told.
fn settings(store: &str, queue: Option<&str>, gateway: &str, secrets: &Secrets) -> Vec<(String, String)> {
    let setting = |key: &str, value: &str| (format!("TICKETING__{key}"), value.to_owned());
    let unlimited = [
        "REQUESTS_PER_ADDRESS_PER_SECOND",
        "REQUESTS_PER_USER_PER_SECOND",
        "LOGIN_PER_ACCOUNT_PER_MINUTE",
        "LOGIN_PER_ADDRESS_PER_MINUTE",
    ];
    let mut settings = vec![
        setting("STORE__URL", store),
        setting("AUTH__JWT_SECRET", secrets.jwt.expose_secret()),
        setting("PAYMENTS__HTTP__URL", gateway),
        setting("PAYMENTS__HTTP__TOKEN", secrets.gateway_token.expose_secret()),
        setting("PAYMENTS__HTTP__WEBHOOK_SECRET", secrets.webhook.expose_secret()),
        setting("PAYMENTS__RECONCILE_EVERY_SECONDS", RECONCILE_EVERY_SECONDS),
        setting("AUDIT__KEY", &random_hex()),
        setting("QUEUE__TOKEN_SECRET", &random_hex()),
        setting("TICKETS__SIGNING_SEED", &random_hex()),
        setting("BOOTSTRAP__ADMIN_EMAIL", ADMIN),
        setting("BOOTSTRAP__ADMIN_PASSWORD", secrets.admin_password.expose_secret()),
        setting("LOG__LEVEL", "warn"),
    ];
    settings.extend(queue.map(|queue| setting("QUEUE__URL", queue)));
    // All buyers come from one address.
    settings.extend(unlimited.map(|limit| setting(&format!("LIMITS__{limit}"), "0")));
    settings
}

impl Site {
    /// Starts it all.
    ///
    /// # Errors
    /// [`SimError`] names what is missing or does not start.
    pub async fn start(args: &ChaosArgs) -> Result<Self, SimError> {
        let path = node::program(args.server_bin.as_deref())?;
        let folder = tempfile::Builder::new().prefix("ticketing-chaos-").tempdir();
        let folder = folder.map_err(|error| SimError::Usage(format!("no folder for the servers: {error}")))?;
        let ground = match args.chaos_store {
            Setup::Sqlite => None,
            Setup::Postgres | Setup::PostgresRedis => Some(Ground::start().await?),
        };
        let queue = match args.chaos_store {
            Setup::Sqlite | Setup::Postgres => None,
            Setup::PostgresRedis => Some(Queue::start().await?),
        };
        let store = match &ground {
            None => format!("sqlite://{}", folder.path().join("chaos.db").display()),
            Some(ground) => ground.url(),
        };
        let count = match (args.chaos_store, args.chaos_nodes) {
            (Setup::Sqlite, None | Some(1)) => 1,
            (Setup::Sqlite, Some(_)) => {
                return Err(SimError::Usage("--chaos-nodes: a file has one server".to_owned()));
            }
            (Setup::Postgres | Setup::PostgresRedis, count) => count.unwrap_or(2),
        };
        let secrets = Secrets::new();
        let gateway = Gateway::start(&secrets.gateway_token).await?;
        let settings = settings(&store, queue.as_ref().map(Queue::url).as_deref(), &gateway.url(), &secrets);
        let program = Program { path, settings };
        let mut nodes = Vec::new();
        for number in 0..count {
            let mut node = Node::new(folder.path().join(format!("node-{number}")))?;
            node.start(&program).await?;
            nodes.push(node);
        }
        let doors: Vec<_> = nodes.iter().map(|node| Proxy::start(node.address())).collect();
        let probe = Probe::new(&urls(&doors), Accounts::new(Some(&secrets.jwt)))?;
        let every = Duration::try_from_secs_f64(args.chaos_every).unwrap_or_default();
        let deck = Deck::new(Kind::of(args.chaos_store));
        Ok(Self { nodes, doors, ground, queue, gateway, folder, program, secrets, deck, every, probe })
    }

    /// The way in, by the doors that faults happen at.
    ///
    /// # Errors
    /// [`SimError::Usage`] when there is none.
    pub fn entrance(&self) -> Result<Entrance, SimError> {
        Ok(Entrance {
            wire: Wire::new(&urls(&self.doors), PATIENCE)?,
            accounts: Accounts::new(Some(&self.secrets.jwt)),
            till: Till::new(Some(&self.secrets.webhook)),
            gateway: Some(Arc::clone(&self.gateway.books)),
            administrator: Credentials::Account {
                email: ADMIN.to_owned(),
                password: self.secrets.admin_password.clone(),
            },
        })
    }

    /// Breaks one thing after the other while `sale` goes on, and leaves everything well at its `end`.
    ///
    /// # Errors
    /// [`SimError::Broken`] when a server does not come back.
    pub async fn break_until(
        &mut self,
        end: Timestamp,
        sale: Sale,
        clock: &Arc<dyn Clock>,
        rng: &mut Rng,
    ) -> Result<Vec<Fault>, SimError> {
        let mut faults = Vec::new();
        loop {
            tokio::time::sleep(self.every).await;
            let left = end.since(clock.now()).saturating_sub(TIME_TO_RECOVER);
            if left.is_zero() {
                return Ok(faults);
            }
            let Some(kind) = self.deck.draw(rng, |kind| kind.lasts_min() < left) else { return Ok(faults) };
            let (begun, lasting) = (clock.now(), kind.lasts(left, rng));
            let Some(healed) = self.inflict(kind, lasting, clock, rng).await? else { continue };
            let recovery = if kind.is_probed() {
                let recovered = self.probe.recovered(sale.session_id, clock).await?;
                recovered.map_or(Recovery::Never, Recovery::At)
            } else {
                Recovery::NotProbed
            };
            faults.push(Fault { kind, begun, healed, recovery });
        }
    }

    /// Breaks something and repairs it; tells when it was repaired. `None`: there was nothing that it could break.
    async fn inflict(
        &mut self,
        kind: Kind,
        lasting: Duration,
        clock: &Arc<dyn Clock>,
        rng: &mut Rng,
    ) -> Result<Option<Timestamp>, SimError> {
        let number = rng.usize(..self.nodes.len());
        let broke = match kind {
            Kind::Server(fault) => {
                let node = &mut self.nodes[number];
                return node.suffer(fault, &self.program, lasting, clock.as_ref()).await.map(Some);
            }
            Kind::Clients(fault) => way::suffer(&self.doors[number], fault, lasting, rng).await,
            Kind::Gateway(fault) => self.gateway.suffer(fault, lasting, rng).await,
            Kind::Postgres(fault) => match &self.ground {
                Some(ground) => ground.suffer(fault, lasting, rng).await,
                None => false,
            },
            Kind::Redis(fault) => match &self.queue {
                Some(queue) => queue.suffer(fault, lasting, rng).await,
                None => false,
            },
        };
        Ok(broke.then(|| clock.now()))
    }

    /// Ends it all. After a broken promise, files and logs stay.
    pub fn end(self, clean: bool) {
        let Self { nodes, doors, ground, queue, gateway, folder, .. } = self;
        drop((nodes, doors, ground, queue, gateway));
        if !clean {
            anstream::eprintln!("the servers' files and logs are in {}", folder.keep().display());
        }
    }
}

fn urls(doors: &[Proxy]) -> Vec<String> {
    doors.iter().map(|door| format!("http://{}", door.address())).collect()
}

/// 32 bytes of chance, as hex: no two alike, and not secret from whoever knows the generator. The servers that have
/// them listen on this machine only, and end with the run.
fn random_hex() -> String {
    format!("{:032x}{:032x}", fastrand::u128(..), fastrand::u128(..))
}
