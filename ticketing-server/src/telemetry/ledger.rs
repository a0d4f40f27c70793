//! What `/metrics` shows of the ledger itself, rather than of what this process did.

use std::{
    fmt::Write,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ticketing_core::{
    Ticketing,
    clock::{Clock, Timestamp},
    event::EventStatus,
    ids::SessionId,
    outbox::OutboxMessage,
    session::SaleStatus,
    store::{PageRequest, StoreError},
};

use super::described;

/// How long a reading is shown.
const FRESH_FOR: Duration = Duration::from_secs(5);
/// Longest time that one reading may take.
const READING_TIME_MAX: Duration = Duration::from_secs(2);
/// Most sessions that are looked at in one reading.
const SESSIONS_LOOKED_AT_MAX: usize = 10_000;
/// Most sessions that are shown: each is a series of its own.
const SESSIONS_SHOWN_MAX: usize = 1_000;
/// Most messages that are counted.
const MESSAGES_MAX: u32 = 1_000;
/// Longer than any message waits for its next try.
const AHEAD_SECONDS: u32 = 31_536_000;

/// The last reading, shared by all who ask.
#[derive(Debug, Default)]
pub(crate) struct LedgerGauges {
    last: Mutex<Option<(Timestamp, Arc<str>)>>,
    /// Held by whoever reads.
    reading: tokio::sync::Mutex<()>,
}

impl LedgerGauges {
    /// The gauges in Prometheus' text format; none when the store cannot be read. One who asks reads them anew
    /// where they are old, and everybody else is told the last ones meanwhile.
    pub(crate) async fn render(&self, ticketing: &Ticketing, clock: &dyn Clock) -> Arc<str> {
        let last = self.last();
        if let Some((_, text)) = last.as_ref().filter(|(at, _)| clock.now().since(*at) < FRESH_FOR) {
            return Arc::clone(text);
        }
        let _reading = match (self.reading.try_lock(), last) {
            (Ok(reading), _) => reading,
            (Err(_), Some((_, text))) => return text,
            (Err(_), None) => self.reading.lock().await,
        };
        // Somebody may have read them since.
        if let Some((_, text)) = self.last().filter(|(at, _)| clock.now().since(*at) < FRESH_FOR) {
            return text;
        }
        let text: Arc<str> = match tokio::time::timeout(READING_TIME_MAX, Reading::of(ticketing)).await {
            Ok(Ok(reading)) => reading.render().into(),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the ledger's gauges cannot be read");
                "".into()
            }
            Err(_) => "".into(),
        };
        *self.kept() = Some((clock.now(), Arc::clone(&text)));
        text
    }

    fn kept(&self) -> MutexGuard<'_, Option<(Timestamp, Arc<str>)>> {
        // It is replaced as a whole, whatever happens to the thread.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn last(&self) -> Option<(Timestamp, Arc<str>)> {
        self.kept().clone()
    }
}

#[derive(Debug, Default)]
struct Reading {
    remaining: Vec<(SessionId, i64)>,
    pending: usize,
    oldest: Duration,
}

impl Reading {
    async fn of(ticketing: &Ticketing) -> Result<Self, StoreError> {
        let queries = ticketing.queries();
        let now = queries.now().await?;
        let messages = queries.outbox_due(now.plus_seconds(AHEAD_SECONDS), MESSAGES_MAX).await?;
        let oldest = |message: &OutboxMessage| now.since(message.created_at);
        Ok(Self {
            remaining: on_sale(ticketing).await?,
            pending: messages.len(),
            oldest: messages.iter().map(oldest).max().unwrap_or_default(),
        })
    }

    fn render(&self) -> String {
        let mut text = String::new();
        let values = self.remaining.iter().map(|(id, left)| (format!("{{session_id=\"{id}\"}}"), *left as f64));
        block(&mut text, "ticketing_inventory_remaining", values);
        block(&mut text, "ticketing_outbox_pending", [(String::new(), self.pending as f64)]);
        block(&mut text, "ticketing_outbox_oldest_seconds", [(String::new(), self.oldest.as_secs_f64())]);
        text
    }
}

/// What can be held now, of each session on sale.
async fn on_sale(ticketing: &Ticketing) -> Result<Vec<(SessionId, i64)>, StoreError> {
    let (mut found, mut seen, mut after) = (Vec::new(), 0, None);
    loop {
        let page = PageRequest { limit: PageRequest::LIMIT_MAX, after };
        let page = ticketing.queries().sessions(None, page).await?;
        seen += page.items.len();
        let selling = page.items.iter().filter(|view| {
            view.event_status == EventStatus::Published && view.session.sale_at(view.as_of) == SaleStatus::Open
        });
        found.extend(selling.map(|view| (view.session.id, view.remaining())));
        if page.next.is_none() || seen >= SESSIONS_LOOKED_AT_MAX || found.len() >= SESSIONS_SHOWN_MAX {
            found.truncate(SESSIONS_SHOWN_MAX);
            return Ok(found);
        }
        after = page.next;
    }
}

fn block(text: &mut String, name: &str, values: impl IntoIterator<Item = (String, f64)>) {
    let Some((kind, meaning)) = described::meaning(name) else { return };
    // Writing to a string cannot fail.
    let _ = writeln!(text, "# HELP {name} {meaning}\n# TYPE {name} {}", kind.name());
    for (labels, value) in values {
        let _ = writeln!(text, "{name}{labels} {value}");
    }
    text.push('\n');
}
