//! The sandbox's own books: what it took and what it gave back.
//!
//! It stands for the world outside, so they are kept apart from the shop's: a store that loses a sale
//! does not lose the capture. A line is only ever appended, in one write, so that several nodes may
//! share one file; what is written twice under one name counts once, the first time. A line that was
//! torn, by a crash or a full disk, was never answered for: whoever wanted it tries again.

use std::{
    collections::{HashSet, VecDeque},
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};
use ticketing_core::{
    clock::Timestamp,
    ids::PaymentId,
    money::{Currency, Money},
    payment::{
        GatewayPaymentId,
        gateway::{Capture, Refund},
    },
    store::Page,
};

/// Lines remembered without a file; older ones are forgotten.
const REMEMBERED_MAX: usize = 100_000;
/// Captures on one page.
const CAPTURES_PER_PAGE: u32 = 1_000;

/// One line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
enum Entry {
    Captured { at: Timestamp, pg_payment_id: GatewayPaymentId, reference: PaymentId, amount: i64, currency: Currency },
    Refunded { at: Timestamp, key: String, pg_payment_id: GatewayPaymentId, amount: i64, currency: Currency },
}

/// What the sandbox took and gave back.
#[derive(Debug)]
pub struct Journal(Kept);

#[derive(Debug)]
enum Kept {
    InMemory(Mutex<Remembered>),
    InFile { path: PathBuf, file: Mutex<File> },
}

#[derive(Debug, Default)]
struct Remembered {
    entries: VecDeque<Entry>,
    forgotten: u64,
}

impl Journal {
    /// One that ends with the process.
    pub fn in_memory() -> Self {
        Self(Kept::InMemory(Mutex::default()))
    }

    /// One in the file at `path`, which is made if there is none.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn in_file(path: &Path) -> io::Result<Self> {
        let file = File::options().read(true).append(true).create(true).open(path)?;
        Ok(Self(Kept::InFile { path: path.to_owned(), file: Mutex::new(file) }))
    }

    /// Notes that `amount` was taken for `reference`. It is kept once this returns, whatever becomes of
    /// the process.
    pub(super) fn captured(
        &self,
        at: Timestamp,
        reference: PaymentId,
        pg_payment_id: GatewayPaymentId,
        amount: Money,
    ) -> io::Result<()> {
        let Money { minor: amount, currency } = amount;
        self.append(Entry::Captured { at, pg_payment_id, reference, amount, currency })
    }

    /// Notes that a payment was given back, kept as the above.
    pub(super) fn refunded(&self, at: Timestamp, refund: Refund) -> io::Result<()> {
        let Refund { key, pg_payment_id, amount: Money { minor: amount, currency } } = refund;
        self.append(Entry::Refunded { at, key, pg_payment_id, amount, currency })
    }

    /// A page of what was taken at `since` or later, behind the line that `after` numbers.
    pub(super) fn captures(&self, since: Timestamp, after: u64) -> io::Result<Page<Capture>> {
        let entries = self.entries()?;
        let given_back: HashSet<_> = entries
            .iter()
            .filter_map(|(_, entry)| match entry {
                Entry::Refunded { pg_payment_id, .. } => Some(pg_payment_id.clone()),
                Entry::Captured { .. } => None,
            })
            .collect();
        let mut seen = HashSet::new();
        let mut found = Vec::new();
        for (number, entry) in entries {
            let Entry::Captured { at, pg_payment_id, reference, amount, currency } = entry else { continue };
            if !seen.insert(pg_payment_id.clone()) || at < since || number <= after {
                continue;
            }
            let given_back = given_back.contains(&pg_payment_id);
            let (amount, reference) = (Money::new(amount, currency), Some(reference));
            found.push((number, Capture { pg_payment_id, reference, amount, captured_at: at, given_back }));
            if found.len() > CAPTURES_PER_PAGE as usize {
                break;
            }
        }
        Ok(Page::of(found, CAPTURES_PER_PAGE, |(number, _)| number.to_string()).map(|(_, capture)| capture))
    }

    /// What was given back under `key`.
    pub(super) fn refund(&self, key: &str) -> io::Result<Option<Money>> {
        Ok(self.entries()?.into_iter().find_map(|(_, entry)| match entry {
            Entry::Refunded { key: known, amount, currency, .. } if known == key => Some(Money::new(amount, currency)),
            Entry::Refunded { .. } | Entry::Captured { .. } => None,
        }))
    }

    fn append(&self, entry: Entry) -> io::Result<()> {
        match &self.0 {
            Kept::InMemory(remembered) => {
                let mut remembered = lock(remembered);
                remembered.entries.push_back(entry);
                if remembered.entries.len() > REMEMBERED_MAX {
                    remembered.entries.pop_front();
                    remembered.forgotten += 1;
                }
                Ok(())
            }
            Kept::InFile { file, .. } => {
                let mut file = lock(file);
                // What another node is writing just now may look torn; then this leaves an empty line.
                let mut line = if is_torn(&mut file)? { vec![b'\n'] } else { Vec::new() };
                serde_json::to_writer(&mut line, &entry)?;
                line.push(b'\n');
                file.write_all(&line)
            }
        }
    }

    /// Every line that can be read, with its number, from 1.
    fn entries(&self) -> io::Result<Vec<(u64, Entry)>> {
        match &self.0 {
            Kept::InMemory(remembered) => {
                let remembered = lock(remembered);
                Ok((remembered.forgotten + 1..).zip(remembered.entries.iter().cloned()).collect())
            }
            Kept::InFile { path, .. } => {
                let bytes = fs::read(path)?;
                // What has no end yet is being written.
                let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(&[][..], |end| &bytes[..end]);
                let lines = whole.split(|byte| *byte == b'\n').zip(1..).filter(|(line, _)| !line.is_empty());
                let entry = |(line, number): (&[u8], u64)| match serde_json::from_slice(line) {
                    Ok(entry) => Some((number, entry)),
                    Err(error) => {
                        let path = path.display();
                        tracing::warn!(%path, line = number, %error, "a line of the sandbox's books is passed over");
                        None
                    }
                };
                Ok(lines.filter_map(entry).collect())
            }
        }
    }
}

/// Whether the last line has no end.
fn is_torn(file: &mut File) -> io::Result<bool> {
    let end = file.seek(SeekFrom::End(0))?;
    if end == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::Start(end - 1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

fn lock<T>(kept: &Mutex<T>) -> MutexGuard<'_, T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use ticketing_core::outbox::refund_key;
    use uuid::Uuid;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn name(n: u128) -> GatewayPaymentId {
        format!("pg_{n}").parse().unwrap()
    }

    fn reference(n: u128) -> PaymentId {
        PaymentId::from_uuid(Uuid::from_u128(n))
    }

    fn won(minor: i64) -> Money {
        Money::new(minor, Currency::KRW)
    }

    fn capture(journal: &Journal, n: u128, seconds: i64) {
        journal.captured(at(seconds), reference(n), name(n), won(5)).unwrap();
    }

    fn refund(n: u128, minor: i64) -> Refund {
        Refund { key: refund_key(reference(n)), pg_payment_id: name(n), amount: won(minor) }
    }

    fn captures(journal: &Journal, since: i64) -> Vec<(String, bool)> {
        let page = journal.captures(at(since), 0).unwrap();
        assert_eq!(page.next, None);
        page.items.into_iter().map(|capture| (capture.pg_payment_id.into(), capture.given_back)).collect()
    }

    /// Keeps the same books in memory and in a file that is opened anew for every look.
    fn check(keep: impl Fn(&Journal), look: impl Fn(&Journal)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sandbox.jsonl");
        for (keeper, looker) in
            [(Journal::in_memory(), None), (Journal::in_file(&path).unwrap(), Some(Journal::in_file(&path).unwrap()))]
        {
            keep(&keeper);
            look(looker.as_ref().unwrap_or(&keeper));
        }
    }

    #[test]
    fn what_was_taken_is_listed_once_in_its_order_with_what_became_of_it() {
        let keep = |journal: &Journal| {
            capture(journal, 1, 10);
            capture(journal, 2, 20);
            capture(journal, 1, 21);
            capture(journal, 3, 30);
            journal.refunded(at(40), refund(2, 5)).unwrap();
        };
        check(keep, |journal| {
            let named = |n: u128, given_back| (name(n).into(), given_back);
            assert_eq!(captures(journal, 0), [named(1, false), named(2, true), named(3, false)]);
            assert_eq!(captures(journal, 20), [named(2, true), named(3, false)], "the first time counts");
            assert_eq!(captures(journal, 31), []);
            let whole = journal.captures(at(30), 0).unwrap().items.remove(0);
            assert_eq!((whole.reference, whole.amount, whole.captured_at), (Some(reference(3)), won(5), at(30)));
        });
    }

    #[test]
    fn a_refund_counts_once_under_its_key() {
        let keep = |journal: &Journal| {
            journal.refunded(at(1), refund(1, 5)).unwrap();
            journal.refunded(at(2), refund(1, 6)).unwrap();
        };
        check(keep, |journal| {
            assert_eq!(journal.refund(&refund_key(reference(1))).unwrap(), Some(won(5)));
            assert_eq!(journal.refund(&refund_key(reference(2))).unwrap(), None);
        });
    }

    #[test]
    fn long_lists_come_in_pages_also_when_lines_are_forgotten_in_between() {
        let journal = Journal::in_memory();
        let last = REMEMBERED_MAX as u128;
        (1..=last).for_each(|n| capture(&journal, n, 1));
        let first = journal.captures(at(0), 0).unwrap();
        assert_eq!(first.items.len(), CAPTURES_PER_PAGE as usize);
        (1..=10).for_each(|n| capture(&journal, last + n, 1));
        let after: u64 = first.next.unwrap().parse().unwrap();
        let second = journal.captures(at(0), after).unwrap();
        assert_eq!(second.items[0].pg_payment_id, name(u128::from(CAPTURES_PER_PAGE) + 1));
    }

    #[test]
    fn a_torn_line_costs_no_other_whoever_writes_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sandbox.jsonl");
        let journal = Journal::in_file(&path).unwrap();
        let mut file = File::options().append(true).open(&path).unwrap();
        for (n, torn) in (1..).zip([&b"{\"type\":"[..], b"\0\0\0", b"{\"type\":\"\xc3", b"\n"]) {
            capture(&journal, n, 1);
            file.write_all(torn).unwrap();
            assert_eq!(captures(&journal, 0).len() as u128, n, "before anything is written behind it");
        }
        capture(&Journal::in_file(&path).unwrap(), 5, 1);
        capture(&journal, 6, 1);
        let listed: Vec<_> = captures(&journal, 0).into_iter().map(|(name, _)| name).collect();
        assert_eq!(listed, (1..=6).map(|n| String::from(name(n))).collect::<Vec<_>>());
        assert_eq!(journal.refund(&refund_key(reference(1))).unwrap(), None);
    }

    #[test]
    fn writers_of_one_file_at_once_tear_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sandbox.jsonl");
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let path = &path;
                scope.spawn(move || {
                    let journal = Journal::in_file(path).unwrap();
                    (1..=100).for_each(|n| capture(&journal, 100 * writer + n, 1));
                });
            }
        });
        assert_eq!(captures(&Journal::in_file(&path).unwrap(), 0).len(), 400);
    }
}
