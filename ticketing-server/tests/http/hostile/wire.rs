//! A client that sends whatever bytes it is given.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};

/// Between two bytes of a sender who is slow. No wait for anything: it is what is sent.
const BYTE_EVERY: Duration = Duration::from_millis(500);

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With an answer of this status.
    Answered(u16),
    /// Without one.
    Cut,
}

/// Opens a connection for every exchange.
pub struct Client(SocketAddr);

impl Client {
    /// A client of the server at `url`.
    pub fn of(url: &str) -> Self {
        Self(url.strip_prefix("http://").unwrap().parse().unwrap())
    }

    /// Sends `bytes`, and nothing more if it is to `half_close`; reads until the server is done.
    pub async fn send(&self, bytes: &[u8], half_close: bool) -> Ending {
        self.trickle(bytes, &[], half_close).await
    }

    /// Sends `at_once`, and `then` byte by byte.
    pub async fn trickle(&self, at_once: &[u8], then: &[u8], half_close: bool) -> Ending {
        let stream = TcpStream::connect(self.0).await.expect("the server takes connections");
        let (mut receiving, mut sending) = stream.into_split();
        let sent = async {
            // A server that has answered may close before it was told everything.
            let mut sent = sending.write_all(at_once).await;
            for byte in then {
                if sent.is_err() {
                    break;
                }
                sleep(BYTE_EVERY).await;
                sent = sending.write_all(&[*byte]).await;
            }
            if half_close {
                let _ = sending.shutdown().await;
            }
            std::future::pending::<()>().await;
        };
        let answered = async {
            let (mut answer, mut buffer) = (Vec::new(), [0; 4_096]);
            while let Ok(read @ 1..) = receiving.read(&mut buffer).await {
                // The status stands at the start.
                if answer.len() < buffer.len() {
                    answer.extend_from_slice(&buffer[..read]);
                }
            }
            answer
        };
        let answer = tokio::select! {
            answer = answered => answer,
            () = sent => unreachable!("a future that never ends ended"),
        };
        status(&answer).map_or(Ending::Cut, Ending::Answered)
    }
}

/// The status of the last answer but the provisional ones; `None`: there is none.
fn status(answer: &[u8]) -> Option<u16> {
    let text = String::from_utf8_lossy(answer);
    let mut rest = &*text;
    loop {
        let status = rest.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()?;
        if status >= 200 {
            return Some(status);
        }
        rest = rest.split_once("\r\n\r\n")?.1;
    }
}
