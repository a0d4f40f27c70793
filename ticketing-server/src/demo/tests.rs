//! What is made, and by whom of those who start at once.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use futures_util::future::BoxFuture;
use ticketing_core::{
    clock::Clock,
    engine::Keys,
    payment::{
        GatewaySession,
        gateway::{GatewayError, OpenPayment, PaymentGateway, Refund},
    },
    store::memory::MemoryStore,
    user::password::check,
};

use super::*;

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

/// Seconds, as a test sets them.
#[derive(Debug, Default)]
struct Seconds(AtomicI64);

impl Clock for Seconds {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::Relaxed) * 1_000_000)
    }
}

#[derive(Debug)]
struct Unused;

impl PaymentGateway for Unused {
    fn open(&self, _: OpenPayment) -> BoxFuture<'_, Result<GatewaySession, GatewayError>> {
        unreachable!("nothing is paid here")
    }

    fn refund(&self, _: Refund) -> BoxFuture<'_, Result<(), GatewayError>> {
        unreachable!("nothing is paid here")
    }
}

/// An engine on a store in which another start has just made the administrator.
async fn begun_elsewhere() -> (Ticketing, Arc<Seconds>) {
    let clock = Arc::new(Seconds::default());
    let store = Arc::new(MemoryStore::new(Arc::clone(&clock) as _));
    let ticketing = Ticketing::builder(store, Keys::new(b"audit", b"queue", &[1; 32]), Arc::new(Unused)).build();
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
