//! Making a connection: to the server that takes writes, or to a cluster.

use std::{fmt, time::Duration};

use ::redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo,
    RedisConnectionInfo, RedisError, TlsCertificates, Value,
    aio::{ConnectionLike, MultiplexedConnection},
    cluster::{ClusterClient, ClusterClientBuilder},
    cluster_async::ClusterConnection,
    cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, Slot, SlotAddr},
    io::tcp::TcpSettings,
};

use super::{
    address::{Address, Host, Set},
    error::is_by_server,
};

/// How long one server may take to be connected to, and to say who it is.
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
    /// How long an answer may take, unless a call says otherwise.
    answer: Duration,
}

impl Connector {
    /// Connections on which an answer may take so long, or as long as usual. Errors say what is wrong with a file or
    /// a setting.
    pub(super) fn new(address: &Address, answer: Option<Duration>) -> Result<Self, String> {
        let certificates = certificates(address)?;
        let known = settings(address);
        let asked =
            if matches!(address.set, Set::Sentinels(_)) { RedisConnectionInfo::default() } else { known.clone() };
        let infos = address.hosts.iter().map(|host| info(host, address.tls, asked.clone()));
        let infos = infos.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
        let first = infos.first().ok_or("names no host")?;
        let servers = first.clone().set_redis_settings(known);
        let cluster = match address.set {
            Set::Cluster => {
                let answer = answer.unwrap_or(ANSWER_OF_A_CLUSTER);
                let cluster = cluster(infos.clone(), certificates.clone(), answer);
                Some(cluster.map_err(|error| error.to_string())?)
            }
            Set::Servers | Set::Sentinels(_) => None,
        };
        let hosts = infos.into_iter().map(|info| client(info, certificates.as_ref()));
        let hosts = hosts.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
        let answer = answer.unwrap_or(ANSWER);
        Ok(Self { set: address.set.clone(), hosts, servers, certificates, cluster, answer })
    }

    /// A connection to whoever takes writes now.
    pub(super) async fn open(&self) -> Result<Link, RedisError> {
        if let Some(cluster) = &self.cluster {
            return Ok(Link::Cluster(cluster.get_async_connection().await?));
        }
        let mut failed = None;
        for host in &self.hosts {
            let opened = match &self.set {
                Set::Sentinels(name) => self.led_by(host, name).await,
                Set::Servers | Set::Cluster => primary(host).await,
            };
            match opened {
                Ok(mut link) => {
                    link.set_response_timeout(self.answer);
                    return Ok(Link::One(link));
                }
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.unwrap_or_else(|| RedisError::from((ErrorKind::InvalidClientConfig, "names no host"))))
    }

    /// A connection to the server that a sentinel says is the primary `name`. It may be behind the times, or on the
    /// wrong side of a partition: another one may know better.
    async fn led_by(&self, sentinel: &Client, name: &str) -> Result<MultiplexedConnection, RedisError> {
        let (host, port) = told(sentinel, name).await?;
        let tls = matches!(self.servers.addr(), ConnectionAddr::TcpTls { .. });
        let info = info(&Host::Tcp(host, port), tls, self.servers.redis_settings().clone())?;
        primary(&client(info, self.certificates.as_ref())?).await
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
    match ::redis::cmd("ROLE").query_async(&mut link).await {
        Ok(Value::Array(role)) if matches!(role.first(), Some(Value::BulkString(role)) if role != b"master") => {
            Err(RedisError::from((ErrorKind::Io, "the server only follows another one")))
        }
        Ok(_) => Ok(link),
        // Whoever may not ask is told by the first write.
        Err(error) if is_by_server(&error) => Ok(link),
        Err(silent) => Err(silent),
    }
}

async fn connected(server: &Client) -> Result<MultiplexedConnection, RedisError> {
    let config = AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT)).set_response_timeout(Some(CONNECT));
    server.get_multiplexed_async_connection_with_config(&config).await
}

/// What is sent leaves at once.
fn tcp() -> TcpSettings {
    noticing_silence(TcpSettings::default().set_nodelay(true))
}

/// A host that does not even say that it has received something is given up as soon as one that does not answer.
#[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
fn noticing_silence(settings: TcpSettings) -> TcpSettings {
    settings.set_user_timeout(ANSWER)
}

#[cfg(not(any(target_os = "android", target_os = "fuchsia", target_os = "linux")))]
fn noticing_silence(settings: TcpSettings) -> TcpSettings {
    settings
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
    Ok(place.into_connection_info()?.set_redis_settings(settings).set_tcp_settings(tcp()))
}

fn client(info: ConnectionInfo, certificates: Option<&TlsCertificates>) -> Result<Client, RedisError> {
    match certificates {
        Some(certificates) => Client::build_with_tls(info, certificates.clone()),
        None => Client::open(info),
    }
}

fn cluster(
    nodes: Vec<ConnectionInfo>,
    certificates: Option<TlsCertificates>,
    answer: Duration,
) -> Result<ClusterClient, RedisError> {
    let mut builder = ClusterClientBuilder::new(nodes)
        .connection_timeout(CONNECT)
        .tcp_settings(tcp())
        .response_timeout(answer)
        .overall_response_timeout(Some(2 * answer))
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
