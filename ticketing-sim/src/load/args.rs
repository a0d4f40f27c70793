//! What a load is told on the command line.

use std::{ops::RangeInclusive, path::PathBuf, str::FromStr};

use clap::{Args, ValueEnum};
use secrecy::SecretString;
use ticketing_core::session::{Stock, limits};

use super::shares::Shares;
use crate::chaos::Setup;

/// Printed behind the options.
pub const EXAMPLES: &str = "\
Examples:
  An engine in this process, on a store of its own:
    ticketing-sim load --store sqlite://load.db --buyers 10000 --stock 500 --quantity 1..4 --concurrency 1024
    ticketing-sim load --store memory:// --shares buy=60,decline=10,abandon=15,release=10,leave=5 --seed 7 --json
  A running server, or several nodes of one; it wants to be started with
  TICKETING__LIMITS__REQUESTS_PER_ADDRESS_PER_SECOND=0, since all buyers come from one address:
    ticketing-sim load --target http://127.0.0.1:8080 --scenario spec \\
        --admin-email admin@example.com --admin-password-file admin.txt --jwt-secret-file jwt.txt
    ticketing-sim load --target http://10.0.0.1:8080,http://10.0.0.2:8080 --scenario steady --rate 300 \\
        --duration 120 --webhook-secret-file webhook.txt --html load.html --history load.jsonl …
    ticketing-sim load --target http://127.0.0.1:8080 --scenario peak …
  Servers, a database and faults of its own making:
    ticketing-sim load --chaos --chaos-store sqlite --duration 300 --html chaos.html
    ticketing-sim load --chaos --chaos-store postgres --duration 1800 --chaos-every 2 --rate 60
    ticketing-sim load --chaos --chaos-store postgres+redis --duration 1800

Every run makes an event and sessions of its own, and archives the event at its end. The seed is
printed: the same seed draws the same buyers and faults. The last line says PASS or FAIL.

Exit codes:
  0  nobody was promised what is not there
  1  the same, but a target of the scenario was missed
  2  usage or configuration
  3  a promise was broken
  4  store or server unreachable
  130  interrupted";

/// How buyers come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// The next one as soon as one of --concurrency has left: as much as the shop takes
    Crowd,
    /// The specification's: 500 ask for a place at once, then 100 holds a second
    Spec,
    /// Everybody at once
    Flash,
    /// --rate buyers a second for --duration
    Steady,
    /// The targets' P6: 500 holds, 100 callbacks and 5,000 reads a second for a minute; p95 is judged
    Peak,
}

/// What `ticketing-sim load` takes.
#[derive(Debug, Clone, Args)]
#[group(id = "shop", args = ["store", "target", "chaos"], required = true, multiple = false)]
pub struct LoadArgs {
    /// An engine in this process on this store: sqlite://PATH, made if there is none, postgres://USER@HOST/DATABASE,
    /// or memory://, gone with the run
    #[arg(long, value_name = "URL", env = "TICKETING__STORE__URL", hide_env_values = true)]
    pub store: Option<String>,
    /// A running server; several are nodes of one shop
    #[arg(long, value_name = "http://HOST:PORT", value_delimiter = ',')]
    pub target: Vec<String>,
    /// How buyers come; `crowd` unless given, `steady` with --chaos
    #[arg(long, value_name = "NAME")]
    pub scenario: Option<Scenario>,

    /// How many buyers come, in each round: 1,000 in a crowd, 500 by the specification, else what --rate and
    /// --duration come to
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub buyers: Option<u32>,
    /// How many tickets there are; 100 unless given, 1,000,000 at the peak, four for ten that are wanted with --chaos
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(0..=Stock::TOTAL_MAX))]
    pub stock: Option<i64>,
    /// How many tickets a buyer wants: a number, or a range such as 1..4 with both ends
    #[arg(long, value_name = "N|A..B", default_value = "1")]
    pub quantity: Quantity,
    /// How many buyers of a crowd are under way at once
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub concurrency: u32,
    /// Buyers a second, in the long run; 100 unless given, 500 at the peak, 40 with --chaos
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub rate: Option<u32>,
    /// How long they come; 30 unless given, 60 at the peak and with --chaos
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub duration: Option<u32>,
    /// Reads of the session beside the buyers; none unless given, 5,000 at the peak
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub reads_per_second: Option<u32>,

    /// What buyers do, by weight: buy, decline, abandon, release, leave, late; with --chaos
    /// buy=55,late=5,decline=10,abandon=15,release=10,leave=5 unless given
    #[arg(long, value_name = "WHAT=N,…", conflicts_with_all = ["decline", "abandon", "late"])]
    pub shares: Option<Shares>,
    /// How many in a hundred are declined by their bank; 10 unless given
    #[arg(long, value_name = "PERCENT", value_parser = percent())]
    pub decline: Option<u8>,
    /// How many in a hundred walk away from their hold; 10 unless given
    #[arg(long, value_name = "PERCENT", value_parser = percent())]
    pub abandon: Option<u8>,
    /// How many in a hundred pay only after their hold has ended (mind --hold-ttl-seconds)
    #[arg(long, value_name = "PERCENT", value_parser = percent())]
    pub late: Option<u8>,
    /// How many in a hundred lose the answer to their hold, or doubt it, and ask again under the same key
    #[arg(long, value_name = "PERCENT", default_value_t = 10, value_parser = percent())]
    pub retry: u8,
    /// How many callbacks in a hundred come twice, or five times at once
    #[arg(long, value_name = "PERCENT", default_value_t = 10, value_parser = percent())]
    pub duplicate_callbacks: u8,
    /// How long a buyer thinks before paying, at most; none unless given, 2,000 with --chaos
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u32).range(0..=600_000))]
    pub think_ms: Option<u32>,
    /// How long a hold lives; 120 unless given, 5 with --chaos
    #[arg(long, value_name = "SECONDS",
        value_parser = clap::value_parser!(u32).range(1..=i64::from(limits::HOLD_TTL_SECONDS_MAX)))]
    pub hold_ttl_seconds: Option<u32>,
    /// Admissions per second from the waiting room; no limit unless given, half as many again as come with --chaos
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub admit_per_second: Option<u32>,
    /// How many sales, one after the other, each with its own session and crowd
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,
    /// What draws the buyers; random unless given
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    #[command(flatten)]
    pub access: Access,
    #[command(flatten)]
    pub chaos: ChaosArgs,

    /// Write what every buyer asked and was answered, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub history: Option<PathBuf>,
    /// Write a page with plots, whole in itself
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Print the report as JSON on stdout
    #[arg(long)]
    pub json: bool,
}

/// How to get into a running server.
#[derive(Debug, Clone, Args)]
pub struct Access {
    /// Address of an administrator, who makes the event
    #[arg(long, value_name = "E-MAIL", env = "TICKETING__BOOTSTRAP__ADMIN_EMAIL")]
    pub admin_email: Option<String>,
    /// The administrator's password stands in this file
    #[arg(long, value_name = "FILE", env = "TICKETING__BOOTSTRAP__ADMIN_PASSWORD_FILE")]
    pub admin_password_file: Option<PathBuf>,
    #[arg(long, hide = true, env = "TICKETING__BOOTSTRAP__ADMIN_PASSWORD", hide_env_values = true)]
    pub admin_password: Option<SecretString>,
    /// An administrator's access token, instead of address and password
    #[arg(long, value_name = "TOKEN", env = "TICKETING_SIM_TOKEN", hide_env_values = true)]
    pub token: Option<SecretString>,
    /// The server's secret of access tokens stands in this file: buyers get theirs from here. Without it
    /// every buyer signs up and logs in, which is slow
    #[arg(long, value_name = "FILE", env = "TICKETING__AUTH__JWT_SECRET_FILE")]
    pub jwt_secret_file: Option<PathBuf>,
    #[arg(long, hide = true, env = "TICKETING__AUTH__JWT_SECRET", hide_env_values = true)]
    pub jwt_secret: Option<SecretString>,
    /// The sandbox gateway's signing secret stands in this file: callbacks are signed here. Without it
    /// buyers decide on the sandbox's payment page
    #[arg(long, value_name = "FILE", env = "TICKETING__PAYMENTS__SANDBOX__WEBHOOK_SECRET_FILE")]
    pub webhook_secret_file: Option<PathBuf>,
    #[arg(long, hide = true, env = "TICKETING__PAYMENTS__SANDBOX__WEBHOOK_SECRET", hide_env_values = true)]
    pub webhook_secret: Option<SecretString>,
    /// How long a buyer waits for one answer before asking again
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u32).range(10..=600_000))]
    pub timeout_ms: Option<u32>,
}

/// What breaks, and where.
#[derive(Debug, Clone, Args)]
pub struct ChaosArgs {
    /// Start servers, what they stand on and a payment gateway, and break them again and again; of a hundred payments,
    /// five are never reported
    #[arg(long, conflicts_with_all = ["store", "target"])]
    pub chaos: bool,
    /// What the servers stand on
    #[arg(long, value_name = "NAME", default_value = "sqlite", requires = "chaos")]
    pub chaos_store: Setup,
    /// Seconds between the end of a fault and the next
    #[arg(long, value_name = "SECONDS", default_value_t = 1.5, requires = "chaos")]
    pub chaos_every: f64,
    /// How many servers; two unless given, and one on SQLite
    #[arg(long, value_name = "N", requires = "chaos", value_parser = clap::value_parser!(u16).range(1..=16))]
    pub chaos_nodes: Option<u16>,
    /// The server's program; the one beside this program unless given
    #[arg(long, value_name = "FILE", requires = "chaos")]
    pub server_bin: Option<PathBuf>,
}

fn percent() -> clap::builder::RangedI64ValueParser<u8> {
    clap::value_parser!(u8).range(0..=100)
}

/// How many tickets a buyer wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quantity(pub RangeInclusive<u32>);

impl FromStr for Quantity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (from, to) = text.split_once("..").unwrap_or((text, text));
        let parse = |part: &str| part.trim_start_matches('=').parse::<u32>().ok();
        match (parse(from), parse(to)) {
            (Some(from), Some(to))
                if (1..=limits::QUANTITY_MAX).contains(&from) && (from..=limits::QUANTITY_MAX).contains(&to) =>
            {
                Ok(Self(from..=to))
            }
            _ => Err(format!("expected a number or a range such as 1..4, from 1 to {}", limits::QUANTITY_MAX)),
        }
    }
}

/// What the words of `text` say.
#[cfg(test)]
pub fn parsed(text: &str) -> LoadArgs {
    #[derive(clap::Parser)]
    struct Only {
        #[command(flatten)]
        args: LoadArgs,
    }
    <Only as clap::Parser>::parse_from(std::iter::once("load").chain(text.split_whitespace())).args
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_is_a_number_or_a_range() {
        #[track_caller]
        fn check(text: &str, expected: Option<RangeInclusive<u32>>) {
            assert_eq!(text.parse::<Quantity>().ok(), expected.map(Quantity), "{text}");
        }
        check("3", Some(3..=3));
        check("1..4", Some(1..=4));
        for bad in ["", "0", "0..2", "4..1", "1..101", "a", "1..2..3"] {
            check(bad, None);
        }
    }
}
