//! Payments and orders in JSON.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use ticketing_core::{
    clock::Timestamp,
    command::CheckoutRefusal,
    engine::OpenCheckout,
    event::Event,
    ids::{EventId, HoldId, OrderId, PaymentId, SessionId},
    money::Currency,
    order::{Order, OrderStatus},
    payment::{
        CallbackReport, CallbackStatus, GatewayPaymentId, GatewayPaymentIdError, Payment, PaymentMethod, PaymentStatus,
    },
    seat::SeatId,
    session::Session,
};

use crate::{
    error::{ApiError, IntoApi},
    gateway::signature::hex,
};

/// Asks to pay for a hold.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CheckoutBody {
    /// Which hold.
    pub hold_id: HoldId,
    /// How.
    pub method: PaymentMethod,
}

/// An order whose payment page is open.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckoutView {
    payment_id: PaymentId,
    order_id: OrderId,
    pg_payment_id: GatewayPaymentId,
    payment_session_url: String,
    amount: i64,
    currency: Currency,
    expires_at: Timestamp,
}

impl From<OpenCheckout> for CheckoutView {
    fn from(open: OpenCheckout) -> Self {
        Self {
            payment_id: open.payment.id,
            order_id: open.order.id,
            pg_payment_id: open.gateway.pg_payment_id,
            payment_session_url: open.gateway.url,
            amount: open.payment.amount.minor,
            currency: open.payment.amount.currency,
            expires_at: open.expires_at,
        }
    }
}

impl IntoApi for CheckoutRefusal {
    fn into_api(self) -> ApiError {
        let detail = self.to_string();
        match self {
            Self::HoldNotFound => ApiError::new(StatusCode::NOT_FOUND, "hold_not_found", detail),
            Self::HoldNotActive => ApiError::new(StatusCode::CONFLICT, "hold_not_active", detail),
            _ => ApiError::internal(detail),
        }
    }
}

/// What the gateway reports. Whatever else it says is kept, not refused.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallbackBody {
    pg_payment_id: ReportedId,
    status: CallbackStatus,
    amount: Option<i64>,
    currency: Option<String>,
}

impl CallbackBody {
    /// The report, with the body it came in.
    pub fn into_report(self, raw_payload: String) -> CallbackReport {
        let Self { pg_payment_id, status, amount, currency } = self;
        // No currency has it, and not every store can keep it.
        let currency = currency.map(|name| name.replace('\0', "\u{fffd}"));
        CallbackReport { pg_payment_id: pg_payment_id.0, status, amount, currency, raw_payload }
    }
}

/// The name a gateway reports a payment by. One that no payment of ours can have is still a genuine
/// callback's: `invalid:` and the SHA-256 of the name stand for it, and the payload keeps the name.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct ReportedId(GatewayPaymentId);

impl TryFrom<String> for ReportedId {
    type Error = GatewayPaymentIdError;

    fn try_from(name: String) -> Result<Self, GatewayPaymentIdError> {
        if name.is_empty() {
            return Err(GatewayPaymentIdError);
        }
        let digest = || format!("invalid:{}", hex(&Sha256::digest(&name))).try_into();
        name.parse().or_else(|_| digest()).map(Self)
    }
}

/// A payment.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentView {
    payment_id: PaymentId,
    order_id: OrderId,
    hold_id: HoldId,
    status: PaymentStatus,
    amount: i64,
    currency: Currency,
}

impl From<Payment> for PaymentView {
    fn from(payment: Payment) -> Self {
        Self {
            payment_id: payment.id,
            order_id: payment.order_id,
            hold_id: payment.hold_id,
            status: payment.status,
            amount: payment.amount.minor,
            currency: payment.amount.currency,
        }
    }
}

/// A receipt.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderView {
    order_id: OrderId,
    status: OrderStatus,
    session_id: SessionId,
    hold_id: HoldId,
    payment_id: PaymentId,
    payment_status: PaymentStatus,
    items: [OrderItem; 1],
    amount: i64,
    currency: Currency,
    created_at: Timestamp,
    updated_at: Timestamp,
    paid_at: Option<Timestamp>,
}

/// What was bought: an order is for one session, at the prices its hold was placed at.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OrderItem {
    event_id: EventId,
    session_id: SessionId,
    title: String,
    start_at: Timestamp,
    quantity: u32,
    seat_ids: Vec<SeatId>,
    amount: i64,
    currency: Currency,
}

impl OrderView {
    /// The receipt of `order`.
    pub fn new(order: Order, payment: &Payment, session: &Session, event: &Event) -> Self {
        let (amount, currency) = (order.amount.minor, order.amount.currency);
        let item = OrderItem {
            event_id: event.id,
            session_id: session.id,
            title: event.title.clone(),
            start_at: session.start_at,
            quantity: order.wanted.quantity(),
            seat_ids: order.wanted.seat_ids().to_vec(),
            amount,
            currency,
        };
        Self {
            order_id: order.id,
            status: order.status,
            session_id: order.session_id,
            hold_id: order.hold_id,
            payment_id: order.payment_id,
            payment_status: payment.status,
            items: [item],
            amount,
            currency,
            created_at: order.created_at,
            updated_at: order.updated_at,
            paid_at: order.paid_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report(name: &str) -> Result<CallbackReport, serde_json::Error> {
        let raw = json!({ "pgPaymentId": name, "status": "SUCCESS" }).to_string();
        let body: CallbackBody = serde_json::from_str(&raw)?;
        Ok(body.into_report(raw))
    }

    #[test]
    fn a_name_that_no_payment_can_have_is_reported_by_its_digest_beside_the_payload() {
        assert_eq!(report("pg_1").unwrap().pg_payment_id.as_str(), "pg_1");
        let odd = report("pg 1").unwrap();
        let digest = "invalid:23a0ced5d21d025dd555c1192e4474eec03d81e39b66d88380c81bb09b19c653";
        assert_eq!(odd.pg_payment_id.as_str(), digest);
        assert_eq!(odd.raw_payload, r#"{"pgPaymentId":"pg 1","status":"SUCCESS"}"#);
        assert_ne!(report("결제-1").unwrap().pg_payment_id, report("결제-2").unwrap().pg_payment_id);
        assert!(report(&"a".repeat(256)).unwrap().pg_payment_id.as_str().starts_with("invalid:"));
        assert!(report("").is_err());
    }
}
