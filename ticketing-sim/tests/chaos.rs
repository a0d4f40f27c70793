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

#[test]
fn a_server_that_is_killed_stopped_paused_and_cut_off_keeps_its_promises() {
    let dir = TempDir::new().unwrap();
    let mut command = Command::cargo_bin("ticketing-sim").unwrap();
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TICKETING_")) {
        command.env_remove(name);
    }
    let args = "load --chaos --duration 12 --chaos-every 0.4 --rate 30 --seed 11 --json --html chaos.html";
    let output =
        command.current_dir(dir.path()).args(args.split(' ')).arg("--server-bin").arg(server()).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let faults = report["faults"]["kinds"].as_array().unwrap();
    let kinds: Vec<_> = faults.iter().map(|kind| kind["kind"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"kill_server") && kinds.contains(&"pause_server"), "{report}");
    assert!(faults.iter().all(|kind| kind["neverRecovered"] == 0), "{report}");
    assert_eq!((&report["complaints"], &report["violations"]), (&Value::Array(vec![]), &Value::Array(vec![])));
    assert!(report["purchases"].as_i64() > Some(20), "{report}");
    assert_eq!(report["unresolved"], 0);
    let page = std::fs::read_to_string(dir.path().join("chaos.html")).unwrap();
    assert!(page.contains("class=\"fault\"") && page.contains("kill server"), "the page marks the faults");
}
