//! `ticketing payment …`.

use clap::Subcommand;

use crate::{args::ListArgs, context::Context, error::CliError, views::UnmatchedRow};

const EXAMPLES: &str = "\
Examples:
  ticketing payment unmatched
  ticketing payment unmatched --json";

#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum PaymentCommand {
    /// List callbacks of the gateway that name no payment of this store
    #[command(after_help = UNMATCHED_HELP)]
    Unmatched(ListArgs),
}

const UNMATCHED_HELP: &str = "\
What was captured under such a name has neither tickets nor a refund here: look it up at the gateway.
A server asks the gateway for everything it captured with POST /api/admin/payments/reconcile.

Examples:
  ticketing payment unmatched
  ticketing payment unmatched --limit 200 --json";

/// Runs a command of the group.
///
/// # Errors
/// [`CliError`]
pub async fn run(command: PaymentCommand, context: &Context) -> Result<(), CliError> {
    match command {
        PaymentCommand::Unmatched(list) => unmatched(list, context).await,
    }
}

async fn unmatched(list: ListArgs, context: &Context) -> Result<(), CliError> {
    let page = context.store().await?.callbacks_unmatched(list.page()).await?;
    Ok(context.output.page(&page.map(UnmatchedRow::from))?)
}
