//! Limits that all nodes share.

use std::time::Duration;

use ::redis::Value;
use ticketing_core::store::StoreError;

use super::{
    RoomUrlError,
    client::Client,
    error::senseless,
    script::{Script, micros},
};

static TAKE: Script = Script::new(include_str!("limits.lua"));

const WHAT: &str = "asking for a limit";

/// How long an answer may take before its connection counts as dead, however soon those who ask go on without it.
const ANSWER: Duration = Duration::from_secs(1);

/// So many in a time for each of many, counted together by all who ask, by the server's clock.
#[derive(Debug, Clone)]
pub struct RedisLimits {
    client: Client,
}

/// One limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Its name.
    pub name: &'static str,
    /// So many, all at once if need be; at least 1.
    pub most: u32,
    /// In this time, to the microsecond.
    pub per: Duration,
}

/// There is no room under a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    /// Which of those asked about.
    pub index: usize,
    /// After which time there is.
    pub wait: Duration,
}

impl RedisLimits {
    /// Limits at `url`, as for waiting rooms. Nothing is connected before the first call.
    ///
    /// # Errors
    /// [`RoomUrlError`] names what is wrong with the URL, and repeats no value.
    pub fn open(url: &str) -> Result<Self, RoomUrlError> {
        Ok(Self { client: Client::hasty(url, ANSWER).map_err(RoomUrlError)? })
    }

    /// One more for `subject` under each of `shares`; under none of them, where one has no room.
    ///
    /// # Contract
    /// Counted by the server's time, by all who ask with the same URL. Whoever is refused takes nothing, under no
    /// share.
    ///
    /// Checked by `redis_limits`.
    ///
    /// # Errors
    /// [`StoreError`] when Redis does not answer: nobody should be refused for that.
    pub async fn take(&self, subject: &str, shares: &[Share]) -> Result<Option<Exceeded>, StoreError> {
        let key = format!("{{{}:limit:{subject}}}", self.client.address().prefix);
        let mut call = TAKE.call(key.as_bytes());
        for share in shares {
            call.arg(share.name.as_bytes()).number(share.most.into()).number(micros(share.per));
        }
        let client = self.client.clone();
        // A task of its own: nobody waits for a limit for long, and a dead connection is to be noticed all the same.
        let asked = tokio::spawn(async move { client.run(&call).await });
        let answer = asked.await.map_err(|broken_off| StoreError::unavailable(WHAT, broken_off))?;
        let answer = answer.map_err(|failure| failure.of_reading(WHAT))?;
        match &answer {
            Value::Array(items) => match items[..] {
                [] => Ok(None),
                [Value::Int(index), Value::Int(micros)] => {
                    let index = usize::try_from(index).map_err(|_| senseless(WHAT, &answer))?;
                    Ok(Some(Exceeded { index, wait: Duration::from_micros(micros.unsigned_abs()) }))
                }
                _ => Err(senseless(WHAT, &answer)),
            },
            _ => Err(senseless(WHAT, &answer)),
        }
    }
}
