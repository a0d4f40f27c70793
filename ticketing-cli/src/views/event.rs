use serde::Serialize;
use ticketing_core::{
    clock::Timestamp,
    event::{Event, EventStatus},
    ids::EventId,
};

use crate::output::{Show, when};

/// An event.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventRow {
    id: EventId,
    title: String,
    description: String,
    venue: String,
    status: EventStatus,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Event> for EventRow {
    fn from(event: Event) -> Self {
        let Event { id, title, description, venue, status, created_at, updated_at, audit: _ } = event;
        Self { id, title, description, venue, status, created_at, updated_at }
    }
}

impl Show for EventRow {
    const COLUMNS: &'static [&'static str] = &["event", "title", "venue", "status", "updated"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.title.clone(),
            self.venue.clone(),
            self.status.to_string(),
            when(self.updated_at),
        ]
    }
}
