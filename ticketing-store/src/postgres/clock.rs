//! The store's time: the server's, kept steady.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ticketing_core::clock::{Clock, SystemClock, Timestamp};

/// How far the server's time may be from where it is expected and still be taken as told.
const STEP: Duration = Duration::from_millis(500);
/// A step is followed by a thousandth of the time that passes.
const SLEW: i64 = 1_000;
/// How long the time is carried on without asking the server.
const CARRIED_ON_FOR: Duration = Duration::from_secs(1);

/// Tells the store's time from what the server says.
///
/// Every node hears the same clock, so that their own do not matter. A server whose clock is set, or that
/// is replaced by one with another time, must neither end holds early nor revive dead ones: a step that
/// this machine's monotonic clock does not confirm is followed only slowly, and told by an alarm.
#[derive(Debug)]
pub(super) struct StoreClock {
    given: Option<Arc<dyn Clock>>,
    local: SystemClock,
    last: Mutex<Option<Seen>>,
}

/// One reading, by three clocks.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// The store's time.
    at: Timestamp,
    /// This machine's monotonic clock.
    local: Timestamp,
    /// This machine's wall clock.
    wall: Timestamp,
    /// The server's clock is not where it should be.
    stepped: bool,
}

impl StoreClock {
    /// Tells the time of `given`, if there is one, and else the server's.
    pub(super) fn new(given: Option<Arc<dyn Clock>>) -> Self {
        Self { given, local: SystemClock::new(), last: Mutex::new(None) }
    }

    /// The time, when it is not to be asked of the server.
    pub(super) fn given(&self) -> Option<Timestamp> {
        self.given.as_ref().map(|clock| clock.now())
    }

    /// This machine's monotonic clock, to be read before the server is asked.
    pub(super) fn local(&self) -> Timestamp {
        self.local.now()
    }

    /// The store's time for what the server told. It was asked at `asked`, by [`StoreClock::local`].
    #[allow(clippy::similar_names, reason = "the wall clock beside the monotonic one")]
    pub(super) fn hear(&self, asked: Timestamp, told: Timestamp) -> Timestamp {
        let (local, wall) = (self.local.now(), SystemClock::new().now());
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let heard =
            last.map_or(Seen { at: told, local, wall, stepped: false }, |last| last.next(told, asked, local, wall));
        if heard.stepped && !last.is_some_and(|last| last.stepped) {
            metrics::counter!("ticketing_store_clock_steps_total").increment(1);
            tracing::error!(%told, expected = %heard.at, "the clock of Postgres was set: it is followed slowly");
        }
        if last.is_none_or(|last| heard.at >= last.at) {
            *last = Some(heard);
        }
        heard.at
    }

    /// The time carried on from the last reading, while that is fresh.
    pub(super) fn carried_on(&self) -> Option<Timestamp> {
        let last = (*self.last.lock().unwrap_or_else(PoisonError::into_inner))?;
        let since = self.local.now().since(last.local);
        (since < CARRIED_ON_FOR).then(|| last.at.plus(since))
    }
}

impl Seen {
    /// The reading that follows, when the server told `told` between `asked` and `local`.
    fn next(self, told: Timestamp, asked: Timestamp, local: Timestamp, wall: Timestamp) -> Self {
        let earliest = self.at.plus(asked.since(self.local));
        let latest = self.at.plus(local.since(self.local));
        let expected = told.plus(STEP) >= earliest && told <= latest.plus(STEP);
        if expected || self.slept(told, wall) {
            return Self { at: told, local, wall, stepped: false };
        }
        let passed = latest.since(self.at).as_micros();
        let most = i64::try_from(passed).unwrap_or(i64::MAX) / SLEW;
        let slewed = (told.micros() - latest.micros()).clamp(-most, most);
        Self { at: Timestamp::from_micros(latest.micros() + slewed), local, wall, stepped: true }
    }

    /// Whether this machine was asleep, and its monotonic clock with it: its wall clock agrees with the
    /// server's.
    fn slept(self, told: Timestamp, wall: Timestamp) -> bool {
        let (theirs, ours) = (told.since(self.at), wall.since(self.wall));
        told > self.at && theirs.abs_diff(ours) <= STEP
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Seen = Seen { at: seconds(1_000), local: seconds(50), wall: seconds(2_000), stepped: false };

    const fn seconds(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[track_caller]
    fn check(told: i64, asked: i64, local: i64, wall: i64, at: i64, stepped: bool) {
        let next = START.next(seconds(told), seconds(asked), seconds(local), seconds(wall));
        assert_eq!((next.at, next.stepped), (seconds(at), stepped));
    }

    #[test]
    fn a_clock_that_goes_on_is_believed() {
        check(1_010, 60, 60, 2_010, 1_010, false);
        // However long the answer was under way, or this process stopped before it looked at it.
        check(1_001, 51, 90, 2_040, 1_001, false);
        // Whatever this machine's own time is set to meanwhile.
        check(1_010, 60, 60, 9_999, 1_010, false);
    }

    #[test]
    fn a_step_is_followed_by_a_thousandth_of_the_time_that_passes() {
        check(1_000 + 3_600, 1_050, 1_050, 3_000, 2_000 + 1, true);
        check(1_000 - 3_600, 1_050, 1_050, 3_000, 2_000 - 1, true);
    }

    #[test]
    fn a_machine_that_slept_believes_the_server() {
        check(4_600, 51, 51, 5_600, 4_600, false);
    }

    #[test]
    fn the_time_of_a_clock_that_was_given_is_told_as_it_is() {
        let given = Arc::new(ticketing_core::testing::SimClock::new());
        let clock = StoreClock::new(Some(Arc::clone(&given) as _));
        assert_eq!(clock.given(), Some(given.now()));
        assert_eq!(StoreClock::new(None).given(), None);
    }

    #[test]
    fn the_time_is_carried_on_from_what_was_heard() {
        let clock = StoreClock::new(None);
        assert_eq!(clock.carried_on(), None);
        assert_eq!(clock.hear(clock.local(), seconds(1_000)), seconds(1_000));
        let now = clock.carried_on().expect("it was heard just now");
        assert!(now >= seconds(1_000) && now < seconds(1_001), "{now}");
    }
}
