//! The README's command lines run a shop, as they stand there.

use std::{env, path::Path, process::Command};

#[test]
fn the_readme_runs_a_shop_from_an_empty_folder_to_a_clean_proof() {
    let folder = tempfile::tempdir().unwrap();
    let programs = Path::new(env!("CARGO_BIN_EXE_ticketing")).parent().unwrap().to_owned();
    let inherited = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([programs].into_iter().chain(env::split_paths(&inherited))).unwrap();
    let mut shell = Command::new("sh");
    shell.args(["-eu", "-c", block("<!-- run by ticketing-cli/tests/readme.rs -->")]);
    shell.current_dir(folder.path()).env("PATH", path);
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TICKETING__")) {
        shell.env_remove(name);
    }
    let output = shell.output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
    for shown in ["admin@example.com", "PUBLISHED", "OPEN", "55000"] {
        assert!(stdout.contains(shown), "{shown} is not in {stdout}\n{stderr}");
    }
    assert!(stderr.contains("every invariant holds"), "{stdout}\n{stderr}");
    assert!(folder.path().join("shop.db").exists());
}

/// The README's code block behind `marker`.
fn block(marker: &str) -> &'static str {
    let readme = include_str!("../../README.md");
    let (_, behind) = readme.split_once(marker).expect("the README has the marker");
    let (_, code) = behind.split_once("```sh\n").expect("a block follows the marker");
    code.split_once("\n```").expect("the block ends").0
}
