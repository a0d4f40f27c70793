//! The sandbox gateway: takes no money, and behaves like one that does.
//!
//! It keeps nothing but the refunds it made: a payment's name at the gateway is derived from the
//! merchant reference, so that every node and every start gives the same answer.

use std::{fmt, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use quick_cache::sync::Cache;
use serde::Serialize;
use ticketing_core::{
    clock::Clock,
    ids::PaymentId,
    money::Money,
    payment::{
        CallbackStatus, GatewayPaymentId, GatewaySession, Payment,
        gateway::{GatewayError, OpenPayment, PaymentGateway, Refund},
    },
};
use tokio::{
    sync::{Semaphore, TryAcquireError},
    task::JoinHandle,
};

use super::{
    delivery::{Delivery, DeliveryError},
    signature::{SigningSecret, hex},
};

/// The payment page's path, in front of the payment's name.
pub const PAY_PATH: &str = "/sandbox/pay/";
/// Refunds remembered; older ones would be made again.
const REFUNDS_MAX: usize = 100_000;
/// Callbacks under way at once.
const DELIVERIES_MAX: usize = 1_024;

/// What the sandbox is made of.
#[derive(Debug)]
pub struct SandboxSettings {
    /// Signs the callbacks, and names the payments.
    pub secret: SigningSecret,
    /// The server's public address, in front of every link.
    pub public_url: Arc<str>,
    /// Where this machine reaches the server: callbacks go there.
    pub bound: SocketAddr,
    /// Tells the time of the signatures.
    pub clock: Arc<dyn Clock>,
}

/// The sandbox gateway.
pub struct Sandbox {
    secret: SigningSecret,
    public_url: Arc<str>,
    delivery: Delivery,
    deliveries: Arc<Semaphore>,
    refunds: Cache<String, Money>,
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sandbox({})", self.public_url)
    }
}

/// Too many callbacks are under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{DELIVERIES_MAX} callbacks of the sandbox are under way")]
pub struct Busy;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CallbackBody<'a> {
    pg_payment_id: &'a str,
    status: CallbackStatus,
    amount: i64,
    currency: &'a str,
}

impl Sandbox {
    /// A sandbox for one server.
    pub fn new(settings: SandboxSettings) -> Self {
        let SandboxSettings { secret, public_url, bound, clock } = settings;
        Self {
            delivery: Delivery::new(bound, secret.clone(), clock),
            secret,
            public_url,
            deliveries: Arc::new(Semaphore::new(DELIVERIES_MAX)),
            refunds: Cache::new(REFUNDS_MAX),
        }
    }

    /// Whether `payment` was opened here.
    pub fn owns(&self, payment: &Payment) -> bool {
        payment.gateway.as_ref().is_some_and(|gateway| gateway.pg_payment_id.as_str() == self.name(payment.id))
    }

    /// Reports `status` of a payment of its own to the server, until the server has taken it. The
    /// delivery goes on when the answer is dropped.
    ///
    /// # Errors
    /// [`Busy`]; nothing was sent.
    pub fn report(
        &self,
        payment: &Payment,
        status: CallbackStatus,
    ) -> Result<JoinHandle<Result<(), DeliveryError>>, Busy> {
        let permit = match Arc::clone(&self.deliveries).try_acquire_owned() {
            Ok(permit) => permit,
            Err(TryAcquireError::NoPermits) => return Err(Busy),
            Err(TryAcquireError::Closed) => unreachable!("nobody closes the sandbox's semaphore"),
        };
        let body = CallbackBody {
            pg_payment_id: &self.name(payment.id),
            status,
            amount: payment.amount.minor,
            currency: payment.amount.currency.as_str(),
        };
        let body = Bytes::from(serde_json::to_vec(&body).expect("strings and integers are always JSON"));
        let (delivery, payment_id) = (self.delivery.clone(), payment.id);
        Ok(tokio::spawn(async move {
            let delivered = delivery.deliver(body).await;
            if let Err(error) = &delivered {
                tracing::warn!(%payment_id, %error, "a callback of the sandbox was not delivered");
            }
            drop(permit);
            delivered
        }))
    }

    /// What was given back under `key`, as far as it is remembered.
    pub fn refunded(&self, key: &str) -> Option<Money> {
        self.refunds.get(key)
    }

    fn name(&self, reference: PaymentId) -> String {
        let mac = self.secret.name(format!("sandbox payment {reference}").as_bytes());
        format!("pg_{}", hex(&mac[..16]))
    }

    fn session(&self, reference: PaymentId) -> GatewaySession {
        let name = self.name(reference);
        let url = format!("{}{PAY_PATH}{name}", self.public_url.trim_end_matches('/'));
        let pg_payment_id = GatewayPaymentId::try_from(name).expect("`pg_` and hex digits are visible ASCII");
        GatewaySession { pg_payment_id, url }
    }

    fn give_back(&self, refund: Refund) -> Result<(), GatewayError> {
        let Refund { key, pg_payment_id, amount } = refund;
        match self.refunds.get(&key) {
            Some(before) if before == amount => Ok(()),
            Some(before) => Err(GatewayError::Refused(format!("{key} gave {before} back before, not {amount}"))),
            None => {
                tracing::info!(%key, %pg_payment_id, %amount, "the sandbox gave a payment back");
                self.refunds.insert(key, amount);
                Ok(())
            }
        }
    }
}

impl PaymentGateway for Sandbox {
    fn open(&self, request: OpenPayment) -> BoxFuture<'_, Result<GatewaySession, GatewayError>> {
        Box::pin(std::future::ready(Ok(self.session(request.reference))))
    }

    fn refund(&self, request: Refund) -> BoxFuture<'_, Result<(), GatewayError>> {
        Box::pin(std::future::ready(self.give_back(request)))
    }
}

#[cfg(test)]
mod tests {
    use ticketing_core::{
        clock::{SystemClock, Timestamp},
        ids::{HoldId, OrderId, SessionId, UserId},
        money::Currency,
        payment::{PaymentMethod, PaymentStatus},
    };
    use uuid::Uuid;

    use super::*;

    fn sandbox(secret: &[u8]) -> Sandbox {
        Sandbox::new(SandboxSettings {
            secret: SigningSecret::new(secret),
            public_url: "https://tickets.example/".into(),
            bound: ([127, 0, 0, 1], 1).into(),
            clock: Arc::new(SystemClock::new()),
        })
    }

    fn reference(n: u128) -> PaymentId {
        PaymentId::from_uuid(Uuid::from_u128(n))
    }

    fn won(minor: i64) -> Money {
        Money::new(minor, Currency::KRW)
    }

    async fn open(sandbox: &Sandbox, n: u128) -> GatewaySession {
        let request = OpenPayment {
            reference: reference(n),
            amount: won(1),
            method: PaymentMethod::Card,
            expires_at: Timestamp::from_micros(0),
        };
        sandbox.open(request).await.unwrap()
    }

    #[tokio::test]
    async fn one_reference_is_one_payment_on_every_node() {
        let first = open(&sandbox(b"secret"), 1).await;
        assert_eq!(open(&sandbox(b"secret"), 1).await, first);
        assert_ne!(open(&sandbox(b"secret"), 2).await, first);
        assert_ne!(open(&sandbox(b"other"), 1).await, first);
        let name = first.pg_payment_id.as_str();
        assert_eq!(name.len(), 35);
        assert_eq!(first.url, format!("https://tickets.example/sandbox/pay/{name}"));
    }

    #[tokio::test]
    async fn it_owns_only_what_it_opened() {
        let ours = sandbox(b"secret");
        let mut payment = Payment {
            id: reference(1),
            session_id: SessionId::from_uuid(Uuid::from_u128(2)),
            order_id: OrderId::from_uuid(Uuid::from_u128(3)),
            hold_id: HoldId::from_uuid(Uuid::from_u128(4)),
            user_id: UserId::from_uuid(Uuid::from_u128(5)),
            method: PaymentMethod::Card,
            amount: won(1),
            gateway: None,
            status: PaymentStatus::Pending,
            created_at: Timestamp::from_micros(0),
            updated_at: Timestamp::from_micros(0),
        };
        assert!(!ours.owns(&payment));
        payment.gateway = Some(open(&ours, 1).await);
        assert!(ours.owns(&payment));
        assert!(!sandbox(b"other").owns(&payment));
    }

    #[tokio::test]
    async fn a_refund_is_made_once_per_key() {
        let sandbox = sandbox(b"secret");
        let refund = |minor| Refund {
            key: "refund:1".to_owned(),
            pg_payment_id: GatewayPaymentId::try_from("pg_1".to_owned()).unwrap(),
            amount: won(minor),
        };
        sandbox.refund(refund(5)).await.unwrap();
        sandbox.refund(refund(5)).await.unwrap();
        assert_eq!(sandbox.refunded("refund:1"), Some(won(5)));
        assert!(matches!(sandbox.refund(refund(6)).await, Err(GatewayError::Refused(_))));
    }
}
