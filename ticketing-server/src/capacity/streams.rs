//! Who follows what: so many streams of one user at once, and a newer one takes the oldest one's place.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ticketing_core::ids::UserId;
use tokio::sync::oneshot;

/// Streams of one user at once: a few pages of the shop, each open in front of them.
const PER_USER_MAX: usize = 3;

/// The streams of one server.
#[derive(Debug, Clone, Default)]
pub(crate) struct Streams(Arc<Mutex<Open>>);

#[derive(Debug, Default)]
struct Open {
    /// Of each user, oldest first: a stream's number, and what it ends with once it is dropped.
    of: HashMap<UserId, Vec<(u64, oneshot::Sender<()>)>>,
    /// How many have been opened, and how many of them go on.
    opened: u64,
    count: usize,
}

/// One stream, counted until it is dropped.
#[derive(Debug)]
pub(crate) struct Following {
    streams: Streams,
    user: UserId,
    number: u64,
    replaced: oneshot::Receiver<()>,
}

impl Streams {
    /// One more stream of `user`; the oldest ends if there are too many.
    pub(crate) fn open(&self, user: UserId) -> Following {
        let (ends, replaced) = oneshot::channel();
        let mut open = self.all();
        open.opened += 1;
        open.count += 1;
        let number = open.opened;
        let of_user = open.of.entry(user).or_default();
        if of_user.len() >= PER_USER_MAX {
            of_user.remove(0);
        }
        of_user.push((number, ends));
        drop(open);
        Following { streams: self.clone(), user, number, replaced }
    }

    fn all(&self) -> MutexGuard<'_, Open> {
        // Every change of it is whole, whatever happens to the thread.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Following {
    /// How many there are, this one included.
    pub(crate) fn among(&self) -> usize {
        self.streams.all().count
    }

    /// Comes to its end once a newer stream has this one's place. Not to be awaited again after that.
    pub(crate) async fn replaced(&mut self) {
        // Nothing is ever sent: the sender is dropped.
        let _ = (&mut self.replaced).await;
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let mut open = self.streams.all();
        open.count -= 1;
        let Entry::Occupied(mut of_user) = open.of.entry(self.user) else { return };
        of_user.get_mut().retain(|(number, _)| *number != self.number);
        if of_user.get().is_empty() {
            of_user.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn user(n: u128) -> UserId {
        UserId::from_uuid(uuid::Uuid::from_u128(n))
    }

    #[test]
    fn a_newer_stream_takes_the_place_of_its_users_oldest() {
        let streams = Streams::default();
        let mut kim: Vec<_> = (0..PER_USER_MAX).map(|_| streams.open(user(1))).collect();
        let mut lee = streams.open(user(2));
        assert!(kim.iter_mut().all(|stream| stream.replaced().now_or_never().is_none()));
        let newest = streams.open(user(1));
        assert!(kim[0].replaced().now_or_never().is_some());
        kim.remove(0);
        for stream in kim.iter_mut().chain([&mut lee]) {
            assert!(stream.replaced().now_or_never().is_none());
        }
        assert_eq!(newest.among(), PER_USER_MAX + 1);
        drop((kim, lee, newest));
        let left = streams.all();
        assert_eq!((left.of.len(), left.count), (0, 0));
    }

    #[test]
    fn a_stream_that_has_ended_makes_room() {
        let streams = Streams::default();
        let mut first = streams.open(user(1));
        for _ in 0..10 * PER_USER_MAX {
            drop(streams.open(user(1)));
        }
        assert!(first.replaced().now_or_never().is_none());
    }
}
