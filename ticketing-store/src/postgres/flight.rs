//! Statements that are sent together and answered together.

use std::{future::poll_fn, pin::Pin, sync::Arc, task::Poll, time::Duration};

use futures_util::{
    FutureExt,
    future::{BoxFuture, MaybeDone, maybe_done},
};
use tokio_postgres::{Error, Row, types::ToSql};

use super::pool::Lease;

/// What stands for a `$n`.
pub(super) type Param = Arc<dyn ToSql + Sync + Send>;

/// One statement with its parameters.
#[derive(Clone)]
pub(super) struct Query {
    pub(super) sql: &'static str,
    pub(super) params: Vec<Param>,
}

impl Query {
    pub(super) fn new(sql: &'static str, params: Vec<Param>) -> Self {
        Self { sql, params }
    }
}

/// Values as parameters.
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        vec![$(std::sync::Arc::new($value) as $crate::postgres::flight::Param),*]
    };
}
pub(super) use params;

type Reply<'a> = Pin<Box<MaybeDone<BoxFuture<'a, Result<Vec<Row>, Error>>>>>;

/// Why a flight has no answers.
#[derive(Debug)]
pub(super) enum Loss {
    /// The first statement that failed, and why.
    Failed { statement: usize, error: Error },
    /// The server did not answer in time.
    Silent(Duration),
}

/// Sends `before`, `queries` and `after` without waiting in between, and waits for every answer. `before` and
/// `after` are plain commands, such as `BEGIN`; statements count from 0 on, `before` among them.
pub(super) async fn fly(
    client: &Lease,
    before: Option<&'static str>,
    queries: Vec<Query>,
    after: Option<&'static str>,
    patience: Duration,
) -> Result<Vec<Vec<Row>>, Loss> {
    let flight = async {
        // Prepared first: what is sent must not stop half-way for it.
        let mut prepared = Vec::with_capacity(queries.len());
        for query in &queries {
            let statement = client.prepare_cached(query.sql).await;
            prepared.push(statement.map_err(|error| Loss::Failed { statement: 0, error })?);
        }
        let plain = |text: Option<&'static str>| {
            text.map(|text| async move { client.batch_execute(text).await.map(|()| Vec::new()) }.boxed())
        };
        let asked = queries.into_iter().zip(prepared).map(|(query, statement)| {
            async move {
                let params: Vec<_> = query.params.iter().map(|param| &**param as &(dyn ToSql + Sync)).collect();
                client.query(&statement, &params).await
            }
            .boxed()
        });
        let mut replies: Vec<Reply<'_>> = plain(before)
            .into_iter()
            .chain(asked)
            .chain(plain(after))
            .map(|asked| Box::pin(maybe_done(asked)))
            .collect();
        send(&mut replies).await;
        let (mut answers, mut first_error) = (Vec::with_capacity(replies.len()), None);
        for (statement, mut reply) in replies.into_iter().enumerate() {
            reply.as_mut().await;
            match reply.as_mut().take_output().expect("an answer is taken once, when it is there") {
                Ok(rows) => answers.push(rows),
                // A commit behind a failed statement answers that all is well: the first answer counts.
                Err(error) if first_error.is_none() => first_error = Some(Loss::Failed { statement, error }),
                Err(_) => {}
            }
        }
        first_error.map_or(Ok(answers), Err)
    };
    tokio::time::timeout(patience, flight).await.unwrap_or_else(|_| {
        client.doubt_the_others();
        Err(Loss::Silent(patience))
    })
}

/// The driver sends a statement when its answer is first asked for.
async fn send(replies: &mut [Reply<'_>]) {
    poll_fn(|context| {
        for reply in replies.iter_mut() {
            let _ = reply.as_mut().poll(context);
        }
        Poll::Ready(())
    })
    .await;
}
