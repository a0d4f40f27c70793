//! Where a place stands, told on every change.

use std::{convert::Infallible, time::Duration};

use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{Stream, stream};
use ticketing_core::{
    clock::Timestamp,
    engine::{EngineError, QueueStatus, QueueStatusRefusal},
    ids::UserId,
};
use tokio::time::{Instant, sleep_until};

use crate::{
    capacity::{Admission, Following},
    dto::queue::QueueStatusView,
    error::ApiError,
    state::App,
};

/// Time between two looks at a place, at least.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Most looks of all streams together in that time: where there are more streams, each looks less often.
const LOOKS_AT_ONCE_MAX: usize = 1_000;
/// Longest life of a stream, as long as an access token's at most; its reader then comes again.
const STREAM_TIME_MAX: Duration = Duration::from_secs(900);
/// The data of the end of a stream whose user has newer ones.
const REPLACED: &str = "replaced";
/// Time between two signs of life while nothing changes.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(15);
/// What a reader waits before it comes again.
const COME_AGAIN_AFTER: Duration = Duration::from_secs(2);

/// The place that `token` stands for, as `user` may see it: now, and whenever it changes.
///
/// The last event, `end`, tells why nothing more will come: its data is the reason of the refusal that
/// asking for the status would bring, or [`REPLACED`]. The stream takes the place of its request, `admission`,
/// until it ends, and ends when the access token does.
///
/// # Errors
/// As for the status.
pub(super) async fn stream(
    app: App,
    user: UserId,
    token: String,
    token_ends_at: Option<Timestamp>,
    admission: Option<Admission>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let first = app.ticketing.queue_status(&token, user).await?;
    let left = token_ends_at.map_or(STREAM_TIME_MAX, |at| at.since(app.clock.now()));
    let watch = Watch {
        ends_at: Instant::now() + left.min(STREAM_TIME_MAX),
        following: app.streams.open(user),
        _admission: admission,
        app,
        user,
        token,
        told: None,
        first: Some(first),
    };
    let events = stream::unfold(Some(watch), |watch| async {
        let (event, next) = watch?.next().await?;
        Some((Ok(event), next))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE_EVERY)))
}

/// What came of waiting for the next look.
enum Look {
    Status(Result<QueueStatus, EngineError<QueueStatusRefusal>>),
    /// The user has newer streams.
    Replaced,
}

struct Watch {
    app: App,
    user: UserId,
    token: String,
    ends_at: Instant,
    following: Following,
    _admission: Option<Admission>,
    first: Option<QueueStatus>,
    told: Option<QueueStatus>,
}

impl Watch {
    /// The next event, and what comes behind it. `None`: the stream ends without another word.
    async fn next(mut self) -> Option<(Event, Option<Self>)> {
        loop {
            let status = match self.first.take() {
                Some(first) => Ok(first),
                None => match self.look().await? {
                    Look::Status(status) => status,
                    Look::Replaced => return Some((Event::default().event("end").data(REPLACED), None)),
                },
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
    async fn look(&mut self) -> Option<Look> {
        let next = Instant::now() + look_every(self.following.among());
        tokio::select! {
            biased;
            () = self.app.lifecycle.drained() => return None,
            () = self.following.replaced() => return Some(Look::Replaced),
            () = sleep_until(next.min(self.ends_at)) => {}
        }
        if Instant::now() >= self.ends_at {
            return None;
        }
        Some(Look::Status(self.app.ticketing.queue_status(&self.token, self.user).await))
    }
}

/// Time between two looks of each of so many streams.
fn look_every(streams: usize) -> Duration {
    LOOK_EVERY.mul_f64(streams as f64 / LOOKS_AT_ONCE_MAX as f64).max(LOOK_EVERY)
}

/// Whether two looks tell the same, but for when they were taken.
fn is_the_same(told: &QueueStatus, now: &QueueStatus) -> bool {
    *told == QueueStatus { as_of: told.as_of, existing: told.existing, ..now.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_streams_look_less_often_and_together_as_often_as_some() {
        assert_eq!(look_every(1), Duration::from_secs(1));
        assert_eq!(look_every(1_000), Duration::from_secs(1));
        assert_eq!(look_every(5_000), Duration::from_secs(5));
    }
}
