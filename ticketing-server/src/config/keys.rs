//! Every key there is.

/// What a key's value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Number,
    /// Texts; separated by commas in the environment.
    List,
    /// A text that also may stand in a file of its own, named by the key with `_file` behind it.
    Secret,
}

/// Behind a secret's key: the file it stands in.
pub(super) const FILE_SUFFIX: &str = "_file";

pub(super) const KEYS: &[(&str, Kind)] = &[
    ("profile", Kind::Text),
    ("server.listen", Kind::Text),
    ("server.public_url", Kind::Text),
    ("server.cors_origins", Kind::List),
    ("server.trusted_proxies", Kind::List),
    ("server.connections_max", Kind::Number),
    ("store.url", Kind::Text),
    ("queue.url", Kind::Text),
    ("queue.token_secret", Kind::Secret),
    ("auth.jwt_secret", Kind::Secret),
    ("auth.access_ttl_seconds", Kind::Number),
    ("secrets.file", Kind::Text),
    ("payments.sandbox.journal", Kind::Text),
    ("payments.sandbox.webhook_secret", Kind::Secret),
    ("payments.sandbox.webhook_secret_previous", Kind::Secret),
    ("bootstrap.admin_email", Kind::Text),
    ("bootstrap.admin_password", Kind::Secret),
    ("limits.login_per_account_per_minute", Kind::Number),
    ("limits.login_per_address_per_minute", Kind::Number),
    ("limits.signup_per_address_per_minute", Kind::Number),
    ("limits.requests_per_user_per_second", Kind::Number),
    ("limits.requests_per_address_per_second", Kind::Number),
    ("audit.key", Kind::Secret),
    ("tickets.signing_seed", Kind::Secret),
    ("log.format", Kind::Text),
    ("log.level", Kind::Text),
];

/// Whether `name` is a key, and of which kind; a secret's file counts as its secret.
pub(super) fn find(name: &str) -> Option<(&'static str, Kind, Given)> {
    let exact = KEYS.iter().find(|(key, _)| *key == name).map(|(key, kind)| (*key, *kind, Given::Itself));
    exact.or_else(|| {
        let secret = name.strip_suffix(FILE_SUFFIX)?;
        let found = KEYS.iter().find(|(key, kind)| *key == secret && *kind == Kind::Secret);
        found.map(|(key, kind)| (*key, *kind, Given::InFile))
    })
}

/// How a value is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Given {
    Itself,
    InFile,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_explained_in_the_documentation() {
        let text = include_str!("../../../docs/configuration.md");
        for (key, _) in KEYS {
            let variable = key.to_uppercase().replace('.', "__");
            assert!(text.contains(&format!("| `{key}` | `{variable}` |")), "{key} is missing");
        }
    }
}
