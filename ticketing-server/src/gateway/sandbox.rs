//! The sandbox gateway: takes no money, and behaves like one that does.
//!
//! A payment's name at the gateway is derived from the merchant reference, and what it is of and until
//! when it can be paid stands in the shop's own records: so every node and every start serves every
//! payment. Of its own it has only its [`Journal`], and that no payment waits for.

use std::{fmt, io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::{BoxFuture, join_all};
use serde::Serialize;
use ticketing_core::{
    clock::{Clock, Timestamp},
    ids::PaymentId,
    money::Money,
    payment::{
        CallbackStatus, GatewayPaymentId, GatewaySession, Payment,
        gateway::{Capture, GatewayError, OpenPayment, PaymentGateway, Refund},
    },
    store::Page,
};
use tokio::{
    sync::{Semaphore, TryAcquireError},
    task::JoinHandle,
};

use super::{
    delivery::{Delivery, DeliveryError},
    journal::Journal,
    play::{Decision, Play, PlayConfig, Step},
    signature::{SigningSecret, hex},
};

/// The payment page's path, in front of the payment's name.
pub const PAY_PATH: &str = "/sandbox/pay/";
/// Callbacks under way at once.
const DELIVERIES_MAX: usize = 1_024;

/// What the sandbox is made of.
#[derive(Debug)]
pub struct SandboxSettings {
    /// Signs the callbacks, and names the payments.
    pub secret: SigningSecret,
    /// The secret before this one: what was opened under it can still be paid.
    pub previous: Option<SigningSecret>,
    /// The server's public address, in front of every link.
    pub public_url: Arc<str>,
    /// Where this machine reaches the server: callbacks go there.
    pub bound: SocketAddr,
    /// Tells the time of the signatures, and of captures.
    pub clock: Arc<dyn Clock>,
    /// Where it notes what it took and gave back.
    pub journal: Journal,
    /// How it behaves.
    pub play: PlayConfig,
}

/// The sandbox gateway.
pub struct Sandbox {
    secret: SigningSecret,
    previous: Option<SigningSecret>,
    public_url: Arc<str>,
    clock: Arc<dyn Clock>,
    journal: Arc<Journal>,
    play: Play,
    delivery: Delivery,
    deliveries: Arc<Semaphore>,
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sandbox({})", self.public_url)
    }
}

/// Why nothing was charged, nor reported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// Too many callbacks are under way.
    #[error("{DELIVERIES_MAX} callbacks of the sandbox are under way")]
    Busy,
    /// It is no payment of the sandbox's.
    #[error("the sandbox opened no such payment")]
    Unknown,
    /// The journal cannot be written.
    #[error("the sandbox's journal cannot be written: {0}")]
    Journal(#[source] io::Error),
}

/// A callback under way.
pub type Reported = JoinHandle<Result<(), DeliveryError>>;

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
        let SandboxSettings { secret, previous, public_url, bound, clock, journal, play } = settings;
        Self {
            delivery: Delivery::new(bound, secret.clone(), Arc::clone(&clock)),
            secret,
            previous,
            public_url,
            clock,
            journal: Arc::new(journal),
            play: Play::new(play),
            deliveries: Arc::new(Semaphore::new(DELIVERIES_MAX)),
        }
    }

    /// Whether `payment` was opened by a sandbox with these secrets, here or on another node.
    pub fn owns(&self, payment: &Payment) -> bool {
        self.name_of(payment).is_some()
    }

    /// Does with a payment of its own what the buyer decides, `left` before its end, and reports that to
    /// the server until the server has taken it. The delivery goes on when the answer is dropped.
    ///
    /// # Errors
    /// [`ReportError`]; nothing was taken, nothing is sent.
    pub async fn report(&self, payment: &Payment, decision: Decision, left: Duration) -> Result<Reported, ReportError> {
        let permit = match Arc::clone(&self.deliveries).try_acquire_owned() {
            Ok(permit) => permit,
            Err(TryAcquireError::NoPermits) => return Err(ReportError::Busy),
            Err(TryAcquireError::Closed) => unreachable!("nobody closes the sandbox's semaphore"),
        };
        let name = self.name_of(payment).ok_or(ReportError::Unknown)?.clone();
        let payment_id = payment.id;
        let script = self.play.script(decision, payment.amount, left);
        if let Some(amount) = script.captured {
            let (at, name) = (self.clock.now(), name.clone());
            let noted = self.of_journal(move |journal| journal.captured(at, payment_id, name, amount));
            noted.await.map_err(ReportError::Journal)?;
        }
        let delivery = self.delivery.clone();
        Ok(tokio::spawn(async move {
            let mut delivered = Ok(());
            for step in script.steps {
                tokio::time::sleep(step.after).await;
                delivered = tell(&delivery, &name, step).await.and(delivered);
            }
            if let Err(error) = &delivered {
                tracing::warn!(%payment_id, %error, "a callback of the sandbox was not delivered");
            }
            drop(permit);
            delivered
        }))
    }

    /// What was given back under `key`, as far as it is remembered.
    pub fn refunded(&self, key: &str) -> Option<Money> {
        self.journal.refund(key).ok().flatten()
    }

    /// Its name for `payment`, if it is one of its own.
    fn name_of<'a>(&self, payment: &'a Payment) -> Option<&'a GatewayPaymentId> {
        let name = &payment.gateway.as_ref()?.pg_payment_id;
        let mut secrets = std::iter::once(&self.secret).chain(&self.previous);
        secrets.any(|secret| name.as_str() == self::name(secret, payment.id)).then_some(name)
    }

    fn session(&self, reference: PaymentId) -> GatewaySession {
        let name = name(&self.secret, reference);
        let url = format!("{}{PAY_PATH}{name}", self.public_url.trim_end_matches('/'));
        let pg_payment_id = GatewayPaymentId::try_from(name).expect("`pg_` and hex digits are visible ASCII");
        GatewaySession { pg_payment_id, url }
    }

    /// Files are slow: their turn comes where nobody else has to wait for it.
    async fn of_journal<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Journal) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let journal = Arc::clone(&self.journal);
        tokio::task::spawn_blocking(move || work(&journal)).await.map_err(io::Error::other)?
    }

    async fn give_back(&self, refund: Refund) -> Result<(), GatewayError> {
        if self.play.is_away_for_a_refund() {
            return Err(played("it was away"));
        }
        let at = self.clock.now();
        tracing::info!(key = %refund.key, pg_payment_id = %refund.pg_payment_id, amount = %refund.amount,
            "the sandbox gives a payment back");
        // No money moves: what is noted again under its key, from whatever node, counts once.
        self.of_journal(move |journal| journal.refunded(at, refund)).await.map_err(unavailable)?;
        if self.play.loses_the_reply_of_a_refund() { Err(played("the reply was lost")) } else { Ok(()) }
    }

    async fn captures(&self, since: Timestamp, after: Option<String>) -> Result<Page<Capture>, GatewayError> {
        let after = after.map_or(Ok(0), |after| after.parse());
        let after = after.map_err(|_| GatewayError::Refused("no page of this list".to_owned()))?;
        self.of_journal(move |journal| journal.captures(since, after)).await.map_err(unavailable)
    }
}

/// Tells the server one thing, as often as the step says, all at once.
async fn tell(delivery: &Delivery, name: &GatewayPaymentId, step: Step) -> Result<(), DeliveryError> {
    let Step { status, amount, copies, .. } = step;
    let currency = amount.currency.as_str();
    let body = CallbackBody { pg_payment_id: name.as_str(), status, amount: amount.minor, currency };
    let body = Bytes::from(serde_json::to_vec(&body).expect("strings and integers are always JSON"));
    let told = join_all((0..copies).map(|_| delivery.deliver(body.clone()))).await;
    told.into_iter().collect()
}

fn name(secret: &SigningSecret, reference: PaymentId) -> String {
    let mac = secret.name(format!("sandbox payment {reference}").as_bytes());
    format!("pg_{}", hex(&mac[..16]))
}

/// It was told to fail like this.
fn played(what: &str) -> GatewayError {
    GatewayError::Unavailable(format!("the sandbox plays that {what}"))
}

fn unavailable(error: io::Error) -> GatewayError {
    GatewayError::Unavailable(format!("the sandbox's journal: {error}"))
}

impl PaymentGateway for Sandbox {
    fn open(&self, request: OpenPayment) -> BoxFuture<'_, Result<GatewaySession, GatewayError>> {
        let session = self.session(request.reference);
        let lost = self.play.loses_the_reply_of_an_opening();
        Box::pin(std::future::ready(if lost { Err(played("the reply was lost")) } else { Ok(session) }))
    }

    fn refund(&self, request: Refund) -> BoxFuture<'_, Result<(), GatewayError>> {
        Box::pin(self.give_back(request))
    }

    fn captured(&self, since: Timestamp, after: Option<String>) -> BoxFuture<'_, Result<Page<Capture>, GatewayError>> {
        Box::pin(self.captures(since, after))
    }
}

#[cfg(test)]
mod tests {
    use ticketing_core::{
        clock::SystemClock,
        ids::{HoldId, OrderId, SessionId, UserId},
        money::Currency,
        payment::{PaymentMethod, PaymentStatus},
    };
    use uuid::Uuid;

    use super::*;

    const LEFT: Duration = Duration::from_secs(60);

    fn sandbox(secret: &[u8]) -> Sandbox {
        changed(secret, None)
    }

    fn changed(secret: &[u8], previous: Option<&[u8]>) -> Sandbox {
        Sandbox::new(SandboxSettings {
            secret: SigningSecret::new(secret),
            previous: previous.map(SigningSecret::new),
            public_url: "https://tickets.example/".into(),
            // Nobody listens there.
            bound: ([127, 0, 0, 1], 1).into(),
            clock: Arc::new(SystemClock::new()),
            journal: Journal::in_memory(),
            play: PlayConfig::default(),
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

    fn payment(gateway: Option<GatewaySession>) -> Payment {
        Payment {
            id: reference(1),
            session_id: SessionId::from_uuid(Uuid::from_u128(2)),
            order_id: OrderId::from_uuid(Uuid::from_u128(3)),
            hold_id: HoldId::from_uuid(Uuid::from_u128(4)),
            user_id: UserId::from_uuid(Uuid::from_u128(5)),
            method: PaymentMethod::Card,
            amount: won(7),
            gateway,
            status: PaymentStatus::Pending,
            created_at: Timestamp::from_micros(0),
            updated_at: Timestamp::from_micros(0),
        }
    }

    #[tokio::test]
    async fn it_owns_only_what_it_opened_on_whatever_node() {
        let ours = sandbox(b"secret");
        assert!(!ours.owns(&payment(None)));
        let opened = payment(Some(open(&ours, 1).await));
        assert!(ours.owns(&opened));
        assert!(sandbox(b"secret").owns(&opened));
        assert!(!sandbox(b"other").owns(&opened));
        assert!(changed(b"other", Some(b"secret")).owns(&opened), "while the secret is being changed");
        assert!(!ours.owns(&payment(Some(open(&ours, 2).await))), "another payment's name");
    }

    #[tokio::test]
    async fn what_it_took_is_listed_and_what_it_declined_is_not() {
        let ours = sandbox(b"secret");
        let opened = payment(Some(open(&ours, 1).await));
        let listed = async || ours.captured(Timestamp::from_micros(0), None).await.unwrap().items;
        ours.report(&opened, Decision::Decline, LEFT).await.unwrap().abort();
        assert_eq!(listed().await, []);
        let other = payment(Some(open(&ours, 2).await));
        assert!(matches!(ours.report(&other, Decision::Pay, LEFT).await, Err(ReportError::Unknown)));
        assert_eq!(listed().await, []);
        for _ in 0..2 {
            ours.report(&opened, Decision::Pay, LEFT).await.unwrap().abort();
            let found = listed().await;
            assert_eq!(found.len(), 1);
            assert_eq!((found[0].reference, found[0].amount, found[0].given_back), (Some(opened.id), won(7), false));
        }
        let pg_payment_id = opened.gateway.unwrap().pg_payment_id;
        ours.refund(Refund { key: "refund:1".to_owned(), pg_payment_id, amount: won(7) }).await.unwrap();
        assert!(listed().await[0].given_back);
        let nonsense = ours.captured(Timestamp::from_micros(0), Some("x".to_owned())).await;
        assert!(matches!(nonsense, Err(GatewayError::Refused(_))), "{nonsense:?}");
    }

    #[tokio::test]
    async fn a_refund_asked_for_again_is_made_once() {
        let sandbox = sandbox(b"secret");
        let refund = |minor| Refund {
            key: "refund:1".to_owned(),
            pg_payment_id: GatewayPaymentId::try_from("pg_1".to_owned()).unwrap(),
            amount: won(minor),
        };
        sandbox.refund(refund(5)).await.unwrap();
        sandbox.refund(refund(5)).await.unwrap();
        assert_eq!(sandbox.refunded("refund:1"), Some(won(5)));
        assert_eq!(sandbox.refunded("refund:2"), None);
    }
}
