//! Where a place stands, told on every change.

use std::{convert::Infallible, time::Duration};

use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{Stream, stream};
use ticketing_core::{
    engine::{EngineError, QueueStatus, QueueStatusRefusal},
    ids::UserId,
};
use tokio::time::{Instant, sleep};

use crate::{dto::queue::QueueStatusView, error::ApiError, state::App};

/// Time between two looks at a place.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Longest life of a stream, as long as an access token's at most; its reader then comes again.
const STREAM_TIME_MAX: Duration = Duration::from_secs(900);
/// Time between two signs of life while nothing changes.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(15);
/// What a reader waits before it comes again.
const COME_AGAIN_AFTER: Duration = Duration::from_secs(2);

/// The place that `token` stands for, as `user` may see it: now, and whenever it changes.
///
/// The last event, `end`, tells why nothing more will come: its data is the reason of the refusal that
/// asking for the status would bring.
///
/// # Errors
/// As for the status.
pub(super) async fn stream(
    app: App,
    user: UserId,
    token: String,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let first = app.ticketing.queue_status(&token, user).await?;
    let watch = Watch { ends_at: Instant::now() + STREAM_TIME_MAX, app, user, token, told: None, first: Some(first) };
    let events = stream::unfold(Some(watch), |watch| async {
        let (event, next) = watch?.next().await?;
        Some((Ok(event), next))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE_EVERY)))
}

struct Watch {
    app: App,
    user: UserId,
    token: String,
    ends_at: Instant,
    first: Option<QueueStatus>,
    told: Option<QueueStatus>,
}

impl Watch {
    /// The next event, and what comes behind it. `None`: the stream ends without another word.
    async fn next(mut self) -> Option<(Event, Option<Self>)> {
        loop {
            let status = match self.first.take() {
                Some(first) => Ok(first),
                None => self.look().await?,
            };
            match status {
                Ok(status) if self.told.as_ref().is_some_and(|told| is_the_same(told, &status)) => {}
                Ok(status) => {
                    let data = serde_json::to_string(&QueueStatusView::from(status.clone())).ok()?;
                    let mut event = Event::default().data(data);
                    if self.told.is_none() {
                        event = event.retry(COME_AGAIN_AFTER);
                    }
                    self.told = Some(status);
                    return Some((event, Some(self)));
                }
                Err(EngineError::Refused(refusal)) => {
                    let reason = ApiError::from(EngineError::Refused(refusal)).reason();
                    return Some((Event::default().event("end").data(reason), None));
                }
                // The store is away, or busy: the place may still be there.
                Err(error) => tracing::debug!(%error, "a place could not be looked at"),
            }
        }
    }

    /// Looks again after a while, unless the stream's time or the server's is over.
    async fn look(&self) -> Option<Result<QueueStatus, EngineError<QueueStatusRefusal>>> {
        tokio::select! {
            biased;
            () = self.app.lifecycle.drained() => return None,
            () = sleep(LOOK_EVERY) => {}
        }
        if Instant::now() >= self.ends_at {
            return None;
        }
        Some(self.app.ticketing.queue_status(&self.token, self.user).await)
    }
}

/// Whether two looks tell the same, but for when they were taken.
fn is_the_same(told: &QueueStatus, now: &QueueStatus) -> bool {
    *told == QueueStatus { as_of: told.as_of, existing: told.existing, ..now.clone() }
}
