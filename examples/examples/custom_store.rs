//! A store of one's own: an ordered map in memory, and a journal on disk that it is read from at the start.
//!
//! Five methods; records, indexes and queries are the adapter's. `tests/custom_store.rs` runs the conformance suite.
//!
//! `cargo run -p ticketing-examples --example custom_store`

#![allow(clippy::print_stdout, reason = "an example shows what it did")]

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fmt,
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::future::{BoxFuture, ready};
use ticketing_core::{
    Ticketing,
    audit::{Actor, Caller},
    clock::{Clock, SystemClock},
    engine::{Keys, NewEvent},
    ids::BatchId,
    store::{
        BatchOutcome, Durability, Schema, StoreError,
        kv::{Applied, Change, Direction, KeyValue, KvStore, Lookup, Pair, Put, Span, View},
    },
};
use ticketing_examples::CashDesk;
use uuid::Uuid;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::temp_dir().join("ticketing-example.journal");
    let store = KvStore::over(Journal::open(&path, Arc::new(SystemClock::new()))?);
    store.migrate().await?;
    let engine =
        Ticketing::builder(Arc::new(store), Keys::new(&[1; 32], &[2; 32], &[3; 32]), Arc::new(CashDesk)).build();
    let event = engine.create_event(Caller::of(Actor::Operator), NewEvent::published("Spring concert")).await?;
    println!("{} is in {}", event.id, path.display());
    Ok(())
}

/// An ordered map whose every change is on disk before it is answered.
pub struct Journal {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

struct State {
    file: File,
    pairs: BTreeMap<Vec<u8>, Vec<u8>>,
    batches: BTreeSet<BatchId>,
    revision: u64,
    write_failed: bool,
}

impl Journal {
    /// Reads the journal at `path`, or begins one. What a crash left unfinished at its end is cut off.
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let (mut pairs, mut batches, mut revision, mut whole) = (BTreeMap::new(), BTreeSet::new(), 0, 0);
        let mut rest = bytes.as_slice();
        while let Some((batch, puts)) = read_entry(&mut rest) {
            write_all(&mut pairs, puts);
            batches.extend(batch);
            revision += 1;
            whole = bytes.len() - rest.len();
        }
        file.set_len(whole as u64)?;
        Ok(Self { clock, state: Mutex::new(State { file, pairs, batches, revision, write_failed: false }) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyValue for Journal {
    fn read(&self, lookups: Vec<Lookup>) -> BoxFuture<'_, Result<View, StoreError>> {
        let state = self.state();
        let found = lookups.iter().map(|lookup| state.find(lookup)).collect();
        Box::pin(ready(Ok(View { found, at: self.clock.now(), revision: state.revision, stamp: 0 })))
    }

    fn apply(&self, change: Change) -> BoxFuture<'_, Result<Applied, StoreError>> {
        Box::pin(ready(self.state().apply(change)))
    }

    fn outcome(&self, batch: BatchId) -> BoxFuture<'_, Result<BatchOutcome, StoreError>> {
        let (state, committed) = (self.state(), Ok(BatchOutcome::Committed));
        let lost = || state.is_whole().map(|()| BatchOutcome::NotCommitted);
        Box::pin(ready(if state.batches.contains(&batch) { committed } else { lost() }))
    }

    fn durability(&self) -> Durability {
        Durability::Disk
    }

    fn lanes(&self) -> usize {
        1
    }
}

impl State {
    fn find(&self, lookup: &Lookup) -> Vec<Pair> {
        match lookup {
            Lookup::Get(key) => self.pair(key).into_iter().collect(),
            Lookup::Scan(span) => self.span(span),
            Lookup::Follow(span) => self.span(span).iter().filter_map(|entry| self.pair(&entry.value)).collect(),
        }
    }

    fn pair(&self, key: &[u8]) -> Option<Pair> {
        self.pairs.get(key).map(|value| Pair { key: key.to_vec(), value: value.clone() })
    }

    fn span(&self, span: &Span) -> Vec<Pair> {
        if span.from >= span.to {
            return Vec::new();
        }
        let pair = |(key, value): (&Vec<u8>, &Vec<u8>)| Pair { key: key.clone(), value: value.clone() };
        let range = self.pairs.range(span.from.clone()..span.to.clone());
        match span.direction {
            Direction::Ascending => range.take(span.limit).map(pair).collect(),
            Direction::Descending => range.rev().take(span.limit).map(pair).collect(),
        }
    }

    fn is_whole(&self) -> Result<(), StoreError> {
        let failed = || StoreError::unavailable("a write failed", io::Error::other("open the journal again"));
        (!self.write_failed).then_some(()).ok_or_else(failed)
    }

    fn apply(&mut self, change: Change) -> Result<Applied, StoreError> {
        self.is_whole()?;
        if let Some(guard) = change.guards.iter().find(|guard| self.pairs.get(&guard.key) != guard.expected.as_ref()) {
            return Ok(Applied::Refused { key: guard.key.clone() });
        }
        let written = self.file.write_all(&entry(change.batch, &change.puts)).and_then(|()| self.file.sync_data());
        self.write_failed = written.is_err();
        written.map_err(|error| StoreError::OutcomeUnknown { detail: format!("the journal: {error}") })?;
        write_all(&mut self.pairs, change.puts);
        self.batches.extend(change.batch);
        self.revision += 1;
        Ok(Applied::Yes)
    }
}

fn write_all(pairs: &mut BTreeMap<Vec<u8>, Vec<u8>>, puts: Vec<Put>) {
    for put in puts {
        match put.value {
            Some(value) => pairs.insert(put.key, value),
            None => pairs.remove(&put.key),
        };
    }
}

/// The name, or zeros; then each key with its value, or none. Everything behind its length.
fn entry(batch: Option<BatchId>, puts: &[Put]) -> Vec<u8> {
    let mut body = batch.map_or(Uuid::nil(), |batch| batch.uuid()).as_bytes().to_vec();
    for put in puts {
        push(&mut body, &put.key);
        body.push(u8::from(put.value.is_some()));
        push(&mut body, put.value.as_deref().unwrap_or_default());
    }
    [&(body.len() as u32).to_be_bytes()[..], &body].concat()
}

fn push(bytes: &mut Vec<u8>, part: &[u8]) {
    bytes.extend_from_slice(&(part.len() as u32).to_be_bytes());
    bytes.extend_from_slice(part);
}

/// The next entry; `None`: there is none, or not all of it.
fn read_entry(rest: &mut &[u8]) -> Option<(Option<BatchId>, Vec<Put>)> {
    let mut body = part(rest)?;
    let batch = Uuid::from_slice(body.split_off(..16)?).ok()?;
    let mut puts = Vec::new();
    while let Some(key) = part(&mut body) {
        let (is_there, value) = (body.split_off_first()? == &1, part(&mut body)?.to_vec());
        puts.push(Put { key: key.to_vec(), value: is_there.then_some(value) });
    }
    Some(((!batch.is_nil()).then(|| BatchId::from_uuid(batch)), puts))
}

fn part<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = rest.first_chunk::<4>().map(|length| u32::from_be_bytes(*length) as usize)?;
    rest.split_off(..4 + length)?.get(4..)
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").finish_non_exhaustive()
    }
}
