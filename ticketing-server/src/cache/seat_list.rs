//! One reading of a session's seats, as it is sent.

use std::{
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    io::Write,
    sync::Arc,
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use ticketing_core::{clock::Timestamp, seat::Seat, session::Session};
use tokio::{sync::OnceCell, task::spawn_blocking};

use crate::{dto::catalogue::SeatsBody, error::ApiError};

/// All seats of a session at one version.
pub(crate) struct SeatList {
    session: Session,
    /// By label.
    seats: Arc<Vec<Seat>>,
    /// The version with which each of them last changed: what is looked through for every poll.
    versions: Vec<u64>,
    /// Seats that look changed and have no version to tell it: their holds are overdue.
    unversioned: Vec<usize>,
    /// From this version on, versions tell every change. Before it, something changed for all seats at
    /// once, such as the session's price, or nobody looked.
    told_since: u64,
    read_at: Timestamp,
    json: Bytes,
    etag: String,
    gzip: OnceCell<Bytes>,
}

impl fmt::Debug for SeatList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SeatList({}, {} seats)", self.etag, self.seats.len())
    }
}

impl SeatList {
    /// Everything, read at `read_at`; not to be shown before [`SeatList::then`] has told which of it is
    /// overdue.
    pub(super) fn whole(session: Session, seats: Vec<Seat>, read_at: Timestamp) -> Self {
        Self {
            versions: seats.iter().map(|seat| seat.version).collect(),
            unversioned: Vec::new(),
            told_since: session.version,
            session,
            seats: Arc::new(seats),
            read_at,
            json: Bytes::new(),
            etag: String::new(),
            gzip: OnceCell::new(),
        }
    }

    /// This list with what the store says has changed since.
    pub(super) fn then(&self, session: Session, changed: Vec<Seat>, read_at: Timestamp) -> Result<Self, ApiError> {
        let reaches_all = session.price != self.session.price;
        let told_since = if reaches_all { session.version } else { self.told_since };
        let unversioned: Vec<_> = changed.iter().filter(|seat| seat.version <= self.session.version).collect();
        let unversioned: Vec<_> = unversioned.into_iter().map(|seat| seat.id.clone()).collect();
        let seats = if changed.is_empty() { Arc::clone(&self.seats) } else { Arc::new(self.with(changed)) };
        let place = |id| seats.binary_search_by(|seat: &Seat| seat.id.cmp(id)).ok();
        let unversioned = unversioned.iter().filter_map(place).collect();
        let versions = seats.iter().map(|seat| seat.version).collect();
        let rest = Self { read_at, told_since, versions, unversioned, ..Self::whole(session, Vec::new(), read_at) };
        if rest.session.version == self.session.version && seats == self.seats && !self.json.is_empty() {
            let gzip = self.gzip.get().cloned();
            let gzip = OnceCell::new_with(gzip);
            return Ok(Self { seats, json: self.json.clone(), etag: self.etag.clone(), gzip, ..rest });
        }
        let json =
            Bytes::from(serde_json::to_vec(&SeatsBody::new(&rest.session, seats.iter())).map_err(ApiError::internal)?);
        let mut hasher = DefaultHasher::new();
        json.hash(&mut hasher);
        let etag = format!("\"{:x}-{:016x}\"", rest.session.version, hasher.finish());
        Ok(Self { seats, json, etag, ..rest })
    }

    /// Its seats, with those that have changed in their places.
    fn with(&self, changed: Vec<Seat>) -> Vec<Seat> {
        let mut seats = self.seats.to_vec();
        let mut new = Vec::new();
        for seat in changed {
            match seats.binary_search_by(|known| known.id.cmp(&seat.id)) {
                Ok(at) => seats[at] = seat,
                Err(_) => new.push(seat),
            }
        }
        if !new.is_empty() {
            seats.append(&mut new);
            seats.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        }
        seats
    }

    /// The session's version.
    pub(crate) fn version(&self) -> u64 {
        self.session.version
    }

    /// When it was read.
    pub(crate) fn read_at(&self) -> Timestamp {
        self.read_at
    }

    /// Names the content: two answers with one tag are the same.
    pub(crate) fn etag(&self) -> &str {
        &self.etag
    }

    /// The list as JSON.
    pub(crate) fn json(&self) -> Bytes {
        self.json.clone()
    }

    /// Those that have changed behind version `since`; `None`: that cannot be told, the whole list is
    /// the answer.
    pub(crate) fn since(&self, since: u64) -> Option<SeatsBody<'_>> {
        if since < self.told_since || since > self.version() {
            return None;
        }
        let newer = self.versions.iter().enumerate().filter(|(_, version)| **version > since).map(|(at, _)| at);
        let unversioned = self.unversioned.iter().copied().filter(|at| self.versions[*at] <= since);
        let mut changed: Vec<_> = newer.chain(unversioned).collect();
        changed.sort_unstable();
        Some(SeatsBody::new(&self.session, changed.into_iter().map(|at| &self.seats[at])))
    }

    /// The list as JSON, compressed: once for all who want it so.
    ///
    /// # Errors
    /// [`ApiError`] when it could not be, which is a defect.
    pub(crate) async fn gzip(&self) -> Result<Bytes, ApiError> {
        let compress = || async {
            let json = self.json.clone();
            let compressed = spawn_blocking(move || {
                let mut encoder = GzEncoder::new(Vec::with_capacity(json.len() / 8), Compression::fast());
                encoder.write_all(&json).and_then(|()| encoder.finish())
            });
            compressed.await.map_err(ApiError::internal)?.map(Bytes::from).map_err(ApiError::internal)
        };
        self.gzip.get_or_try_init(compress).await.cloned()
    }
}
