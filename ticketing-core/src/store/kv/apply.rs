//! Turning what was decided into guards and writes.

use std::collections::{BTreeMap, btree_map};

use super::{
    Change, Guard, Put,
    encode::describe,
    keys,
    load::Loaded,
    records::{Entry, Stored, decode, encode},
};
use crate::{
    audit::StreamId,
    ids::{BatchId, PaymentId, SessionId},
    payment::Callback,
    store::{Changes, StoreError, Write, kv::Pair},
};

/// The sessions of the payments that callbacks were matched to: what can never change about them.
pub(super) type SessionsOfPayments = BTreeMap<PaymentId, SessionId>;

/// The change that writes `changes` as batch `id`, if everything is still as `loaded` saw it.
///
/// # Errors
/// [`StoreError::Conflict`] when the changes contradict each other or what no store may hold.
pub(super) fn change(
    id: BatchId,
    locks: &[StreamId],
    loaded: &Loaded,
    changes: Changes,
    payments: &SessionsOfPayments,
) -> Result<Change, StoreError> {
    let mut plan = Plan {
        seen: &loaded.seen,
        guards: BTreeMap::new(),
        records: BTreeMap::new(),
        removed: BTreeMap::new(),
        added: BTreeMap::new(),
    };
    for callback in changes.callbacks.iter().map(Write::record) {
        plan.link(callback, payments);
    }
    plan.write_all(changes.streams)?;
    plan.write_all(changes.users)?;
    plan.write_all(changes.events)?;
    plan.write_all(changes.sessions)?;
    plan.write_all(changes.rooms)?;
    plan.write_all(changes.places)?;
    plan.write_all(changes.seats)?;
    plan.write_all(changes.holds)?;
    plan.write_all(changes.orders)?;
    plan.write_all(changes.payments)?;
    plan.write_all(changes.callbacks)?;
    plan.write_all(changes.outbox)?;
    plan.write_all(changes.tickets)?;
    plan.write_all(changes.logins)?;
    plan.write_all(changes.audit.into_iter().map(Write::Insert).collect())?;

    // The locks come first: a lost race is told as one, whatever else it left different.
    let (mut guards, mut puts) = fences(locks, &loaded.fences)?;
    plan.finish(&mut guards, &mut puts);
    Ok(Change { batch: Some(id), stamp: Some(loaded.stamp), guards, puts })
}

/// Which payments' sessions are needed to write `changes`, and are not among them.
pub(super) fn payments_to_resolve(changes: &Changes) -> (SessionsOfPayments, Vec<PaymentId>) {
    let known: SessionsOfPayments =
        changes.payments.iter().map(|write| (write.record().id, write.record().session_id)).collect();
    let matched = changes.callbacks.iter().filter_map(|write| write.record().payment_id);
    let unknown = matched.filter(|id| !known.contains_key(id)).collect();
    (known, unknown)
}

/// The guards on the locks as they were read, and the writes that let every other reader notice.
fn fences(locks: &[StreamId], read: &[Option<Vec<u8>>]) -> Result<(Vec<Guard>, Vec<Put>), StoreError> {
    let (mut guards, mut puts) = (Vec::new(), Vec::new());
    for (stream, fence) in locks.iter().zip(read) {
        let key = keys::fence(stream).into_bytes();
        let count = match fence {
            None => 0,
            Some(bytes) => u64::from_be_bytes(bytes.as_slice().try_into().map_err(|_| {
                StoreError::corrupt(format_args!("the lock of {stream} is {} bytes long", bytes.len()))
            })?),
        };
        puts.push(Put { key: key.clone(), value: Some((count + 1).to_be_bytes().to_vec()) });
        guards.push(Guard { key, expected: fence.clone() });
    }
    Ok((guards, puts))
}

struct Plan<'a> {
    seen: &'a BTreeMap<Vec<u8>, Vec<u8>>,
    guards: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    records: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Entries that no record has any more, with what they point to.
    removed: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Entries that a record has now, with what they point to.
    added: BTreeMap<Vec<u8>, (Vec<u8>, bool)>,
}

impl Plan<'_> {
    fn write_all<R: Stored>(&mut self, writes: Vec<Write<R>>) -> Result<(), StoreError> {
        writes.iter().try_for_each(|write| self.write(write))
    }

    fn write<R: Stored>(&mut self, write: &Write<R>) -> Result<(), StoreError> {
        let record = write.record();
        let key = record.primary().into_bytes();
        if let Some(flaw) = record.flaw() {
            return Err(refused(&key, flaw));
        }
        let (expected, before) = match write {
            Write::Insert(_) => (None, Vec::new()),
            Write::Update(_) => {
                let bytes = self.seen.get(&key).ok_or_else(|| refused(&key, "it is changed and was never read"))?;
                let old: R = decode(&Pair { key: key.clone(), value: bytes.clone() })?;
                (Some(bytes.clone()), old.entries())
            }
        };
        let value = encode(&key, record)?;
        self.index(&key, before, record.entries())?;
        self.guards.insert(key.clone(), expected);
        match self.records.entry(key) {
            btree_map::Entry::Vacant(free) => free.insert(value),
            btree_map::Entry::Occupied(taken) => return Err(refused(taken.key(), "it is written twice at once")),
        };
        Ok(())
    }

    fn index(&mut self, record: &[u8], before: Vec<Entry>, after: Vec<Entry>) -> Result<(), StoreError> {
        let left = before.iter().filter(|entry| !after.contains(entry));
        self.removed.extend(left.map(|entry| (entry.key.clone().into_bytes(), record.to_vec())));
        for entry in after.into_iter().filter(|entry| !before.contains(entry)) {
            let key = entry.key.into_bytes();
            if let Some((other, _)) = self.added.insert(key.clone(), (record.to_vec(), entry.unique)) {
                return Err(refused(&key, &format!("two records want it at once, one is {}", describe(&other))));
            }
        }
        Ok(())
    }

    /// Files a matched callback under its payment's session, where the session's ledger finds it. A
    /// match is for ever, so this entry never leaves.
    fn link(&mut self, callback: &Callback, payments: &SessionsOfPayments) {
        let session = callback.payment_id.and_then(|payment| payments.get(&payment));
        if let Some(session) = session {
            let key = keys::callbacks_of_session(session).and(&callback.id).into_bytes();
            self.added.insert(key, (callback.primary().into_bytes(), false));
        }
    }

    fn finish(self, guards: &mut Vec<Guard>, puts: &mut Vec<Put>) {
        guards.extend(self.guards.into_iter().map(|(key, expected)| Guard { key, expected }));
        for (key, (_, unique)) in &self.added {
            if *unique {
                // What one record gives up in this very change, another may take.
                guards.push(Guard { key: key.clone(), expected: self.removed.get(key).cloned() });
            }
        }
        let gone = self.removed.into_keys().filter(|key| !self.added.contains_key(key));
        puts.extend(gone.map(|key| Put { key, value: None }));
        puts.extend(self.records.into_iter().map(|(key, value)| Put { key, value: Some(value) }));
        puts.extend(self.added.into_iter().map(|(key, (value, _))| Put { key, value: Some(value) }));
    }
}

fn refused(key: &[u8], why: &str) -> StoreError {
    StoreError::Conflict { detail: format!("{}: {why}", describe(key)) }
}
