//! How long holds of cool sessions take beside a hot one.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::future::try_join_all;
use ticketing_core::{
    Ticketing,
    clock::{Clock, SystemClock},
    ids::SessionId,
};
use tokio::task::JoinHandle;

use crate::{
    Failure,
    engine::{Rig, put_on_sale, request},
    postgres::Postgres,
    report::{Pair, Target, median, percentile},
};

const HOT_CALLERS: usize = 512;
const COOL_SESSIONS: usize = 100;
/// Each cool session is asked for a hold at a random moment of each of these.
const EVERY: Duration = Duration::from_millis(50);
const ROUNDS: u32 = 100;
const WARM_UP_ROUNDS: u32 = 10;

/// Measures so many `turns` of each, cool sessions alone and beside a hot one: 99th percentiles and medians, in
/// microseconds, and how fast the hot one sold.
///
/// # Errors
/// When a hold fails, or the books do not add up.
pub async fn measure(server: &Postgres, turns: usize) -> Result<Vec<Pair>, Failure> {
    let pair = |what: &str| Pair {
        id: "hot",
        what: what.to_owned(),
        unit: "µs",
        subject: Vec::new(),
        reference: Vec::new(),
        target: Target::Ratio,
    };
    let (mut slow, mut usual) = (pair("p99"), pair("p50"));
    let mut hot_rates = Vec::with_capacity(turns);
    for _ in 0..turns {
        let database = server.database().await;
        let rig = Rig::on(database.url()).await?;
        let mut sessions = Vec::with_capacity(COOL_SESSIONS);
        for _ in 0..COOL_SESSIONS {
            sessions.push(put_on_sale(&rig.engine).await?);
        }
        cool(&rig.engine, &sessions, WARM_UP_ROUNDS).await?;
        let alone = cool(&rig.engine, &sessions, ROUNDS).await?;
        let hot = Hot::start(&rig);
        cool(&rig.engine, &sessions, WARM_UP_ROUNDS).await?;
        let beside = cool(&rig.engine, &sessions, ROUNDS).await?;
        let (held, rate) = hot.stop().await?;
        rig.verify(Some(held)).await?;
        rig.engine.shutdown().await;
        database.remove().await;
        slow.subject.push(percentile(&beside, 99));
        slow.reference.push(percentile(&alone, 99));
        usual.subject.push(percentile(&beside, 50));
        usual.reference.push(percentile(&alone, 50));
        hot_rates.push(rate);
    }
    let load = format!(
        "hold in one of {COOL_SESSIONS} cool sessions, Postgres, beside a hot one of {HOT_CALLERS} callers \
         ({:.0} holds/s) / alone",
        median(&hot_rates)
    );
    for pair in [&mut slow, &mut usual] {
        pair.what = format!("{} of a {load}", pair.what);
    }
    Ok(vec![slow, usual])
}

/// How long each hold took, counted from the moment it was due: whoever waits keeps nobody else from asking. The
/// timer's millisecond is part of it.
async fn cool(engine: &Ticketing, sessions: &[SessionId], rounds: u32) -> Result<Vec<f64>, Failure> {
    let begun = SystemClock::new().now();
    let holds = sessions.iter().flat_map(|session| (0..rounds).map(move |round| (*session, round)));
    let holds = holds.map(|(session_id, round)| {
        let (engine, clock) = (engine.clone(), SystemClock::new());
        tokio::spawn(async move {
            let due = begun.plus(EVERY * round + EVERY.mul_f64(fastrand::f64()));
            tokio::time::sleep(due.since(clock.now())).await;
            engine.hold(request(session_id)).await?;
            Ok::<_, Failure>(clock.now().since(due).as_secs_f64() * 1e6)
        })
    });
    try_join_all(holds).await?.into_iter().collect()
}

/// A session that sells as fast as it can.
struct Hot {
    clock: SystemClock,
    begun: ticketing_core::clock::Timestamp,
    over: Arc<AtomicBool>,
    callers: Vec<JoinHandle<Result<i64, Failure>>>,
}

impl Hot {
    fn start(rig: &Rig) -> Self {
        let (clock, over) = (SystemClock::new(), Arc::new(AtomicBool::new(false)));
        let callers = (0..HOT_CALLERS).map(|_| {
            let (engine, session_id, over) = (rig.engine.clone(), rig.session_id, Arc::clone(&over));
            tokio::spawn(async move {
                let mut held = 0;
                while !over.load(Ordering::Relaxed) {
                    engine.hold(request(session_id)).await?;
                    held += 1;
                }
                Ok(held)
            })
        });
        Self { begun: clock.now(), callers: callers.collect(), clock, over }
    }

    /// How many it sold, and how many a second.
    async fn stop(self) -> Result<(i64, f64), Failure> {
        self.over.store(true, Ordering::Relaxed);
        let mut held = 0;
        for caller in self.callers {
            held += caller.await??;
        }
        Ok((held, held as f64 / self.clock.now().since(self.begun).as_secs_f64()))
    }
}
