//! What a read by index brings to a decision.

use super::Bench;
use crate::{
    hold::{Hold, HoldStatus},
    ids::HoldId,
    payment::Payment,
    session::Session,
    store::{Read, Snapshot},
    testing::{TestGateway, records},
    waiting_room::{Place, PlaceState},
};

fn session() -> Session {
    records::session(1, 1)
}

pub async fn what_is_not_there_is_loaded_as_absent(bench: Bench) {
    bench.ground(1).await;
    let (here, elsewhere) = (session().id, records::session(2, 1).id);
    let (user, hold, order, payment) =
        (records::user(1), records::hold(1, 1), records::order(1, 1), records::payment(1, 1));
    let place = records::place(1, 7, PlaceState::In);
    let reads = vec![
        Read::Stream(crate::audit::StreamId::Users),
        Read::User(user.id),
        Read::UserByEmail(user.email.clone()),
        Read::Event(records::event(2).id),
        Read::Session(elsewhere),
        Read::Room(elsewhere),
        Read::Place(here, 7),
        Read::PlaceOfUser(here, place.user_id),
        Read::Places { session_id: here, after: 0, limit: 10 },
        Read::Seat(here, records::seat(1, "A1", None).id),
        Read::Hold(here, hold.id),
        Read::HoldsOfUser(here, hold.user_id),
        Read::EarliestHolds { session_id: here, limit: 10 },
        Read::Order(here, order.id),
        Read::Payment(here, payment.id),
        Read::Callback(records::callback(1).id),
        Read::Outbox(here, records::message(1, 1).id),
    ];
    bench
        .see(reads.clone(), move |snapshot| {
            for read in &reads {
                assert!(snapshot.has(read), "{read:?} was not answered");
            }
            assert_eq!(snapshot.users.get(&user.id), Ok(None));
            assert_eq!(snapshot.user_by_email(&user.email), Ok(None));
            assert_eq!(snapshot.sessions.get(&elsewhere), Ok(None));
            assert_eq!(snapshot.rooms.get(&elsewhere), Ok(None));
            assert_eq!(snapshot.place_of_user(here, place.user_id), Ok(None));
            assert_eq!(snapshot.places(here, 0, 10), Ok(vec![]));
            assert_eq!(snapshot.holds.get(&(here, hold.id)), Ok(None));
            assert_eq!(snapshot.holds_of_user(here, hold.user_id), Ok(vec![]));
            assert_eq!(snapshot.earliest_holds(here, 10).map(|found| found.holds.clone()), Ok(vec![]));
            assert_eq!(snapshot.payments.get(&(here, payment.id)), Ok(None));
        })
        .await;
}

pub async fn an_account_is_found_by_its_address(bench: Bench) {
    bench.put(|snapshot| (1..=3).for_each(|n| snapshot.add_user(records::user(n)))).await;
    let user = records::user(2);
    bench
        .see(vec![Read::UserByEmail(user.email.clone())], move |snapshot| {
            assert_eq!(snapshot.user_by_email(&user.email), Ok(Some(user.id)));
            assert_eq!(snapshot.users.get(&user.id), Ok(Some(&user)));
        })
        .await;
}

pub async fn holds_of_a_user_are_all_of_them_whatever_their_status(bench: Bench) {
    bench.ground(2).await;
    let owner = records::hold(1, 1).user_id;
    let owned = move |n, session, status: HoldStatus| {
        let ended_at = (status != HoldStatus::Active).then(|| records::at(n + 50));
        Hold { user_id: owner, status, ended_at, ..records::hold(n, session) }
    };
    let mut expected: Vec<_> = HoldStatus::ALL.iter().zip(1..).map(|(status, n)| owned(n, 1, *status)).collect();
    let written = expected.clone();
    bench
        .put(move |snapshot| {
            written.iter().for_each(|hold| snapshot.holds.put(hold.clone()));
            snapshot.holds.put(owned(50, 2, HoldStatus::Active));
            snapshot.holds.put(records::hold(60, 1));
        })
        .await;
    let here = session().id;
    let mut found = bench
        .see(vec![Read::HoldsOfUser(here, owner)], move |snapshot| {
            snapshot.holds_of_user(here, owner).unwrap().into_iter().cloned().collect::<Vec<_>>()
        })
        .await;
    expected.sort_by_key(|hold| hold.id);
    found.sort_by_key(|hold| hold.id);
    assert_eq!(found, expected);
}

pub async fn the_earliest_holds_are_the_active_ones_by_their_end(bench: Bench) {
    bench.ground(2).await;
    // Ends against the order of ids; two of them end together; one has ended; one is elsewhere.
    let ends = [(1, 400), (2, 300), (3, 300), (4, 100)];
    bench
        .put(move |snapshot| {
            for (n, end) in ends {
                snapshot.holds.put(Hold { expires_at: records::at(end), ..records::hold(n, 1) });
            }
            let ended = Some(records::at(40));
            let over = Hold { status: HoldStatus::Expired, ended_at: ended, ..records::hold(5, 1) };
            snapshot.holds.put(Hold { expires_at: records::at(1), ..over });
            snapshot.holds.put(Hold { expires_at: records::at(1), ..records::hold(6, 2) });
        })
        .await;
    let earliest = async |limit| {
        let here = session().id;
        bench
            .see(vec![Read::EarliestHolds { session_id: here, limit }], move |snapshot| {
                let found = snapshot.earliest_holds(here, limit).unwrap();
                found.holds.iter().for_each(|id| assert!(loaded(snapshot, *id), "{id} was not loaded"));
                found.holds.clone()
            })
            .await
    };
    let ids = |order: &[u32]| order.iter().map(|n| records::hold(*n, 1).id).collect::<Vec<_>>();
    assert_eq!(earliest(10).await, ids(&[4, 2, 3, 1]));
    assert_eq!(earliest(4).await, ids(&[4, 2, 3, 1]));
    assert_eq!(earliest(2).await, ids(&[4, 2]));
}

fn loaded(snapshot: &Snapshot, id: HoldId) -> bool {
    snapshot.holds.get(&(session().id, id)).is_ok_and(|found| found.is_some())
}

pub async fn the_place_of_a_user_is_the_newest_they_are_in(bench: Bench) {
    bench.ground(1).await;
    let of_first = |n, state| Place { user_id: records::user(1).id, ..records::place(1, n, state) };
    let given = [(1, PlaceState::In), (4, PlaceState::In), (6, PlaceState::Left), (7, PlaceState::Expired)];
    bench
        .put(move |snapshot| {
            given.iter().for_each(|(n, state)| snapshot.places.put(of_first(*n, *state)));
            snapshot.places.put(records::place(1, 9, PlaceState::In));
            snapshot.places.put(Place { user_id: records::user(2).id, ..records::place(1, 3, PlaceState::Bought) });
        })
        .await;
    let place_of = async |user: u32| {
        let (here, user) = (session().id, records::user(user).id);
        let reads = vec![Read::PlaceOfUser(here, user)];
        bench.see(reads, move |snapshot| snapshot.place_of_user(here, user).unwrap()).await
    };
    assert_eq!(place_of(1).await, Some(of_first(4, PlaceState::In)));
    assert_eq!(place_of(2).await, None, "a place that was given up is none");
    assert_eq!(place_of(9).await, Some(records::place(1, 9, PlaceState::In)));
}

pub async fn places_are_a_range_whatever_their_state(bench: Bench) {
    bench.ground(2).await;
    let states = [PlaceState::In, PlaceState::Left, PlaceState::Bought, PlaceState::Expired];
    let all: Vec<_> = (1..=8_u32).map(|n| records::place(1, n, states[n as usize % 4])).collect();
    let written = all.clone();
    bench
        .put(move |snapshot| {
            written.iter().rev().for_each(|place| snapshot.places.put(*place));
            snapshot.places.put(records::place(2, 5, PlaceState::In));
        })
        .await;
    let range = async |after, limit| {
        let here = session().id;
        let reads = vec![Read::Places { session_id: here, after, limit }];
        bench.see(reads, move |snapshot| snapshot.places(here, after, limit).unwrap()).await
    };
    assert_eq!(range(0, 100).await, all);
    assert_eq!(range(3, 2).await, all[3..5]);
    assert_eq!(range(8, 5).await, []);
}

pub async fn a_payment_is_found_by_the_gateway_s_name(bench: Bench) {
    bench.ground(1).await;
    bench
        .put(|snapshot| {
            (1..=3).for_each(|n| snapshot.payments.put(records::payment(n, 1)));
            snapshot.payments.put(Payment { gateway: None, ..records::payment(4, 1) });
        })
        .await;
    let payment = records::payment(2, 1);
    let name = TestGateway::name_of(payment.id);
    assert_eq!(bench.store.payment_by_gateway(name).await.unwrap().as_ref(), Some(&payment));
    let unnamed = TestGateway::name_of(records::payment(4, 1).id);
    assert_eq!(bench.store.payment_by_gateway(unnamed).await.unwrap(), None);
}
