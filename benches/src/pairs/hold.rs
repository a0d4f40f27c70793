//! P2: holds of 1,024 callers against one commit per hold with the same rows.

use std::time::Duration;

use crate::{
    Failure,
    disk::StoreFile,
    engine::Rig,
    reference::OneCommitPerHold,
    report::{Pair, Target},
};

const CALLERS: usize = 1_024;
const HOLDS: usize = 100_000;
const WARM_UP: usize = 10_000;
const REFERENCE_FOR: Duration = Duration::from_secs(3);

/// Measures so many `turns` of each.
///
/// # Errors
/// When a hold fails, or the books do not add up.
pub async fn measure(turns: usize) -> Result<Pair, Failure> {
    let mut pair = Pair {
        id: "P2",
        what: format!("engine hold, SQLite, {CALLERS} callers / one commit per hold"),
        unit: "holds/s",
        subject: Vec::new(),
        reference: Vec::new(),
        target: Target::RatioAtLeast(12.0),
    };
    for _ in 0..turns {
        let file = StoreFile::new()?;
        let rig = Rig::on(file.url()).await?;
        rig.hold_rate(CALLERS, WARM_UP).await?;
        pair.subject.push(rig.hold_rate(CALLERS, HOLDS).await?);
        rig.verify(Some((WARM_UP + HOLDS) as i64)).await?;
        pair.reference.push(reference().await?);
    }
    Ok(pair)
}

/// Measured on a file that the store itself made, after its engine has gone.
async fn reference() -> Result<f64, Failure> {
    let file = StoreFile::new()?;
    let rig = Rig::on(file.url()).await?;
    rig.engine.shutdown().await;
    let (path, session_id) = (file.path(), rig.session_id);
    let rate = move || OneCommitPerHold::open(&path, session_id)?.rate(REFERENCE_FOR);
    tokio::task::spawn_blocking(rate).await?
}
