//! An engine in this process.

use std::sync::Arc;

use ticketing_core::{
    Ticketing,
    audit::{Actor, Caller},
    clock::{Clock, SystemClock},
    command::{ReleaseBy, Settlement, UpdateEvent},
    engine::{
        CallbackOutcome, CheckoutRequest, EngineError, HoldRequest, NewEvent, NewSession, QueueState, QueueStatus,
    },
    event::EventStatus,
    hold::Wanted,
    ids::{HoldId, OrderId, PaymentId, SessionId, UserId},
    money::{Currency, Money},
    payment::{CallbackReport, CallbackStatus, PaymentMethod, PaymentStatus},
    session::limits,
    ticket::TicketStatus,
};

use super::{
    Delivered, Heard, Numbers, Page, Sale, Told, Turn, Verified, Violation, Wish, connect, gateway::SimGateway,
    reason::Reason,
};
use crate::{
    error::SimError,
    load::{scene::Scene, story::Answer},
};

const OPERATOR: Caller = Caller::of(Actor::Operator);
/// What a ticket costs.
pub const PRICE: Money = Money::new(55_000, Currency::KRW);

/// The engine, with a gateway that is asked in process.
#[derive(Debug, Clone)]
pub struct EngineShop {
    engine: Ticketing,
    gateway: Arc<SimGateway>,
}

/// One buyer of it.
#[derive(Debug)]
pub struct EngineCounter {
    engine: Ticketing,
    gateway: Arc<SimGateway>,
    caller: Caller,
    user_id: UserId,
}

impl EngineShop {
    pub(super) async fn open(url: &str) -> Result<Self, SimError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let gateway = Arc::new(SimGateway::new(Arc::clone(&clock)));
        let engine = connect::open(url, clock, Arc::clone(&gateway)).await?;
        engine.start_workers();
        Ok(Self { engine, gateway })
    }

    pub(super) fn visit(&self, user_id: UserId) -> EngineCounter {
        let (engine, gateway) = (self.engine.clone(), Arc::clone(&self.gateway));
        EngineCounter { engine, gateway, caller: Caller::of(Actor::User(user_id)), user_id }
    }

    pub(super) async fn open_sale(&self, scene: &Scene, stock: i64) -> Result<Sale, SimError> {
        let event = NewEvent {
            title: "Load".to_owned(),
            description: "Made by ticketing-sim".to_owned(),
            venue: "Nowhere".to_owned(),
            status: EventStatus::Published,
        };
        let event_id = self.engine.create_event(OPERATOR, event).await?.id;
        let start_at = self.engine.queries().now().await?.plus_seconds(86_400);
        let session = NewSession {
            max_per_user: limits::QUANTITY_MAX,
            hold_ttl_seconds: scene.hold_ttl_seconds,
            queue: scene.queue.clone(),
            ..NewSession::of(event_id, start_at, stock, PRICE)
        };
        let session_id = self.engine.create_session(OPERATOR, session).await?.id;
        Ok(Sale { event_id, session_id })
    }

    pub(super) async fn close_sale(&self, sale: Sale) -> Result<(), SimError> {
        let change = UpdateEvent {
            caller: OPERATOR,
            id: sale.event_id,
            title: None,
            description: None,
            venue: None,
            status: Some(EventStatus::Archived),
        };
        self.engine.update_event(change).await?;
        Ok(())
    }

    pub(super) async fn numbers(&self, sale: Sale) -> Heard<Numbers> {
        let stats = self.engine.session_stats(sale.session_id).await.map_err(|error| error.answer())?;
        let stats = stats.ok_or_else(|| Answer::refused("session_not_found"))?;
        Ok(Numbers { stock: stats.stock, waiting: stats.waiting, active: stats.active })
    }

    pub(super) async fn verify(&self) -> Result<Verified, SimError> {
        let report = self.engine.verify().await?;
        let told = |violation: ticketing_core::verify::Violation| Violation {
            invariant: violation.invariant.to_owned(),
            target: violation.target,
            detail: violation.detail,
        };
        Ok(Verified {
            records: report.sessions + report.holds + report.orders + report.tickets + report.audit_records,
            violations: report.violations.into_iter().map(told).collect(),
        })
    }

    pub(super) fn gateway(&self) -> &SimGateway {
        &self.gateway
    }

    pub(super) async fn shut_down(&self) {
        self.engine.shutdown().await;
    }
}

impl EngineCounter {
    pub(super) async fn read(&self, session_id: SessionId) -> Heard<()> {
        match self.engine.session(session_id).await {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(Answer::refused("session_not_found")),
            Err(error) => Err(error.answer()),
        }
    }

    pub(super) async fn join(&self, session_id: SessionId) -> Heard<Turn> {
        let joined = self.engine.join_queue(self.caller, session_id, self.user_id).await;
        joined.map(turn).map_err(|error| error.answer())
    }

    pub(super) async fn poll(&self, token: &str) -> Heard<Turn> {
        self.engine.queue_status(token, self.user_id).await.map(turn).map_err(|error| error.answer())
    }

    pub(super) async fn leave_line(&self, token: &str) -> Heard<()> {
        self.engine.leave_queue(token, self.user_id).await.map_err(|error| error.answer())
    }

    pub(super) async fn hold(&self, wish: &Wish) -> Heard<Told> {
        let request = HoldRequest {
            caller: self.caller,
            session_id: wish.session_id,
            user_id: self.user_id,
            wanted: Wanted::Quantity(wish.quantity),
            key: wish.key.parse().expect("letters, digits and dashes make a key"),
            queue_token: wish.token.clone(),
        };
        let placed = self.engine.hold(request).await.map_err(|error| error.answer())?;
        Ok(Told {
            hold_id: placed.hold.id,
            quantity: placed.hold.quantity(),
            amount: placed.hold.amount.minor,
            expires_at: placed.hold.expires_at,
            replayed: placed.replayed,
        })
    }

    pub(super) async fn has_hold(&self, hold_id: HoldId) -> Heard<bool> {
        self.engine.queries().hold(hold_id).await.map(|hold| hold.is_some()).map_err(|error| error.answer())
    }

    pub(super) async fn release(&self, hold_id: HoldId) -> Heard<()> {
        let released = self.engine.release(self.caller, hold_id, ReleaseBy::Owner(self.user_id)).await;
        released.map(|_| ()).map_err(|error| error.answer())
    }

    pub(super) async fn check_out(&self, hold_id: HoldId) -> Heard<Page> {
        let method = PaymentMethod::Card;
        let request = CheckoutRequest { caller: self.caller, user_id: self.user_id, hold_id, method };
        let open = self.engine.checkout(request).await.map_err(|error| match error {
            EngineError::Gateway(_) => Answer::busy("gateway_unavailable"),
            other => other.answer(),
        })?;
        Ok(Page {
            order_id: open.order.id,
            payment_id: open.payment.id,
            pg_payment_id: open.gateway.pg_payment_id.to_string(),
            url: open.gateway.url,
            amount: open.payment.amount.minor,
            currency: open.payment.amount.currency.to_string(),
        })
    }

    pub(super) fn capture(&self, page: &Page) {
        self.gateway.capture(&page.pg_payment_id);
    }

    pub(super) async fn report(&self, page: &Page, status: CallbackStatus) -> Heard<Delivered> {
        let name = &page.pg_payment_id;
        let report = CallbackReport {
            raw_payload: format!(r#"{{"pgPaymentId":"{name}","status":"{status}"}}"#),
            pg_payment_id: name.parse().expect("a gateway's name for a payment is one"),
            status,
            amount: Some(page.amount),
            currency: Some(page.currency.clone()),
        };
        let outcome = self.engine.payment_callback(Caller::of(Actor::Gateway), report).await;
        Ok(match outcome.map_err(|error| error.answer())? {
            CallbackOutcome::Settled(Settlement::Sold) => Delivered::Sold,
            CallbackOutcome::Settled(Settlement::RefundRequested(_)) => Delivered::Refunded,
            CallbackOutcome::Settled(Settlement::Declined) => Delivered::Declined,
            CallbackOutcome::Settled(Settlement::Duplicate | Settlement::Contradicted) => Delivered::Nothing,
            CallbackOutcome::Unmatched => Delivered::Unmatched,
        })
    }

    pub(super) async fn payment(&self, payment_id: PaymentId) -> Heard<PaymentStatus> {
        match self.engine.queries().payment(payment_id).await {
            Ok(Some(payment)) => Ok(payment.status),
            Ok(None) => Err(Answer::refused("payment_not_found")),
            Err(error) => Err(error.answer()),
        }
    }

    pub(super) async fn tickets(&self, order_id: OrderId) -> Heard<usize> {
        let tickets = self.engine.queries().tickets_of_order(order_id).await.map_err(|error| error.answer())?;
        Ok(tickets.iter().filter(|ticket| ticket.status == TicketStatus::Valid).count())
    }
}

fn turn(status: QueueStatus) -> Turn {
    Turn {
        token: status.token,
        allowed: status.state == QueueState::Allowed,
        sold_out: status.state == QueueState::SoldOut,
        position: status.position,
    }
}
