//! `--demo`: the printed lines buy a ticket.

#[macro_use]
mod store;

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use store::Store;

on_stores! {
    sqlite postgres redis => {
        the_printed_lines_buy_tickets_and_a_second_start_finds_the_same_demo
        the_printed_lines_choose_seats_and_stop_with_the_servers_answer_when_they_are_taken
    }
}

/// A server with `--demo` in its own process; it ends with this value.
struct DemoServer {
    child: Child,
    printed: Vec<String>,
}

impl DemoServer {
    fn start(store: &Store, directory: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ticketing-server"));
        command.args(["--demo", "--listen", "127.0.0.1:0", "--store", &store.url()]).current_dir(directory);
        let mut child = command.env("TICKETING__LOG__LEVEL", "warn").stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let printed = lines.take_while(|line| !line.starts_with("listening on ")).collect();
        Self { child, printed }
    }
}

impl Drop for DemoServer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the printed lines in `sh`, in a directory of their own.
fn run(server: &DemoServer, directory: &Path) -> Output {
    run_lines(&server.printed, directory)
}

fn run_lines(lines: &[String], directory: &Path) -> Output {
    let script = lines.join("\n");
    Command::new("sh").args(["-eu", "-c", &script]).current_dir(directory).output().unwrap()
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

async fn the_printed_lines_buy_tickets_and_a_second_start_finds_the_same_demo(store: &Store) {
    if !is_there("curl") {
        assert!(std::env::var_os("CI").is_none(), "curl is needed to run the printed lines");
        eprintln!("SKIPPED: curl is not installed, so the demo's printed lines were not run");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let start = || DemoServer::start(store, directory.path());
    let ids = |server: &DemoServer| -> Vec<String> {
        let words = server.printed.iter().flat_map(|line| line.split_whitespace()).map(str::to_owned);
        words.filter(|word| word.starts_with("session_") || word.starts_with("Demo1-")).take(4).collect()
    };

    let first = start();
    let output = run(&first, directory.path());
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}");
    assert!(told.contains("\"status\":\"VALID\""), "{output:?}");
    let picture = std::fs::read_to_string(directory.path().join("ticket.svg")).unwrap();
    assert!(picture.contains("<svg"), "{picture}");
    let made = ids(&first);
    assert_eq!(made.len(), 4, "two sessions and two passwords: {:?}", first.printed);
    drop(first);

    let second = start();
    assert_eq!(ids(&second), made);
    assert!(second.printed[0].contains("found"), "{:?}", second.printed);
    let again = run(&second, directory.path());
    assert!(again.status.success(), "{again:?}");
}

/// The printed lines, with the one that chooses seats in place of the one before it.
fn choosing_seats(printed: &[String]) -> Vec<String> {
    let numbered = printed.iter().position(|line| line.starts_with("buy ")).expect("a line that buys");
    let seated = printed.iter().find_map(|line| line.strip_prefix("# buy ")).expect("a line that chooses seats");
    let mut lines = printed.to_vec();
    lines[numbered] = format!("buy {seated}");
    lines
}

async fn the_printed_lines_choose_seats_and_stop_with_the_servers_answer_when_they_are_taken(store: &Store) {
    if !is_there("curl") {
        assert!(std::env::var_os("CI").is_none(), "curl is needed to run the printed lines");
        eprintln!("SKIPPED: curl is not installed, so the demo's printed lines were not run");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let first = DemoServer::start(store, directory.path());
    let lines = choosing_seats(&first.printed);
    let output = run_lines(&lines, directory.path());
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && told.contains("\"seatId\":\"B1\""), "{output:?}");
    let refused = run_lines(&lines, directory.path());
    assert!(!refused.status.success(), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("seat_taken"), "{refused:?}");
    assert!(!String::from_utf8_lossy(&refused.stdout).contains("payment page"), "{refused:?}");
    drop(first);

    let second = DemoServer::start(store, directory.path());
    let output = run_lines(&choosing_seats(&second.printed), directory.path());
    assert!(output.status.success(), "{output:?}");
}
