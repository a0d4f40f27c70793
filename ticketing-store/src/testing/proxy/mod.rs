//! A TCP proxy that a test puts in front of a server to lose what passes between the two.

mod frames;
mod link;

use std::{
    fmt, mem,
    net::{SocketAddr, TcpListener as StdListener},
    num::NonZeroU64,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::{
    net::TcpListener,
    sync::{oneshot, watch},
};

use self::link::{Link, reset};

/// What becomes of a `COMMIT` whose connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// The server receives it, and nothing of what it answers is received. The client is cut off at once,
    /// so that it may ask about its transaction before that has ended: surely before, while the proxy is
    /// paused.
    AfterSent,
    /// The server never receives it.
    BeforeSent,
}

/// A proxy with a port and a thread of its own, which end with it. What passes is left as it is until a
/// method says otherwise.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Ends the thread by being dropped.
    running: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What the proxy's methods and its connections have in common.
struct Shared {
    target: Mutex<SocketAddr>,
    refusing: AtomicBool,
    paused: watch::Sender<bool>,
    delay_micros: AtomicU64,
    commit_cuts: Mutex<Option<CommitCuts>>,
    /// Every present connection holds a receiver of it, and ends when something is sent.
    present: Mutex<watch::Sender<()>>,
    connections: AtomicU64,
    flights: AtomicU64,
    cuts: AtomicU64,
}

struct CommitCuts {
    how: How,
    every_nth: NonZeroU64,
    seen: u64,
}

impl Proxy {
    /// Starts one in front of `target`.
    ///
    /// # Panics
    /// When the machine has no port or no thread left.
    pub fn start(target: SocketAddr) -> Self {
        let listener = StdListener::bind(("127.0.0.1", 0)).expect("there is a free port");
        listener.set_nonblocking(true).expect("a listener can do without blocking");
        let address = listener.local_addr().expect("a listener has an address");
        let shared = Arc::new(Shared {
            target: Mutex::new(target),
            refusing: AtomicBool::new(false),
            paused: watch::Sender::new(false),
            delay_micros: AtomicU64::new(0),
            commit_cuts: Mutex::new(None),
            present: Mutex::new(watch::Sender::new(())),
            connections: AtomicU64::new(0),
            flights: AtomicU64::new(0),
            cuts: AtomicU64::new(0),
        });
        let (running, ended) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime for the proxy starts");
        let serve = serve(listener, Arc::clone(&shared), ended);
        let thread = thread::spawn(move || runtime.block_on(serve));
        Self { address, shared, running: Some(running), thread: Some(thread) }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Leads new connections to `target`. Present ones stay where they are.
    pub fn retarget(&self, target: SocketAddr) {
        *lock(&self.shared.target) = target;
    }

    /// Whether new connections are cut before they reach the target, until told otherwise.
    pub fn refuse(&self, refuse: bool) {
        self.shared.refusing.store(refuse, SeqCst);
    }

    /// Resets all present connections on both sides, losing what is under way; returns when they are gone.
    pub async fn cut_all(&self) {
        let present = mem::take(&mut *lock(&self.shared.present));
        // There may be none.
        let _ = present.send(());
        present.closed().await;
    }

    /// Holds back every byte in both directions, from new connections too, until [`Self::resume`].
    pub fn pause(&self) {
        self.shared.paused.send_replace(true);
    }

    /// Lets bytes pass again, in order and without loss.
    pub fn resume(&self) {
        self.shared.paused.send_replace(false);
    }

    /// How long every byte takes from now on in each direction, in whole milliseconds, rounded up.
    pub fn delay(&self, delay: Duration) {
        self.shared.delay_micros.store(u64::try_from(delay.as_micros()).unwrap_or(u64::MAX), SeqCst);
    }

    /// Cuts the connection of every `every_nth` transaction, counted from now on over all connections, at its
    /// `COMMIT`: a simple query of exactly this text, on a connection that is not encrypted.
    ///
    /// # Panics
    /// When `every_nth` is 0.
    pub fn cut_at_commit(&self, how: How, every_nth: u64) {
        let every_nth = NonZeroU64::new(every_nth).expect("every first, second, … transaction is cut");
        *lock(&self.shared.commit_cuts) = Some(CommitCuts { how, every_nth, seen: 0 });
    }

    /// Lets every `COMMIT` pass again.
    pub fn spare_commits(&self) {
        *lock(&self.shared.commit_cuts) = None;
    }

    /// How many connections were cut at their `COMMIT`.
    pub fn cuts(&self) -> u64 {
        self.shared.cuts.load(SeqCst)
    }

    /// How many connections were accepted; refused ones are not.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(SeqCst)
    }

    /// How often a client spoke after the server had, over all connections: the round trips, without the
    /// first of each connection.
    pub fn flights(&self) -> u64 {
        self.shared.flights.load(SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.running = None;
        if let Some(thread) = self.thread.take() {
            // A panic on it has been printed, and has cut its connection.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Shared {
    fn delay(&self) -> Duration {
        Duration::from_micros(self.delay_micros.load(SeqCst))
    }

    /// Counts a `COMMIT`, and says whether its connection is cut.
    fn cut_of_this_commit(&self) -> Option<How> {
        let mut cuts = lock(&self.commit_cuts);
        let cuts = cuts.as_mut()?;
        cuts.seen += 1;
        if cuts.seen % cuts.every_nth != 0 {
            return None;
        }
        self.cuts.fetch_add(1, SeqCst);
        Some(cuts.how)
    }
}

async fn serve(listener: StdListener, shared: Arc<Shared>, mut ended: oneshot::Receiver<()>) {
    let listener = TcpListener::from_std(listener).expect("the runtime takes the listener");
    loop {
        let accepted = tokio::select! {
            biased;
            _ = &mut ended => return,
            accepted = listener.accept() => accepted,
        };
        // One that was gone before it was accepted is nobody's loss.
        let Ok((client, _)) = accepted else { continue };
        if shared.refusing.load(SeqCst) {
            reset(client);
        } else {
            shared.connections.fetch_add(1, SeqCst);
            let present = lock(&shared.present).subscribe();
            tokio::spawn(Link::new(Arc::clone(&shared), client).run(present));
        }
    }
}

/// What these locks guard is whole at any time.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
