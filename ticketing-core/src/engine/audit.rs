//! Looking into the audit log.

use super::Ticketing;
use crate::{
    audit::{Actor, AuditRecord, StreamId},
    ids::{CallbackId, HoldId, LoginId, OrderId, PaymentId, TicketId, UserId},
    store::{AuditFilter, Page, PageRequest, StoreError},
};

impl Ticketing {
    /// Records of the audit log about `target`, caused by `actor`, or both; all of them without either.
    /// What a hold, an order, a payment or a ticket has to tell stands in its session's chain, an account or a
    /// login in that of all accounts, a callback in that of callbacks nobody knows: only that one is looked
    /// through.
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
            return Ok(chain_of(target));
        };
        Ok(session.map(StreamId::Session))
    }
}

/// The chain that `target` names by itself.
fn chain_of(target: &str) -> Option<StreamId> {
    if target.parse::<UserId>().is_ok() || target.parse::<LoginId>().is_ok() {
        return Some(StreamId::Users);
    }
    if target.parse::<CallbackId>().is_ok() {
        return Some(StreamId::Callbacks);
    }
    match target.parse() {
        Ok(stream @ (StreamId::Session(_) | StreamId::Event(_))) => Some(stream),
        Ok(StreamId::Users | StreamId::Callbacks) | Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::ids::{EventId, SessionId};

    #[test]
    fn what_has_one_chain_is_looked_for_in_no_other() {
        let id = Uuid::from_u128(7);
        let (event, session) = (EventId::from_uuid(id), SessionId::from_uuid(id));
        let check = |target: String, chain| assert_eq!(chain_of(&target), chain, "{target}");
        check(UserId::from_uuid(id).to_string(), Some(StreamId::Users));
        check(LoginId::from_uuid(id).to_string(), Some(StreamId::Users));
        check(CallbackId::from_uuid(id).to_string(), Some(StreamId::Callbacks));
        check(event.to_string(), Some(StreamId::Event(event)));
        check(session.to_string(), Some(StreamId::Session(session)));
        check("user_of_nobody".to_owned(), None);
    }
}
