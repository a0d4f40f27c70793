//! One reading of a session's seats, as it is sent.

use std::{
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    io::Write,
    mem::size_of,
    sync::Arc,
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use ticketing_core::{clock::Timestamp, seat::Seat, session::Session};
use tokio::{sync::OnceCell, task::spawn_blocking};

use crate::{dto::catalogue::SeatsBody, error::ApiError};

/// Up to so many changed seats are told alone. Where they also are more than a quarter of the list, the whole
/// list is told, which is rendered once for all.
const CHANGED_ALONE_MAX: usize = 1_000;
/// What a seat takes as JSON, compressed and not, but for its texts.
const RENDERED_BYTES: usize = 160;
/// What a list takes beside its seats.
const LIST_BYTES: usize = 1_024;

/// All seats of a session at one version.
pub(crate) struct SeatList {
    session: Session,
    /// By label; each shared with the readings before it.
    seats: Arc<Vec<Arc<Seat>>>,
    /// The version with which each of them last changed: what is looked through for every poll.
    versions: Arc<Vec<u64>>,
    /// Seats that look changed and have no version to tell it: their holds are overdue.
    unversioned: Vec<usize>,
    /// From this version on, versions tell every change. Before it, something changed for all seats at
    /// once, such as the session's price, or nobody looked.
    told_since: u64,
    read_at: Timestamp,
    rendered: Arc<Rendered>,
}

/// The list as it is sent, shared by readings that found nothing changed.
#[derive(Default)]
struct Rendered {
    plain: OnceCell<Whole>,
    gzip: OnceCell<Bytes>,
}

/// The whole list as JSON.
#[derive(Debug, Clone)]
pub(crate) struct Whole {
    /// The text.
    pub(crate) json: Bytes,
    /// Names the content, packed or not: a weak tag, as the bytes differ.
    pub(crate) etag: String,
}

impl fmt::Debug for SeatList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SeatList(version {}, {} seats)", self.version(), self.seats.len())
    }
}

impl SeatList {
    /// Everything, read at `read_at`; not to be shown before [`SeatList::then`] has told which of it is
    /// overdue.
    pub(super) fn whole_of(session: Session, seats: Vec<Seat>, read_at: Timestamp) -> Self {
        Self {
            versions: Arc::new(seats.iter().map(|seat| seat.version).collect()),
            unversioned: Vec::new(),
            told_since: session.version,
            session,
            seats: Arc::new(seats.into_iter().map(Arc::new).collect()),
            read_at,
            rendered: Arc::default(),
        }
    }

    /// This list with what the store says has changed since.
    pub(super) fn then(&self, session: Session, changed: Vec<Seat>, read_at: Timestamp) -> Self {
        let reaches_all = session.price != self.session.price;
        let told_since = if reaches_all { session.version } else { self.told_since };
        let unversioned: Vec<_> = changed.iter().filter(|seat| seat.version <= self.session.version).collect();
        let unversioned: Vec<_> = unversioned.into_iter().map(|seat| seat.id.clone()).collect();
        let seats = self.with(changed);
        let place = |id| seats.binary_search_by(|seat| seat.id.cmp(id)).ok();
        let unversioned = unversioned.iter().filter_map(place).collect();
        let same = session.version == self.session.version && Arc::ptr_eq(&seats, &self.seats);
        let rendered = if same { Arc::clone(&self.rendered) } else { Arc::default() };
        let versions = if Arc::ptr_eq(&seats, &self.seats) {
            Arc::clone(&self.versions)
        } else {
            Arc::new(seats.iter().map(|seat| seat.version).collect())
        };
        Self { session, seats, versions, unversioned, told_since, read_at, rendered }
    }

    /// Its seats, with those that have changed in their places; the very same if none has.
    fn with(&self, changed: Vec<Seat>) -> Arc<Vec<Arc<Seat>>> {
        let place = |seat: &Seat| self.seats.binary_search_by(|known| known.id.cmp(&seat.id));
        let is_news = |seat: &Seat| place(seat).map_or(true, |at| *self.seats[at] != *seat);
        let changed: Vec<_> = changed.into_iter().filter(is_news).collect();
        if changed.is_empty() {
            return Arc::clone(&self.seats);
        }
        let mut seats = self.seats.to_vec();
        let mut new = Vec::new();
        for seat in changed {
            match place(&seat) {
                Ok(at) => seats[at] = Arc::new(seat),
                Err(_) => new.push(Arc::new(seat)),
            }
        }
        if !new.is_empty() {
            seats.append(&mut new);
            seats.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        }
        Arc::new(seats)
    }

    /// The session's version.
    pub(crate) fn version(&self) -> u64 {
        self.session.version
    }

    /// When it was read.
    pub(super) fn read_at(&self) -> Timestamp {
        self.read_at
    }

    /// What it takes in memory, rendered, in bytes: about.
    pub(super) fn bytes(&self) -> usize {
        let texts = |seat: &Seat| seat.id.as_str().len() + seat.section.len() + seat.row.len();
        // Each text stands in the record and in what is rendered.
        let each = |seat: &Arc<Seat>| size_of::<Seat>() + RENDERED_BYTES + 2 * texts(seat);
        LIST_BYTES + self.seats.iter().map(each).sum::<usize>()
    }

    /// Those that have changed behind version `since`; `None`: that cannot be told, or is most of it, and
    /// the whole list is the answer.
    pub(crate) fn since(&self, since: u64) -> Option<SeatsBody<'_>> {
        if since < self.told_since || since > self.version() {
            return None;
        }
        let newer = self.versions.iter().enumerate().filter(|(_, version)| **version > since).map(|(at, _)| at);
        let unversioned = self.unversioned.iter().copied().filter(|at| self.versions[*at] <= since);
        let mut changed: Vec<_> = newer.chain(unversioned).collect();
        if changed.len() > CHANGED_ALONE_MAX.max(self.seats.len() / 4) {
            return None;
        }
        changed.sort_unstable();
        Some(SeatsBody::new(&self.session, changed.into_iter().map(|at| &*self.seats[at])))
    }

    /// The list as JSON: once for all who want it whole.
    ///
    /// # Errors
    /// [`ApiError`] when it could not be rendered, which is a defect.
    pub(crate) async fn whole(&self) -> Result<&Whole, ApiError> {
        let render = || async {
            let (session, seats) = (self.session.clone(), Arc::clone(&self.seats));
            let rendered = spawn_blocking(move || {
                let body = SeatsBody::new(&session, seats.iter().map(|seat| &**seat));
                let json = Bytes::from(serde_json::to_vec(&body)?);
                let mut hasher = DefaultHasher::new();
                json.hash(&mut hasher);
                Ok(Whole { json, etag: format!("W/\"{:x}-{:016x}\"", session.version, hasher.finish()) })
            });
            rendered.await.map_err(ApiError::internal)?.map_err(|error: serde_json::Error| ApiError::internal(error))
        };
        self.rendered.plain.get_or_try_init(render).await
    }

    /// The list as JSON, compressed: once for all who want it so.
    ///
    /// # Errors
    /// [`ApiError`] when it could not be, which is a defect.
    pub(crate) async fn gzip(&self) -> Result<Bytes, ApiError> {
        let json = self.whole().await?.json.clone();
        let compress = || async {
            let compressed = spawn_blocking(move || {
                let mut encoder = GzEncoder::new(Vec::with_capacity(json.len() / 8), Compression::fast());
                encoder.write_all(&json).and_then(|()| encoder.finish())
            });
            compressed.await.map_err(ApiError::internal)?.map(Bytes::from).map_err(ApiError::internal)
        };
        self.rendered.gzip.get_or_try_init(compress).await.cloned()
    }
}
