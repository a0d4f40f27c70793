//! A shell between the test process and a server: it runs what it is asked, one command after the other,
//! and when nobody is left to ask, it kills the server and removes its folder.

use std::{
    fs::{self, DirBuilder},
    io::{BufRead, BufReader, Write as _},
    os::unix::{fs::DirBuilderExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// The end of the pipe, which the kernel closes whatever happens to the test process, is the sign to stop.
const SCRIPT: &str = r#"
trap '' PIPE
server=
while IFS= read -r command; do
    eval "$command" </dev/null >>log 2>&1
    echo $?
done
[ -z "$server" ] || kill -9 "$server"
wait
cd / && exec rm -rf -- "$0"
"#;

/// The folder of one server, with a shell that works in it.
#[derive(Debug)]
pub(super) struct Keeper {
    folder: PathBuf,
    shell: Child,
    /// `None` once it is to end.
    commands: Option<ChildStdin>,
    results: BufReader<ChildStdout>,
}

impl Keeper {
    /// A new folder in `place`.
    pub(super) fn new(place: &Path) -> Self {
        let unique = getrandom::u64().expect("the system gives random numbers");
        let folder = place.join(format!("ticketing-redis-{unique:016x}"));
        DirBuilder::new().mode(0o700).create(&folder).expect("a folder for a server is made");
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT]).arg(&folder).current_dir(&folder).env("LC_ALL", "C");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // Not among those whom Ctrl-C ends.
        command.process_group(0);
        let mut shell = command.spawn().expect("a shell starts");
        let commands = shell.stdin.take();
        let results = BufReader::new(shell.stdout.take().expect("its output is piped"));
        Self { folder, shell, commands, results }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts the server with what stands in its `redis.conf`; it may not answer yet.
    pub(super) fn start(&mut self, as_sentinel: bool) {
        let mode = if as_sentinel { " --sentinel" } else { "" };
        self.run(&format!("redis-server redis.conf{mode} & server=$!"));
    }

    /// Ends the server at once, in the middle of whatever it does.
    pub(super) fn kill(&mut self) {
        self.run(r#"kill -9 "$server"; wait "$server"; server="#);
    }

    /// Stops the server without ending it: it keeps its connections and says nothing.
    pub(super) fn stop(&mut self) {
        self.run(r#"kill -STOP "$server""#);
    }

    /// Lets it go on.
    pub(super) fn go_on(&mut self) {
        self.run(r#"kill -CONT "$server""#);
    }

    /// Whether the server's process is there.
    pub(super) fn lives(&mut self) -> bool {
        self.run(r#"[ -n "$server" ] && kill -0 "$server""#)
    }

    fn run(&mut self, command: &str) -> bool {
        let commands = self.commands.as_mut().expect("it listens until it is dropped");
        writeln!(commands, "{command}").expect("the shell lives");
        let mut status = String::new();
        self.results.read_line(&mut status).expect("the shell lives");
        status == "0\n"
    }

    pub(super) fn end_of_log(&self) -> String {
        const LINES: usize = 20;
        let log = fs::read(self.folder.join("log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let from = log.lines().count().saturating_sub(LINES);
        log.lines().skip(from).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.commands = None;
        // Nothing can be done about one that fails; it has no result of interest.
        let _ = self.shell.wait();
    }
}
