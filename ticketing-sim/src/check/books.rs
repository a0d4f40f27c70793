//! What is there: read from the store itself, past every network.

use std::collections::BTreeMap;

use ticketing_core::{
    ids::SessionId,
    outbox::OutboxStatus,
    store::{Backend, Ledger, StoreError},
};

use super::{
    oracle::{Books, HoldRecord, Lives, OrderRecord, Record},
    scene::{at, user_of, wish_of},
};

/// Everything of one sale.
///
/// # Errors
/// [`StoreError`] when a record makes no sense.
pub async fn read(store: &dyn Backend, session: SessionId) -> Result<Books, StoreError> {
    let missing = || StoreError::corrupt(format_args!("{session} is missing"));
    let ledger = store.ledger(session).await?.ok_or_else(missing)?;
    let view = store.queue(session).await?.ok_or_else(missing)?;
    let mut places = BTreeMap::new();
    for number in 1..view.room.next {
        if let Some(place) = store.place(session, number).await? {
            places.insert(number, user_of(place.user_id));
        }
    }
    let stock = ledger.session.stock;
    Ok(Books {
        stock: [stock.available, stock.held, stock.sold],
        total: stock.total,
        holds: holds(&ledger),
        orders: orders(&ledger),
        tickets: ledger.tickets.iter().map(|ticket| (ticket.id, (ticket.order_id, ticket.status.as_str()))).collect(),
        places,
        waiting: view.room.waiting,
        undelivered: ledger.outbox.iter().filter(|message| message.status == OutboxStatus::Pending).count(),
        log: log(&ledger),
    })
}

fn log(ledger: &Ledger) -> Vec<Record> {
    let record = |record: &ticketing_core::audit::AuditRecord| Record {
        at: at(record.at),
        action: record.action.as_str(),
        target: record.target.clone(),
    };
    ledger.audit.iter().map(record).collect()
}

fn holds(ledger: &Ledger) -> BTreeMap<ticketing_core::ids::HoldId, HoldRecord> {
    let record = |hold: &ticketing_core::hold::Hold| HoldRecord {
        user: user_of(hold.user_id),
        key: hold.key.as_str().to_owned(),
        wish: wish_of(&hold.wanted),
        status: hold.status.as_str(),
        expires: at(hold.expires_at),
        ended: hold.ended_at.map(at),
    };
    ledger.holds.iter().map(|hold| (hold.id, record(hold))).collect()
}

fn orders(ledger: &Ledger) -> BTreeMap<ticketing_core::ids::OrderId, OrderRecord> {
    let payments: BTreeMap<_, _> = ledger.payments.iter().map(|payment| (payment.order_id, payment)).collect();
    let record = |order: &ticketing_core::order::Order| {
        let payment = payments.get(&order.id);
        let name =
            payment.and_then(|payment| payment.gateway.as_ref()).map(|session| session.pg_payment_id.to_string());
        OrderRecord {
            hold: order.hold_id,
            payment_id: order.payment_id.to_string(),
            status: order.status.as_str(),
            payment: name,
            paid: payment.map_or("missing", |payment| payment.status.as_str()),
            count: i64::from(order.wanted.quantity()),
        }
    };
    ledger.orders.iter().map(|order| (order.id, record(order))).collect()
}

/// Shows `lives` how every record of a sale stands.
pub fn observe(books: &Books, lives: &mut Lives) {
    for (id, hold) in &books.holds {
        lives.see(id.to_string(), hold.status);
    }
    for (id, order) in &books.orders {
        lives.see(id.to_string(), order.status);
        lives.see(format!("the payment of {id}"), order.paid);
    }
    for (id, (_, status)) in &books.tickets {
        lives.see(id.to_string(), status);
    }
}
