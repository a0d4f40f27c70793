//! Sends the sandbox's signed callbacks over HTTP, as a gateway elsewhere would.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use ticketing_core::clock::Clock;
use tokio::net::TcpStream;

use super::signature::{self, SigningSecret};

/// Where callbacks are received.
const CALLBACK_PATH: &str = "/api/payments/callback";
/// Deliveries tried before giving up: about four minutes with the waits between them.
const ATTEMPTS_MAX: u32 = 16;
/// Wait behind the first try; each further one is twice as long.
const BACKOFF_FIRST: Duration = Duration::from_millis(100);
/// Longest wait between two tries.
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// Longest time for one try.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a callback was not delivered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeliveryError {
    /// The receiver refused it for good.
    #[error("the callback was refused with {0}")]
    Refused(StatusCode),
    /// The receiver asked to come back every time, or was not there.
    #[error("the callback was not accepted in {ATTEMPTS_MAX} tries; the last one: {0}")]
    GivenUp(AttemptError),
}

/// Why one try failed, and another may not.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttemptError {
    /// The receiver asks to come back.
    #[error("answered with {0}")]
    ComeBack(StatusCode),
    /// It cannot be reached.
    #[error("cannot connect: {0}")]
    Connect(#[source] std::io::Error),
    /// The exchange broke off.
    #[error("the exchange broke off: {0}")]
    Exchange(#[source] hyper::Error),
    /// It took too long.
    #[error("no answer in {} s", ATTEMPT_TIMEOUT.as_secs())]
    Timeout,
}

/// Delivers signed callbacks to one server.
#[derive(Debug, Clone)]
pub struct Delivery {
    to: SocketAddr,
    secret: SigningSecret,
    clock: Arc<dyn Clock>,
}

impl Delivery {
    /// Deliveries to the server at `to`, signed with `secret`.
    pub fn new(to: SocketAddr, secret: SigningSecret, clock: Arc<dyn Clock>) -> Self {
        Self { to, secret, clock }
    }

    /// Delivers `body`, again and again while the receiver is away or asks to come back.
    ///
    /// # Errors
    /// [`DeliveryError`] when it was refused, or not accepted for minutes.
    pub async fn deliver(&self, body: Bytes) -> Result<(), DeliveryError> {
        let mut backoff = BACKOFF_FIRST;
        for attempt in 1.. {
            let error = match self.attempt(body.clone()).await {
                Ok(status) if status.is_success() => return Ok(()),
                Ok(status @ (StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS)) => {
                    AttemptError::ComeBack(status)
                }
                Ok(status) => return Err(DeliveryError::Refused(status)),
                Err(error) => error,
            };
            if attempt == ATTEMPTS_MAX {
                return Err(DeliveryError::GivenUp(error));
            }
            tracing::debug!(attempt, %error, "a callback of the sandbox will be sent again");
            tokio::time::sleep(backoff).await;
            backoff = (backoff * 2).min(BACKOFF_MAX);
        }
        unreachable!("the loop above only ends by returning")
    }

    async fn attempt(&self, body: Bytes) -> Result<StatusCode, AttemptError> {
        tokio::time::timeout(ATTEMPT_TIMEOUT, self.exchange(body)).await.map_err(|_| AttemptError::Timeout)?
    }

    async fn exchange(&self, body: Bytes) -> Result<StatusCode, AttemptError> {
        let stream = TcpStream::connect(self.to).await.map_err(AttemptError::Connect)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(AttemptError::Exchange)?;
        // Signed anew each time: a signature ages, and the callback may have waited.
        let request = Request::builder()
            .method(Method::POST)
            .uri(CALLBACK_PATH)
            .header(header::HOST, self.to.to_string())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONNECTION, "close")
            .header(signature::HEADER, self.secret.sign(self.clock.now(), &body))
            .body(Full::new(body))
            .expect("a fixed path and values of visible ASCII make a request");
        let answer = async { sender.send_request(request).await.map(|answer| answer.status()) };
        let carried = async {
            // An error shows in the answer too; a clean end says nothing yet.
            let _ = connection.await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            biased;
            answer = answer => answer.map_err(AttemptError::Exchange),
            () = carried => unreachable!("a future that never ends ended"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::{Router, extract::State, routing::post};
    use http::HeaderMap;
    use ticketing_core::clock::SystemClock;

    use super::*;
    use crate::gateway::signature::Verifier;

    /// A receiver that answers `answers` one after the other, the last one for ever.
    async fn receiver(answers: Vec<StatusCode>) -> (SocketAddr, Arc<AtomicUsize>) {
        let seen = Arc::new(AtomicUsize::new(0));
        let verifier = Verifier::new(SigningSecret::new(b"secret"), None, Arc::new(SystemClock::new()));
        let state = (answers, Arc::clone(&seen), verifier);
        let receive = async |State((answers, seen, verifier)): State<(Vec<StatusCode>, Arc<AtomicUsize>, Verifier)>,
                             headers: HeaderMap,
                             body: Bytes| {
            assert_eq!(verifier.verify(headers.get(signature::HEADER).map(|value| value.as_bytes()), &body), Ok(()));
            let nth = seen.fetch_add(1, Ordering::SeqCst);
            answers[nth.min(answers.len() - 1)]
        };
        let app = Router::new().route(CALLBACK_PATH, post(receive)).with_state(state);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        (address, seen)
    }

    fn delivery(to: SocketAddr) -> Delivery {
        Delivery::new(to, SigningSecret::new(b"secret"), Arc::new(SystemClock::new()))
    }

    #[tokio::test]
    async fn a_callback_is_sent_again_while_the_receiver_asks_to_come_back() {
        let (address, seen) =
            receiver(vec![StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS, StatusCode::OK]).await;
        delivery(address).deliver(Bytes::from_static(b"{}")).await.unwrap();
        assert_eq!(seen.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn a_refusal_is_final() {
        let (address, seen) = receiver(vec![StatusCode::UNAUTHORIZED]).await;
        let error = delivery(address).deliver(Bytes::from_static(b"{}")).await.unwrap_err();
        assert!(matches!(error, DeliveryError::Refused(StatusCode::UNAUTHORIZED)), "{error}");
        assert_eq!(seen.load(Ordering::SeqCst), 1);
    }
}
