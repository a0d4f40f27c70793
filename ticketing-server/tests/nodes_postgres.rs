//! Three servers over one Postgres, or over Redis alone: what any of them is asked, they answer alike, also when one of them stands
//! still or is gone.

mod fleet;
mod process;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use fleet::{Fleet, Visitor, eventually};
use process::{Answer, callback, hold};
use serde_json::json;
use ticketing_store::testing::redis::Namespace;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

const NODES: usize = 3;

/// Sends visitors of the numbers from 1 on, one after the other `apart`, each on its way of its own.
fn crowd<T, F>(fleet: &Fleet, visitors: u64, apart: Duration, way: impl Fn(Visitor) -> F) -> Vec<JoinHandle<T>>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let visitors = (0..visitors).map(|place| {
        let way = way(Visitor::new(place + 1, &fleet.nodes));
        tokio::spawn(async move {
            sleep(apart * place as u32).await;
            way.await
        })
    });
    visitors.collect()
}

async fn all<T>(crowd: impl IntoIterator<Item = JoinHandle<T>>) -> Vec<T> {
    let mut done = Vec::new();
    for visitor in crowd {
        done.push(visitor.await.expect("a visitor gets through"));
    }
    done
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_on_three_nodes_get_two_hundred_tickets_in_the_order_they_came() {
    let Some(fleet) = Fleet::start(NODES).await else { return };
    a_thousand_get_two_hundred(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_on_three_nodes_on_redis_get_two_hundred_tickets_in_the_order_they_came() {
    let Some(fleet) = Fleet::start_on_redis(NODES).await else { return };
    a_thousand_get_two_hundred(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_do_a_thousand_whose_waiting_room_is_in_redis() {
    let Some(redis) = Namespace::create().await else { return };
    let Some(fleet) = Fleet::with_queue(NODES, redis.url()).await else { return };
    a_thousand_get_two_hundred(&fleet).await;
}

async fn a_thousand_get_two_hundred(fleet: &Fleet) {
    const STOCK: i64 = 200;
    let queue = json!({ "mode": "ON", "admitPerSecond": 400, "admitTtlSeconds": 600 });
    let session: Arc<str> = fleet.session(STOCK, json!({ "queue": queue })).await.into();
    let crowd = crowd(fleet, 1_000, Duration::from_millis(2), |mut visitor| {
        let session = Arc::clone(&session);
        async move {
            let place = visitor.join(&session).await?;
            if !visitor.wait(&place).await {
                return Some((place, None));
            }
            let hold = visitor.hold(&session, Some(&place)).await;
            if let Some(hold) = hold.as_ref().filter(|_| visitor.number.is_multiple_of(2)) {
                let open = visitor.checkout(hold).await;
                visitor.pay(&open).await;
                assert_eq!(visitor.tickets().await, 1);
            }
            Some((place, hold))
        }
    });
    let visits: Vec<_> = all(crowd).await.into_iter().flatten().collect();

    let holds: BTreeSet<_> = visits.iter().filter_map(|(_, hold)| hold.as_ref()).collect();
    assert_eq!(holds.len(), STOCK as usize);
    assert_eq!(visits.iter().filter(|(_, hold)| hold.is_some()).count(), STOCK as usize);
    let (mut in_order, mut inversions) = (0, 0);
    for (first, _) in &visits {
        for (second, _) in &visits {
            if first.answered < second.asked {
                in_order += 1;
                inversions += usize::from(first.claim.number >= second.claim.number);
            }
        }
    }
    eprintln!("{} on {NODES} nodes: {STOCK} hold tickets, {inversions} inversions in {in_order} pairs", visits.len());
    assert_eq!(inversions, 0);
    assert!(in_order > 100_000, "hardly anybody came after anybody: {in_order}");
    let [available, held, sold] = fleet.stock(&session).await;
    assert_eq!((available, held + sold), (0, STOCK));
    fleet.assert_shown(&session, 0).await;
    fleet.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stands_still_past_the_end_of_its_holds_sells_none_of_them() {
    const STOCK: u64 = 30;
    /// Of them, such as are paid while the node stands still.
    const LATE: usize = 5;
    let Some(mut fleet) = Fleet::start(NODES).await else { return };
    let session: Arc<str> = fleet.session(STOCK as i64, json!({ "holdTtlSeconds": 10 })).await.into();
    // Everything is held, and about to be paid.
    let held = crowd(&fleet, STOCK, Duration::ZERO, |mut visitor| {
        let session = Arc::clone(&session);
        async move {
            let hold = visitor.hold(&session, None).await.expect("there is one for each");
            let open = visitor.checkout(&hold).await;
            (visitor, open)
        }
    });
    let held = all(held).await;

    // The stale node is in the midst of it when it stops: of payments, and of holds that others ask it for.
    let stale = fleet.nodes[0];
    let under_way = crowd(&fleet, 2 * STOCK, Duration::from_millis(3), |visitor| {
        let number = visitor.number;
        let payment = held.get(number as usize - 1).map(|(_, open)| open.text("pgPaymentId"));
        let is_late = (held.len() - LATE..held.len()).contains(&(number as usize - 1));
        let session = Arc::clone(&session);
        async move {
            match payment {
                Some(_) if is_late => None,
                Some(payment) => callback(stale, &payment).await,
                None => hold(stale, &session, number, "the-key").await,
            }
        }
    });
    let answered = async || under_way.iter().filter(|request| request.is_finished()).count() >= 10;
    eventually("some answers", answered).await;
    fleet.stop(0);
    // The system takes these for it, and it gets to see them when it goes on.
    let late = held.iter().skip(held.len() - LATE).map(|(_, open)| open.text("pgPaymentId"));
    let late: Vec<_> = late.map(|payment| tokio::spawn(async move { callback(stale, &payment).await })).collect();

    // The others take back what has ended, and sell it.
    eventually("the end of every hold", async || fleet.stock(&session).await[1] == 0).await;
    let others = crowd(&fleet, 2 * STOCK, Duration::ZERO, |visitor| {
        let (session, nodes) = (Arc::clone(&session), fleet.nodes[1..].into());
        let mut visitor = Visitor::new(1_000 + visitor.number, &nodes);
        async move {
            let hold = visitor.hold(&session, None).await?;
            let open = visitor.checkout(&hold).await;
            visitor.pay(&open).await;
            Some((visitor, open))
        }
    });
    let others: Vec<_> = all(others).await.into_iter().flatten().collect();
    assert_eq!(fleet.stock(&session).await, [0, 0, STOCK as i64]);

    fleet.go_on();
    let went_on = Instant::now();
    let ended = timeout(Duration::from_secs(60), all(under_way.into_iter().chain(late)))
        .await
        .expect("what was under way ends");
    let took = went_on.elapsed();
    let answered = |status| ended.iter().flatten().filter(|answer: &&Answer| answer.status == status).count();
    assert_eq!(answered(201), 0, "a hold of what is sold");

    // Whoever is not answered asks the others: the gateway for its payments, visitors for theirs.
    let (mut sold, mut refunded) = (others.len(), 0);
    for (mut visitor, open) in held {
        visitor.pay(&open).await;
        match (visitor.settled(&open).await.as_str(), visitor.tickets().await) {
            ("SUCCEEDED", 1) => sold += 1,
            ("REFUNDED", 0) => refunded += 1,
            other => panic!("visitor {}: {other:?}", visitor.number),
        }
    }
    eprintln!(
        "a node stood still: {} sold before, {} by others, {refunded} paid too late and refunded; what was under way \
         ended in {took:?}, {} with 200, {} 409, {} 503",
        sold - others.len(),
        others.len(),
        answered(200),
        answered(409),
        answered(503),
    );
    assert_eq!(sold, STOCK as usize);
    assert!(refunded > 0, "it stood still too late");
    for (mut visitor, open) in others {
        assert_eq!((visitor.settled(&open).await.as_str(), visitor.tickets().await), ("SUCCEEDED", 1));
    }
    for number in STOCK + 1..=2 * STOCK {
        let mut visitor = Visitor::new(number, &fleet.nodes);
        assert_eq!(visitor.hold(&session, None).await, None);
    }
    assert_eq!(fleet.stock(&session).await, [0, 0, STOCK as i64]);
    fleet.assert_shown(&session, 0).await;
    fleet.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_node_leaves_behind_the_others_finish() {
    const STOCK: i64 = 100;
    let Some(mut fleet) = Fleet::start(NODES).await else { return };
    let queue = json!({ "mode": "ON", "admitPerSecond": 200, "admitTtlSeconds": 600 });
    let changes = json!({ "queue": queue, "holdTtlSeconds": 10 });
    let session: Arc<str> = fleet.session(STOCK, changes).await.into();
    let crowd = crowd(&fleet, 300, Duration::from_millis(5), |mut visitor| {
        let session = Arc::clone(&session);
        async move {
            let place = visitor.join(&session).await?;
            if !visitor.wait(&place).await {
                return None;
            }
            let hold = visitor.hold(&session, Some(&place)).await?;
            let open = visitor.checkout(&hold).await;
            let ending = Ending::of(visitor.number);
            match ending {
                Ending::Pays => visitor.pay(&open).await,
                Ending::PaysTooLate => {
                    visitor.release(&hold).await;
                    visitor.pay(&open).await;
                }
                Ending::WalksAway => {}
            }
            Some((visitor, ending, open))
        }
    });
    let some_sold = async || fleet.stock(&session).await[2] >= 10;
    eventually("some sales", some_sold).await;
    fleet.kill(0);
    let buyers: Vec<_> = all(crowd).await.into_iter().flatten().collect();

    let took = eventually("the sweep of what nobody pays", async || fleet.stock(&session).await[1] == 0).await;
    let (mut sold, mut refunded) = (0, 0);
    for (mut visitor, ending, open) in buyers {
        match ending {
            Ending::WalksAway => assert_eq!(visitor.tickets().await, 0),
            Ending::PaysTooLate => {
                assert_eq!((visitor.settled(&open).await.as_str(), visitor.tickets().await), ("REFUNDED", 0));
                refunded += 1;
            }
            Ending::Pays => match (visitor.settled(&open).await.as_str(), visitor.tickets().await) {
                ("SUCCEEDED", 1) => sold += 1,
                // Its payment took longer than its hold lived.
                ("REFUNDED", 0) => refunded += 1,
                other => panic!("visitor {}: {other:?}", visitor.number),
            },
        }
    }
    eprintln!("two nodes went on: {sold} sold, {refunded} refunded, the last holds swept after {took:?}");
    assert!(sold > 20 && refunded > 5, "{sold} sold, {refunded} refunded");
    assert_eq!(fleet.stock(&session).await, [STOCK - sold, 0, sold]);
    fleet.assert_shown(&session, STOCK - sold).await;
    fleet.assert_sound().await;
}

/// How a visitor's way ends.
#[derive(Debug, Clone, Copy)]
enum Ending {
    Pays,
    /// Gives its hold up, and pays all the same.
    PaysTooLate,
    WalksAway,
}

impl Ending {
    fn of(number: u64) -> Self {
        match number % 6 {
            0 | 1 => Self::WalksAway,
            2 => Self::PaysTooLate,
            _ => Self::Pays,
        }
    }
}
