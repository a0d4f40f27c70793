//! Measures waiting rooms in a store of their own with a million people waiting: joins and polls a second, how long
//! a poll takes, and what a waiter costs; in this process's memory and on a Redis of its own.

use std::{env, process::ExitCode, sync::Arc, time::Duration};

use futures_util::future::join_all;
use ticketing_benches::Failure;
use ticketing_core::{
    Ticketing,
    audit::{Actor, Caller},
    clock::SystemClock,
    command::NewSession,
    engine::{Keys, NewEvent},
    ids::{SessionId, UserId},
    money::{Currency, Money},
    store::memory::MemoryStore,
    testing::TestGateway,
    waiting_room::{MemoryRooms, QueuePolicy, WaitingRoom},
};
use ticketing_store::{redis::RedisRooms, testing::redis::Server};
use tokio::time::Instant;
use uuid::Uuid;

const WAITING: u64 = 1_000_000;
/// Of so many waiters one is asked about later.
const SAMPLED: u64 = 100;
const CALLERS: u64 = 2_048;
/// Callers while it is measured how long a poll takes.
const FEW_CALLERS: u64 = 16;
const POLLED_FOR: Duration = Duration::from_secs(5);
const USAGE: &str = "usage: waiting_room [memory|redis]

Without a name: both.";

#[tokio::main]
async fn main() -> ExitCode {
    let names: Vec<String> = env::args().skip(1).collect();
    if names.iter().any(|name| !matches!(name.as_str(), "memory" | "redis")) {
        anstream::eprintln!("{USAGE}");
        return ExitCode::from(2);
    }
    let wanted = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
    match run(wanted).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("error: {error}");
            ExitCode::from(3)
        }
    }
}

async fn run(wanted: impl Fn(&str) -> bool) -> Result<(), Failure> {
    if wanted("memory") {
        let rooms = Arc::new(MemoryRooms::new(Arc::new(SystemClock::new())));
        measure("memory", rooms, async || Ok(resident_bytes()?)).await?;
    }
    if wanted("redis") {
        let Some(server) = Server::start(&[]).await else { return Ok(()) };
        let rooms = Arc::new(RedisRooms::open(&server.url(""), None)?);
        measure("redis", rooms, async || used_bytes(&server.info("memory").await)).await?;
    }
    Ok(())
}

fn resident_bytes() -> Result<u64, Failure> {
    const PAGE_BYTES: u64 = 4_096;
    let pages = std::fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = pages.split_whitespace().nth(1).ok_or("no resident pages are told")?.parse()?;
    Ok(pages * PAGE_BYTES)
}

fn used_bytes(info: &str) -> Result<u64, Failure> {
    let line = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
    Ok(line.ok_or("no used memory is told")?.trim().parse()?)
}

fn user(number: u64) -> UserId {
    UserId::from_uuid(Uuid::from_u128(0x4_0000_0000_0000_8000_0000_0000_0000 + u128::from(number)))
}

async fn measure(
    name: &str,
    rooms: Arc<dyn WaitingRoom>,
    bytes: impl AsyncFn() -> Result<u64, Failure>,
) -> Result<(), Failure> {
    let ledger = Arc::new(MemoryStore::new(Arc::new(SystemClock::new())));
    let keys = Keys::new(b"audit", b"queue", &[7; 32]);
    let engine = Ticketing::builder(ledger, keys, Arc::new(TestGateway::new())).waiting_room(rooms).build();
    let operator = Caller::of(Actor::Operator);
    let event = engine.create_event(operator, NewEvent::published("Gala")).await?;
    let price = Money::new(55_000, Currency::KRW);
    let mut new = NewSession::of(event.id, event.created_at.plus_seconds(864_000), 1_000, price);
    new.queue = QueuePolicy { max_active: Some(1), wait_ttl_seconds: Some(86_400), ..QueuePolicy::default() };
    let session = engine.create_session(operator, new).await?.id;
    join(&engine, session, u64::MAX >> 1).await?;

    let before = bytes().await?;
    let began = Instant::now();
    let callers = (0..CALLERS).map(|caller| {
        let engine = engine.clone();
        tokio::spawn(async move {
            let mut sampled = Vec::new();
            let mut number = caller;
            while number < WAITING {
                let token = join(&engine, session, number).await?;
                if number.is_multiple_of(SAMPLED) {
                    sampled.push((user(number), token));
                }
                number += CALLERS;
            }
            Ok::<_, Failure>(sampled)
        })
    });
    let mut sampled = Vec::new();
    for caller in join_all(callers).await {
        sampled.extend(caller??);
    }
    let joins = WAITING as f64 / began.elapsed().as_secs_f64();
    let each = (bytes().await? - before) as f64 / WAITING as f64;
    let sampled = Arc::new(sampled);
    let (polls, _) = poll(&engine, &sampled, CALLERS).await?;
    let (_, mut took) = poll(&engine, &sampled, FEW_CALLERS).await?;
    took.sort_unstable();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
    anstream::println!(
        "{name}: {WAITING} waiting: {joins:.0} joins/s, {polls:.0} polls/s; a poll of {FEW_CALLERS} callers p50 {:?}, \
         p99 {:?}; {each:.0} bytes a waiter",
        at(0.5),
        at(0.99),
    );
    engine.shutdown().await;
    Ok(())
}

async fn join(engine: &Ticketing, session: SessionId, number: u64) -> Result<String, Failure> {
    let user = user(number);
    Ok(engine.join_queue(Caller::of(Actor::User(user)), session, user).await?.token)
}

/// Polls a second, and how long each took.
async fn poll(
    engine: &Ticketing,
    sampled: &Arc<Vec<(UserId, String)>>,
    callers: u64,
) -> Result<(f64, Vec<Duration>), Failure> {
    let began = Instant::now();
    let callers = (0..callers).map(|caller| {
        let (engine, sampled) = (engine.clone(), Arc::clone(sampled));
        tokio::spawn(async move {
            let mut random = fastrand::Rng::with_seed(caller);
            let mut took = Vec::new();
            while began.elapsed() < POLLED_FOR {
                let (user, token) = &sampled[random.usize(..sampled.len())];
                let asked = Instant::now();
                engine.queue_status(token, *user).await?;
                took.push(asked.elapsed());
            }
            Ok::<_, Failure>(took)
        })
    });
    let mut took = Vec::new();
    for caller in join_all(callers).await {
        took.extend(caller??);
    }
    Ok((took.len() as f64 / began.elapsed().as_secs_f64(), took))
}
