//! Calls that go together: those about a room that come while one is under way wait for the next, in the order
//! they came. A crowd at the door costs one round trip at a time.

use std::{
    collections::HashMap,
    fmt, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use crate::{batcher::Spawn, command::Never, engine::EngineError, ids::SessionId};

/// Most questions in one call.
const TOGETHER_MAX: usize = 1_024;
/// Most that wait about all rooms together; more are refused.
const WAITING_MAX: usize = 262_144;

pub(super) type Failure = EngineError<Never>;
type Answered<A> = oneshot::Sender<Result<A, Failure>>;

/// Answers what was asked of a room together, in order: one answer for each question.
pub(super) type Serve<Q, A> =
    Arc<dyn Fn(SessionId, Vec<Q>) -> BoxFuture<'static, Result<Vec<A>, Failure>> + Send + Sync>;

/// Questions about rooms, gathered room by room.
pub(super) struct Gather<Q, A> {
    rooms: Mutex<Rooms<Q, A>>,
}

struct Rooms<Q, A> {
    asked: HashMap<SessionId, Vec<(Q, Answered<A>)>>,
    waiting: usize,
}

impl<Q, A> fmt::Debug for Gather<Q, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gather").finish_non_exhaustive()
    }
}

impl<Q: Send + 'static, A: Send + 'static> Gather<Q, A> {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { rooms: Mutex::new(Rooms { asked: HashMap::new(), waiting: 0 }) })
    }

    /// The answer to `question`, by a call of `serve` that it shares with others. One call about a room is under
    /// way at a time.
    pub(super) async fn ask(
        self: &Arc<Self>,
        spawn: &dyn Spawn,
        session_id: SessionId,
        question: Q,
        serve: impl FnOnce() -> Serve<Q, A>,
    ) -> Result<A, Failure> {
        let (answer, answered) = oneshot::channel();
        let begins = {
            let mut rooms = self.rooms();
            if rooms.waiting >= WAITING_MAX {
                return Err(EngineError::Overloaded);
            }
            rooms.waiting += 1;
            let begins = !rooms.asked.contains_key(&session_id);
            rooms.asked.entry(session_id).or_default().push((question, answer));
            begins
        };
        if begins {
            // A task of its own: whoever asked first may go away, and the others must not wait for ever.
            let (gather, serve) = (Arc::clone(self), serve());
            spawn.spawn(Box::pin(async move { gather.serve(session_id, &serve).await }));
        }
        answered.await.unwrap_or(Err(EngineError::Failed))
    }

    async fn serve(&self, session_id: SessionId, serve: &Serve<Q, A>) {
        let broken_off = BrokenOff { gather: self, session_id };
        while let Some(batch) = self.next(session_id) {
            let (questions, answers): (Vec<Q>, Vec<Answered<A>>) = batch.into_iter().unzip();
            // Whoever asked may have gone away.
            match serve(session_id, questions).await {
                Ok(found) => answers.into_iter().zip(found).for_each(|(answer, found)| drop(answer.send(Ok(found)))),
                Err(failure) => answers.into_iter().for_each(|answer| drop(answer.send(Err(failure.clone())))),
            }
        }
        mem::forget(broken_off);
    }

    /// Those who wait, at most so many; `None` ends the work.
    fn next(&self, session_id: SessionId) -> Option<Vec<(Q, Answered<A>)>> {
        let mut rooms = self.rooms();
        let asked = rooms.asked.get_mut(&session_id)?;
        if asked.is_empty() {
            rooms.asked.remove(&session_id);
            return None;
        }
        let len = asked.len().min(TOGETHER_MAX);
        let batch: Vec<_> = asked.drain(..len).collect();
        rooms.waiting -= len;
        Some(batch)
    }

    fn rooms(&self) -> MutexGuard<'_, Rooms<Q, A>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody stopped before everybody was answered, as when a runtime ends: those who wait are told, and the next
/// one begins anew.
struct BrokenOff<'a, Q: Send + 'static, A: Send + 'static> {
    gather: &'a Gather<Q, A>,
    session_id: SessionId,
}

impl<Q: Send + 'static, A: Send + 'static> Drop for BrokenOff<'_, Q, A> {
    fn drop(&mut self) {
        let mut rooms = self.gather.rooms();
        if let Some(left) = rooms.asked.remove(&self.session_id) {
            rooms.waiting -= left.len();
        }
    }
}
