//! Lookups as arguments of a script, and its answer as a view.

use ::redis::Value;
use ticketing_core::store::{
    StoreError,
    kv::{Direction, Lookup, Pair, Shelf, Span, shelf},
};

use super::{
    ground::{array, bytes},
    keys::{self, Keys},
    script::Call,
};

/// What was made of a lookup.
#[derive(Debug, Clone, Copy)]
enum Asked {
    Get,
    FollowOne,
    Few,
    Span,
    Numbered,
}

/// Lookups that were asked for, in their order.
#[derive(Debug)]
pub(super) struct Asking {
    asked: Vec<Asked>,
}

impl Asking {
    /// Adds `lookups` to a call of the reading script.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for a span that leaves its shelf.
    pub(super) fn put(call: &mut Call, keys: &mut Keys, lookups: &[Lookup]) -> Result<Self, StoreError> {
        let (mut gets, mut follows, mut fews, mut spans) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut asked = Vec::with_capacity(lookups.len());
        for lookup in lookups {
            asked.push(match lookup {
                Lookup::Get(key) => {
                    gets.push(key);
                    Asked::Get
                }
                Lookup::Follow(span) if is_one(span) => {
                    follows.push(&span.from);
                    Asked::FollowOne
                }
                Lookup::Follow(span) => match shelf(&span.from) {
                    Shelf::FewPointers(length) => {
                        fews.push((length, span));
                        Asked::Few
                    }
                    Shelf::Shared(length) => pushed(&mut spans, (b"f", length, span)),
                    Shelf::Pointers(length) => pushed(&mut spans, (b"F", length, span)),
                    Shelf::None | Shelf::Numbered(_) => return Err(leaves_its_shelf(span)),
                },
                Lookup::Scan(span) => match shelf(&span.from) {
                    Shelf::Shared(length) => pushed(&mut spans, (b"s", length, span)),
                    Shelf::Pointers(length) => pushed(&mut spans, (b"S", length, span)),
                    Shelf::Numbered(length) if span.direction == Direction::Ascending => {
                        spans.push((b"n", length, span));
                        Asked::Numbered
                    }
                    Shelf::None | Shelf::FewPointers(_) | Shelf::Numbered(_) => return Err(leaves_its_shelf(span)),
                },
            });
        }
        for list in [gets, follows] {
            call.number(list.len() as u64);
            for key in list {
                call.arg(keys.key(key));
            }
        }
        call.number(fews.len() as u64);
        for (length, span) in fews {
            put_few(call, keys, length, span)?;
        }
        call.number(spans.len() as u64);
        spans.into_iter().try_for_each(|(kind, length, span)| put_span(call, kind, length, span))?;
        Ok(Self { asked })
    }

    /// The answers to `lookups`, which were asked for; `None` when they are not what the script answers.
    pub(super) fn found(self, lookups: Vec<Lookup>, mut parts: impl Iterator<Item = Value>) -> Option<Vec<Vec<Pair>>> {
        let mut gets = array(parts.next())?.into_iter();
        let mut entries = array(parts.next())?.into_iter();
        let mut followed = array(parts.next())?.into_iter();
        let mut fews = array(parts.next())?.into_iter();
        let mut spans = array(parts.next())?.into_iter();
        let mut found = Vec::with_capacity(lookups.len());
        for (asked, lookup) in self.asked.into_iter().zip(lookups) {
            found.push(match (asked, lookup) {
                (Asked::Get, Lookup::Get(key)) => one(Some(key), gets.next()?),
                (Asked::FollowOne, _) => one(bytes(entries.next()), followed.next()?),
                (Asked::Few, Lookup::Follow(span)) => few(&span, fews.next()?)?,
                (Asked::Numbered, Lookup::Scan(span)) => numbered(&span, array(spans.next())?)?,
                (Asked::Span, _) => pairs(array(spans.next())?)?,
                (Asked::Get, Lookup::Scan(_) | Lookup::Follow(_))
                | (Asked::Few, Lookup::Get(_) | Lookup::Scan(_))
                | (Asked::Numbered, Lookup::Get(_) | Lookup::Follow(_)) => return None,
            });
        }
        Some(found)
    }
}

fn pushed<'a>(
    spans: &mut Vec<(&'static [u8; 1], usize, &'a Span)>,
    span: (&'static [u8; 1], usize, &'a Span),
) -> Asked {
    spans.push(span);
    Asked::Span
}

/// Whether a span is one key.
fn is_one(span: &Span) -> bool {
    span.to.split_last() == Some((&0, &span.from))
}

/// The shelf of a span, and where on it the span begins.
fn parts(span: &Span, length: usize) -> Result<(&[u8], &[u8]), StoreError> {
    span.from.split_at_checked(length).ok_or_else(|| leaves_its_shelf(span))
}

/// The shelf; then, where only some are wanted, between which ends, from which one, and how many.
fn put_few(call: &mut Call, keys: &mut Keys, length: usize, span: &Span) -> Result<(), StoreError> {
    let (shelf, from) = parts(span, length)?;
    call.arg(keys.few(shelf)).arg(from);
    // Without an end it goes on to the end of its shelf.
    call.arg(span.to.strip_prefix(shelf).unwrap_or_default());
    call.arg(direction(span));
    match i64::try_from(span.limit) {
        Ok(limit) => call.number(limit.unsigned_abs()),
        Err(_) => call.arg(b"-1"),
    };
    Ok(())
}

fn direction(span: &Span) -> &'static [u8] {
    match span.direction {
        Direction::Ascending => b"a",
        Direction::Descending => b"d",
    }
}

fn put_span(call: &mut Call, kind: &[u8; 1], length: usize, span: &Span) -> Result<(), StoreError> {
    let (shelf, rest) = parts(span, length)?;
    let to = span.to.strip_prefix(shelf);
    if kind == b"n" {
        let first = keys::number(rest);
        let behind = to.map_or(u64::MAX, keys::number).min(first.saturating_add(span.limit as u64));
        // Both ends count, and a negative one is counted from the other side.
        let (from, to) = if behind > first { (first, (behind - 1).min(i64::MAX as u64)) } else { (1, 0) };
        call.arg(kind).arg(shelf).number(from).number(to).arg(b"a").arg(b"0");
        return Ok(());
    }
    let from = if rest.is_empty() { b"-".to_vec() } else { [b"[", rest].concat() };
    let to = match to {
        Some(rest) => [b"(", rest].concat(),
        // It ends with the shelf.
        None if span.to > span.from => b"+".to_vec(),
        None => b"-".to_vec(),
    };
    call.arg(kind).arg(shelf).arg(&from).arg(&to).arg(direction(span));
    // A negative number is all of it.
    match i64::try_from(span.limit) {
        Ok(limit) => call.number(limit.unsigned_abs()),
        Err(_) => call.arg(b"-1"),
    };
    Ok(())
}

fn leaves_its_shelf(span: &Span) -> StoreError {
    StoreError::corrupt(format_args!("a span from {:02x?} leaves its shelf", span.from))
}

fn one(key: Option<Vec<u8>>, value: Value) -> Vec<Pair> {
    key.zip(bytes(Some(value))).map(|(key, value)| Pair { key, value }).into_iter().collect()
}

fn pairs(flat: Vec<Value>) -> Option<Vec<Pair>> {
    let mut flat = flat.into_iter();
    let mut pairs = Vec::with_capacity(flat.len() / 2);
    while let Some(key) = flat.next() {
        pairs.push(Pair { key: bytes(Some(key))?, value: bytes(flat.next())? });
    }
    Some(pairs)
}

/// What a few pointers lead to, of those in `span`: they come in no order.
fn few(span: &Span, answer: Value) -> Option<Vec<Pair>> {
    let Value::Array(flat) = answer else { return Some(Vec::new()) };
    let Shelf::FewPointers(length) = shelf(&span.from) else { return None };
    let shelf = &span.from[..length];
    let mut found = Vec::with_capacity(flat.len() / 2);
    let mut flat = flat.into_iter();
    while let (Some(member), Some(value)) = (flat.next(), flat.next()) {
        let member = bytes(Some(member))?;
        let (rest, target) = keys::pointed(&member)?;
        let key = [shelf, rest].concat();
        // What leads nowhere adds nothing.
        if let Some(value) = bytes(Some(value)).filter(|_| span.from <= key && key < span.to) {
            found.push((key, Pair { key: target.to_vec(), value }));
        }
    }
    found.sort_by(|(one, _), (other, _)| match span.direction {
        Direction::Ascending => one.cmp(other),
        Direction::Descending => other.cmp(one),
    });
    Some(found.into_iter().map(|(_, pair)| pair).take(span.limit).collect())
}

/// What is numbered, from where `span` begins on.
fn numbered(span: &Span, values: Vec<Value>) -> Option<Vec<Pair>> {
    let Shelf::Numbered(length) = shelf(&span.from) else { return None };
    let (shelf, rest) = span.from.split_at(length);
    let numbered = (keys::number(rest)..)
        .zip(values)
        .map(|(number, value)| Some(Pair { key: [shelf, &number.to_be_bytes()].concat(), value: bytes(Some(value))? }));
    numbered.collect()
}
