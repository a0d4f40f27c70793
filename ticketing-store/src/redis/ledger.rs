//! The ledger as a key-value store.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ::redis::Value;
use futures_util::future::BoxFuture;
use ticketing_core::{
    clock::{Clock, Timestamp},
    ids::BatchId,
    store::{
        BatchOutcome, Durability, StoreError,
        kv::{Applied, Change, KeyValue, Lookup, Turn, View},
    },
};

use super::{
    client::Client,
    error::{Failure, senseless},
    ground::{Answer, Ground, bytes, number, text},
    keys::Keys,
    reading::Asking,
    script::{Call, Script, micros},
    settings::Settings,
    writing,
};
use crate::{
    clock::{StoreClock, steady},
    unanswered::Unanswered,
};

macro_rules! script {
    ($($part:literal),+) => {
        Script::new(concat!($(include_str!(concat!("lua/", $part, ".lua"))),+))
    };
}

static READ: Script = script!("ground", "turns", "read");
static WAIT: Script = script!("ground", "turns", "wait");
static END_TURN: Script = script!("ground", "turns", "end_turn");
static APPLY: Script = script!("ground", "turns", "apply");
static OUTCOME: Script = script!("ground", "outcome");
static RESUME: Script = script!("ground", "resume");

/// How long a turn is kept for a node that says nothing more: far longer than a batch takes.
const LEASE: Duration = Duration::from_secs(1);
/// How long a node that waits keeps its place in the line without asking again.
const PATIENCE: Duration = Duration::from_millis(250);
/// How soon it asks again, and at most how late.
const ASKS_AGAIN: (Duration, Duration) = (Duration::from_micros(500), Duration::from_millis(4));
/// How long it waits at most: then it writes without a turn.
const WAITS_AT_MOST: Duration = Duration::from_secs(3);
/// How old a view may be when what was decided on it is written.
const AGE_MAX: Duration = Duration::from_secs(3);
/// How long a view without a bound may take, such as that of everything about a session.
const WHOLE_VIEW: Duration = Duration::from_secs(300);
/// How often a read is tried: a connection that idled while the server was restarted is found to be dead only by
/// its next use.
const READ_ATTEMPTS_MAX: u32 = 3;

/// What a view is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Read,
    Write,
}

/// An ordered key-value store in Redis.
pub struct RedisKv {
    client: Client,
    keys: Keys,
    clock: StoreClock,
    ground: Ground,
    settings: Settings,
    unanswered: Unanswered,
    /// The locks of the batches that have a turn.
    turns: Mutex<HashMap<BatchId, Vec<Vec<u8>>>>,
}

impl fmt::Debug for RedisKv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisKv").field("client", &self.client).finish_non_exhaustive()
    }
}

impl RedisKv {
    pub(super) fn new(client: Client, clock: Option<Arc<dyn Clock>>) -> Self {
        let keys = Keys::new(&client.address().prefix);
        let clock = StoreClock::new("Redis", clock, !client.address().is_local());
        let settings = Settings::default();
        let (ground, unanswered, turns) = (Ground::default(), Unanswered::default(), Mutex::default());
        Self { client, keys, clock, ground, settings, unanswered, turns }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    fn call(&self, script: &'static Script) -> Call {
        self.ground.call(script, self.keys.meta())
    }

    /// What a script answers that may be run twice.
    async fn ask(&self, what: &'static str, call: &Call) -> Result<Answer, StoreError> {
        let mut attempt = 1;
        loop {
            let answered = self.client.run(call).await;
            match answered {
                Ok(answer) => {
                    self.settings.follow(&self.client).await;
                    return self.ground.hear(what, answer);
                }
                Err(Failure::Unanswered(error)) if attempt < READ_ATTEMPTS_MAX && !error.is_timeout() => attempt += 1,
                Err(failure) => return Err(failure.of_reading(what)),
            }
        }
    }

    async fn view(&self, wish: Wish, turn: Option<&Turn>, lookups: Vec<Lookup>) -> Result<View, StoreError> {
        let mut call = self.call(&READ);
        match turn {
            None => drop(call.arg(b"")),
            Some(turn) => put_turn(&mut call, turn),
        }
        let asking = Asking::put(&mut call, &mut self.keys.clone(), &lookups)?;
        if lookups.iter().any(is_unbounded) {
            call.patient(WHOLE_VIEW);
        }
        let mut waits = turn.map(|turn| Waiting { turn, until: steady().plus(WAITS_AT_MOST), next: ASKS_AGAIN.0 });
        loop {
            let asked = steady();
            let Answer { revision, halt, mut rest } = self.ask("reading", &call).await?;
            if let Some(why) = halt.filter(|_| wish == Wish::Write) {
                // Whoever is told that nothing is there must not be told so by a ledger that lost it.
                return Err(StoreError::Unavailable { detail: format!("reading to write: {why}"), source: None });
            }
            let (Some(stamp), Some(begun)) = (stamp(&mut rest), number(rest.next())) else {
                return Err(senseless("reading", &Value::Array(rest.collect())));
            };
            if begun == 0 {
                let Some(waiting) = &mut waits else {
                    return Err(senseless("reading", &Value::Nil));
                };
                if !self.wait(waiting).await? {
                    // Boxed, since it is this again without a turn.
                    return Box::pin(self.view(wish, None, lookups)).await;
                }
                continue;
            }
            let told = Timestamp::from_micros(i64::try_from(stamp).unwrap_or(i64::MAX));
            let heard = self.clock.hear(asked, told);
            let at = self.clock.given().unwrap_or(heard);
            let found = asking.found(lookups, rest).ok_or_else(|| senseless("reading", &Value::Nil))?;
            return Ok(View { found, at, revision, stamp });
        }
    }

    /// Waits in line until the turn begins; `false`: long enough.
    async fn wait(&self, waiting: &mut Waiting<'_>) -> Result<bool, StoreError> {
        while steady() < waiting.until {
            tokio::time::sleep(waiting.next).await;
            waiting.next = (2 * waiting.next).min(ASKS_AGAIN.1);
            let mut call = self.call(&WAIT);
            put_turn(&mut call, waiting.turn);
            let Answer { mut rest, .. } = self.ask("waiting for a turn", &call).await?;
            if stamp(&mut rest).and(number(rest.next())) == Some(1) {
                return Ok(true);
            }
        }
        metrics::counter!("ticketing_store_turns_missed_total").increment(1);
        Ok(false)
    }

    async fn write(&self, change: Change) -> Result<Applied, StoreError> {
        let what = "writing";
        let mut call = self.call(&APPLY);
        // They are kept until it is written: whoever writes nothing ends the turn by them.
        let locks = change.batch.and_then(|batch| self.turns().get(&batch).cloned()).unwrap_or_default();
        call.arg(&name(change.batch));
        match change.stamp {
            Some(stamp) => call.number(stamp),
            None => call.arg(b""),
        };
        call.number(micros(AGE_MAX)).arg(&own_bytes()?).number(locks.len() as u64);
        for lock in &locks {
            call.arg(lock);
        }
        writing::put(&mut call, &mut self.keys.clone(), &change, &locks)?;
        let sent = steady();
        let answer = match self.client.run(&call).await {
            Ok(answer) => answer,
            Err(failure) => return Err(self.noted(failure.of_writing(what), &change, sent)),
        };
        let Answer { halt, mut rest, .. } = self.ground.hear(what, answer)?;
        let unavailable =
            |detail: String| StoreError::Unavailable { detail: format!("{what}: {detail}"), source: None };
        match text(rest.next()).as_deref() {
            Some("yes") => {
                if let Some(batch) = change.batch {
                    self.turns().remove(&batch);
                }
                Ok(Applied::Yes)
            }
            Some("late") => Ok(Applied::Late),
            Some("refused") => match bytes(rest.next()) {
                Some(key) => Ok(Applied::Refused { key }),
                None => Err(senseless(what, &Value::Nil)),
            },
            Some("broken") => {
                let why = text(rest.next()).unwrap_or_default();
                let error = StoreError::OutcomeUnknown { detail: format!("{what}: it was written in part: {why}") };
                Err(self.noted(error, &change, sent))
            }
            Some("halted") => Err(unavailable(halt.unwrap_or_default())),
            Some("closed") => Err(unavailable("somebody who asked was told that it is not committed".to_owned())),
            _ => Err(senseless(what, &Value::Array(rest.collect()))),
        }
    }

    /// Lets the ledger go on after a loss; `false`: it was not halted.
    pub(super) async fn resume(&self) -> Result<bool, StoreError> {
        let Answer { mut rest, .. } = self.ask("resuming", &self.call(&RESUME)).await?;
        Ok(number(rest.next()) == Some(1))
    }

    /// Why nobody writes, if so.
    pub(super) async fn halt(&self) -> Result<Option<String>, StoreError> {
        let mut call = self.call(&READ);
        call.arg(b"").number(0).number(0).number(0).number(0);
        Ok(self.ask("looking at the ledger", &call).await?.halt)
    }

    /// Notes when a change was sent of which nobody knows whether it was written.
    fn noted(&self, error: StoreError, change: &Change, sent: Timestamp) -> StoreError {
        if let (StoreError::OutcomeUnknown { .. }, Some(batch)) = (&error, change.batch) {
            self.unanswered.note(batch, sent);
        }
        error
    }

    fn turns(&self) -> MutexGuard<'_, HashMap<BatchId, Vec<Vec<u8>>>> {
        // Each of its changes is one step.
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A batch in line.
struct Waiting<'a> {
    turn: &'a Turn,
    until: Timestamp,
    next: Duration,
}

impl KeyValue for RedisKv {
    fn read(&self, lookups: Vec<Lookup>) -> BoxFuture<'_, Result<View, StoreError>> {
        Box::pin(self.view(Wish::Read, None, lookups))
    }

    fn read_in_turn(&self, turn: &Turn, lookups: Vec<Lookup>) -> BoxFuture<'_, Result<View, StoreError>> {
        let turn = turn.clone();
        Box::pin(async move {
            self.turns().insert(turn.batch, turn.locks.clone());
            self.view(Wish::Write, Some(&turn), lookups).await
        })
    }

    fn end_turn(&self, batch: BatchId) {
        let Some(locks) = self.turns().remove(&batch) else { return };
        let mut call = self.call(&END_TURN);
        call.arg(batch.uuid().as_bytes()).number(locks.len() as u64);
        for lock in &locks {
            call.arg(lock);
        }
        let client = self.client.clone();
        // Nobody waits for it: it ends by itself if this is lost.
        drop(tokio::spawn(async move { client.run(&call).await }));
    }

    fn apply(&self, change: Change) -> BoxFuture<'_, Result<Applied, StoreError>> {
        Box::pin(self.write(change))
    }

    fn outcome(&self, batch: BatchId) -> BoxFuture<'_, Result<BatchOutcome, StoreError>> {
        Box::pin(async move {
            let what = "looking a batch up";
            if self.unanswered.is_stale(batch) {
                let detail = format!("{what}: it was sent too long ago to tell");
                return Err(StoreError::Unavailable { detail, source: None });
            }
            let mut call = self.call(&OUTCOME);
            call.arg(batch.uuid().as_bytes());
            let Answer { halt, mut rest, .. } = self.ask(what, &call).await?;
            match (number(rest.next()), halt) {
                (Some(1), _) => Ok(BatchOutcome::Committed),
                (Some(0), None) => Ok(BatchOutcome::NotCommitted),
                (_, Some(why)) => Err(StoreError::Unavailable { detail: format!("{what}: {why}"), source: None }),
                (_, None) => Err(senseless(what, &Value::Nil)),
            }
        })
    }

    fn durability(&self) -> Durability {
        self.settings.durability()
    }

    fn refuses_writes(&self) -> Option<String> {
        self.ground.halted()
    }

    fn lanes(&self) -> usize {
        self.client.address().lanes
    }
}

fn is_unbounded(lookup: &Lookup) -> bool {
    match lookup {
        Lookup::Get(_) => false,
        Lookup::Scan(span) | Lookup::Follow(span) => span.limit == usize::MAX,
    }
}

fn put_turn(call: &mut Call, turn: &Turn) {
    call.arg(turn.batch.uuid().as_bytes()).number(micros(LEASE)).number(micros(PATIENCE));
    call.number(turn.locks.len() as u64);
    for lock in &turn.locks {
        call.arg(lock);
    }
}

fn name(batch: Option<BatchId>) -> Vec<u8> {
    batch.map_or_else(Vec::new, |batch| batch.uuid().as_bytes().to_vec())
}

/// Bytes that no other change has: by them it is known again, and a ledger that begins with it.
fn own_bytes() -> Result<[u8; 16], StoreError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| StoreError::unavailable("tagging a change", error))?;
    Ok(bytes)
}

/// The server's time in microseconds: seconds, and the rest.
fn stamp(rest: &mut impl Iterator<Item = Value>) -> Option<u64> {
    let (seconds, micros) = (number(rest.next())?, number(rest.next())?);
    seconds.checked_mul(1_000_000)?.checked_add(micros)
}
