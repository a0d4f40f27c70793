//! Every key there is.

/// What a key's value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Number,
    /// `true` or `false`.
    Switch,
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
    ("auth.refresh_ttl_seconds", Kind::Number),
    ("auth.password_min_chars", Kind::Number),
    ("auth.password_max_chars", Kind::Number),
    ("auth.password_require_upper", Kind::Switch),
    ("auth.password_require_lower", Kind::Switch),
    ("auth.password_require_digit", Kind::Switch),
    ("secrets.file", Kind::Text),
    ("payments.sandbox.journal", Kind::Text),
    ("payments.reconcile_every_seconds", Kind::Number),
    ("payments.sandbox.play.callback_delay_ms", Kind::Number),
    ("payments.sandbox.play.callback_copies", Kind::Number),
    ("payments.sandbox.play.decline_percent", Kind::Number),
    ("payments.sandbox.play.reorder_percent", Kind::Number),
    ("payments.sandbox.play.silent_percent", Kind::Number),
    ("payments.sandbox.play.open_lost_percent", Kind::Number),
    ("payments.sandbox.play.refund_lost_percent", Kind::Number),
    ("payments.sandbox.play.refund_away_percent", Kind::Number),
    ("payments.sandbox.play.seed", Kind::Number),
    ("payments.http.url", Kind::Text),
    ("payments.http.token", Kind::Secret),
    ("payments.http.webhook_secret", Kind::Secret),
    ("payments.http.webhook_secret_previous", Kind::Secret),
    ("payments.sandbox.webhook_secret", Kind::Secret),
    ("payments.sandbox.webhook_secret_previous", Kind::Secret),
    ("bootstrap.admin_email", Kind::Text),
    ("bootstrap.admin_password", Kind::Secret),
    ("limits.login_per_account_per_minute", Kind::Number),
    ("limits.login_per_address_per_minute", Kind::Number),
    ("limits.refresh_per_address_per_minute", Kind::Number),
    ("limits.signup_per_account_per_minute", Kind::Number),
    ("limits.signup_per_address_per_minute", Kind::Number),
    ("limits.requests_per_user_per_second", Kind::Number),
    ("limits.requests_per_address_per_second", Kind::Number),
    ("limits.queue_per_user_per_second", Kind::Number),
    ("limits.queue_per_address_per_second", Kind::Number),
    ("limits.hold_per_user_per_second", Kind::Number),
    ("limits.hold_per_address_per_second", Kind::Number),
    ("limits.checkout_per_user_per_second", Kind::Number),
    ("limits.checkout_per_address_per_second", Kind::Number),
    ("limits.callback_per_address_per_second", Kind::Number),
    ("limits.hold_churn_max", Kind::Number),
    ("limits.hold_churn_window_seconds", Kind::Number),
    ("concurrency.callback_max", Kind::Number),
    ("concurrency.read_max", Kind::Number),
    ("concurrency.checkout_max", Kind::Number),
    ("concurrency.hold_max", Kind::Number),
    ("concurrency.queue_max", Kind::Number),
    ("concurrency.probe_max", Kind::Number),
    ("concurrency.metrics_max", Kind::Number),
    ("concurrency.stream_max", Kind::Number),
    ("concurrency.other_max", Kind::Number),
    ("concurrency.refusals_per_second", Kind::Number),
    ("audit.key", Kind::Secret),
    ("tickets.signing_seed", Kind::Secret),
    ("tickets.signing_seed_previous", Kind::Secret),
    ("tracing.otlp_endpoint", Kind::Text),
    ("tracing.sample_percent", Kind::Number),
    ("tracing.service_name", Kind::Text),
    ("log.format", Kind::Text),
    ("log.level", Kind::Text),
];

/// Whether `name` is a key, and of which kind; a secret's file counts as its secret.
pub(super) fn find(name: &str) -> Option<(&'static str, Kind, By)> {
    let exact = KEYS.iter().find(|(key, _)| *key == name).map(|(key, kind)| (*key, *kind, By::Itself));
    exact.or_else(|| {
        let secret = name.strip_suffix(FILE_SUFFIX)?;
        let found = KEYS.iter().find(|(key, kind)| *key == secret && *kind == Kind::Secret);
        found.map(|(key, kind)| (*key, *kind, By::File))
    })
}

/// How a value is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Itself,
    File,
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
