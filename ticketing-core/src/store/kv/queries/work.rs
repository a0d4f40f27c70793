//! What the workers ask for: what is overdue, who waits, what is due.

use super::{Key, KeyValue, KvStore, Lookup, decode, keys};
use crate::{
    clock::Timestamp,
    ids::{CallbackId, SessionId},
    outbox::OutboxMessage,
    payment::{Callback, Payment},
    store::{CallbackToMatch, StoreError},
};

/// How many candidates are looked at in one step.
const PER_STEP: usize = 256;

impl<K: KeyValue> KvStore<K> {
    pub(super) async fn find_overdue(&self, now: Timestamp, limit: u32) -> Result<Vec<SessionId>, StoreError> {
        let mut overdue = Vec::new();
        let mut after = None;
        while overdue.len() < limit as usize {
            let candidates = self.sessions_in(keys::sessions_with_held(), after, PER_STEP).await?;
            let earliest = |session| Lookup::Scan(keys::active_holds(session).through(&now).limit(1));
            let found = self.view(candidates.iter().map(earliest).collect()).await?.found;
            let ended = candidates.iter().zip(&found).filter(|(_, holds)| !holds.is_empty());
            overdue.extend(ended.map(|(session, _)| *session));
            after = candidates.last().copied();
            if candidates.len() < PER_STEP {
                break;
            }
        }
        overdue.truncate(limit as usize);
        Ok(overdue)
    }

    pub(super) async fn find_waiting(
        &self,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<SessionId>, StoreError> {
        self.sessions_in(keys::rooms_with_people(), after, limit as usize).await
    }

    pub(super) async fn find_due(&self, now: Timestamp, limit: u32) -> Result<Vec<OutboxMessage>, StoreError> {
        self.list(Lookup::Follow(keys::due_outbox().through(&now).limit(limit as usize))).await
    }

    pub(super) async fn find_matches(
        &self,
        after: Option<CallbackId>,
        limit: u32,
    ) -> Result<Vec<CallbackToMatch>, StoreError> {
        let mut matches = Vec::new();
        let mut after = after;
        while matches.len() < limit as usize {
            let span = match &after {
                None => keys::unmatched_callbacks().all(),
                Some(after) => keys::unmatched_callbacks().behind(after),
            };
            let kept: Vec<Callback> = self.list(Lookup::Follow(span.limit(PER_STEP))).await?;
            let payment =
                |callback: &Callback| Lookup::Follow(keys::gateway(callback.report.pg_payment_id.as_str()).only());
            let found = self.view(kept.iter().map(payment).collect()).await?.found;
            let full = kept.len() == PER_STEP;
            after = kept.last().map(|callback| callback.id);
            for (callback, payment) in kept.into_iter().zip(&found) {
                if let Some(pair) = payment.first() {
                    matches.push(CallbackToMatch { callback, link: decode::<Payment>(pair)?.link() });
                }
            }
            if !full {
                break;
            }
        }
        matches.truncate(limit as usize);
        Ok(matches)
    }

    /// Sessions of an index that holds nothing else, behind `after`.
    async fn sessions_in(
        &self,
        index: Key,
        after: Option<SessionId>,
        limit: usize,
    ) -> Result<Vec<SessionId>, StoreError> {
        let span = match &after {
            None => index.all(),
            Some(after) => index.behind(after),
        };
        let view = self.view(vec![Lookup::Scan(span.limit(limit))]).await?;
        view.found.iter().flatten().map(|pair| keys::session_in(&pair.key)).collect()
    }
}
