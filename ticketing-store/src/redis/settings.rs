//! The server's settings: what survives what.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ::redis::Value;
use ticketing_core::{clock::Timestamp, store::Durability};

use super::{client::Client, error::Failure};
use crate::clock::steady;

/// How long the settings are believed: they may be changed, and in a cluster another node may take over.
const BELIEVED_FOR: Duration = Duration::from_secs(60);

/// What was last read of the server's settings.
#[derive(Debug, Default)]
pub(super) struct Settings {
    last: Mutex<Last>,
}

#[derive(Debug, Default)]
struct Last {
    /// Over which connection they were read, and when; `None`: they are to be read.
    read: Option<(u64, Timestamp)>,
    /// `None`: not known yet.
    durability: Option<Durability>,
    risks: Vec<Risk>,
}

/// Settings that decide what survives, as far as the server tells them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) version: String,
    /// `None`: it does not say.
    pub(super) appendonly: Option<bool>,
    pub(super) appendfsync: Option<String>,
    pub(super) maxmemory: u64,
    pub(super) used_memory: u64,
    pub(super) maxmemory_policy: String,
    pub(super) min_replicas_to_write: Option<u64>,
    pub(super) replicas: u64,
}

/// Something about the settings that may lose what was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Risk {
    /// Nothing is written to disk.
    NoLog,
    /// It is written to disk a second later.
    LateLog,
    /// A failover loses what no replica has received.
    LoneWrites,
    /// Keys are removed when memory is short.
    Evicts,
}

impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoLog => "appendonly is off: a crash of Redis loses every hold, order and ticket; set appendonly yes",
            Self::LateLog => {
                "appendfsync is not `always`: a crash loses what was sold in the last seconds; set appendfsync always"
            }
            Self::LoneWrites => {
                "min-replicas-to-write is 0 and replicas are attached: a primary that is cut off goes on selling what \
                 its successor sells again; set min-replicas-to-write 1 and min-replicas-max-lag 10"
            }
            Self::Evicts => {
                "maxmemory-policy removes keys when memory is short, holds and orders among them; set \
                 maxmemory-policy noeviction"
            }
        })
    }
}

impl Settings {
    /// Reads the settings again if there is a new connection or it was long ago, and warns of what they risk.
    pub(super) async fn follow(&self, client: &Client) {
        let (connection, now) = (client.connections(), steady());
        {
            let mut last = self.last();
            if last.read.is_some_and(|(of, at)| of == connection && now.since(at) < BELIEVED_FOR) {
                return;
            }
            last.read = Some((connection, now));
        }
        let found = Found::read(client).await;
        let mut last = self.last();
        let Some(found) = found else {
            last.read = None;
            return;
        };
        last.durability = Some(found.durability());
        let risks = found.risks();
        for risk in risks.iter().filter(|risk| !last.risks.contains(risk)) {
            tracing::warn!(place = %client.address().place(), "{risk}");
        }
        last.risks = risks;
    }

    pub(super) fn durability(&self) -> Durability {
        self.last().durability.unwrap_or(Durability::Memory)
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        // Each of its changes is one step.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Found {
    /// What the server tells, which may forbid the one or the other; `None`: it does not answer.
    pub(super) async fn read(client: &Client) -> Option<Self> {
        let mut found = Self::default();
        let info = match send(client, &["INFO"]).await {
            Ok(info) => string(info).unwrap_or_default(),
            Err(forbidden) if forbidden.is_by_server() => String::new(),
            Err(_) => return None,
        };
        let told = |name: &str| {
            let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.map(|value| value.trim().to_owned())
        };
        found.version = told("redis_version").unwrap_or_default();
        found.appendonly = told("aof_enabled").map(|value| value == "1");
        found.maxmemory = told("maxmemory").and_then(|value| value.parse().ok()).unwrap_or(0);
        found.used_memory = told("used_memory").and_then(|value| value.parse().ok()).unwrap_or(0);
        found.maxmemory_policy = told("maxmemory_policy").unwrap_or_default();
        found.replicas = told("connected_slaves").and_then(|value| value.parse().ok()).unwrap_or(0);
        found.appendfsync = setting(client, "appendfsync").await;
        found.min_replicas_to_write =
            setting(client, "min-replicas-to-write").await.and_then(|value| value.parse().ok());
        Some(found)
    }

    /// Whether keys that are kept for a time may be removed before it is over, as those of waiting rooms are.
    pub(super) fn evicts_what_ends(&self) -> bool {
        self.maxmemory > 0 && self.maxmemory_policy != "noeviction"
    }

    /// What survives; where the server does not say, the least.
    pub(super) fn durability(&self) -> Durability {
        match (self.appendonly, self.appendfsync.as_deref()) {
            (Some(true), Some("always")) => Durability::Disk,
            (Some(true), Some("no")) => Durability::Memory,
            (Some(true), _) => Durability::Seconds,
            (Some(false) | None, _) => Durability::Memory,
        }
    }

    pub(super) fn risks(&self) -> Vec<Risk> {
        let log = match (self.appendonly, self.durability()) {
            (Some(true), Durability::Disk) => None,
            (Some(true), _) => Some(Risk::LateLog),
            (Some(false) | None, _) => Some(Risk::NoLog),
        };
        let lone = (self.replicas > 0 && self.min_replicas_to_write.unwrap_or(0) == 0).then_some(Risk::LoneWrites);
        let evicts = self.maxmemory > 0 && self.maxmemory_policy.starts_with("allkeys");
        log.into_iter().chain(lone).chain(evicts.then_some(Risk::Evicts)).collect()
    }
}

async fn setting(client: &Client, name: &str) -> Option<String> {
    let answer = send(client, &["CONFIG", "GET", name]).await.ok()?;
    let mut values = match answer {
        Value::Array(values) => values.into_iter(),
        Value::Map(pairs) => pairs.into_iter().flat_map(|(key, value)| [key, value]).collect::<Vec<_>>().into_iter(),
        _ => return None,
    };
    values.next()?;
    string(values.next()?)
}

async fn send(client: &Client, words: &[&str]) -> Result<Value, Failure> {
    let mut command = ::redis::Cmd::new();
    words.iter().for_each(|word| {
        command.arg(word);
    });
    client.ask_server(&command).await
}

fn string(value: Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes).ok(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(appendonly: Option<bool>, appendfsync: Option<&str>) -> Found {
        Found { appendonly, appendfsync: appendfsync.map(str::to_owned), ..Found::default() }
    }

    #[test]
    fn durability_is_what_the_log_gives_and_the_least_where_nothing_is_said() {
        let check = |found: Found, durability, risks: &[Risk]| {
            assert_eq!((found.durability(), found.risks()), (durability, risks.to_vec()), "{found:?}");
        };
        check(with(Some(true), Some("always")), Durability::Disk, &[]);
        check(with(Some(true), Some("everysec")), Durability::Seconds, &[Risk::LateLog]);
        check(with(Some(true), None), Durability::Seconds, &[Risk::LateLog]);
        check(with(Some(true), Some("no")), Durability::Memory, &[Risk::LateLog]);
        check(with(Some(false), Some("always")), Durability::Memory, &[Risk::NoLog]);
        check(with(None, None), Durability::Memory, &[Risk::NoLog]);
    }

    #[test]
    fn replicas_that_nobody_waits_for_and_eviction_are_risks() {
        let sound = with(Some(true), Some("always"));
        let lone = Found { replicas: 1, ..sound.clone() };
        assert_eq!(lone.risks(), [Risk::LoneWrites]);
        assert_eq!(Found { min_replicas_to_write: Some(1), ..lone }.risks(), []);
        let evicts = Found { maxmemory: 1, maxmemory_policy: "allkeys-lru".to_owned(), ..sound };
        assert_eq!(evicts.risks(), [Risk::Evicts]);
        assert_eq!(Found { maxmemory: 0, ..evicts }.risks(), []);
    }
}
