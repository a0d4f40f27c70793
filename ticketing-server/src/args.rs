//! Command-line flags.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use crate::config::{Flag, LogFormat, Profile, Sources};

const AFTER_HELP: &str = "\
Examples:
  ticketing-server --demo
  ticketing-server --config ticketing.toml --store sqlite://shop.db
  ticketing-server --store 'postgres://shop@db.example.com/tickets?sslmode=verify-full'
  ticketing-server --store postgres://shop@db/tickets --queue redis://cache
  ticketing-server config check --config ticketing.toml

Exit codes:
  0  stopped by SIGTERM or SIGINT; a configuration that will do
  2  usage or configuration; one line on stderr names what is wrong

Configuration keys: docs/configuration.md";

/// Sells tickets first come, first served, and never more than there are.
#[derive(Debug, Clone, Parser)]
#[command(name = "ticketing-server", version, after_help = AFTER_HELP)]
pub struct Args {
    /// What to do instead of serving
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Address and port to listen on; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, global = true, value_name = "ADDR")]
    pub listen: Option<String>,
    /// Where everything is kept: sqlite://PATH, postgres://USER@HOST/DATABASE, redis://HOST or memory:// [default:
    /// sqlite://ticketing.db]
    #[arg(long, global = true, value_name = "URL")]
    pub store: Option<String>,
    /// The waiting room's own store: redis://HOST, for crowds [default: the same as --store]
    #[arg(long, global = true, value_name = "URL")]
    pub queue: Option<String>,
    /// A TOML file with settings; the environment (TICKETING__SECTION__KEY) and flags come before it
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// How strict the server is about its own settings [default: local]
    #[arg(long, global = true, value_enum)]
    pub profile: Option<Profile>,
    /// Make an event with two sessions on sale, an administrator and a buyer, and print how to buy a ticket
    #[arg(long, global = true)]
    pub demo: bool,
    /// How a log line looks [default: human on a terminal, json elsewhere]
    #[arg(long, global = true, value_enum)]
    pub log_format: Option<LogFormat>,
}

/// What the server's program does instead of serving.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// What the server is told
    #[command(subcommand)]
    Config(ConfigCommand),
}

/// What to do with what the server is told.
#[derive(Debug, Clone, Subcommand)]
pub enum ConfigCommand {
    /// Print every setting, where its value comes from, and no secret; or all that is wrong
    Check {
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
}

impl Args {
    /// Where settings come from, these flags first.
    pub fn sources(&self) -> Sources {
        let flags = [
            ("--listen", "server.listen", self.listen.clone()),
            ("--store", "store.url", self.store.clone()),
            ("--queue", "queue.url", self.queue.clone()),
            ("--profile", "profile", self.profile.as_ref().and_then(spelling)),
            ("--log-format", "log.format", self.log_format.as_ref().and_then(spelling)),
        ];
        let flags = flags.into_iter().filter_map(|(name, key, value)| Some(Flag { name, key, value: value? }));
        Sources { file: self.config.clone(), environment: std::env::vars_os().collect(), flags: flags.collect() }
    }
}

/// A value as it is written on the command line, which is how it is written in files.
fn spelling(value: &impl ValueEnum) -> Option<String> {
    value.to_possible_value().map(|value| value.get_name().to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }
}
