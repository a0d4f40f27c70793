//! Admission to a room that is kept apart, and its mirror.

use super::{Failure, Rooms, visit::standing};
use crate::{
    clock::Timestamp,
    command::MirrorRoom,
    engine::{EngineError, Ticketing},
    ids::SessionId,
    waiting_room::{
        Advance, Mark, QueuePolicy, Reply, Room, RoomError, Standing,
        admission::{self, Slice},
        token::PlaceClaim,
    },
};

/// Places that an idle room is asked for in each round.
const FIRST_LOOK_LEN: u32 = 64;
/// Places of a step where there is more to do.
const STEP_LEN: u32 = 1_024;

impl Ticketing {
    /// Lets the frontier of a room move on as far as its policy says; answers how many were admitted.
    pub(in crate::engine) async fn admit_apart(&self, rooms: &Rooms, session_id: SessionId) -> Result<u64, Failure> {
        let life = rooms.known.life(session_id);
        let Some(view) = self.queries().session(session_id).await? else {
            rooms.known.note_rest(session_id, life);
            return Ok(0);
        };
        let session = &view.session;
        let (mut admitted, mut limit) = (0, FIRST_LOOK_LEN);
        loop {
            let loaded = self.in_room(rooms, session_id, |mark| rooms.store.load(session_id, mark, limit)).await?;
            let Some(Reply { room: before, mark, shown, at, found }) = loaded else { return Ok(admitted) };
            let mut room = before.clone();
            let slice = Slice { admitted: &found.admitted, line: &found.line, limit };
            let step = admission::advance(&mut room, &session.queue, slice, session.admits_at(at), at);
            if !is_news(&before, &room) {
                let is_told = self.mirror(rooms, &before, at).await?;
                if !is_told && shown < before.frontier {
                    // Whoever moved the frontier told the ledger, and did not come to this.
                    self.show(rooms, &before).await?;
                }
                if !is_told && before.waiting + before.active == 0 {
                    rooms.known.note_rest(session_id, life);
                }
                return Ok(admitted);
            }
            let advance = Advance { before, room: room.clone(), steps: found.steps };
            if !rooms.store.advance_if(advance).await.map_err(EngineError::Queue)? {
                // Another node did.
                return Ok(admitted);
            }
            tracing::trace!(session = %session_id, ?mark, frontier = room.frontier, "the frontier moved");
            admitted += step.admitted;
            self.mirror(rooms, &room, at).await?;
            if !step.more {
                return Ok(admitted);
            }
            limit = STEP_LEN;
        }
    }

    /// Tells the ledger of `room`, if that is due; whether it was.
    pub(super) async fn mirror(&self, rooms: &Rooms, room: &Room, at: Timestamp) -> Result<bool, Failure> {
        let session_id = room.session_id;
        let Some(known) = rooms.known.get(session_id).filter(|known| known.is_news(room, at)) else {
            return Ok(false);
        };
        match self.asked(MirrorRoom { room: room.clone() }).await? {
            Some(epoch) if epoch == room.epoch => {
                known.mirrored(room.clone(), at);
                self.show(rooms, room).await?;
            }
            // Epochs begin in the ledger, so it has lost this one: the next is behind both.
            Some(epoch) if epoch < room.epoch => {
                let progress = known.progress();
                self.restore(rooms, session_id, &known, &progress).await?;
            }
            // Another epoch has begun: what is known of this one is of no use.
            Some(_) | None => rooms.known.forget(session_id),
        }
        Ok(true)
    }

    /// Lets those behind the frontier be told, as the ledger knows of them.
    async fn show(&self, rooms: &Rooms, room: &Room) -> Result<(), Failure> {
        let shown = rooms.store.mirrored(room.session_id, room.epoch, room.frontier).await;
        shown.map_err(EngineError::Queue)
    }

    /// Whether the place of `claim`, which the ledger knows nothing of yet, is admitted; then the ledger knows.
    pub(in crate::engine) async fn is_admitted_since(
        &self,
        rooms: &Rooms,
        claim: &PlaceClaim,
        policy: &QueuePolicy,
    ) -> Result<bool, Failure> {
        let (reply, _) = self.look_apart(rooms, claim).await?;
        if !matches!(standing(&reply.room, policy, claim, reply.at), Standing::Allowed { .. }) {
            return Ok(false);
        }
        self.asked(MirrorRoom { room: reply.room.clone() }).await?;
        Ok(true)
    }

    /// How many wait and are active, exactly, as of now; of a room that cannot be reached or has not begun, as
    /// its mirror says.
    pub(in crate::engine) async fn count_apart(&self, rooms: &Rooms, mirror: &Room) -> (u64, u64) {
        let since = Mark { epoch: mirror.epoch, version: 0 };
        match rooms.store.load(mirror.session_id, since, 0).await {
            Ok(Reply { room, .. }) if mirror.apart => (room.waiting, room.active),
            Ok(_) | Err(RoomError::Lost { .. } | RoomError::Store(_)) => (mirror.waiting, mirror.active),
        }
    }
}

/// Whether a step changed anything that somebody else must know. Credit that nobody used is worked out anew next
/// time.
fn is_news(before: &Room, room: &Room) -> bool {
    before.frontier != room.frontier
        || before.log != room.log
        || before.wait_ended_through != room.wait_ended_through
        || before.window_ended_through != room.window_ended_through
}
