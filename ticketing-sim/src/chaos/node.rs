//! A server as its operator runs it: a process of its own, which can be killed.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use fastrand::Rng;
use rustix::process::{Pid, Signal, kill_process};
use ticketing_core::clock::{Clock, Timestamp};
use tokio::sync::oneshot;

use super::fault::ServerFault;
use crate::error::SimError;

/// How long a server may take from its start to its first answer.
const STARTS_WITHIN: Duration = Duration::from_secs(30);
/// How long a server that is told to end may take: its own bound, and a little more.
const STOPS_WITHIN: Duration = Duration::from_secs(35);
/// Below the ports that systems give to outgoing connections, so that none of these has the server's when it
/// comes back.
const PORTS: std::ops::Range<u16> = 15_000..30_000;

/// How a server is started.
#[derive(Debug)]
pub struct Program {
    /// The program.
    pub path: PathBuf,
    /// Settings, as variables of the environment.
    pub settings: Vec<(String, String)>,
}

/// One server. Dropping it kills it.
#[derive(Debug)]
pub struct Node {
    address: SocketAddr,
    folder: PathBuf,
    child: Option<Child>,
}

impl Node {
    /// A server on a port of its own, which is not started yet. It runs and logs in `folder`.
    ///
    /// # Errors
    /// [`SimError::Usage`] when the folder cannot be made.
    pub fn new(folder: PathBuf) -> Result<Self, SimError> {
        std::fs::create_dir_all(&folder).map_err(|error| SimError::Usage(format!("{}: {error}", folder.display())))?;
        Ok(Self { address: free_address(), folder, child: None })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts it; returns when it answers.
    ///
    /// # Errors
    /// [`SimError::Broken`] when it does not.
    pub async fn start(&mut self, program: &Program) -> Result<(), SimError> {
        let log = self.log()?;
        let mut command = Command::new(&program.path);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TICKETING__")) {
            command.env_remove(name);
        }
        command.arg("--listen").arg(self.address.to_string()).current_dir(&self.folder);
        command.envs(program.settings.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let path = program.path.display();
        let mut child = command.spawn().map_err(|error| SimError::Usage(format!("{path}: {error}")))?;
        let stdout = child.stdout.take();
        self.child = Some(child);
        let (listens, listening) = oneshot::channel();
        std::thread::spawn(move || {
            let mut lines = stdout.map(|stdout| BufReader::new(stdout).lines()).into_iter().flatten();
            if lines.any(|line| line.is_ok_and(|line| line.starts_with("listening on "))) {
                // Nobody may be waiting any more.
                let _ = listens.send(());
            }
            // Whatever it prints later has to go somewhere, or it would block.
            lines.for_each(drop);
        });
        match tokio::time::timeout(STARTS_WITHIN, listening).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => {
                let log = self.folder.join("server.log");
                let text = std::fs::read_to_string(&log).unwrap_or_default();
                let last = text.lines().last().unwrap_or("it says nothing");
                Err(SimError::Broken(format!("a server does not start: {last}")))
            }
        }
    }

    /// Breaks, for about so long, and goes on as `program`; when it was repaired, which is not yet when it answers.
    ///
    /// # Errors
    /// [`SimError::Broken`] when it does not end in good order, or does not come back.
    pub async fn suffer(
        &mut self,
        fault: ServerFault,
        program: &Program,
        lasting: Duration,
        clock: &dyn Clock,
    ) -> Result<Timestamp, SimError> {
        match fault {
            ServerFault::Kill => {
                self.kill();
                tokio::time::sleep(lasting / 4).await;
            }
            ServerFault::Stop => self.stop().await?,
            ServerFault::Pause => {
                self.signal(Signal::STOP);
                tokio::time::sleep(lasting).await;
                self.signal(Signal::CONT);
                return Ok(clock.now());
            }
        }
        let repaired = clock.now();
        self.start(program).await?;
        Ok(repaired)
    }

    /// SIGKILL.
    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself; then there is nothing to kill.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// SIGTERM; returns when it has ended, or is killed because it did not.
    ///
    /// # Errors
    /// [`SimError::Broken`] when it did not end in good order.
    async fn stop(&mut self) -> Result<(), SimError> {
        self.signal(Signal::TERM);
        let Some(mut child) = self.child.take() else { return Ok(()) };
        let ended = tokio::time::timeout(STOPS_WITHIN, async {
            loop {
                match child.try_wait() {
                    Ok(None) => tokio::time::sleep(Duration::from_millis(10)).await,
                    ended => return ended,
                }
            }
        });
        let ended = ended.await;
        match ended {
            Ok(Ok(Some(status))) if status.success() => Ok(()),
            ended => {
                // Dead or not, it is not to be there any more.
                let _ = child.kill();
                let _ = child.wait();
                Err(SimError::Broken(format!("a server that was told to end did not do so in good order: {ended:?}")))
            }
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = self.child.as_ref().and_then(|child| i32::try_from(child.id()).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // It fails when the server is gone, which its next answer tells.
            let _ = kill_process(pid, signal);
        }
    }

    fn log(&self) -> Result<File, SimError> {
        let path = self.folder.join("server.log");
        let file = OpenOptions::new().create(true).append(true).open(&path);
        file.map_err(|error| SimError::Usage(format!("{}: {error}", path.display())))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}

fn free_address() -> SocketAddr {
    let mut rng = Rng::new();
    loop {
        let address = SocketAddr::from(([127, 0, 0, 1], rng.u16(PORTS)));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// The server's program: `given`, or the one beside this program.
///
/// # Errors
/// [`SimError::Usage`] when it is not there.
pub fn program(given: Option<&Path>) -> Result<PathBuf, SimError> {
    let path = match given {
        Some(path) => path.to_owned(),
        None => {
            let own = std::env::current_exe().map_err(|error| SimError::Usage(error.to_string()))?;
            own.with_file_name("ticketing-server")
        }
    };
    let path = std::fs::canonicalize(&path).map_err(|_| {
        let path = path.display();
        SimError::Usage(format!(
            "there is no {path}: build it with `cargo build -p ticketing-server`, or name another with --server-bin"
        ))
    })?;
    Ok(path)
}
