//! P7: a single hold on an idle system against what the system cannot do without: one fdatasync on SQLite, one
//! commit on Postgres.

use ticketing_core::clock::{Clock, SystemClock};
use ticketing_store::testing::postgres::connect;

use crate::{
    Failure,
    disk::{self, StoreFile},
    engine::{Rig, request},
    postgres::Postgres,
    report::{Pair, Target, median},
};

const HOLDS: usize = 2_000;
const WARM_UP: usize = 200;

/// Measures so many `turns` of each: medians, in microseconds.
///
/// # Errors
/// When a hold fails, or the books do not add up.
pub async fn measure(turns: usize) -> Result<Pair, Failure> {
    let what = "idle single hold, engine on SQLite − one fdatasync";
    let mut pair = pair(what, Target::DifferenceAtMost(300.0));
    let file = StoreFile::new()?;
    let rig = Rig::on(file.url()).await?;
    rig.hold_rate(1, WARM_UP).await?;
    for _ in 0..turns {
        pair.subject.push(hold_time(&rig).await?);
        let syncs = tokio::task::spawn_blocking(|| disk::fdatasync_times(HOLDS)).await??;
        pair.reference.push(median(&syncs.iter().map(|time| time.as_secs_f64() * 1e6).collect::<Vec<_>>()));
    }
    rig.verify(Some((WARM_UP + turns * HOLDS) as i64)).await?;
    Ok(pair)
}

/// The same on Postgres, against a transaction of one row and one statement.
///
/// # Errors
/// When a hold fails, or the books do not add up.
pub async fn measure_on_postgres(server: &Postgres, turns: usize) -> Result<Pair, Failure> {
    let what = "idle single hold, engine on Postgres − one commit of one row";
    let mut pair = pair(what, Target::Difference);
    let database = server.database().await;
    let rig = Rig::on(database.url()).await?;
    rig.hold_rate(1, WARM_UP).await?;
    for _ in 0..turns {
        pair.subject.push(hold_time(&rig).await?);
        pair.reference.push(commit_time(&database.url()).await?);
    }
    rig.verify(Some((WARM_UP + turns * HOLDS) as i64)).await?;
    rig.engine.shutdown().await;
    database.remove().await;
    Ok(pair)
}

fn pair(what: &str, target: Target) -> Pair {
    Pair { id: "P7", what: what.to_owned(), unit: "µs", subject: Vec::new(), reference: Vec::new(), target }
}

async fn hold_time(rig: &Rig) -> Result<f64, Failure> {
    let (mut times, clock) = (Vec::with_capacity(HOLDS), SystemClock::new());
    for _ in 0..HOLDS {
        let request = request(rig.session_id);
        let begun = clock.now();
        rig.engine.hold(request).await?;
        times.push(clock.now().since(begun).as_secs_f64() * 1e6);
    }
    Ok(median(&times))
}

async fn commit_time(url: &str) -> Result<f64, Failure> {
    let (mut times, clock) = (Vec::with_capacity(HOLDS), SystemClock::new());
    let client = connect(url).await;
    client.batch_execute("CREATE TABLE IF NOT EXISTS committed (n bigint NOT NULL)").await?;
    let insert = client.prepare("INSERT INTO committed VALUES ($1)").await?;
    for n in 0..WARM_UP + HOLDS {
        let begun = clock.now();
        client.execute(&insert, &[&(n as i64)]).await?;
        times.push(clock.now().since(begun).as_secs_f64() * 1e6);
    }
    Ok(median(&times[WARM_UP..]))
}
