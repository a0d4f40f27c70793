//! Many at once.

use futures_util::{FutureExt, future::join_all};

use crate::{
    command::{HoldRefusal, Settlement},
    hold::Wanted,
    testing::{
        Harness,
        harness::{ALICE, buyer, stock},
    },
};

pub async fn five_hundred_buyers_of_a_hundred_tickets_get_exactly_a_hundred(h: Harness) {
    h.session(100).await;
    let answers = join_all((0..500).map(|n| {
        let h = h.clone();
        async move { h.hold(buyer(n), "k", 1).await }
    }));
    let answers = answers.await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 100);
    let refusals = answers.iter().filter_map(|answer| answer.as_ref().err());
    assert!(refusals.into_iter().all(|refusal| *refusal == HoldRefusal::SoldOut { remaining: 0 }));
    assert_eq!(h.stock().await, stock(0, 100, 0));
}

pub async fn two_engines_on_one_store_oversell_nothing(h: Harness) {
    h.session(50).await;
    let engines = [h.clone(), h.another_engine()];
    let answers = join_all((0..200).map(|n| {
        let h = engines[n as usize % 2].clone();
        async move { h.hold(buyer(n), "k", 1).await }
    }));
    assert_eq!(answers.await.iter().filter(|answer| answer.is_ok()).count(), 50);
    assert_eq!(h.stock().await, stock(0, 50, 0));
    engines[1].engine.shutdown().await;
}

pub async fn a_request_that_is_dropped_still_runs_to_its_end(h: Harness) {
    h.session(5).await;
    let dropped = h.engine.hold(h.request(ALICE, "k1", Wanted::Quantity(2))).now_or_never();
    assert!(dropped.is_none(), "it was answered before it could be dropped");
    let replayed = h.hold(ALICE, "k1", 2).await.unwrap();
    assert!(replayed.replayed);
    assert_eq!(h.stock().await, stock(3, 2, 0));
}

pub async fn holds_releases_and_payments_at_once_keep_the_books(h: Harness) {
    h.session(60).await;
    let buyers = join_all((0..90).map(|n| {
        let h = h.clone();
        async move {
            let Ok(placed) = h.hold(buyer(n), "k", 1 + n % 3).await else { return 0 };
            if n % 4 == 0 {
                h.release(buyer(n), placed.hold.id).await.unwrap();
                return 0;
            }
            let open = h.checkout(buyer(n), placed.hold.id).await.unwrap();
            if n % 4 == 1 {
                h.decline(&open).await;
                return 0;
            }
            assert_eq!(h.pay(&open).await, Settlement::Sold);
            i64::from(1 + n % 3)
        }
    }));
    let sold: i64 = buyers.await.into_iter().sum();
    assert!(sold > 0);
    assert_eq!(h.stock().await, stock(60 - sold, 0, sold));
}
