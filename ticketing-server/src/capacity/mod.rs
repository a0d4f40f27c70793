//! How many requests are worked on at once: room of its own for each class, so that a rush of one
//! leaves the others theirs.
//!
//! A request whose handler takes no body takes its place at once; one with a body, when the body is there:
//! whoever sends it slowly takes nobody's place meanwhile, but for what is looked up before it is read. Where
//! there is no place, the request is refused at once, and before anything is found out about it.

mod class;
mod pace;
mod streams;

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::StatusCode;
use metrics::{Counter, Gauge};

pub(crate) use self::class::{Class, NO_ROUTE, waits_for_body};
use self::pace::Pace;
pub(crate) use self::streams::{Following, Streams};
use crate::{config::ConcurrencyConfig, error::ApiError};

/// The room of one server.
#[derive(Debug)]
pub struct Capacity {
    rooms: [Arc<Room>; Class::COUNT],
    pace: Pace,
}

/// The room of one class.
#[derive(Debug)]
struct Room {
    name: &'static str,
    max: usize,
    taken: AtomicUsize,
    shed: Counter,
    in_flight: Gauge,
    /// Refused since somebody looked.
    shed_lately: AtomicU64,
}

/// A place in a room, free again when it is dropped.
#[derive(Debug)]
struct Place(Arc<Room>);

/// A short stay in a room.
#[derive(Debug)]
pub(crate) struct Visit(#[expect(dead_code, reason = "it is held, and let go")] Option<Place>);

/// One request's way into its room. Clones are of the same request; it leaves with the last.
#[derive(Debug, Clone)]
pub(crate) struct Admission(Arc<Pending>);

#[derive(Debug)]
struct Pending {
    room: Arc<Room>,
    place: OnceLock<Place>,
}

impl Capacity {
    /// Room as configured.
    pub fn new(config: &ConcurrencyConfig) -> Self {
        let classes = [
            (Class::Callback, "callback", config.callback_max),
            (Class::Read, "read", config.read_max),
            (Class::Checkout, "checkout", config.checkout_max),
            (Class::Hold, "hold", config.hold_max),
            (Class::Queue, "queue", config.queue_max),
            (Class::Probe, "probe", config.probe_max),
            (Class::Metrics, "metrics", config.metrics_max),
            (Class::Stream, "stream", config.stream_max),
            (Class::Other, "other", config.other_max),
        ];
        debug_assert!(classes.iter().enumerate().all(|(place, (class, ..))| *class as usize == place));
        let rooms = classes.map(|(_, name, max)| Arc::new(Room::new(name, max)));
        Self { rooms, pace: Pace::new(config.refusals_per_second) }
    }

    /// The way into the room of `class`, if there seems to be a place.
    ///
    /// # Errors
    /// 503 `overloaded`.
    pub(crate) fn admit(&self, class: Class) -> Result<Admission, ApiError> {
        let room = &self.rooms[class as usize];
        if room.taken.load(Ordering::Relaxed) >= room.max {
            return Err(room.refuse());
        }
        Ok(Admission(Arc::new(Pending { room: Arc::clone(room), place: OnceLock::new() })))
    }

    /// Waits until it is time to answer a request of `class` that there was no room for.
    pub(crate) async fn refused(&self, class: Class) {
        let hurries = matches!(class, Class::Callback | Class::Probe | Class::Metrics);
        let wait = if hurries { Duration::ZERO } else { self.pace.wait() };
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    /// Brings the gauges up to date, and tells the log who was refused since the last time.
    pub(crate) fn tell(&self) {
        for room in &self.rooms {
            room.in_flight.set(room.taken.load(Ordering::Relaxed) as f64);
            let refused = room.shed_lately.swap(0, Ordering::Relaxed);
            if refused > 0 {
                tracing::warn!(class = room.name, refused, max = room.max, "too many requests at once");
            }
        }
    }
}

impl Admission {
    /// A place for something that is looked up before the request takes its own, which it may have already.
    ///
    /// # Errors
    /// 503 `overloaded`.
    pub(crate) fn visit(&self) -> Result<Visit, ApiError> {
        if self.0.place.get().is_some() {
            return Ok(Visit(None));
        }
        let place = Place::take(&self.0.room).ok_or_else(|| self.0.room.refuse())?;
        Ok(Visit(Some(place)))
    }

    /// Takes the request's place. Again: nothing.
    ///
    /// # Errors
    /// 503 `overloaded`.
    pub(crate) fn enter(&self) -> Result<(), ApiError> {
        if self.0.place.get().is_some() {
            return Ok(());
        }
        let place = Place::take(&self.0.room).ok_or_else(|| self.0.room.refuse())?;
        // Whoever was faster has taken one for the same request: this one is given back.
        let _ = self.0.place.set(place);
        Ok(())
    }
}

impl Room {
    fn new(name: &'static str, max: usize) -> Self {
        Self {
            name,
            max,
            taken: AtomicUsize::new(0),
            shed: metrics::counter!("http_requests_shed_total", "class" => name),
            in_flight: metrics::gauge!("http_requests_in_flight", "class" => name),
            shed_lately: AtomicU64::new(0),
        }
    }

    fn refuse(&self) -> ApiError {
        self.shed.increment(1);
        self.shed_lately.fetch_add(1, Ordering::Relaxed);
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "too many requests at once; try again soon")
    }
}

impl Place {
    fn take(room: &Arc<Room>) -> Option<Self> {
        let more = |taken: usize| (taken < room.max).then_some(taken + 1);
        room.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Self(Arc::clone(room)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn narrow() -> Capacity {
        Capacity::new(&ConcurrencyConfig { hold_max: 1, ..ConcurrencyConfig::default() })
    }

    #[test]
    fn a_full_room_refuses_at_once_and_leaves_the_others_theirs() {
        let capacity = narrow();
        let inside = capacity.admit(Class::Hold).unwrap();
        inside.enter().unwrap();
        let refused = capacity.admit(Class::Hold).unwrap_err();
        assert_eq!((refused.status(), refused.reason()), (StatusCode::SERVICE_UNAVAILABLE, "overloaded"));
        for other in [Class::Callback, Class::Read, Class::Checkout, Class::Queue, Class::Probe, Class::Other] {
            capacity.admit(other).unwrap().enter().unwrap();
        }
        drop(inside);
        capacity.admit(Class::Hold).unwrap().enter().unwrap();
    }

    #[test]
    fn what_is_looked_up_before_a_body_is_read_takes_a_place_meanwhile() {
        let capacity = narrow();
        let (first, second) = (capacity.admit(Class::Hold).unwrap(), capacity.admit(Class::Hold).unwrap());
        let visit = first.visit().unwrap();
        assert!(second.visit().is_err());
        drop(visit);
        second.enter().unwrap();
        let _within = second.visit().unwrap();
        assert!(first.visit().is_err());
    }

    #[test]
    fn who_has_not_sent_everything_takes_nobodys_place() {
        let capacity = narrow();
        let slow = capacity.admit(Class::Hold).unwrap();
        let fast = capacity.admit(Class::Hold).unwrap();
        fast.enter().unwrap();
        assert!(slow.enter().is_err());
        drop(fast);
        slow.enter().unwrap();
        slow.clone().enter().unwrap();
        assert!(capacity.admit(Class::Hold).is_err());
        drop(slow);
        assert!(capacity.admit(Class::Hold).is_ok());
    }
}
