//! P11: two nodes on one Postgres and one hot session against one node alone.

use ticketing_core::Ticketing;

use crate::{
    Failure,
    engine::{self, Rig},
    postgres::Postgres,
    report::{Pair, Target},
};

const CALLERS: usize = 1_024;
const HOLDS: usize = 100_000;
const WARM_UP: usize = 10_000;

/// Measures so many `turns` of each.
///
/// # Errors
/// When a hold fails, or the books do not add up.
pub async fn measure(server: &Postgres, turns: usize) -> Result<Pair, Failure> {
    let mut pair = Pair {
        id: "P11",
        what: format!("engine hold, Postgres, two nodes with {} callers each / one with {CALLERS}", CALLERS / 2),
        unit: "holds/s",
        subject: Vec::new(),
        reference: Vec::new(),
        target: Target::RatioAtLeast(1.0),
    };
    for _ in 0..turns {
        pair.subject.push(rate(server, true).await?);
        pair.reference.push(rate(server, false).await?);
    }
    Ok(pair)
}

/// Each node has a store and connections of its own, and shares the machine with the other one.
async fn rate(server: &Postgres, second: bool) -> Result<f64, Failure> {
    let database = server.database().await;
    let rig = Rig::on(database.url()).await?;
    let second = if second { Some(rig.another_node().await?) } else { None };
    let nodes: Vec<&Ticketing> = [&rig.engine].into_iter().chain(&second).collect();
    engine::hold_rate(&nodes, rig.session_id, CALLERS, WARM_UP).await?;
    let rate = engine::hold_rate(&nodes, rig.session_id, CALLERS, HOLDS).await?;
    rig.verify(Some((WARM_UP + HOLDS) as i64)).await?;
    for node in nodes {
        node.shutdown().await;
    }
    database.remove().await;
    Ok(rate)
}
