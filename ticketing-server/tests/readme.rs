//! The README's curl lines buy a ticket, as they stand there.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        // It is ours, and it may be gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_readme_buys_a_ticket_and_shows_its_code() {
    let folder = tempfile::tempdir().unwrap();
    let (demo, base) = start(folder.path());
    let script = block("<!-- run by ticketing-server/tests/readme.rs -->").replace("http://127.0.0.1:8080", &base);
    let output = Command::new("sh").args(["-eu", "-c", &script]).current_dir(folder.path()).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
    assert_eq!(stdout.matches("\"status\":\"VALID\"").count(), 2, "two tickets were bought: {stdout}\n{stderr}");
    let svg = std::fs::read_to_string(folder.path().join("ticket.svg")).unwrap();
    assert!(svg.contains("<svg"), "{svg}");
    drop(demo);
}

fn start(folder: &Path) -> (Demo, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ticketing-server"))
        .args(["--demo", "--listen", "127.0.0.1:0"])
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let stdout = child.stdout.take().unwrap();
    let demo = Demo(child);
    let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
    let base = lines.find_map(|line| line.strip_prefix("listening on ").map(str::to_owned)).expect("the demo listens");
    std::thread::spawn(move || lines.for_each(drop));
    (demo, base)
}

/// The README's code block behind `marker`.
fn block(marker: &str) -> String {
    let readme = include_str!("../../README.md");
    let (_, behind) = readme.split_once(marker).expect("the README has the marker");
    let (_, code) = behind.split_once("```sh\n").expect("a block follows the marker");
    code.split_once("\n```").expect("the block ends").0.to_owned()
}
