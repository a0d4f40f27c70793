use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

pub const WEBHOOK_SECRET: &str = "sandbox-webhook-secret-0123456789abcdef-XYZ";
pub const JWT_SECRET: &str = "json-web-token-secret-0123456789abcdef-XYZ";
pub const ADMIN_EMAIL: &str = "admin@example.com";
pub const ADMIN_PASSWORD: &str = "Organiser-1-of-the-Gala";

/// A server in its own process, on a port of its own; it ends with this value.
pub struct Server {
    child: Child,
    base: String,
    /// What it printed until it was listening.
    pub printed: Vec<String>,
}

impl Server {
    /// Starts one on a store in memory, or as `arguments` say.
    pub fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ticketing-server"));
        command.args(["--listen", "127.0.0.1:0"]).args(arguments);
        if !arguments.contains(&"--store") {
            command.args(["--store", "memory://"]);
        }
        for limit in [
            "LOGIN_PER_ACCOUNT_PER_MINUTE",
            "LOGIN_PER_ADDRESS_PER_MINUTE",
            "SIGNUP_PER_ADDRESS_PER_MINUTE",
            "REQUESTS_PER_USER_PER_SECOND",
            "REQUESTS_PER_ADDRESS_PER_SECOND",
        ] {
            command.env(format!("TICKETING__LIMITS__{limit}"), "0");
        }
        command
            .env("TICKETING__LOG__LEVEL", "warn")
            .env("TICKETING__AUTH__JWT_SECRET", JWT_SECRET)
            .env("TICKETING__PAYMENTS__SANDBOX__WEBHOOK_SECRET", WEBHOOK_SECRET)
            .env("TICKETING__BOOTSTRAP__ADMIN_EMAIL", ADMIN_EMAIL)
            .env("TICKETING__BOOTSTRAP__ADMIN_PASSWORD", ADMIN_PASSWORD)
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut printed = Vec::new();
        let base = loop {
            let line = lines.next().expect("the server ended before it was listening").unwrap();
            match line.strip_prefix("listening on ") {
                Some(base) => break base.to_owned(),
                None => printed.push(line),
            }
        };
        Self { child, base, printed }
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
