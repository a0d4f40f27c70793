//! Waiting rooms on sorted sets: beside whatever ledger, for crowds.
//!
//! A room is three keys with one hash tag, so that a cluster spreads rooms over its nodes and every call is one
//! script on one of them. Who is in stands in a sorted set by number: a position is a count of a range, and so is
//! every number that a reply tells. When a place was given stands beside it, 64 places to a field. A waiter takes
//! about 140 bytes.

mod codec;

use std::{fmt, sync::Arc, time::Duration};

use ::redis::Value;
use futures_util::future::BoxFuture;
use ticketing_core::{
    clock::{Clock, Timestamp},
    ids::SessionId,
    store::StoreError,
    waiting_room::{
        Advance, Arrival, Arrived, GivenUp, LineSlice, Mark, PlaceState, Reply, Room, RoomAnswer, RoomError, Seen,
        Terms, Visitor, WaitingRoom,
    },
};

use self::codec::Answer;
use super::{
    client::Client,
    error::Failure,
    script::{Call, Script},
};

macro_rules! scripts {
    ($($name:ident = $file:literal;)+) => {
        $(static $name: Script = Script::new(concat!(include_str!("prelude.lua"), include_str!($file)));)+
    };
}

scripts! {
    APPEND = "append.lua";
    LOOK = "look.lua";
    GIVE_UP = "give_up.lua";
    LOAD = "load.lua";
    ADVANCE = "advance.lua";
    MIRRORED = "mirrored.lua";
    CLEAR = "clear.lua";
    BEGIN = "begin.lua";
}
/// Tells the time, and nothing else.
static NOW: Script = Script::new("local time = redis.call('TIME') return time[1] * 1000000 + time[2]");

/// How long a call may take, a second try after a lost connection included.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);
/// How long one answer may take: less, or nobody would notice that a connection is dead.
const ANSWER: Duration = Duration::from_secs(1);
/// Most places of a lost room that count as taken.
const TAKEN_MAX: u64 = 10_000;

/// The URL names no Redis.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a waiting room of its own is a redis:// URL, and this one {0}")]
pub struct RoomUrlError(pub(in crate::redis) String);

/// Waiting rooms in Redis: all who open the same URL have the same ones.
pub struct RedisRooms {
    client: Client,
    /// Tells the time instead of the server.
    clock: Option<Arc<dyn Clock>>,
}

impl fmt::Debug for RedisRooms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisRooms").field("client", &self.client).finish_non_exhaustive()
    }
}

impl RedisRooms {
    /// Rooms at `url`: `redis://…`, `rediss://…`, `redis+cluster://…` or `redis+unix://…`, as for a store. Nothing
    /// is connected before the first call. They go by the server's time, unless there is a `clock`.
    ///
    /// # Errors
    /// [`RoomUrlError`] names what is wrong with the URL, and repeats no value.
    pub fn open(url: &str, clock: Option<Arc<dyn Clock>>) -> Result<Self, RoomUrlError> {
        Ok(Self { client: Client::hasty(url, ANSWER).map_err(RoomUrlError)?, clock })
    }

    /// Whether `url` names Redis. Looks at nothing but the text.
    ///
    /// # Errors
    /// As [`RedisRooms::open`].
    pub fn check_url(url: &str) -> Result<(), RoomUrlError> {
        super::check_url(url).map_err(RoomUrlError)
    }

    /// A call about one room, with the time if the server is not to tell it.
    fn call(&self, script: &'static Script, session_id: SessionId) -> Call {
        let prefix = &self.client.address().prefix;
        let mut call = script.call(format!("{{{prefix}:{}}}:room", session_id.uuid().simple()).as_bytes());
        match &self.clock {
            Some(clock) => call.number(micros(clock.now())),
            None => call.arg(b""),
        };
        call
    }

    /// The same, for a room that is as far as `since`.
    fn since(&self, script: &'static Script, session_id: SessionId, since: Mark) -> Call {
        let mut call = self.call(script, session_id);
        call.number(since.epoch.into()).number(since.version);
        call
    }

    /// What a script answers. One whose connection broke is run once more: none that comes here does harm by being
    /// run twice.
    async fn run(&self, what: &'static str, call: &Call) -> Result<Answer, StoreError> {
        in_time(what, async {
            match self.client.run(call).await {
                Ok(answer) => Ok(answer),
                Err(_) => self.client.run(call).await,
            }
        })
        .await
    }

    /// Runs a script about a room, and reads what it answers behind the room.
    async fn ask<T>(
        &self,
        what: &'static str,
        session_id: SessionId,
        call: Call,
        read: impl FnOnce(&mut Answer, u64) -> Result<T, StoreError>,
    ) -> Result<Reply<T>, RoomError> {
        let answer = self.run(what, &call).await?;
        reply(answer, session_id, read)
    }

    /// Whether a script did what it was asked.
    async fn apply(&self, what: &'static str, call: Call) -> Result<bool, StoreError> {
        Ok(self.run(what, &call).await?.number()? == 1)
    }
}

/// What comes of `tried`, unless it takes too long.
async fn in_time(
    what: &'static str,
    tried: impl Future<Output = Result<Value, Failure>>,
) -> Result<Answer, StoreError> {
    match tokio::time::timeout(ANSWERED_WITHIN, tried).await {
        Ok(answer) => Ok(Answer::of(what, answer.map_err(|failure| failure.of_reading(what))?)),
        Err(slow) => Err(StoreError::unavailable(what, slow)),
    }
}

/// The room, and what stands behind it.
fn reply<T>(
    mut answer: Answer,
    session_id: SessionId,
    read: impl FnOnce(&mut Answer, u64) -> Result<T, StoreError>,
) -> Result<Reply<T>, RoomError> {
    let Reply { room, mark, shown, at, found: steps } = answer.room(session_id)?;
    let found = read(&mut answer, steps)?;
    Ok(Reply { room, mark, shown, at, found })
}

fn micros(at: Timestamp) -> u64 {
    u64::try_from(at.micros()).unwrap_or(0)
}

fn visitor(bytes: &mut Vec<u8>, visitor: &Visitor) {
    bytes.extend_from_slice(visitor.user_id.uuid().as_bytes());
    bytes.extend_from_slice(&visitor.number.to_be_bytes());
}

impl WaitingRoom for RedisRooms {
    fn now(&self) -> BoxFuture<'_, Result<Timestamp, StoreError>> {
        Box::pin(async {
            // Asked for in any case: it shows that the server is there.
            let call = NOW.call(format!("{{{}}}", self.client.address().prefix).as_bytes());
            let told = self.run("asking for the time", &call).await?.number()?;
            let told = Timestamp::from_micros(i64::try_from(told).unwrap_or(i64::MAX));
            Ok(self.clock.as_ref().map_or(told, |clock| clock.now()))
        })
    }

    fn append(
        &self,
        session_id: SessionId,
        since: Mark,
        arrivals: Vec<Arrival>,
        terms: Terms,
    ) -> RoomAnswer<'_, Vec<Arrived>> {
        let flag = |set: bool| if set { b"1" } else { b"0" };
        let mut call = self.since(&APPEND, session_id, since);
        call.arg(flag(terms.open));
        match terms.max_length {
            Some(most) => call.number(most.into()),
            None => call.arg(b""),
        };
        call.arg(flag(terms.at_once));
        let mut packed = Vec::with_capacity(24 * arrivals.len());
        for Arrival { user_id, over } in &arrivals {
            visitor(&mut packed, &Visitor { user_id: *user_id, number: over.unwrap_or(0) });
        }
        call.arg(&packed);
        match terms.waits_from {
            Some(from) => call.number(micros(from)),
            None => call.arg(b""),
        };
        Box::pin(self.ask("joining a waiting room", session_id, call, move |answer, _| {
            let users = arrivals.iter().map(|arrival| arrival.user_id);
            Ok(codec::arrived(session_id, &answer.bytes()?, users))
        }))
    }

    fn look(&self, session_id: SessionId, since: Mark, visitors: Vec<Visitor>) -> RoomAnswer<'_, Vec<Seen>> {
        let mut call = self.since(&LOOK, session_id, since);
        let mut packed = Vec::with_capacity(24 * visitors.len());
        visitors.iter().for_each(|one| visitor(&mut packed, one));
        call.arg(&packed);
        Box::pin(self.ask("looking at places", session_id, call, |answer, _| Ok(codec::seen(&answer.bytes()?))))
    }

    fn give_up(&self, session_id: SessionId, since: Mark, places: Vec<GivenUp>) -> RoomAnswer<'_, ()> {
        let mut call = self.since(&GIVE_UP, session_id, since);
        let mut packed = Vec::with_capacity(25 * places.len());
        for place in &places {
            visitor(&mut packed, &place.visitor);
            packed.push(if place.state == PlaceState::Bought { 4 } else { 2 });
        }
        call.arg(&packed);
        Box::pin(self.ask("giving places up", session_id, call, |_, _| Ok(())))
    }

    fn load(&self, session_id: SessionId, since: Mark, limit: u32) -> RoomAnswer<'_, LineSlice> {
        let mut call = self.since(&LOAD, session_id, since);
        call.number(limit.into());
        Box::pin(self.ask("loading a line", session_id, call, move |answer, steps| {
            let admitted = codec::line(session_id, &answer.bytes()?);
            Ok(LineSlice { admitted, line: codec::line(session_id, &answer.bytes()?), steps })
        }))
    }

    fn advance_if(&self, Advance { before, room, steps }: Advance) -> BoxFuture<'_, Result<bool, StoreError>> {
        let mut call = self.call(&ADVANCE, room.session_id);
        call.number(room.epoch.into()).number(steps).number(before.head()).number(room.frontier);
        call.number(room.wait_ended_through).number(room.window_ended_through).number(micros(room.credited_until));
        call.arg(&codec::log(&room.log));
        Box::pin(self.apply("moving a frontier", call))
    }

    fn mirrored(&self, session_id: SessionId, epoch: u32, frontier: u64) -> BoxFuture<'_, Result<(), StoreError>> {
        let mut call = self.call(&MIRRORED, session_id);
        call.number(epoch.into()).number(frontier);
        Box::pin(async move { self.apply("showing a frontier", call).await.map(drop) })
    }

    fn clear(&self, session_id: SessionId, since: Mark) -> RoomAnswer<'_, u64> {
        let (what, call) = ("clearing a waiting room", self.since(&CLEAR, session_id, since));
        Box::pin(async move {
            // Once: a second run would send away whoever came behind the first.
            let answer = in_time(what, self.client.run(&call)).await?;
            reply(answer, session_id, |answer, _| answer.number())
        })
    }

    fn begin(&self, room: Room, keeps_line: bool) -> BoxFuture<'_, Result<bool, StoreError>> {
        let taken = room.active.min(room.frontier.saturating_sub(room.window_ended_through)).min(TAKEN_MAX);
        let mut call = self.call(&BEGIN, room.session_id);
        call.number(room.epoch.into()).number(room.next).number(room.frontier).number(room.wait_ended_through);
        call.number(room.window_ended_through).number(micros(room.credited_until));
        call.arg(&codec::log(&room.log)).arg(&codec::past(&room.past));
        call.number(taken).number(keeps_line.into());
        Box::pin(self.apply("beginning a waiting room", call))
    }
}
