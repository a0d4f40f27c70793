//! `ticketing`: the admin command line of the ticketing engine.
//!
//! It works on the store itself, beside a running server if there is one. What is asked for goes to
//! stdout; everything else goes to stderr. Exit codes: see [`error::CliError`].

mod args;
mod commands;
mod context;
mod error;
mod no_gateway;
mod output;
mod password_policy;
mod views;

use std::process::ExitCode;

use clap::Parser;

use crate::{args::Cli, context::Context};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let context = Context::new(cli.global);
    match commands::run(cli.command, &context).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("\u{1b}[1;31merror:\u{1b}[0m {error}");
            error.exit_code()
        }
    }
}
