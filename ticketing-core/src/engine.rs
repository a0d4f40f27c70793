//! (being written)
pub struct Ticketing;
