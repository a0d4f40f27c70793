//! The command line's own shape.

use clap::{Args, Parser, Subcommand};
use ticketing_core::store::PageRequest;

use crate::commands::{audit, backup, event, hold, migrate, order, payment, queue, session, ticket, user, verify};

/// Runs a ticketing store: accounts, events, sessions, holds, and the proof that it all adds up.
#[derive(Debug, Parser)]
#[command(name = "ticketing", version, after_help = EXAMPLES)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  ticketing migrate
  echo 'Secret123' | ticketing user create-admin --email admin@example.com --password-stdin
  ticketing event create --title 'Spring concert' --venue 'Main hall' --publish
  ticketing session create EVENT --start-at 2027-04-01T19:00:00+09:00 --stock 500 --price 55000
  ticketing session open SESSION
  ticketing verify

Exit codes:
  0  done
  1  refused by a rule
  2  usage or configuration
  3  an invariant is broken
  4  store unreachable";

/// What every command takes.
#[derive(Debug, Args)]
pub struct Global {
    /// The store to work on: sqlite://PATH, postgres://USER@HOST/DATABASE or redis://HOST
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "TICKETING__STORE__URL",
        default_value = "sqlite://ticketing.db",
        hide_env_values = true
    )]
    pub store: String,
    /// The waiting room's own store, if the server has one: redis://HOST [default: the same as --store]
    #[arg(long, global = true, value_name = "URL", env = "TICKETING__QUEUE__URL", hide_env_values = true)]
    pub queue_url: Option<String>,
    /// Print JSON on stdout instead of tables
    #[arg(long, global = true)]
    pub json: bool,
}

/// Which part of a list to show.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// At most so many items
    #[arg(long, value_name = "N", default_value_t = PageRequest::LIMIT_DEFAULT,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(PageRequest::LIMIT_MAX)))]
    limit: u32,
    /// Where the page before ended
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
}

impl ListArgs {
    /// The page it names.
    pub fn page(self) -> PageRequest {
        PageRequest { limit: self.limit, after: self.cursor }
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create the store or bring its schema up to date
    Migrate(migrate::MigrateArgs),
    /// Accounts and their roles
    #[command(subcommand)]
    User(user::UserCommand),
    /// Events
    #[command(subcommand)]
    Event(event::EventCommand),
    /// Sessions: dates of an event, with their stock
    #[command(subcommand)]
    Session(session::SessionCommand),
    /// Holds
    #[command(subcommand)]
    Hold(hold::HoldCommand),
    /// What the payment gateway reports
    #[command(subcommand)]
    Payment(payment::PaymentCommand),
    /// Orders and refunds
    #[command(subcommand)]
    Order(order::OrderCommand),
    /// Tickets at the door
    #[command(subcommand)]
    Ticket(ticket::TicketCommand),
    /// Waiting rooms
    #[command(subcommand)]
    Queue(queue::QueueCommand),
    /// The audit log
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Examine the store and its surroundings, and say what to do
    #[command(after_help = crate::commands::doctor::HELP)]
    Doctor,
    /// Copy a SQLite store that is in use
    #[command(after_help = crate::commands::backup::HELP)]
    Backup(backup::BackupArgs),
    /// Check every invariant of the store
    #[command(after_help = crate::commands::verify::EXAMPLES)]
    Verify(verify::VerifyArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_and_option_stands_in_the_documentation() {
        fn check(command: &clap::Command, path: &str) {
            let text = include_str!("../../docs/cli.md");
            let subcommands: Vec<_> = command.get_subcommands().filter(|c| c.get_name() != "help").collect();
            if subcommands.is_empty() {
                assert!(text.contains(&format!("`{path}")), "`{path}` is missing");
            }
            for option in command.get_arguments().filter_map(clap::Arg::get_long) {
                assert!(text.contains(&format!("--{option}")), "--{option} of `{path}` is missing");
            }
            subcommands.iter().for_each(|c| check(c, &format!("{path} {}", c.get_name())));
        }
        check(&Cli::command(), "ticketing");
    }

    #[test]
    fn every_command_shows_an_example_in_its_help() {
        #[track_caller]
        fn check(command: &clap::Command) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let name = command.get_name();
            assert!(help.contains("Examples:") && help.contains("ticketing "), "`{name}` shows no example");
            command.get_subcommands().filter(|c| c.get_name() != "help").for_each(check);
        }
        check(&Cli::command());
    }
}
