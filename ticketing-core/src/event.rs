//! Events: what is on, and where.

use serde::{Deserialize, Serialize};

use crate::{audit::ChainHead, clock::Timestamp, ids::EventId, state_enum};

state_enum! {
    /// Who may see an event.
    pub enum EventStatus {
        /// Only administrators.
        Draft = "DRAFT",
        /// Everyone; its sessions may sell.
        Published = "PUBLISHED",
        /// Only administrators, and its sessions sell no more.
        Archived = "ARCHIVED",
    }
}

/// An event: the heading over its sessions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its name.
    pub id: EventId,
    /// What is on.
    pub title: String,
    /// More about it, in the organiser's words.
    pub description: String,
    /// Where.
    pub venue: String,
    /// Who may see it.
    pub status: EventStatus,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// The end of its audit chain.
    pub audit: ChainHead,
}

/// Longest title and venue, in characters.
pub const NAME_CHARS_MAX: usize = 200;
/// Longest description, in characters.
pub const DESCRIPTION_CHARS_MAX: usize = 10_000;
