//! Waiting rooms in a store of their own: calls of it, and what becomes of a room that it lost.
//!
//! A room's epoch is begun in the ledger first, and then in the store by whoever began it, once. So a store that
//! was flushed, or that a replica without its last writes took over, never goes on as if nothing had been: its
//! room is behind what a node has seen or the ledger has mirrored, and the next call begins the next epoch. So does
//! a node that would tell the ledger of an epoch that this has lost.

mod admit;
mod gather;
mod known;
mod visit;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use self::{
    gather::{Failure, Gather},
    known::{Known, KnownRooms, Progress},
    visit::Welcome,
};
use super::{EngineError, Ticketing};
use crate::{
    command::{Ask, Never, OpenRoom, QueueRefusal},
    ids::{SessionId, UserId},
    store::StoreError,
    waiting_room::{LineSlice, Mark, Reply, Room, RoomError, Seen, Visitor, WaitingRoom},
};

/// How often a call about a room that is begun anew meanwhile is made again.
const TRIES_MAX: u32 = 6;
/// Pause before somebody else's beginning is looked at.
const BEGUN_WITHIN: Duration = Duration::from_millis(20);
/// How long an epoch that the ledger has is given to begin in the store.
const OPENED_WITHIN: Duration = Duration::from_millis(500);

/// A place as it was seen, and the room that it was seen in.
type Look = (Arc<Reply<()>>, Seen);

/// The waiting rooms of one engine, where they are kept apart from its ledger.
#[derive(Debug)]
pub(super) struct Rooms {
    store: Arc<dyn WaitingRoom>,
    known: KnownRooms,
    joins: Arc<Gather<UserId, Result<Welcome, QueueRefusal>>>,
    looks: Arc<Gather<Visitor, Look>>,
}

impl Rooms {
    pub(super) fn new(store: Arc<dyn WaitingRoom>) -> Self {
        Self { store, known: KnownRooms::new(), joins: Gather::new(), looks: Gather::new() }
    }

    /// Sessions whose rooms somebody came into or asked about at this node.
    pub(super) fn lively(&self) -> BTreeSet<SessionId> {
        self.known.lively()
    }

    /// The store.
    pub(super) fn store(&self) -> &Arc<dyn WaitingRoom> {
        &self.store
    }
}

/// A failure of the engine, whatever the use case would refuse.
pub(super) fn widened<R: std::error::Error>(failure: Failure) -> EngineError<R> {
    match failure {
        EngineError::Refused(never) => match never {},
        EngineError::Overloaded => EngineError::Overloaded,
        EngineError::ShuttingDown => EngineError::ShuttingDown,
        EngineError::Failed => EngineError::Failed,
        EngineError::Store(error) => EngineError::Store(error),
        EngineError::Queue(error) => EngineError::Queue(error),
        EngineError::Gateway(error) => EngineError::Gateway(error),
    }
}

impl Ticketing {
    /// Calls about a room, and begins it anew when it was lost. `None`: there is no such session.
    async fn in_room<T, F>(
        &self,
        rooms: &Rooms,
        session_id: SessionId,
        call: impl Fn(Mark) -> F,
    ) -> Result<Option<Reply<T>>, Failure>
    where
        F: Future<Output = Result<Reply<T>, RoomError>>,
    {
        for _ in 0..TRIES_MAX {
            let Some(known) = self.known_room(rooms, session_id).await? else { return Ok(None) };
            let progress = known.progress();
            match call(progress.mark).await {
                Ok(reply) if is_sound(&reply, &progress) => {
                    known.seen(reply.mark);
                    return Ok(Some(reply));
                }
                Ok(_) | Err(RoomError::Lost { .. }) => self.restore(rooms, session_id, &known, &progress).await?,
                Err(RoomError::Store(error)) => return Err(EngineError::Queue(error)),
            }
        }
        let detail = format!("the waiting room of {session_id} is begun again and again");
        Err(EngineError::Queue(StoreError::Conflict { detail }))
    }

    async fn known_room(&self, rooms: &Rooms, session_id: SessionId) -> Result<Option<Arc<Known>>, Failure> {
        if let Some(known) = rooms.known.get(session_id) {
            return Ok(Some(known));
        }
        let view = self.queries().queue(session_id).await?;
        Ok(view.map(|view| rooms.known.get_or(session_id, view.room)))
    }

    /// Begins the next epoch of a room that is behind `progress`, unless somebody has.
    async fn restore(
        &self,
        rooms: &Rooms,
        session_id: SessionId,
        known: &Known,
        progress: &Progress,
    ) -> Result<(), Failure> {
        let _alone = known.restoring.lock().await;
        if known.progress().mark != progress.mark {
            return Ok(());
        }
        // The ledger first: a room of an epoch that had begun by then is the one to look for.
        let Some(view) = self.queries().queue(session_id).await? else { return Ok(()) };
        let ledger = view.room;
        let mut found = in_store(rooms, session_id).await?;
        // Nobody here has seen that epoch in the store: whoever wrote it into the ledger may be about to begin it.
        let is_news = ledger.apart && progress.mark <= Mark { epoch: ledger.epoch, version: 0 };
        let mut waited = Duration::ZERO;
        while is_news && waited < OPENED_WITHIN && found.as_ref().is_none_or(|it| it.mark.epoch < ledger.epoch) {
            tokio::time::sleep(BEGUN_WITHIN).await;
            waited += BEGUN_WITHIN;
            found = in_store(rooms, session_id).await?;
        }
        let floor = Progress { mark: Mark { epoch: ledger.epoch, version: 0 }, floor: Arc::new(ledger.clone()) };
        if let Some(found) = &found
            && ledger.apart
            && found.mark.epoch == ledger.epoch
            && found.mark >= progress.mark
            && is_sound(found, &floor)
        {
            known.learned(found.mark, ledger, found.at);
            return Ok(());
        }
        let (after, was_apart, had_line) = (ledger.epoch, ledger.apart, found.is_some());
        let begin = OpenRoom { session_id, after, found: found.map(|found| found.room) };
        // What is there by then is kept in any case: the epoch before may have begun meanwhile, and people have come.
        if let Some(room) = self.asked(begin).await?
            && rooms.store.begin(room.clone(), true).await.map_err(EngineError::Queue)?
        {
            if was_apart {
                metrics::counter!("ticketing_queue_rebuilt_total").increment(1);
                tracing::warn!(
                    session = %session_id, epoch = room.epoch, frontier = room.frontier, had_line,
                    "a waiting room was lost and is begun anew; who was admitted goes on"
                );
            }
            known.learned(Mark { epoch: room.epoch, version: 0 }, room, view.as_of);
            return Ok(());
        }
        // Somebody else is at it.
        tokio::time::sleep(BEGUN_WITHIN).await;
        if let Some(view) = self.queries().queue(session_id).await? {
            let (epoch, at) = (view.room.epoch, view.as_of);
            known.learned(Mark { epoch, version: 0 }, view.room, at);
        }
        Ok(())
    }

    /// What a command brings that nothing refuses.
    async fn asked<C: Ask<Refusal = Never>>(&self, command: C) -> Result<C::Done, Failure> {
        match self.inner.batcher.ask(command).await? {
            Ok(done) => Ok(done),
            Err(never) => match never {},
        }
    }
}

/// The room as its store has it, whatever is known of it.
async fn in_store(rooms: &Rooms, session_id: SessionId) -> Result<Option<Reply<LineSlice>>, Failure> {
    match rooms.store.load(session_id, Mark::default(), 0).await {
        Ok(reply) => Ok(Some(reply)),
        Err(RoomError::Lost { .. }) => Ok(None),
        Err(RoomError::Store(error)) => Err(EngineError::Queue(error)),
    }
}

/// Whether what a store tells of a room may follow what is known of it.
fn is_sound<T>(reply: &Reply<T>, progress: &Progress) -> bool {
    let floor: &Room = &progress.floor;
    reply.mark >= progress.mark && !(reply.mark.epoch == floor.epoch && floor.apart && reply.room.is_behind(floor))
}
