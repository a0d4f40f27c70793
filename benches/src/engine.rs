//! The engine in process, with one hot session.

use std::sync::Arc;

use futures_util::future::{BoxFuture, ready, try_join_all};
use ticketing_core::{
    Ticketing,
    audit::{Actor, Caller},
    clock::{Clock, SystemClock},
    engine::{HoldRequest, Keys, NewEvent, NewSession},
    event::EventStatus,
    hold::Wanted,
    ids::{SessionId, UserId},
    money::{Currency, Money},
    payment::{
        GatewaySession,
        gateway::{GatewayError, OpenPayment, PaymentGateway, Refund},
    },
    session::{Stock, limits},
    waiting_room::{QueueMode, QueuePolicy},
};
use ticketing_store::{OpenOptions, Role};
use uuid::Uuid;

use crate::Failure;

const OPERATOR: Caller = Caller::of(Actor::Operator);

/// An engine over an empty store, with a session on sale.
#[derive(Debug)]
pub struct Rig {
    /// The engine.
    pub engine: Ticketing,
    /// Its session: all the stock there can be, no waiting room.
    pub session_id: SessionId,
    url: String,
}

/// Takes no money: holds never get that far.
#[derive(Debug)]
struct NoGateway;

impl PaymentGateway for NoGateway {
    fn open(&self, _: OpenPayment) -> BoxFuture<'_, Result<GatewaySession, GatewayError>> {
        Box::pin(ready(Err(GatewayError::Refused("this benchmark opens no payments".to_owned()))))
    }

    fn refund(&self, _: Refund) -> BoxFuture<'_, Result<(), GatewayError>> {
        Box::pin(ready(Err(GatewayError::Refused("this benchmark gives nothing back".to_owned()))))
    }
}

impl Rig {
    /// An engine over the empty store at `url`.
    ///
    /// # Errors
    /// When it cannot be set up.
    pub async fn on(url: String) -> Result<Self, Failure> {
        let engine = node(&url).await?;
        let session_id = put_on_sale(&engine).await?;
        Ok(Self { engine, session_id, url })
    }

    /// One more engine over the same store, which is opened once more for it.
    ///
    /// # Errors
    /// When it cannot be set up.
    pub async fn another_node(&self) -> Result<Ticketing, Failure> {
        node(&self.url).await
    }

    /// As [`hold_rate`], on this engine alone.
    ///
    /// # Errors
    /// When any is refused.
    pub async fn hold_rate(&self, callers: usize, count: usize) -> Result<f64, Failure> {
        hold_rate(&[&self.engine], self.session_id, callers, count).await
    }

    /// Checks every invariant, and that exactly `held` tickets are held.
    ///
    /// # Errors
    /// When anything does not add up.
    pub async fn verify(&self, held: Option<i64>) -> Result<(), Failure> {
        verify(&self.engine).await?;
        let stats = self.engine.session_stats(self.session_id).await?.ok_or("the session is missing")?;
        match held {
            Some(held) if stats.stock.held != held => {
                Err(format!("{} tickets are held, {held} were acknowledged", stats.stock.held).into())
            }
            _ => Ok(()),
        }
    }
}

/// Places `count` holds by so many `callers` at once, each caller at one of `nodes` and each hold for a user of
/// its own; tells how many a second.
///
/// # Errors
/// When any is refused.
pub async fn hold_rate(
    nodes: &[&Ticketing],
    session_id: SessionId,
    callers: usize,
    count: usize,
) -> Result<f64, Failure> {
    let clock = SystemClock::new();
    let begun = clock.now();
    let callers = nodes.iter().cycle().zip(0..callers).map(|(&engine, n)| {
        let engine = engine.clone();
        let share = count / callers + usize::from(n < count % callers);
        tokio::spawn(async move {
            for _ in 0..share {
                engine.hold(request(session_id)).await?;
            }
            Ok::<_, Failure>(())
        })
    });
    for caller in try_join_all(callers).await? {
        caller?;
    }
    Ok(count as f64 / clock.now().since(begun).as_secs_f64())
}

/// Checks every invariant of a store.
///
/// # Errors
/// Names what is broken.
pub async fn verify(engine: &Ticketing) -> Result<(), Failure> {
    let report = engine.verify().await?;
    if report.is_clean() { Ok(()) } else { Err(format!("invariants are broken: {:?}", report.violations).into()) }
}

/// Checks every invariant of the store at `url`, whose audit log is chained with `audit_key`.
///
/// # Errors
/// Names what is broken.
pub async fn verify_store(url: &str, audit_key: &[u8]) -> Result<(), Failure> {
    let store = ticketing_store::open(url, OpenOptions { create: false, ..OpenOptions::new(Role::Tool) })?;
    let engine = Ticketing::builder(store, Keys::new(audit_key, &[2; 32], &[3; 32]), Arc::new(NoGateway)).build();
    verify(&engine).await
}

/// A hold of one ticket for a user never seen before.
pub fn request(session_id: SessionId) -> HoldRequest {
    let user_id = UserId::from_uuid(Uuid::from_u128(fastrand::u128(..)));
    let key = format!("key-{}", user_id.uuid().as_simple());
    HoldRequest {
        caller: Caller::of(Actor::User(user_id)),
        session_id,
        user_id,
        wanted: Wanted::Quantity(1),
        key: key.parse().expect("letters, digits and a dash make a key"),
        queue_token: None,
    }
}

/// An engine over the store at `url`, which is brought to the version it needs.
async fn node(url: &str) -> Result<Ticketing, Failure> {
    let store = ticketing_store::open(url, OpenOptions::new(Role::Server))?;
    store.migrate().await?;
    let keys = Keys::new(&[1; 32], &[2; 32], &[3; 32]);
    Ok(Ticketing::builder(store, keys, Arc::new(NoGateway)).build())
}

/// A session with all the stock there can be and no waiting room, of an event of its own.
///
/// # Errors
/// When it cannot be made.
pub async fn put_on_sale(engine: &Ticketing) -> Result<SessionId, Failure> {
    let event = NewEvent {
        title: "Benchmark".to_owned(),
        description: String::new(),
        venue: "Nowhere".to_owned(),
        status: EventStatus::Published,
    };
    let event = engine.create_event(OPERATOR, event).await?;
    let start_at = engine.queries().now().await?.plus_seconds(86_400);
    let price = Money::new(55_000, Currency::KRW);
    let session = NewSession {
        hold_ttl_seconds: limits::HOLD_TTL_SECONDS_MAX,
        queue: QueuePolicy { mode: QueueMode::Off, ..QueuePolicy::default() },
        ..NewSession::of(event.id, start_at, Stock::TOTAL_MAX, price)
    };
    Ok(engine.create_session(OPERATOR, session).await?.id)
}
