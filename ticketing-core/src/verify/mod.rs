//! Checks every invariant that a store's records can show. One piece of code for every store.

mod key;
mod ledger;

pub use self::key::{OtherKey, check_key, has_log};
use crate::{
    audit::{AuditKey, ChainBreak, StreamId},
    clock::Timestamp,
    store::{Ledger, PageRequest, Queries, StoreError},
};

/// One broken invariant.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Violation {
    /// Which: `I1` to `I17`, as docs/correctness.md numbers them.
    pub invariant: &'static str,
    /// Where: an id.
    pub target: String,
    /// What is wrong.
    pub detail: String,
}

impl From<ChainBreak> for Violation {
    /// I14, as far as one chain goes.
    fn from(broken: ChainBreak) -> Self {
        Self { invariant: "I14", target: broken.stream.to_string(), detail: broken.to_string() }
    }
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.invariant, self.target, self.detail)
    }
}

/// What was looked at and what was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Sessions looked at.
    pub sessions: u64,
    /// Holds looked at.
    pub holds: u64,
    /// Orders looked at.
    pub orders: u64,
    /// Tickets looked at.
    pub tickets: u64,
    /// Audit records looked at.
    pub audit_records: u64,
    /// What is broken.
    pub violations: Vec<Violation>,
}

impl Report {
    /// Whether nothing is broken.
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }
}

/// Checks a whole store, session by session, each in one consistent view.
///
/// # Errors
/// [`StoreError`] when it cannot be read.
pub async fn verify(queries: &dyn Queries, key: &AuditKey) -> Result<Report, StoreError> {
    walk(queries, key, |ledger, now| check_session(ledger, key, now)).await
}

/// Checks every audit chain of a store, and nothing else: whether what the log tells is what the records
/// say is not asked.
///
/// # Errors
/// [`StoreError`] when it cannot be read.
pub async fn verify_log(queries: &dyn Queries, key: &AuditKey) -> Result<Report, StoreError> {
    let chain = |ledger: &Ledger, _| {
        let session = &ledger.session;
        let held = key.verify(StreamId::Session(session.id), &session.audit, &ledger.audit);
        held.err().map(Violation::from).into_iter().collect()
    };
    walk(queries, key, chain).await
}

/// Checks one session's records; `now` is an instant not earlier than their reading.
pub fn check_session(ledger: &Ledger, key: &AuditKey, now: Timestamp) -> Vec<Violation> {
    ledger::check(ledger, key, now)
}

/// Checks the chains that are no session's, and `check`s every session.
async fn walk(
    queries: &dyn Queries,
    key: &AuditKey,
    check: impl Fn(&Ledger, Timestamp) -> Vec<Violation>,
) -> Result<Report, StoreError> {
    let mut report = Report::default();
    for stream in [StreamId::Users, StreamId::Callbacks] {
        check_chain(queries, key, stream, &mut report).await?;
    }
    let mut page = PageRequest { limit: PageRequest::LIMIT_MAX, after: None };
    loop {
        let events = queries.events(None, page.clone()).await?;
        for event in &events.items {
            check_chain(queries, key, StreamId::Event(event.id), &mut report).await?;
        }
        page.after = events.next;
        if page.after.is_none() {
            break;
        }
    }
    loop {
        let sessions = queries.sessions(None, page.clone()).await?;
        for view in &sessions.items {
            if let Some(ledger) = queries.ledger(view.session.id).await? {
                let now = queries.now().await?;
                report.sessions += 1;
                report.holds += ledger.holds.len() as u64;
                report.orders += ledger.orders.len() as u64;
                report.tickets += ledger.tickets.len() as u64;
                report.audit_records += ledger.audit.len() as u64;
                report.violations.extend(check(&ledger, now));
            }
        }
        page.after = sessions.next;
        if page.after.is_none() {
            return Ok(report);
        }
    }
}

async fn check_chain(
    queries: &dyn Queries,
    key: &AuditKey,
    stream: StreamId,
    report: &mut Report,
) -> Result<(), StoreError> {
    let (head, records) = queries.chain(stream).await?;
    report.audit_records += records.len() as u64;
    report.violations.extend(key.verify(stream, &head, &records).err().map(Violation::from));
    Ok(())
}
