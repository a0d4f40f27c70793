//! Making a connection: to the server that takes writes, or to a cluster.

use std::{fmt, time::Duration};

use ::redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo,
    RedisConnectionInfo, RedisError, TlsCertificates, Value,
    aio::{ConnectionLike, MultiplexedConnection},
    cluster::{ClusterClient, ClusterClientBuilder},
    cluster_async::ClusterConnection,
    cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, Slot, SlotAddr},
};

use super::address::{Address, Host, Set};

/// How long one server may take to be connected to.
const CONNECT: Duration = Duration::from_secs(2);
/// How long an answer may take. A script that writes a thousand holds takes some 20 ms.
const ANSWER: Duration = Duration::from_secs(5);
/// The same in a cluster, where one view of a whole session has no patience of its own.
const ANSWER_OF_A_CLUSTER: Duration = Duration::from_secs(20);
/// How often a node of a cluster is looked for again, and at most how long in between, in milliseconds.
const CLUSTER_RETRIES: u32 = 6;
const CLUSTER_WAIT_MAX_MS: u64 = 512;

/// An open connection; a clone is the same one.
#[derive(Clone)]
pub(super) enum Link {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Link {
    /// Lets an answer take so long. A cluster's driver has one patience for all.
    pub(super) fn be_patient(&mut self, patience: Duration) {
        if let Self::One(link) = self {
            link.set_response_timeout(patience);
        }
    }

    pub(super) async fn send(&mut self, command: &Cmd) -> Result<Value, RedisError> {
        let answer = match self {
            Self::One(link) => link.req_packed_command(command).await?,
            Self::Cluster(link) => link.req_packed_command(command).await?,
        };
        refusal(answer)
    }

    /// In a cluster, to the node of `key`, whatever the command names.
    pub(super) async fn send_to(&mut self, key: &[u8], command: &Cmd) -> Result<Value, RedisError> {
        match self {
            Self::One(_) => self.send(command).await,
            Self::Cluster(link) => {
                let node = Route::with_slot(Slot::for_key(key), SlotAddr::Master);
                let routing = RoutingInfo::SingleNode(SingleNodeRoutingInfo::SpecificNode(node));
                refusal(link.route_command(command.clone(), routing).await?)
            }
        }
    }
}

/// What the server refused as an error.
fn refusal(answer: Value) -> Result<Value, RedisError> {
    match answer {
        Value::ServerError(error) => Err(error.into()),
        answer => Ok(answer),
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::One(_) => "One(…)",
            Self::Cluster(_) => "Cluster(…)",
        })
    }
}

/// Makes connections to what an address names.
pub(super) struct Connector {
    set: Set,
    /// Servers, or those to ask for one.
    hosts: Vec<Client>,
    /// The servers' settings but for their place, for one that was asked for.
    servers: ConnectionInfo,
    certificates: Option<TlsCertificates>,
    cluster: Option<ClusterClient>,
}

impl Connector {
    /// Errors say what is wrong with a file or a setting.
    pub(super) fn new(address: &Address) -> Result<Self, String> {
        let certificates = certificates(address)?;
        let known = settings(address);
        let asked =
            if matches!(address.set, Set::Sentinels(_)) { RedisConnectionInfo::default() } else { known.clone() };
        let infos = address.hosts.iter().map(|host| info(host, address.tls, asked.clone()));
        let infos = infos.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
        let first = infos.first().ok_or("names no host")?;
        let servers = first.clone().set_redis_settings(known);
        let cluster = match address.set {
            Set::Cluster => Some(cluster(infos.clone(), certificates.clone()).map_err(|error| error.to_string())?),
            Set::Servers | Set::Sentinels(_) => None,
        };
        let hosts = infos.into_iter().map(|info| client(info, certificates.as_ref()));
        let hosts = hosts.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
        Ok(Self { set: address.set.clone(), hosts, servers, certificates, cluster })
    }

    /// A connection to whoever takes writes now.
    pub(super) async fn open(&self) -> Result<Link, RedisError> {
        match (&self.set, &self.cluster) {
            (Set::Cluster, Some(cluster)) => Ok(Link::Cluster(cluster.get_async_connection().await?)),
            (Set::Sentinels(name), _) => {
                let server = self.ask_for(name).await?;
                Ok(Link::One(primary(&server).await?))
            }
            (Set::Servers | Set::Cluster, _) => self.first_primary().await,
        }
    }

    async fn first_primary(&self) -> Result<Link, RedisError> {
        let mut failed = None;
        for host in &self.hosts {
            match primary(host).await {
                Ok(link) => return Ok(Link::One(link)),
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.unwrap_or_else(|| RedisError::from((ErrorKind::InvalidClientConfig, "names no host"))))
    }

    /// The server that a sentinel says is the primary `name`.
    async fn ask_for(&self, name: &str) -> Result<Client, RedisError> {
        let mut failed = None;
        for sentinel in &self.hosts {
            match told(sentinel, name).await {
                Ok((host, port)) => {
                    let tls = matches!(self.servers.addr(), ConnectionAddr::TcpTls { .. });
                    let info = info(&Host::Tcp(host, port), tls, self.servers.redis_settings().clone())?;
                    return client(info, self.certificates.as_ref());
                }
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.unwrap_or_else(|| RedisError::from((ErrorKind::EmptySentinelList, "names no sentinel"))))
    }
}

async fn told(sentinel: &Client, name: &str) -> Result<(String, u16), RedisError> {
    let mut link = connected(sentinel).await?;
    let mut command = ::redis::cmd("SENTINEL");
    command.arg("get-master-addr-by-name").arg(name);
    let told: Option<(String, u16)> = command.query_async(&mut link).await?;
    told.ok_or_else(|| RedisError::from((ErrorKind::MasterNameNotFoundBySentinel, "no sentinel knows this primary")))
}

/// A connection to `server`, if it takes writes.
async fn primary(server: &Client) -> Result<MultiplexedConnection, RedisError> {
    let mut link = connected(server).await?;
    // Whoever may not ask is told by the first write.
    if let Ok(Value::Array(role)) = ::redis::cmd("ROLE").query_async(&mut link).await
        && let Some(Value::BulkString(role)) = role.first()
        && role != b"master"
    {
        return Err(RedisError::from((ErrorKind::Io, "the server only follows another one")));
    }
    Ok(link)
}

async fn connected(server: &Client) -> Result<MultiplexedConnection, RedisError> {
    let config = AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT)).set_response_timeout(Some(ANSWER));
    server.get_multiplexed_async_connection_with_config(&config).await
}

fn settings(address: &Address) -> RedisConnectionInfo {
    let mut settings = RedisConnectionInfo::default().set_db(address.database).set_skip_set_lib_name();
    if let Some(user) = &address.user {
        settings = settings.set_username(user);
    }
    if let Some(password) = &address.password {
        settings = settings.set_password(password);
    }
    settings
}

fn info(host: &Host, tls: bool, settings: RedisConnectionInfo) -> Result<ConnectionInfo, RedisError> {
    let place = match host {
        Host::Unix(path) => ConnectionAddr::Unix(path.clone()),
        Host::Tcp(host, port) if tls => {
            ConnectionAddr::TcpTls { host: host.clone(), port: *port, insecure: false, tls_params: None }
        }
        Host::Tcp(host, port) => ConnectionAddr::Tcp(host.clone(), *port),
    };
    Ok(place.into_connection_info()?.set_redis_settings(settings))
}

fn client(info: ConnectionInfo, certificates: Option<&TlsCertificates>) -> Result<Client, RedisError> {
    match certificates {
        Some(certificates) => Client::build_with_tls(info, certificates.clone()),
        None => Client::open(info),
    }
}

fn cluster(nodes: Vec<ConnectionInfo>, certificates: Option<TlsCertificates>) -> Result<ClusterClient, RedisError> {
    let mut builder = ClusterClientBuilder::new(nodes)
        .connection_timeout(CONNECT)
        .response_timeout(ANSWER_OF_A_CLUSTER)
        .overall_response_timeout(Some(2 * ANSWER_OF_A_CLUSTER))
        .retries(CLUSTER_RETRIES)
        .max_retry_wait(CLUSTER_WAIT_MAX_MS);
    if let Some(certificates) = certificates {
        builder = builder.certs(certificates);
    }
    builder.build()
}

fn certificates(address: &Address) -> Result<Option<TlsCertificates>, String> {
    let read = |path: &std::path::PathBuf| {
        let bytes = std::fs::read(path).map_err(|error| format!("sslrootcert: {}: {error}", path.display()))?;
        Ok(TlsCertificates { client_tls: None, root_cert: Some(bytes) })
    };
    address.roots.as_ref().map(read).transpose()
}
