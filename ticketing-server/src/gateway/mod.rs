//! The payment gateway's side of the server: who signs its callbacks, the sandbox one, and one behind HTTP.

pub mod delivery;
pub mod http;
pub mod journal;
pub mod page;
pub mod play;
pub mod redact;
pub mod sandbox;
pub mod signature;
