//! What happened, line by line, and a digest by which two runs are known to be the same.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::time::TrueClock;

/// A run's trace. A clone writes into the same one.
#[derive(Debug, Clone)]
pub struct Trace {
    clock: TrueClock,
    lines: Arc<Mutex<Lines>>,
}

#[derive(Debug)]
struct Lines {
    kept: Option<Vec<String>>,
    /// Ids, by the short names they have in lines that are kept.
    names: BTreeMap<String, String>,
    digest: u64,
    count: u64,
}

impl Trace {
    /// An empty trace; it keeps its lines, or only their digest.
    pub fn new(clock: TrueClock, keep: bool) -> Self {
        let lines =
            Lines { kept: keep.then(Vec::new), names: BTreeMap::new(), digest: 0xcbf2_9ce4_8422_2325, count: 0 };
        Self { clock, lines: Arc::new(Mutex::new(lines)) }
    }

    /// Something happened.
    pub fn note(&self, what: impl std::fmt::Display) {
        let millis = self.clock.elapsed().as_millis();
        let line = format!("{:>6}.{:03} s  {what}", millis / 1_000, millis % 1_000);
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        for byte in line.bytes() {
            // FNV-1a: no secret is kept by it, only equality is told.
            lines.digest = (lines.digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        lines.count += 1;
        let Lines { kept, names, .. } = &mut *lines;
        if let Some(kept) = kept {
            kept.push(shortened(&line, names));
        }
    }

    /// Something went wrong, on purpose.
    pub fn fault(&self, what: impl std::fmt::Display) {
        self.note(format_args!("    ! {what}"));
    }

    /// The digest of everything so far.
    pub fn digest(&self) -> u64 {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).digest
    }

    /// The lines that were kept.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).kept.clone().unwrap_or_default()
    }
}

/// Digits of an id.
const DIGITS: usize = 32;

/// `line` with a short name for every id: `hold 3` for `hold_` and 32 digits.
fn shortened(line: &str, names: &mut BTreeMap<String, String>) -> String {
    let mut words = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(dash) = rest.find('_') {
        let digits = rest[dash + 1..].bytes().take_while(u8::is_ascii_hexdigit).count();
        if digits < DIGITS {
            words.push_str(&rest[..=dash]);
            rest = &rest[dash + 1..];
            continue;
        }
        let start = rest[..dash].rfind(|letter: char| !letter.is_ascii_lowercase()).map_or(0, |before| before + 1);
        let end = dash + 1 + DIGITS;
        let kind = if &rest[start..dash] == "pg" { "payment" } else { &rest[start..dash] };
        let number = names.values().filter(|name| name.starts_with(kind)).count() + 1;
        let name = names.entry(rest[start..end].to_owned()).or_insert_with(|| format!("{kind} {number}"));
        words.push_str(&rest[..start]);
        words.push_str(name);
        rest = &rest[end..];
    }
    words + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_short_names_in_the_order_of_their_appearance() {
        let (one, two) = ("hold_00000000000000000000000000000001", "hold_00000000000000000000000000000002");
        let payment = "pg_0000000000000000000000000000000a";
        let mut names = BTreeMap::new();
        let line = format!("release {two}, not {one}: {payment} is of {two}; a_b");
        assert_eq!(shortened(&line, &mut names), "release hold 1, not hold 2: payment 1 is of hold 1; a_b");
        assert_eq!(shortened(one, &mut names), "hold 2");
    }
}
