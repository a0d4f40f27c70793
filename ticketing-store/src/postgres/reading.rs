//! Reading beside the writers.

use std::time::Duration;

use deadpool_postgres::Pool;
use ticketing_core::{clock::Timestamp, store::StoreError};
use tokio_postgres::Row;

use super::{
    PostgresStore,
    columns::{At, Columns},
    error::{Kind, kind, pool_error, store_error},
    flight::{Loss, Query, fly, params},
    pool::Lease,
};

/// How long the server may take over one flight.
const PATIENCE: Duration = Duration::from_secs(12);
/// How often a read is tried when its connection was lost: a connection that idled while the server was
/// restarted is found to be dead only by its next use.
const ATTEMPTS_MAX: u32 = 3;

const TIME: &str = "SELECT clock_timestamp()";

/// What one statement finds.
pub(super) async fn rows(pool: &Pool, what: &'static str, query: Query) -> Result<Vec<Row>, StoreError> {
    let mut answers = ask(pool, what, false, vec![query]).await?;
    Ok(answers.pop().unwrap_or_default())
}

async fn ask(
    pool: &Pool,
    what: &'static str,
    one_view: bool,
    queries: Vec<Query>,
) -> Result<Vec<Vec<Row>>, StoreError> {
    let begin = one_view.then_some("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    let end = one_view.then_some("COMMIT");
    let mut attempt = 1;
    loop {
        let lease = Lease::from(pool).await.map_err(|error| pool_error(what, error))?;
        match fly(&lease, begin, queries.clone(), end, PATIENCE).await {
            Ok(answers) => {
                lease.give_back();
                return Ok(answers);
            }
            Err(Loss::Failed { error, .. }) if kind(&error) == Kind::Lost && attempt < ATTEMPTS_MAX => attempt += 1,
            Err(Loss::Failed { error, .. }) => return Err(store_error(what, error)),
            Err(Loss::Silent(patience)) => {
                let detail = format!("{what}: no answer in {patience:?}");
                return Err(StoreError::Unavailable { detail, source: None });
            }
        }
    }
}

impl PostgresStore {
    /// What one statement finds.
    pub(super) async fn rows(&self, what: &'static str, query: Query) -> Result<Vec<Row>, StoreError> {
        rows(&self.readers, what, query).await
    }

    /// What several statements find in one consistent view, in one round trip.
    pub(super) async fn view(&self, what: &'static str, queries: Vec<Query>) -> Result<Vec<Vec<Row>>, StoreError> {
        let mut answers = ask(&self.readers, what, true, queries).await?;
        // The answers to the view's beginning and its end.
        answers.pop();
        answers.remove(0);
        Ok(answers)
    }

    /// The store's time: carried on from what the server said lately, or asked of it.
    pub(super) async fn time(&self) -> Result<Timestamp, StoreError> {
        if let Some(known) = self.clock.given().or_else(|| self.clock.carried_on()) {
            return Ok(known);
        }
        let asked = self.clock.local();
        let rows = self.rows("asking for the time", Query::new(TIME, params![])).await?;
        let row = rows.first().ok_or_else(|| StoreError::corrupt("the server told no time"))?;
        let At(told) = Columns::of(row).get()?;
        Ok(self.clock.hear(asked, told))
    }
}
