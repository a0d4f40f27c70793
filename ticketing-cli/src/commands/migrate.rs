//! `ticketing migrate`.

use clap::Args;
use serde::Serialize;
use ticketing_core::store::SchemaVersion;

use crate::{context::Context, error::CliError, output::Show};

const EXAMPLES: &str = "\
Examples:
  ticketing migrate
  ticketing migrate --status --json
  ticketing migrate --dry-run --store sqlite:///var/lib/ticketing/ticketing.db";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct MigrateArgs {
    /// Only tell which schema the store has
    #[arg(long, conflicts_with = "dry_run")]
    status: bool,
    /// Only tell what would be done
    #[arg(long)]
    dry_run: bool,
}

/// A store's schema.
#[derive(Serialize)]
struct SchemaRow {
    found: u32,
    needed: u32,
    current: bool,
}

impl From<SchemaVersion> for SchemaRow {
    fn from(version: SchemaVersion) -> Self {
        let SchemaVersion { found, needed } = version;
        Self { found, needed, current: found == needed }
    }
}

impl Show for SchemaRow {
    const COLUMNS: &'static [&'static str] = &["schema version", "this program's", "current"];

    fn cells(&self) -> Vec<String> {
        vec![self.found.to_string(), self.needed.to_string(), if self.current { "yes" } else { "no" }.to_owned()]
    }
}

/// Brings the store's schema up to date, or tells about it.
///
/// # Errors
/// [`CliError`]
pub async fn run(args: MigrateArgs, context: &Context) -> Result<(), CliError> {
    let (before, after) = if args.status || args.dry_run {
        let version = if args.dry_run { context.schema().await? } else { context.open(false)?.version().await? };
        (version, version)
    } else {
        let store = context.open(true)?;
        (store.version().await?, store.migrate().await?)
    };
    let SchemaVersion { found, needed } = before;
    if args.dry_run && found < needed {
        context.output.note(format_args!("the store would be brought from version {found} to {needed}"));
    } else if after != before {
        context.output.note(format_args!("the store was brought from version {found} to {needed}"));
    }
    Ok(context.output.item(&SchemaRow::from(after))?)
}
