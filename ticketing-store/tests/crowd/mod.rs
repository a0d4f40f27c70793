//! A shop with a crowd before it, who ask again under the same key until they are told: what tests of faults
//! judge a store by.

#![allow(dead_code, reason = "each test program uses its part")]

pub mod books;
mod buyer;

use std::{ops::Range, sync::Arc, time::Duration};

use ticketing_core::{
    Ticketing,
    command::NewSession,
    engine::NewEvent,
    ids::SessionId,
    testing::{
        TestGateway,
        harness::{OPERATOR, PRICE, keys},
    },
    waiting_room::{QueueMode, QueuePolicy, WaitingRoom},
};
use ticketing_store::{OpenOptions, Role, open};
use tokio::{sync::watch, task::JoinHandle};

pub use self::buyer::Story;

/// One node of the shop. Clones are the same node.
#[derive(Debug, Clone)]
pub struct Shop {
    pub engine: Ticketing,
    pub gateway: Arc<TestGateway>,
}

impl Shop {
    /// Over the store at `url`, which is brought to the version it needs.
    pub async fn open(url: &str) -> Self {
        Self::open_with(url, Arc::new(TestGateway::new())).await
    }

    /// One more node, which knows nothing but what is stored at `url`.
    pub async fn another(&self, url: &str) -> Self {
        Self::open_with(url, Arc::clone(&self.gateway)).await
    }

    async fn open_with(url: &str, gateway: Arc<TestGateway>) -> Self {
        let store = open(url, OpenOptions::new(Role::Server)).expect("the store's URL is read");
        store.migrate().await.expect("the store is brought to the version it needs");
        let engine = Ticketing::builder(store, keys(), Arc::clone(&gateway) as _).build();
        Self { engine, gateway }
    }

    /// Over the store at `url`, with waiting rooms in a store of their own.
    pub async fn beside(url: &str, gateway: Arc<TestGateway>, rooms: Arc<dyn WaitingRoom>) -> Self {
        let store = open(url, OpenOptions::new(Role::Server)).expect("the store's URL is read");
        store.migrate().await.expect("the store is brought to the version it needs");
        let builder = Ticketing::builder(store, keys(), Arc::clone(&gateway) as _);
        Self { engine: builder.waiting_room(rooms).build(), gateway }
    }

    /// A session of `stock` tickets on sale, whose holds outlive the test.
    pub async fn session(&self, stock: i64) -> SessionId {
        self.session_behind(stock, QueuePolicy { mode: QueueMode::Off, ..QueuePolicy::default() }).await
    }

    /// The same behind a waiting room.
    pub async fn session_behind(&self, stock: i64, queue: QueuePolicy) -> SessionId {
        let event = self.engine.create_event(OPERATOR, NewEvent::published("Gala")).await.expect("an event is made");
        let start_at = event.created_at.plus_seconds(864_000);
        let mut new = NewSession { hold_ttl_seconds: 3_600, ..NewSession::of(event.id, start_at, stock, PRICE) };
        new.queue = queue;
        self.engine.create_session(OPERATOR, new).await.expect("a session is made").id
    }
}

/// Buyers on their way.
pub struct Crowd {
    buyers: Vec<JoinHandle<Story>>,
    holds: watch::Receiver<usize>,
}

impl Crowd {
    /// Sends buyers of these numbers to `shop`, one after the other `apart`, to one of `sessions` after the
    /// other. Every second one pays.
    pub fn send(shop: &Shop, sessions: &[SessionId], numbers: Range<u32>, apart: Duration) -> Self {
        let (told, holds) = watch::channel(0);
        let told = Arc::new(told);
        let buyers = numbers.zip(sessions.iter().cycle()).zip(0..).map(|((number, session), place)| {
            let (shop, session, told) = (shop.clone(), *session, Arc::clone(&told));
            tokio::spawn(async move {
                tokio::time::sleep(apart * place).await;
                buyer::buy(&shop, session, number, &told).await
            })
        });
        Self { buyers: buyers.collect(), holds }
    }

    /// Waits until so many were told that they hold a ticket.
    pub async fn holding(&mut self, at_least: usize) {
        let held = self.holds.wait_for(|held| *held >= at_least).await;
        assert!(held.is_ok(), "the crowd went home with fewer than {at_least} holds");
    }

    /// Waits until everybody was told.
    pub async fn told(self) -> Vec<Story> {
        let mut stories = Vec::with_capacity(self.buyers.len());
        for buyer in self.buyers {
            stories.push(buyer.await.expect("a buyer gets through"));
        }
        stories
    }
}
