//! Look-ups that go together: those that come while some are under way wait for the next, all in one
//! statement. Thousands who poll for their place cost a few queries at a time.

use std::{
    collections::HashMap,
    fmt,
    hash::Hash,
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use deadpool_postgres::Pool;
use ticketing_core::store::StoreError;
use tokio::sync::oneshot;

use super::{
    flight::Query,
    reading::rows,
    tables::{Stored, records},
};

/// Most look-ups in one statement.
const TOGETHER_MAX: usize = 1_024;
/// Most statements under way: one that a dying connection keeps waiting must not make everybody wait.
const UNDER_WAY_MAX: usize = 3;
/// Most that wait; more are refused.
const WAITING_MAX: usize = 65_536;

type Answer<R> = oneshot::Sender<Result<Option<R>, StoreError>>;

/// Look-ups of one kind of record, by one kind of key.
pub(super) struct Gather<K, R> {
    what: &'static str,
    query: fn(&[K]) -> Query,
    key: fn(&R) -> Option<K>,
    waiting: Mutex<Waiting<K, R>>,
}

struct Waiting<K, R> {
    asked: Vec<(K, Answer<R>)>,
    /// Statements under way; whoever comes while there are as many as there may be has only to wait.
    under_way: usize,
}

impl<K, R> Gather<K, R>
where
    K: Clone + Eq + Hash + Send + 'static,
    R: Stored + Clone,
{
    /// Records found by `query`, each known by its `key`.
    pub(super) fn new(what: &'static str, query: fn(&[K]) -> Query, key: fn(&R) -> Option<K>) -> Arc<Self> {
        Arc::new(Self { what, query, key, waiting: Mutex::new(Waiting { asked: Vec::new(), under_way: 0 }) })
    }

    /// The record of `key`.
    pub(super) async fn get(self: &Arc<Self>, pool: &Pool, key: K) -> Result<Option<R>, StoreError> {
        let (answer, answered) = oneshot::channel();
        let begin = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if waiting.asked.len() >= WAITING_MAX {
                return Err(self.unavailable(&format!("{WAITING_MAX} look-ups wait already")));
            }
            waiting.asked.push((key, answer));
            let begin = waiting.under_way < UNDER_WAY_MAX;
            waiting.under_way += usize::from(begin);
            begin
        };
        if begin {
            // A task of its own: whoever asked first may go away, and the others must not wait for ever.
            let (gather, pool) = (Arc::clone(self), pool.clone());
            tokio::spawn(async move { gather.serve(&pool).await });
        }
        answered.await.unwrap_or_else(|_| Err(self.unavailable("it broke off without an answer")))
    }

    async fn serve(&self, pool: &Pool) {
        let broken_off = BrokenOff(self);
        while let Some(batch) = self.next() {
            let keys: Vec<K> = batch.iter().map(|(key, _)| key.clone()).collect();
            let found = rows(pool, self.what, (self.query)(&keys)).await.and_then(|rows| records::<R>(&rows));
            let found: Result<HashMap<K, R>, _> = found
                .map(|records| records.into_iter().filter_map(|record| Some(((self.key)(&record)?, record))).collect());
            for (key, answer) in batch {
                // Whoever asked may have gone away.
                let _ = answer.send(match &found {
                    Ok(found) => Ok(found.get(&key).cloned()),
                    Err(error) => Err(error.clone()),
                });
            }
        }
        mem::forget(broken_off);
    }

    /// Those who wait, at most so many; `None` ends the work.
    fn next(&self) -> Option<Vec<(K, Answer<R>)>> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.asked.is_empty() {
            waiting.under_way -= 1;
            return None;
        }
        let len = waiting.asked.len().min(TOGETHER_MAX);
        Some(waiting.asked.drain(..len).collect())
    }

    fn unavailable(&self, why: &str) -> StoreError {
        StoreError::Unavailable { detail: format!("{}: {why}", self.what), source: None }
    }
}

/// Somebody stopped looking up before everybody was answered, as when a runtime ends: those who wait are told,
/// and the next one begins anew.
struct BrokenOff<'a, K, R>(&'a Gather<K, R>);

impl<K, R> Drop for BrokenOff<'_, K, R> {
    fn drop(&mut self) {
        let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.under_way -= 1;
        if waiting.under_way == 0 {
            waiting.asked.clear();
        }
    }
}

impl<K, R> fmt::Debug for Gather<K, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gather").field("what", &self.what).finish_non_exhaustive()
    }
}
