//! `ticketing verify`.

use serde::Serialize;
use ticketing_core::verify::Report;

use crate::{context::Context, error::CliError, output::Show};

/// Shown under the command's help.
pub const EXAMPLES: &str = "\
Examples:
  ticketing verify
  ticketing verify --store sqlite:///var/lib/ticketing/ticketing.db --json

Exits with 3 when an invariant is broken, and says which.";

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

/// Checks the store.
///
/// # Errors
/// [`CliError::Broken`] when anything does not add up.
pub async fn run(context: &Context) -> Result<(), CliError> {
    let report = context.engine_for_reading().await?.verify().await?;
    let (broken, verdict) = (report.violations.len(), Verdict { ok: report.is_clean(), report });
    context.output.item(&verdict)?;
    if verdict.ok {
        context.output.note("every invariant holds");
        return Ok(());
    }
    for violation in &verdict.report.violations {
        context.output.note(format_args!("{} {}: {}", violation.invariant, violation.target, violation.detail));
    }
    Err(CliError::Broken(format!("{broken} violations of the store's invariants")))
}
