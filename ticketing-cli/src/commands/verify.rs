//! `ticketing verify`.

use clap::Args;
use serde::Serialize;
use ticketing_core::verify::{Report, Violation};

use crate::{
    context::Context,
    error::{CliError, with_sources},
    output::Show,
};

/// Shown under the command's help.
pub const EXAMPLES: &str = "\
Examples:
  ticketing verify
  ticketing verify --store sqlite:///var/lib/ticketing/ticketing.db --json
  ticketing verify --store redis://cache --resume

Exits with 3 when an invariant is broken, and says which.";

/// What `ticketing verify` takes.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// If every invariant holds, let a store take writes again that refuses them since it has lost some (Redis)
    #[arg(long)]
    resume: bool,
}

/// A report as the HTTP API gives it, with what was looked at.
#[derive(Serialize)]
struct Verdict {
    ok: bool,
    #[serde(flatten)]
    report: Report,
}

impl Show for Verdict {
    const COLUMNS: &'static [&'static str] = &["sessions", "holds", "orders", "tickets", "audit records", "violations"];

    fn cells(&self) -> Vec<String> {
        let report = &self.report;
        let counts = [report.sessions, report.holds, report.orders, report.tickets, report.audit_records];
        counts.into_iter().chain([report.violations.len() as u64]).map(|count| count.to_string()).collect()
    }
}

/// What became of the audit chains.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Chains {
    ok: bool,
    audit_records: u64,
    breaks: Vec<Violation>,
}

impl Show for Chains {
    const COLUMNS: &'static [&'static str] = &["audit records", "broken chains"];

    fn cells(&self) -> Vec<String> {
        vec![self.audit_records.to_string(), self.breaks.len().to_string()]
    }
}

/// Checks every audit chain.
///
/// # Errors
/// [`CliError::Broken`] when one does not hold.
pub async fn chains(context: &Context) -> Result<(), CliError> {
    let report = context.engine_for_reading().await?.verify_log().await?;
    let (broken, breaks) = (report.violations.len(), report.violations);
    for violation in &breaks {
        context.output.note(format_args!("{}: {}", violation.target, violation.detail));
    }
    context.output.item(&Chains { ok: broken == 0, audit_records: report.audit_records, breaks })?;
    if broken == 0 { Ok(()) } else { Err(CliError::Broken(format!("{broken} broken audit chains"))) }
}

/// Checks the store.
///
/// # Errors
/// [`CliError::Broken`] when anything does not add up.
pub async fn run(args: VerifyArgs, context: &Context) -> Result<(), CliError> {
    if args.resume && context.schema().await?.found == 0 {
        context.output.note("nothing is stored here any more");
        return resume(context).await;
    }
    let report = context.engine_for_reading().await?.verify().await?;
    let (broken, verdict) = (report.violations.len(), Verdict { ok: report.is_clean(), report });
    context.output.item(&verdict)?;
    if verdict.ok {
        context.output.note("every invariant holds");
        return if args.resume { resume(context).await } else { Ok(()) };
    }
    for violation in &verdict.report.violations {
        context.output.note(format_args!("{} {}: {}", violation.invariant, violation.target, violation.detail));
    }
    Err(CliError::Broken(format!("{broken} violations of the store's invariants")))
}

async fn resume(context: &Context) -> Result<(), CliError> {
    let resumed = ticketing_store::resume(context.store_url()).await;
    let resumed = resumed.map_err(|error| CliError::Usage(with_sources(&error)))??;
    context.output.note(if resumed { "writes are taken again" } else { "writes were not refused" });
    Ok(())
}
