//! How often the store is asked, and what is kept of its answers.

use futures_util::{TryStreamExt, future::try_join_all, stream::FuturesUnordered};
use ticketing_core::{clock::SystemClock, session::SessionKind, store::PageRequest};

use super::*;
use crate::testing::engine;

/// A shop with a seated session.
async fn shop() -> (Ticketing, Arc<SystemClock>, SessionId) {
    let clock = Arc::new(SystemClock::new());
    let ticketing = engine(Arc::clone(&clock) as _);
    crate::demo::seed(&ticketing, b"secret").await.unwrap();
    let sessions = ticketing.queries().sessions(None, PageRequest::first()).await.unwrap().items;
    let seated = sessions.iter().find(|view| view.session.kind == SessionKind::Seated).unwrap().session.id;
    (ticketing, clock, seated)
}

#[tokio::test]
async fn a_version_that_nobody_has_shown_is_looked_for_once_for_all_who_ask_for_it() {
    let (ticketing, clock, id) = shop().await;
    let seats = Seats::default();
    let asking = (0..200).map(|_| seats.of(&ticketing, &*clock, id, u64::MAX)).collect::<FuturesUnordered<_>>();
    let lists: Vec<_> = asking.try_collect().await.unwrap();
    let mut readings: Vec<_> = lists.iter().map(|list| Arc::as_ptr(list.as_ref().unwrap())).collect();
    readings.sort_unstable();
    readings.dedup();
    assert!(readings.len() <= 3, "{} readings", readings.len());
    // What was read for them is what everybody else sees.
    let shown = seats.of(&ticketing, &*clock, id, 0).await.unwrap().unwrap();
    assert!(readings.contains(&Arc::as_ptr(&shown)));
}

#[tokio::test]
async fn readings_that_find_nothing_changed_share_what_was_rendered() {
    let (ticketing, clock, id) = shop().await;
    let seats = Seats::default();
    let first = seats.of(&ticketing, &*clock, id, 0).await.unwrap().unwrap();
    let json = first.whole().await.unwrap().json.clone();
    let again = seats.of(&ticketing, &*clock, id, u64::MAX).await.unwrap().unwrap();
    assert!(!Arc::ptr_eq(&first, &again), "it was read again");
    assert_eq!(again.whole().await.unwrap().json.as_ptr(), json.as_ptr());
    let packed = try_join_all([first.gzip(), again.gzip()]).await.unwrap();
    assert_eq!(packed[0].as_ptr(), packed[1].as_ptr());
}

#[test]
fn what_nobody_has_looked_at_for_longest_makes_room() {
    let id = |n| SessionId::from_uuid(uuid::Uuid::from_u128(n));
    let slot = |bytes, looked_at| Slot { bytes, looked_at, ..Slot::default() };
    let sessions = [(1, slot(60, 1)), (2, slot(60, 3)), (3, slot(60, 2)), (4, slot(60, 0))];
    let mut kept = Kept { sessions: sessions.map(|(n, slot)| (id(n), slot)).into(), looks: 3 };
    let in_use = Arc::clone(&kept.sessions[&id(1)].turn);
    kept.make_room(id(4), 200);
    let mut left: Vec<_> = kept.sessions.keys().copied().collect();
    left.sort_unstable();
    assert_eq!(left, [id(1), id(2), id(4)], "neither the newest nor one in use goes");
    drop(in_use);
    kept.make_room(id(4), 0);
    assert_eq!(kept.sessions.into_keys().collect::<Vec<_>>(), [id(4)]);
}
