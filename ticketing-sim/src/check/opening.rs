//! Before anything goes wrong: the event, its sessions and their seats.

use std::sync::Arc;

use ticketing_core::{
    Ticketing,
    command::NewSeat,
    engine::{NewEvent, NewSession},
    ids::SessionId,
    money::{Currency, Money},
    session::SessionKind,
    store::Backend,
    testing::{SeededIds, SimClock},
    waiting_room::{QueueMode, QueuePolicy},
};

use super::{
    organiser::OPERATOR,
    persona::seat,
    plan::Sale,
    sim::{
        bank::Bank,
        executor::{Executor, Owner},
        nodes::keys,
        time::TrueClock,
    },
};

/// Makes the event and its sessions.
pub async fn open(
    store: &Arc<dyn Backend>,
    bank: &Bank,
    clock: &TrueClock,
    executor: &Executor,
    sales: &[Sale],
) -> Result<Vec<SessionId>, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    store.migrate().await.map_err(|error| text(&error))?;
    let engine = Ticketing::builder(Arc::clone(store), keys(), Arc::new(bank.clone()))
        .clock(Arc::new(clock.clone()))
        .ids(Arc::new(SeededIds::new(7)))
        .spawn(executor.spawner(Owner::World))
        .build();
    let event = engine.create_event(OPERATOR, NewEvent::published("A run")).await.map_err(|error| text(&error))?;
    let mut sessions = Vec::new();
    for sale in sales {
        let new = NewSession {
            kind: if sale.seated { SessionKind::Seated } else { SessionKind::Quantity },
            max_per_user: sale.limit,
            hold_ttl_seconds: sale.ttl_seconds,
            queue: policy(sale),
            ..NewSession::of(
                event.id,
                SimClock::START.plus_seconds(864_000),
                if sale.seated { 0 } else { i64::from(sale.stock) },
                Money::new(sale.price, Currency::KRW),
            )
        };
        let session = engine.create_session(OPERATOR, new).await.map_err(|error| text(&error))?;
        if sale.seated {
            let seats: Result<Vec<NewSeat>, String> = (0..sale.stock).map(new_seat).collect();
            engine.import_seats(OPERATOR, session.id, seats?).await.map_err(|error| text(&error))?;
        }
        sessions.push(session.id);
    }
    engine.shutdown().await;
    Ok(sessions)
}

fn new_seat(number: u32) -> Result<NewSeat, String> {
    let id = seat(number).parse().map_err(|_| "this is no label".to_owned())?;
    Ok(NewSeat { id, section: "Stalls".to_owned(), row: "A".to_owned(), number: i64::from(number) + 1, price: None })
}

fn policy(sale: &Sale) -> QueuePolicy {
    match &sale.line {
        None => QueuePolicy { mode: QueueMode::Off, ..QueuePolicy::default() },
        Some(line) => QueuePolicy {
            admit_per_second: line.per_second,
            max_active: line.active_max,
            max_length: line.len_max,
            wait_ttl_seconds: Some(line.wait_seconds),
            admit_ttl_seconds: Some(line.window_seconds),
            ..QueuePolicy::default()
        },
    }
}
