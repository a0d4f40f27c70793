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
use crate::clock::steady;

/// How statements are read together.
#[derive(Clone, Copy)]
struct Manner {
    begin: Option<&'static str>,
    end: Option<&'static str>,
    /// How long the server may take.
    patience: Duration,
}

/// By itself.
const ALONE: Manner = Manner { begin: None, end: None, patience: Duration::from_secs(12) };
/// In one consistent view.
const VIEW: Manner = Manner {
    begin: Some("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
    end: Some("COMMIT"),
    patience: Duration::from_secs(12),
};
/// In one view of millions of rows.
const LONG_VIEW: Manner = Manner {
    begin: Some("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = '10min'"),
    end: Some("COMMIT"),
    patience: Duration::from_secs(900),
};
/// How often a read is tried when its connection was lost: a connection that idled while the server was
/// restarted is found to be dead only by its next use.
const ATTEMPTS_MAX: u32 = 3;

const TIME: &str = "SELECT clock_timestamp()";

/// What one statement finds.
pub(super) async fn rows(pool: &Pool, what: &'static str, query: Query) -> Result<Vec<Row>, StoreError> {
    let mut answers = ask(pool, what, ALONE, vec![query]).await?;
    Ok(answers.pop().unwrap_or_default())
}

async fn ask(
    pool: &Pool,
    what: &'static str,
    manner: Manner,
    queries: Vec<Query>,
) -> Result<Vec<Vec<Row>>, StoreError> {
    let mut attempt = 1;
    loop {
        let lease = Lease::from(pool).await.map_err(|error| pool_error(what, error))?;
        match fly(&lease, manner.begin, queries.clone(), manner.end, manner.patience).await {
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
        self.view_by(what, queries, VIEW).await
    }

    /// The same of what may take long, as everything about a session does.
    pub(super) async fn long_view(&self, what: &'static str, queries: Vec<Query>) -> Result<Vec<Vec<Row>>, StoreError> {
        self.view_by(what, queries, LONG_VIEW).await
    }

    async fn view_by(
        &self,
        what: &'static str,
        queries: Vec<Query>,
        manner: Manner,
    ) -> Result<Vec<Vec<Row>>, StoreError> {
        let mut answers = ask(&self.readers, what, manner, queries).await?;
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
        let asked = steady();
        let rows = self.rows("asking for the time", Query::new(TIME, params![])).await?;
        let row = rows.first().ok_or_else(|| StoreError::corrupt("the server told no time"))?;
        let At(told) = Columns::of(row).get()?;
        Ok(self.clock.hear(asked, told))
    }
}
