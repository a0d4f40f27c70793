//! Time: one type for instants, one trait for whoever tells them.

use std::{fmt, time::Duration};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An instant, in microseconds since 1970-01-01T00:00:00Z. RFC 3339 in JSON.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The instant `micros` microseconds after the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// `seconds` later; saturates at the end of time.
    #[must_use]
    pub const fn plus_seconds(self, seconds: u32) -> Self {
        Self(self.0.saturating_add(seconds as i64 * 1_000_000))
    }

    /// `seconds` earlier; saturates at the start of time.
    #[must_use]
    pub const fn minus_seconds(self, seconds: u32) -> Self {
        Self(self.0.saturating_sub(seconds as i64 * 1_000_000))
    }

    /// `duration` later; saturates at the end of time.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// The end of the slot this instant lies in, where slots of `seconds` follow each other from
    /// the Unix epoch on. `seconds` is at least 1.
    #[must_use]
    pub const fn end_of_slot(self, seconds: u32) -> Self {
        let slot = seconds as i64 * 1_000_000;
        Self((self.0.div_euclid(slot) + 1).saturating_mul(slot))
    }

    /// Time from `earlier` to here; zero when it has not come yet.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    pub(crate) fn unix_parts(self) -> (u64, u32) {
        let micros = u64::try_from(self.0).unwrap_or(0);
        (micros / 1_000_000, u32::try_from(micros % 1_000_000).unwrap_or(0) * 1_000)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instant = DateTime::<Utc>::from_timestamp_micros(self.0).unwrap_or(DateTime::<Utc>::MAX_UTC);
        f.write_str(&instant.to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Timestamp {
    type Err = chrono::ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        DateTime::parse_from_rfc3339(text).map(|instant| Self(instant.timestamp_micros()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(|_| de::Error::custom(format_args!("`{text}` is not an RFC 3339 time")))
    }
}

/// Who tells the time. Injected; nothing else in the engine reads a clock.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The present instant. Never earlier than one told before by the same clock.
    fn now(&self) -> Timestamp;
}

/// The wall clock read once at the start, carried on by the monotonic clock: a step of the
/// machine's time neither ends holds early nor revives dead ones while the process lives.
#[derive(Debug)]
pub struct SystemClock {
    wall_at_start: Timestamp,
    started: std::time::Instant,
}

impl SystemClock {
    /// Anchors a new clock at the wall clock's present reading.
    #[allow(clippy::disallowed_methods, reason = "the one place where the machine's clocks are read")]
    pub fn new() -> Self {
        Self {
            wall_at_start: Timestamp::from_micros(Utc::now().timestamp_micros()),
            started: std::time::Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        self.wall_at_start.plus(self.started.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_reads_back_what_it_prints() {
        let at: Timestamp = "2026-11-22T18:50:01.000250Z".parse().unwrap();
        assert_eq!(at.to_string(), "2026-11-22T18:50:01.000250Z");
        assert_eq!("2026-11-23T03:50:01.00025+09:00".parse(), Ok(at));
    }

    #[test]
    fn the_end_of_a_slot_is_later_than_every_instant_in_it() {
        let end = |micros| Timestamp::from_micros(micros).end_of_slot(1).micros();
        assert_eq!([end(0), end(999_999), end(1_000_000), end(-1)], [1_000_000, 1_000_000, 2_000_000, 0]);
    }
}
