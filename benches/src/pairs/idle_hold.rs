//! P7: a single hold on an idle system against one fdatasync.

use ticketing_core::clock::{Clock, SystemClock};

use crate::{
    Failure, disk,
    engine::{Rig, request},
    report::{Pair, Target, median},
};

const HOLDS: usize = 2_000;
const WARM_UP: usize = 200;

/// Measures so many `turns` of each: medians, in microseconds.
///
/// # Errors
/// When a hold fails, or the books do not add up.
pub async fn measure(turns: usize) -> Result<Pair, Failure> {
    let mut pair = Pair {
        id: "P7",
        what: "idle single hold, engine on SQLite − one fdatasync".to_owned(),
        unit: "µs",
        subject: Vec::new(),
        reference: Vec::new(),
        target: Target::DifferenceAtMost(300.0),
    };
    let (rig, clock) = (Rig::new().await?, SystemClock::new());
    rig.hold_rate(1, WARM_UP).await?;
    for _ in 0..turns {
        let mut times = Vec::with_capacity(HOLDS);
        for _ in 0..HOLDS {
            let request = request(rig.session_id);
            let begun = clock.now();
            rig.engine.hold(request).await?;
            times.push(clock.now().since(begun).as_secs_f64() * 1e6);
        }
        pair.subject.push(median(&times));
        let syncs = tokio::task::spawn_blocking(|| disk::fdatasync_times(HOLDS)).await??;
        pair.reference.push(median(&syncs.iter().map(|time| time.as_secs_f64() * 1e6).collect::<Vec<_>>()));
    }
    rig.verify(Some((WARM_UP + turns * HOLDS) as i64)).await?;
    Ok(pair)
}
