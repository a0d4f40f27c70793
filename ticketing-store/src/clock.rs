//! The time of a store on a server: the server's, kept steady.

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
/// no clock of this machine confirms is followed only slowly, and told by an alarm.
#[derive(Debug)]
pub(crate) struct StoreClock {
    /// The server's name, for the alarm.
    whose: &'static str,
    given: Option<Arc<dyn Clock>>,
    /// The server's clock is not this machine's: then this machine's wall clock is a witness.
    apart: bool,
    last: Mutex<Last>,
}

#[derive(Debug, Default)]
struct Last {
    believed: Option<Believed>,
    stepped: bool,
}

/// A reading of the server's clock, taken between two instants of this machine's.
#[derive(Debug, Clone, Copy)]
struct Believed {
    /// What the server told.
    at: Timestamp,
    /// When it was asked, and when its answer was looked at, by this machine's steady clock.
    asked: Timestamp,
    heard: Timestamp,
    /// This machine's wall clock then.
    wall: Timestamp,
}

/// What a reading comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Judged {
    /// The server goes on as expected, or this machine slept.
    Sound,
    /// It was set: the time is this instead.
    Stepped(Timestamp),
}

impl StoreClock {
    /// Tells the time of `given`, if there is one, and else the server's, which is `apart` when it runs on
    /// another machine.
    pub(crate) fn new(whose: &'static str, given: Option<Arc<dyn Clock>>, apart: bool) -> Self {
        Self { whose, given, apart, last: Mutex::default() }
    }

    /// The time, when it is not to be asked of the server.
    pub(crate) fn given(&self) -> Option<Timestamp> {
        self.given.as_ref().map(|clock| clock.now())
    }

    /// The store's time for what the server told. It was asked at `asked`, by [`steady`].
    pub(crate) fn hear(&self, asked: Timestamp, told: Timestamp) -> Timestamp {
        let reading = Believed { at: told, asked, heard: steady(), wall: SystemClock::new().now() };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match last.believed.map_or(Judged::Sound, |believed| believed.judge(&reading, self.apart)) {
            Judged::Sound => {
                if last.believed.is_none_or(|believed| asked > believed.asked) {
                    *last = Last { believed: Some(reading), stepped: false };
                }
                told
            }
            Judged::Stepped(at) => {
                if !last.stepped {
                    metrics::counter!("ticketing_store_clock_steps_total").increment(1);
                    tracing::error!(%told, expected = %at, "the clock of {} was set: it is followed slowly", self.whose);
                }
                last.stepped = true;
                at
            }
        }
    }

    /// The time carried on from the last reading, while that is fresh and the server's clock was not set.
    pub(crate) fn carried_on(&self) -> Option<Timestamp> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let believed = last.believed.filter(|_| !last.stepped)?;
        let now = steady();
        (now.since(believed.asked) < CARRIED_ON_FOR).then(|| believed.at.plus(now.since(believed.heard)))
    }
}

impl Believed {
    /// Judges what the server told after this: between its `asked` and its `heard`, as far from here as this
    /// machine's steady clock says, give or take a drift.
    fn judge(&self, next: &Self, apart: bool) -> Judged {
        let earliest = self.at.micros() + (next.asked.micros() - self.heard.micros());
        let latest = self.at.micros() + (next.heard.micros() - self.asked.micros());
        let drift = (next.heard.micros() - self.asked.micros()).max(0) / SLEW;
        let slack = i64::try_from(STEP.as_micros()).unwrap_or(i64::MAX) + drift;
        let told = next.at.micros();
        if (earliest - slack..=latest + slack).contains(&told) || (apart && self.slept_until(next)) {
            return Judged::Sound;
        }
        let nearest = told.clamp(earliest, latest);
        Judged::Stepped(Timestamp::from_micros(nearest + (told - nearest).clamp(-drift, drift)))
    }

    /// Whether this machine was stopped, and its steady clock with it: its wall clock, which was set right
    /// afterwards, agrees with the server's.
    fn slept_until(&self, next: &Self) -> bool {
        let (theirs, ours) = (next.at.since(self.at), next.wall.since(self.wall));
        next.at > self.at && theirs.abs_diff(ours) <= STEP
    }
}

/// This machine's clock that nobody sets. On Linux it goes on while the machine sleeps.
#[cfg(target_os = "linux")]
pub(crate) fn steady() -> Timestamp {
    let since_boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Timestamp::from_micros(since_boot.tv_sec.saturating_mul(1_000_000).saturating_add(since_boot.tv_nsec / 1_000))
}

/// This machine's clock that nobody sets.
#[cfg(not(target_os = "linux"))]
pub(crate) fn steady() -> Timestamp {
    static CLOCK: std::sync::LazyLock<SystemClock> = std::sync::LazyLock::new(SystemClock::new);
    CLOCK.now()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reading: what the server told, when it was asked, when it was heard, and the wall clock, in seconds.
    const fn reading(at: i64, asked: i64, heard: i64, wall: i64) -> Believed {
        Believed { at: seconds(at), asked: seconds(asked), heard: seconds(heard), wall: seconds(wall) }
    }

    const fn seconds(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[track_caller]
    fn check(readings: [Believed; 2], expected: Judged) {
        assert_eq!(readings[0].judge(&readings[1], true), expected);
    }

    #[test]
    fn a_clock_that_goes_on_is_believed() {
        check([reading(1_000, 50, 50, 2_000), reading(1_010, 60, 60, 2_010)], Judged::Sound);
        // Whatever this machine's own time is set to meanwhile.
        check([reading(1_000, 50, 50, 2_000), reading(1_010, 60, 60, 9_999)], Judged::Sound);
        // Answers that come in another order than they were given.
        check([reading(1_010, 60, 60, 2_010), reading(1_009, 59, 62, 2_012)], Judged::Sound);
    }

    #[test]
    fn an_answer_that_is_late_is_believed_and_so_is_the_next() {
        let (before, late) = (reading(1_000, 50, 50, 2_000), reading(1_001, 51, 90, 2_040));
        check([before, late], Judged::Sound);
        check([late, reading(1_041, 91, 91, 2_041)], Judged::Sound);
        check([late, reading(1_042, 92, 130, 2_080)], Judged::Sound);
    }

    #[test]
    fn a_step_is_followed_by_a_thousandth_of_the_time_that_passes() {
        let before = reading(1_000, 50, 50, 2_000);
        check([before, reading(1_000 + 3_600, 1_050, 1_050, 3_000)], Judged::Stepped(seconds(2_000 + 1)));
        check([before, reading(1_000 - 3_600, 1_050, 1_050, 3_000)], Judged::Stepped(seconds(2_000 - 1)));
        // Until it has been caught up with.
        check([before, reading(1_000 + 4_000 + 4, 4_050, 4_050, 6_000)], Judged::Sound);
    }

    #[test]
    fn a_machine_that_was_stopped_believes_a_server_that_is_not_on_it() {
        let (before, after) = (reading(1_000, 50, 50, 2_000), reading(4_600, 51, 51, 5_600));
        check([before, after], Judged::Sound);
        assert_ne!(before.judge(&after, false), Judged::Sound, "the machine's own clock was set");
    }

    #[test]
    fn a_clock_that_was_set_raises_one_alarm_and_is_not_carried_on() {
        let clock = StoreClock::new("the tests", None, false);
        let asked = steady();
        assert_eq!(clock.hear(asked, seconds(1_000)), seconds(1_000));
        for _ in 0..2 {
            let at = clock.hear(steady(), seconds(9_000));
            assert!(at >= seconds(1_000) && at < seconds(1_010), "{at}");
            assert_eq!(clock.carried_on(), None);
        }
        clock.hear(steady(), seconds(1_000));
        assert!(clock.carried_on().is_some(), "it was set back");
    }

    #[test]
    fn the_time_of_a_clock_that_was_given_is_told_as_it_is() {
        let given = Arc::new(ticketing_core::testing::SimClock::new());
        let clock = StoreClock::new("the tests", Some(Arc::clone(&given) as _), true);
        assert_eq!(clock.given(), Some(given.now()));
        assert_eq!(StoreClock::new("the tests", None, true).given(), None);
    }

    #[test]
    fn the_time_is_carried_on_from_what_was_heard() {
        let clock = StoreClock::new("the tests", None, true);
        assert_eq!(clock.carried_on(), None);
        assert_eq!(clock.hear(steady(), seconds(1_000)), seconds(1_000));
        let now = clock.carried_on().expect("it was heard just now");
        assert!(now >= seconds(1_000) && now < seconds(1_001), "{now}");
    }
}
