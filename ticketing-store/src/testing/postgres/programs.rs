//! Where Postgres is installed, and as whom it may run.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The programs of one installation, and the account they run under.
#[derive(Debug)]
pub(super) struct Programs {
    folder: PathBuf,
    /// Somebody else than root, whom Postgres refuses. `None`: whoever runs the tests.
    account: Option<Account>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Account {
    pub(super) user: u32,
    pub(super) group: u32,
}

impl Programs {
    /// Those on the `PATH`, or the newest that Debian's packages installed; else what is missing.
    pub(super) fn find() -> Result<&'static Self, &'static str> {
        static FOUND: OnceLock<Result<Programs, &'static str>> = OnceLock::new();
        FOUND.get_or_init(Self::look).as_ref().map_err(|missing| *missing)
    }

    fn look() -> Result<Self, &'static str> {
        let folder = on_path().or_else(newest_of_debian).ok_or("found no `initdb`, `pg_ctl` and `postgres`")?;
        let account = match id("-u", None) {
            Some(0) => Some(Account::of("postgres").ok_or("it refuses root, and there is no user `postgres`")?),
            Some(_) | None => None,
        };
        Ok(Self { folder, account })
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The path of one of its programs, as a word for a shell.
    pub(super) fn word(&self, name: &str) -> String {
        format!("'{}'", self.path(name).display().to_string().replace('\'', r"'\''"))
    }

    pub(super) fn account(&self) -> Option<Account> {
        self.account
    }
}

impl Account {
    fn of(name: &str) -> Option<Self> {
        Some(Self { user: id("-u", Some(name))?, group: id("-g", Some(name))? })
    }
}

fn id(which: &str, name: Option<&str>) -> Option<u32> {
    let output = Command::new("id").arg(which).args(name).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

fn on_path() -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).find_map(|folder| installation(&folder))
}

fn newest_of_debian() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let found = versions.filter_map(|version| {
        let number: u32 = version.file_name().to_str()?.parse().ok()?;
        Some((number, installation(&version.path().join("bin"))?))
    });
    found.max().map(|(_, folder)| folder)
}

/// The folder that `folder`'s `initdb` really stands in, if a whole server is there: on the `PATH` there
/// may be links to some of its programs only.
fn installation(folder: &Path) -> Option<PathBuf> {
    let initdb = fs::canonicalize(folder.join("initdb")).ok()?;
    let folder = initdb.parent()?;
    let needed = ["pg_basebackup", "pg_ctl", "postgres"];
    needed.iter().all(|name| folder.join(name).is_file()).then(|| folder.to_owned())
}
