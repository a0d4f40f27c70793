//! Serving connections: every one with its bounds, and an orderly end for all.

use std::{
    convert::Infallible,
    future::Future,
    io,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::Router;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto,
        graceful::{GracefulShutdown, Watcher},
    },
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout, timeout_at},
};
use tower::Service;

use crate::{extract::PeerAddress, routes, state::App, telemetry::spans::Spans, unread::Unread};

/// Longest time a client may take over a request's header block.
const HEADER_TIME_MAX: Duration = Duration::from_secs(10);
/// Largest header block.
const HEADER_BYTES_MAX: usize = 64 * 1024;
/// Most requests at once on one HTTP/2 connection.
const STREAMS_MAX: u32 = 256;
/// Longest time that the end of a server may take, once it is told to.
const END_TIME_MAX: Duration = Duration::from_secs(29);
/// Of that, kept for the engine and for the spans that are left, while requests in flight come to their end.
const KEPT_TIME: Duration = Duration::from_secs(4);
/// Of that, kept for the spans, which wait for a collector.
const SPANS_TIME: Duration = Duration::from_secs(2);
/// Files that are not connections: the store's, the log's, and those of connections that leave the server.
const OTHER_FILES_MAX: u64 = 256;
/// Pause after a connection could not be accepted for want of a resource.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves `app` on `listener` until `shutdown` ends; then finishes what is in flight, 30 seconds at most,
/// while it tells everybody else that it is going down, and stops the engine.
pub async fn serve(listener: TcpListener, app: App, shutdown: impl Future<Output = ()>) {
    let tasks = crate::tasks::Tasks::start(&app);
    let graceful = GracefulShutdown::new();
    let server = Server::new(&app);
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = server.accept(&listener) => accepted,
        };
        match accepted {
            Ok((stream, peer, room)) => server.spawn(stream, peer, room, graceful.watcher()),
            Err(error) if is_the_peers(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    app.lifecycle.drain();
    let ends_at = Instant::now() + END_TIME_MAX;
    tracing::info!("draining");
    tokio::select! {
        biased;
        ended = timeout_at(ends_at - KEPT_TIME, graceful.shutdown()) => if ended.is_err() {
            tracing::warn!("some requests did not end in time");
        },
        () = server.turn_away(&listener) => {}
    }
    drop(listener);
    if timeout_at(ends_at - SPANS_TIME, app.ticketing.shutdown()).await.is_err() {
        tracing::warn!("the engine did not end in time");
    }
    drop(tasks);
    if app.spans.is_some() {
        let app = app.clone();
        // It waits for the collector, for a bounded time, on a thread that may wait.
        let handed_over = tokio::task::spawn_blocking(move || app.spans.as_ref().map(Spans::shutdown));
        let _ = timeout_at(ends_at, handed_over).await;
    }
    tracing::info!("stopped");
}

/// So many connections as are wanted, or as this process may have files open beside its others: one that
/// cannot be accepted would leave the store without files, too.
fn connections_max(wanted: usize) -> usize {
    let files = files_max(wanted as u64 + OTHER_FILES_MAX);
    let fitting = usize::try_from(files.saturating_sub(OTHER_FILES_MAX)).unwrap_or(usize::MAX).max(1);
    if fitting < wanted {
        tracing::warn!(wanted, connections_max = fitting, "this process may not open more files: fewer connections");
    }
    wanted.min(fitting)
}

/// How many files this process may have open, once it has asked for so many as are wanted.
fn files_max(wanted: u64) -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let (soft, hard) = (limit.current.unwrap_or(u64::MAX), limit.maximum.unwrap_or(u64::MAX));
    let raised = Rlimit { current: Some(wanted.clamp(soft.min(hard), hard)), maximum: limit.maximum };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => raised.current.unwrap_or(u64::MAX),
        Err(_) => soft,
    }
}

/// Whether one connection failed, and not the accepting of connections.
fn is_the_peers(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

struct Server {
    routes: Router,
    protocol: auto::Builder<TokioExecutor>,
    room: Arc<Semaphore>,
}

impl Server {
    fn new(app: &App) -> Self {
        let mut protocol = auto::Builder::new(TokioExecutor::new());
        protocol
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIME_MAX)
            .max_buf_size(HEADER_BYTES_MAX)
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(HEADER_TIME_MAX)
            .max_concurrent_streams(STREAMS_MAX);
        let room = Arc::new(Semaphore::new(connections_max(app.config.server.connections_max)));
        Self { routes: routes::app(app.clone()), protocol, room }
    }

    /// The next connection, once there is room for it.
    async fn accept(&self, listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        let room = Arc::clone(&self.room).acquire_owned().await.map_err(io::Error::other)?;
        let (stream, peer) = listener.accept().await?;
        // A peer that is gone by now shows when its request is read.
        let _ = stream.set_nodelay(true);
        Ok((stream, peer, room))
    }

    /// Answers whoever still comes, for as long as it is let: a balancer is told that the server is not
    /// ready, everybody else to come again. Nobody waits for these connections to end.
    async fn turn_away(&self, listener: &TcpListener) {
        let nobody = GracefulShutdown::new();
        loop {
            match self.accept(listener).await {
                Ok((stream, peer, room)) => self.spawn(stream, peer, room, nobody.watcher()),
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
    }

    fn spawn(&self, stream: TcpStream, peer: SocketAddr, room: OwnedSemaphorePermit, watcher: Watcher) {
        let (routes, protocol) = (self.routes.clone(), self.protocol.clone());
        let begun = Arc::new(Begun::default());
        let seen = Arc::clone(&begun);
        let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
            seen.note();
            request.extensions_mut().insert(PeerAddress(peer));
            let (request, unread) = Unread::of(request);
            let answering = routes.clone().call(request);
            async move {
                let mut response = answering.await?;
                unread.settle(&mut response).await;
                Ok::<_, Infallible>(response)
            }
        });
        tokio::spawn(async move {
            let connection = protocol.serve_connection(TokioIo::new(stream), service);
            let mut connection = pin!(watcher.watch(connection));
            // Until the protocol is known, its own header timeout does not run.
            let first = timeout(HEADER_TIME_MAX, begun.wait());
            let ended = tokio::select! {
                ended = &mut connection => ended,
                first = first => match first {
                    Ok(()) => connection.await,
                    Err(_) => Ok(()),
                },
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection broke off");
            }
            drop(room);
        });
    }
}

/// Whether a connection has brought its first request.
#[derive(Default)]
struct Begun {
    begun: AtomicBool,
    notify: Notify,
}

impl Begun {
    fn note(&self) {
        if !self.begun.load(Ordering::Relaxed) && !self.begun.swap(true, Ordering::Relaxed) {
            self.notify.notify_one();
        }
    }

    async fn wait(&self) {
        self.notify.notified().await;
    }
}
