//! A change as arguments of a script.

use std::collections::{BTreeMap, HashMap, HashSet};

use ticketing_core::store::{
    StoreError,
    kv::{Change, Shelf, shelf},
};

use super::{
    keys::{self, Keys, pointer},
    script::Call,
};

/// What is asked of the server for one change.
#[derive(Debug, Default)]
struct Plan<'a> {
    /// Exactly this lies there.
    same: Vec<(&'a [u8], &'a [u8])>,
    /// Nothing lies there, which is asked before anything is put.
    absent: Vec<&'a [u8]>,
    /// Nothing lies there, and this is put there.
    new: Vec<(&'a [u8], &'a [u8])>,
    /// What comes at the end of numbered shelves, by the numbers.
    numbered: BTreeMap<&'a [u8], BTreeMap<u64, &'a [u8]>>,
    put: Vec<(&'a [u8], &'a [u8])>,
    /// Pointers that join a few others, by their shelf.
    few: Vec<(&'a [u8], Vec<u8>)>,
    gone: Vec<&'a [u8]>,
    /// Taken from its shelf: whether it is a pointer, the shelf, and the rest of its key.
    taken: Vec<(bool, &'a [u8], &'a [u8])>,
    shelved: BTreeMap<&'a [u8], Vec<Member<'a>>>,
}

#[derive(Debug)]
enum Member<'a> {
    Key(&'a [u8]),
    Pointer(Vec<u8>),
}

impl Member<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Key(rest) => rest,
            Self::Pointer(member) => member,
        }
    }
}

/// Adds `change`, of a batch with these `locks`, to a call of the writing script, behind what comes first there.
///
/// # Errors
/// [`StoreError::Conflict`] for what cannot lie where it is to.
pub(super) fn put(call: &mut Call, keys: &mut Keys, change: &Change, locks: &[Vec<u8>]) -> Result<(), StoreError> {
    let plan = Plan::of(change, locks)?;
    put_pairs(call, keys, &plan.same);
    put_keys(call, keys, &plan.absent);
    call.number(plan.numbered.len() as u64);
    for (shelf, values) in &plan.numbered {
        let first = values.keys().next().copied().unwrap_or(0);
        if !values.keys().copied().eq((first..).take(values.len())) {
            return Err(misplaced("it leaves out a number"));
        }
        call.arg(keys.list(shelf)).arg(&[*shelf, &first.to_be_bytes()].concat()).number(first);
        call.number(values.len() as u64);
        for value in values.values() {
            call.arg(value);
        }
    }
    put_pairs(call, keys, &plan.new);
    put_pairs(call, keys, &plan.put);
    put_keys(call, keys, &plan.gone);
    call.number(plan.few.len() as u64);
    for (shelf, member) in &plan.few {
        call.arg(keys.few(shelf)).arg(member);
    }
    call.number(plan.taken.len() as u64);
    for (is_pointer, shelf, rest) in &plan.taken {
        if *is_pointer {
            call.arg(b"p").arg(keys.shelf(shelf)).arg(&[b"[", *rest].concat()).arg(&[b"(", *rest, b"\xff"].concat());
        } else {
            call.arg(b"s").arg(keys.shelf(shelf)).arg(rest).arg(b"");
        }
    }
    call.number(plan.shelved.len() as u64);
    for (shelf, members) in &plan.shelved {
        call.arg(keys.shelf(shelf)).number(members.len() as u64);
        members.iter().for_each(|member| {
            call.arg(member.bytes());
        });
    }
    Ok(())
}

impl<'a> Plan<'a> {
    fn of(change: &'a Change, locks: &[Vec<u8>]) -> Result<Self, StoreError> {
        let mut plan = Self::default();
        let locks: HashSet<&[u8]> = locks.iter().map(Vec::as_slice).collect();
        let mut guarded: HashMap<&[u8], bool> = HashMap::with_capacity(change.guards.len());
        let puts: HashMap<&[u8], &Option<Vec<u8>>> =
            change.puts.iter().map(|put| (put.key.as_slice(), &put.value)).collect();
        for guard in &change.guards {
            let key = guard.key.as_slice();
            match &guard.expected {
                Some(value) => plan.same.push((key, value)),
                None => match (puts.get(key), shelf(key)) {
                    (Some(Some(value)), Shelf::Numbered(length)) => {
                        let (shelf, rest) = on(key, length)?;
                        plan.numbered.entry(shelf).or_default().insert(keys::number(rest), value);
                    }
                    (Some(Some(_)), Shelf::Pointers(_) | Shelf::FewPointers(_)) => {
                        return Err(misplaced("no guard names a pointer"));
                    }
                    (Some(Some(value)), Shelf::None | Shelf::Shared(_)) => {
                        if locks.contains(key) {
                            // Whoever was faster is told by the lock, before anything that was put behind it.
                            plan.absent.push(key);
                        }
                        plan.new.push((key, value));
                    }
                    (
                        Some(None) | None,
                        Shelf::None
                        | Shelf::Shared(_)
                        | Shelf::Numbered(_)
                        | Shelf::Pointers(_)
                        | Shelf::FewPointers(_),
                    ) => plan.absent.push(key),
                },
            }
            guarded.insert(key, guard.expected.is_some());
        }
        for put in &change.puts {
            plan.put(&put.key, put.value.as_deref(), guarded.get(put.key.as_slice()).copied())?;
        }
        Ok(plan)
    }

    /// Plans what is to lie under `key`; a guard says whether something does, if there is one.
    fn put(&mut self, key: &'a [u8], value: Option<&'a [u8]>, there: Option<bool>) -> Result<(), StoreError> {
        let shelf = shelf(key);
        if let Shelf::Numbered(_) = shelf {
            return match (value, there) {
                (Some(_), Some(false)) => Ok(()),
                _ => Err(misplaced("what is numbered is put once")),
            };
        }
        if let Shelf::FewPointers(length) = shelf {
            let (shelf, rest) = on(key, length)?;
            let target = value.ok_or_else(|| misplaced("it is never taken away"))?;
            let mut member = pointer(rest, target).ok_or_else(|| misplaced("it points to too long a key"))?;
            member.push(u8::try_from(member.len()).map_err(|_| misplaced("it points to too long a key"))?);
            self.few.push((shelf, member));
            return Ok(());
        }
        if let Shelf::Pointers(length) = shelf {
            let (shelf, rest) = on(key, length)?;
            match value {
                None => self.taken.push((true, shelf, rest)),
                Some(target) => {
                    let member = pointer(rest, target).ok_or_else(|| misplaced("it points to too long a key"))?;
                    self.shelved.entry(shelf).or_default().push(Member::Pointer(member));
                }
            }
            return Ok(());
        }
        match value {
            None => self.gone.push(key),
            Some(_) if there == Some(false) => {}
            Some(value) => self.put.push((key, value)),
        }
        if let Shelf::Shared(length) = shelf {
            let (shelf, rest) = on(key, length)?;
            match value {
                None => self.taken.push((false, shelf, rest)),
                // What was there is on its shelf.
                Some(_) if there == Some(true) => {}
                Some(_) => self.shelved.entry(shelf).or_default().push(Member::Key(rest)),
            }
        }
        Ok(())
    }
}

/// The shelf of `key`, and the rest.
fn on(key: &[u8], length: usize) -> Result<(&[u8], &[u8]), StoreError> {
    key.split_at_checked(length).ok_or_else(|| misplaced("it is shorter than its shelf"))
}

fn put_pairs(call: &mut Call, keys: &mut Keys, pairs: &[(&[u8], &[u8])]) {
    call.number(pairs.len() as u64);
    for (key, value) in pairs {
        call.arg(keys.key(key)).arg(value);
    }
}

fn put_keys(call: &mut Call, keys: &mut Keys, list: &[&[u8]]) {
    call.number(list.len() as u64);
    for key in list {
        call.arg(keys.key(key));
    }
}

fn misplaced(why: &str) -> StoreError {
    StoreError::Conflict { detail: format!("a key cannot be written: {why}") }
}
