//! A shell between the test process and a server: it runs what it is asked, one command after the other,
//! and when nobody is left to ask, it stops the server and removes its folder.

use std::{
    env,
    fmt::Write as _,
    fs::{self, DirBuilder, OpenOptions},
    io::{BufRead, BufReader, Write as _},
    os::unix::{
        fs::{DirBuilderExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use super::programs::Programs;

/// Since every command runs in this shell, none runs on beside the removal. The end of the pipe, which the
/// kernel closes whatever happens to the test process, is the sign for it.
const SCRIPT: &str = r#"
trap '' PIPE
while IFS= read -r command; do
    eval "$command" </dev/null >>log 2>&1
    echo $?
done
"$1" -D data -m immediate -w stop </dev/null >>log 2>&1
cd / && exec rm -rf -- "$0"
"#;

/// The folder of one server with a shell that works in it: its cluster is `data`, its log `log`.
#[derive(Debug)]
pub(super) struct Keeper {
    pub(super) programs: &'static Programs,
    folder: PathBuf,
    shell: Child,
    /// `None` once it is to end.
    commands: Option<ChildStdin>,
    results: BufReader<ChildStdout>,
}

impl Keeper {
    /// A new folder in `place`.
    pub(super) fn new(programs: &'static Programs, place: &Path) -> Self {
        let unique = getrandom::u64().expect("the system gives random numbers");
        let folder = place.join(format!("ticketing-postgres-{unique:016x}"));
        DirBuilder::new().mode(0o700).create(&folder).expect("a folder for a server is made");

        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT]).arg(&folder).arg(programs.path("pg_ctl")).current_dir(&folder);
        for (name, _) in env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"PG")) {
            command.env_remove(name);
        }
        command.env("LC_ALL", "C").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // Not among those whom Ctrl-C ends.
        command.process_group(0);
        if let Some(account) = programs.account() {
            chown(&folder, Some(account.user), Some(account.group)).expect("root gives a folder away");
            command.uid(account.user).gid(account.group);
        }
        let mut shell = command.spawn().expect("a shell starts");
        let commands = shell.stdin.take();
        let results = BufReader::new(shell.stdout.take().expect("its output is piped"));
        Self { programs, folder, shell, commands, results }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Runs the program `name` with `arguments`, which the shell splits into words.
    ///
    /// # Errors
    /// The end of the log, when it says that it failed.
    pub(super) fn run(&mut self, name: &str, arguments: &str) -> Result<(), String> {
        let commands = self.commands.as_mut().expect("it listens until it is dropped");
        writeln!(commands, "{} {arguments}", self.programs.word(name)).expect("the shell lives");
        let mut status = String::new();
        self.results.read_line(&mut status).expect("the shell lives");
        if status == "0\n" { Ok(()) } else { Err(format!("{name} {arguments}: {}", self.end_of_log())) }
    }

    /// Adds to the server's settings; they count from its next start on, the last one of a name wins.
    pub(super) fn configure(&self, settings: &[(&str, &str)]) {
        let mut lines = String::new();
        for (key, value) in settings {
            writeln!(lines, "{key} = '{}'", value.replace('\'', "''")).expect("a string takes more text");
        }
        let file = OpenOptions::new().append(true).open(self.folder.join("data/postgresql.conf"));
        file.and_then(|mut file| file.write_all(lines.as_bytes())).expect("the server's settings are written");
    }

    fn end_of_log(&self) -> String {
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
