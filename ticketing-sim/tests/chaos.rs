//! The simulator breaks what it started itself.

use std::{path::PathBuf, process};

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

/// The server's program, which is built beside the simulator's; when nobody has, it is now.
fn server() -> PathBuf {
    let sim = assert_cmd::cargo::cargo_bin("ticketing-sim");
    let server = sim.with_file_name("ticketing-server");
    if !server.exists() {
        let release = sim.components().any(|part| part.as_os_str() == "release");
        let mut build = process::Command::new(env!("CARGO"));
        build.args(["build", "--locked", "-p", "ticketing-server", "--bin", "ticketing-server"]);
        build.args(release.then_some("--release")).current_dir(env!("CARGO_MANIFEST_DIR"));
        assert!(build.status().expect("cargo runs").success(), "the server is built");
    }
    server
}

/// The report of a run under faults, which must find nothing to complain of; `None` where what it is to stand on is not
/// installed.
fn run(args: &str, folder: &TempDir) -> Option<Value> {
    let mut command = Command::cargo_bin("ticketing-sim").unwrap();
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TICKETING_")) {
        command.env_remove(name);
    }
    let output = command.current_dir(folder.path()).args(args.split(' ')).arg("--server-bin").arg(server()).output();
    let output = output.unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    if stderr.contains("install the package") && std::env::var_os("CI").is_none() {
        eprintln!("SKIPPED: {stderr}");
        return None;
    }
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let faults = report["faults"]["kinds"].as_array().unwrap();
    for kind in faults {
        // A place in the waiting room, which is what is asked for again and again, is given without the gateway.
        let is_gateways = kind["kind"].as_str().unwrap().contains("gateway");
        assert_eq!(kind["recovery"].is_null(), is_gateways, "{report}");
        assert!(is_gateways || kind["recovery"]["never"] == 0, "{report}");
    }
    assert_eq!((&report["complaints"], &report["violations"]), (&Value::Array(vec![]), &Value::Array(vec![])));
    assert!(report["purchases"].as_i64() > Some(20), "{report}");
    assert_eq!(report["unresolved"], 0);
    let (captured, given_back) = (&report["taken"]["captured"], &report["taken"]["givenBack"]);
    assert!(captured.as_i64() > Some(20) && given_back.as_i64() > Some(0), "{report}");
    Some(report)
}

fn kinds(report: &Value) -> Vec<&str> {
    let faults = report["faults"]["kinds"].as_array().unwrap();
    faults.iter().map(|kind| kind["kind"].as_str().unwrap()).collect()
}

#[test]
fn a_server_that_is_killed_stopped_paused_and_cut_off_keeps_its_promises() {
    let folder = TempDir::new().unwrap();
    // Too short for the gateway to say nothing for longer than a server waits, which would leave no time for others.
    let args = "load --chaos --duration 12 --chaos-every 0.2 --rate 30 --seed 11 --json --html chaos.html --history \
                chaos.jsonl";
    let report = run(args, &folder).expect("it needs no more than the server");
    let kinds = kinds(&report);
    assert!(kinds.contains(&"kill_server") && kinds.contains(&"pause_server"), "{report}");
    let page = std::fs::read_to_string(folder.path().join("chaos.html")).unwrap();
    assert!(page.contains("class=\"fault\"") && page.contains("kill server"), "the page marks the faults");
    let history = std::fs::read_to_string(folder.path().join("chaos.jsonl")).unwrap();
    let mut stories = history.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let unreported = stories.find(|story| story["plan"]["delivery"] == "lost" && story["reported"].is_object());
    let unreported = unreported.expect("some have paid, and no callback says so");
    assert_eq!(unreported["reported"]["answered"], 0);
    assert!(unreported["reported"]["settled"].is_string(), "the server has asked the gateway: {unreported}");
}

#[test]
fn so_do_servers_whose_database_and_waiting_rooms_break() {
    let folder = TempDir::new().unwrap();
    // Two short sales.
    let found = run(
        "load --chaos --chaos-store postgres+redis --duration 24 --chaos-every 0.2 --rate 30 --seed 5 --json",
        &folder,
    );
    let Some(report) = found else { return };
    assert!(kinds(&report).len() > 5, "{report}");
}
