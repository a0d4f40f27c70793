//! What the examples share: a payment gateway of ten lines.

use futures_util::future::{BoxFuture, ready};
use ticketing_core::payment::{
    GatewaySession,
    gateway::{GatewayError, OpenPayment, PaymentGateway, Refund},
};

/// Takes cash. The payment's reference stands on the slip that the buyer brings to the desk, and the
/// clerk reports what was paid with `Ticketing::payment_callback`.
#[derive(Debug)]
pub struct CashDesk;

impl PaymentGateway for CashDesk {
    fn open(&self, request: OpenPayment) -> BoxFuture<'_, Result<GatewaySession, GatewayError>> {
        let slip = request.reference.to_string();
        let url = format!("https://desk.example/{slip}");
        let pg_payment_id = slip.parse().map_err(|error| GatewayError::Refused(format!("{slip}: {error}")));
        Box::pin(ready(pg_payment_id.map(|pg_payment_id| GatewaySession { pg_payment_id, url })))
    }

    fn refund(&self, request: Refund) -> BoxFuture<'_, Result<(), GatewayError>> {
        let wait = format!("{} of {} is waiting at the desk", request.amount, request.pg_payment_id);
        Box::pin(ready(Err(GatewayError::Unavailable(wait))))
    }
}
