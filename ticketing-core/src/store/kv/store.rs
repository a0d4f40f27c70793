//! The store over a key-value store.

use std::collections::BTreeSet;

use futures_util::future::BoxFuture;

use super::{
    Applied, Change, Guard, KeyValue, Lookup, Put, Turn, View,
    apply::{self, SessionsOfPayments},
    encode::describe,
    keys,
    load::{Loaded, lookups},
    records::decode,
    turns::Turns,
};
use crate::{
    audit::StreamId,
    ids::BatchId,
    payment::Payment,
    store::{
        BatchHeader, BatchOutcome, Changes, Decide, Decision, Durability, ROUNDS_MAX, Read, Receipt, Schema,
        SchemaVersion, Store, StoreError,
    },
};

/// How often a batch is loaded and decided again because somebody was faster.
const RELOADS_MAX: u32 = 5;

/// Which layout of keys and records this program knows.
const VERSION: u32 = 1;

/// A batch that came to its end.
struct Written {
    receipt: Receipt,
    /// Whether there was anything to write.
    changed: bool,
}

/// A store that keeps everything in a [`KeyValue`].
///
/// A lock is a counter beside the records it protects. A batch reads the counters of its streams
/// together with everything else, decides without holding anything, and writes only if nobody has
/// moved them in between; it moves them on itself. Every record and every unique value it touches
/// is guarded besides.
#[derive(Debug)]
pub struct KvStore<K> {
    kv: K,
    turns: Turns,
}

impl<K: KeyValue> KvStore<K> {
    /// A store in `kv`. Several may share one, in one process or in many.
    pub fn over(kv: K) -> Self {
        Self { kv, turns: Turns::new() }
    }

    /// What it keeps everything in.
    pub fn key_value(&self) -> &K {
        &self.kv
    }

    /// One consistent view, with an answer for every lookup.
    pub(super) async fn view(&self, lookups: Vec<Lookup>) -> Result<View, StoreError> {
        complete(|lookups| self.kv.read(lookups), lookups).await
    }

    async fn write(&self, batch: BatchHeader, decide: Decide) -> Result<Receipt, StoreError> {
        let _turn = self.turns.take(&batch.locks).await;
        let written = self.write_in_turn(&batch, decide).await;
        if !matches!(written, Ok(Written { changed: true, .. })) {
            self.kv.end_turn(batch.id);
        }
        Ok(written?.receipt)
    }

    async fn write_in_turn(&self, batch: &BatchHeader, mut decide: Decide) -> Result<Written, StoreError> {
        let mut rounds = 0;
        let mut lost_to: Option<Vec<u8>> = None;
        for _ in 0..=RELOADS_MAX {
            let Some((loaded, changes)) = self.decide(batch, &mut decide, &mut rounds).await? else { continue };
            let receipt = Receipt { at: loaded.at, rounds };
            if changes.is_empty() {
                return Ok(Written { receipt, changed: false });
            }
            let payments = self.sessions_of_payments(&changes).await?;
            let change = apply::change(batch.id, &batch.locks, &loaded, changes, &payments)?;
            let new: BTreeSet<Vec<u8>> = new_keys(&change.guards);
            match self.kv.apply(change).await? {
                Applied::Yes => return Ok(Written { receipt, changed: true }),
                Applied::Late => {}
                // Decided again over the latest state, and still it wants what another record has.
                Applied::Refused { key } if new.contains(&key) && lost_to.as_ref() == Some(&key) => {
                    return Err(StoreError::Conflict { detail: format!("{}: it exists already", describe(&key)) });
                }
                Applied::Refused { key } => lost_to = Some(key),
            }
        }
        let key = lost_to.map_or_else(|| locks_of(&batch.locks), |key| describe(&key));
        Err(StoreError::Conflict { detail: format!("{key}: somebody was faster {} times", RELOADS_MAX + 1) })
    }

    /// Loads and decides until there is something to write; `None` when somebody wrote in between.
    async fn decide(
        &self,
        batch: &BatchHeader,
        decide: &mut Decide,
        rounds: &mut u32,
    ) -> Result<Option<(Loaded, Changes)>, StoreError> {
        let mut reads = each_once(batch.reads.clone());
        let turn = Turn { batch: batch.id, locks: batch.locks.iter().map(|id| keys::fence(id).into_bytes()).collect() };
        let mut view = complete(|lookups| self.kv.read_in_turn(&turn, lookups), lookups(&batch.locks, &reads)).await?;
        let mut loaded = Loaded::behind(batch.locks.len(), &view);
        for _ in 0..ROUNDS_MAX {
            if !loaded.accept(&reads, view)? {
                return Ok(None);
            }
            *rounds += 1;
            loaded.snapshot.reset();
            match decide(&mut loaded.snapshot, loaded.at) {
                Decision::Commit(changes) => return Ok(Some((loaded, changes))),
                Decision::NeedMore(more) => reads = each_once(more),
            }
            view = self.view(lookups(&batch.locks, &reads)).await?;
        }
        let detail = format!("{}: not decided after {ROUNDS_MAX} rounds", locks_of(&batch.locks));
        Err(StoreError::Conflict { detail })
    }

    async fn sessions_of_payments(&self, changes: &Changes) -> Result<SessionsOfPayments, StoreError> {
        let (mut sessions, unknown) = apply::payments_to_resolve(changes);
        if unknown.is_empty() {
            return Ok(sessions);
        }
        let lookups = unknown.iter().map(|id| Lookup::Get(keys::payment(id).into_bytes())).collect();
        for pair in self.view(lookups).await?.found.iter().flatten() {
            let payment: Payment = decode(pair)?;
            sessions.insert(payment.id, payment.session_id);
        }
        Ok(sessions)
    }

    async fn found_version(&self) -> Result<(SchemaVersion, Option<Vec<u8>>), StoreError> {
        let view = self.view(vec![Lookup::Get(keys::schema().into_bytes())]).await?;
        let bytes = view.found.into_iter().flatten().next().map(|pair| pair.value);
        let found =
            match &bytes {
                None => 0,
                Some(bytes) => u32::from_be_bytes(bytes.as_slice().try_into().map_err(|_| {
                    StoreError::corrupt(format_args!("the schema version is {} bytes long", bytes.len()))
                })?),
            };
        Ok((SchemaVersion { found, needed: VERSION }, bytes))
    }

    async fn bring_up(&self) -> Result<SchemaVersion, StoreError> {
        loop {
            let (version, bytes) = self.found_version().await?;
            if version.found == VERSION {
                return Ok(version);
            }
            if version.found > VERSION {
                let detail = format_args!("its schema is version {}, this program knows {VERSION}", version.found);
                return Err(StoreError::corrupt(detail));
            }
            // Refused means that another process did it first: look again.
            let key = keys::schema().into_bytes();
            let guards = vec![Guard { key: key.clone(), expected: bytes }];
            let puts = vec![Put { key, value: Some(VERSION.to_be_bytes().to_vec()) }];
            self.kv.apply(Change { batch: None, stamp: None, guards, puts }).await?;
        }
    }
}

impl<K: KeyValue> Store for KvStore<K> {
    fn transact(&self, batch: BatchHeader, decide: Decide) -> BoxFuture<'_, Result<Receipt, StoreError>> {
        Box::pin(self.write(batch, decide))
    }

    fn outcome(&self, batch: BatchId) -> BoxFuture<'_, Result<BatchOutcome, StoreError>> {
        self.kv.outcome(batch)
    }

    fn durability(&self) -> Durability {
        self.kv.durability()
    }

    fn refuses_writes(&self) -> Option<String> {
        self.kv.refuses_writes()
    }

    fn lanes(&self) -> usize {
        self.kv.lanes()
    }
}

impl<K: KeyValue> Schema for KvStore<K> {
    fn migrate(&self) -> BoxFuture<'_, Result<SchemaVersion, StoreError>> {
        Box::pin(self.bring_up())
    }

    fn version(&self) -> BoxFuture<'_, Result<SchemaVersion, StoreError>> {
        Box::pin(async move { Ok(self.found_version().await?.0) })
    }
}

/// The answer of `read` to `lookups`, if there is one to each.
async fn complete<'a>(
    read: impl FnOnce(Vec<Lookup>) -> BoxFuture<'a, Result<View, StoreError>>,
    lookups: Vec<Lookup>,
) -> Result<View, StoreError> {
    let asked = lookups.len();
    let view = read(lookups).await?;
    if view.found.len() == asked {
        Ok(view)
    } else {
        Err(StoreError::corrupt(format_args!("{asked} lookups were given {} answers", view.found.len())))
    }
}

fn each_once(reads: Vec<Read>) -> Vec<Read> {
    reads.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
}

/// The keys that must not exist yet, the locks aside: those of new records and new unique values.
fn new_keys(guards: &[Guard]) -> BTreeSet<Vec<u8>> {
    let absent = guards.iter().filter(|guard| guard.expected.is_none() && !keys::is_fence(&guard.key));
    absent.map(|guard| guard.key.clone()).collect()
}

fn locks_of(locks: &[StreamId]) -> String {
    locks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
