//! `ticketing-sim`: sells tickets to crowds that do not exist, and judges the result from outside.

mod args;
mod chaos;
mod check;
mod error;
mod load;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Command};

#[tokio::main]
async fn main() -> ExitCode {
    let ended = match Cli::parse().command {
        Command::Load(args) => load::run(*args).await,
        // Runs are on threads of their own: tokio lets nobody block one of its.
        Command::Check(args) => match std::thread::spawn(move || check::run(&args)).join() {
            Ok(ended) => ended,
            Err(panic) => std::panic::resume_unwind(panic),
        },
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("\u{1b}[1;31merror:\u{1b}[0m {error}");
            error.exit_code()
        }
    }
}
