//! `ticketing hold …`.

use clap::{Args, Subcommand};
use ticketing_core::{
    command::ReleaseBy,
    hold::HoldStatus,
    ids::{HoldId, SessionId, UserId},
    store::HoldFilter,
};

use crate::{
    args::ListArgs,
    context::{Context, OPERATOR},
    error::CliError,
    views::HoldRow,
};

const EXAMPLES: &str = "\
Examples:
  ticketing hold list --session session_0190163d8a7b7c3e9a1b2c3d4e5f6071 --status ACTIVE
  ticketing hold release hold_0190163d8a7b7c3e9a1b2c3d4e5f6071";

#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum HoldCommand {
    /// List holds
    #[command(after_help = LIST_EXAMPLES)]
    List(HoldListArgs),
    /// Show one hold
    #[command(after_help = "Examples:\n  ticketing hold show hold_0190163d8a7b7c3e9a1b2c3d4e5f6071 --json")]
    Show(HoldArg),
    /// Give a hold's stock back
    #[command(after_help = "Examples:\n  ticketing hold release hold_0190163d8a7b7c3e9a1b2c3d4e5f6071")]
    Release(HoldArg),
}

const LIST_EXAMPLES: &str = "\
Examples:
  ticketing hold list
  ticketing hold list --session session_0190163d8a7b7c3e9a1b2c3d4e5f6071 --status ACTIVE --json";

#[derive(Debug, Args)]
pub struct HoldListArgs {
    /// Only holds of this session
    #[arg(long)]
    session: Option<SessionId>,
    /// Only holds of this user
    #[arg(long)]
    user: Option<UserId>,
    /// Only holds with this recorded status: ACTIVE, EXPIRED, RELEASED or CONFIRMED. A hold whose end
    /// has just come is shown as EXPIRED and may still be recorded as ACTIVE
    #[arg(long)]
    status: Option<HoldStatus>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Args)]
pub struct HoldArg {
    /// The hold
    #[arg(value_name = "HOLD")]
    id: HoldId,
}

/// Runs a command of the group.
///
/// # Errors
/// [`CliError`]
pub async fn run(command: HoldCommand, context: &Context) -> Result<(), CliError> {
    match command {
        HoldCommand::List(args) => list(args, context).await,
        HoldCommand::Show(args) => show(args, context).await,
        HoldCommand::Release(args) => release(args, context).await,
    }
}

async fn list(args: HoldListArgs, context: &Context) -> Result<(), CliError> {
    let HoldListArgs { session, user, status, list } = args;
    let store = context.store().await?;
    let filter = HoldFilter { session_id: session, user_id: user, status };
    let page = store.holds(filter, list.page()).await?;
    let now = store.now().await?;
    Ok(context.output.page(&page.map(|hold| HoldRow::at(hold, now)))?)
}

async fn show(args: HoldArg, context: &Context) -> Result<(), CliError> {
    let store = context.store().await?;
    let hold = store.hold(args.id).await?.ok_or_else(|| CliError::not_found("hold", args.id))?;
    Ok(context.output.item(&HoldRow::at(hold, store.now().await?))?)
}

async fn release(args: HoldArg, context: &Context) -> Result<(), CliError> {
    let engine = context.engine().await?;
    let hold = engine.release(OPERATOR, args.id, ReleaseBy::Administrator).await?;
    Ok(context.output.item(&HoldRow::at(hold, engine.queries().now().await?))?)
}
