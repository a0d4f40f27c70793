//! Reading beside the writer.

use std::time::Duration;

use super::Bench;
use crate::{
    audit::{ChainHead, StreamId},
    clock::Clock,
    event::{Event, EventStatus},
    hold::{Hold, HoldStatus},
    ids::SessionId,
    outbox::{OutboxMessage, OutboxStatus},
    payment::{Callback, Payment},
    seat::SeatStatus,
    session::{Session, Stock},
    store::{HoldFilter, Page, PageRequest, Read},
    testing::{harness::stock, records},
    ticket::Ticket,
    waiting_room::{Place, PlaceState, Room},
};

/// Every page of a list, joined; checks that none is longer than asked for.
async fn all_of<T>(limit: u32, mut page: impl AsyncFnMut(PageRequest) -> Page<T>) -> Vec<T> {
    let (mut items, mut after) = (Vec::new(), None);
    loop {
        let found = page(PageRequest { limit, after }).await;
        assert!(found.items.len() <= limit as usize, "a page is longer than it was asked to be");
        assert!(found.next.is_none() || found.items.len() == limit as usize, "a page before the last is short");
        items.extend(found.items);
        after = found.next;
        if after.is_none() {
            return items;
        }
        assert!(items.len() < 10_000, "the list does not end");
    }
}

pub async fn the_store_tells_its_time(bench: Bench) {
    assert_eq!(bench.store.now().await.unwrap(), bench.clock.now());
    bench.clock.advance(Duration::from_micros(7));
    assert_eq!(bench.store.now().await.unwrap(), bench.clock.now());
}

pub async fn a_revision_changes_with_every_commit(bench: Bench) {
    let mut seen = vec![bench.store.revision().await.unwrap()];
    for n in 1..=5 {
        bench.put(move |snapshot| snapshot.events.put(records::event(n))).await;
        let revision = bench.store.revision().await.unwrap();
        assert!(!seen.contains(&revision), "revision {revision} was told before this commit");
        seen.push(revision);
    }
}

pub async fn migrating_twice_is_harmless(bench: Bench) {
    bench.ground(1).await;
    for _ in 0..2 {
        let version = bench.store.migrate().await.unwrap();
        assert_eq!(version.found, version.needed);
    }
    let version = bench.store.version().await.unwrap();
    assert_eq!(version.found, version.needed);
    assert!(bench.store.event(records::event(1).id).await.unwrap().is_some());
}

pub async fn lists_come_in_pages_that_miss_and_repeat_nothing(bench: Bench) {
    bench.ground(0).await;
    bench
        .put(|snapshot| {
            // Against the order of ids: creation is told by the id, not by the order of writing.
            for n in (2..=7).rev() {
                snapshot.events.put(records::event(n));
            }
            for n in (1..=7).rev() {
                snapshot.add_user(records::user(n));
                snapshot.sessions.put(records::session(n, 1));
                snapshot.rooms.put(records::room(n));
                snapshot.holds.put(records::hold(n, 1));
            }
        })
        .await;
    let store = &bench.store;
    for limit in [1, 2, 3, 6, 7, 200] {
        let users = all_of(limit, async |page| store.users(page).await.unwrap()).await;
        assert_eq!(users, (1..=7).map(records::user).collect::<Vec<_>>());
        let events = all_of(limit, async |page| store.events(None, page).await.unwrap()).await;
        assert_eq!(events, (1..=7).map(records::event).collect::<Vec<_>>());
        let sessions = all_of(limit, async |page| store.sessions(None, page).await.unwrap()).await;
        let ids = |n| records::session(n, 1).id;
        assert_eq!(
            sessions.iter().map(|view| view.session.id).collect::<Vec<_>>(),
            (1..=7).map(ids).collect::<Vec<_>>()
        );
        let holds = all_of(limit, async |page| store.holds(HoldFilter::default(), page).await.unwrap()).await;
        assert_eq!(holds, (1..=7).map(|n| records::hold(n, 1)).collect::<Vec<_>>());
    }
}

pub async fn a_full_last_page_has_no_next(bench: Bench) {
    bench.put(|snapshot| (1..=4).for_each(|n| snapshot.events.put(records::event(n)))).await;
    let first = bench.store.events(None, PageRequest { limit: 2, after: None }).await.unwrap();
    assert!(first.next.is_some());
    let last = bench.store.events(None, PageRequest { limit: 2, after: first.next }).await.unwrap();
    assert_eq!((last.items.len(), last.next), (2, None));
}

pub async fn lists_keep_to_their_filters(bench: Bench) {
    let owner = records::user(1).id;
    let hold = move |n: u32, session, ended: bool| {
        let status = if ended { HoldStatus::Released } else { HoldStatus::Active };
        let user_id = if n.is_multiple_of(2) { owner } else { records::user(2).id };
        Hold { status, ended_at: ended.then(|| records::at(n)), user_id, ..records::hold(n, session) }
    };
    bench
        .put(move |snapshot| {
            for (n, status) in (1..).zip(EventStatus::ALL) {
                snapshot.events.put(Event { status: *status, ..records::event(n) });
                snapshot.sessions.put(records::session(n, n));
                snapshot.sessions.put(records::session(n + 3, n));
            }
            (1..=8).for_each(|n| snapshot.holds.put(hold(n, 1 + n % 3, n > 4)));
        })
        .await;
    let store = &bench.store;
    for (n, status) in (1..).zip(EventStatus::ALL) {
        let page = store.events(Some(*status), PageRequest::first()).await.unwrap();
        assert_eq!(page.items.iter().map(|event| event.id).collect::<Vec<_>>(), [records::event(n).id]);
        let page = store.sessions(Some(records::event(n).id), PageRequest::first()).await.unwrap();
        let expected = [records::session(n, n).id, records::session(n + 3, n).id];
        assert_eq!(page.items.iter().map(|view| view.session.id).collect::<Vec<_>>(), expected);
        assert!(page.items.iter().all(|view| view.event_status == *status));
    }
    let holds = (1..=8).map(|n| hold(n, 1 + n % 3, n > 4)).collect::<Vec<_>>();
    let sessions = [None, Some(records::session(1, 1).id), Some(records::session(2, 2).id)];
    for session_id in sessions {
        for user_id in [None, Some(owner)] {
            for status in [None, Some(HoldStatus::Active), Some(HoldStatus::Released)] {
                let filter = HoldFilter { session_id, user_id, status };
                let expected: Vec<_> = holds
                    .iter()
                    .filter(|hold| session_id.is_none_or(|id| id == hold.session_id))
                    .filter(|hold| user_id.is_none_or(|id| id == hold.user_id))
                    .filter(|hold| status.is_none_or(|status| status == hold.status))
                    .cloned()
                    .collect();
                let found = all_of(2, async |page| store.holds(filter.clone(), page).await.unwrap()).await;
                assert_eq!(found, expected, "{filter:?}");
            }
        }
    }
}

pub async fn a_user_s_orders_and_tickets_come_newest_first(bench: Bench) {
    bench.ground(2).await;
    let buyer = records::user(1).id;
    let order = move |n| crate::order::Order { user_id: buyer, ..records::order(n, 1 + n % 2) };
    let ticket = move |n| Ticket { user_id: buyer, ..records::ticket(n, n, 1 + n % 2, 1) };
    bench
        .put(move |snapshot| {
            for n in 1..=5 {
                snapshot.orders.put(order(n));
                snapshot.add_ticket(ticket(n));
            }
            snapshot.orders.put(records::order(9, 1));
            snapshot.add_ticket(records::ticket(9, 9, 1, 1));
        })
        .await;
    let store = &bench.store;
    for limit in [1, 2, 5, 50] {
        let orders = all_of(limit, async |page| store.orders_of_user(buyer, page).await.unwrap()).await;
        assert_eq!(orders, (1..=5).rev().map(order).collect::<Vec<_>>());
        let tickets = all_of(limit, async |page| store.tickets_of_user(buyer, page).await.unwrap()).await;
        let tickets: Vec<_> = tickets.into_iter().map(|view| view.ticket).collect();
        assert_eq!(tickets, (1..=5).rev().map(ticket).collect::<Vec<_>>());
    }
}

pub async fn a_ticket_is_shown_with_its_event_and_its_time(bench: Bench) {
    bench.ground(2).await;
    let ticket = records::ticket(1, 1, 2, 1);
    let issued = ticket.clone();
    bench.put(move |snapshot| snapshot.add_ticket(issued.clone())).await;
    let view = bench.store.ticket(ticket.id).await.unwrap().expect("the ticket is there");
    let listed = bench.store.tickets_of_user(ticket.user_id, PageRequest::first()).await.unwrap();
    assert_eq!(listed.items, std::slice::from_ref(&view));
    assert_eq!((view.title, view.start_at), (records::event(1).title, records::session(2, 1).start_at));
    assert_eq!(bench.store.ticket(records::ticket(2, 1, 2, 1).id).await.unwrap(), None);
}

/// Sessions 1 and 2 with holds 1 to 4, of 2 tickets each, that end at 100, 200, 300 and 100; the
/// third is over.
async fn with_holds(bench: &Bench) {
    bench
        .put(|snapshot| {
            snapshot.events.put(records::event(1));
            for n in 1..=3 {
                snapshot.sessions.put(Session { stock: stock(10, 4, 0), ..records::session(n, 1) });
                snapshot.rooms.put(records::room(n));
            }
            let with = |n, session, label: &str, end| {
                let wanted = records::seats(&[label, &format!("{label}x")]);
                Hold { expires_at: records::at(end), wanted, ..records::hold(n, session) }
            };
            snapshot.holds.put(with(1, 1, "A1", 100));
            snapshot.holds.put(with(2, 1, "A2", 200));
            let over = Hold { status: HoldStatus::Expired, ended_at: Some(records::at(50)), ..with(3, 1, "A3", 50) };
            snapshot.holds.put(over);
            snapshot.holds.put(with(4, 2, "A1", 100));
            for (session, label, hold) in [(1, "A1", 1), (1, "A1x", 1), (1, "A2", 2), (1, "A2x", 2), (2, "A1", 4)] {
                snapshot.seats.put(records::seat(session, label, Some(hold)));
            }
        })
        .await;
}

pub async fn overdue_holds_are_counted_as_free(bench: Bench) {
    with_holds(&bench).await;
    let overdue = async |session| {
        let view = bench.store.session(records::session(session, 1).id).await.unwrap().unwrap();
        assert_eq!(view.as_of, bench.clock.now());
        assert_eq!(view.session.stock, Stock { total: 14, available: 10, held: 4, sold: 0 });
        assert_eq!(view.remaining(), 10 + view.overdue);
        view.overdue
    };
    bench.clock.set(records::at(99));
    assert_eq!(overdue(1).await, 0);
    bench.clock.set(records::at(100));
    assert_eq!((overdue(1).await, overdue(2).await, overdue(3).await), (2, 2, 0), "dead at the very instant it ends");
    bench.clock.set(records::at(200));
    assert_eq!(overdue(1).await, 4);
    let page = bench.store.sessions(Some(records::event(1).id), PageRequest::first()).await.unwrap();
    assert_eq!(page.items.iter().map(|view| view.overdue).collect::<Vec<_>>(), [4, 2, 0]);
}

pub async fn a_seat_in_an_overdue_hold_is_shown_as_available(bench: Bench) {
    with_holds(&bench).await;
    let free = async || {
        let (_, seats) = bench.store.seats(records::session(1, 1).id, None).await.unwrap().unwrap();
        assert!(seats.is_sorted_by_key(|seat| seat.id.clone()), "seats come by label");
        assert_eq!(seats.len(), 4);
        let free = seats.iter().filter(|seat| seat.status == SeatStatus::Available);
        free.map(|seat| seat.id.to_string()).collect::<Vec<_>>()
    };
    bench.clock.set(records::at(99));
    assert_eq!(free().await, [""; 0]);
    bench.clock.set(records::at(100));
    assert_eq!(free().await, ["A1", "A1x"]);
    assert!(bench.store.seats(records::session(6, 1).id, None).await.unwrap().is_none());
}

pub async fn sessions_of_an_event_are_one_consistent_view(bench: Bench) {
    with_holds(&bench).await;
    bench.clock.set(records::at(150));
    let page = bench.store.sessions(Some(records::event(1).id), PageRequest::first()).await.unwrap();
    for view in &page.items {
        assert_eq!(bench.store.session(view.session.id).await.unwrap().as_ref(), Some(view));
    }
    assert_eq!(page.items.len(), 3);
}

pub async fn a_waiting_room_tells_which_places_were_given_up(bench: Bench) {
    bench.ground(2).await;
    bench
        .put(|snapshot| {
            // The room's head is place 20.
            for n in 1..=39 {
                let state = match n {
                    10 | 22 | 30 => PlaceState::Left,
                    20 | 25 => PlaceState::Bought,
                    38 => PlaceState::Expired,
                    _ => PlaceState::In,
                };
                snapshot.places.put(records::place(1, n, state));
            }
            snapshot.places.put(records::place(2, 23, PlaceState::Left));
        })
        .await;
    let view = bench.store.queue(records::session(1, 1).id).await.unwrap().expect("the room is there");
    assert_eq!(view.given_up, [22, 25, 30, 38]);
    assert_eq!((view.room, view.as_of), (records::room(1), bench.clock.now()));
    let place = bench.store.place(records::session(1, 1).id, 30).await.unwrap();
    assert_eq!(place, Some(Place { ..records::place(1, 30, PlaceState::Left) }));
    assert_eq!(bench.store.place(records::session(1, 1).id, 40).await.unwrap(), None);
    assert!(bench.store.queue(records::session(5, 1).id).await.unwrap().is_none());
}

pub async fn sessions_to_sweep_have_overdue_holds(bench: Bench) {
    with_holds(&bench).await;
    let to_sweep = async |at, limit| {
        let mut found = bench.store.sessions_to_sweep(records::at(at), limit).await.unwrap();
        found.sort();
        found
    };
    let id = |n| records::session(n, 1).id;
    assert_eq!(to_sweep(99, 10).await, []);
    assert_eq!(to_sweep(100, 10).await, [id(1), id(2)]);
    assert_eq!(to_sweep(100, 1).await.len(), 1);
}

pub async fn sessions_to_admit_have_somebody_in_their_rooms(bench: Bench) {
    bench
        .put(|snapshot| {
            snapshot.events.put(records::event(1));
            for n in 1..=5 {
                snapshot.sessions.put(records::session(n, 1));
                let (waiting, active) = (u64::from(n % 2), u64::from(n == 4));
                snapshot.rooms.put(Room { waiting, active, ..records::room(n) });
            }
        })
        .await;
    let to_admit = async |after: Option<SessionId>, limit| bench.store.sessions_to_admit(after, limit).await.unwrap();
    let id = |n| records::session(n, 1).id;
    assert_eq!(to_admit(None, 10).await, [id(1), id(3), id(4), id(5)]);
    assert_eq!(to_admit(None, 2).await, [id(1), id(3)]);
    assert_eq!(to_admit(Some(id(1)), 10).await, [id(3), id(4), id(5)]);
    assert_eq!(to_admit(Some(id(5)), 10).await, []);
}

pub async fn messages_are_due_oldest_first_and_only_while_pending(bench: Bench) {
    bench.ground(2).await;
    bench
        .put(|snapshot| {
            for n in (1..=5).rev() {
                snapshot.outbox.put(records::message(n * 10, 1 + n % 2));
            }
            let done =
                OutboxMessage { status: OutboxStatus::Done, done_at: Some(records::at(5)), ..records::message(15, 1) };
            snapshot.outbox.put(done);
        })
        .await;
    let due = async |at, limit| bench.store.outbox_due(records::at(at), limit).await.unwrap();
    assert_eq!(due(9, 10).await, []);
    assert_eq!(due(30, 10).await, [1, 2, 3].map(|n| records::message(n * 10, 1 + n % 2)));
    assert_eq!(due(100, 2).await, [1, 2].map(|n| records::message(n * 10, 1 + n % 2)));
}

pub async fn a_kept_callback_is_to_be_matched_once_its_payment_is_known(bench: Bench) {
    bench.ground(1).await;
    bench
        .put(|snapshot| {
            (1..=4).for_each(|n| snapshot.callbacks.put(records::callback(n)));
            let matched = Callback { payment_id: Some(records::payment(5, 1).id), ..records::callback(5) };
            snapshot.callbacks.put(matched);
            snapshot.payments.put(Payment { gateway: None, ..records::payment(2, 1) });
            snapshot.payments.put(records::payment(5, 1));
        })
        .await;
    assert_eq!(bench.store.callbacks_to_match(None, 10).await.unwrap(), []);
    let read = vec![Read::Payment(records::session(1, 1).id, records::payment(2, 1).id)];
    let known = bench.write(read, |snapshot| {
        [1, 2, 4].iter().for_each(|n| snapshot.payments.put(records::payment(*n, 1)));
    });
    known.await.expect("payments get their names");
    let to_match = async |after: Option<u32>, limit| {
        let after = after.map(|n| records::callback(n).id);
        let found = bench.store.callbacks_to_match(after, limit).await.unwrap();
        found.into_iter().map(|found| (found.callback, found.link)).collect::<Vec<_>>()
    };
    let pair = |n| (records::callback(n), records::payment(n, 1).link());
    assert_eq!(to_match(None, 10).await, [pair(1), pair(2), pair(4)]);
    assert_eq!(to_match(None, 1).await, [pair(1)]);
    assert_eq!(to_match(Some(1), 10).await, [pair(2), pair(4)]);
    assert_eq!(to_match(Some(4), 10).await, []);
}

pub async fn callbacks_without_a_payment_are_listed_until_they_are_matched(bench: Bench) {
    bench.ground(1).await;
    bench
        .put(|snapshot| {
            (1..=5).for_each(|n| snapshot.callbacks.put(records::callback(n)));
            let matched = Callback { payment_id: Some(records::payment(6, 1).id), ..records::callback(6) };
            snapshot.callbacks.put(matched);
            snapshot.payments.put(records::payment(2, 1));
        })
        .await;
    let listed = async |limit| {
        let unmatched = all_of(limit, async |page| bench.store.callbacks_unmatched(page).await.unwrap()).await;
        unmatched.into_iter().map(|callback| callback.report.pg_payment_id).collect::<Vec<_>>()
    };
    let named = |numbers: &[u32]| {
        let mut callbacks: Vec<_> = numbers.iter().map(|n| records::callback(*n)).collect();
        callbacks.sort_by_key(|callback| callback.id);
        callbacks.into_iter().map(|callback| callback.report.pg_payment_id).collect::<Vec<_>>()
    };
    for limit in [1, 2, 5, 200] {
        assert_eq!(listed(limit).await, named(&[1, 2, 3, 4, 5]), "known is not matched yet");
    }
    let matched = bench.write(vec![Read::Callback(records::callback(3).id)], |snapshot| {
        let payment_id = Some(records::payment(2, 1).id);
        snapshot.callbacks.put(Callback { payment_id, ..records::callback(3) });
    });
    matched.await.expect("a callback is matched");
    assert_eq!(listed(2).await, named(&[1, 2, 4, 5]));
    let whole = bench.store.callbacks_unmatched(PageRequest::first()).await.unwrap().items;
    assert!(whole.contains(&records::callback(1)), "all that the gateway said is there");
}

pub async fn an_audit_chain_is_read_in_order_from_anywhere(bench: Bench) {
    let streams = [
        StreamId::Users,
        StreamId::Callbacks,
        StreamId::Event(records::event(1).id),
        StreamId::Session(records::session(1, 1).id),
    ];
    bench
        .put(move |snapshot| {
            for seq in 0..5 {
                streams.iter().for_each(|stream| snapshot.add_audit(records::audit(*stream, seq)));
            }
        })
        .await;
    for stream in streams {
        let read = async |from, limit| bench.store.audit(stream, from, limit).await.unwrap();
        let chain: Vec<_> = (0..5).map(|seq| records::audit(stream, seq)).collect();
        assert_eq!(read(0, 100).await, chain);
        assert_eq!(read(2, 2).await, chain[2..4]);
        assert_eq!(read(5, 2).await, []);
    }
}

pub async fn a_stream_s_chain_comes_with_its_head(bench: Bench) {
    let event = StreamId::Event(records::event(1).id);
    assert_eq!(bench.store.chain(StreamId::Users).await.unwrap(), (ChainHead::EMPTY, vec![]));
    bench.ground(1).await;
    bench
        .put(move |snapshot| {
            snapshot.streams.put(records::stream(8));
            [event, StreamId::Users].iter().for_each(|stream| snapshot.add_audit(records::audit(*stream, 0)));
        })
        .await;
    let users = bench.store.chain(StreamId::Users).await.unwrap();
    assert_eq!(users, (records::stream(8).audit, vec![records::audit(StreamId::Users, 0)]));
    let found = bench.store.chain(event).await.unwrap();
    assert_eq!(found, (records::event(1).audit, vec![records::audit(event, 0)]));
}

pub async fn a_ledger_is_everything_about_one_session(bench: Bench) {
    bench.ground(2).await;
    let matched = |n| Callback { payment_id: Some(records::payment(n, 1).id), ..records::callback(n) };
    bench
        .put(move |snapshot| {
            for n in 1..=4 {
                let session = 1 + n / 4;
                snapshot.holds.put(records::hold(n, session));
                snapshot.orders.put(records::order(n, session));
                snapshot.payments.put(records::payment(n, session));
                snapshot.outbox.put(records::message(n, session));
                snapshot.callbacks.put(matched(n));
                snapshot.seats.put(records::seat(session, &format!("A{n}"), Some(n)));
                snapshot.add_ticket(records::ticket(n, n, session, 1));
                snapshot.add_audit(records::audit(StreamId::Session(records::session(session, 1).id), (n - 1) % 3));
            }
            snapshot.callbacks.put(records::callback(9));
        })
        .await;
    let stream = StreamId::Session(records::session(1, 1).id);
    let ledger = bench.store.ledger(records::session(1, 1).id).await.unwrap().expect("the session is there");
    assert_eq!(ledger.session, records::session(1, 1));
    assert_eq!(ledger.seats, [1, 2, 3].map(|n| records::seat(1, &format!("A{n}"), Some(n))));
    assert_eq!(ledger.holds, [1, 2, 3].map(|n| records::hold(n, 1)));
    assert_eq!(ledger.orders, [1, 2, 3].map(|n| records::order(n, 1)));
    assert_eq!(ledger.payments, [1, 2, 3].map(|n| records::payment(n, 1)));
    assert_eq!(ledger.tickets, [1, 2, 3].map(|n| records::ticket(n, n, 1, 1)));
    assert_eq!(ledger.outbox, [1, 2, 3].map(|n| records::message(n, 1)));
    assert_eq!(ledger.callbacks, [1, 2, 3].map(matched));
    assert_eq!(ledger.audit, [0, 1, 2].map(|seq| records::audit(stream, seq)));
    assert!(bench.store.ledger(records::session(6, 1).id).await.unwrap().is_none());
}
