//! What a `redis://` URL says.

use std::path::PathBuf;

use form_urlencoded::parse;

/// Batches written at once, unless the URL says `lanes=`.
const LANES: usize = 4;
/// Most of them.
const LANES_MAX: usize = 64;
/// What every key begins with, unless the URL says `prefix=`.
const PREFIX: &str = "ticketing";
/// Longest prefix, in bytes: every key carries it.
const PREFIX_BYTES_MAX: usize = 64;
const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// Who is behind the hosts of a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Set {
    /// One server, or a primary and those that may take its place.
    Servers,
    /// Sentinels that know the primary by this name.
    Sentinels(String),
    /// Some nodes of a cluster.
    Cluster,
}

/// A host, or a socket in the file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    Tcp(String, u16),
    Unix(PathBuf),
}

/// Where Redis is, and how to speak to it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) hosts: Vec<Host>,
    pub(crate) set: Set,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) database: i64,
    /// Encrypted, and with a certificate that names the host.
    pub(crate) tls: bool,
    /// The authorities that may have signed it; `None`: those that the machine knows.
    pub(crate) roots: Option<PathBuf>,
    pub(crate) prefix: String,
    pub(crate) lanes: usize,
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Address").field("place", &self.place()).field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl Address {
    /// Reads a URL. Errors name the part, and repeat no value: it may be a password.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let (scheme, rest) = url.split_once("://").ok_or("has no `://`")?;
        let (tls, cluster, unix) = match scheme {
            "redis" => (false, false, false),
            "rediss" => (true, false, false),
            "redis+cluster" => (false, true, false),
            "rediss+cluster" => (true, true, false),
            "redis+unix" => (false, false, true),
            _ => return Err("must begin with redis://, rediss://, redis+cluster:// or redis+unix://".to_owned()),
        };
        let (base, query) = rest.split_once('?').unwrap_or((rest, ""));
        if query.contains('@') && !base.contains('@') {
            return Err("a `?` in the password must be written as %3F".to_owned());
        }
        let (credentials, place) = base.rsplit_once('@').map_or((None, base), |(who, place)| (Some(who), place));
        let (user, password) = credentials.map_or(Ok((None, None)), who)?;
        let mut address = Self {
            hosts: Vec::new(),
            set: if cluster { Set::Cluster } else { Set::Servers },
            user,
            password,
            database: 0,
            tls,
            roots: None,
            prefix: PREFIX.to_owned(),
            lanes: LANES,
        };
        for (name, value) in parse(query.as_bytes()) {
            match &*name {
                "prefix" => address.prefix = prefix(&value)?,
                "lanes" => address.lanes = lanes(&value)?,
                "db" if unix => address.database = database(&value)?,
                "sslrootcert" if tls => address.roots = (value != "system").then(|| PathBuf::from(&*value)),
                "sslrootcert" => return Err("sslrootcert: is only looked at with rediss://".to_owned()),
                "sentinel" if cluster || unix => return Err("sentinel: goes with redis:// and rediss://".to_owned()),
                "sentinel" if value.is_empty() => return Err("sentinel: names no primary".to_owned()),
                "sentinel" => address.set = Set::Sentinels(value.into_owned()),
                name => return Err(format!("`{}` is no parameter", name.chars().take(32).collect::<String>())),
            }
        }
        if unix {
            let path = percent_decoded(place)?;
            if path.is_empty() {
                return Err("names no socket: write redis+unix:///PATH".to_owned());
            }
            address.hosts.push(Host::Unix(path.into()));
        } else {
            address.find(place)?;
        }
        Ok(address)
    }

    /// Takes in `HOST[:PORT][,HOST[:PORT]…][/DATABASE]`.
    fn find(&mut self, place: &str) -> Result<(), String> {
        let (hosts, path) = place.split_once('/').unwrap_or((place, ""));
        if !path.is_empty() {
            self.database = database(path)?;
        }
        if self.database != 0 && self.set == Set::Cluster {
            return Err("a cluster has no database but 0".to_owned());
        }
        let port = if matches!(self.set, Set::Sentinels(_)) { SENTINEL_PORT } else { PORT };
        for one in hosts.split(',') {
            self.hosts.push(host(one, port)?);
        }
        Ok(())
    }

    /// Where it is, without anything secret.
    pub(crate) fn place(&self) -> String {
        let hosts = self.hosts.iter().map(|host| match host {
            Host::Tcp(name, port) if name.contains(':') => format!("[{name}]:{port}"),
            Host::Tcp(name, port) => format!("{name}:{port}"),
            Host::Unix(path) => path.display().to_string(),
        });
        hosts.collect::<Vec<_>>().join(",")
    }

    /// Whether all of it is on this machine.
    pub(crate) fn is_local(&self) -> bool {
        self.hosts.iter().all(|host| match host {
            Host::Unix(_) => true,
            Host::Tcp(name, _) => {
                name == "localhost" || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
            }
        })
    }

    /// Whether what is said leaves this machine for everybody to read.
    pub(crate) fn is_exposed(&self) -> bool {
        !self.tls && !self.is_local()
    }
}

fn who(credentials: &str) -> Result<(Option<String>, Option<String>), String> {
    let (user, password) = match credentials.split_once(':') {
        Some((user, password)) => (user, Some(percent_decoded(password)?)),
        None => (credentials, None),
    };
    Ok(((!user.is_empty()).then(|| percent_decoded(user)).transpose()?, password))
}

fn host(text: &str, port: u16) -> Result<Host, String> {
    let no_port = || "a port must be a number from 1 to 65535".to_owned();
    let (name, after) = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or("a `[` without its `]`")?,
        None => text.find(':').map_or((text, ""), |at| text.split_at(at)),
    };
    let port = match after.strip_prefix(':') {
        Some(digits) => digits.parse().ok().filter(|port| *port > 0).ok_or_else(no_port)?,
        None if after.is_empty() => port,
        None => return Err(no_port()),
    };
    if name.is_empty() {
        return Err("names no host: write redis://HOST".to_owned());
    }
    Ok(Host::Tcp(name.to_owned(), port))
}

fn database(text: &str) -> Result<i64, String> {
    let number = text.parse::<u16>().map_err(|_| "the database must be a number".to_owned());
    number.map(i64::from)
}

fn lanes(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| (1..=LANES_MAX).contains(count));
    count.ok_or_else(|| format!("lanes: must be a number from 1 to {LANES_MAX}"))
}

fn prefix(text: &str) -> Result<String, String> {
    let fits = (1..=PREFIX_BYTES_MAX).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':'));
    if fits {
        Ok(text.to_owned())
    } else {
        Err(format!("prefix: must be 1 to {PREFIX_BYTES_MAX} letters, digits, `-`, `_`, `.` or `:`"))
    }
}

fn percent_decoded(text: &str) -> Result<String, String> {
    let broken = || "a `%` is not followed by two digits of a byte, or its bytes are no text".to_owned();
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16)).ok_or_else(broken);
        let value = digit()? * 16 + digit()?;
        bytes.push(u8::try_from(value).map_err(|_| broken())?);
    }
    String::from_utf8(bytes).map_err(|_| broken())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn read(url: &str) -> Address {
        Address::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    #[track_caller]
    fn refused(url: &str, part: &str) {
        let error = Address::parse(url).unwrap_err();
        assert!(error.contains(part) && !error.contains("hunter2"), "{url}: {error}");
    }

    #[test]
    fn a_url_says_where_as_whom_and_under_which_prefix() {
        let address = read("redis://shop:hunter2%40%2F@cache:7000/3?prefix=shop:eu&lanes=2");
        assert_eq!((address.user.as_deref(), address.password.as_deref()), (Some("shop"), Some("hunter2@/")));
        assert_eq!((address.database, address.prefix.as_str(), address.lanes), (3, "shop:eu", 2));
        assert_eq!((address.place(), address.is_exposed()), ("cache:7000".to_owned(), true));
        assert!(!format!("{address:?}").contains("hunter2"));

        let address = read("redis://:hunter2@127.0.0.1");
        assert_eq!((address.user, address.password.as_deref()), (None, Some("hunter2")));
        let address = read("redis://localhost");
        assert_eq!(
            (address.place(), address.database, address.prefix.as_str()),
            ("localhost:6379".into(), 0, "ticketing")
        );
        assert!(!address.is_exposed());
    }

    #[test]
    fn several_hosts_are_a_primary_and_its_heirs_sentinels_or_a_cluster() {
        assert_eq!(read("redis://a,b:2").set, Set::Servers);
        assert_eq!(read("redis://a,b:2").place(), "a:6379,b:2");
        assert_eq!(read("redis://a,b:2?sentinel=shop").set, Set::Sentinels("shop".to_owned()));
        assert_eq!(read("redis://a,b:2?sentinel=shop").place(), "a:26379,b:2");
        assert_eq!(read("redis+cluster://a:1,[::1]:2").set, Set::Cluster);
        assert_eq!(read("redis+cluster://a:1,[::1]:2").place(), "a:1,[::1]:2");
    }

    #[test]
    fn encryption_is_the_scheme_s_and_a_socket_has_a_path() {
        assert!(read("rediss://cache").tls && !read("rediss://cache").is_exposed());
        assert_eq!(read("rediss://cache?sslrootcert=/etc/ca.pem").roots, Some("/etc/ca.pem".into()));
        assert!(read("rediss+cluster://a").tls);
        let address = read("redis+unix:///run/redis.sock?db=2&prefix=x");
        assert_eq!((address.hosts, address.database), (vec![Host::Unix("/run/redis.sock".into())], 2));
    }

    #[test]
    fn what_is_wrong_is_named_and_no_value_repeated() {
        refused("redis://:hunter2@/", "names no host");
        refused("redis://:hunter2@db:port", "a port must be");
        refused("redis://:hunter2@db:0", "a port must be");
        refused("redis://:hunter2@db/x", "the database must be");
        refused("redis://:hunter2%4@db", "a `%`");
        refused("redis://:hunter2?x@db", "must be written as %3F");
        refused("redis://:hunter2@db?lanes=0", "lanes: must be a number from 1 to 64");
        refused("redis://:hunter2@db?prefix={hunter2}", "prefix: must be");
        refused("redis://:hunter2@db?colour=hunter2", "`colour` is no parameter");
        refused("redis://:hunter2@db?sslrootcert=/hunter2", "only looked at with rediss://");
        refused("redis+cluster://:hunter2@db/1", "no database but 0");
        refused("redis+cluster://:hunter2@db?sentinel=x", "goes with redis://");
        refused("redis+unix://", "names no socket");
        refused("redis+tcp://:hunter2@db", "must begin with");
    }
}
