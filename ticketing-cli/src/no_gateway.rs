//! The payment gateway of a command line that takes no money.

use futures_util::future::{BoxFuture, ready};
use ticketing_core::payment::{
    GatewaySession,
    gateway::{GatewayError, OpenPayment, PaymentGateway, Refund},
};

/// Refuses everything. Commands of this program neither check out nor deliver refunds: a refund
/// waits in the outbox for the server.
#[derive(Debug)]
pub struct NoGateway;

impl PaymentGateway for NoGateway {
    fn open(&self, _: OpenPayment) -> BoxFuture<'_, Result<GatewaySession, GatewayError>> {
        Box::pin(ready(Err(GatewayError::Refused("the command line opens no payments".to_owned()))))
    }

    fn refund(&self, _: Refund) -> BoxFuture<'_, Result<(), GatewayError>> {
        Box::pin(ready(Err(GatewayError::Refused("the command line gives no payments back".to_owned()))))
    }
}
