//! Those who ask: each as soon as it was answered, or as many each second as there are, whatever the answers.

use std::{cell::RefCell, collections::BTreeMap, io, net::SocketAddr, rc::Rc, time::Duration};

use futures_util::future::join_all;
use tokio::{
    sync::Notify,
    task::{JoinHandle, spawn_local},
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use crate::{connection::Connection, latencies::Latencies};

/// How often it is looked who comes next.
const TICK: Duration = Duration::from_millis(1);
/// How long the last ones may wait for their answers.
const LAST_ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// What came of it.
#[derive(Debug, Default, Clone)]
pub struct Tally {
    /// Requests that were to be made.
    pub due: usize,
    /// Of those, such as found every connection waiting for an answer.
    pub not_sent: usize,
    /// Answers by status.
    pub statuses: BTreeMap<u16, usize>,
    /// Refusals that did not say when to come back.
    pub without_retry_after: usize,
    /// Requests without an answer.
    pub broken: usize,
    /// How long successes took.
    pub successes: Latencies,
    /// How long refusals took.
    pub refusals: Latencies,
}

impl Tally {
    pub fn of(&self, status: u16) -> usize {
        self.statuses.get(&status).copied().unwrap_or_default()
    }

    fn note(&mut self, status: u16, retry_after: bool, took: Duration) {
        *self.statuses.entry(status).or_default() += 1;
        let refused = matches!(status, 429 | 503);
        self.without_retry_after += usize::from(refused && !retry_after);
        if refused { self.refusals.note(took) } else { self.successes.note(took) }
    }
}

/// So many `connections` ask as soon as they are answered, for `lasting`; answers per second, but for those of
/// the first `warm_up`.
pub async fn closed_loop(
    address: SocketAddr,
    connections: usize,
    (warm_up, lasting): (Duration, Duration),
    ask: impl Fn() -> Vec<u8> + Clone + 'static,
) -> f64 {
    let begun = Instant::now();
    let callers = (0..connections).map(|_| {
        let ask = ask.clone();
        spawn_local(async move {
            let mut connection = Connection::open(address).await.unwrap();
            let mut counted = 0_u32;
            while begun.elapsed() < warm_up + lasting {
                let answer = connection.ask(&ask()).await.unwrap();
                assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(answer.body));
                let at = begun.elapsed();
                counted += u32::from(at > warm_up && at <= warm_up + lasting);
            }
            counted
        })
    });
    let counted: u32 = join_all(callers).await.into_iter().map(Result::unwrap).sum();
    f64::from(counted) / lasting.as_secs_f64()
}

/// Connections that are open, for requests that come when they come.
pub struct Crowd {
    idle: Rc<RefCell<Vec<Rc<Caller>>>>,
    tally: Rc<RefCell<Tally>>,
    callers: Vec<JoinHandle<()>>,
}

/// One connection, and what it is to ask next.
#[derive(Default)]
struct Caller {
    next: RefCell<Option<(Instant, Vec<u8>)>>,
    told: Notify,
}

impl Caller {
    /// Has it ask, from now on.
    fn ask(&self, request: Vec<u8>) {
        *self.next.borrow_mut() = Some((Instant::now(), request));
        self.told.notify_one();
    }
}

impl Crowd {
    /// Opens so many connections.
    pub async fn gather(address: SocketAddr, connections: usize) -> Self {
        let (idle, tally) = (Rc::<RefCell<Vec<Rc<Caller>>>>::default(), Rc::<RefCell<Tally>>::default());
        let mut callers = Vec::new();
        for _ in 0..connections {
            let caller = Rc::<Caller>::default();
            let connection = Connection::open(address).await.unwrap();
            callers.push(spawn_local(serve(
                address,
                connection,
                Rc::clone(&caller),
                Rc::clone(&idle),
                Rc::clone(&tally),
            )));
            idle.borrow_mut().push(caller);
        }
        Self { idle, tally, callers }
    }

    /// Sends `per_second` requests for `lasting`, whatever the answers, and waits for the last one.
    pub async fn ask(&self, per_second: f64, lasting: Duration, mut ask: impl FnMut() -> Option<Vec<u8>>) -> Tally {
        *self.tally.borrow_mut() = Tally::default();
        let begun = Instant::now();
        let mut every = interval(TICK);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut sent = 0;
        loop {
            every.tick().await;
            let now = begun.elapsed().min(lasting);
            let due = (now.as_secs_f64() * per_second) as usize;
            for _ in sent..due {
                let caller = self.idle.borrow_mut().pop();
                match (caller, ask()) {
                    (Some(caller), Some(request)) => {
                        caller.ask(request);
                    }
                    (caller, request) => {
                        self.idle.borrow_mut().extend(caller);
                        self.tally.borrow_mut().not_sent += usize::from(request.is_some());
                    }
                }
            }
            sent = due;
            if now == lasting {
                break;
            }
        }
        self.settle().await;
        Tally { due: sent, ..self.tally.borrow().clone() }
    }

    /// Everybody asks again as soon as they are answered, for `lasting`: as many wait at once as there are
    /// connections.
    pub async fn rush(&self, lasting: Duration, ask: impl Fn() -> Vec<u8>) -> Tally {
        *self.tally.borrow_mut() = Tally::default();
        let begun = Instant::now();
        let mut every = interval(TICK);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut sent = 0;
        while begun.elapsed() < lasting {
            every.tick().await;
            let idle = self.idle.take();
            sent += idle.len();
            idle.iter().for_each(|caller| caller.ask(ask()));
        }
        self.settle().await;
        Tally { due: sent, ..self.tally.borrow().clone() }
    }

    /// Waits until nobody waits for an answer.
    async fn settle(&self) {
        let until = Instant::now() + LAST_ANSWER_WITHIN;
        while self.idle.borrow().len() < self.callers.len() && Instant::now() < until {
            sleep_until(Instant::now() + TICK).await;
        }
        let unanswered = self.callers.len() - self.idle.borrow().len();
        self.tally.borrow_mut().broken += unanswered;
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.callers.iter().for_each(JoinHandle::abort);
    }
}

/// One caller's life.
async fn serve(
    address: SocketAddr,
    mut connection: Connection,
    caller: Rc<Caller>,
    idle: Rc<RefCell<Vec<Rc<Caller>>>>,
    tally: Rc<RefCell<Tally>>,
) {
    loop {
        caller.told.notified().await;
        let Some((asked, request)) = caller.next.borrow_mut().take() else { continue };
        let mut answer = ask(&mut connection, &request).await;
        if answer.is_err() {
            // The server had closed a connection that asked nothing for a while: a client asks on a new one.
            connection = Connection::open(address).await.unwrap();
            answer = ask(&mut connection, &request).await;
        }
        match answer {
            Ok((status, retry_after)) => tally.borrow_mut().note(status, retry_after, asked.elapsed()),
            Err(_) => tally.borrow_mut().broken += 1,
        }
        idle.borrow_mut().push(Rc::clone(&caller));
    }
}

/// The status, and whether it says when to come back.
async fn ask(connection: &mut Connection, request: &[u8]) -> io::Result<(u16, bool)> {
    connection.ask(request).await.map(|answer| (answer.status, answer.retry_after))
}
