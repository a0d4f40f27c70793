//! The secrets file beside the store.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
};

use secrecy::{ExposeSecret, SecretString};
use tempfile::TempDir;
use ticketing_store::{
    Secrets,
    secrets::{SecretsError, WeakSecret},
};

fn place() -> (TempDir, String, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("ticketing.db");
    let url = format!("sqlite://{}", database.display());
    let file = folder.path().join("ticketing.db.secrets.toml");
    (folder, url, file)
}

fn all(secrets: &Secrets) -> Vec<String> {
    let texts = [&secrets.jwt_secret, &secrets.audit_key, &secrets.queue_token_key, &secrets.webhook_secret];
    let mut all: Vec<_> = texts.iter().map(|text| text.expose_secret().to_owned()).collect();
    all.push(format!("{:?}", secrets.ticket_signing_seed));
    all
}

#[test]
fn secrets_are_made_once_and_read_ever_after() {
    let (folder, url, file) = place();
    let made = Secrets::load_or_create(&url).unwrap();
    assert_eq!(made.check(), Ok(()));
    assert_eq!(all(&Secrets::load_or_create(&url).unwrap()), all(&made));
    assert!(file.exists());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "a draft was left behind");

    let mut different = all(&made);
    different.sort();
    different.dedup();
    assert_eq!(different.len(), 5);
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_them() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, url, file) = place();
    Secrets::load_or_create(&url).unwrap();
    assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn processes_that_start_at_once_end_with_the_same() {
    let (folder, url, _file) = place();
    let starts: Vec<_> = (0..16)
        .map(|_| {
            let url = url.clone();
            thread::spawn(move || all(&Secrets::load_or_create(&url).unwrap()))
        })
        .collect();
    let mut found: Vec<_> = starts.into_iter().map(|start| start.join().unwrap()).collect();
    found.dedup();
    assert_eq!(found.len(), 1);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "a draft was left behind");
}

#[test]
fn secrets_in_memory_are_fresh_each_time() {
    let one = Secrets::load_or_create("memory://").unwrap();
    assert_ne!(all(&one), all(&Secrets::load_or_create("memory://").unwrap()));
}

#[track_caller]
fn check(edit: impl Fn(&str) -> String, expected: &str) -> SecretsError {
    let (_folder, url, file) = place();
    let made = Secrets::load_or_create(&url).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, edit(&text)).unwrap();
    let error = Secrets::load_or_create(&url).unwrap_err();
    let line = error.to_string();
    assert!(line.contains(expected) && line.contains("ticketing.db.secrets.toml"), "{line}");
    for secret in all(&made) {
        assert!(!format!("{line}{error:?}").contains(&secret), "a secret is in the message: {line}");
    }
    error
}

#[test]
fn a_garbled_file_is_named_and_its_secrets_are_not_repeated() {
    check(|text| text.replace("audit_key = \"", "audit_key = "), "garbled");
    check(|text| text.replace("audit_key", "audit_kee"), "audit_kee");
    check(|text| text.replace("ticket_signing_seed = \"", "ticket_signing_seed = \"zz"), "64 hexadecimal digits");
    check(|_| String::new(), "jwt_secret");
}

#[test]
fn a_weak_secret_is_named() {
    let weaken = |text: &str| {
        let line = text.lines().find(|line| line.starts_with("queue_token_key")).unwrap().to_owned();
        text.replace(&line, "queue_token_key = \"secret\"")
    };
    assert!(matches!(check(weaken, "queue_token_key is too weak"), SecretsError::Weak { .. }));

    let mut secrets = Secrets::generate().unwrap();
    secrets.jwt_secret = SecretString::from("0".repeat(64));
    assert_eq!(secrets.check(), Err(WeakSecret { name: "jwt_secret" }));
    secrets.jwt_secret = SecretString::from("0123456789abcdef0123456789abcdef");
    assert_eq!(secrets.check(), Ok(()));
    secrets.ticket_signing_seed = [0; 32];
    assert_eq!(secrets.check(), Err(WeakSecret { name: "ticket_signing_seed" }));
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let (_folder, url, file) = place();
    fs::create_dir(&file).unwrap();
    let error = Secrets::load_or_create(&url).unwrap_err();
    assert!(matches!(&error, SecretsError::File { action: "read", path, .. } if path == &file), "{error}");

    let nowhere = Path::new(&url.replace("sqlite://", "")).join("no/such/folder/t.db");
    let error = Secrets::load_or_create(&format!("sqlite://{}", nowhere.display())).unwrap_err();
    assert!(matches!(error, SecretsError::File { action: "make", .. }), "{error}");
}

#[test]
fn secrets_are_not_shown_by_debug() {
    assert_eq!(format!("{:?}", Secrets::generate().unwrap()), "Secrets(…)");
}
