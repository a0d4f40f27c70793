//! The store refuses what a rule should never ask for, and then writes nothing at all.

use super::Bench;
use crate::{
    audit::StreamId,
    hold::Hold,
    order::Order,
    outbox::OutboxMessage,
    payment::Payment,
    session::{Session, Stock},
    store::Read,
    testing::records,
    user::User,
    waiting_room::PlaceState,
};

pub async fn one_address_is_one_account(bench: Bench) {
    bench.put(|snapshot| snapshot.add_user(records::user(1))).await;
    bench
        .is_refused(Vec::new(), |snapshot| {
            snapshot.add_user(User { email: records::user(1).email, ..records::user(2) });
        })
        .await;
}

pub async fn one_key_is_one_hold_of_a_user_in_a_session(bench: Bench) {
    bench.ground(2).await;
    let first = records::hold(1, 1);
    let with_key_of_first = |n, session| Hold { key: records::hold(1, 1).key, ..records::hold(n, session) };
    let of_first = move |n, session| Hold { user_id: records::hold(1, 1).user_id, ..with_key_of_first(n, session) };
    bench.put(move |snapshot| snapshot.holds.put(first.clone())).await;
    bench.is_refused(Vec::new(), move |snapshot| snapshot.holds.put(of_first(2, 1))).await;
    // Another user's key, and the same user's in another session, are other keys.
    bench.put(move |snapshot| snapshot.holds.put(with_key_of_first(3, 1))).await;
    bench.put(move |snapshot| snapshot.holds.put(of_first(4, 2))).await;
}

pub async fn one_hold_is_one_order(bench: Bench) {
    bench.ground(1).await;
    bench.put(|snapshot| snapshot.orders.put(records::order(1, 1))).await;
    bench
        .is_refused(Vec::new(), |snapshot| {
            snapshot.orders.put(Order { hold_id: records::order(1, 1).hold_id, ..records::order(2, 1) });
        })
        .await;
}

pub async fn one_order_is_one_payment(bench: Bench) {
    bench.ground(1).await;
    bench.put(|snapshot| snapshot.payments.put(records::payment(1, 1))).await;
    bench
        .is_refused(Vec::new(), |snapshot| {
            snapshot.payments.put(Payment { order_id: records::payment(1, 1).order_id, ..records::payment(2, 1) });
        })
        .await;
}

pub async fn one_gateway_payment_is_one_payment(bench: Bench) {
    bench.ground(1).await;
    let open = |n| Payment { gateway: None, ..records::payment(n, 1) };
    bench.put(move |snapshot| (1..=2).for_each(|n| snapshot.payments.put(open(n)))).await;
    let read = |n| vec![Read::Payment(records::session(1, 1).id, records::payment(n, 1).id)];
    let named = |n| Payment { gateway: records::payment(1, 1).gateway, ..records::payment(n, 1) };
    bench.write(read(1), move |snapshot| snapshot.payments.put(named(1))).await.expect("the first has the name");
    bench.is_refused(read(2), move |snapshot| snapshot.payments.put(named(2))).await;
    bench.is_refused(Vec::new(), move |snapshot| snapshot.payments.put(named(3))).await;
}

pub async fn one_outbox_key_is_one_message(bench: Bench) {
    bench.ground(1).await;
    bench.put(|snapshot| snapshot.outbox.put(records::message(1, 1))).await;
    bench
        .is_refused(Vec::new(), |snapshot| {
            snapshot.outbox.put(OutboxMessage { key: records::message(1, 1).key, ..records::message(2, 1) });
        })
        .await;
}

pub async fn one_seat_is_one_row(bench: Bench) {
    bench.ground(2).await;
    bench.put(|snapshot| snapshot.seats.put(records::seat(1, "A1", None))).await;
    bench.is_refused(Vec::new(), |snapshot| snapshot.seats.put(records::seat(1, "A1", None))).await;
    // The same label in another session is another seat.
    bench.put(|snapshot| snapshot.seats.put(records::seat(2, "A1", None))).await;
}

pub async fn one_place_is_one_visitor(bench: Bench) {
    bench.ground(1).await;
    bench.put(|snapshot| snapshot.add_place(records::place(1, 7, PlaceState::In))).await;
    bench.is_refused(Vec::new(), |snapshot| snapshot.add_place(records::place(1, 7, PlaceState::In))).await;
}

pub async fn one_number_is_one_audit_record(bench: Bench) {
    bench.put(|snapshot| snapshot.add_audit(records::audit(StreamId::Users, 0))).await;
    bench.is_refused(Vec::new(), |snapshot| snapshot.add_audit(records::audit(StreamId::Users, 0))).await;
    bench.put(|snapshot| snapshot.add_audit(records::audit(StreamId::Callbacks, 0))).await;
}

pub async fn one_ticket_is_one_row(bench: Bench) {
    bench.ground(1).await;
    bench.put(|snapshot| snapshot.add_ticket(records::ticket(1, 1, 1, 1))).await;
    bench.is_refused(Vec::new(), |snapshot| snapshot.add_ticket(records::ticket(1, 1, 1, 1))).await;
}

pub async fn an_id_is_used_once(bench: Bench) {
    bench.ground(1).await;
    bench
        .put(|snapshot| {
            snapshot.users.put(records::user(1));
            snapshot.holds.put(records::hold(1, 1));
            snapshot.orders.put(records::order(1, 1));
            snapshot.payments.put(records::payment(1, 1));
            snapshot.callbacks.put(records::callback(1));
            snapshot.outbox.put(records::message(1, 1));
        })
        .await;
    let other_user = User { email: records::user(2).email, ..records::user(1) };
    bench.is_refused(Vec::new(), move |snapshot| snapshot.users.put(other_user.clone())).await;
    bench.is_refused(Vec::new(), |snapshot| snapshot.events.put(records::event(1))).await;
    bench.is_refused(Vec::new(), |snapshot| snapshot.sessions.put(records::session(1, 1))).await;
    bench.is_refused(Vec::new(), |snapshot| snapshot.rooms.put(records::room(1))).await;
    let other_hold = Hold { key: records::hold(2, 1).key, ..records::hold(1, 1) };
    bench.is_refused(Vec::new(), move |snapshot| snapshot.holds.put(other_hold.clone())).await;
    let other_order = Order { hold_id: records::hold(2, 1).id, ..records::order(1, 1) };
    bench.is_refused(Vec::new(), move |snapshot| snapshot.orders.put(other_order.clone())).await;
    let other_payment = Payment { gateway: None, order_id: records::order(2, 1).id, ..records::payment(1, 1) };
    bench.is_refused(Vec::new(), move |snapshot| snapshot.payments.put(other_payment.clone())).await;
    bench.is_refused(Vec::new(), |snapshot| snapshot.callbacks.put(records::callback(1))).await;
    let other_message = OutboxMessage { key: records::message(2, 1).key, ..records::message(1, 1) };
    bench.is_refused(Vec::new(), move |snapshot| snapshot.outbox.put(other_message.clone())).await;
}

pub async fn stock_never_goes_below_zero(bench: Bench) {
    refuses_stock(&bench, Stock { total: 10, available: -1, held: 6, sold: 5 }).await;
    refuses_stock(&bench, Stock { total: 10, available: 6, held: -1, sold: 5 }).await;
    refuses_stock(&bench, Stock { total: 10, available: 6, held: 5, sold: -1 }).await;
}

pub async fn stock_always_adds_up(bench: Bench) {
    refuses_stock(&bench, Stock { total: 10, available: 5, held: 3, sold: 3 }).await;
    refuses_stock(&bench, Stock { total: 10, available: 3, held: 3, sold: 3 }).await;
}

async fn refuses_stock(bench: &Bench, stock: Stock) {
    let with = move |n| Session { stock, ..records::session(n, 1) };
    bench.is_refused(Vec::new(), move |snapshot| snapshot.sessions.put(with(2))).await;
    let first = records::session(1, 1);
    if bench.store.session(first.id).await.unwrap().is_none() {
        bench.ground(1).await;
    }
    bench.is_refused(vec![Read::Session(first.id)], move |snapshot| snapshot.sessions.put(with(1))).await;
    let kept = bench.store.session(first.id).await.unwrap().unwrap();
    assert_eq!(kept.session.stock, first.stock);
}
