//! What `/metrics` shows of the ledger itself, rather than of what this process did.

#[cfg(test)]
mod tests;

use std::{
    fmt::Write,
    future::Future,
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
    store::{PageRequest, SessionView, StoreError},
};

use super::described;

/// How long a reading is shown.
const FRESH_FOR: Duration = Duration::from_secs(5);
/// Longest time that one reading may take.
const READING_TIME_MAX: Duration = Duration::from_secs(2);
/// A session that began so long ago is not shown, and is not looked at again for a while.
const OVER_AFTER: Duration = Duration::from_secs(7 * 86_400);
/// For so long: its organiser may have moved it.
const PAST_FOR: Duration = Duration::from_secs(3_600);
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
    reading: tokio::sync::Mutex<Past>,
}

/// Where the sessions begin that are not long over: they are listed from the oldest on, and there may be any
/// number of old ones.
#[derive(Debug, Default)]
struct Past {
    /// Behind this one, as the list says it.
    cursor: Option<String>,
    /// When the list was last looked through from its beginning.
    begun_at: Option<Timestamp>,
}

impl LedgerGauges {
    /// The gauges in Prometheus' text format; none when the store cannot be read. One who asks reads them anew
    /// where they are old, and everybody else is told the last ones meanwhile.
    pub(crate) async fn render(&self, ticketing: &Ticketing, clock: &dyn Clock) -> Arc<str> {
        let last = self.last();
        if let Some((_, text)) = last.as_ref().filter(|(at, _)| clock.now().since(*at) < FRESH_FOR) {
            return Arc::clone(text);
        }
        let mut past = match (self.reading.try_lock(), last) {
            (Ok(reading), _) => reading,
            (Err(_), Some((_, text))) => return text,
            (Err(_), None) => self.reading.lock().await,
        };
        // Somebody may have read them since.
        if let Some((_, text)) = self.last().filter(|(at, _)| clock.now().since(*at) < FRESH_FOR) {
            return text;
        }
        let (outbox, stock) = tokio::join!(in_time(outbox(ticketing)), in_time(stock(ticketing, &mut past)));
        let text: Arc<str> = (stock + &outbox).into();
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

/// What `reading` found; nothing if that takes too long or cannot be had.
async fn in_time(reading: impl Future<Output = Result<String, StoreError>>) -> String {
    match tokio::time::timeout(READING_TIME_MAX, reading).await {
        Ok(Ok(text)) => text,
        Ok(Err(error)) => {
            tracing::warn!(%error, "the ledger's gauges cannot be read");
            String::new()
        }
        Err(_) => String::new(),
    }
}

/// How many messages wait, and for how long.
async fn outbox(ticketing: &Ticketing) -> Result<String, StoreError> {
    let queries = ticketing.queries();
    let now = queries.now().await?;
    let messages = queries.outbox_due(now.plus_seconds(AHEAD_SECONDS), MESSAGES_MAX).await?;
    let age = |message: &OutboxMessage| now.since(message.created_at);
    let oldest = messages.iter().map(age).max().unwrap_or_default();
    let mut text = String::new();
    block(&mut text, "ticketing_outbox_pending", [(String::new(), messages.len() as f64)]);
    block(&mut text, "ticketing_outbox_oldest_seconds", [(String::new(), oldest.as_secs_f64())]);
    Ok(text)
}

/// What is left of each session on sale.
async fn stock(ticketing: &Ticketing, past: &mut Past) -> Result<String, StoreError> {
    let remaining = on_sale(ticketing, past).await?;
    let values = remaining.iter().map(|(id, left)| (format!("{{session_id=\"{id}\"}}"), *left as f64));
    let mut text = String::new();
    block(&mut text, "ticketing_inventory_remaining", values);
    Ok(text)
}

/// What can be held now, of each session on sale.
async fn on_sale(ticketing: &Ticketing, past: &mut Past) -> Result<Vec<(SessionId, i64)>, StoreError> {
    let now = ticketing.queries().now().await?;
    if past.begun_at.is_none_or(|begun_at| now.since(begun_at) >= PAST_FOR) {
        *past = Past { cursor: None, begun_at: Some(now) };
    }
    let (mut found, mut seen, mut after) = (Vec::new(), 0, past.cursor.clone());
    let mut all_over = true;
    loop {
        let page = PageRequest { limit: PageRequest::LIMIT_MAX, after };
        let page = ticketing.queries().sessions(None, page).await?;
        seen += page.items.len();
        let selling = page.items.iter().filter(|view| {
            let published = view.event_status == EventStatus::Published && !is_over(view);
            published && view.session.sale_at(view.as_of) == SaleStatus::Open
        });
        found.extend(selling.map(|view| (view.session.id, view.remaining())));
        all_over = all_over && page.items.iter().all(is_over);
        if all_over && page.next.is_some() {
            past.cursor.clone_from(&page.next);
        }
        if page.next.is_none() || seen >= SESSIONS_LOOKED_AT_MAX {
            // The newest of them.
            found.drain(..found.len().saturating_sub(SESSIONS_SHOWN_MAX));
            return Ok(found);
        }
        after = page.next;
    }
}

/// Whether a session began long ago, whatever its organiser has left it at.
fn is_over(view: &SessionView) -> bool {
    view.as_of.since(view.session.start_at) >= OVER_AFTER
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
