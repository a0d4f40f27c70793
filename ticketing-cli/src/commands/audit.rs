//! `ticketing audit …`.

use clap::{Args, Subcommand};
use ticketing_core::{audit::Actor, store::AuditCursor};

use crate::{args::ListArgs, context::Context, error::CliError, views::AuditRow};

const EXAMPLES: &str = "\
Examples:
  ticketing audit list --target order_0190163d8a7b7c3e9a1b2c3d4e5f6071
  ticketing audit verify";

#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub enum AuditCommand {
    /// List records: who did what, chain after chain
    #[command(after_help = LIST_EXAMPLES)]
    List(AuditListArgs),
    /// Check every chain with the audit key: edits, gaps and cut ends show
    #[command(after_help = VERIFY_HELP)]
    Verify,
}

const LIST_EXAMPLES: &str = "\
Examples:
  ticketing audit list --actor operator
  ticketing audit list --target hold_0190163d8a7b7c3e9a1b2c3d4e5f6071 --json";

const VERIFY_HELP: &str = "\
Exits with 3 when a chain is broken, and says at which record.

Examples:
  ticketing audit verify --json";

#[derive(Debug, Args)]
pub struct AuditListArgs {
    /// Only records about this: an id
    #[arg(long, value_name = "ID")]
    target: Option<String>,
    /// Only what this one did: a user's id, operator, gateway or engine
    #[arg(long, value_name = "ACTOR")]
    actor: Option<Actor>,
    #[command(flatten)]
    list: ListArgs,
}

/// Runs a command of the group.
///
/// # Errors
/// [`CliError`]
pub async fn run(command: AuditCommand, context: &Context) -> Result<(), CliError> {
    match command {
        AuditCommand::List(args) => list(args, context).await,
        AuditCommand::Verify => super::verify::chains(context).await,
    }
}

async fn list(args: AuditListArgs, context: &Context) -> Result<(), CliError> {
    let page = args.list.page();
    if let Some(cursor) = &page.after {
        cursor.parse::<AuditCursor>().map_err(|error| CliError::Usage(format!("--cursor: {error}")))?;
    }
    let engine = context.engine_for_reading().await?;
    let found = engine.audit_records(args.target, args.actor, page).await?;
    Ok(context.output.page(&found.map(AuditRow::from))?)
}
