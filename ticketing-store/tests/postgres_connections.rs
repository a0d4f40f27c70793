//! What becomes of a store whose server is not there, refuses it, or is not the one it should be: an answer in
//! a few seconds that names what was tried, and never the password.

mod authority;
mod support;

use std::{
    error::Error,
    fs, iter,
    net::TcpListener,
    os::unix::fs::{MetadataExt, chown},
    path::Path,
    sync::Arc,
    time::Duration,
};

use authority::Authority;
use support::{count_users, write};
use ticketing_core::{
    store::{Backend, StoreError},
    testing::records,
};
use ticketing_store::{
    OpenOptions, Role, open,
    testing::postgres::{Cluster, Database, connect},
};
use tokio::time::Instant;

/// A little more than a connection may take.
const SOON: Duration = Duration::from_secs(7);

fn store(url: &str) -> Arc<dyn Backend> {
    open(url, OpenOptions::new(Role::Server)).unwrap()
}

/// The error with everything behind it.
fn told(error: &(dyn Error + 'static)) -> String {
    let causes = iter::successors(Some(error), |error: &&(dyn Error + 'static)| (*error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Reads, writes and asks for the version; each is refused soon, for this reason.
async fn unavailable(url: &str, reason: &str) {
    let started = Instant::now();
    let store = store(url);
    let (read, written, version) =
        tokio::join!(store.user(records::user(1).id), write(&*store, vec![], |_| {}), store.version());
    for error in [read.unwrap_err(), written.unwrap_err(), version.unwrap_err()] {
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
        let error = told(&error);
        assert!(error.contains(reason), "{reason}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    assert!(started.elapsed() < SOON, "it took {:?}", started.elapsed());
}

/// It can be read and written.
async fn available(store: &dyn Backend) {
    let before = count_users(store).await;
    let n = u32::try_from(before).unwrap() + 1;
    write(store, vec![], move |snapshot| snapshot.add_user(records::user(n))).await.unwrap();
    assert_eq!(count_users(store).await, before + 1);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable_at_once() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let started = Instant::now();
    unavailable(&format!("postgres://u:hunter2@{nobody}/t"), "refused").await;
    assert!(started.elapsed() < Duration::from_secs(1), "it took {:?}", started.elapsed());
}

#[tokio::test]
async fn a_server_that_takes_connections_and_says_nothing_is_unavailable_soon() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    unavailable(&format!("postgres://u:hunter2@{}/t", silent.local_addr().unwrap()), "").await;
}

#[tokio::test]
async fn what_a_server_refuses_is_named() {
    let Some(cluster) = Cluster::start(&[]).await else { return };
    let set_up = "CREATE ROLE shop LOGIN PASSWORD 'hunter2'; CREATE ROLE few LOGIN CONNECTION LIMIT 0";
    cluster.execute("postgres", set_up).await;
    let rules = cluster.folder().join("data/pg_hba.conf");
    let trusting = fs::read_to_string(&rules).unwrap();
    fs::write(&rules, format!("host all shop all scram-sha-256\n{trusting}")).unwrap();
    cluster.execute("postgres", "SELECT pg_reload_conf()").await;
    let url = |user: &str, database: &str| format!("postgres://{user}@127.0.0.1:{}/{database}", cluster.port());

    store(&url("shop:hunter2", "postgres")).version().await.unwrap();
    unavailable(&url("shop:wrong", "postgres"), "password authentication failed for user \"shop\"").await;
    unavailable(&url("shop", "postgres"), "password").await;
    unavailable(&url("postgres", "nowhere"), "database \"nowhere\" does not exist").await;
    unavailable(&url("few", "postgres"), "too many connections for role \"few\"").await;
}

#[tokio::test]
async fn a_server_that_takes_no_writes_is_unavailable_until_it_does() {
    let Some(database) = Database::migrated().await else { return };
    let admin = connect(database.url()).await;
    let read_only = async |on: &str| {
        let sql = format!(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = {on}', \
             current_database()); END $$"
        );
        admin.batch_execute(&format!("SET default_transaction_read_only = off; {sql}")).await.unwrap();
    };
    read_only("on").await;
    let store = store(database.url());
    let refused = write(&*store, vec![], |snapshot| snapshot.add_user(records::user(1))).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable { .. }), "{refused:?}");
    assert!(told(&refused).contains("read-only"), "{}", told(&refused));
    assert_eq!(count_users(&*store).await, 0);
    read_only("off").await;
    available(&*store).await;
}

/// Makes `cluster` take nothing but encrypted connections, with a certificate of `authority`.
async fn install(authority: &Authority, cluster: &Cluster) {
    let data = cluster.folder().join("data");
    let owner = fs::metadata(&data).unwrap();
    for file in ["server.key", "server.crt"] {
        fs::copy(authority.file(file), data.join(file)).unwrap();
        chown(data.join(file), Some(owner.uid()), Some(owner.gid())).unwrap();
    }
    fs::write(data.join("pg_hba.conf"), "hostssl all all all trust\n").unwrap();
    for sql in ["ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()"] {
        cluster.execute("postgres", sql).await;
    }
}

fn with_root(url: &str, root: &Path) -> String {
    format!("{url}?sslmode=verify-full&sslrootcert={}", root.display())
}

#[tokio::test]
async fn an_encrypted_connection_is_as_sure_of_its_server_as_it_is_told_to_be() {
    let Some(cluster) = Cluster::start(&[]).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let Some(ours) = Authority::new(folder.path().join("ours")) else { return };
    let theirs = Authority::new(folder.path().join("theirs")).expect("openssl was there a moment ago");
    store(&cluster.url("postgres")).migrate().await.unwrap();
    ours.certify();
    install(&ours, &cluster).await;
    let url = cluster.url("postgres");

    unavailable(&format!("{url}?sslmode=disable"), "no encryption").await;
    available(&*store(&format!("{url}?sslmode=require"))).await;
    available(&*store(&with_root(&url, &ours.root()))).await;
    unavailable(&with_root(&url, &theirs.root()), "invalid peer certificate").await;
    // Signed as it should be, for another name.
    let by_name = url.replace("127.0.0.1", "localhost");
    unavailable(&with_root(&by_name, &ours.root()), "invalid peer certificate").await;
    // Whom the machine trusts, it does not.
    if open(&format!("{url}?sslmode=verify-full"), OpenOptions::new(Role::Server)).is_ok() {
        unavailable(&format!("{url}?sslmode=verify-full"), "invalid peer certificate").await;
    }
}

#[test]
fn an_authority_that_is_not_there_is_named_at_once() {
    let url = with_root("postgres://u:hunter2@127.0.0.1/t", Path::new("/nowhere/ca.crt"));
    let error = open(&url, OpenOptions::new(Role::Server)).map(drop).unwrap_err().to_string();
    assert!(error.contains("sslrootcert: /nowhere/ca.crt") && !error.contains("hunter2"), "{error}");
}
