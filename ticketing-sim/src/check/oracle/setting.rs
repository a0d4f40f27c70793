//! A number that the organiser changes, and what it may have been at an instant.

use super::{
    super::history::{Ask, Op, State},
    At,
};

/// A setting of a sale over time.
#[derive(Debug)]
pub struct Setting<'a> {
    initial: i64,
    changes: Vec<(&'a Op, i64)>,
}

impl<'a> Setting<'a> {
    /// The setting of sale `sale` that `of` finds in questions.
    pub fn of(ops: &'a [Op], sale: usize, initial: i64, of: impl Fn(&Ask) -> Option<i64>) -> Self {
        let of_sale = ops.iter().filter(|op| op.sale == sale && op.may_have_happened());
        Self { initial, changes: of_sale.filter_map(|op| Some((op, of(&op.ask)?))).collect() }
    }

    /// Every value that it may have had at some instant from `from` through `to`.
    pub fn possible(&self, from: At, to: At) -> impl Iterator<Item = i64> {
        let replaced = move |made: At| {
            self.changes.iter().any(|(op, _)| op.asked > made && op.acked_at().is_some_and(|acked| acked <= from))
        };
        let initial = Some(self.initial).filter(|_| !replaced(At::MIN));
        let later = self.changes.iter().filter(move |(op, _)| {
            let made = op.answered.filter(|_| op.state() == State::Acked);
            op.asked <= to && !made.is_some_and(replaced)
        });
        initial.into_iter().chain(later.map(|(_, value)| *value))
    }

    /// The largest of them.
    pub fn most(&self, from: At, to: At) -> i64 {
        self.possible(from, to).max().unwrap_or(self.initial)
    }

    /// The smallest of them.
    pub fn least(&self, from: At, to: At) -> i64 {
        self.possible(from, to).min().unwrap_or(self.initial)
    }
}
