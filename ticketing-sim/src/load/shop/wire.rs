//! Requests over HTTP, on connections that are kept.

use std::{
    sync::{
        Once,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use reqwest::{Client, Method, RequestBuilder, StatusCode, header, redirect};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Heard;
use crate::{error::SimError, load::story::Answer};

/// How long the servers may take over a connection.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(3);
/// Idle connections that are kept to each server.
const IDLE_MAX: usize = 4_096;

/// The way to some servers.
#[derive(Debug)]
pub struct Wire {
    client: Client,
    /// `http://HOST:PORT`, without a slash behind it.
    nodes: Vec<String>,
    patience: Duration,
    turn: AtomicUsize,
}

/// A whole answer.
#[derive(Debug)]
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// Whether it is a replay of an earlier one.
    pub replayed: bool,
    body: Vec<u8>,
}

impl Wire {
    /// A way to `nodes`, where nobody waits longer than `patience` for an answer.
    ///
    /// # Errors
    /// [`SimError::Usage`] names what is no address.
    pub fn new(nodes: &[String], patience: Duration) -> Result<Self, SimError> {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            // Somebody else may have installed the same one.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        });
        for node in nodes {
            let url = reqwest::Url::parse(node);
            let sound = url.is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
            if !sound {
                return Err(SimError::Usage(format!("--target {node}: expected http://HOST:PORT")));
            }
        }
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .http1_only()
            .tcp_nodelay(true)
            .connect_timeout(CONNECT_TIME_MAX)
            .pool_max_idle_per_host(IDLE_MAX)
            .build()
            .map_err(|error| SimError::Usage(error.to_string()))?;
        let nodes = nodes.iter().map(|node| node.trim_end_matches('/').to_owned()).collect();
        Ok(Self { client, nodes, patience, turn: AtomicUsize::new(0) })
    }

    /// How many servers there are.
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// The servers take turns.
    pub fn next_turn(&self) -> usize {
        self.turn.fetch_add(1, Ordering::Relaxed)
    }

    /// A request to the server whose `turn` it is.
    pub fn request(&self, turn: usize, method: Method, path: &str) -> RequestBuilder {
        let node = &self.nodes[turn % self.nodes.len()];
        self.client.request(method, format!("{node}{path}")).timeout(self.patience)
    }

    /// A request to an address that somebody named.
    pub fn request_to(&self, method: Method, url: &str) -> RequestBuilder {
        self.client.request(method, url).timeout(self.patience)
    }
}

/// Sends a request and waits for its whole answer.
pub async fn send(request: RequestBuilder) -> Heard<Reply> {
    let response = request.send().await.map_err(|error| unheard(&error))?;
    let (status, headers) = (response.status(), response.headers());
    let replayed = headers.get("idempotent-replayed").is_some_and(|value| value == "true");
    let body = response.bytes().await.map_err(|error| unheard(&error))?.to_vec();
    let reply = Reply { status, replayed, body };
    if status.is_success() || status.is_redirection() { Ok(reply) } else { Err(reply.problem()) }
}

impl Reply {
    /// What it says.
    pub fn json<T: DeserializeOwned>(&self) -> Heard<T> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let text = String::from_utf8_lossy(&self.body);
            Answer::Failed { error: format!("{}: {error}: {text}", self.status) }
        })
    }

    fn problem(&self) -> Answer {
        let problem: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let reason = problem["reason"].as_str().unwrap_or_default().to_owned();
        match self.status {
            StatusCode::SERVICE_UNAVAILABLE if reason == "outcome_unknown" => Answer::Unknown,
            // A full waiting room is a rule's answer.
            StatusCode::TOO_MANY_REQUESTS if reason == "queue_full" => Answer::refused(reason),
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
                Answer::busy(if reason.is_empty() { self.status.to_string() } else { reason })
            }
            status if status.is_client_error() && !reason.is_empty() => Answer::refused(reason),
            status => Answer::Failed { error: format!("{status} {reason}").trim_end().to_owned() },
        }
    }
}

/// Without a connection nothing was asked; with one, nobody knows what became of it.
fn unheard(error: &reqwest::Error) -> Answer {
    if error.is_connect() {
        Answer::busy("unreachable")
    } else if error.is_builder() {
        Answer::Failed { error: error.to_string() }
    } else {
        Answer::Unknown
    }
}

/// A bearer token as a header's value.
pub fn bearer(token: &str) -> (header::HeaderName, String) {
    (header::AUTHORIZATION, format!("Bearer {token}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_a_refusal_a_pause_or_an_unknown() {
        #[track_caller]
        fn check(status: u16, reason: &str, expected: &Answer) {
            let status = StatusCode::from_u16(status).unwrap();
            let body = format!(r#"{{"reason":"{reason}"}}"#).into_bytes();
            assert_eq!(&Reply { status, replayed: false, body }.problem(), expected);
        }
        check(409, "sold_out", &Answer::refused("sold_out"));
        check(429, "queue_full", &Answer::refused("queue_full"));
        check(429, "rate_limited", &Answer::busy("rate_limited"));
        check(503, "overloaded", &Answer::busy("overloaded"));
        check(503, "outcome_unknown", &Answer::Unknown);
        check(500, "internal", &Answer::Failed { error: "500 Internal Server Error internal".to_owned() });
    }

    #[test]
    fn what_is_no_server_is_refused_by_name() {
        for bad in ["localhost:8080", "ftp://host", "http://", "nothing"] {
            assert!(Wire::new(&[bad.to_owned()], Duration::from_secs(1)).is_err(), "{bad}");
        }
        assert!(Wire::new(&["http://127.0.0.1:8080/".to_owned()], Duration::from_secs(1)).is_ok());
    }
}
