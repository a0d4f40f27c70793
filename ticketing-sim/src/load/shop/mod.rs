//! The shop that buyers go to: an engine in this process, or servers behind HTTP.
//!
//! Buyers see the same of both; what only one of them tells is an `Option`.

mod accounts;
mod complaint;
mod connect;
mod engine;
mod gateway;
mod http;
mod office;
mod reason;
mod wire;

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use ticketing_core::{
    clock::Timestamp,
    ids::{EventId, HoldId, OrderId, PaymentId, SessionId, UserId},
    payment::{CallbackStatus, PaymentStatus},
    session::Stock,
};

use self::{
    engine::{EngineCounter, EngineShop},
    http::{HttpCounter, HttpShop},
};
use super::{scene::Scene, story::Answer};
use crate::error::SimError;

pub use self::{
    accounts::Accounts,
    complaint::{Breach, Complaint},
    engine::PRICE,
    gateway::{SimGateway, Taken},
    http::{Credentials, Entrance, Till},
    wire::{Wire, bearer, send},
};

/// What was answered, or how it was not.
pub type Heard<T> = Result<T, Answer>;

/// What is on sale.
#[derive(Debug, Clone, Copy)]
pub struct Sale {
    /// The event.
    pub event_id: EventId,
    /// Its session.
    pub session_id: SessionId,
}

/// Where a place in the waiting room stands.
#[derive(Debug, Clone)]
pub struct Turn {
    /// The queue token.
    pub token: String,
    /// Whether the turn has come.
    pub allowed: bool,
    /// Whether nothing is left to wait for.
    pub sold_out: bool,
    /// Those waiting ahead, plus one; 0 once the turn has come.
    pub position: u64,
}

/// A wish for tickets.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Of which session.
    pub session_id: SessionId,
    /// How many.
    pub quantity: u32,
    /// Under which key.
    pub key: String,
    /// By which place, if there is a waiting room.
    pub token: Option<String>,
}

/// A hold as it is told.
#[derive(Debug, Clone)]
pub struct Told {
    /// Its name.
    pub hold_id: HoldId,
    /// How many tickets.
    pub quantity: u32,
    /// What they cost, in minor units.
    pub amount: i64,
    /// When it ends, by the store's clock.
    pub expires_at: Timestamp,
    /// It was placed before, under the same key.
    pub replayed: bool,
}

/// A payment page.
#[derive(Debug, Clone)]
pub struct Page {
    /// The order.
    pub order_id: OrderId,
    /// Its payment.
    pub payment_id: PaymentId,
    /// The gateway's name for it.
    pub pg_payment_id: String,
    /// Where it is.
    pub url: String,
    /// What it asks for, in minor units.
    pub amount: i64,
    /// Of this currency.
    pub currency: String,
}

/// What a delivery of a callback is said to have done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivered {
    /// It sold the tickets.
    Sold,
    /// It asked for a refund.
    Refunded,
    /// It ended the hold.
    Declined,
    /// It did nothing that was not done.
    Nothing,
    /// It found no payment.
    Unmatched,
    /// Nobody says.
    Untold,
}

/// A session's numbers.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Numbers {
    /// The books.
    #[serde(flatten)]
    pub stock: Stock,
    /// Who waits.
    pub waiting: u64,
    /// Who is admitted and has neither bought nor left.
    pub active: u64,
}

/// What `verify` found.
#[derive(Debug, Clone, Default)]
pub struct Verified {
    /// Records that were looked at.
    pub records: u64,
    /// Invariants that they break.
    pub violations: Vec<Violation>,
}

/// An invariant that the store's records break.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Violation {
    /// Which.
    pub invariant: String,
    /// Where.
    pub target: String,
    /// How.
    pub detail: String,
}

/// A shop.
#[derive(Debug, Clone)]
pub enum Shop {
    /// In this process.
    Engine(EngineShop),
    /// Behind HTTP.
    Http(Arc<HttpShop>),
}

/// One buyer's way into the shop.
#[derive(Debug)]
pub enum Counter {
    /// In this process.
    Engine(EngineCounter),
    /// Behind HTTP.
    Http(HttpCounter),
}

impl Shop {
    /// An engine on the store at `url`.
    ///
    /// # Errors
    /// [`SimError`] says what is wrong with the store or its secrets.
    pub async fn engine(url: &str) -> Result<Self, SimError> {
        EngineShop::open(url).await.map(Self::Engine)
    }

    /// Servers, with somebody who may administer them.
    ///
    /// # Errors
    /// [`SimError`] when they do not answer, or do not let the administrator in.
    pub async fn http(entrance: Entrance) -> Result<Self, SimError> {
        Ok(Self::Http(Arc::new(HttpShop::enter(entrance).await?)))
    }

    /// How long after the caller hung up a request may still be carried out.
    pub fn late_landing(&self) -> Duration {
        match self {
            Self::Engine(_) => Duration::ZERO,
            // A server that stands still holds it back, until it goes on.
            Self::Http(_) => Duration::from_secs(15),
        }
    }

    /// How soon somebody who does not wait for the answer hangs up: with the request on its way.
    pub fn hang_up_after(&self) -> Duration {
        match self {
            Self::Engine(_) => Duration::ZERO,
            Self::Http(_) => Duration::from_millis(2),
        }
    }

    /// Between two looks at the waiting room.
    pub fn poll_every(&self) -> Duration {
        match self {
            Self::Engine(_) => Duration::from_millis(50),
            Self::Http(_) => Duration::from_millis(250),
        }
    }

    /// Lets a buyer in.
    ///
    /// # Errors
    /// [`SimError`] when the buyer has to sign up, and cannot.
    pub async fn visit(&self, user_id: UserId) -> Result<Counter, SimError> {
        match self {
            Self::Engine(shop) => Ok(Counter::Engine(shop.visit(user_id))),
            Self::Http(shop) => HttpShop::visit(shop, user_id).await.map(Counter::Http),
        }
    }

    /// Publishes an event and puts `stock` tickets of its session on sale.
    ///
    /// # Errors
    /// [`SimError`] when the shop does not do it.
    pub async fn open_sale(&self, scene: &Scene, stock: i64) -> Result<Sale, SimError> {
        match self {
            Self::Engine(shop) => shop.open_sale(scene, stock).await,
            Self::Http(shop) => shop.open_sale(scene, stock).await,
        }
    }

    /// Takes the event off: in a store that real buyers use, nothing of a run stays on sale.
    ///
    /// # Errors
    /// [`SimError`] when the shop does not do it.
    pub async fn close_sale(&self, sale: Sale) -> Result<(), SimError> {
        match self {
            Self::Engine(shop) => shop.close_sale(sale).await,
            Self::Http(shop) => shop.close_sale(sale).await,
        }
    }

    /// The session's numbers, past every cache.
    pub async fn numbers(&self, sale: Sale) -> Heard<Numbers> {
        match self {
            Self::Engine(shop) => shop.numbers(sale).await,
            Self::Http(shop) => shop.numbers(sale).await,
        }
    }

    /// Every invariant, checked inside.
    ///
    /// # Errors
    /// [`SimError`] when that cannot be asked.
    pub async fn verify(&self) -> Result<Verified, SimError> {
        match self {
            Self::Engine(shop) => shop.verify().await,
            Self::Http(shop) => shop.verify().await,
        }
    }

    /// How often money was given back for a payment; `None` where that is not known here.
    pub fn refunds_of(&self, pg_payment_id: &str) -> Option<u32> {
        match self {
            Self::Engine(shop) => Some(shop.gateway().refunds_of(pg_payment_id)),
            Self::Http(shop) => shop.gateway().map(|gateway| gateway.refunds_of(pg_payment_id)),
        }
    }

    /// What went through the gateway, where that is known here.
    pub fn taken(&self) -> Option<Taken> {
        match self {
            Self::Engine(shop) => Some(shop.gateway().taken()),
            Self::Http(shop) => shop.gateway().map(SimGateway::taken),
        }
    }

    /// What the gateway has had to complain of since the last time, where that is known here.
    pub fn complaints_of_the_gateway(&self) -> Vec<Complaint> {
        match self {
            Self::Engine(shop) => shop.gateway().complaints(),
            Self::Http(shop) => shop.gateway().map(SimGateway::complaints).unwrap_or_default(),
        }
    }

    /// Goes away.
    pub async fn leave(&self) {
        if let Self::Engine(shop) = self {
            shop.shut_down().await;
        }
    }
}

impl Counter {
    /// The buyer pays, and the gateway takes the money. One that is not of this process takes it with its report.
    pub fn capture(&self, page: &Page) {
        match self {
            Self::Engine(counter) => counter.capture(page),
            Self::Http(counter) => counter.capture(page),
        }
    }
}

/// Asks the counter of whichever kind there is.
macro_rules! counter {
    ($($(#[$doc:meta])* $name:ident($($argument:ident: $kind:ty),*) -> $told:ty;)+) => {
        impl Counter {$(
            $(#[$doc])*
            pub async fn $name(&self, $($argument: $kind),*) -> Heard<$told> {
                match self {
                    Self::Engine(counter) => counter.$name($($argument),*).await,
                    Self::Http(counter) => counter.$name($($argument),*).await,
                }
            }
        )+}
    };
}

counter! {
    /// Looks at the session.
    read(session_id: SessionId) -> ();
    /// Takes a place in its waiting room.
    join(session_id: SessionId) -> Turn;
    /// Asks where the place stands.
    poll(token: &str) -> Turn;
    /// Gives the place up.
    leave_line(token: &str) -> ();
    /// Sets tickets aside.
    hold(wish: &Wish) -> Told;
    /// Whether there is a hold of this name.
    has_hold(hold_id: HoldId) -> bool;
    /// Gives it back.
    release(hold_id: HoldId) -> ();
    /// Opens the payment.
    check_out(hold_id: HoldId) -> Page;
    /// The gateway reports how it went, or the buyer decides on its page.
    report(page: &Page, status: CallbackStatus) -> Delivered;
    /// How a payment stands.
    payment(payment_id: PaymentId) -> PaymentStatus;
    /// How many tickets of an order the buyer has.
    tickets(order_id: OrderId) -> usize;
}
