//! The indexes are exactly what the records say.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{
    super::{
        encode::Space,
        keys,
        records::{Stored, decode},
    },
    Pair, empty, everything, write,
};
use crate::{
    audit::AuditRecord,
    event::{Event, EventStatus},
    hold::{Hold, HoldStatus},
    order::Order,
    outbox::{OutboxMessage, OutboxStatus},
    payment::{Callback, Payment},
    session::{Session, Stock},
    store::{Read, memory::MemoryStore},
    testing::records,
    ticket::Ticket,
    user::User,
    waiting_room::{Place, PlaceState, Room},
};

/// The first byte of the first index: below are the records.
const INDEXES: u8 = 0x40;

fn entries_of(pair: &Pair) -> Vec<Vec<u8>> {
    fn of<R: Stored>(pair: &Pair) -> Vec<Vec<u8>> {
        let record: R = decode(pair).expect("what was written can be read");
        assert_eq!(record.primary().into_bytes(), pair.key, "a record lies under its own key");
        record.entries().into_iter().map(|entry| entry.key.into_bytes()).collect()
    }
    let is = |space: Space| pair.key[0] == space as u8;
    match () {
        () if is(Space::User) => of::<User>(pair),
        () if is(Space::Event) => of::<Event>(pair),
        () if is(Space::Session) => of::<Session>(pair),
        () if is(Space::Room) => of::<Room>(pair),
        () if is(Space::Place) => of::<Place>(pair),
        () if is(Space::Hold) => of::<Hold>(pair),
        () if is(Space::Order) => of::<Order>(pair),
        () if is(Space::Payment) => of::<Payment>(pair),
        () if is(Space::Ticket) => of::<Ticket>(pair),
        () if is(Space::Callback) => of::<Callback>(pair),
        () if is(Space::Outbox) => of::<OutboxMessage>(pair),
        () if is(Space::Audit) => of::<AuditRecord>(pair),
        () => Vec::new(),
    }
}

async fn check(store: &MemoryStore) {
    let (indexes, records): (Vec<_>, Vec<_>) =
        everything(store.key_value()).await.into_iter().partition(|pair| pair.key[0] >= INDEXES);
    let mut expected: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    for record in &records {
        expected.extend(entries_of(record).into_iter().map(|entry| (entry, record.key.clone())));
        // Filed under a session that the callback itself does not name.
        if record.key[0] == Space::Callback as u8 {
            let callback: Callback = decode(record).unwrap();
            let session = callback.payment_id.map(|_| keys::callbacks_of_session(&records::session(1, 1).id));
            expected.extend(session.map(|list| (list.and(&callback.id).into_bytes(), record.key.clone())));
        }
    }
    let found: BTreeMap<_, _> = indexes.into_iter().map(|pair| (pair.key, pair.value)).collect();
    assert_eq!(found, expected);
}

/// One state of everything that moves between indexes.
#[derive(Debug, Clone, Copy)]
struct State {
    status: HoldStatus,
    ends: u32,
    place: PlaceState,
    waiting: u64,
    held: i64,
    event: EventStatus,
    outbox: OutboxStatus,
    named: bool,
}

fn states() -> impl Strategy<Value = State> {
    let one_of = (
        prop::sample::select(HoldStatus::ALL),
        0_u32..5,
        prop::sample::select(PlaceState::ALL),
        0_u64..2,
        0_i64..3,
        prop::sample::select(EventStatus::ALL),
        prop::sample::select(OutboxStatus::ALL),
        any::<bool>(),
    );
    one_of.prop_map(|(status, ends, place, waiting, held, event, outbox, named)| State {
        status,
        ends,
        place,
        waiting,
        held,
        event,
        outbox,
        named,
    })
}

async fn bring_to(store: &MemoryStore, state: State) {
    let session = records::session(1, 1).id;
    let reads = vec![
        Read::Event(records::event(1).id),
        Read::Session(session),
        Read::Room(session),
        Read::Place(session, 7),
        Read::Hold(session, records::hold(1, 1).id),
        Read::Payment(session, records::payment(1, 1).id),
        Read::Callback(records::callback(1).id),
        Read::Outbox(session, records::message(1, 1).id),
    ];
    let written = write(store, reads, move |snapshot| {
        let ended_at = (state.status != HoldStatus::Active).then(|| records::at(1));
        let expires_at = records::at(state.ends);
        snapshot.events.put(Event { status: state.event, ..records::event(1) });
        let stock = Stock { total: 10, available: 10 - state.held, held: state.held, sold: 0 };
        snapshot.sessions.put(Session { stock, ..records::session(1, 1) });
        snapshot.rooms.put(Room { waiting: state.waiting, ..records::room(1) });
        snapshot.places.put(records::place(1, 7, state.place));
        snapshot.holds.put(Hold { status: state.status, ended_at, expires_at, ..records::hold(1, 1) });
        let gateway = records::payment(1, 1).gateway.filter(|_| state.named);
        snapshot.payments.put(Payment { gateway, ..records::payment(1, 1) });
        let next_attempt_at = expires_at;
        snapshot.outbox.put(OutboxMessage { status: state.outbox, next_attempt_at, ..records::message(1, 1) });
        let matched = snapshot.callbacks.get(&records::callback(1).id).unwrap().is_some_and(|c| c.payment_id.is_some());
        let payment_id = (matched || state.named).then(|| records::payment(1, 1).id);
        snapshot.callbacks.put(Callback { payment_id, ..records::callback(1) });
    });
    written.await.expect("nobody else writes");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_record_leaves_an_index_when_it_leaves_its_state(walk in prop::collection::vec(states(), 1..8)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let store = empty();
            for state in walk {
                bring_to(&store, state).await;
                check(&store).await;
            }
        });
    }
}

#[tokio::test]
async fn every_record_is_found_through_every_index_it_belongs_to() {
    let store = empty();
    let all = write(&store, vec![], |snapshot| {
        records::ground(snapshot, 2);
        for n in 1..=3 {
            snapshot.add_user(records::user(n));
            snapshot.holds.put(records::hold(n, 1));
            snapshot.orders.put(records::order(n, 1));
            snapshot.payments.put(records::payment(n, 1));
            snapshot.outbox.put(records::message(n, 1));
            snapshot.callbacks.put(records::callback(n));
            snapshot.places.put(records::place(1, n, PlaceState::In));
            snapshot.add_ticket(records::ticket(n, n, 1, 1));
        }
    });
    all.await.unwrap();
    check(&store).await;
}

#[tokio::test]
async fn a_callback_matched_without_its_payment_at_hand_is_filed_under_its_session() {
    let store = empty();
    let both = write(&store, vec![], |snapshot| {
        snapshot.payments.put(records::payment(1, 1));
        snapshot.callbacks.put(records::callback(1));
    });
    both.await.unwrap();
    let matched = write(&store, vec![Read::Callback(records::callback(1).id)], |snapshot| {
        snapshot.callbacks.put(Callback { payment_id: Some(records::payment(1, 1).id), ..records::callback(1) });
    });
    matched.await.unwrap();
    check(&store).await;
}
