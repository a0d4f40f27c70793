//! What scripts of a waiting room are given and what they answer, in bytes.

use ::redis::Value;
use ticketing_core::{
    clock::Timestamp,
    ids::{SessionId, UserId},
    store::StoreError,
    waiting_room::{Admission, Arrived, Mark, PastEpoch, Place, PlaceState, Reply, Room, RoomError, Seen},
};
use uuid::Uuid;

use crate::redis::error::senseless;

/// What a script answered, item by item.
pub(super) struct Answer {
    what: &'static str,
    items: std::vec::IntoIter<Value>,
}

impl Answer {
    /// Takes an answer apart; a lone number is one item.
    pub(super) fn of(what: &'static str, value: Value) -> Self {
        let items = match value {
            Value::Array(items) => items,
            other => vec![other],
        };
        Self { what, items: items.into_iter() }
    }

    pub(super) fn number(&mut self) -> Result<u64, StoreError> {
        match self.items.next() {
            Some(Value::Int(number)) => u64::try_from(number).map_err(|_| senseless(self.what, &Value::Int(number))),
            other => Err(senseless(self.what, &other.unwrap_or(Value::Nil))),
        }
    }

    pub(super) fn bytes(&mut self) -> Result<Vec<u8>, StoreError> {
        match self.items.next() {
            Some(Value::BulkString(bytes)) => Ok(bytes),
            other => Err(senseless(self.what, &other.unwrap_or(Value::Nil))),
        }
    }

    /// How far the room that was found lost has come, if it is there.
    fn found(&mut self) -> Result<Option<Mark>, StoreError> {
        if self.items.len() == 0 {
            return Ok(None);
        }
        let (epoch, version) = (self.number()?, self.number()?);
        Ok(Some(Mark { epoch: epoch_of(epoch)?, version }))
    }

    /// The room, the store's time, and the number of steps; what was asked for comes behind.
    pub(super) fn room(&mut self, session_id: SessionId) -> Result<Reply<u64>, RoomError> {
        if self.number()? == 0 {
            return Err(RoomError::Lost { found: self.found()? });
        }
        let at = time(self.number()?);
        let mark = Mark { epoch: epoch_of(self.number()?)?, version: self.number()? };
        let (next, frontier, wait_ended_through) = (self.number()?, self.number()?, self.number()?);
        let (window_ended_through, credited_until) = (self.number()?, time(self.number()?));
        let steps = self.number()?;
        let (waiting, active) = (self.number()?, self.number()?);
        let (log, past) = (read_log(&self.bytes()?), read_past(&self.bytes()?));
        let room = Room {
            session_id,
            epoch: mark.epoch,
            next,
            frontier,
            log,
            credited_until,
            wait_ended_through,
            window_ended_through,
            waiting,
            active,
            past,
            apart: true,
        };
        let shown = self.number()?;
        Ok(Reply { room, mark, shown, at, found: steps })
    }
}

fn epoch_of(number: u64) -> Result<u32, StoreError> {
    u32::try_from(number).map_err(|_| StoreError::corrupt(format_args!("{number} is no epoch of a waiting room")))
}

fn time(micros: u64) -> Timestamp {
    Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
}

/// Reads parts of fixed length off the front of a record.
struct Parts<'a>(&'a [u8]);

impl Parts<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (part, rest) = self.0.split_first_chunk::<N>().unwrap_or((&[0; N], &[]));
        self.0 = rest;
        *part
    }

    fn number(&mut self) -> u64 {
        u64::from_be_bytes(self.take())
    }

    fn byte(&mut self) -> u8 {
        self.take::<1>()[0]
    }

    fn user(&mut self) -> UserId {
        UserId::from_uuid(Uuid::from_bytes(self.take()))
    }
}

pub(super) fn arrived(session_id: SessionId, bytes: &[u8], users: impl Iterator<Item = UserId>) -> Vec<Arrived> {
    const LEN: usize = 1 + 8 + 8 + 1 + 8;
    let each = bytes.chunks_exact(LEN).zip(users).map(|(record, user_id)| {
        let mut parts = Parts(record);
        let kind = parts.byte();
        let (number, issued_at) = (parts.number(), time(parts.number()));
        let (admitted_at_once, position) = (parts.byte() == 1, parts.number());
        let place = Place { session_id, number, user_id, issued_at, admitted_at_once, state: PlaceState::In };
        match kind {
            0 => Arrived::Nothing,
            1 => Arrived::New { place, position },
            _ => Arrived::Had { place, position },
        }
    });
    each.collect()
}

pub(super) fn seen(bytes: &[u8]) -> Vec<Seen> {
    const LEN: usize = 1 + 8;
    let each = bytes.chunks_exact(LEN).map(|record| {
        let mut parts = Parts(record);
        let state = match parts.byte() {
            0 => None,
            1 => Some(PlaceState::In),
            2 => Some(PlaceState::Left),
            _ => Some(PlaceState::Bought),
        };
        Seen { state, position: parts.number() }
    });
    each.collect()
}

pub(super) fn line(session_id: SessionId, bytes: &[u8]) -> Vec<Place> {
    const LEN: usize = 16 + 8 + 8 + 1;
    let each = bytes.chunks_exact(LEN).map(|record| {
        let mut parts = Parts(record);
        let (user_id, number, issued_at) = (parts.user(), parts.number(), time(parts.number()));
        let admitted_at_once = parts.byte() == 1;
        Place { session_id, number, user_id, issued_at, admitted_at_once, state: PlaceState::In }
    });
    each.collect()
}

pub(super) fn log(log: &[Admission]) -> Vec<u8> {
    let entries = log.iter().flat_map(|entry| [entry.after, entry.through, entry.at.micros().cast_unsigned()]);
    entries.flat_map(u64::to_be_bytes).collect()
}

fn read_log(bytes: &[u8]) -> Vec<Admission> {
    const LEN: usize = 3 * 8;
    let each = bytes.chunks_exact(LEN).map(|entry| {
        let mut parts = Parts(entry);
        Admission { after: parts.number(), through: parts.number(), at: time(parts.number()) }
    });
    each.collect()
}

pub(super) fn past(past: &[PastEpoch]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for epoch in past {
        bytes.extend_from_slice(&u64::from(epoch.epoch).to_be_bytes());
        bytes.extend_from_slice(&epoch.through.to_be_bytes());
        bytes.push(u8::from(epoch.apart));
    }
    bytes
}

fn read_past(bytes: &[u8]) -> Vec<PastEpoch> {
    const LEN: usize = 8 + 8 + 1;
    let each = bytes.chunks_exact(LEN).map(|entry| {
        let mut parts = Parts(entry);
        let (epoch, through) = (parts.number(), parts.number());
        PastEpoch { epoch: u32::try_from(epoch).unwrap_or(u32::MAX), through, apart: parts.byte() == 1 }
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_and_past_epochs_read_back() {
        let at = Timestamp::from_micros;
        let entries = vec![
            Admission { after: 0, through: 7, at: at(1) },
            Admission { after: 9, through: 1 << 40, at: at(1_800_000_000_000_000) },
        ];
        assert_eq!(read_log(&log(&entries)), entries);
        let epochs =
            vec![PastEpoch { epoch: 1, through: 3, apart: false }, PastEpoch { epoch: 9, through: 40, apart: true }];
        assert_eq!(read_past(&past(&epochs)), epochs);
    }

    #[test]
    fn an_answer_of_somebody_else_s_is_told_as_such() {
        let session_id = SessionId::from_uuid(Uuid::nil());
        for value in [Value::Nil, Value::SimpleString("OK".to_owned()), Value::Array(vec![Value::Int(1)])] {
            let told = Answer::of("looking", value).room(session_id);
            assert!(matches!(told, Err(RoomError::Store(StoreError::Corrupt { .. }))), "{told:?}");
        }
    }
}
