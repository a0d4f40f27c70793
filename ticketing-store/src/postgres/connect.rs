//! Making a connection: to the first of the hosts that answers and takes writes, if they are to.

use std::time::Duration;

use deadpool_postgres::Connect;
use futures_util::future::BoxFuture;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How long one host may take before the next is asked: one that is frozen still takes connections, and says
/// nothing.
const NEXT_HOST_AFTER: Duration = Duration::from_secs(2);
/// How long the last one may take, until its connection is made and prepared.
const LAST_HOST: Duration = Duration::from_secs(5);

/// Asks the hosts of an address, one after the other.
#[derive(Clone)]
pub(super) struct Connector {
    hosts: Vec<Config>,
    tls: MakeRustlsConnect,
}

impl Connector {
    pub(super) fn new(config: &Config, tls: MakeRustlsConnect) -> Self {
        Self { hosts: each_host(config), tls }
    }

    /// How long a connection may take.
    pub(super) fn patience(&self) -> Duration {
        let others = u32::try_from(self.hosts.len()).unwrap_or(u32::MAX).saturating_sub(1);
        NEXT_HOST_AFTER.saturating_mul(others) + LAST_HOST
    }

    /// A connection, and the task that drives it.
    pub(super) async fn open(&self) -> Result<(Client, JoinHandle<()>), Error> {
        let (last, others) = self.hosts.split_last().expect("an address without a host is refused");
        for host in others {
            match tokio::time::timeout(NEXT_HOST_AFTER, self.open_one(host)).await {
                Ok(Ok(open)) => return Ok(open),
                Ok(Err(error)) => tracing::debug!(%error, ?host, "the next host is asked"),
                Err(_) => tracing::warn!(?host, "no answer in {NEXT_HOST_AFTER:?}: the next host is asked"),
            }
        }
        self.open_one(last).await
    }

    async fn open_one(&self, host: &Config) -> Result<(Client, JoinHandle<()>), Error> {
        let (client, connection) = host.connect(self.tls.clone()).await?;
        let driven = tokio::spawn(async {
            // Whoever used it is told; this is for those who look for the reason.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to Postgres ended");
            }
        });
        Ok((client, driven))
    }
}

impl Connect for Connector {
    fn connect(&self, _: &Config) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), Error>> {
        Box::pin(self.open())
    }
}

/// The same settings for each host alone.
fn each_host(config: &Config) -> Vec<Config> {
    let ports = config.get_ports();
    let hosts = config.get_hosts().iter().enumerate().map(|(n, host)| {
        let mut one = settings(config);
        match host {
            tokio_postgres::config::Host::Tcp(name) => one.host(name),
            #[cfg(unix)]
            tokio_postgres::config::Host::Unix(folder) => one.host_path(folder),
        };
        config.get_hostaddrs().get(n).map(|address| one.hostaddr(*address));
        ports.get(n).or(ports.first()).map(|port| one.port(*port));
        one
    });
    hosts.collect()
}

fn settings(config: &Config) -> Config {
    let mut same = Config::new();
    config.get_user().map(|user| same.user(user));
    config.get_password().map(|password| same.password(password));
    config.get_dbname().map(|name| same.dbname(name));
    config.get_options().map(|options| same.options(options));
    config.get_application_name().map(|name| same.application_name(name));
    config.get_connect_timeout().map(|timeout| same.connect_timeout(*timeout));
    config.get_tcp_user_timeout().map(|timeout| same.tcp_user_timeout(*timeout));
    config.get_keepalives_interval().map(|interval| same.keepalives_interval(interval));
    config.get_keepalives_retries().map(|retries| same.keepalives_retries(retries));
    same.keepalives(config.get_keepalives())
        .keepalives_idle(config.get_keepalives_idle())
        .ssl_mode(config.get_ssl_mode())
        .ssl_negotiation(config.get_ssl_negotiation())
        .channel_binding(config.get_channel_binding())
        .target_session_attrs(config.get_target_session_attrs());
    same
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_host_is_asked_with_all_the_settings() {
        let text = "postgres://shop:secret@a:1,b:2/tickets?application_name=x&connect_timeout=3&sslmode=require\
                    &options=-cjit%3Doff&target_session_attrs=read-write&keepalives_idle=9&tcp_user_timeout=7";
        let hosts = each_host(&text.parse().unwrap());
        for (host, (name, port)) in hosts.iter().zip([("a", 1), ("b", 2)]) {
            let alone = text.replace("a:1,b:2", &format!("{name}:{port}"));
            assert_eq!(format!("{host:?}"), format!("{:?}", alone.parse::<Config>().unwrap()));
        }
        assert_eq!(hosts.len(), 2);
    }

    #[test]
    fn one_port_is_that_of_every_host() {
        let hosts = each_host(&"host=a,b port=7 user=shop".parse().unwrap());
        assert!(hosts.iter().all(|host| host.get_ports() == [7]));
    }
}
