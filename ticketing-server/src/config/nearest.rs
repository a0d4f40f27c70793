//! The known word that somebody who wrote an unknown one most likely meant.

/// The one of `known` that takes the fewest edits to become `word`.
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known.min_by_key(|candidate| distance(word.as_bytes(), candidate.as_bytes()))
}

/// Edits (insert, delete, replace) between two words.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_word_finds_the_one_that_was_meant() {
        let known = ["server.listen", "store.url", "auth.jwt_secret"];
        let find = |word| nearest(word, known.into_iter());
        assert_eq!(find("server.lissten"), Some("server.listen"));
        assert_eq!(find("auth.jwtsecret"), Some("auth.jwt_secret"));
        assert_eq!(find("store.uri"), Some("store.url"));
        assert_eq!(distance(b"kitten", b"sitting"), 3);
    }
}
