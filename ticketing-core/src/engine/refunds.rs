//! Refunds that an organiser asks for.

use super::{EngineError, Ticketing};
use crate::{
    audit::Caller,
    command::{RefundOrder, RefundReason, RefundRefusal, Refunded},
    ids::{OrderId, OutboxId},
};

impl Ticketing {
    /// Gives a paid order back in full: its tickets are revoked and its stock is for sale again at once,
    /// the money follows through the outbox. Asked again, it answers the same.
    ///
    /// # Errors
    /// [`RefundRefusal`], or the engine's own.
    pub async fn refund_order(
        &self,
        caller: Caller,
        order_id: OrderId,
    ) -> Result<Refunded, EngineError<RefundRefusal>> {
        let order = self.found(self.queries().order(order_id), RefundRefusal::OrderNotFound).await?;
        let outbox_id = OutboxId::from_uuid(self.uuid());
        let refunded = self.ask(RefundOrder { caller, session_id: order.session_id, order_id, outbox_id }).await?;
        if !refunded.existing {
            let reason = RefundReason::Organiser.as_str();
            metrics::counter!("ticketing_refund_requested_total", "reason" => reason).increment(1);
            self.inner.workers.wake_outbox();
        }
        Ok(refunded)
    }
}
