//! Scripts, and calls of them.

use std::{sync::OnceLock, time::Duration};

use ::redis::Cmd;

/// A Lua script, which the server runs as one step.
#[derive(Debug)]
pub(crate) struct Script {
    source: &'static str,
    hash: OnceLock<String>,
}

impl Script {
    /// The script with this text.
    pub(crate) const fn new(source: &'static str) -> Self {
        Self { source, hash: OnceLock::new() }
    }

    /// A call, to which the arguments are added. In a cluster it goes to the node of `key`, and must touch no
    /// key with another hash tag.
    pub(crate) fn call(&'static self, key: &[u8]) -> Call {
        let mut command = ::redis::cmd("EVALSHA");
        command.arg(self.hash()).arg(1).arg(key);
        Call { script: self, command, patience: None }
    }

    fn hash(&self) -> &str {
        self.hash.get_or_init(|| ::redis::Script::new(self.source).get_hash().to_owned())
    }

    /// What makes the server know it.
    pub(super) fn load(&self) -> Cmd {
        let mut command = ::redis::cmd("SCRIPT");
        command.arg("LOAD").arg(self.source);
        command
    }
}

/// A script with its arguments.
#[derive(Debug)]
pub(crate) struct Call {
    pub(super) script: &'static Script,
    pub(super) command: Cmd,
    /// How long its answer may take, if longer than usual.
    pub(super) patience: Option<Duration>,
}

impl Call {
    /// Lets the answer take longer than usual.
    pub(crate) fn patient(&mut self, patience: Duration) -> &mut Self {
        self.patience = Some(patience);
        self
    }

    /// Adds an argument: `ARGV` of the script.
    pub(crate) fn arg(&mut self, argument: &[u8]) -> &mut Self {
        self.command.arg(argument);
        self
    }

    /// Adds a number.
    pub(crate) fn number(&mut self, number: u64) -> &mut Self {
        self.command.arg(number);
        self
    }
}

/// A time in whole microseconds, as scripts count.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
