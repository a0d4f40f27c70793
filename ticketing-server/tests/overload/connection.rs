//! A kept-alive connection of a load client: as little work as possible, since it shares the server's cores.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// One connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// What was answered.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    pub status: u16,
    /// Whether it says when to come back.
    pub retry_after: bool,
    pub body: &'a [u8],
}

/// A request's bytes.
pub fn request(method: &str, path: &str, headers: &str, body: &str) -> Vec<u8> {
    let kind = if body.is_empty() { "" } else { "content-type: application/json\r\n" };
    let length = body.len();
    format!("{method} {path} HTTP/1.1\r\nhost: x\r\n{headers}{kind}content-length: {length}\r\n\r\n{body}").into_bytes()
}

impl Connection {
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::with_capacity(2_048) })
    }

    /// Sends a request and reads its whole answer.
    pub async fn ask(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.received.clear();
        let (head_end, length) = loop {
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(head_end) = self.received.windows(4).position(|four| four == b"\r\n\r\n") {
                break (head_end, value(&self.received[..head_end], b"\r\ncontent-length: "));
            }
        };
        let length: usize = length.and_then(|digits| str::from_utf8(digits).ok()?.parse().ok()).unwrap_or(0);
        while self.received.len() < head_end + 4 + length {
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let head = &self.received[..head_end];
        let status = head.get(9..12).and_then(|digits| str::from_utf8(digits).ok()?.parse().ok());
        Ok(Answer {
            status: status.ok_or(io::ErrorKind::InvalidData)?,
            retry_after: value(head, b"\r\nretry-after: ").is_some(),
            body: &self.received[head_end + 4..],
        })
    }
}

/// What stands behind a header's name; the server writes names in lower case.
fn value<'a>(head: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let from = head.windows(name.len()).position(|part| part == name)? + name.len();
    let rest = &head[from..];
    Some(&rest[..rest.iter().position(|byte| *byte == b'\r').unwrap_or(rest.len())])
}
