//! Stretches of time, and how many tickets lie over an instant.

use super::At;

/// The end of time.
pub const NEVER: At = At::MAX;

/// `count` tickets from `from` until just before `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub from: At,
    pub to: At,
    pub count: i64,
}

impl Span {
    /// Whether it lies over any instant.
    pub fn is_some(&self) -> bool {
        self.from < self.to
    }

    /// Whether both lie over some instant together.
    pub fn meets(&self, other: &Self) -> bool {
        self.from.max(other.from) < self.to.min(other.to)
    }

    /// Whether it may lie over some instant from `from` through `to`.
    pub fn touches(&self, from: At, to: At) -> bool {
        self.from <= to && from <= self.to
    }
}

/// The instant at which the most tickets lie, and how many.
pub fn peak(spans: &[Span]) -> Option<(At, i64)> {
    let over = |instant: At| {
        let there = spans.iter().filter(|span| span.from <= instant && instant < span.to);
        there.map(|span| span.count).sum::<i64>()
    };
    let starts = spans.iter().filter(|span| span.is_some()).map(|span| span.from);
    starts.map(|instant| (instant, over(instant))).max_by_key(|(_, count)| *count)
}

/// Most tickets that may lie over one instant from `from` through `to`.
pub fn most_within(spans: &[Span], from: At, to: At) -> i64 {
    let over = |instant: At| spans.iter().filter(|span| span.touches(instant, instant)).map(|span| span.count).sum();
    let starts = spans.iter().map(|span| span.from).filter(|start| (from..=to).contains(start));
    starts.chain([from]).map(over).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(from: At, to: At, count: i64) -> Span {
        Span { from, to, count }
    }

    #[test]
    fn a_peak_counts_what_lies_over_one_instant() {
        assert_eq!(peak(&[span(0, 10, 2), span(10, 20, 3), span(15, 16, 1)]), Some((15, 4)));
        assert_eq!(peak(&[span(5, 5, 9)]), None, "what begins at its end lies over nothing");
    }

    #[test]
    fn the_most_within_a_call_counts_what_touches_it() {
        let spans = [span(0, 10, 2), span(10, 20, 3)];
        assert_eq!(most_within(&spans, 10, 10), 5, "who decided at that instant may have seen either");
        assert_eq!(most_within(&spans, 11, 30), 3);
        assert_eq!(most_within(&spans, 21, 30), 0);
    }
}
