//! What breaks.

use std::time::Duration;

use fastrand::Rng;
use serde::Serialize;
use ticketing_core::clock::Timestamp;

use super::Setup;

/// How soon everything must be well again once a fault has ended.
const RECOVERED_WITHIN: Duration = Duration::from_secs(10);

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A server is killed (SIGKILL) and started again.
    KillServer,
    /// A server is told to end (SIGTERM), ends in good order, and is started again.
    StopServer,
    /// A server stands still (SIGSTOP, SIGCONT), at times for longer than a hold lives.
    PauseServer,
    /// Connections between buyers and a server are cut, and new ones for a while.
    CutClients,
    /// Everything between buyers and a server takes longer.
    DelayClients,
    /// Connections between servers and the payment gateway are cut, and new ones for a while.
    CutGateway,
    /// Everything between servers and the payment gateway takes longer.
    DelayGateway,
    /// The payment gateway does what it is asked, and the servers never hear of it.
    LoseGatewayReplies,
    /// The database server is killed and started again.
    KillPostgres,
    /// The database server stands still.
    PausePostgres,
    /// Connections between servers and database are cut, and new ones for a while.
    CutPostgres,
    /// Everything between servers and database takes longer.
    DelayPostgres,
    /// The database ends the servers' connections.
    EndBackends,
    /// Transactions are committed, and the servers never hear of it.
    LoseCommitReplies,
    /// Transactions break off where they were to be committed.
    LoseCommits,
    /// The waiting rooms' server is killed and started again.
    KillRedis,
    /// The waiting rooms' server stands still.
    PauseRedis,
    /// The waiting rooms' server forgets everything.
    FlushRedis,
    /// Connections between servers and waiting rooms are cut, and new ones for a while.
    CutRedis,
    /// Everything between servers and waiting rooms takes longer.
    DelayRedis,
}

impl Kind {
    /// Those that can happen to `setup`.
    pub fn of(setup: Setup) -> Vec<Self> {
        let mut kinds = vec![
            Self::KillServer,
            Self::StopServer,
            Self::PauseServer,
            Self::CutClients,
            Self::DelayClients,
            Self::CutGateway,
            Self::DelayGateway,
            Self::LoseGatewayReplies,
        ];
        if matches!(setup, Setup::Postgres | Setup::PostgresRedis) {
            kinds.extend([
                Self::KillPostgres,
                Self::PausePostgres,
                Self::CutPostgres,
                Self::DelayPostgres,
                Self::EndBackends,
                Self::LoseCommitReplies,
                Self::LoseCommits,
            ]);
        }
        if setup == Setup::PostgresRedis {
            kinds.extend([Self::KillRedis, Self::PauseRedis, Self::FlushRedis, Self::CutRedis, Self::DelayRedis]);
        }
        kinds
    }

    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::KillServer => "kill server",
            Self::StopServer => "stop server",
            Self::PauseServer => "pause server",
            Self::CutClients => "cut clients off",
            Self::DelayClients => "slow clients",
            Self::CutGateway => "cut the gateway off",
            Self::DelayGateway => "slow gateway",
            Self::LoseGatewayReplies => "lose the gateway's replies",
            Self::KillPostgres => "kill Postgres",
            Self::PausePostgres => "pause Postgres",
            Self::CutPostgres => "cut Postgres off",
            Self::DelayPostgres => "slow Postgres",
            Self::EndBackends => "end Postgres backends",
            Self::LoseCommitReplies => "lose replies to COMMIT",
            Self::LoseCommits => "lose COMMITs",
            Self::KillRedis => "kill Redis",
            Self::PauseRedis => "pause Redis",
            Self::FlushRedis => "flush Redis",
            Self::CutRedis => "cut Redis off",
            Self::DelayRedis => "slow Redis",
        }
    }
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
    /// When every server wrote again; `None`: nobody had the patience.
    pub recovered: Option<Timestamp>,
}

impl Fault {
    /// How long it took to be well again, once it was repaired.
    pub fn recovery(&self) -> Option<Duration> {
        self.recovered.map(|recovered| recovered.since(self.healed))
    }

    /// The promise that it broke.
    pub fn complaint(&mut self) -> Option<String> {
        let (name, at) = (self.kind.name(), self.healed);
        match self.recovery() {
            None => Some(format!("recovery: after \"{name}\" had ended at {at}, the servers did not write any more")),
            Some(took) if took > RECOVERED_WITHIN => Some(format!(
                "recovery: after \"{name}\" had ended at {at}, it took {:.1} s until every server wrote again",
                took.as_secs_f64()
            )),
            Some(_) => None,
        }
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

    /// The next one.
    pub fn draw(&mut self, rng: &mut Rng) -> Option<Kind> {
        if self.left.is_empty() {
            self.left.clone_from(&self.kinds);
            rng.shuffle(&mut self.left);
        }
        self.left.pop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_as_frequent_as_every_other() {
        let (mut deck, mut rng) = (Deck::new(Kind::of(Setup::PostgresRedis)), Rng::with_seed(1));
        let mut drawn: Vec<_> = (0..60).filter_map(|_| deck.draw(&mut rng)).collect();
        drawn.sort_unstable();
        assert!(drawn.chunks(3).all(|three| three[0] == three[2]), "{drawn:?}");
    }

    #[test]
    fn a_fault_that_takes_too_long_to_get_over_is_a_broken_promise() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let complaint = |recovered: Option<i64>| {
            let mut fault =
                Fault { kind: Kind::KillPostgres, begun: at(0), healed: at(5), recovered: recovered.map(at) };
            fault.complaint()
        };
        assert_eq!(complaint(Some(15)), None);
        assert!(complaint(Some(16)).is_some_and(|text| text.contains("11.0 s")));
        assert!(complaint(None).is_some());
    }
}
