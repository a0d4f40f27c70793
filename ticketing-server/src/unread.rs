//! What a client is still sending when its request has been answered.
//!
//! Most refusals need no body, and a client sends its body all the same. A connection that is closed on it
//! takes the answer along, or the client's next request: so the rest is read and forgotten, within bounds,
//! and where that cannot be, the answer says that the connection ends.

use std::{
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, HttpBody},
    response::Response,
};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, Version, header};
use http_body_util::{BodyExt, Limited};
use hyper::{
    Request,
    body::{Frame, Incoming, SizeHint},
};
use tokio::{sync::oneshot, time::timeout};

/// Most bytes that are read of what nobody wants.
const UNREAD_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Longest time that they are read for: as long as a wanted body may take.
const UNREAD_TIME_MAX: Duration = Duration::from_secs(10);

/// What may be left of one request's body.
pub(crate) struct Unread {
    left: Option<oneshot::Receiver<Incoming>>,
    /// The client waits to be told before it sends its body.
    waits: bool,
}

impl Unread {
    /// The request as its handler gets it, and what may be left of it.
    pub(crate) fn of(request: Request<Incoming>) -> (Request<Body>, Self) {
        // Of a body that is empty nothing is left, and an HTTP/2 stream ends without its connection.
        if request.body().is_end_stream() || request.version() >= Version::HTTP_2 {
            return (request.map(Body::new), Self { left: None, waits: false });
        }
        let waits = request.headers().contains_key(header::EXPECT);
        let (back, left) = oneshot::channel();
        let request = request.map(|body| Body::new(Lent { body: Some(body), back: Some(back) }));
        (request, Self { left: Some(left), waits })
    }

    /// Reads what is left behind `response`, or lets it say that the connection ends.
    pub(crate) async fn settle(self, response: &mut Response) {
        let left = self.left.and_then(|mut left| left.try_recv().ok());
        let Some(left) = left else { return };
        // Whoever took too long over a body is not given as long again.
        let may_end = !self.waits && response.status() != StatusCode::REQUEST_TIMEOUT;
        if !(may_end && read_to_end(left).await) {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

/// Whether `body` came to its end within bounds.
async fn read_to_end(body: Incoming) -> bool {
    let mut rest = pin!(Limited::new(body, UNREAD_BYTES_MAX));
    let reading = async {
        loop {
            match rest.frame().await {
                None => return true,
                Some(Ok(_)) => {}
                Some(Err(_)) => return false,
            }
        }
    };
    timeout(UNREAD_TIME_MAX, reading).await.unwrap_or(false)
}

/// A body that goes back when its reader lets go of it before its end.
struct Lent {
    body: Option<Incoming>,
    back: Option<oneshot::Sender<Incoming>>,
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let unread = self.body.take().filter(|body| !body.is_end_stream());
        if let (Some(body), Some(back)) = (unread, self.back.take()) {
            // Nobody waits for it any more once the connection is gone.
            let _ = back.send(body);
        }
    }
}
