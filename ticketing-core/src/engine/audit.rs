//! Looking into the audit log.

use super::Ticketing;
use crate::{
    audit::{Actor, AuditRecord, StreamId},
    ids::{HoldId, OrderId, PaymentId, TicketId},
    store::{AuditFilter, Page, PageRequest, StoreError},
};

impl Ticketing {
    /// Records of the audit log about `target`, caused by `actor`, or both; all of them without either.
    /// What a hold, an order, a payment or a ticket has to tell stands in its session's chain, so only
    /// that one is looked through.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read, [`StoreError::Conflict`] when the page's cursor is not
    /// one of this list's.
    pub async fn audit_records(
        &self,
        target: Option<String>,
        actor: Option<Actor>,
        page: PageRequest,
    ) -> Result<Page<AuditRecord>, StoreError> {
        let stream = match &target {
            Some(target) => self.stream_of(target).await?,
            None => None,
        };
        self.queries().audit_records(AuditFilter { stream, target, actor }, page).await
    }

    /// The chain in which `target` is spoken of, if that is known.
    async fn stream_of(&self, target: &str) -> Result<Option<StreamId>, StoreError> {
        let queries = self.queries();
        let session = if let Ok(id) = target.parse::<HoldId>() {
            queries.hold(id).await?.map(|hold| hold.session_id)
        } else if let Ok(id) = target.parse::<OrderId>() {
            queries.order(id).await?.map(|order| order.session_id)
        } else if let Ok(id) = target.parse::<PaymentId>() {
            queries.payment(id).await?.map(|payment| payment.session_id)
        } else if let Ok(id) = target.parse::<TicketId>() {
            queries.ticket(id).await?.map(|view| view.ticket.session_id)
        } else {
            return Ok(match target.parse() {
                Ok(stream @ (StreamId::Session(_) | StreamId::Event(_))) => Some(stream),
                Ok(StreamId::Users | StreamId::Callbacks) | Err(_) => None,
            });
        };
        Ok(session.map(StreamId::Session))
    }
}
