//! A load client: HTTP/1.1 over kept-alive connections, and nothing more.
//!
//! It reads the status line and the body that `content-length` announces. It is test equipment, made
//! lean so that what is measured is the server.

use std::{net::SocketAddr, time::Duration};

use futures_util::future::try_join_all;
use ticketing_core::clock::{Clock, SystemClock};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::Failure;

/// One kept-alive connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// An answer.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// Its status code.
    pub status: u16,
    /// Its body.
    pub body: &'a [u8],
}

/// A request's bytes.
pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some(body) = body {
        text.push_str(&format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    text.push_str(body.unwrap_or_default());
    text.into_bytes()
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens.
    pub async fn open(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::with_capacity(8 * 1_024) })
    }

    /// Sends a request and reads its whole answer.
    ///
    /// # Errors
    /// When the connection ends or the answer is not HTTP.
    pub async fn ask(&mut self, request: &[u8]) -> Result<Answer<'_>, Failure> {
        self.stream.write_all(request).await?;
        self.received.clear();
        let (status, body_from, length) = loop {
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err("the server closed the connection".into());
            }
            if let Some(head) = parse_head(&self.received)? {
                break head;
            }
        };
        while self.received.len() < body_from + length {
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err("the server closed the connection within a body".into());
            }
        }
        Ok(Answer { status, body: &self.received[body_from..body_from + length] })
    }

    /// As [`Connection::ask`], and expects `status`.
    ///
    /// # Errors
    /// Names any other status, with its body.
    pub async fn expect(&mut self, status: u16, request: &[u8]) -> Result<&[u8], Failure> {
        let answer = self.ask(request).await?;
        if answer.status == status {
            Ok(answer.body)
        } else {
            let (got, body) = (answer.status, String::from_utf8_lossy(answer.body));
            let line = String::from_utf8_lossy(request.split(|byte| *byte == b'\r').next().unwrap_or_default());
            Err(format!("{line}: {got} instead of {status}: {body}").into())
        }
    }
}

/// Status, where the body starts, and how long it is; `None` while the head is not complete.
fn parse_head(received: &[u8]) -> Result<Option<(u16, usize, usize)>, Failure> {
    let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&received[..end])?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let status = status.ok_or("the answer has no status")?;
    let length =
        lines.filter_map(|line| line.split_once(':')).find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = match (status, length) {
        (_, Some((_, value))) => value.trim().parse()?,
        (204 | 304, None) => 0,
        (_, None) => return Err("the answer has no content-length".into()),
    };
    Ok(Some((status, end + 4, length)))
}

/// Answers per second with `status` when `connections` each send their own `requests`, in order, one
/// after the other.
///
/// # Errors
/// When any answer has another status.
pub async fn drain(address: SocketAddr, status: u16, requests: Vec<Vec<Vec<u8>>>) -> Result<f64, Failure> {
    let clock = SystemClock::new();
    let opened = try_join_all(requests.iter().map(|_| Connection::open(address))).await?;
    let count: usize = requests.iter().map(Vec::len).sum();
    let begun = clock.now();
    let clients = opened.into_iter().zip(requests).map(|(mut connection, requests)| {
        tokio::spawn(async move {
            for request in requests {
                connection.expect(status, &request).await?;
            }
            Ok::<_, Failure>(())
        })
    });
    for client in try_join_all(clients).await? {
        client?;
    }
    Ok(count as f64 / clock.now().since(begun).as_secs_f64())
}

/// Answers per second with `status` when so many `connections` repeat `request` for `duration`.
///
/// # Errors
/// When any answer has another status.
pub async fn repeat(
    address: SocketAddr,
    connections: usize,
    status: u16,
    request: &[u8],
    duration: Duration,
) -> Result<f64, Failure> {
    let clock = SystemClock::new();
    let opened = try_join_all((0..connections).map(|_| Connection::open(address))).await?;
    let begun = clock.now();
    let until = begun.plus(duration);
    let clients = opened.into_iter().map(|mut connection| {
        let (request, clock) = (request.to_vec(), SystemClock::new());
        tokio::spawn(async move {
            let mut answers = 0_u64;
            while clock.now() < until {
                connection.expect(status, &request).await?;
                answers += 1;
            }
            Ok::<_, Failure>(answers)
        })
    });
    let mut answers = 0;
    for client in try_join_all(clients).await? {
        answers += client?;
    }
    Ok(answers as f64 / clock.now().since(begun).as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_tells_its_status_and_where_the_body_is() {
        let head = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(parse_head(head).unwrap(), Some((201, 43, 2)));
        assert_eq!(parse_head(&head[..40]).unwrap(), None);
        assert_eq!(parse_head(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap(), Some((204, 27, 0)));
        assert!(parse_head(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
