//! `ticketing doctor`.

use std::time::Duration;

use serde::Serialize;
use ticketing_core::{
    clock::{Clock as _, SystemClock},
    store::{Backend, PageRequest, StoreError},
    verify::check_key,
};
use ticketing_store::{Finding, Level, Secrets};

use crate::{
    context::Context,
    error::CliError,
    output::{Show, counted},
};

/// Shown under the command's help.
pub const HELP: &str = "\
Looks at the store and at what an installation needs around it: the schema, durability, clocks, secrets, and
work that no server does. Says for each whether it is ok, and what to do if not. `ticketing verify` checks
every record; this does not.

Examples:
  ticketing doctor
  ticketing doctor --store postgres://ticketing@db/ticketing --json

Exits with 3 when something fails, with 0 when there are only warnings.";

/// The store's clock and this machine's may differ by so much.
const CLOCK_OFFSET_MAX: Duration = Duration::from_secs(2);
/// Work that is overdue by so much is done by nobody.
const OVERDUE_SECONDS: u32 = 30;
/// Most sessions, messages or callbacks that are counted.
const COUNTED_MAX: u32 = 200;

#[derive(Serialize)]
struct Diagnosis {
    ok: bool,
    checks: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    check: &'static str,
    level: &'static str,
    detail: String,
}

impl Show for Diagnosis {
    const COLUMNS: &'static [&'static str] = &[];

    fn cells(&self) -> Vec<String> {
        Vec::new()
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        self.checks.iter().map(|line| (line.check, format!("{:<4}  {}", line.level, line.detail))).collect()
    }
}

/// Examines the store.
///
/// # Errors
/// [`CliError::Broken`] when a check fails, [`CliError::Unreachable`] when there is no store.
pub async fn run(context: &Context) -> Result<(), CliError> {
    let store = context.store().await?;
    let mut findings = vec![Finding::new("schema", Level::Ok, "the one this program knows")];
    let settings = ticketing_store::diagnose(context.store_url()).await;
    findings.extend(settings.map_err(|error| CliError::Usage(error.to_string()))?);
    if let Some(url) = context.queue_url() {
        findings.extend(ticketing_store::diagnose_rooms(url).await);
    }
    findings.push(clock(&*store).await?);
    findings.extend(secrets(context, &*store).await?);
    findings.push(sweeping(&*store).await?);
    findings.push(outbox(&*store).await?);
    findings.push(unmatched(&*store).await?);
    findings.push(stock(&*store).await?);
    let failed = findings.iter().filter(|finding| finding.level == Level::Fail).count();
    let checks = findings.into_iter().map(line).collect();
    context.output.item(&Diagnosis { ok: failed == 0, checks })?;
    match failed {
        0 => Ok(()),
        failed => Err(CliError::Broken(format!("{} failed", counted(failed, "check")))),
    }
}

fn line(finding: Finding) -> Line {
    let level = match finding.level {
        Level::Ok => "ok",
        Level::Warn => "warn",
        Level::Fail => "fail",
    };
    Line { check: finding.check, level, detail: finding.detail }
}

async fn clock(store: &dyn Backend) -> Result<Finding, StoreError> {
    let ours = SystemClock::new();
    let before = ours.now();
    let theirs = store.now().await?;
    let after = ours.now();
    let offset = before.since(theirs).max(theirs.since(after));
    let shown = format!("{:.1} s", offset.as_secs_f64());
    Ok(if offset <= CLOCK_OFFSET_MAX {
        Finding::new("clock", Level::Ok, format!("this machine's and the store's agree to {shown}"))
    } else {
        let detail = format!("this machine's and the store's differ by {shown}: set the wrong one (NTP)");
        Finding::new("clock", Level::Warn, detail)
    })
}

async fn secrets(context: &Context, store: &dyn Backend) -> Result<Vec<Finding>, CliError> {
    let mut findings = Vec::new();
    if let Ok(Some(file)) = Secrets::file_from_environment(context.store_url())
        && file.is_file()
    {
        findings.push(private(&file));
    }
    match context.existing_keys() {
        Err(error) => findings.push(Finding::new("secrets", Level::Fail, error.to_string())),
        Ok(keys) => match check_key(store, &keys.audit).await? {
            Ok(()) => {
                findings.push(Finding::new("secrets", Level::Ok, "strong, and the audit log was begun with them"))
            }
            Err(other) => findings.push(Finding::new(
                "secrets",
                Level::Fail,
                format!("{other}: give this program the server's secrets (TICKETING__SECRETS__FILE)"),
            )),
        },
    }
    Ok(findings)
}

#[cfg(unix)]
fn private(file: &std::path::Path) -> Finding {
    use std::os::unix::fs::PermissionsExt as _;
    match std::fs::metadata(file) {
        Ok(found) if found.permissions().mode() & 0o077 == 0 => {
            Finding::new("secrets", Level::Ok, format!("only their owner may read {}", file.display()))
        }
        Ok(found) => {
            let mode = found.permissions().mode() & 0o777;
            let detail = format!("others may read {} (mode {mode:o}): chmod 600 it", file.display());
            Finding::new("secrets", Level::Fail, detail)
        }
        Err(error) => Finding::new("secrets", Level::Warn, format!("{}: {error}", file.display())),
    }
}

#[cfg(not(unix))]
fn private(file: &std::path::Path) -> Finding {
    Finding::new("secrets", Level::Warn, format!("who may read {} is not checked here", file.display()))
}

async fn sweeping(store: &dyn Backend) -> Result<Finding, StoreError> {
    let late = store.now().await?.minus_seconds(OVERDUE_SECONDS);
    let sessions = store.sessions_to_sweep(late, COUNTED_MAX).await?.len();
    Ok(match sessions {
        0 => Finding::new("sweeping", Level::Ok, "no hold is long overdue"),
        sessions => {
            let detail = format!(
                "holds ended more than {OVERDUE_SECONDS} s ago and were not swept, in {}: is a server running? \
                 Their stock is for sale all the same",
                counted(sessions, "session")
            );
            Finding::new("sweeping", Level::Warn, detail)
        }
    })
}

async fn outbox(store: &dyn Backend) -> Result<Finding, StoreError> {
    let late = store.now().await?.minus_seconds(OVERDUE_SECONDS);
    let due = store.outbox_due(late, COUNTED_MAX).await?;
    let Some(oldest) = due.first() else {
        return Ok(Finding::new("outbox", Level::Ok, "no refund is long due"));
    };
    let why = match &oldest.last_error {
        Some(error) => format!("{} failed, lastly: {error}", counted(oldest.attempts as usize, "try")),
        None => "nobody tried: is a server running?".to_owned(),
    };
    let detail = format!("{} due, the oldest since {}; {why}", counted(due.len(), "refund"), oldest.created_at);
    Ok(Finding::new("outbox", Level::Warn, detail))
}

async fn unmatched(store: &dyn Backend) -> Result<Finding, StoreError> {
    let found = store.callbacks_unmatched(PageRequest { limit: COUNTED_MAX, after: None }).await?.items.len();
    Ok(match found {
        0 => Finding::new("callbacks", Level::Ok, "every one belongs to a payment"),
        found => {
            let detail = format!(
                "{} of payments that are not known: see `ticketing payment unmatched`",
                counted(found, "callback")
            );
            Finding::new("callbacks", Level::Warn, detail)
        }
    })
}

async fn stock(store: &dyn Backend) -> Result<Finding, StoreError> {
    let mut page = PageRequest { limit: PageRequest::LIMIT_MAX, after: None };
    let mut seen = 0;
    loop {
        let sessions = store.sessions(None, page.clone()).await?;
        if let Some(wrong) = sessions.items.iter().find(|view| !view.session.stock.is_sound()) {
            let detail = format!("the stock of {} does not add up: run `ticketing verify`", wrong.session.id);
            return Ok(Finding::new("stock", Level::Fail, detail));
        }
        seen += sessions.items.len();
        match sessions.next {
            Some(next) => page.after = Some(next),
            None => return Ok(Finding::new("stock", Level::Ok, format!("adds up in {}", counted(seen, "session")))),
        }
    }
}
