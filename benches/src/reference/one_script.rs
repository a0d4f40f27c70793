//! One script per hold, on Redis.

use ::redis::{Pipeline, Script, aio::MultiplexedConnection};
use futures_util::future::join_all;
use ticketing_core::{
    clock::{Clock, SystemClock},
    ids::{HoldId, IdGen, RandomIds, SessionId, UserId},
};
use uuid::Uuid;

use super::META;
use crate::Failure;

/// Takes a ticket from the stock, if one is left and the key is new, and writes the hold, its key, its end and its
/// audit record: what a hold cannot do without, and no index besides.
const HOLD: &str = r"
if tonumber(redis.call('HGET', KEYS[1], 'available')) < 1 then return 0 end
if redis.call('EXISTS', KEYS[2]) == 1 then return 2 end
redis.call('HINCRBY', KEYS[1], 'available', -1)
redis.call('HINCRBY', KEYS[1], 'held', 1)
redis.call('SET', KEYS[2], ARGV[1])
redis.call('SET', KEYS[3], ARGV[2])
redis.call('ZADD', KEYS[4], ARGV[3], ARGV[1])
redis.call('RPUSH', KEYS[5], ARGV[4])
return 1
";

/// How many holds one connection has on their way.
const PIPELINE: usize = 16;

/// Places holds, one script each.
#[derive(Debug)]
pub struct OneScriptPerHold;

impl OneScriptPerHold {
    /// Holds per second of so many `connections`, each with sixteen on their way at a time, over `count` holds.
    ///
    /// # Errors
    /// When one is refused.
    pub async fn rate(url: &str, connections: usize, count: usize) -> Result<f64, Failure> {
        let client = ::redis::Client::open(url.split('?').next().unwrap_or(url))?;
        let session = SessionId::from_uuid(Uuid::from_u128(fastrand::u128(..)));
        let mut setting_up = client.get_multiplexed_async_connection().await?;
        let stock = format!("{{bench}}stock:{session}");
        let () = ::redis::cmd("HSET")
            .arg(&stock)
            .arg(&["available", &count.to_string(), "held", "0"])
            .query_async(&mut setting_up)
            .await?;
        let hash = Script::new(HOLD).get_hash().to_owned();
        let () = ::redis::cmd("SCRIPT").arg("LOAD").arg(HOLD).exec_async(&mut setting_up).await?;
        let clock = SystemClock::new();
        let begun = clock.now();
        let mut clients = Vec::new();
        for _ in 0..connections {
            let connection = client.get_multiplexed_async_connection().await?;
            let (stock, hash) = (stock.clone(), hash.clone());
            clients.push(tokio::spawn(holds(connection, session, stock, hash, count / connections)));
        }
        for client in join_all(clients).await {
            client??;
        }
        let rate = (count / connections * connections) as f64 / clock.now().since(begun).as_secs_f64();
        let held: usize = ::redis::cmd("HGET").arg(&stock).arg("held").query_async(&mut setting_up).await?;
        if held == count / connections * connections { Ok(rate) } else { Err(format!("{held} are held").into()) }
    }
}

async fn holds(
    mut connection: MultiplexedConnection,
    session: SessionId,
    stock: String,
    hash: String,
    count: usize,
) -> Result<(), Failure> {
    let (ids, clock) = (RandomIds::new(), SystemClock::new());
    let mut left = count;
    while left > 0 {
        let mut pipeline = Pipeline::with_capacity(PIPELINE);
        for _ in 0..left.min(PIPELINE) {
            let now = clock.now();
            let hold = HoldId::from_uuid(ids.uuid(now));
            let user = UserId::from_uuid(Uuid::from_u128(fastrand::u128(..)));
            let record = format!(
                r#"{{"id":"{hold}","session":"{session}","user":"{user}","quantity":1,"amount":55000,"currency":"KRW","status":"ACTIVE","created":"{now}","expires":"{now}"}}"#
            );
            let audit =
                format!(r#"{{"at":"{now}","actor":"{user}","action":"hold_placed","target":"{hold}","meta":{META}}}"#);
            pipeline
                .cmd("EVALSHA")
                .arg(&hash)
                .arg(5)
                .arg(&stock)
                .arg(format!("{{bench}}key:{session}:{user}:key-{}", user.uuid().as_simple()))
                .arg(format!("{{bench}}hold:{hold}"))
                .arg(format!("{{bench}}ends:{session}"))
                .arg(format!("{{bench}}audit:{session}"))
                .arg(hold.to_string())
                .arg(record)
                .arg(now.micros())
                .arg(audit);
        }
        let answers: Vec<u32> = pipeline.query_async(&mut connection).await?;
        if answers.iter().any(|answer| *answer != 1) {
            return Err(format!("refused: {answers:?}").into());
        }
        left -= answers.len();
    }
    Ok(())
}
