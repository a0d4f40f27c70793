//! P3: holds of 1,024 callers on Postgres against one transaction per hold.

use std::time::Duration;

use crate::{
    Failure,
    engine::Rig,
    postgres::Postgres,
    reference::OneTransactionPerHold,
    report::{Pair, Target},
};

const CALLERS: usize = 1_024;
const HOLDS: usize = 100_000;
const WARM_UP: usize = 10_000;
const CLIENTS: usize = 32;
const REFERENCE_FOR: Duration = Duration::from_secs(5);

/// Measures so many `turns` of each.
///
/// # Errors
/// When a hold fails, or the books do not add up.
pub async fn measure(server: &Postgres, turns: usize) -> Result<Pair, Failure> {
    let mut pair = Pair {
        id: "P3",
        what: format!("engine hold, Postgres, {CALLERS} callers / one transaction per hold, {CLIENTS} clients"),
        unit: "holds/s",
        subject: Vec::new(),
        reference: Vec::new(),
        target: Target::RatioAtLeast(15.0),
    };
    for _ in 0..turns {
        let database = server.database().await;
        let rig = Rig::on(database.url()).await?;
        rig.hold_rate(CALLERS, WARM_UP).await?;
        pair.subject.push(rig.hold_rate(CALLERS, HOLDS).await?);
        rig.verify(Some((WARM_UP + HOLDS) as i64)).await?;
        rig.engine.shutdown().await;
        database.remove().await;
        pair.reference.push(reference(server).await?);
    }
    Ok(pair)
}

/// Measured on tables that the store itself made, after its engine has gone.
async fn reference(server: &Postgres) -> Result<f64, Failure> {
    let database = server.database().await;
    let rig = Rig::on(database.url()).await?;
    rig.engine.shutdown().await;
    let rate = OneTransactionPerHold::rate(&database.url(), rig.session_id, CLIENTS, REFERENCE_FOR).await?;
    database.remove().await;
    Ok(rate)
}
