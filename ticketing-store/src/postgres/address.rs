//! What a `postgres://` URL says.

use std::{path::PathBuf, time::Duration};

use form_urlencoded::parse;
use tokio_postgres::config::{Config, Host, SslMode, TargetSessionAttrs};

/// Batches written at once, unless the URL says `lanes=`.
const LANES: usize = 8;
/// Connections for reading, unless the URL says `readers=`.
const READERS: usize = 8;
/// Most of either.
const CONNECTIONS_MAX: usize = 256;

/// How sure a connection is of whom it talks to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trust {
    /// `sslmode=disable`, `prefer` or `require`: nobody's certificate is looked at.
    Anyone,
    /// `sslmode=verify-full`: the certificate names the host, and is signed by one of these authorities;
    /// `None`: by one that the machine knows.
    Certified { roots: Option<PathBuf> },
}

/// Where the server is, and how to speak to it.
#[derive(Debug, Clone)]
pub(super) struct Address {
    pub(super) config: Config,
    pub(super) trust: Trust,
    pub(super) lanes: usize,
    pub(super) readers: usize,
}

impl Address {
    /// Reads a URL. Errors name the parameter, and repeat no value: it may be a password.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        if query.contains('@') && !base.contains('@') {
            return Err("a `?` in the password must be written as %3F".to_owned());
        }
        let (mut lanes, mut readers, mut trust, mut roots) = (LANES, READERS, Trust::Anyone, None);
        let mut passed_on = form_urlencoded::Serializer::new(String::new());
        for (name, value) in parse(query.as_bytes()) {
            match &*name {
                "lanes" => lanes = connections(&name, &value)?,
                "readers" => readers = connections(&name, &value)?,
                "sslrootcert" => roots = (value != "system").then(|| PathBuf::from(&*value)),
                "sslmode" => match &*value {
                    "disable" | "prefer" | "require" => {
                        passed_on.append_pair(&name, &value);
                    }
                    "verify-full" => {
                        trust = Trust::Certified { roots: None };
                        passed_on.append_pair("sslmode", "require");
                    }
                    _ => return Err("sslmode: must be disable, prefer, require or verify-full".to_owned()),
                },
                _ => {
                    passed_on.append_pair(&name, &value);
                }
            }
        }
        match &mut trust {
            Trust::Certified { roots: used } => *used = roots,
            Trust::Anyone if roots.is_some() => {
                return Err("sslrootcert: is only looked at with sslmode=verify-full".to_owned());
            }
            Trust::Anyone => {}
        }
        // A form writes a space as `+`, the driver reads `%20` only.
        let passed_on = passed_on.finish().replace('+', "%20");
        let text = if passed_on.is_empty() { base.to_owned() } else { format!("{base}?{passed_on}") };
        let mut config: Config = text.parse().map_err(|error| said(&error))?;
        if config.get_hosts().is_empty() {
            return Err("names no host: write postgres://USER@HOST/DATABASE".to_owned());
        }
        steady(&mut config);
        Ok(Self { config, trust, lanes, readers })
    }

    /// Where the server is, without anything secret.
    pub(super) fn place(&self) -> String {
        let ports = self.config.get_ports();
        let port = |n: usize| ports.get(n).or(ports.first()).copied().unwrap_or(5432);
        let hosts = self.config.get_hosts().iter().enumerate().map(|(n, host)| match host {
            Host::Tcp(name) => format!("{name}:{}", port(n)),
            #[cfg(unix)]
            Host::Unix(folder) => folder.display().to_string(),
        });
        hosts.collect::<Vec<_>>().join(",")
    }

    /// Whether the server is on this machine, whichever of its names.
    pub(super) fn is_local(&self) -> bool {
        self.config.get_hosts().iter().all(is_local)
    }

    /// Whether a connection leaves this machine and may end anywhere.
    pub(super) fn is_exposed(&self) -> bool {
        self.trust == Trust::Anyone && self.config.get_hosts().iter().any(|host| !is_local(host))
    }
}

/// What a connection needs to notice that its server is gone.
fn steady(config: &mut Config) {
    if config.get_application_name().is_none() {
        config.application_name("ticketing");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(Duration::from_secs(3));
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(Duration::from_secs(6));
    }
    config.keepalives(true);
    config.keepalives_idle(Duration::from_secs(5));
    config.keepalives_interval(Duration::from_secs(2));
    config.keepalives_retries(3);
    if config.get_hosts().len() > 1 && config.get_target_session_attrs() == TargetSessionAttrs::Any {
        // Several hosts are one primary and those that may become it.
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    if config.get_hosts().iter().all(is_local) && config.get_ssl_mode() == SslMode::Prefer {
        config.ssl_mode(SslMode::Disable);
    }
}

fn is_local(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback()),
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

fn connections(name: &str, value: &str) -> Result<usize, String> {
    let count = value.parse().ok().filter(|count| (1..=CONNECTIONS_MAX).contains(count));
    count.ok_or_else(|| format!("{name}: must be a number from 1 to {CONNECTIONS_MAX}"))
}

/// The driver's complaint with its cause, which names the option and not its value.
fn said(error: &tokio_postgres::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(url: &str, part: &str) {
        let error = Address::parse(url).unwrap_err();
        assert!(error.contains(part) && !error.contains("hunter2"), "{url}: {error}");
    }

    #[test]
    fn a_url_says_where_how_many_and_how_sure() {
        let address = Address::parse("postgres://shop:hunter2@db:5433/tickets?lanes=4&readers=2").unwrap();
        assert_eq!((address.lanes, address.readers, address.trust.clone()), (4, 2, Trust::Anyone));
        assert_eq!(address.config.get_dbname(), Some("tickets"));
        assert_eq!(address.config.get_ports(), [5433]);
        assert_eq!(address.place(), "db:5433");
        assert!(address.is_exposed());

        let address = Address::parse("postgres://u@db/t?sslmode=verify-full&sslrootcert=/etc/ca.pem").unwrap();
        assert_eq!(address.trust, Trust::Certified { roots: Some("/etc/ca.pem".into()) });
        assert_eq!(address.config.get_ssl_mode(), SslMode::Require);
        assert!(!address.is_exposed());

        assert!(!Address::parse("postgres://u@127.0.0.1/t").unwrap().is_exposed());
        assert!(!Address::parse("postgres://u@%2Frun%2Fpostgresql/t").unwrap().is_exposed());
    }

    #[test]
    fn several_hosts_are_asked_for_the_one_that_takes_writes() {
        let address = Address::parse("postgres://u@a:1,b:2/t").unwrap();
        assert_eq!(address.config.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
        assert_eq!(address.place(), "a:1,b:2");
    }

    #[test]
    fn an_option_of_the_server_keeps_its_spaces() {
        let address = Address::parse("postgres://u@db/t?options=-c%20search_path%3Dshop").unwrap();
        assert_eq!(address.config.get_options(), Some("-c search_path=shop"));
    }

    #[test]
    fn what_is_wrong_is_named_and_no_value_repeated() {
        refused("postgres://u:hunter2@db/t?lanes=0", "lanes: must be a number from 1 to 256");
        refused("postgres://u:hunter2@db/t?readers=hunter2", "readers: must be");
        refused("postgres://u:hunter2@db/t?sslmode=hunter2", "sslmode: must be");
        refused("postgres://u:hunter2@db/t?sslrootcert=/hunter2", "sslrootcert: is only looked at");
        refused("postgres://u:hunter2@db/t?colour=hunter2", "colour");
        refused("postgres://u:hunter2@db:port/t", "port");
        refused("postgres:///t", "names no host");
        refused("postgres://u:hunter2?x@db/t", "must be written as %3F");
    }
}
