//! Whoever comes when everything has healed, and buys what is left: nothing is stranded.

use std::time::Duration;

use tokio::time::sleep;

use super::{
    books,
    buyer::Shopper,
    history::{Answer, No, User, Wish},
    oracle::{Books, Breach},
    persona::{Step, Which, seat},
    plan::Sale,
    scene::Scene,
};

/// The first of them.
const FIRST: User = 500;
/// How often they wait in line.
const ATTEMPTS: u32 = 8;

/// Buys all that is left of `sale`; answers what stood in the way.
pub async fn come(scene: &Scene, sale: usize, seed: u64) -> Option<Breach> {
    let (terms, session) = (&scene.sales[sale], scene.sessions[sale]);
    let books = books::read(&*scene.store, session).await.ok()?;
    let limit = i64::from(scene.store.session(session).await.ok()??.session.max_per_user);
    let mut free = free_seats(terms, &books).into_iter();
    let (mut left, mut user) = (books.stock[0], FIRST);
    while left > 0 {
        let count = left.min(limit);
        let wish = if terms.seated {
            Wish::Seats(free.by_ref().take(usize::try_from(count).ok()?).collect())
        } else {
            Wish::Tickets(u32::try_from(count).ok()?)
        };
        let shopper = Shopper::new(scene.clone(), user, sale, seed);
        let answer = buy(shopper, wish, terms.line.is_some()).await;
        if !matches!(answer, Answer::Held { .. }) {
            let detail = format!("{count} of {left} tickets that are left cannot be had: {answer:?}");
            return Some(Breach::of("liveness", detail));
        }
        left -= count;
        user += 1;
    }
    None
}

/// Holds `wish` and pays for it, and waits in line for it as often as it takes.
async fn buy(mut shopper: Shopper, wish: Wish, queued: bool) -> Answer {
    let mut answer = Answer::Pending;
    for _ in 0..ATTEMPTS {
        if queued {
            shopper.go(&[Step::Queue]).await;
        }
        answer = shopper.hold(1, wish.clone()).await;
        if matches!(answer, Answer::Held { .. }) {
            shopper.go(&[Step::Checkout(Which::Last), Step::Pay(Which::Last)]).await;
        }
        if !matches!(answer, Answer::Refused(No::NotAdmitted | No::TokenExpired)) {
            break;
        }
        sleep(Duration::from_secs(30)).await;
    }
    answer
}

fn free_seats(sale: &Sale, books: &Books) -> Vec<String> {
    let taken = |label: &String| {
        books.holds.values().any(|hold| {
            let paid = hold.status == "CONFIRMED" && hold.wish.seats().contains(label);
            paid && books.orders.iter().any(|(_, order)| {
                order.status == "PAID" && books.holds.get(&order.hold).is_some_and(|of| std::ptr::eq(of, hold))
            })
        })
    };
    if !sale.seated {
        return Vec::new();
    }
    (0..sale.stock).map(seat).filter(|label| !taken(label)).collect()
}
