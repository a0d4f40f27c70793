//! What is made, and by whom of those who start at once.

use std::sync::{Arc, atomic::Ordering};

use ticketing_core::user::password::check;

use super::*;
use crate::testing::{Seconds, engine};

#[test]
fn a_password_meets_the_policy_and_comes_from_the_secret_alone() {
    let first = password(b"secret", BUYER);
    assert_eq!(check(&first), Ok(()));
    assert_eq!(password(b"secret", BUYER), first);
    assert_ne!(password(b"secret", ADMIN), first);
    assert_ne!(password(b"other", BUYER), first);
}

#[test]
fn every_seat_has_a_label_of_its_own() {
    let mut labels: Vec<_> = seats().unwrap().into_iter().map(|seat| seat.id).collect();
    labels.sort_unstable();
    labels.dedup();
    assert_eq!(labels.len(), ROWS.len() * SEATS_PER_ROW as usize);
}

/// An engine on a store in which another start has just made the administrator.
async fn begun_elsewhere() -> (Ticketing, Arc<Seconds>) {
    let clock = Arc::new(Seconds::default());
    let ticketing = engine(Arc::clone(&clock) as _);
    let password_hash = PasswordHash::from_stored("none".to_owned());
    let new = NewUser { email: ADMIN.parse().unwrap(), password_hash, role: Role::Admin };
    ticketing.create_user(OPERATOR, new).await.unwrap();
    (ticketing, clock)
}

#[tokio::test]
async fn what_another_start_is_making_is_waited_for() {
    let (ticketing, _clock) = begun_elsewhere().await;
    let here = ticketing.clone();
    let mut seeded = tokio::spawn(async move { seed(&here, b"secret").await });
    assert!(tokio::time::timeout(Duration::from_secs(1), &mut seeded).await.is_err(), "it did not wait");
    let event = create_event(&ticketing).await.unwrap();
    let by_quantity = create_session(&ticketing, event.id, SessionKind::Quantity).await.unwrap();
    let by_seat = create_session(&ticketing, event.id, SessionKind::Seated).await.unwrap();
    ticketing.import_seats(OPERATOR, by_seat.id, seats().unwrap()).await.unwrap();
    let demo = seeded.await.unwrap().unwrap();
    assert_eq!((demo.by_quantity, demo.by_seat, demo.made), (by_quantity.id, by_seat.id, false));
}

#[tokio::test]
async fn what_another_start_left_out_is_made_when_its_time_is_over() {
    let (ticketing, clock) = begun_elsewhere().await;
    clock.0.store(30, Ordering::Relaxed);
    assert!(seed(&ticketing, b"secret").await.unwrap().made);
}
