//! A store in a directory of its own, and the program at work on it.

use std::path::PathBuf;

use assert_cmd::Command;
use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;

pub const PASSWORD: &str = "Secret123\n";

/// A directory with a store, or without one yet.
pub struct Shop {
    dir: TempDir,
}

/// What a run of the program came to.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Shop {
    /// No store yet.
    pub fn empty() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    /// A migrated store.
    pub fn open() -> Self {
        let shop = Self::empty();
        shop.run(&["migrate"]).done();
        shop
    }

    pub fn file(&self) -> PathBuf {
        self.dir.path().join("ticketing.db")
    }

    pub fn url(&self) -> String {
        format!("sqlite://{}", self.file().display())
    }

    /// The program with these arguments, on this store, in this directory.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::cargo_bin("ticketing").unwrap();
        command.current_dir(self.dir.path()).args(args);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TICKETING__")) {
            command.env_remove(name);
        }
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::of(&mut self.command(args))
    }

    pub fn run_with_input(&self, args: &[&str], input: &str) -> Ran {
        Ran::of(self.command(args).write_stdin(input))
    }

    /// Runs it with `--json` and reads its answer.
    pub fn json(&self, args: &[&str]) -> Value {
        let ran = self.run(&[args, &["--json"]].concat()).done();
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.stdout))
    }

    /// A published event.
    pub fn event(&self) -> String {
        let event = self.json(&["event", "create", "--title", "Spring", "--venue", "Hall", "--publish"]);
        event["id"].as_str().unwrap().to_owned()
    }

    /// A session of a published event that sells, with these arguments more.
    pub fn session(&self, more: &[&str]) -> String {
        let event = self.event();
        let args =
            ["session", "create", &event, "--start-at", "2099-04-01T19:00:00+09:00", "--price", "55000", "--open"];
        self.json(&[&args, more].concat())["id"].as_str().unwrap().to_owned()
    }

    /// The database itself, behind the program's back and without its guards.
    pub fn database(&self) -> Connection {
        let connection = Connection::open(self.file()).unwrap();
        connection.pragma_update(None, "ignore_check_constraints", true).unwrap();
        connection
    }
}

impl Ran {
    fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        Self {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// It succeeded.
    #[track_caller]
    pub fn done(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    /// It ended with `code`.
    #[track_caller]
    pub fn done_with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }

    /// It ended with `code`, printed nothing on stdout, and said `word` on stderr.
    #[track_caller]
    pub fn failed(self, code: i32, word: &str) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        assert!(self.stderr.starts_with("error: ") && self.stderr.contains(word), "{self:?}");
        self
    }
}
