//! What is written is what is read, field by field, by the writer and by everybody else.

use super::Bench;
use crate::{
    audit::StreamId,
    event::{Event, EventStatus},
    hold::{Hold, HoldStatus, Wanted},
    money::Money,
    order::{Order, OrderStatus},
    outbox::{OutboxMessage, OutboxStatus},
    payment::{Callback, CallbackStatus, Payment, PaymentStatus},
    seat::{Seat, SeatStatus},
    session::{SaleStatus, Session, SessionKind, Stock},
    store::{PageRequest, Read, Record, Snapshot, Table},
    testing::{harness::PRICE, records},
    user::{Role, User},
    waiting_room::{Admission, Place, PlaceState, QueueMode, QueuePolicy, Room},
};

/// One record of every kind that can be replaced.
#[derive(Debug, Clone)]
struct All {
    stream: crate::audit::Stream,
    user: User,
    event: Event,
    session: Session,
    room: Room,
    place: Place,
    seat: Seat,
    hold: Hold,
    order: Order,
    payment: Payment,
    callback: Callback,
    message: OutboxMessage,
}

impl All {
    fn written() -> Self {
        Self {
            stream: records::stream(1),
            user: records::user(1),
            event: records::event(1),
            session: records::session(1, 1),
            room: records::room(1),
            place: records::place(1, 7, PlaceState::In),
            seat: records::seat(1, "A1", Some(1)),
            hold: records::hold(1, 1),
            order: records::order(1, 1),
            payment: records::payment(1, 1),
            callback: records::callback(1),
            message: records::message(1, 1),
        }
    }

    /// The same records with everything changed that may ever change.
    fn replaced() -> Self {
        let All { user, event, session, room, place, seat, hold, order, payment, callback, message, .. } =
            Self::written();
        let (later, usd) = (records::at(500), |minor| Money::new(minor, "USD".parse().unwrap()));
        Self {
            stream: records::stream(2),
            user: User { role: Role::Admin, ..user },
            event: Event {
                title: "Another title".into(),
                description: String::new(),
                venue: "Elsewhere".into(),
                status: EventStatus::Archived,
                updated_at: later,
                audit: records::head(20),
                ..event
            },
            session: Session {
                start_at: records::at(20_000),
                sales_open_at: None,
                sales_close_at: Some(records::at(9_500)),
                kind: SessionKind::Quantity,
                stock: Stock { total: 100, available: 50, held: 20, sold: 30 },
                price: usd(1_234),
                max_per_user: 8,
                hold_ttl_seconds: 88,
                status: SaleStatus::Open,
                queue: QueuePolicy {
                    mode: QueueMode::Off,
                    admit_per_second: None,
                    max_active: None,
                    wait_ttl_seconds: None,
                    admit_ttl_seconds: None,
                    max_length: None,
                    pre_queue_seconds: None,
                },
                version: 4,
                updated_at: later,
                audit: records::head(21),
                ..session
            },
            room: Room {
                epoch: 3,
                next: 50,
                frontier: 30,
                log: vec![Admission { after: 25, through: 30, at: later }],
                credited_until: later,
                wait_ended_through: 15,
                window_ended_through: 16,
                waiting: 11,
                active: 13,
                past: vec![],
                apart: false,
                ..room
            },
            place: Place { state: PlaceState::Bought, ..place },
            seat: Seat { status: SeatStatus::Sold, hold_id: Some(records::hold(2, 1).id), ..seat },
            hold: Hold { status: HoldStatus::Confirmed, order_id: None, ended_at: Some(later), ..hold },
            order: Order { status: OrderStatus::Refunded, updated_at: later, paid_at: Some(later), ..order },
            payment: Payment {
                gateway: records::payment(2, 1).gateway,
                status: PaymentStatus::Refunded,
                updated_at: later,
                ..payment
            },
            callback: Callback { payment_id: Some(records::payment(1, 1).id), ..callback },
            message: OutboxMessage {
                status: OutboxStatus::Done,
                attempts: 4,
                next_attempt_at: later,
                last_error: None,
                done_at: Some(later),
                ..message
            },
        }
    }

    fn put(&self, snapshot: &mut Snapshot) {
        let all = self.clone();
        snapshot.streams.put(all.stream);
        snapshot.users.put(all.user);
        snapshot.events.put(all.event);
        snapshot.sessions.put(all.session);
        snapshot.rooms.put(all.room);
        snapshot.places.put(all.place);
        snapshot.seats.put(all.seat);
        snapshot.holds.put(all.hold);
        snapshot.orders.put(all.order);
        snapshot.payments.put(all.payment);
        snapshot.callbacks.put(all.callback);
        snapshot.outbox.put(all.message);
    }

    fn reads(&self) -> Vec<Read> {
        fn read<R: Record>(record: &R) -> Read {
            R::read(&record.key())
        }
        vec![
            read(&self.stream),
            read(&self.user),
            read(&self.event),
            read(&self.session),
            read(&self.room),
            read(&self.place),
            read(&self.seat),
            read(&self.hold),
            read(&self.order),
            read(&self.payment),
            read(&self.callback),
            read(&self.message),
        ]
    }

    fn is_in(&self, snapshot: &Snapshot) {
        fn there<R: Record>(table: &Table<R>, record: &R) {
            assert_eq!(table.get(&record.key()), Ok(Some(record)));
        }
        there(&snapshot.streams, &self.stream);
        there(&snapshot.users, &self.user);
        there(&snapshot.events, &self.event);
        there(&snapshot.sessions, &self.session);
        there(&snapshot.rooms, &self.room);
        there(&snapshot.places, &self.place);
        there(&snapshot.seats, &self.seat);
        there(&snapshot.holds, &self.hold);
        there(&snapshot.orders, &self.order);
        there(&snapshot.payments, &self.payment);
        there(&snapshot.callbacks, &self.callback);
        there(&snapshot.outbox, &self.message);
    }

    /// Reads every record in every way there is.
    async fn is_read(&self, bench: &Bench) {
        let expected = self.clone();
        bench.see(self.reads(), move |snapshot| expected.is_in(snapshot)).await;
        let store = &bench.store;
        assert_eq!(store.user(self.user.id).await.unwrap().as_ref(), Some(&self.user));
        assert_eq!(store.user_by_email(self.user.email.clone()).await.unwrap().as_ref(), Some(&self.user));
        assert_eq!(store.event(self.event.id).await.unwrap().as_ref(), Some(&self.event));
        let view = store.session(self.session.id).await.unwrap().expect("the session is there");
        assert_eq!((&view.session, view.event_status), (&self.session, self.event.status));
        let (session, seats) = store.seats(self.session.id, None).await.unwrap().expect("the session is there");
        assert_eq!((&session, &seats[..]), (&self.session, std::slice::from_ref(&self.seat)));
        assert_eq!(store.hold(self.hold.id).await.unwrap().as_ref(), Some(&self.hold));
        assert_eq!(store.order(self.order.id).await.unwrap().as_ref(), Some(&self.order));
        assert_eq!(store.payment(self.payment.id).await.unwrap().as_ref(), Some(&self.payment));
        let queue = store.queue(self.session.id).await.unwrap().expect("the session is there");
        assert_eq!((&queue.room, &queue.session), (&self.room, &self.session));
        let place = store.place(self.place.session_id, self.place.number).await.unwrap();
        assert_eq!(place.as_ref(), Some(&self.place));
        let (head, _) = store.chain(StreamId::Users).await.unwrap();
        assert_eq!(head, self.stream.audit);
    }
}

pub async fn every_record_reads_back_as_it_was_written(bench: Bench) {
    let all = All::written();
    let written = all.clone();
    let (ticket, audit) = (records::ticket(1, 1, 1, 1), records::audit(StreamId::Users, 0));
    let (issued, noted) = (ticket.clone(), audit.clone());
    bench
        .put(move |snapshot| {
            written.put(snapshot);
            snapshot.add_ticket(issued.clone());
            snapshot.add_audit(noted.clone());
        })
        .await;
    // The seat's hold is over by the books of the sample: only its stored state is looked at here.
    all.is_read(&bench).await;
    assert_eq!(bench.store.tickets_of_order(ticket.order_id).await.unwrap(), std::slice::from_ref(&ticket));
    let view = bench.store.ticket(ticket.id).await.unwrap().expect("the ticket is there");
    assert_eq!((&view.ticket, &view.title, view.start_at), (&ticket, &all.event.title, all.session.start_at));
    assert_eq!(bench.store.audit(StreamId::Users, 0, 10).await.unwrap(), [audit]);
}

pub async fn every_record_reads_back_as_it_was_replaced(bench: Bench) {
    let (before, after) = (All::written(), All::replaced());
    bench.put(move |snapshot| before.put(snapshot)).await;
    let replaced = after.clone();
    bench.write(after.reads(), move |snapshot| replaced.put(snapshot)).await.expect("what was loaded is replaced");
    after.is_read(&bench).await;
}

pub async fn what_may_be_absent_reads_back_absent(bench: Bench) {
    let All { session, seat, hold, order, payment, callback, message, mut room, .. } = All::written();
    let bare = All {
        session: Session {
            sales_open_at: None,
            sales_close_at: None,
            queue: QueuePolicy {
                admit_per_second: None,
                max_active: None,
                wait_ttl_seconds: None,
                admit_ttl_seconds: None,
                max_length: None,
                pre_queue_seconds: None,
                mode: QueueMode::Off,
            },
            ..session
        },
        seat: Seat { price: None, status: SeatStatus::Available, hold_id: None, ..seat },
        hold: Hold { wanted: Wanted::Quantity(2), place: None, order_id: None, refunded_at: None, trace: None, ..hold },
        order: Order { paid_at: None, trace: None, ..order },
        payment: Payment { gateway: None, ..payment },
        callback: Callback {
            report: crate::payment::CallbackReport { amount: None, currency: None, ..callback.report },
            ..callback
        },
        message: OutboxMessage { last_error: None, ..message },
        room: {
            room.log.clear();
            room
        },
        ..All::written()
    };
    let written = bare.clone();
    bench.put(move |snapshot| written.put(snapshot)).await;
    bare.is_read(&bench).await;
    let ticket = crate::ticket::Ticket {
        seat_id: None,
        status: crate::ticket::TicketStatus::Valid,
        redemption: None,
        ..records::ticket(1, 1, 1, 1)
    };
    let audit = crate::audit::AuditRecord { trace_id: None, ..records::audit(StreamId::Callbacks, 0) };
    let (issued, noted) = (ticket.clone(), audit.clone());
    bench
        .put(move |snapshot| {
            snapshot.add_ticket(issued.clone());
            snapshot.add_audit(noted.clone());
        })
        .await;
    assert_eq!(bench.store.tickets_of_order(ticket.order_id).await.unwrap(), [ticket]);
    assert_eq!(bench.store.audit(StreamId::Callbacks, 0, 10).await.unwrap(), [audit]);
}

pub async fn states_and_bounds_read_back(bench: Bench) {
    bench.ground(1).await;
    let holds: Vec<_> = HoldStatus::ALL.iter().zip(1..).map(|(status, n)| hold_of(n, *status)).collect();
    let orders: Vec<_> =
        OrderStatus::ALL.iter().zip(1..).map(|(status, n)| Order { status: *status, ..records::order(n, 1) }).collect();
    let payments: Vec<_> = PaymentStatus::ALL
        .iter()
        .zip(1..)
        .map(|(status, n)| Payment { status: *status, amount: biggest(), ..records::payment(n, 1) })
        .collect();
    let callbacks: Vec<_> = CallbackStatus::ALL.iter().zip(1..).map(|(status, n)| callback_of(n, *status)).collect();
    let sent = (holds.clone(), orders.clone(), payments.clone(), callbacks.clone());
    bench
        .put(move |snapshot| {
            let (holds, orders, payments, callbacks) = sent.clone();
            holds.into_iter().for_each(|hold| snapshot.holds.put(hold));
            orders.into_iter().for_each(|order| snapshot.orders.put(order));
            payments.into_iter().for_each(|payment| snapshot.payments.put(payment));
            callbacks.into_iter().for_each(|callback| snapshot.callbacks.put(callback));
        })
        .await;
    for hold in &holds {
        assert_eq!(bench.store.hold(hold.id).await.unwrap().as_ref(), Some(hold));
    }
    for order in &orders {
        assert_eq!(bench.store.order(order.id).await.unwrap().as_ref(), Some(order));
    }
    for payment in &payments {
        assert_eq!(bench.store.payment(payment.id).await.unwrap().as_ref(), Some(payment));
    }
    let expected = callbacks.clone();
    let reads = callbacks.iter().map(|callback| Read::Callback(callback.id)).collect();
    bench
        .see(reads, move |snapshot| {
            for callback in &expected {
                assert_eq!(snapshot.callbacks.get(&callback.id), Ok(Some(callback)));
            }
        })
        .await;
    let page = bench.store.holds(crate::store::HoldFilter::default(), PageRequest::first()).await.unwrap();
    assert_eq!(page.items, holds);
}

fn hold_of(n: u32, status: HoldStatus) -> Hold {
    let ended_at = (status != HoldStatus::Active).then(|| records::at(n + 50));
    // The longest key, the most seats with the longest labels.
    let labels: Vec<_> = (0..100).map(|seat| format!("{seat:03}-{}", "x".repeat(28))).collect();
    let wanted = records::seats(&labels.iter().map(String::as_str).collect::<Vec<_>>());
    let key = format!("{n}{}", "~".repeat(254)).parse().expect("255 visible characters are a key");
    Hold { status, ended_at, request_digest: wanted.digest(), wanted, key, amount: biggest(), ..records::hold(n, 1) }
}

fn callback_of(n: u32, status: CallbackStatus) -> Callback {
    let mut callback = records::callback(n);
    callback.report.status = status;
    callback.report.raw_payload = "\"\\\u{1}€".repeat(1_000);
    callback
}

fn biggest() -> Money {
    Money { minor: Money::MINOR_MAX, ..PRICE }.times(100)
}
