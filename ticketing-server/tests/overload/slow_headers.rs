//! A thousand who send their headers byte by byte.

use std::{net::SocketAddr, time::Duration};

use futures_util::future::join_all;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use crate::{ALONE, connection::Connection, latencies::Latencies, may_open, process::Server, shop::Shop, store::Store};

/// So many are slow.
const SLOW: usize = 1_000;
/// Between two bytes of each.
const BYTE_EVERY: Duration = Duration::from_secs(1);
/// When the server has had enough of them, and how much later the last one may learn it on a busy machine.
const HEADER_TIME_MAX: Duration = Duration::from_secs(10);
const SLACK: Duration = Duration::from_secs(15);
/// Callers beside them, and how often each asks.
const OTHERS: usize = 4;
const ASK_EVERY: Duration = Duration::from_millis(20);
/// How long these may take, whatever else the machine does. Whoever had to wait for the slow ones would wait
/// for some of the 10 seconds.
const P95_MAX: Duration = Duration::from_secs(3);
/// How many answers they get at least.
const ANSWERS_MIN: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_slow_headers_are_closed_in_time_and_nobody_else_waits() {
    let _alone = ALONE.lock().await;
    may_open(2 * SLOW as u64);
    let store = Store::sqlite().await.unwrap();
    let server = Server::start(&store.url());
    let shop = Shop::open(server.address).await;
    let slow = (0..SLOW).map(|_| tokio::spawn(until_closed(server.address)));
    let others = (0..OTHERS).map(|_| tokio::spawn(ask(shop.clone())));
    let (closed, others) = tokio::join!(join_all(slow), join_all(others));
    let closed: Vec<Duration> = closed.into_iter().map(Result::unwrap).collect();
    let (first, last) = (closed.iter().min().unwrap(), closed.iter().max().unwrap());
    for (what, latencies) in
        ["holds", "reads"].into_iter().zip(others.into_iter().map(Result::unwrap).reduce(both).unwrap())
    {
        let (p50, p95, p100) = (latencies.percentile(50), latencies.percentile(95), latencies.percentile(100));
        eprintln!("beside {SLOW} slow headers: {} {what}, p50 {p50:?}, p95 {p95:?}, longest {p100:?}", latencies.len());
        assert!(p95 < P95_MAX, "p95 of {what} is {p95:?}");
        assert!(latencies.len() >= ANSWERS_MIN, "only {} {what}", latencies.len());
    }
    eprintln!("closed after {first:?} to {last:?}");
    assert!(*first >= HEADER_TIME_MAX && *last < HEADER_TIME_MAX + SLACK, "closed after {first:?} to {last:?}");
}

/// Sends a header byte by byte, until the server closes the connection; how long that took.
async fn until_closed(server: SocketAddr) -> Duration {
    let begun = Instant::now();
    let stream = TcpStream::connect(server).await.unwrap();
    let (mut receiving, mut sending) = stream.into_split();
    let sent = async {
        for byte in b"GET /api/events HTTP/1.1\r\nhost: x\r\nx-slow: ".iter().chain(std::iter::repeat(&b'x')) {
            // Closed: the other half learns it too.
            let _ = sending.write_all(&[*byte]).await;
            sleep(BYTE_EVERY).await;
        }
    };
    let closed = async {
        let mut answer = Vec::new();
        // It may be closed with a word or without.
        let _ = receiving.read_to_end(&mut answer).await;
        answer
    };
    let closed = timeout(3 * HEADER_TIME_MAX, async {
        tokio::select! {
            answer = closed => answer,
            () = sent => unreachable!("it never ends"),
        }
    });
    let answer = closed.await.expect("a slow connection is closed");
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&answer));
    begun.elapsed()
}

/// Holds and reads, as long as there are slow ones.
async fn ask(shop: Shop) -> [Latencies; 2] {
    let (begun, mut connection) = (Instant::now(), Connection::open(shop.address).await.unwrap());
    let mut latencies = [Latencies::default(), Latencies::default()];
    while begun.elapsed() < HEADER_TIME_MAX {
        for (latencies, (status, request)) in latencies.iter_mut().zip([(201, shop.hold()), (200, shop.look())]) {
            let asked = Instant::now();
            let answer = connection.ask(&request).await.unwrap();
            latencies.note(asked.elapsed());
            assert_eq!(answer.status, status, "{}", String::from_utf8_lossy(answer.body));
        }
        sleep(ASK_EVERY).await;
    }
    latencies
}

fn both([mut holds, mut reads]: [Latencies; 2], [more_holds, more_reads]: [Latencies; 2]) -> [Latencies; 2] {
    holds.add(&more_holds);
    reads.add(&more_reads);
    [holds, reads]
}
