//! An engine on the store under load.

use std::sync::Arc;

use ticketing_core::{Ticketing, clock::Clock, store::StoreError};
use ticketing_store::{OpenError, OpenOptions, Role, Secrets};

use super::gateway::SimGateway;
use crate::error::SimError;

/// Opens the store, makes it if there is none, and starts an engine on it that shares `clock`.
///
/// # Errors
/// [`SimError`] says what is wrong with the store or its secrets.
pub async fn open(url: &str, clock: Arc<dyn Clock>, gateway: Arc<SimGateway>) -> Result<Ticketing, SimError> {
    let options = OpenOptions { clock: Some(Arc::clone(&clock)), ..OpenOptions::new(Role::Tool) };
    let store = ticketing_store::open(url, options).map_err(|error| {
        let text = error.to_string();
        match error {
            OpenError::Url(_) | OpenError::Store { source: StoreError::Corrupt { .. }, .. } => SimError::Usage(text),
            _ => SimError::Unreachable(text),
        }
    })?;
    store.migrate().await?;
    let keys = Secrets::keys_from_environment(url).map_err(|error| SimError::Usage(error.to_string()))?;
    Ok(Ticketing::builder(store, keys, gateway).clock(clock).build())
}
