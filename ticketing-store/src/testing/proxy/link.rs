//! One connection through the proxy.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};

use super::{How, Shared, frames::Frames, lock};

/// The most read at once.
const PIECE_BYTES_MAX: usize = 64 * 1024;
/// The most pieces under way in one direction; whoever sends more waits.
const UNDER_WAY_MAX: usize = 256;

/// A client, and its way to the server.
pub(super) struct Link {
    shared: Arc<Shared>,
    client: TcpStream,
    /// Whether the client has received something since it last sent something.
    answered: AtomicBool,
}

/// What was read at one time, and when it arrives.
struct Piece {
    due: Instant,
    bytes: Vec<u8>,
}

/// One direction: what is under way in it.
struct UnderWay {
    pieces: mpsc::Receiver<Piece>,
    /// The piece that arrives now, and how much of it has.
    arriving: Option<(Piece, usize)>,
}

/// How the connection ended.
enum End {
    /// Both sides closed it.
    Closed,
    /// As by a broken wire.
    Reset,
    /// The server still receives what is under way to it.
    RepliesLost,
}

impl Link {
    pub(super) fn new(shared: Arc<Shared>, client: TcpStream) -> Self {
        Self { shared, client, answered: AtomicBool::new(false) }
    }

    /// Carries bytes until one side ends it, a `COMMIT` is cut, or something is sent to `present`.
    pub(super) async fn run(mut self, mut present: watch::Receiver<()>) {
        let target = *lock(&self.shared.target);
        let connected = tokio::select! {
            biased;
            _ = present.changed() => return reset(self.client),
            connected = TcpStream::connect(target) => connected,
        };
        let Ok(mut server) = connected else { return reset(self.client) };
        // It is the proxy's part to delay what is sent, nobody else's.
        let _ = (self.client.set_nodelay(true), server.set_nodelay(true));

        let (to_server, mut up) = UnderWay::new();
        let end = tokio::select! {
            biased;
            _ = present.changed() => End::Reset,
            end = self.carry(&mut server, to_server, &mut up) => end,
        };
        match end {
            End::Closed => {}
            End::Reset => {
                reset(self.client);
                reset(server);
            }
            End::RepliesLost => {
                let Self { shared, client, .. } = self;
                reset(client);
                let delivered = tokio::select! {
                    biased;
                    _ = present.changed() => Err(io::ErrorKind::ConnectionReset.into()),
                    delivered = deliver_the_rest(&shared, &mut server, up) => delivered,
                };
                if delivered.is_err() {
                    reset(server);
                }
            }
        }
    }

    async fn carry(&mut self, server: &mut TcpStream, to_server: mpsc::Sender<Piece>, up: &mut UnderWay) -> End {
        let Self { shared, client, answered } = self;
        let (mut from_client, mut client) = client.split();
        let (mut from_server, mut server) = server.split();
        let (to_client, mut down) = UnderWay::new();

        let upward = read_client(shared, answered, &mut from_client, to_server);
        let downward = read_server(shared, &mut from_server, to_client);
        let at_server = up.arrive(shared, &mut server, || {});
        let at_client = down.arrive(shared, &mut client, || answered.store(true, SeqCst));
        match tokio::try_join!(upward, downward, async { Ok(at_server.await?) }, async { Ok(at_client.await?) }) {
            Ok(_) => End::Closed,
            Err(end) => end,
        }
    }
}

/// Puts what `client` sends on its way, until it closes or a `COMMIT` is cut.
async fn read_client(
    shared: &Shared,
    answered: &AtomicBool,
    client: &mut ReadHalf<'_>,
    to_server: mpsc::Sender<Piece>,
) -> Result<(), End> {
    let mut frames = Frames::default();
    let mut buffer = vec![0; PIECE_BYTES_MAX];
    loop {
        let read = client.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        if answered.swap(false, SeqCst) {
            shared.flights.fetch_add(1, SeqCst);
        }
        let mut end = 0;
        while let Some(length) = frames.commit_end(&buffer[end..read]) {
            end += length;
            match shared.cut_of_this_commit() {
                None => {}
                Some(How::BeforeSent) => return Err(End::Reset),
                Some(How::AfterSent) => {
                    send(shared, &to_server, &buffer[..end]).await?;
                    return Err(End::RepliesLost);
                }
            }
        }
        send(shared, &to_server, &buffer[..read]).await?;
    }
}

async fn read_server(shared: &Shared, server: &mut ReadHalf<'_>, to_client: mpsc::Sender<Piece>) -> Result<(), End> {
    let mut buffer = vec![0; PIECE_BYTES_MAX];
    loop {
        let read = server.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        send(shared, &to_client, &buffer[..read]).await?;
    }
}

async fn send(shared: &Shared, way: &mpsc::Sender<Piece>, bytes: &[u8]) -> io::Result<()> {
    let piece = Piece { due: Instant::now() + shared.delay(), bytes: bytes.to_vec() };
    way.send(piece).await.map_err(|_| io::ErrorKind::BrokenPipe.into())
}

impl UnderWay {
    fn new() -> (mpsc::Sender<Piece>, Self) {
        let (sender, pieces) = mpsc::channel(UNDER_WAY_MAX);
        (sender, Self { pieces, arriving: None })
    }

    /// Writes each piece when it is due, and closes after the last. May be dropped and called again.
    async fn arrive(
        &mut self,
        shared: &Shared,
        writer: &mut WriteHalf<'_>,
        mut arrived: impl FnMut(),
    ) -> io::Result<()> {
        let mut paused = shared.paused.subscribe();
        loop {
            if self.arriving.is_none() {
                self.arriving = self.pieces.recv().await.map(|piece| (piece, 0));
            }
            let Some((piece, written)) = &mut self.arriving else { return writer.shutdown().await };
            sleep_until(piece.due).await;
            while *written < piece.bytes.len() {
                // The sender of `paused` lives as long as `shared`.
                let _ = paused.wait_for(|paused| !paused).await;
                arrived();
                *written += writer.write(&piece.bytes[*written..]).await?;
            }
            self.arriving = None;
        }
    }
}

/// Lets the server receive what is under way, and waits until it has done with it.
async fn deliver_the_rest(shared: &Shared, server: &mut TcpStream, mut up: UnderWay) -> io::Result<()> {
    let (mut from_server, mut to_server) = server.split();
    up.arrive(shared, &mut to_server, || {}).await?;
    let mut lost = vec![0; PIECE_BYTES_MAX];
    while from_server.read(&mut lost).await? > 0 {}
    Ok(())
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Reset
    }
}

/// Ends a connection at once, without a word to the other side and without what is still to be sent.
pub(super) fn reset(stream: TcpStream) {
    // Without it the connection is closed in good order, which is an end as well.
    let _ = stream.set_zero_linger();
    drop(stream);
}
