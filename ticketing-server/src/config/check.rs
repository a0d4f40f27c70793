//! What a configuration must not say.

use secrecy::ExposeSecret;
use ticketing_store::redis::RedisRooms;

use super::{AuthConfig, ConcurrencyConfig, Config, ConfigError, weak};
use crate::gateway::play::PlayConfig;

impl Config {
    /// All that is wrong with it, in order.
    pub(super) fn check(&self) -> Vec<ConfigError> {
        let mut wrong = Vec::new();
        self.check_server(&mut wrong);
        self.check_stores(&mut wrong);
        self.check_auth(&mut wrong);
        self.check_gateway(&mut wrong);
        self.check_limits(&mut wrong);
        self.check_sandbox(&mut wrong);
        self.check_tracing(&mut wrong);
        for (key, max) in self.concurrency.by_key() {
            if !(1..=ConcurrencyConfig::MAX).contains(&max) {
                wrong.push(ConfigError::invalid(key, &format!("1 to {}", ConcurrencyConfig::MAX)));
            }
        }
        if let Err(error) = crate::telemetry::logs::check_level(&self.log.level) {
            wrong.push(error);
        }
        weak::check(self, &mut wrong);
        wrong
    }

    fn check_server(&self, wrong: &mut Vec<ConfigError>) {
        let mut refuse = |key: &str, message: &str| wrong.push(ConfigError::invalid(key, message));
        let port = self.server.listen.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
        if !matches!(port, Some(Ok(_))) {
            let message = format!("cannot listen on {}: expected an address and a port", self.server.listen);
            refuse("server.listen", &message);
        }
        if self.server.connections_max == 0 {
            refuse("server.connections_max", "at least 1");
        }
        if self.server.public_url.as_ref().is_some_and(|url| host_of(url).is_none_or(str::is_empty)) {
            refuse("server.public_url", "must start with http:// or https://, and name a host");
        }
        let is_origin = |origin: &str| host_of(origin).is_some_and(|host| !host.is_empty() && !host.contains('/'));
        let origins = self.server.cors_origins.iter().flatten();
        for origin in origins.filter(|origin| *origin != "*" && !is_origin(origin.trim_end_matches('/'))) {
            refuse("server.cors_origins", &format!("`{origin}` is neither `*` nor like https://shop.example"));
        }
        wrong.extend(self.server.proxies().err());
    }

    fn check_stores(&self, wrong: &mut Vec<ConfigError>) {
        if let Err(error) = ticketing_store::check_url(&self.store.url) {
            wrong.push(ConfigError::invalid("store.url", &format!("(--store) {error}")));
        }
        if let Some(Err(error)) = self.waiting_room_url().map(RedisRooms::check_url) {
            let message = format!("(--queue) {error}; leave it out, or give the store's own URL");
            wrong.push(ConfigError::invalid("queue.url", &message));
        }
    }

    fn check_gateway(&self, wrong: &mut Vec<ConfigError>) {
        let http = &self.payments.http;
        let mut refuse = |key: &str, message: &str| wrong.push(ConfigError::invalid(key, message));
        let Some(url) = &http.url else { return };
        if host_of(url).is_none_or(str::is_empty) || url.contains(['?', '#']) {
            refuse("payments.http.url", "must start with https:// or http://, name a host, and have no parameters");
        }
        let needed = [("payments.http.token", &http.token), ("payments.http.webhook_secret", &http.webhook_secret)];
        for (key, _) in needed.iter().filter(|(_, secret)| secret.is_none()) {
            refuse(key, "a gateway behind payments.http.url needs it, and only you and the gateway can know it");
        }
    }

    fn check_sandbox(&self, wrong: &mut Vec<ConfigError>) {
        let play = &self.payments.sandbox.play;
        let mut refuse = |key: &str, message: &str| {
            wrong.push(ConfigError::invalid(&format!("payments.sandbox.play.{key}"), message));
        };
        for (key, percent) in play.percentages() {
            if percent > 100 {
                refuse(key, "0 to 100 percent");
            }
        }
        if play.callback_delay_ms > PlayConfig::DELAY_MS_MAX {
            refuse("callback_delay_ms", "0 to 3600000 milliseconds");
        }
        if !(1..=PlayConfig::COPIES_MAX).contains(&play.callback_copies) {
            refuse("callback_copies", "1 to 100");
        }
    }

    fn check_tracing(&self, wrong: &mut Vec<ConfigError>) {
        let tracing = &self.tracing;
        let mut refuse = |key: &str, message: &str| wrong.push(ConfigError::invalid(key, message));
        let host = tracing.otlp_endpoint.as_deref().map(host_of);
        if matches!(host, Some(None | Some(""))) {
            refuse("tracing.otlp_endpoint", "http:// or https:// and the collector's address");
        }
        if tracing.sample_percent > 100 {
            refuse("tracing.sample_percent", "0 to 100 percent");
        }
        if tracing.service_name.is_empty() {
            refuse("tracing.service_name", "a name");
        }
    }

    fn check_limits(&self, wrong: &mut Vec<ConfigError>) {
        if !(1..=86_400).contains(&self.limits.hold_churn_window_seconds) {
            wrong.push(ConfigError::invalid("limits.hold_churn_window_seconds", "1 to 86400 seconds"));
        }
    }

    fn check_auth(&self, wrong: &mut Vec<ConfigError>) {
        let mut refuse = |key: &str, message: &str| wrong.push(ConfigError::invalid(key, message));
        let auth = &self.auth;
        if !(1..=AuthConfig::ACCESS_TTL_SECONDS_MAX).contains(&auth.access_ttl_seconds) {
            refuse("auth.access_ttl_seconds", "1 to 900 seconds");
        }
        if !(1..=AuthConfig::PASSWORD_MIN_CHARS_MAX).contains(&auth.password_min_chars) {
            refuse("auth.password_min_chars", "1 to 128 characters");
        }
        if !(auth.password_min_chars..=AuthConfig::PASSWORD_MAX_CHARS_MAX).contains(&auth.password_max_chars) {
            refuse("auth.password_max_chars", "from auth.password_min_chars to 1024 characters");
        }
        if self.bootstrap.admin_email.is_some() != self.bootstrap.admin_password.is_some() {
            refuse("bootstrap", "admin_email and admin_password go together");
        }
        if !(1..=AuthConfig::REFRESH_TTL_SECONDS_MAX).contains(&auth.refresh_ttl_seconds) {
            refuse("auth.refresh_ttl_seconds", "1 to 31536000 seconds");
        }
        let seeds = [
            ("tickets.signing_seed", &self.tickets.signing_seed),
            ("tickets.signing_seed_previous", &self.tickets.signing_seed_previous),
        ];
        for (key, seed) in seeds {
            let parsed = seed.as_ref().map(|seed| ticketing_store::secrets::parse_seed(seed.expose_secret()));
            if let Some(Err(error)) = parsed {
                refuse(key, &error.to_string());
            }
        }
    }
}

/// What stands behind `http://` or `https://`.
fn host_of(url: &str) -> Option<&str> {
    url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(change: impl FnOnce(&mut Config), expected: &[&str]) {
        let mut config = Config::default();
        change(&mut config);
        let wrong: Vec<String> = config.check().iter().map(ToString::to_string).collect();
        assert_eq!(wrong.len(), expected.len(), "{wrong:?}");
        for (wrong, expected) in wrong.iter().zip(expected) {
            assert!(wrong.contains(expected), "{wrong}");
        }
    }

    #[test]
    fn nothing_is_wrong_with_the_defaults() {
        check(|_| (), &[]);
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let change = |config: &mut Config| {
            config.server.listen = "nowhere".to_owned();
            config.server.public_url = Some("tickets.example.com".to_owned());
            config.store.url = "postgres://db/tickets?lane=4".to_owned();
            config.concurrency.hold_max = 0;
        };
        check(change, &["server.listen", "server.public_url", "store.url", "concurrency.hold_max"]);
    }

    #[test]
    fn an_origin_is_a_scheme_and_a_host() {
        let origins = |config: &mut Config| {
            let origins = ["*", "https://shop.example", "http://localhost:3000/", "shop.example", "https://a.b/c"];
            config.server.cors_origins = Some(origins.map(str::to_owned).to_vec());
        };
        check(origins, &["`shop.example`", "`https://a.b/c`"]);
    }

    #[test]
    fn a_password_may_be_asked_no_more_than_it_may_have() {
        check(|config| config.auth.password_min_chars = 0, &["auth.password_min_chars"]);
        check(|config| config.auth.password_max_chars = 7, &["auth.password_max_chars"]);
        check(|config| config.auth.password_max_chars = 1_025, &["auth.password_max_chars"]);
    }
}
