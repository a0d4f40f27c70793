//! Counting marks in a range of a growing sequence, in the logarithm of its length.

/// A sequence of bits that grows at its end, with a Fenwick tree over its words.
#[derive(Debug, Default, Clone)]
pub(super) struct Tally {
    words: Vec<u64>,
    /// `tree[i]` counts the words from `i - lowest_bit(i)` to `i`, as numbered from 1.
    tree: Vec<u32>,
    len: u64,
}

const BITS: u64 = u64::BITS as u64;

impl Tally {
    /// Appends a bit that is set.
    pub(super) fn push(&mut self) {
        if self.len.is_multiple_of(BITS) {
            self.words.push(0);
            let (index, mut sum) = (self.words.len(), 0);
            // The new node covers the words behind its parent: all of those are there already.
            let (mut child, from) = (index - 1, index - lowest_bit(index));
            while child > from {
                sum += self.tree[child - 1];
                child -= lowest_bit(child);
            }
            self.tree.push(sum);
        }
        self.len += 1;
        self.put(self.len - 1, true);
    }

    /// Clears the bit at `index`; tells whether it was set.
    pub(super) fn clear(&mut self, index: u64) -> bool {
        index < self.len && self.put(index, false)
    }

    /// How many bits are set ahead of `index`.
    pub(super) fn ahead_of(&self, index: u64) -> u64 {
        let index = index.min(self.len);
        let (mut node, mut sum) = ((index / BITS) as usize, 0);
        if !index.is_multiple_of(BITS) {
            let below = (1 << (index % BITS)) - 1;
            sum += u64::from((self.words[node] & below).count_ones());
        }
        while node > 0 {
            sum += u64::from(self.tree[node - 1]);
            node -= lowest_bit(node);
        }
        sum
    }

    /// The bits that are set from `index` on, in order.
    pub(super) fn from(&self, index: u64) -> impl Iterator<Item = u64> + '_ {
        let first = (index / BITS) as usize;
        let words = (first..).zip(self.words.get(first..).unwrap_or_default());
        words.flat_map(move |(at, word)| {
            let start = at as u64 * BITS;
            let mut left = if start < index { word & (u64::MAX << (index - start)) } else { *word };
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| u64::from(left.trailing_zeros()))?;
                left &= left - 1;
                Some(start + bit)
            })
        })
    }

    /// Sets or clears a bit; tells whether it changed.
    fn put(&mut self, index: u64, set: bool) -> bool {
        let (word, bit) = ((index / BITS) as usize, 1 << (index % BITS));
        let before = self.words[word];
        self.words[word] = if set { before | bit } else { before & !bit };
        if self.words[word] == before {
            return false;
        }
        let mut node = word + 1;
        while node <= self.tree.len() {
            let count = &mut self.tree[node - 1];
            *count = if set { *count + 1 } else { *count - 1 };
            node += lowest_bit(node);
        }
        true
    }
}

fn lowest_bit(number: usize) -> usize {
    number & number.wrapping_neg()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Beside a plain list of flags.
        #[test]
        fn it_counts_as_a_list_does(steps in prop::collection::vec((any::<bool>(), 0_u64..700), 1..900)) {
            let (mut tally, mut list) = (Tally::default(), Vec::new());
            for (grows, index) in steps {
                if grows {
                    tally.push();
                    list.push(true);
                } else {
                    let was = list.get(index as usize).copied().unwrap_or(false);
                    prop_assert_eq!(tally.clear(index), was);
                    if let Some(bit) = list.get_mut(index as usize) {
                        *bit = false;
                    }
                }
                let ahead = list.iter().take(index as usize).filter(|set| **set).count();
                prop_assert_eq!(tally.ahead_of(index), ahead as u64);
            }
            let set: Vec<u64> = (0..).zip(&list).filter(|(_, set)| **set).map(|(index, _)| index).collect();
            prop_assert_eq!(tally.from(0).collect::<Vec<_>>(), set.clone());
            prop_assert_eq!(tally.from(70).collect::<Vec<_>>(), set.into_iter().filter(|i| *i >= 70).collect::<Vec<_>>());
        }
    }
}
