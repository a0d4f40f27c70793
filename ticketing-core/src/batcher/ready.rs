//! Which stream is taken next.

use std::collections::BTreeMap;

use crate::{audit::StreamId, command::Class};

/// Of so many leads one goes to the stream that has been ready for longest, whatever its class and
/// heat: so each is taken in the end, though better ones keep coming.
const OLDEST_EVERY: u64 = 8;

/// Streams by when they became ready, one list for each best waiting class.
type Lists = [BTreeMap<u64, StreamId>; Class::COUNT];

/// The streams that may be taken, each once.
#[derive(Default)]
pub(super) struct Ready {
    hot: Lists,
    cool: Lists,
    entered: u64,
    leads: u64,
    hot_led: bool,
}

/// Where a stream stands among the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    hot: bool,
    class: usize,
    since: u64,
}

/// The stream whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lead {
    pub(super) stream: StreamId,
    /// It is taken alone.
    pub(super) hot: bool,
    /// It leads for its age: better classes of other streams do not go before it.
    pub(super) oldest: bool,
}

impl Ready {
    /// Adds `stream`, behind those of its heat whose best waiting class is `class` too.
    pub(super) fn enter(&mut self, stream: StreamId, hot: bool, class: usize) -> Place {
        self.entered += 1;
        let place = Place { hot, class, since: self.entered };
        self.list(place).insert(place.since, stream);
        place
    }

    /// More waits for the stream that stands in `place`: it is `hot` by now or not, and some of it is
    /// of `class`. It keeps its age.
    pub(super) fn grow(&mut self, place: Place, hot: bool, class: usize) -> Place {
        let grown = Place { hot, class: class.min(place.class), since: place.since };
        if grown != place {
            let stream = self.leave(place);
            self.list(grown).insert(grown.since, stream);
        }
        grown
    }

    /// Removes the stream that stands in `place`.
    pub(super) fn leave(&mut self, place: Place) -> StreamId {
        self.list(place).remove(&place.since).expect("a stream stands in its place until it leaves")
    }

    /// Whether no stream may be taken.
    pub(super) fn is_empty(&self) -> bool {
        self.hot.iter().chain(&self.cool).all(BTreeMap::is_empty)
    }

    /// Whose turn it is: the best class first; within it hot and cool streams in turn, so that
    /// neither wait for a crowd of the others; and among those the one that was ready first.
    pub(super) fn lead(&mut self) -> Option<Lead> {
        self.leads += 1;
        if self.leads.is_multiple_of(OLDEST_EVERY) {
            return self.oldest();
        }
        let lead = match (first(&self.hot), first(&self.cool)) {
            (Some((hot_class, hot)), Some((cool_class, cool))) => {
                let hot_leads = hot_class < cool_class || (hot_class == cool_class && !self.hot_led);
                let stream = if hot_leads { hot } else { cool };
                Lead { stream, hot: hot_leads, oldest: false }
            }
            (Some((_, stream)), None) => Lead { stream, hot: true, oldest: false },
            (None, Some((_, stream))) => Lead { stream, hot: false, oldest: false },
            (None, None) => return None,
        };
        self.hot_led = lead.hot;
        Some(lead)
    }

    /// The cool streams, in the order in which they would lead.
    pub(super) fn cool(&self) -> impl Iterator<Item = StreamId> {
        self.cool.iter().flat_map(BTreeMap::values).copied()
    }

    fn oldest(&self) -> Option<Lead> {
        let hot = self.hot.iter().map(|list| (true, list));
        let cool = self.cool.iter().map(|list| (false, list));
        let heads = hot.chain(cool).filter_map(|(hot, list)| Some((hot, list.first_key_value()?)));
        let oldest = heads.min_by_key(|(_, (since, _))| **since);
        oldest.map(|(hot, (_, stream))| Lead { stream: *stream, hot, oldest: true })
    }

    fn list(&mut self, place: Place) -> &mut BTreeMap<u64, StreamId> {
        let lists = if place.hot { &mut self.hot } else { &mut self.cool };
        &mut lists[place.class]
    }
}

fn first(lists: &Lists) -> Option<(usize, StreamId)> {
    lists.iter().enumerate().find_map(|(class, list)| Some((class, *list.first_key_value()?.1)))
}
