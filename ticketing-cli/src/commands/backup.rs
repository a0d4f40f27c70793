//! `ticketing backup FILE`.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use ticketing_store::{BackedUp, BackupError};

use crate::{
    context::Context,
    error::{CliError, with_sources},
    output::{Show, or_blank},
};

/// Shown under the command's help.
pub const HELP: &str = "\
A server may run and sell meanwhile: the backup is the store of one instant, checked before it gets its name.
The secrets beside the store are copied beside the backup, which is no use without them. To restore, put both
where the store was, under its name, while no server runs. A Postgres store is backed up with pg_dump or
pg_basebackup.

Examples:
  ticketing backup /backups/ticketing-2027-04-01.db
  ticketing verify --store sqlite:///backups/ticketing-2027-04-01.db";

#[derive(Debug, Args)]
pub struct BackupArgs {
    /// Where to; nothing may be there
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Serialize)]
struct BackupRow {
    database: PathBuf,
    secrets: Option<PathBuf>,
}

impl Show for BackupRow {
    const COLUMNS: &'static [&'static str] = &["database", "secrets"];

    fn cells(&self) -> Vec<String> {
        vec![self.database.display().to_string(), or_blank(self.secrets.as_ref().map(|path| path.display()))]
    }
}

/// Makes a backup.
///
/// # Errors
/// [`CliError`]; then there is none.
pub async fn run(args: BackupArgs, context: &Context) -> Result<(), CliError> {
    let BackedUp { database, secrets } = ticketing_store::backup(context.store_url(), &args.file).map_err(refused)?;
    if secrets.is_none() {
        context.output.note("there are no secrets beside the store: keep a copy of those it is run with");
    }
    Ok(context.output.item(&BackupRow { database, secrets })?)
}

fn refused(error: BackupError) -> CliError {
    let text = with_sources(&error);
    match error {
        BackupError::Url(_) | BackupError::OtherTool(_) | BackupError::Exists { .. } => CliError::Usage(text),
        BackupError::Unsound { .. } => CliError::Broken(text),
        _ => CliError::Unreachable(text),
    }
}
