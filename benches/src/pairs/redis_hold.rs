//! P4: holds of 1,024 callers on Redis against one script per hold.

use crate::{
    Failure,
    engine::Rig,
    redis::Redis,
    reference::OneScriptPerHold,
    report::{Pair, Target},
};

const CALLERS: usize = 1_024;
const HOLDS: usize = 200_000;
const WARM_UP: usize = 20_000;
/// Of the reference: more bring nothing, since the server has one thread.
const CONNECTIONS: usize = 4;

/// Measures so many `turns` of each.
///
/// # Errors
/// When a hold fails, or the books do not add up.
pub async fn measure(server: &Redis, turns: usize) -> Result<Pair, Failure> {
    let mut pair = Pair {
        id: "P4",
        what: format!("engine hold, Redis, {CALLERS} callers / one EVALSHA per hold, pipelines of 16"),
        unit: "holds/s",
        subject: Vec::new(),
        reference: Vec::new(),
        target: Target::RatioAtLeast(1.5),
    };
    for _ in 0..turns {
        server.empty().await;
        let rig = Rig::on(server.url()).await?;
        rig.hold_rate(CALLERS, WARM_UP).await?;
        pair.subject.push(rig.hold_rate(CALLERS, HOLDS).await?);
        rig.verify(Some((WARM_UP + HOLDS) as i64)).await?;
        rig.engine.shutdown().await;
        server.empty().await;
        pair.reference.push(OneScriptPerHold::rate(&server.url(), CONNECTIONS, HOLDS).await?);
    }
    Ok(pair)
}
