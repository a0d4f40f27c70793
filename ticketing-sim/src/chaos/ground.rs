//! The database server that the servers stand on.

use std::{fs, time::Duration};

use fastrand::Rng;
use rustix::process::{Pid, Signal, kill_process};
use ticketing_store::testing::{
    postgres::Cluster,
    proxy::{How, Proxy},
};

use super::{fault::PostgresFault, way};
use crate::error::SimError;

/// The database that is used of it.
const DATABASE: &str = "postgres";

/// A Postgres server of its own, and the only way to it.
#[derive(Debug)]
pub struct Ground {
    /// The server.
    pub cluster: Cluster,
    /// The way.
    pub way: Proxy,
}

impl Ground {
    /// Starts one.
    ///
    /// # Errors
    /// [`SimError::Usage`] when there is no Postgres on this machine.
    pub async fn start() -> Result<Self, SimError> {
        let cluster = Cluster::start(&[]).await;
        let cluster = cluster.ok_or_else(|| {
            SimError::Usage("there is no Postgres on this machine: install the package `postgresql`".to_owned())
        })?;
        let way = Proxy::start(cluster.address());
        Ok(Self { cluster, way })
    }

    /// Its URL for the servers.
    pub fn url(&self) -> String {
        self.cluster.url_through(self.way.address(), DATABASE)
    }

    /// Breaks for about so long; whether anybody can have noticed.
    pub async fn suffer(&self, fault: PostgresFault, lasting: Duration, rng: &mut Rng) -> bool {
        match fault {
            PostgresFault::Kill => {
                self.cluster.kill().await;
                tokio::time::sleep(lasting / 4).await;
                self.cluster.restart().await;
            }
            PostgresFault::Pause => self.pause(lasting * 2).await,
            PostgresFault::Cut => way::cut(&self.way, lasting / 2).await,
            PostgresFault::Delay => return way::slow_down(&self.way, lasting, rng).await,
            PostgresFault::EndBackends => return self.cluster.terminate_backends().await > 0,
            PostgresFault::LoseCommitReplies => return self.lose_commits(How::AfterSent, lasting, rng).await,
            PostgresFault::LoseCommits => return self.lose_commits(How::BeforeSent, lasting, rng).await,
        }
        true
    }

    /// Cuts some of the connections that commit; whether there was one.
    async fn lose_commits(&self, how: How, lasting: Duration, rng: &mut Rng) -> bool {
        let before = self.way.cuts();
        self.way.cut_at_commit(how, rng.u64(1..5));
        tokio::time::sleep(lasting).await;
        self.way.spare_commits();
        self.way.cuts() > before
    }

    /// Everything of it stands still for `time`.
    async fn pause(&self, time: Duration) {
        let processes = self.processes();
        // The first is the one that would start others.
        processes.iter().for_each(|pid| signal(*pid, Signal::STOP));
        tokio::time::sleep(time).await;
        processes.iter().rev().for_each(|pid| signal(*pid, Signal::CONT));
    }

    /// Its processes, the one that started the others first.
    fn processes(&self) -> Vec<Pid> {
        let file = fs::read_to_string(self.cluster.folder().join("data/postmaster.pid")).unwrap_or_default();
        let first = file.lines().next().and_then(|line| line.trim().parse::<i32>().ok());
        let Some(first) = first else { return Vec::new() };
        let others = fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // The name in parentheses may be anything; state and parent follow it.
            let parent: i32 = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
            (parent == first).then_some(pid)
        });
        std::iter::once(first).chain(others.collect::<Vec<_>>()).filter_map(Pid::from_raw).collect()
    }
}

fn signal(pid: Pid, signal: Signal) {
    // One that has ended meanwhile needs none.
    let _ = kill_process(pid, signal);
}
