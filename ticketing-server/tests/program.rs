//! The program itself: how it starts, why it does not, and how it ends.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

fn program(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ticketing-server"));
    command.current_dir(directory).env_clear();
    command
}

/// Checks that the program ends at once with exit code 2 and one line that has every part.
#[track_caller]
fn check_refused(change: impl FnOnce(&mut Command, &Path), parts: &[&str]) {
    let directory = tempfile::tempdir().unwrap();
    let mut command = program(directory.path());
    command.env("TICKETING__SERVER__LISTEN", "127.0.0.1:0");
    change(&mut command, directory.path());
    let ended = assert_cmd::Command::from_std(command).timeout(std::time::Duration::from_secs(60)).output().unwrap();
    let told = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(2), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(!told.contains("hunter2"), "it told a password: {told}");
    for part in parts {
        assert!(told.contains(part), "no `{part}` in: {told}");
    }
    assert_eq!(String::from_utf8(ended.stdout).unwrap(), "", "it said something on stdout");
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    check_refused(|command, _| _ = command.env("TICKETING__SERVER__LISTEN", &address), &[&address, "in use"]);
}

#[test]
fn a_store_that_is_none_is_named() {
    for (url, part) in [
        ("nonsense", "`nonsense` has no `://`"),
        ("mysql://x", "mysql"),
        ("redis://user:hunter2@127.0.0.1:1/0", "unavailable"),
        ("postgres://user:hunter2@127.0.0.1:1/db", "connect"),
        ("postgres://user:hunter2@127.0.0.1:1/db?sslmode=maybe", "sslmode"),
        ("sqlite:///nonexistent/folder/ticketing.db", "/nonexistent/folder/ticketing.db"),
    ] {
        check_refused(|command, _| _ = command.args(["--store", url]), &["store.url", part]);
    }
}

#[test]
fn a_queue_of_its_own_is_refused_and_the_stores_own_is_not() {
    let queue = |url: &'static str| {
        move |command: &mut Command, _: &Path| _ = command.args(["--store", "memory://", "--queue", url])
    };
    check_refused(queue("sqlite://queue.db"), &["queue.url", "is a redis:// URL"]);
    let directory = tempfile::tempdir().unwrap();
    let mut command = program(directory.path());
    queue("memory://")(&mut command, directory.path());
    Running::start(command, directory).stop();
}

#[test]
fn an_unknown_key_is_named_with_the_nearest_one() {
    check_refused(
        |command, _| _ = command.env("TICKETING__SERVER__LISEN", "x"),
        &["TICKETING__SERVER__LISEN", "TICKETING__SERVER__LISTEN"],
    );
    let in_file = |command: &mut Command, directory: &Path| {
        std::fs::write(directory.join("shop.toml"), "[auth]\njwt_secrets = \"x\"").unwrap();
        command.args(["--config", "shop.toml"]);
    };
    check_refused(in_file, &["auth.jwt_secrets", "auth.jwt_secret`"]);
    check_refused(|command, _| _ = command.args(["--config", "missing.toml"]), &["missing.toml"]);
}

#[test]
fn a_weak_secret_is_refused_without_being_repeated() {
    for secret in ["short", "hunter2hunter2hunter2hunter2hunter2hunter2"] {
        let directory = tempfile::tempdir().unwrap();
        let mut command = program(directory.path());
        command.args(["--store", "memory://"]).env("TICKETING__AUTH__JWT_SECRET", secret);
        let ended = command.output().unwrap();
        let told = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(2), "{told}");
        assert!(
            told.contains("auth.jwt_secret") && told.contains("weak") && !told.contains("hunter2hunter2"),
            "{told}"
        );
    }
}

#[test]
fn a_weak_webhook_secret_is_refused_and_named() {
    for (variable, key) in [
        ("TICKETING__PAYMENTS__SANDBOX__WEBHOOK_SECRET", "payments.sandbox.webhook_secret "),
        ("TICKETING__PAYMENTS__SANDBOX__WEBHOOK_SECRET_PREVIOUS", "payments.sandbox.webhook_secret_previous "),
    ] {
        for weak in ["", "only thirty-one bytes of secret"] {
            check_refused(|command, _| _ = command.args(["--store", "memory://"]).env(variable, weak), &[key, "weak"]);
        }
    }
}

#[test]
fn prod_starts_with_nothing_that_is_made_up() {
    check_refused(|command, _| _ = command.args(["--profile", "prod"]), &["auth.jwt_secret", "prod"]);
    check_refused(|command, _| _ = command.env("TICKETING__PROFILE", "staging"), &["profile", "staging"]);
}

/// Runs `config check` with more to say, and returns its exit code, its stdout and its stderr.
fn config_check(directory: &Path, change: impl FnOnce(&mut Command)) -> (Option<i32>, String, String) {
    let mut command = program(directory);
    command.args(["config", "check"]);
    change(&mut command);
    let ended = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (ended.status.code(), text(ended.stdout), text(ended.stderr))
}

#[test]
fn config_check_prints_every_setting_with_its_origin_and_no_secret() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    write("shop.toml", "[server]\nconnections_max = 300\n[audit]\nkey = \"an-audit-key-for-hunter2-0123456789\"\n");
    write("jwt", "a-token-secret-for-hunter2-0123456789\n");
    let change = |command: &mut Command| {
        command
            .args(["--config", "shop.toml", "--store", "postgres://shop:hunter2@db/tickets"])
            .env("TICKETING__AUTH__JWT_SECRET_FILE", "jwt")
            .env("TICKETING__LIMITS__HOLD_PER_USER_PER_SECOND", "7");
    };
    let (code, told, complaints) = config_check(directory.path(), change);
    assert_eq!((code, complaints.as_str()), (Some(0), ""), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
    let lines: Vec<Vec<&str>> = told.lines().map(|line| line.splitn(3, "  ").map(str::trim).collect()).collect();
    for expected in [
        "server.connections_max | 300 | file shop.toml",
        "store.url | postgres://db/tickets | flag --store",
        "queue.url | postgres://db/tickets | default",
        "audit.key | (set) | file shop.toml",
        "auth.jwt_secret | (set) | environment TICKETING__AUTH__JWT_SECRET_FILE, file jwt",
        "queue.token_secret | (generated) | generated",
        "bootstrap.admin_password | - | default",
        "limits.hold_per_user_per_second | 7 | environment TICKETING__LIMITS__HOLD_PER_USER_PER_SECOND",
        "limits.login_per_account_per_minute | 10 | default",
        "server.cors_origins | [\"*\"] | default",
        "auth.password_require_upper | true | default",
    ] {
        let found = lines.iter().any(|line| {
            let (key, rest) = (line[0], line[1..].join("  "));
            let mut parts = rest.split("  ").map(str::trim).filter(|part| !part.is_empty());
            let (value, origin) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            format!("{key} | {value} | {origin}") == expected
        });
        assert!(found, "no `{expected}` in:\n{told}");
    }
    let (code, json, _) = config_check(directory.path(), |command| {
        change(command);
        command.arg("--json");
    });
    assert_eq!(code, Some(0));
    assert!(!json.contains("hunter2"), "{json}");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let settings = json["settings"].as_array().unwrap();
    assert_eq!((json["ok"].as_bool(), settings.len()), (Some(true), lines.len()));
    let jwt = settings.iter().find(|setting| setting["key"] == "auth.jwt_secret").unwrap();
    let origin = serde_json::json!({
        "kind": "environment", "name": "TICKETING__AUTH__JWT_SECRET_FILE", "secretFile": "jwt",
    });
    assert_eq!((&jwt["value"], &jwt["secret"], &jwt["origin"]), (&"(set)".into(), &true.into(), &origin));
    // It has made nothing, and opened nothing.
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 2);
}

#[test]
fn config_check_tells_everything_that_is_wrong_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let unknown = |command: &mut Command| {
        command.env("TICKETING__LIMITS__HOLDS", "1").env("TICKETING__AUTH__ACCESS_TTL_SECONDS", "soon");
    };
    let (code, told, complaints) = config_check(directory.path(), unknown);
    assert_eq!((code, told.as_str(), complaints.lines().count()), (Some(2), "", 2), "{complaints}");
    assert!(complaints.contains("TICKETING__LIMITS__HOLDS") && complaints.contains("ACCESS_TTL"), "{complaints}");
    let unfit = |command: &mut Command| _ = command.args(["--profile", "prod", "--store", "mysql://x", "--json"]);
    let (code, told, complaints) = config_check(directory.path(), unfit);
    assert_eq!((code, complaints.as_str()), (Some(2), ""));
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let errors: Vec<_> = told["errors"].as_array().unwrap().iter().map(|error| error.as_str().unwrap()).collect();
    assert_eq!(told["ok"], false);
    for key in ["store.url", "auth.jwt_secret", "audit.key", "tickets.signing_seed", "server.public_url", "sandbox"] {
        assert!(errors.iter().any(|error| error.contains(key)), "no {key} in {errors:?}");
    }
}

#[test]
fn a_secret_is_made_once_and_never_stands_in_the_store() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_owned();
    let secrets = || std::fs::read_to_string(path.join("ticketing.db.secrets.toml")).unwrap();
    Running::start(program(&path), directory).stop_and_keep(|directory| {
        let made = secrets();
        Running::start(program(directory.path()), directory).stop_and_keep(|directory| {
            assert_eq!(secrets(), made);
            let values: Vec<&str> = made.split('"').skip(1).step_by(2).collect();
            assert!(values.len() >= 5 && values.iter().all(|value| value.len() >= 32), "{} values", values.len());
            for file in std::fs::read_dir(directory.path()).unwrap() {
                let file = file.unwrap().path();
                let kept = file.to_string_lossy().ends_with("secrets.toml");
                let bytes = std::fs::read(&file).unwrap();
                let has = |value: &&&str| bytes.windows(value.len()).any(|window| window == value.as_bytes());
                assert_eq!(values.iter().filter(has).count(), if kept { values.len() } else { 0 }, "{file:?}");
            }
        });
    });
}

#[test]
fn for_a_store_that_is_in_use_no_secrets_are_made() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_owned();
    Running::start(program(&path), directory).stop_and_keep(|directory| {
        let (store, secrets) = (path.join("ticketing.db"), path.join("ticketing.db.secrets.toml"));
        let kept = path.join("kept.toml");
        std::fs::rename(&secrets, &kept).unwrap();
        let url = format!("sqlite://{}", store.display());
        check_refused(|command, _| _ = command.args(["--store", &url]), &["audit.key", "secrets.toml", "secrets.file"]);
        assert!(!secrets.exists(), "they would be wrong");
        let mut with_them = program(directory.path());
        with_them.env("TICKETING__SECRETS__FILE", &kept);
        Running::start(with_them, directory).stop();
        assert!(!secrets.exists());
    });
}

#[test]
fn a_first_administrator_with_a_weak_password_is_refused() {
    let bootstrap = |command: &mut Command, _: &Path| {
        command.args(["--store", "memory://"]);
        command.env("TICKETING__BOOTSTRAP__ADMIN_EMAIL", "root@example.com");
        command.env("TICKETING__BOOTSTRAP__ADMIN_PASSWORD", "weak");
    };
    check_refused(bootstrap, &["bootstrap.admin_password", "8 to 128 characters"]);
}

#[test]
fn a_second_server_on_one_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ticketing.db").display().to_string();
    let first = Running::start(program(directory.path()), directory);
    check_refused(|command, _| _ = command.args(["--store", &format!("sqlite://{path}")]), &["another server", &path]);
    first.stop();
}

#[test]
fn plain_it_works_and_keeps_its_secrets_to_itself() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_owned();
    let server = Running::start(program(&path), directory);
    let answer = server.get("/readyz");
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let secrets = std::fs::metadata(path.join("ticketing.db.secrets.toml")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&secrets.permissions()) & 0o777, 0o600);
    server.stop();
}

#[test]
fn log_lines_are_json_on_stderr_and_tell_no_secret() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = program(directory.path());
    command.env("TICKETING__LOG__LEVEL", "debug");
    let server = Running::start(command, directory);
    let body = r#"{"email":"kim@example.com","password":"Secret123"}"#;
    for path in ["/api/auth/signup", "/api/auth/login"] {
        server.post(path, body);
    }
    server.get("/api/me?token=hush");
    let log = server.stop();
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect();
    let started: Vec<_> = lines.iter().filter(|line| line["message"] == "started").collect();
    assert_eq!(started.len(), 1, "{log}");
    assert_eq!((started[0]["profile"].as_str(), started[0]["gateway"].as_str()), (Some("local"), Some("sandbox")));
    assert!(started[0]["store"].as_str().is_some_and(|store| store.starts_with("sqlite://")), "{log}");
    assert!(!log.contains("refinery"), "{log}");
    let requests: Vec<&serde_json::Value> = lines.iter().filter(|line| line["message"] == "request").collect();
    let told: Vec<_> = requests
        .iter()
        .map(|line| {
            (line["action"].as_str().unwrap(), line["status"].as_u64().unwrap(), line["outcome"].as_str().unwrap())
        })
        .collect();
    assert_eq!(told, [("auth.signup", 201, "ok"), ("auth.login", 200, "ok"), ("user.show", 401, "token_required")]);
    assert!(requests.iter().all(|line| line["traceId"].as_str().is_some_and(|id| id.len() == 32)), "{log}");
    for secret in ["kim@", "Secret123", "hush", "eyJ"] {
        assert!(!log.contains(secret), "{secret} stands in {log}");
    }
}

/// A server in its own process.
struct Running {
    child: Child,
    address: String,
    _directory: TempDir,
}

impl Running {
    fn start(mut command: Command, directory: TempDir) -> Self {
        command.args(["--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").map(str::to_owned);
        let address = address.unwrap_or_else(|| panic!("it said `{line}`"));
        Self { child, address, _directory: directory }
    }

    fn get(&self, path: &str) -> String {
        self.ask(&format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"))
    }

    fn post(&self, path: &str, body: &str) -> String {
        let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json");
        self.ask(&format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
    }

    fn ask(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// As [`Running::stop`], and hands on the directory it ran in.
    fn stop_and_keep(self, then: impl FnOnce(TempDir)) {
        let Self { child, address, _directory } = self;
        Self { child, address, _directory: tempfile::tempdir().unwrap() }.stop();
        then(_directory);
    }

    /// Sends SIGTERM, checks that the process ends well, and returns its log.
    fn stop(mut self) -> String {
        let killed = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{log}");
        log
    }
}
