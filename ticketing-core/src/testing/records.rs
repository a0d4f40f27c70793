//! Records of every kind with every field set, for stores to keep and give back.

use uuid::Uuid;

use super::{SimClock, TestGateway, harness::PRICE};
use crate::{
    audit::{Action, Actor, AuditRecord, ChainHead, ChainMac, Stream, StreamId, TraceContext, TraceId},
    clock::Timestamp,
    command::NewSeat,
    event::{Event, EventStatus},
    hold::{Hold, HoldStatus, Wanted},
    ids::{CallbackId, EventId, HoldId, LoginId, OrderId, OutboxId, PaymentId, SessionId, TicketId, UserId},
    money::{Currency, Money},
    order::{Order, OrderStatus},
    outbox::{OutboxMessage, OutboxStatus, refund_key},
    payment::{Callback, CallbackReport, CallbackStatus, GatewaySession, Payment, PaymentMethod, PaymentStatus},
    seat::{Seat, SeatStatus},
    session::{SaleStatus, Session, SessionKind, Stock},
    store::Snapshot,
    ticket::{Redemption, Ticket, TicketStatus},
    user::{
        Role, User,
        login::{Login, TokenHash},
        password::PasswordHash,
    },
    waiting_room::{Admission, PastEpoch, Place, PlaceState, QueueMode, QueuePolicy, Room},
};

/// The `n`-th id of its kind; ids ascend with `n`.
macro_rules! id {
    ($kind:ident, $n:expr) => {
        $kind::from_uuid(Uuid::from_u128((u128::from($n) << 80) | 0x7000_8000_0000_0000_0000))
    };
}

/// `seconds` behind the start of the simulated clock, and a little more: no store may round it.
pub fn at(seconds: u32) -> Timestamp {
    Timestamp::from_micros(SimClock::START.plus_seconds(seconds).micros() + 123_457)
}

/// What seats with these labels ask for.
pub fn seats(labels: &[&str]) -> Wanted {
    let mut seats: Vec<_> = labels.iter().map(|label| label.parse().expect("a test's seat has a label")).collect();
    seats.sort();
    Wanted::Seats(seats)
}

/// A seat to be added.
pub fn new_seat(label: &str, number: i64) -> NewSeat {
    let id = label.parse().expect("a test's seat has a label");
    NewSeat { id, section: "Stalls".to_owned(), row: "A".to_owned(), number, price: None }
}

/// The `n`-th account.
pub fn user(n: u32) -> User {
    User {
        id: id!(UserId, n),
        email: format!("person-{n}@example.com").parse().expect("this is an address"),
        password_hash: PasswordHash::from_stored(format!("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA{n}")),
        role: Role::Staff,
        created_at: at(n),
    }
}

/// The end of some chain.
pub fn head(n: u32) -> ChainHead {
    ChainHead { length: u64::from(n) + 1, mac: ChainMac([u8::try_from(n % 251).unwrap_or(0) + 1; 32]) }
}

/// The head of the accounts' chain.
pub fn stream(n: u32) -> Stream {
    Stream { id: StreamId::Users, audit: head(n) }
}

/// The `n`-th event.
pub fn event(n: u32) -> Event {
    Event {
        id: id!(EventId, n),
        title: format!("Event {n} — 겨울 축제"),
        description: "Two acts;\n\"one\" interval.".to_owned(),
        venue: "Hall 1 'north'".to_owned(),
        status: EventStatus::Published,
        created_at: at(n),
        updated_at: at(n + 1),
        audit: head(n),
    }
}

/// The `n`-th session, of the `event`-th event.
pub fn session(n: u32, event: u32) -> Session {
    Session {
        id: id!(SessionId, n),
        event_id: id!(EventId, event),
        start_at: at(10_000 + n),
        sales_open_at: Some(at(100)),
        sales_close_at: Some(at(9_000)),
        kind: SessionKind::Seated,
        stock: Stock { total: 60, available: 30, held: 20, sold: 10 },
        price: Money::new(7_550, "EUR".parse().expect("this is a currency")),
        max_per_user: 7,
        hold_ttl_seconds: 77,
        status: SaleStatus::Paused,
        queue: QueuePolicy {
            mode: QueueMode::On,
            admit_per_second: Some(11),
            max_active: Some(12),
            wait_ttl_seconds: Some(13),
            admit_ttl_seconds: Some(14),
            max_length: Some(15),
            pre_queue_seconds: Some(16),
        },
        version: 3,
        created_at: at(n),
        updated_at: at(n + 2),
        audit: head(n),
    }
}

/// The waiting room of the `session`-th session.
pub fn room(session: u32) -> Room {
    Room {
        session_id: id!(SessionId, session),
        epoch: 2,
        next: 40,
        frontier: 20,
        log: vec![Admission { after: 3, through: 10, at: at(1) }, Admission { after: 12, through: 20, at: at(2) }],
        credited_until: at(3),
        wait_ended_through: 5,
        window_ended_through: 6,
        waiting: 17,
        active: 12,
        past: vec![PastEpoch { epoch: 1, through: 8, apart: false }],
        apart: true,
    }
}

/// The place `number` in that room.
pub fn place(session: u32, number: u32, state: PlaceState) -> Place {
    Place {
        session_id: id!(SessionId, session),
        number: u64::from(number),
        user_id: id!(UserId, number),
        issued_at: at(number),
        admitted_at_once: true,
        state,
    }
}

/// A seat of the `session`-th session, in the `hold`-th hold.
pub fn seat(session: u32, label: &str, hold: Option<u32>) -> Seat {
    Seat {
        session_id: id!(SessionId, session),
        id: label.parse().expect("a test's seat has a label"),
        section: "Balcony, left".to_owned(),
        row: "BB".to_owned(),
        number: 14,
        price: Some(PRICE),
        status: if hold.is_some() { SeatStatus::Hold } else { SeatStatus::Available },
        hold_id: hold.map(|hold| id!(HoldId, hold)),
        version: 7,
    }
}

/// The `n`-th hold, of the `n`-th user in the `session`-th session: active until `at(n + 120)`.
pub fn hold(n: u32, session: u32) -> Hold {
    let wanted = seats(&["A1", "A2"]);
    Hold {
        id: id!(HoldId, n),
        session_id: id!(SessionId, session),
        user_id: id!(UserId, n),
        request_digest: wanted.digest(),
        wanted,
        amount: PRICE.times(2),
        key: format!("key-{n}").parse().expect("this is a key"),
        status: HoldStatus::Active,
        place: Some(u64::from(n)),
        order_id: Some(id!(OrderId, n)),
        created_at: at(n),
        expires_at: at(n + 120),
        ended_at: None,
        refunded_at: Some(at(n + 300)),
        trace: Some(trace(n)),
    }
}

/// The order of the `n`-th hold.
pub fn order(n: u32, session: u32) -> Order {
    Order {
        id: id!(OrderId, n),
        session_id: id!(SessionId, session),
        hold_id: id!(HoldId, n),
        payment_id: id!(PaymentId, n),
        user_id: id!(UserId, n),
        wanted: Wanted::Quantity(2),
        amount: PRICE.times(2),
        status: OrderStatus::Paid,
        created_at: at(n),
        updated_at: at(n + 1),
        paid_at: Some(at(n + 2)),
        trace: Some(trace(n + 1)),
    }
}

/// The payment of the `n`-th order.
pub fn payment(n: u32, session: u32) -> Payment {
    let id = id!(PaymentId, n);
    let pg_payment_id = TestGateway::name_of(id);
    Payment {
        id,
        session_id: id!(SessionId, session),
        order_id: id!(OrderId, n),
        hold_id: id!(HoldId, n),
        user_id: id!(UserId, n),
        method: PaymentMethod::Card,
        amount: PRICE.times(2),
        gateway: Some(GatewaySession {
            url: format!("https://gateway.test/pay/{pg_payment_id}?x=1&y=2"),
            pg_payment_id,
        }),
        status: PaymentStatus::RefundPending,
        created_at: at(n),
        updated_at: at(n + 3),
    }
}

/// The `n`-th callback, about the `n`-th payment, unmatched.
pub fn callback(n: u32) -> Callback {
    Callback {
        id: id!(CallbackId, n),
        report: CallbackReport {
            pg_payment_id: TestGateway::name_of(id!(PaymentId, n)),
            status: CallbackStatus::Success,
            amount: Some(PRICE.times(2).minor),
            currency: Some(Currency::KRW.to_string()),
            raw_payload: format!(r#"{{"n":{n},"note":"결제"}}"#),
        },
        payment_id: None,
        received_at: at(n + 4),
    }
}

/// The refund of the `n`-th payment, due at `at(n)`.
pub fn message(n: u32, session: u32) -> OutboxMessage {
    let payment_id = id!(PaymentId, n);
    OutboxMessage {
        id: id!(OutboxId, n),
        session_id: id!(SessionId, session),
        payment_id,
        key: refund_key(payment_id),
        status: OutboxStatus::Pending,
        attempts: 3,
        next_attempt_at: at(n),
        last_error: Some("the gateway said \"later\"".to_owned()),
        created_at: at(n),
        done_at: None,
    }
}

/// The `n`-th ticket, of the `order`-th order in the `session`-th session of the `event`-th event.
pub fn ticket(n: u32, order: u32, session: u32, event: u32) -> Ticket {
    Ticket {
        id: id!(TicketId, n),
        order_id: id!(OrderId, order),
        event_id: id!(EventId, event),
        session_id: id!(SessionId, session),
        user_id: id!(UserId, order),
        seat_id: Some(format!("T{n}").parse().expect("this is a label")),
        status: TicketStatus::Used,
        issued_at: at(n),
        redemption: Some(Redemption {
            at: at(n + 500),
            by: Actor::User(id!(UserId, n)),
            nonce: format!("scan-{n}").parse().expect("this is a nonce"),
        }),
    }
}

/// The `n`-th login, of the `n`-th user.
pub fn login(n: u32) -> Login {
    let hash = |byte: u32| TokenHash([u8::try_from(byte % 256).unwrap_or(0); 32]);
    Login {
        id: id!(LoginId, n),
        user_id: id!(UserId, n),
        current: hash(n),
        previous: Some(hash(n + 1)),
        rotated_at: at(n + 1),
        created_at: at(n),
        expires_at: at(n + 1_000),
        ended_at: Some(at(n + 2)),
    }
}

/// The `n`-th span of some trace.
fn trace(n: u32) -> TraceContext {
    let trace_id = TraceId(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
    TraceContext { trace_id, span_id: u64::from(n) + 1, sampled: n.is_multiple_of(2) }
}

/// The record `seq` of a chain.
pub fn audit(stream: StreamId, seq: u32) -> AuditRecord {
    AuditRecord {
        stream,
        seq: u64::from(seq),
        at: at(seq),
        actor: Actor::User(id!(UserId, seq)),
        action: Action::HoldPlaced,
        target: id!(HoldId, seq).to_string(),
        meta: r#"{"quantity":2}"#.to_owned(),
        trace_id: Some(TraceId(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c)),
        mac: head(seq).mac,
    }
}

/// Puts an event and sessions `1..=sessions` of it into a batch: what other records stand on.
pub fn ground(snapshot: &mut Snapshot, sessions: u32) {
    snapshot.events.put(event(1));
    for n in 1..=sessions {
        snapshot.sessions.put(session(n, 1));
        snapshot.rooms.put(room(n));
    }
}
