//! What breaks.

use std::time::Duration;

use fastrand::Rng;
use serde::{Serialize, Serializer};
use ticketing_core::clock::Timestamp;

use super::Setup;

/// How soon everything must be well again once a fault has ended.
const RECOVERED_WITHIN: Duration = Duration::from_secs(10);
/// One pause of a server in so many is longer than a hold lives under faults.
const LONG_PAUSE_ONE_IN: u32 = 4;
const LONG_PAUSE: Duration = Duration::from_millis(5_500);
/// A server gives a call of the gateway up after nine seconds, and its engine after ten.
const GATEWAY_PAUSE: Duration = Duration::from_millis(10_500);

/// A kind of fault, by what it hits. Reports have kinds in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A server.
    Server(ServerFault),
    /// What is between buyers and a server.
    Clients(WayFault),
    /// The payment gateway, or what is between it and the servers.
    Gateway(GatewayFault),
    /// The database server, or what is between it and the servers.
    Postgres(PostgresFault),
    /// The waiting rooms' server, or what is between it and the servers.
    Redis(RedisFault),
}

/// What happens to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ServerFault {
    /// It is killed (SIGKILL) and started again.
    Kill,
    /// It is told to end (SIGTERM), ends in good order, and is started again.
    Stop,
    /// It stands still (SIGSTOP, SIGCONT), at times for longer than a hold lives.
    Pause,
}

/// What happens to the connections between two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WayFault {
    /// They are cut, and new ones for a while.
    Cut,
    /// Everything takes longer.
    Delay,
}

/// What happens to the payment gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum GatewayFault {
    /// Its connections are cut, and new ones for a while.
    Cut,
    /// Everything takes longer.
    Delay,
    /// It keeps its connections, and says nothing for longer than a server waits.
    Pause,
    /// It does what it is asked, and the servers never hear of it.
    LoseReplies,
}

/// What happens to the database server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PostgresFault {
    /// It is killed and started again.
    Kill,
    /// It stands still.
    Pause,
    /// Its connections are cut, and new ones for a while.
    Cut,
    /// Everything takes longer.
    Delay,
    /// It ends the servers' connections.
    EndBackends,
    /// Transactions are committed, and the servers never hear of it.
    LoseCommitReplies,
    /// Transactions break off where they were to be committed.
    LoseCommits,
}

/// What happens to the waiting rooms' server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RedisFault {
    /// It is killed and started again.
    Kill,
    /// It stands still.
    Pause,
    /// It forgets everything.
    Flush,
    /// Its connections are cut, and new ones for a while.
    Cut,
    /// Everything takes longer.
    Delay,
}

impl Kind {
    /// Those that can happen to `setup`.
    pub fn of(setup: Setup) -> Vec<Self> {
        let mut kinds = vec![
            Self::Server(ServerFault::Kill),
            Self::Server(ServerFault::Stop),
            Self::Server(ServerFault::Pause),
            Self::Clients(WayFault::Cut),
            Self::Clients(WayFault::Delay),
            Self::Gateway(GatewayFault::Cut),
            Self::Gateway(GatewayFault::Delay),
            Self::Gateway(GatewayFault::Pause),
            Self::Gateway(GatewayFault::LoseReplies),
        ];
        if matches!(setup, Setup::Postgres | Setup::PostgresRedis) {
            kinds.extend([
                Self::Postgres(PostgresFault::Kill),
                Self::Postgres(PostgresFault::Pause),
                Self::Postgres(PostgresFault::Cut),
                Self::Postgres(PostgresFault::Delay),
                Self::Postgres(PostgresFault::EndBackends),
                Self::Postgres(PostgresFault::LoseCommitReplies),
                Self::Postgres(PostgresFault::LoseCommits),
            ]);
        }
        if setup == Setup::PostgresRedis {
            kinds.extend([
                Self::Redis(RedisFault::Kill),
                Self::Redis(RedisFault::Pause),
                Self::Redis(RedisFault::Flush),
                Self::Redis(RedisFault::Cut),
                Self::Redis(RedisFault::Delay),
            ]);
        }
        kinds
    }

    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        self.names().1
    }

    /// Its names: in data, and in tables.
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Server(ServerFault::Kill) => ("kill_server", "kill server"),
            Self::Server(ServerFault::Stop) => ("stop_server", "stop server"),
            Self::Server(ServerFault::Pause) => ("pause_server", "pause server"),
            Self::Clients(WayFault::Cut) => ("cut_clients", "cut clients off"),
            Self::Clients(WayFault::Delay) => ("delay_clients", "slow clients"),
            Self::Gateway(GatewayFault::Cut) => ("cut_gateway", "cut the gateway off"),
            Self::Gateway(GatewayFault::Delay) => ("delay_gateway", "slow gateway"),
            Self::Gateway(GatewayFault::Pause) => ("pause_gateway", "pause the gateway"),
            Self::Gateway(GatewayFault::LoseReplies) => ("lose_gateway_replies", "lose the gateway's replies"),
            Self::Postgres(PostgresFault::Kill) => ("kill_postgres", "kill Postgres"),
            Self::Postgres(PostgresFault::Pause) => ("pause_postgres", "pause Postgres"),
            Self::Postgres(PostgresFault::Cut) => ("cut_postgres", "cut Postgres off"),
            Self::Postgres(PostgresFault::Delay) => ("delay_postgres", "slow Postgres"),
            Self::Postgres(PostgresFault::EndBackends) => ("end_backends", "end Postgres backends"),
            Self::Postgres(PostgresFault::LoseCommitReplies) => ("lose_commit_replies", "lose replies to COMMIT"),
            Self::Postgres(PostgresFault::LoseCommits) => ("lose_commits", "lose COMMITs"),
            Self::Redis(RedisFault::Kill) => ("kill_redis", "kill Redis"),
            Self::Redis(RedisFault::Pause) => ("pause_redis", "pause Redis"),
            Self::Redis(RedisFault::Flush) => ("flush_redis", "flush Redis"),
            Self::Redis(RedisFault::Cut) => ("cut_redis", "cut Redis off"),
            Self::Redis(RedisFault::Delay) => ("delay_redis", "slow Redis"),
        }
    }

    /// What it takes at least to show what it is there for.
    pub fn lasts_min(self) -> Duration {
        if self == Self::Gateway(GatewayFault::Pause) { GATEWAY_PAUSE } else { Duration::ZERO }
    }

    /// How long it lasts this time, when so much is `left`. Some last a part or a multiple of it.
    pub fn lasts(self, left: Duration, rng: &mut Rng) -> Duration {
        let drawn = Duration::from_millis(rng.u64(100..1_500));
        let is_long = self == Self::Server(ServerFault::Pause) && rng.u32(..LONG_PAUSE_ONE_IN) == 0;
        if is_long && left > LONG_PAUSE { LONG_PAUSE } else { drawn.max(self.lasts_min()) }
    }

    /// Whether the probe notices it: a place in the waiting room is given without the payment gateway.
    pub const fn is_probed(self) -> bool {
        match self {
            Self::Server(_) | Self::Clients(_) | Self::Postgres(_) | Self::Redis(_) => true,
            Self::Gateway(_) => false,
        }
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.names().0)
    }
}

/// When all was well again after a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovery {
    /// Every server wrote again at this time.
    At(Timestamp),
    /// One did not, as long as anybody had patience.
    Never,
    /// Nobody asked what would have told.
    NotProbed,
}

/// One fault.
#[derive(Debug, Clone)]
pub struct Fault {
    /// What broke.
    pub kind: Kind,
    /// When.
    pub begun: Timestamp,
    /// When it was repaired; for a killed server, when it was started again.
    pub healed: Timestamp,
    /// When every server wrote again.
    pub recovery: Recovery,
}

impl Fault {
    /// How long it took to be well again, once it was repaired; `None` where that was not seen.
    pub fn recovered_after(&self) -> Option<Duration> {
        match self.recovery {
            Recovery::At(recovered) => Some(recovered.since(self.healed)),
            Recovery::Never | Recovery::NotProbed => None,
        }
    }

    /// When it was over, as far as that was seen.
    pub fn over(&self) -> Timestamp {
        match self.recovery {
            Recovery::At(recovered) => recovered,
            Recovery::Never | Recovery::NotProbed => self.healed,
        }
    }

    /// The promise that it broke.
    pub fn complaint(&self) -> Option<String> {
        let (name, at) = (self.kind.name(), self.healed);
        if self.recovery == Recovery::Never {
            return Some(format!("recovery: after \"{name}\" had ended at {at}, the servers did not write any more"));
        }
        let took = self.recovered_after().filter(|took| *took > RECOVERED_WITHIN)?;
        Some(format!(
            "recovery: after \"{name}\" had ended at {at}, it took {:.1} s until every server wrote again",
            took.as_secs_f64()
        ))
    }
}

/// Faults in an order of chance in which each kind is as frequent as every other.
#[derive(Debug)]
pub struct Deck {
    kinds: Vec<Kind>,
    left: Vec<Kind>,
}

impl Deck {
    /// Of these kinds.
    pub fn new(kinds: Vec<Kind>) -> Self {
        Self { kinds, left: Vec::new() }
    }

    /// The next one that `fits`. Those that do not are still there the next time.
    pub fn draw(&mut self, rng: &mut Rng, fits: impl Fn(Kind) -> bool) -> Option<Kind> {
        if !self.left.iter().any(|kind| fits(*kind)) {
            self.left.extend(&self.kinds);
            rng.shuffle(&mut self.left);
        }
        let next = self.left.iter().rposition(|kind| fits(*kind))?;
        Some(self.left.remove(next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_as_frequent_as_every_other() {
        let (mut deck, mut rng) = (Deck::new(Kind::of(Setup::PostgresRedis)), Rng::with_seed(1));
        let mut drawn: Vec<_> = (0..63).filter_map(|_| deck.draw(&mut rng, |_| true)).collect();
        drawn.sort_unstable();
        assert_eq!(drawn.len(), 63);
        assert!(drawn.chunks(3).all(|three| three[0] == three[2]), "{drawn:?}");
    }

    #[test]
    fn a_kind_that_does_not_fit_is_drawn_when_it_does() {
        let pause = Kind::Gateway(GatewayFault::Pause);
        let (mut deck, mut rng) = (Deck::new(Kind::of(Setup::Sqlite)), Rng::with_seed(1));
        let mut drawn: Vec<_> = (0..16).filter_map(|_| deck.draw(&mut rng, |kind| kind != pause)).collect();
        assert!(drawn.len() == 16 && !drawn.contains(&pause), "{drawn:?}");
        drawn.extend((0..2).filter_map(|_| deck.draw(&mut rng, |kind| kind == pause)));
        drawn.sort_unstable();
        assert!(drawn.len() == 18 && drawn.chunks(2).all(|two| two[0] == two[1]), "{drawn:?}");
    }

    #[test]
    fn the_gateway_says_nothing_for_longer_than_a_server_waits_and_others_are_brief() {
        let (mut rng, left) = (Rng::with_seed(1), Duration::from_secs(60));
        for kind in Kind::of(Setup::PostgresRedis) {
            let lasts: Vec<_> = (0..100).map(|_| kind.lasts(left, &mut rng)).collect();
            let silent = kind == Kind::Gateway(GatewayFault::Pause);
            assert_eq!(lasts.iter().all(|lasts| *lasts > Duration::from_secs(10)), silent, "{kind:?}");
            assert_eq!(lasts.contains(&LONG_PAUSE), kind == Kind::Server(ServerFault::Pause), "{kind:?}");
        }
    }

    #[test]
    fn kinds_are_reported_in_order_and_under_names_of_their_own() {
        let kinds = Kind::of(Setup::PostgresRedis);
        assert!(kinds.is_sorted());
        let told = serde_json::to_value(&kinds[..9]).unwrap();
        let expected = serde_json::json!([
            "kill_server",
            "stop_server",
            "pause_server",
            "cut_clients",
            "delay_clients",
            "cut_gateway",
            "delay_gateway",
            "pause_gateway",
            "lose_gateway_replies",
        ]);
        assert_eq!(told, expected);
        let both: [fn(&Kind) -> &'static str; 2] = [|kind| kind.names().0, |kind| kind.names().1];
        for name in both {
            let mut names: Vec<_> = kinds.iter().map(name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), kinds.len(), "{names:?}");
        }
    }

    #[test]
    fn a_fault_that_takes_too_long_to_get_over_is_a_broken_promise() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let complaint = |recovery: Recovery| {
            let kind = Kind::Postgres(PostgresFault::Kill);
            Fault { kind, begun: at(0), healed: at(5), recovery }.complaint()
        };
        assert_eq!(complaint(Recovery::At(at(15))), None);
        assert!(complaint(Recovery::At(at(16))).is_some_and(|text| text.contains("11.0 s")));
        assert!(complaint(Recovery::Never).is_some());
        assert_eq!(complaint(Recovery::NotProbed), None);
    }
}
