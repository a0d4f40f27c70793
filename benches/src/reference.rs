//! What the engine's batches are compared with: a transaction of its own for each hold, with the same rows.
//!
//! The same schema, made by the store's own migration, the same indexes, the same durability. They
//! decide nothing, look nothing up and compute no MAC: they only write, which flatters them.

mod one_commit;
mod one_script;
mod one_transaction;

pub use self::{one_commit::OneCommitPerHold, one_script::OneScriptPerHold, one_transaction::OneTransactionPerHold};

const META: &str = r#"{"quantity":1,"amount":55000,"currency":"KRW"}"#;
const MAC: [u8; 32] = [7; 32];
const DIGEST: [u8; 16] = [7; 16];
