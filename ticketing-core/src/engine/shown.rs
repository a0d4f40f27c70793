//! What a crowd looks at: read once for all of them.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwapOption;
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};
use quick_cache::sync::Cache;

use crate::{clock::Timestamp, ids::SessionId, store::StoreError};

/// How long something read is shown before the store is asked again. Whoever comes while it is being
/// asked is shown what there is, for as long as [`STALE_AFTER`].
const FRESH_FOR: Duration = Duration::from_millis(100);
/// How old something may be when it is asked for, at most, to be shown.
const STALE_AFTER: Duration = Duration::from_millis(900);
/// Sessions of which something is kept.
const SESSIONS_MAX: usize = 10_000;

/// Something about each session, as last read.
#[derive(Debug)]
pub(super) struct Shown<T> {
    kept: Cache<SessionId, Arc<Kept<T>>>,
}

#[derive(Debug)]
struct Kept<T> {
    last: ArcSwapOption<Reading<T>>,
    asking: Mutex<Option<Asking<T>>>,
}

#[derive(Debug)]
struct Reading<T> {
    found: Arc<T>,
    read_at: Timestamp,
}

type Answer<T> = Result<Option<Arc<T>>, StoreError>;

/// The store is being asked, for as long as anybody waits for it.
#[derive(Debug)]
struct Asking<T> {
    answer: WeakShared<BoxFuture<'static, Answer<T>>>,
    since: Timestamp,
}

impl<T: Send + Sync + 'static> Shown<T> {
    pub(super) fn new() -> Self {
        Self { kept: Cache::new(SESSIONS_MAX) }
    }

    /// What is shown of session `id` at `now`. `read` asks the store, and is told what it said last;
    /// nobody asks while somebody else does.
    ///
    /// # Errors
    /// [`StoreError`] when it was asked and cannot be read.
    pub(super) async fn get<F>(
        &self,
        id: SessionId,
        now: Timestamp,
        read: impl FnOnce(Option<Arc<T>>) -> F,
    ) -> Answer<T>
    where
        F: Future<Output = Result<Option<T>, StoreError>> + Send + 'static,
    {
        let kept = match self.kept.get(&id) {
            Some(kept) => kept,
            None => self.kept.get_or_insert_with(&id, Kept::nothing)?,
        };
        let answer = match kept.shown_or_asked(now, read) {
            Ok(found) => return Ok(Some(found)),
            Err(answer) => answer.await,
        };
        if !matches!(answer, Ok(Some(_))) && kept.last.load().is_none() {
            self.kept.remove_if(&id, |other| Arc::ptr_eq(other, &kept));
        }
        answer
    }
}

impl<T: Send + Sync + 'static> Kept<T> {
    #[allow(clippy::unnecessary_wraps, reason = "the cache's own signature")]
    fn nothing() -> Result<Arc<Self>, StoreError> {
        Ok(Arc::new(Self { last: ArcSwapOption::empty(), asking: Mutex::new(None) }))
    }

    fn younger_than(&self, age: Duration, now: Timestamp) -> Option<Arc<T>> {
        let last = self.last.load();
        last.as_ref().filter(|last| now.since(last.read_at) < age).map(|last| Arc::clone(&last.found))
    }

    /// What there is to show, or the answer to wait for.
    fn shown_or_asked<F>(
        self: &Arc<Self>,
        now: Timestamp,
        read: impl FnOnce(Option<Arc<T>>) -> F,
    ) -> Result<Arc<T>, Shared<BoxFuture<'static, Answer<T>>>>
    where
        F: Future<Output = Result<Option<T>, StoreError>> + Send + 'static,
    {
        if let Some(found) = self.younger_than(FRESH_FOR, now) {
            return Ok(found);
        }
        let mut asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        // An answer may have come meanwhile.
        if let Some(found) = self.younger_than(FRESH_FOR, now) {
            return Ok(found);
        }
        // One that is longer under way would be too old.
        let under_way = asking.as_ref().filter(|asking| now.since(asking.since) < STALE_AFTER);
        if let Some(answer) = under_way.and_then(|asking| asking.answer.upgrade()) {
            return self.younger_than(STALE_AFTER, now).ok_or(answer);
        }
        let kept = Arc::clone(self);
        let reading = read(self.last.load().as_ref().map(|last| Arc::clone(&last.found)));
        let answer = async move { Ok(kept.note(reading.await?, now)) }.boxed().shared();
        *asking = answer.downgrade().map(|answer| Asking { answer, since: now });
        Err(answer)
    }

    /// Keeps what was found at `read_at`, unless something newer is kept.
    fn note(&self, found: Option<T>, read_at: Timestamp) -> Option<Arc<T>> {
        let reading = found.map(|found| Arc::new(Reading { found: Arc::new(found), read_at }));
        self.last.rcu(|last| match last {
            Some(last) if last.read_at > read_at => Some(Arc::clone(last)),
            Some(_) | None => reading.clone(),
        });
        reading.map(|reading| Arc::clone(&reading.found))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::future::{join_all, poll_immediate};
    use tokio::sync::Semaphore;
    use uuid::Uuid;

    use super::*;

    const ID: SessionId = SessionId::from_uuid(Uuid::from_u128(1));

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_micros(millis * 1_000)
    }

    /// A store that answers with the number of the question, once it is let.
    struct Store {
        shown: Shown<u32>,
        asked: AtomicU32,
        let_through: Arc<Semaphore>,
    }

    impl Store {
        fn new() -> Self {
            Self { shown: Shown::new(), asked: AtomicU32::new(0), let_through: Arc::new(Semaphore::new(0)) }
        }

        async fn answering(
            &self,
            now: Timestamp,
            answer: impl FnOnce(u32) -> Result<Option<u32>, StoreError>,
        ) -> Answer<u32> {
            let read = |_| {
                let answer = answer(self.asked.fetch_add(1, Ordering::Relaxed) + 1);
                let let_through = Arc::clone(&self.let_through);
                async move {
                    let_through.acquire().await.expect("nobody closes it").forget();
                    answer
                }
            };
            self.shown.get(ID, now, read).await
        }

        async fn get(&self, now: Timestamp) -> u32 {
            *self.answering(now, |number| Ok(Some(number))).await.unwrap().expect("there is one")
        }

        fn asked(&self) -> u32 {
            self.asked.load(Ordering::Relaxed)
        }
    }

    async fn crowd<T>(of: impl Fn() -> T) -> Vec<T::Output>
    where
        T: Future,
    {
        join_all((0..1_000).map(|_| of())).await
    }

    #[tokio::test]
    async fn a_crowd_that_comes_first_asks_once() {
        let store = Store::new();
        let polls = crowd(|| store.get(at(0)));
        let (seen, ()) = tokio::join!(polls, async { store.let_through.add_permits(9) });
        assert!(seen.iter().all(|seen| *seen == 1));
        assert_eq!(store.asked(), 1);
    }

    #[tokio::test]
    async fn a_crowd_at_every_expiry_asks_once_and_is_shown_what_there_is() {
        let store = Store::new();
        store.let_through.add_permits(1);
        assert_eq!(store.get(at(0)).await, 1);
        for round in 1..20 {
            let now = at(i64::from(round) * 100);
            let mut asker = std::pin::pin!(store.get(now));
            assert_eq!(poll_immediate(&mut asker).await, None, "it waits for the store");
            for seen in crowd(|| store.get(now)).await {
                assert_eq!(seen, round);
            }
            store.let_through.add_permits(1);
            assert_eq!(asker.await, round + 1);
            assert!(crowd(|| store.get(now)).await.iter().all(|seen| *seen == round + 1));
            assert_eq!(store.asked(), round + 1);
        }
    }

    #[tokio::test]
    async fn what_is_too_old_to_be_shown_is_waited_for_by_all_and_asked_for_once() {
        let store = Store::new();
        store.let_through.add_permits(1);
        store.get(at(0)).await;
        let polls = crowd(|| store.get(at(900)));
        let (seen, ()) = tokio::join!(polls, async { store.let_through.add_permits(9) });
        assert!(seen.iter().all(|seen| *seen == 2));
        assert_eq!(store.asked(), 2);
    }

    #[tokio::test]
    async fn a_question_that_is_too_long_under_way_is_put_again_and_never_overtakes() {
        let store = Store::new();
        let mut slow = std::pin::pin!(store.get(at(0)));
        assert_eq!(poll_immediate(&mut slow).await, None);
        let mut next = std::pin::pin!(store.get(at(900)));
        assert_eq!(poll_immediate(&mut next).await, None);
        store.let_through.add_permits(2);
        assert_eq!(next.await, 2);
        assert_eq!(slow.await, 1);
        assert_eq!(store.get(at(950)).await, 2);
    }

    #[tokio::test]
    async fn a_question_that_nobody_waits_for_any_more_is_put_again() {
        let store = Store::new();
        assert_eq!(poll_immediate(Box::pin(store.get(at(0)))).await, None);
        store.let_through.add_permits(1);
        assert_eq!(store.get(at(1)).await, 2);
    }

    #[tokio::test]
    async fn a_failure_and_an_absence_are_told_to_all_who_waited_and_kept_for_nobody() {
        for kept in [false, true] {
            let store = Store::new();
            store.let_through.add_permits(usize::from(kept));
            if kept {
                store.get(at(-1_000)).await;
            }
            let failing = crowd(|| store.answering(at(0), |_| Err(StoreError::corrupt("no page"))));
            let (seen, ()) = tokio::join!(failing, async { store.let_through.add_permits(1) });
            assert!(seen.iter().all(Result::is_err));
            let absent = crowd(|| store.answering(at(1), |_| Ok(None)));
            let (seen, ()) = tokio::join!(absent, async { store.let_through.add_permits(1) });
            assert!(seen.iter().all(|seen| matches!(seen, Ok(None))));
            assert_eq!(store.shown.kept.len(), 0);
            store.let_through.add_permits(1);
            assert_eq!(store.get(at(2)).await, store.asked());
            assert_eq!(store.asked(), 3 + u32::from(kept));
        }
    }
}
