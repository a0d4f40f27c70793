//! What lies where: every key of the ledger begins with `{prefix}`, so that a cluster keeps it on one node.
//!
//! - `{prefix}` and a key: what lies under it.
//! - `{prefix}=` and a shelf: a sorted set whose members, all with the score 0, are the rest of the keys on it, in
//!   order. On a shelf of pointers what they point to stands behind each, with its length as the last byte.
//! - `{prefix}+` and a shelf of a few pointers: the same, one behind the other, each followed by its length.
//! - `{prefix}#` and a numbered shelf: a list.
//! - `{prefix}:meta`, `:tags`, `:names`, `:turns`, `:line`, `:wants`: of the ledger itself.

/// Builds keys without a new buffer for each.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    prefix: Vec<u8>,
    meta: Vec<u8>,
    buffer: Vec<u8>,
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        let prefix = format!("{{{prefix}}}").into_bytes();
        let meta = [&prefix[..], b":meta"].concat();
        Self { prefix, meta, buffer: Vec::new() }
    }

    pub(super) fn meta(&self) -> &[u8] {
        &self.meta
    }

    /// Where `key` lies.
    pub(super) fn key(&mut self, key: &[u8]) -> &[u8] {
        self.with(b"", key)
    }

    /// Where the keys of `shelf` are in order.
    pub(super) fn shelf(&mut self, shelf: &[u8]) -> &[u8] {
        self.with(b"=", shelf)
    }

    /// Where a few pointers of `shelf` are.
    pub(super) fn few(&mut self, shelf: &[u8]) -> &[u8] {
        self.with(b"+", shelf)
    }

    /// Where what is numbered on `shelf` is.
    pub(super) fn list(&mut self, shelf: &[u8]) -> &[u8] {
        self.with(b"#", shelf)
    }

    fn with(&mut self, mark: &[u8], rest: &[u8]) -> &[u8] {
        self.buffer.clear();
        self.buffer.extend_from_slice(&self.prefix);
        self.buffer.extend_from_slice(mark);
        self.buffer.extend_from_slice(rest);
        &self.buffer
    }
}

/// The member of a shelf of pointers for the key that goes on with `rest` and points to `target`.
pub(super) fn pointer(rest: &[u8], target: &[u8]) -> Option<Vec<u8>> {
    let length = u8::try_from(target.len()).ok()?;
    Some([rest, target, &[length]].concat())
}

/// The rest of its key, and what it points to.
pub(super) fn pointed(member: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, both) = member.split_last()?;
    both.split_at_checked(both.len().checked_sub(usize::from(*length))?)
}

/// The number that the rest of a key on a numbered shelf is the beginning of.
pub(super) fn number(rest: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    bytes.iter_mut().zip(rest).for_each(|(byte, given)| *byte = *given);
    u64::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_comes_apart_as_it_was_put_together() {
        let member = pointer(b"rest", b"target").unwrap();
        assert_eq!(pointed(&member), Some((&b"rest"[..], &b"target"[..])));
        assert_eq!(pointed(&[]), None);
        assert_eq!(pointed(&[9]), None);
        assert_eq!(pointer(b"rest", &[0; 256]), None);
    }

    #[test]
    fn a_bound_of_a_numbered_shelf_may_be_cut_short() {
        assert_eq!(number(&7_u64.to_be_bytes()), 7);
        assert_eq!(number(&[0, 0, 0, 0, 0, 0, 1]), 256);
        assert_eq!(number(&[]), 0);
    }
}
