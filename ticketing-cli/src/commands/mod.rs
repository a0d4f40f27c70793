//! One file for each group of commands.

pub mod audit;
pub mod backup;
pub mod doctor;
pub mod event;
pub mod hold;
pub mod migrate;
pub mod order;
pub mod payment;
pub mod queue;
mod seats_csv;
pub mod session;
pub mod ticket;
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
        Command::Order(command) => order::run(command, context).await,
        Command::Ticket(command) => ticket::run(command, context).await,
        Command::Queue(command) => queue::run(command, context).await,
        Command::Audit(command) => audit::run(command, context).await,
        Command::Doctor => doctor::run(context).await,
        Command::Backup(args) => backup::run(args, context).await,
        Command::Verify(args) => verify::run(args, context).await,
    }
}
