//! `ticketing-sim`: sells tickets to crowds that do not exist, and judges the result from outside.

mod args;
mod error;
mod load;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Command};

#[tokio::main]
async fn main() -> ExitCode {
    let Command::Load(args) = Cli::parse().command;
    match load::run(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("\u{1b}[1;31merror:\u{1b}[0m {error}");
            error.exit_code()
        }
    }
}
