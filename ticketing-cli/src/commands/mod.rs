//! One file for each group of commands.

pub mod event;
pub mod hold;
pub mod migrate;
pub mod payment;
mod seats_csv;
pub mod session;
pub mod user;
pub mod verify;

use crate::{args::Command, context::Context, error::CliError};

/// Runs one command.
///
/// # Errors
/// Its [`CliError`].
pub async fn run(command: Command, context: &Context) -> Result<(), CliError> {
    match command {
        Command::Migrate(args) => migrate::run(args, context).await,
        Command::User(command) => user::run(command, context).await,
        Command::Event(command) => event::run(command, context).await,
        Command::Session(command) => session::run(command, context).await,
        Command::Hold(command) => hold::run(command, context).await,
        Command::Payment(command) => payment::run(command, context).await,
        Command::Verify => verify::run(context).await,
    }
}
