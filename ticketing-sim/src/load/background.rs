//! What goes on beside the buyers of a sale: reads, and a look at the numbers every so often.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::Serialize;
use ticketing_core::clock::{Clock, Timestamp};
use tokio::task::JoinHandle;

use super::{
    shop::{Counter, Numbers, Sale, Shop},
    story::{Answer, Call, Step},
};

/// Between two looks at the numbers.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// As often as somebody looks which reads are due.
const TICK: Duration = Duration::from_millis(1);

/// A session's numbers at one time.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Sample {
    /// When they were told.
    pub at: Timestamp,
    /// What they were.
    #[serde(flatten)]
    pub numbers: Numbers,
}

/// Goes on until it is stopped.
#[derive(Debug)]
pub struct Background {
    tasks: Vec<JoinHandle<()>>,
    reads: Arc<Mutex<Vec<Call>>>,
    samples: Arc<Mutex<Vec<Sample>>>,
    /// Every read under way has one.
    under_way: Arc<()>,
}

impl Background {
    /// Starts it: `reader` asks so many times a second.
    pub fn start(shop: &Shop, sale: Sale, clock: &Arc<dyn Clock>, reader: Arc<Counter>, reads_per_second: u32) -> Self {
        let (reads, samples, under_way) = (Arc::default(), Arc::default(), Arc::new(()));
        let looks = look(shop.clone(), sale, Arc::clone(clock), Arc::clone(&samples));
        let mut tasks = vec![tokio::spawn(looks)];
        if reads_per_second > 0 {
            let asks = Asks { reader, sale, clock: Arc::clone(clock), reads: Arc::clone(&reads) };
            tasks.push(tokio::spawn(read(asks, reads_per_second, Arc::clone(&under_way))));
        }
        Self { tasks, reads, samples, under_way }
    }

    /// Stops it, and tells what there was when the last read was answered.
    pub async fn stop(self) -> (Vec<Call>, Vec<Sample>) {
        self.tasks.iter().for_each(JoinHandle::abort);
        while Arc::strong_count(&self.under_way) > 1 {
            tokio::time::sleep(TICK).await;
        }
        (take(&self.reads), take(&self.samples))
    }
}

fn take<T>(list: &Mutex<Vec<T>>) -> Vec<T> {
    std::mem::take(&mut *list.lock().unwrap_or_else(PoisonError::into_inner))
}

fn push<T>(list: &Mutex<Vec<T>>, one: T) {
    list.lock().unwrap_or_else(PoisonError::into_inner).push(one);
}

/// Who reads what, and where it is written down.
#[derive(Debug, Clone)]
struct Asks {
    reader: Arc<Counter>,
    sale: Sale,
    clock: Arc<dyn Clock>,
    reads: Arc<Mutex<Vec<Call>>>,
}

impl Asks {
    async fn read(self, due: Timestamp) {
        let asked = self.clock.now();
        let heard = self.reader.read(self.sale.session_id).await;
        let answer = heard.map_or_else(|answer| answer, |()| Answer::Done);
        let answered = self.clock.now();
        push(&self.reads, Call { step: Step::Read, due, asked, answered, again: false, answer });
    }
}

/// Reads when they are due, whatever became of those before.
async fn read(asks: Asks, per_second: u32, under_way: Arc<()>) {
    let (begun, slot) = (asks.clock.now(), Duration::from_secs(1) / per_second);
    let mut ticks = tokio::time::interval(TICK);
    let mut due = begun;
    loop {
        ticks.tick().await;
        while due <= asks.clock.now() {
            let (asks, under_way) = (asks.clone(), Arc::clone(&under_way));
            tokio::spawn(async move {
                asks.read(due).await;
                drop(under_way);
            });
            due = due.plus(slot);
        }
    }
}

async fn look(shop: Shop, sale: Sale, clock: Arc<dyn Clock>, samples: Arc<Mutex<Vec<Sample>>>) {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        // Who does not answer leaves a gap.
        if let Ok(numbers) = shop.numbers(sale).await {
            push(&samples, Sample { at: clock.now(), numbers });
        }
    }
}
