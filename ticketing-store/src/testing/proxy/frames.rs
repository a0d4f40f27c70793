//! Where the messages of a Postgres client end.

/// `SSLRequest` and `GSSENCRequest`, after whose answer the client starts anew.
const ENCRYPTION_REQUESTS: [[u8; 4]; 2] = [80_877_103_u32.to_be_bytes(), 80_877_104_u32.to_be_bytes()];

/// A query as the store ends its transactions.
const COMMIT: &[u8] = b"COMMIT\0";

/// Follows what one client sends, however it is cut into pieces. Of an encrypted connection it understands
/// nothing.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// Whether the startup message, which has no tag, is over.
    started: bool,
    /// Of the message under way: tag and length, as far as they are here.
    head: Vec<u8>,
    /// Of its body: the first bytes, as many as tell what it is.
    body: Vec<u8>,
    /// Of its body: how much is yet to come.
    left: usize,
}

impl Frames {
    /// Takes `bytes` up to the end of the first query `COMMIT` in them, and says where that is; without
    /// one, takes all of them.
    pub(super) fn commit_end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < bytes.len() {
            if self.head.len() < self.head_length() {
                self.head.push(bytes[at]);
                at += 1;
                if self.head.len() == self.head_length() {
                    self.left = self.body_length();
                }
            } else {
                let taken = &bytes[at..bytes.len().min(at.saturating_add(self.left))];
                self.body.extend(taken.iter().take(COMMIT.len() + 1 - self.body.len()));
                self.left -= taken.len();
                at += taken.len();
            }
            if self.head.len() == self.head_length() && self.left == 0 && self.message_is_commit() {
                return Some(at);
            }
        }
        None
    }

    /// Ends the message under way.
    fn message_is_commit(&mut self) -> bool {
        let commit = self.started && self.head[0] == b'Q' && self.body == COMMIT;
        self.started |= !ENCRYPTION_REQUESTS.iter().any(|code| self.body.starts_with(code));
        self.head.clear();
        self.body.clear();
        commit
    }

    fn head_length(&self) -> usize {
        if self.started { 5 } else { 4 }
    }

    fn body_length(&self) -> usize {
        let length = self.head.last_chunk().map_or(0, |length| u32::from_be_bytes(*length));
        // The length counts itself.
        usize::try_from(length).unwrap_or(usize::MAX).saturating_sub(4)
    }
}

#[cfg(test)]
mod tests {
    use super::Frames;

    fn untagged(body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).expect("a short message").to_be_bytes();
        [&length, body].concat()
    }

    fn tagged(tag: u8, body: &[u8]) -> Vec<u8> {
        [&[tag], untagged(body).as_slice()].concat()
    }

    fn startup() -> Vec<u8> {
        untagged(b"\0\x03\0\0user\0postgres\0\0")
    }

    /// Where the commits in `messages` end, when they come in pieces of `size` bytes.
    fn commits(messages: &[Vec<u8>], size: usize) -> Vec<usize> {
        let (mut frames, mut found, mut before) = (Frames::default(), Vec::new(), 0);
        for piece in messages.concat().chunks(size) {
            let mut from = 0;
            while let Some(end) = frames.commit_end(&piece[from..]) {
                from += end;
                found.push(before + from);
            }
            before += piece.len();
        }
        found
    }

    #[track_caller]
    fn check(messages: &[Vec<u8>], commits_end_after: &[usize]) {
        let ends: Vec<_> = commits_end_after.iter().map(|count| messages[..*count].concat().len()).collect();
        for size in 1..=messages.concat().len() {
            assert_eq!(commits(messages, size), ends, "in pieces of {size} bytes");
        }
    }

    #[test]
    fn a_commit_is_found_however_the_bytes_are_cut() {
        let commit = tagged(b'Q', b"COMMIT\0");
        check(&[startup(), commit.clone()], &[2]);
        check(&[startup(), tagged(b'Q', b"BEGIN\0"), commit.clone(), tagged(b'S', b""), commit.clone()], &[3, 5]);
        check(&[startup(), commit.clone(), commit, tagged(b'X', b"")], &[2, 3]);
    }

    #[test]
    fn a_connection_that_asks_for_encryption_first_starts_after_that() {
        let asked = untagged(&80_877_103_u32.to_be_bytes());
        check(&[asked, startup(), tagged(b'Q', b"COMMIT\0")], &[3]);
    }

    #[test]
    fn what_only_looks_like_a_commit_is_none() {
        let within_a_query = tagged(b'Q', &[b"SELECT '".as_slice(), &tagged(b'Q', b"COMMIT\0"), b"'\0"].concat());
        let longer = tagged(b'Q', b"COMMIT PREPARED 'x'\0");
        let parsed = tagged(b'P', b"COMMIT\0");
        check(&[startup(), within_a_query, longer, parsed], &[]);
        check(&[untagged(b"COMMIT\0"), startup()], &[]);
    }
}
