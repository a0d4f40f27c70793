//! An engine on the store under load.

use std::sync::Arc;

use ticketing_core::{Ticketing, clock::Clock, store::StoreError};
use ticketing_store::{OpenError, OpenOptions, Role, Secrets};

use super::gateway::SimGateway;
use crate::error::SimError;

/// Opens the store, makes it if there is none, and starts an engine on it that tells its own time by `clock`.
///
/// # Errors
/// [`SimError`] says what is wrong with the store or its secrets.
pub async fn open(url: &str, clock: Arc<dyn Clock>, gateway: Arc<SimGateway>) -> Result<Ticketing, SimError> {
    let store = ticketing_store::open(url, OpenOptions::new(Role::Tool)).map_err(|error| {
        let text = error.to_string();
        match error {
            OpenError::Url(_) | OpenError::Store { source: StoreError::Corrupt { .. }, .. } => SimError::Usage(text),
            _ => SimError::Unreachable(text),
        }
    })?;
    store.migrate().await?;
    let keys = Secrets::keys_from_environment(url).map_err(|error| SimError::Usage(error.to_string()))?;
    let engine = Ticketing::builder(store, keys, gateway).clock(clock).build();
    engine.open_log().await?;
    Ok(engine)
}
