//! Whether a server writes again.

use std::{sync::Arc, time::Duration};

use reqwest::Method;
use serde_json::json;
use ticketing_core::{
    clock::{Clock, Timestamp},
    ids::{SessionId, UserId},
};
use uuid::Uuid;

use crate::{
    error::SimError,
    load::shop::{Accounts, Wire, bearer, send},
};

/// How long one answer is waited for.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two questions.
const ASK_EVERY: Duration = Duration::from_millis(10);
/// When nobody believes in it any more.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// People who ask each server for a place in the waiting room until it gives one: that takes the session's lock in the
/// store, and is a write as long as there is something to sell.
#[derive(Debug)]
pub struct Probe {
    wire: Wire,
    accounts: Accounts,
}

impl Probe {
    /// Of these servers.
    ///
    /// # Errors
    /// [`SimError::Usage`] when one is no address.
    pub fn new(nodes: &[String], accounts: Accounts) -> Result<Self, SimError> {
        Ok(Self { wire: Wire::new(nodes, PATIENCE)?, accounts })
    }

    /// When the last of the servers wrote; `None` when one does not in half a minute.
    ///
    /// # Errors
    /// [`SimError`] when nobody can be who asks.
    pub async fn recovered(&self, session: SessionId, clock: &Arc<dyn Clock>) -> Result<Option<Timestamp>, SimError> {
        let until = clock.now().plus(WAIT_MAX);
        for node in 0..self.wire.nodes() {
            while !self.writes(node, session).await? {
                if clock.now() > until {
                    return Ok(None);
                }
                tokio::time::sleep(ASK_EVERY).await;
            }
        }
        Ok(Some(clock.now()))
    }

    /// Whether somebody who has no place yet is given one, or told that none is left.
    async fn writes(&self, node: usize, session: SessionId) -> Result<bool, SimError> {
        let newcomer = UserId::from_uuid(Uuid::from_u128(fastrand::u128(..)));
        let token = self.accounts.token(&self.wire, newcomer).await?;
        let (name, value) = bearer(&token.text);
        let request = self.wire.request(node, Method::POST, "/api/queue/token").header(name, value);
        Ok(match send(request.json(&json!({ "sessionId": session }))).await {
            Ok(_) => true,
            Err(answer) => answer.is_refusal_for("sold_out"),
        })
    }
}
