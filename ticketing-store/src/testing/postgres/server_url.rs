//! The same server by other names: another of its databases, or another way to it.

use std::net::{SocketAddr, ToSocketAddrs};

/// `postgres://USER[:PASSWORD]@HOST[:PORT][/DATABASE][?PARAMETERS]`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServerUrl {
    /// The scheme and who connects, up to and with the `@`.
    start: String,
    host_and_port: String,
    /// With its `?`.
    parameters: String,
}

impl ServerUrl {
    /// # Panics
    /// When `url` is none, or names no host.
    pub(super) fn new(url: &str) -> Self {
        let (rest, parameters) = url.split_at(url.find('?').unwrap_or(url.len()));
        let after_scheme = rest.find("://").map(|at| at + "://".len()).expect("a server's URL starts with postgres://");
        let authority_end = rest[after_scheme..].find('/').map_or(rest.len(), |at| after_scheme + at);
        let host = rest[..authority_end].rfind('@').map_or(after_scheme, |at| at + 1);
        assert!(host < authority_end, "a server's URL names its host");
        Self {
            start: rest[..host].to_owned(),
            host_and_port: rest[host..authority_end].to_owned(),
            parameters: parameters.to_owned(),
        }
    }

    /// The URL of one of its databases.
    pub(super) fn database(&self, name: &str) -> String {
        format!("{}{}/{name}{}", self.start, self.host_and_port, self.parameters)
    }

    /// The same server where a proxy listens for it.
    pub(super) fn through(&self, proxy: SocketAddr) -> Self {
        Self { host_and_port: proxy.to_string(), ..self.clone() }
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        let named = self.host_and_port.to_socket_addrs();
        let mut found = named.or_else(|_| (self.host_and_port.trim_matches(['[', ']']), 5432).to_socket_addrs());
        found.as_mut().ok().and_then(Iterator::next).expect("the server's host has an address")
    }
}

#[cfg(test)]
mod tests {
    use super::ServerUrl;

    #[track_caller]
    fn check(url: &str, other_database: &str, through_a_proxy: &str) {
        let server = ServerUrl::new(url);
        assert_eq!(server.database("x"), other_database);
        assert_eq!(server.through(([127, 0, 0, 1], 9).into()).database("x"), through_a_proxy);
    }

    #[test]
    fn a_url_keeps_what_names_neither_its_database_nor_its_way() {
        check("postgres://h", "postgres://h/x", "postgres://127.0.0.1:9/x");
        check("postgres://u@h:1", "postgres://u@h:1/x", "postgres://u@127.0.0.1:9/x");
        check("postgresql://u:p@h:1/d", "postgresql://u:p@h:1/x", "postgresql://u:p@127.0.0.1:9/x");
        check("postgres://u@[::1]/d?a=/b@c", "postgres://u@[::1]/x?a=/b@c", "postgres://u@127.0.0.1:9/x?a=/b@c");
    }

    #[test]
    fn a_server_without_a_port_listens_where_postgres_does() {
        assert_eq!(ServerUrl::new("postgres://u@127.0.0.1/d").address(), ([127, 0, 0, 1], 5432).into());
        assert_eq!(ServerUrl::new("postgres://u@127.0.0.1:9/d").address(), ([127, 0, 0, 1], 9).into());
        assert_eq!(ServerUrl::new("postgres://[::1]").address(), "[::1]:5432".parse().expect("an address"));
    }
}
