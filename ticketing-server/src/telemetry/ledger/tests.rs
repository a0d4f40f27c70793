//! Which sessions are looked at.

use std::sync::atomic::Ordering;

use ticketing_core::{
    audit::{Actor, Caller},
    engine::{NewEvent, NewSession},
    ids::EventId,
    money::{Currency, Money},
};

use super::*;
use crate::testing::{Seconds, engine};

const OPERATOR: Caller = Caller::of(Actor::Operator);

async fn session(ticketing: &Ticketing, event: EventId, clock: &Seconds, stock: i64) -> SessionId {
    let price = Money::new(55_000, Currency::KRW);
    let new = NewSession::of(event, clock.now().plus_seconds(3_600), stock, price);
    ticketing.create_session(OPERATOR, new).await.unwrap().id
}

#[tokio::test]
async fn sessions_that_are_long_over_are_not_looked_at_again() {
    let clock = Arc::new(Seconds::default());
    let ticketing = engine(Arc::clone(&clock) as _);
    let event = NewEvent {
        title: "Gala".to_owned(),
        description: String::new(),
        venue: "Hall".to_owned(),
        status: EventStatus::Published,
    };
    let event = ticketing.create_event(OPERATOR, event).await.unwrap().id;
    // More than a page of them.
    for _ in 0..=PageRequest::LIMIT_MAX {
        session(&ticketing, event, &clock, 5).await;
    }
    let mut past = Past::default();
    assert_eq!(on_sale(&ticketing, &mut past).await.unwrap().len(), PageRequest::LIMIT_MAX as usize + 1);
    assert_eq!(past.cursor, None);

    clock.0.fetch_add(8 * 86_400, Ordering::Relaxed);
    let new = session(&ticketing, event, &clock, 7).await;
    assert_eq!(on_sale(&ticketing, &mut past).await.unwrap(), [(new, 7)]);
    let behind = past.cursor.clone();
    assert!(behind.is_some(), "{past:?}");
    assert_eq!(on_sale(&ticketing, &mut past).await.unwrap(), [(new, 7)]);
    assert_eq!(past.cursor, behind);
}
