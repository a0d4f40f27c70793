//! Which settings are too weak to start with.

use secrecy::{ExposeSecret, SecretString};

use super::{Config, ConfigError, Profile};

/// Shortest secret that signs or chains.
const SECRET_BYTES_MIN: usize = 32;
/// A secret that repeats so few bytes is no secret.
const PERIOD_BYTES_MAX: usize = 8;
/// What stands in examples and is left there.
const PLACEHOLDERS: [&str; 6] =
    ["changeme", "change-me", "change_me", "your-256-bit-secret", "replaceme", "replace-me"];

/// What makes `secret` weak, if anything does.
pub fn weakness(secret: &str) -> Option<String> {
    let bytes = secret.as_bytes();
    if bytes.len() < SECRET_BYTES_MIN {
        return Some(format!("too weak: at least {SECRET_BYTES_MIN} bytes, this has {}", bytes.len()));
    }
    let repeats = |period: usize| bytes.iter().skip(period).eq(&bytes[..bytes.len() - period]);
    if (1..=PERIOD_BYTES_MAX).any(repeats) {
        return Some("too weak: it repeats itself".to_owned());
    }
    let lower = secret.to_lowercase();
    PLACEHOLDERS.iter().any(|placeholder| lower.contains(placeholder)).then(|| "too weak: a placeholder".to_owned())
}

/// Refuses weak secrets, and in `prod` everything that is not fit for real sales.
pub(super) fn check(config: &Config, wrong: &mut Vec<ConfigError>) {
    let secrets: [(&str, &Option<SecretString>); 4] = [
        ("auth.jwt_secret", &config.auth.jwt_secret),
        ("queue.token_secret", &config.queue.token_secret),
        ("audit.key", &config.audit.key),
        ("tickets.signing_seed", &config.tickets.signing_seed),
    ];
    let prod = config.profile == Profile::Prod;
    let (sandbox, http) = (&config.payments.sandbox, &config.payments.http);
    let webhooks = [
        ("payments.http.webhook_secret", &http.webhook_secret),
        ("payments.http.webhook_secret_previous", &http.webhook_secret_previous),
        ("payments.sandbox.webhook_secret", &sandbox.webhook_secret),
        ("payments.sandbox.webhook_secret_previous", &sandbox.webhook_secret_previous),
    ];
    for (key, secret) in webhooks {
        wrong.extend(weak(key, secret.as_ref()));
    }
    for (key, secret) in secrets {
        wrong.extend(weak(key, secret.as_ref()));
        if prod && secret.is_none() {
            wrong.push(ConfigError::invalid(key, "the prod profile makes no secrets: set one"));
        }
    }
    if prod {
        fit_for_sales(config, wrong);
    }
}

fn weak(key: &str, secret: Option<&SecretString>) -> Option<ConfigError> {
    let weakness = secret.and_then(|secret| weakness(secret.expose_secret()))?;
    Some(ConfigError::invalid(key, &weakness))
}

fn fit_for_sales(config: &Config, wrong: &mut Vec<ConfigError>) {
    let mut refuse = |key: &str, message: &str| wrong.push(ConfigError::invalid(key, message));
    match &config.server.public_url {
        None => refuse("server.public_url", "the prod profile needs the shop's public address"),
        Some(url) if !url.starts_with("https://") && config.server.trusted_proxies.is_empty() => {
            let message = "the prod profile refuses plain HTTP without a trusted proxy (server.trusted_proxies)";
            refuse("server.public_url", message);
        }
        Some(_) => {}
    }
    if config.cors_origins().iter().any(|origin| origin == "*") {
        refuse("server.cors_origins", "the prod profile refuses `*`: name the origins");
    }
    match &config.payments.http.url {
        None => {
            refuse("payments.http.url", "the prod profile refuses the sandbox gateway: name the one that takes money")
        }
        Some(url) if !url.starts_with("https://") && !is_on_this_machine(url) => {
            refuse("payments.http.url", "the prod profile refuses plain HTTP to another machine");
        }
        Some(_) => {}
    }
}

/// Whether nobody stands between this process and `url`.
fn is_on_this_machine(url: &str) -> bool {
    let host = url.strip_prefix("http://").unwrap_or(url);
    let host = host.split_once('/').map_or(host, |(host, _)| host);
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    host == "localhost" || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{PaymentsConfig, SandboxConfig};

    #[test]
    fn a_weak_secret_is_told_why() {
        assert_eq!(weakness("0123456789abcdef0123456789abcdef"), None);
        assert_eq!(weakness("a-test-secret-of-more-than-32-bytes"), None);
        for weak in ["short", &"a".repeat(64), &"password".repeat(5), "please-ChangeMe-please-do-it-now-0123"] {
            assert!(weakness(weak).is_some(), "{weak}");
        }
    }

    fn told(config: &Config) -> Vec<String> {
        let mut wrong = Vec::new();
        check(config, &mut wrong);
        wrong.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_weak_webhook_secret_is_refused_in_every_profile() {
        for profile in [Profile::Local, Profile::Dev, Profile::Prod] {
            for weak in ["", "short", "0123456789abcdef0123456789abcde"] {
                let told = |sandbox: SandboxConfig| {
                    let payments = PaymentsConfig { sandbox, ..PaymentsConfig::default() };
                    told(&Config { profile, payments, ..Config::default() }).swap_remove(0)
                };
                let current = told(SandboxConfig { webhook_secret: Some(weak.into()), ..Default::default() });
                assert!(current.starts_with("payments.sandbox.webhook_secret "), "{current}");
                let previous = told(SandboxConfig { webhook_secret_previous: Some(weak.into()), ..Default::default() });
                assert!(previous.starts_with("payments.sandbox.webhook_secret_previous "), "{previous}");
            }
        }
    }

    fn prod() -> Config {
        let secret = |text: &str| Some(SecretString::from(format!("{text}-0123456789abcdefghijklmnop")));
        let mut config = Config { profile: Profile::Prod, ..Config::default() };
        config.auth.jwt_secret = secret("jwt-secret");
        config.queue.token_secret = secret("token-secret");
        config.audit.key = secret("audit-key");
        config.tickets.signing_seed = secret("seed-seed");
        config.server.public_url = Some("https://tickets.example.com".to_owned());
        config
    }

    #[track_caller]
    fn check_prod(change: impl FnOnce(&mut Config), expected: &str) {
        let mut config = prod();
        change(&mut config);
        let told = told(&config);
        assert!(told.iter().any(|error| error.contains(expected)), "{told:?}");
    }

    #[test]
    fn prod_refuses_what_is_not_fit_for_sales() {
        check_prod(|config| config.auth.jwt_secret = None, "auth.jwt_secret");
        check_prod(|config| config.server.public_url = None, "server.public_url");
        check_prod(|config| config.server.public_url = Some("http://tickets.example.com".into()), "plain HTTP");
        check_prod(|config| config.server.cors_origins = Some(vec!["*".into()]), "cors_origins");
        check_prod(|_| (), "sandbox");
        check_prod(|config| config.payments.http.url = Some("http://pay.example.com".into()), "plain HTTP to another");
    }

    #[test]
    fn prod_starts_with_a_gateway_and_everything_else_set() {
        for url in ["https://pay.example.com/v1", "http://127.0.0.1:9000", "http://[::1]:9000/pay", "http://localhost"]
        {
            let mut config = prod();
            config.payments.http.url = Some(url.to_owned());
            assert_eq!(told(&config), Vec::<String>::new(), "{url}");
        }
    }
}
