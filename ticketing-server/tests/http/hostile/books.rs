//! Everything that a store has, as text to be compared.

use std::fmt::{Debug, Write as _};

use ticketing_core::store::{AuditFilter, HoldFilter, OrderFilter, Page, PageRequest, StoreError};

use crate::server::TestServer;

/// What the store behind `server` has. Each change of the ledger has its audit record, so the log tells
/// also of what is not listed here.
pub async fn read(server: &TestServer) -> String {
    let queries = server.app.ticketing.queries();
    let mut books = String::new();
    write(&mut books, async |page| queries.users(page).await).await;
    write(&mut books, async |page| queries.events(None, page).await).await;
    let sessions = all(async |page| queries.sessions(None, page).await).await;
    for view in &sessions {
        let session = &view.session;
        let _ = writeln!(books, "{session:?}");
        let room = queries.queue(session.id).await.unwrap().unwrap().room;
        // The mirror of a room that is kept apart follows by itself.
        if !room.apart {
            let _ = writeln!(books, "{} in the queue", room.next);
        }
        let stats = server.app.ticketing.session_stats(session.id).await.unwrap().unwrap();
        let _ = writeln!(books, "{} of them wait, {} are active", stats.waiting, stats.active);
        let _ = writeln!(books, "{:?}", queries.seats(session.id, None).await.unwrap().unwrap().1);
    }
    write(&mut books, async |page| queries.holds(HoldFilter::default(), page).await).await;
    write(&mut books, async |page| queries.orders(OrderFilter::default(), page).await).await;
    write(&mut books, async |page| queries.callbacks_unmatched(page).await).await;
    write(&mut books, async |page| queries.audit_records(AuditFilter::default(), page).await).await;
    books
}

async fn write<T: Debug>(books: &mut String, list: impl AsyncFn(PageRequest) -> Result<Page<T>, StoreError>) {
    for item in all(list).await {
        let _ = writeln!(books, "{item:?}");
    }
}

async fn all<T>(list: impl AsyncFn(PageRequest) -> Result<Page<T>, StoreError>) -> Vec<T> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = list(PageRequest { limit: PageRequest::LIMIT_MAX, after }).await.unwrap();
        found.extend(page.items);
        after = page.next;
        if after.is_none() {
            return found;
        }
    }
}
