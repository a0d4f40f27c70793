//! A handle to Redis that finds its way back.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ::redis::{Cmd, ErrorKind, RedisError, ServerErrorKind, Value};

use super::{
    address::{Address, Set},
    error::{Failure, is_by_server},
    link::{Connector, Link},
    script::Call,
};

/// Runs scripts on a server or a cluster. A clone is the same handle. Nothing is connected before the first
/// call; a connection that broke, or that leads to a server that takes no writes any more, is replaced by the
/// next one.
#[derive(Clone)]
pub(crate) struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    address: Address,
    connector: Connector,
    link: Mutex<Option<Numbered>>,
    /// Whoever connects, so that a crowd connects once, and why the last try failed.
    connecting: tokio::sync::Mutex<Option<RedisError>>,
    /// How many tries have come to an end.
    tries: AtomicU64,
    opened: AtomicU64,
}

/// A connection, and the how many-th it is.
#[derive(Clone)]
struct Numbered {
    number: u64,
    link: Link,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("address", &self.shared.address).finish_non_exhaustive()
    }
}

impl Client {
    /// A handle to what `url` names; errors name what is wrong with it and repeat no value.
    pub(crate) fn open(url: &str) -> Result<Self, String> {
        Self::answered_within(url, None)
    }

    /// The same for calls that are short: an answer that takes longer than this is lost, and so is its connection.
    pub(crate) fn hasty(url: &str, answer: Duration) -> Result<Self, String> {
        Self::answered_within(url, Some(answer))
    }

    fn answered_within(url: &str, answer: Option<Duration>) -> Result<Self, String> {
        let address = Address::parse(url)?;
        let connector = Connector::new(&address, answer)?;
        if address.is_exposed() {
            let place = address.place();
            tracing::warn!(%place, "who stands between here and Redis can read and change everything: use rediss://");
        }
        let (link, connecting) = (Mutex::default(), tokio::sync::Mutex::default());
        let (tries, opened) = (AtomicU64::new(0), AtomicU64::new(0));
        Ok(Self { shared: Arc::new(Shared { address, connector, link, connecting, tries, opened }) })
    }

    pub(crate) fn address(&self) -> &Address {
        &self.shared.address
    }

    /// How many connections were made so far: another number may mean another server.
    pub(crate) fn connections(&self) -> u64 {
        self.shared.opened.load(Ordering::Relaxed)
    }

    /// What a script answers.
    pub(crate) async fn run(&self, call: &Call) -> Result<Value, Failure> {
        match self.send_within(&call.command, call.patience).await {
            Err(Failure::NotRun(error) | Failure::Unanswered(error)) if is_unknown_script(&error) => {}
            answered => return answered,
        }
        match self.send(&call.script.load()).await {
            Ok(_) => self.send_within(&call.command, call.patience).await,
            // The script itself did not run.
            Err(Failure::NotRun(error) | Failure::Unanswered(error)) => Err(Failure::NotRun(error)),
        }
    }

    /// What the server, in a cluster the one of the prefix, answers about itself.
    pub(crate) async fn ask_server(&self, command: &Cmd) -> Result<Value, Failure> {
        let mut open = self.link().await?;
        let key = format!("{{{}}}", self.shared.address.prefix);
        open.link.send_to(key.as_bytes(), command).await.map_err(|error| self.failed(error, open.number))
    }

    /// What a command answers. It is sent once more over a new connection if it surely did not run.
    pub(crate) async fn send(&self, command: &Cmd) -> Result<Value, Failure> {
        self.send_within(command, None).await
    }

    async fn send_within(&self, command: &Cmd, patience: Option<Duration>) -> Result<Value, Failure> {
        let mut open = self.link_for(patience).await?;
        match open.link.send(command).await {
            Ok(answer) => Ok(answer),
            Err(error) if leads_nowhere(&error) && self.is_one_server() => {
                self.forget(open.number);
                let mut open = self.link_for(patience).await?;
                open.link.send(command).await.map_err(|error| self.failed(error, open.number))
            }
            Err(error) => Err(self.failed(error, open.number)),
        }
    }

    async fn link_for(&self, patience: Option<Duration>) -> Result<Numbered, Failure> {
        let mut open = self.link().await?;
        if let Some(patience) = patience {
            open.link.be_patient(patience);
        }
        Ok(open)
    }

    /// The connection, which is made if there is none.
    async fn link(&self) -> Result<Numbered, Failure> {
        if let Some(open) = self.current() {
            return Ok(open);
        }
        let (client, tries) = (self.clone(), self.shared.tries.load(Ordering::Relaxed));
        // A task of its own: with a first host that is silent it takes longer than some who ask will wait, and none
        // of them may keep the others from coming to the second one.
        let connecting = tokio::spawn(async move { client.connect(tries).await });
        let broken_off = |_| Err(Failure::NotRun(RedisError::from((ErrorKind::Io, "connecting was broken off"))));
        connecting.await.unwrap_or_else(broken_off)
    }

    /// Connects, for somebody who knows of so many `tries`: whoever waited while another one failed has its answer.
    async fn connect(&self, tries: u64) -> Result<Numbered, Failure> {
        let mut failed = self.shared.connecting.lock().await;
        if let Some(open) = self.current() {
            return Ok(open);
        }
        if self.shared.tries.load(Ordering::Relaxed) != tries
            && let Some(error) = &*failed
        {
            return Err(Failure::NotRun(error.clone()));
        }
        let opened = self.shared.connector.open().await;
        self.shared.tries.fetch_add(1, Ordering::Relaxed);
        *failed = opened.as_ref().err().cloned();
        let link = opened.map_err(Failure::NotRun)?;
        let number = self.shared.opened.fetch_add(1, Ordering::Relaxed) + 1;
        let open = Numbered { number, link };
        *self.slot() = Some(open.clone());
        Ok(open)
    }

    fn current(&self) -> Option<Numbered> {
        self.slot().clone()
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Numbered>> {
        // It is replaced as a whole.
        self.shared.link.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets a connection, unless somebody has replaced it.
    fn forget(&self, number: u64) {
        let mut slot = self.slot();
        if slot.as_ref().is_some_and(|open| open.number == number) {
            *slot = None;
        }
    }

    fn failed(&self, error: RedisError, number: u64) -> Failure {
        let by_server = is_by_server(&error);
        if !by_server || leads_nowhere(&error) {
            self.forget(number);
        }
        // A cluster's driver repeats by itself: the last try was refused, an earlier one may have run.
        if by_server && self.is_one_server() { Failure::NotRun(error) } else { Failure::Unanswered(error) }
    }

    fn is_one_server(&self) -> bool {
        self.shared.address.set != Set::Cluster
    }
}

/// Whether a server said that another one is to be asked.
fn leads_nowhere(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown))
}

fn is_unknown_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}
