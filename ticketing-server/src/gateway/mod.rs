//! The payment gateway's side of the server: who signs its callbacks, and the sandbox one.

pub mod delivery;
pub mod journal;
pub mod page;
pub mod play;
pub mod redact;
pub mod sandbox;
pub mod signature;
