//! Whether the ledger is still the one that was here before.
//!
//! A replica that takes over lacks what it had not received, a server without a log lacks everything, and a
//! flush leaves nothing. Every change is counted and tagged; whoever has seen more changes than there are, or finds
//! another one in the place of one that it has seen, has found a loss. The scripts note it in the ledger
//! itself, and from then on no node writes before somebody looked at it.

use std::sync::{Mutex, PoisonError};

use ::redis::Value;
use ticketing_core::store::StoreError;

use super::{
    error::senseless,
    script::{Call, Script},
};

/// What this process knows of the ledger.
#[derive(Debug, Default)]
pub(super) struct Ground {
    known: Mutex<Known>,
}

/// The ledger as it was last seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Known {
    /// Which one: empty while there is none.
    id: Vec<u8>,
    /// When it was last resumed, by its own clock.
    generation: u64,
    /// How many changes it has.
    revision: u64,
    /// The last one's tag, which no other change has: empty where changes had none.
    tag: Vec<u8>,
    /// Why nobody writes, if so.
    halted: Option<String>,
}

/// What every answer begins with, and what follows.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) revision: u64,
    /// Why nobody writes, if so.
    pub(super) halt: Option<String>,
    pub(super) rest: std::vec::IntoIter<Value>,
}

impl Ground {
    /// A call of `script` that tells the ledger what is known of it.
    pub(super) fn call(&self, script: &'static Script, meta: &[u8]) -> Call {
        let known = self.known().clone();
        let mut call = script.call(meta);
        call.arg(&known.id).number(known.generation).number(known.revision).arg(&known.tag);
        call
    }

    /// Takes in what every answer begins with.
    pub(super) fn hear(&self, what: &str, answer: Value) -> Result<Answer, StoreError> {
        let Value::Array(parts) = answer else { return Err(senseless(what, &answer)) };
        let mut parts = parts.into_iter();
        let (Some(id), Some(generation), Some(revision), Some(tag), Some(halt)) =
            (bytes(parts.next()), number(parts.next()), number(parts.next()), bytes(parts.next()), text(parts.next()))
        else {
            return Err(senseless(what, &Value::Array(parts.collect())));
        };
        let halt = (!halt.is_empty()).then(|| told(&halt));
        self.learn(Known { id, generation, revision, tag, halted: halt.clone() });
        Ok(Answer { revision, halt, rest: parts })
    }

    /// Why nobody writes, as of the last answer.
    pub(super) fn halted(&self) -> Option<String> {
        self.known().halted.clone()
    }

    fn learn(&self, seen: Known) {
        let mut known = self.known();
        if let Some(why) = seen.halted.as_ref().filter(|_| known.halted.is_none()) {
            metrics::counter!("ticketing_store_halts_total").increment(1);
            tracing::error!("{why}");
        }
        let newer = seen.generation > known.generation || known.id.is_empty();
        if newer || (seen.id == known.id && seen.revision > known.revision) {
            *known = seen;
        } else {
            // Answers may come in another order than they were given.
            known.halted = seen.halted;
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        // It is replaced as a whole.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a note in the ledger says: how many changes had been seen, how many are there, when that was found, and
/// whether others were written in the place of what was lost.
fn told(halt: &str) -> String {
    let is_overtaken = halt.ends_with(" overtaken");
    let mut numbers = halt.split(' ').map(|number| number.parse::<u64>().unwrap_or(0));
    let (seen, found) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let what = match seen.saturating_sub(found) {
        0 if is_overtaken => {
            format!("the ledger has other changes than nodes had seen, number {seen} for one: some are lost")
        }
        0 => "a change was written in part".to_owned(),
        _ if found == 0 => format!("the ledger is gone, with all of its {seen} changes"),
        lost => format!("the ledger lost {lost} of {seen} changes that nodes had seen, and perhaps later ones"),
    };
    format!("{what}: nothing is written until it was looked at, see `ticketing verify --resume`")
}

pub(super) fn bytes(value: Option<Value>) -> Option<Vec<u8>> {
    match value {
        Some(Value::BulkString(bytes)) => Some(bytes),
        _ => None,
    }
}

pub(super) fn text(value: Option<Value>) -> Option<String> {
    bytes(value).and_then(|bytes| String::from_utf8(bytes).ok())
}

pub(super) fn number(value: Option<Value>) -> Option<u64> {
    match value {
        Some(Value::Int(number)) => u64::try_from(number).ok(),
        Some(Value::BulkString(digits)) => str::from_utf8(&digits).ok()?.parse().ok(),
        _ => None,
    }
}

pub(super) fn array(value: Option<Value>) -> Option<Vec<Value>> {
    match value {
        Some(Value::Array(values)) => Some(values),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(id: &str, generation: u64, revision: u64) -> Known {
        Known { id: id.into(), generation, revision, tag: revision.to_string().into(), halted: None }
    }

    #[test]
    fn the_latest_that_was_seen_is_known_whatever_order_answers_come_in() {
        let ground = Ground::default();
        for (new, known) in [
            (seen("a", 0, 5), seen("a", 0, 5)),
            (seen("a", 0, 7), seen("a", 0, 7)),
            (seen("a", 0, 6), seen("a", 0, 7)),
            // Another ledger, or one that lost something, is believed only once it was resumed.
            (seen("b", 0, 9), seen("a", 0, 7)),
            (seen("a", 1, 3), seen("a", 1, 3)),
            (seen("", 2, 0), seen("", 2, 0)),
            (seen("c", 2, 1), seen("c", 2, 1)),
        ] {
            ground.learn(new);
            assert_eq!(*ground.known(), known);
        }
    }

    #[test]
    fn a_loss_is_told_by_its_size() {
        assert!(told("12 10 1700000000").starts_with("the ledger lost 2 of 12 changes"));
        assert!(told("12 0 1700000000").starts_with("the ledger is gone, with all of its 12 changes"));
        assert!(
            told("12 15 1700000000 overtaken")
                .starts_with("the ledger has other changes than nodes had seen, number 12 for one")
        );
        assert!(told("12 12 1700000000").starts_with("a change was written in part"));
    }
}
