//! What a buyer does, step by step.

use fastrand::Rng;

use super::{history::Wish, plan::Sale, scenario::Scenario};

/// One step. Holds are a buyer's own, and named by when they were placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Waits, in milliseconds.
    Think(u64),
    /// Takes a place in the line, and waits for admission.
    Queue,
    /// Takes a place, and does not wait.
    Join,
    /// Asks where they stand.
    Poll,
    /// Gives the place up.
    Leave,
    /// Asks for a hold until somebody answers.
    Hold { key: u32, wish: Wish },
    /// Asks again under the last key.
    Again,
    /// Asks for something else under the last key.
    Otherwise { wish: Wish },
    /// Gives a hold up.
    Release(Which),
    /// Goes to pay.
    Checkout(Which),
    /// Pays the whole amount, for what was checked out.
    Pay(Which),
    /// Pays another amount, by a mistake of the gateway.
    PayShort(Which),
    /// Is declined.
    Decline(Which),
    /// Tries what is not theirs: somebody else's hold or token.
    Sneak(Sneak),
    /// Goes in with a ticket.
    Scan(Which),
}

/// Which of a buyer's holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    First,
    Last,
}

/// What is tried on somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sneak {
    Release,
    Checkout,
    HoldWithToken,
    PollToken,
}

/// The steps of a buyer of `sale`. Of every ten buyers some do what `favourite` says, each seed its own.
pub fn draw(random: &mut Rng, scenario: Scenario, sale: &Sale, favourite: u8) -> Vec<Step> {
    let mut steps = Vec::new();
    if sale.line.is_some() {
        match random.u8(0..8) {
            0 => steps.extend([Step::Join, Step::Poll, Step::Leave, Step::Queue]),
            1 => steps.extend([Step::Join, think(random, 3_000), Step::Poll]),
            _ => steps.push(Step::Queue),
        }
    }
    let kind = if random.u8(0..5) < 2 { favourite } else { random.u8(..) };
    let payments = scenario == Scenario::Payments;
    let ttl = u64::from(sale.ttl_seconds) * 1_000;
    let mut key = 0;
    let mut hold = |random: &mut Rng| {
        key += 1;
        Step::Hold { key, wish: wish(random, sale) }
    };
    let first = hold(random);
    match if payments { kind % 12 + 4 } else { kind % 16 } {
        0 => steps.extend([first, think(random, 2_000), Step::Release(Which::Last), Step::Release(Which::Last)]),
        1 => {
            let again = hold(random);
            steps.extend([first, Step::Again, Step::Release(Which::Last), think(random, 1_500), Step::Again, again]);
            steps.extend([Step::Checkout(Which::Last), Step::Pay(Which::Last)]);
        }
        2 => {
            let other = hold(random);
            let otherwise = Step::Otherwise { wish: wish(random, sale) };
            steps.extend([first, otherwise, Step::Again, other, think(random, ttl), Step::Again]);
        }
        3 => steps.extend([first, think(random, ttl * 2), Step::Release(Which::Last), hold(random), Step::Again]),
        4 => steps.extend([first, Step::Checkout(Which::Last), Step::Decline(Which::Last), hold(random), Step::Again]),
        5 => {
            // Lets a hold run out, takes another one, and pays for both.
            steps.extend([first, Step::Checkout(Which::Last), Step::Think(ttl + random.u64(0..1_500)), hold(random)]);
            if random.bool() {
                steps.extend([Step::Checkout(Which::Last), Step::Pay(Which::Last)]);
            }
            steps.push(Step::Pay(Which::First));
        }
        6 => {
            let late = random.u64(0..ttl.max(2));
            steps.extend([first, Step::Checkout(Which::Last), Step::Think(ttl + late), Step::Pay(Which::Last)]);
        }
        7 => steps.extend([first, Step::Checkout(Which::Last), Step::Release(Which::Last), Step::Pay(Which::Last)]),
        8 => steps.extend([first, Step::Checkout(Which::Last), Step::PayShort(Which::Last), hold(random)]),
        9 => {
            steps.extend([first, Step::Checkout(Which::Last), Step::Pay(Which::Last), Step::Scan(Which::Last)]);
            steps.extend([Step::Scan(Which::Last), hold(random), Step::Checkout(Which::Last), Step::Pay(Which::Last)]);
        }
        10 => steps.extend([first, Step::Checkout(Which::Last), Step::Checkout(Which::Last), Step::Pay(Which::Last)]),
        11 => {
            let sneaks = [Sneak::Release, Sneak::Checkout, Sneak::HoldWithToken, Sneak::PollToken];
            for _ in 0..3 {
                steps.extend([think(random, 4_000), Step::Sneak(sneaks[random.usize(0..sneaks.len())])]);
            }
            steps.push(first);
        }
        12 => steps.extend([first, think(random, ttl), Step::Checkout(Which::Last), Step::Pay(Which::Last)]),
        13 => {
            // Is declined when the hold is over, and somebody else may have what it was of.
            let late = random.u64(0..ttl.max(2));
            steps.extend([first, Step::Checkout(Which::Last), Step::Think(ttl + late), Step::Decline(Which::Last)]);
        }
        14 => {
            steps.extend([first, Step::Checkout(Which::Last), Step::Release(Which::Last), think(random, ttl)]);
            steps.push(Step::Decline(Which::Last));
        }
        _ => steps.extend([first, Step::Checkout(Which::Last), think(random, ttl / 2), Step::Pay(Which::Last)]),
    }
    steps
}

fn think(random: &mut Rng, most: u64) -> Step {
    Step::Think(random.u64(0..most.max(2)))
}

fn wish(random: &mut Rng, sale: &Sale) -> Wish {
    if !sale.seated {
        let most = if random.u8(0..6) == 0 { sale.limit + 1 } else { sale.limit };
        return Wish::Tickets(random.u32(1..=most));
    }
    let most = usize::try_from(sale.limit.min(sale.stock)).unwrap_or(1);
    let count = random.usize(1..=most);
    let mut seats: Vec<u32> = (0..sale.stock).collect();
    random.shuffle(&mut seats);
    seats.truncate(count);
    seats.sort_unstable();
    Wish::Seats(seats.into_iter().map(seat).collect())
}

/// The label of seat `number`.
pub fn seat(number: u32) -> String {
    format!("A{}", number + 1)
}
