//! The engine's keys from the environment, under the server's names.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret, SecretString, zeroize::Zeroizing};
use ticketing_core::engine::Keys;

use super::{Secrets, SecretsError, WeakSecret, file, is_weak, parse_seed};
use crate::url::UrlError;

const AUDIT_KEY: &str = "TICKETING__AUDIT__KEY";
const QUEUE_TOKEN_SECRET: &str = "TICKETING__QUEUE__TOKEN_SECRET";
const TICKET_SIGNING_SEED: &str = "TICKETING__TICKETS__SIGNING_SEED";
const TICKET_SIGNING_SEED_PREVIOUS: &str = "TICKETING__TICKETS__SIGNING_SEED_PREVIOUS";
/// Where the rest is, in place of beside the store.
const SECRETS_FILE: &str = "TICKETING__SECRETS__FILE";

impl Secrets {
    /// The keys of an engine on the store at `store_url`, as the server beside it has them:
    /// `TICKETING__AUDIT__KEY`, `TICKETING__QUEUE__TOKEN_SECRET`, `TICKETING__TICKETS__SIGNING_SEED` and
    /// `TICKETING__TICKETS__SIGNING_SEED_PREVIOUS`, each of them or the file that `…_FILE` names. What the
    /// environment does not give comes from the file that `TICKETING__SECRETS__FILE` names, or else from
    /// [`Secrets::load_or_create`]; they are asked only then.
    ///
    /// # Errors
    /// [`SecretsError`] names the variable or the file that is wrong, and never what it holds.
    pub fn keys_from_environment(store_url: &str) -> Result<Keys, SecretsError> {
        keys(|name| env::var_os(name), make_rest(store_url))
    }

    /// The same for whoever only looks: where [`Secrets::keys_from_environment`] would make a file, there are
    /// no keys.
    ///
    /// # Errors
    /// [`SecretsError`], also where there is no file and the environment does not have all.
    pub fn existing_keys_from_environment(store_url: &str) -> Result<Keys, SecretsError> {
        keys(|name| env::var_os(name), read_rest(store_url))
    }

    /// The file that holds what the environment does not give: the one that `TICKETING__SECRETS__FILE` names,
    /// or else [`Secrets::file_of`] the store.
    ///
    /// # Errors
    /// [`UrlError`] when the URL names no store.
    pub fn file_from_environment(store_url: &str) -> Result<Option<PathBuf>, UrlError> {
        match env::var_os(SECRETS_FILE) {
            Some(file) => Ok(Some(file.into())),
            None => Self::file_of(store_url),
        }
    }
}

/// Reads the file that is named, or else the store's, and makes it if there is none.
fn make_rest(store_url: &str) -> impl FnOnce(Option<OsString>) -> Result<Secrets, SecretsError> {
    move |named| match named {
        Some(file) => Secrets::load_or_create_in(Path::new(&file)),
        None => Secrets::load_or_create(store_url),
    }
}

/// Reads the same file, and makes none.
fn read_rest(store_url: &str) -> impl FnOnce(Option<OsString>) -> Result<Secrets, SecretsError> {
    move |named| match named.map(PathBuf::from).map_or_else(|| Secrets::file_of(store_url), |file| Ok(Some(file)))? {
        Some(file) => file::read(&file),
        None => Secrets::generate().map_err(SecretsError::Randomness),
    }
}

fn keys(
    variable: impl Fn(&str) -> Option<OsString>,
    rest: impl FnOnce(Option<OsString>) -> Result<Secrets, SecretsError>,
) -> Result<Keys, SecretsError> {
    let (audit, queue_token) = (strong(AUDIT_KEY, &variable)?, strong(QUEUE_TOKEN_SECRET, &variable)?);
    let seed_of = |name| secret(name, &variable)?.map(|text| seed(name, &text)).transpose();
    let (seed, previous) = (seed_of(TICKET_SIGNING_SEED)?, seed_of(TICKET_SIGNING_SEED_PREVIOUS)?);
    let mut secrets = match (&audit, &queue_token, &seed) {
        (Some(audit), Some(queue_token), Some(seed)) => {
            let (audit, queue_token) = (audit.expose_secret().as_bytes(), queue_token.expose_secret().as_bytes());
            let keys = Keys::new(audit, queue_token, seed);
            return Ok(match &previous {
                Some(previous) => keys.with_previous_ticket_seed(previous),
                None => keys,
            });
        }
        _ => rest(variable(SECRETS_FILE))?,
    };
    secrets.audit_key = audit.unwrap_or(secrets.audit_key);
    secrets.queue_token_key = queue_token.unwrap_or(secrets.queue_token_key);
    secrets.ticket_signing_seed = seed.map_or(secrets.ticket_signing_seed, |seed| *seed);
    secrets.ticket_signing_seed_previous = previous.map(|seed| *seed).or(secrets.ticket_signing_seed_previous);
    Ok(secrets.keys())
}

/// The variable's value, or the content of the file that its `…_FILE` names.
fn secret(
    name: &'static str,
    variable: &impl Fn(&str) -> Option<OsString>,
) -> Result<Option<SecretString>, SecretsError> {
    let in_file = format!("{name}_FILE");
    let wrong = |name: &str, detail: String| SecretsError::Variable { name: name.to_owned(), detail };
    match (variable(name), variable(&in_file)) {
        (Some(_), Some(_)) => Err(wrong(name, format!("{in_file} is set too; one is enough"))),
        (Some(value), None) => {
            let value = value.into_string().map_err(|_| wrong(name, "not UTF-8".to_owned()))?;
            Ok(Some(value.into()))
        }
        (None, Some(path)) => {
            let path = Path::new(&path);
            let text = fs::read_to_string(path).map(Zeroizing::new);
            let text = text.map_err(|error| wrong(&in_file, format!("cannot read {}: {error}", path.display())))?;
            Ok(Some(text.trim_end_matches(['\r', '\n']).into()))
        }
        (None, None) => Ok(None),
    }
}

fn strong(
    name: &'static str,
    variable: &impl Fn(&str) -> Option<OsString>,
) -> Result<Option<SecretString>, SecretsError> {
    let secret = secret(name, variable)?;
    match &secret {
        Some(text) if is_weak(text.expose_secret().as_bytes()) => Err(WeakSecret { name }.into()),
        _ => Ok(secret),
    }
}

fn seed(name: &'static str, text: &SecretString) -> Result<Zeroizing<[u8; 32]>, SecretsError> {
    let wrong = |error: super::SeedError| SecretsError::Variable { name: name.to_owned(), detail: error.to_string() };
    let seed = parse_seed(text.expose_secret()).map(Zeroizing::new).map_err(wrong)?;
    if is_weak(&*seed) { Err(WeakSecret { name }.into()) } else { Ok(seed) }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    const AUDIT: &str = "an audit key of more than 32 bytes, for a test";
    const TOKEN: &str = "a token secret of more than 32 bytes, for a test";
    const SEED: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    struct Place {
        folder: TempDir,
    }

    impl Place {
        fn new() -> Self {
            Self { folder: tempfile::tempdir().unwrap() }
        }

        fn url(&self) -> String {
            format!("sqlite://{}", self.folder.path().join("ticketing.db").display())
        }

        fn keys(&self, variables: &[(&str, &str)]) -> Result<Keys, SecretsError> {
            keys(given(variables), make_rest(&self.url()))
        }

        fn existing_keys(&self, variables: &[(&str, &str)]) -> Result<Keys, SecretsError> {
            keys(given(variables), read_rest(&self.url()))
        }

        fn has_file(&self) -> bool {
            self.folder.path().join("ticketing.db.secrets.toml").exists()
        }
    }

    fn given(variables: &[(&str, &str)]) -> impl Fn(&str) -> Option<OsString> {
        move |name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
    }

    fn public_key(keys: &Keys) -> String {
        format!("{:?}", keys.ticket_signer.public_key())
    }

    #[test]
    fn a_full_environment_needs_no_file_and_makes_none() {
        let place = Place::new();
        let all = [(AUDIT_KEY, AUDIT), (QUEUE_TOKEN_SECRET, TOKEN), (TICKET_SIGNING_SEED, SEED)];
        let keys = place.keys(&all).unwrap();
        let expected = Keys::new(AUDIT.as_bytes(), TOKEN.as_bytes(), &parse_seed(SEED).unwrap());
        assert_eq!(public_key(&keys), public_key(&expected));
        assert!(!place.has_file());
    }

    #[test]
    fn what_the_environment_lacks_is_in_the_file_beside_the_store() {
        let place = Place::new();
        let from_file = place.keys(&[(AUDIT_KEY, AUDIT)]).unwrap();
        assert!(place.has_file());
        let on_file = Secrets::load_or_create(&place.url()).unwrap().keys();
        assert_eq!(public_key(&from_file), public_key(&on_file));
        let from_both = place.keys(&[(TICKET_SIGNING_SEED, SEED)]).unwrap();
        assert_ne!(public_key(&from_both), public_key(&on_file));
    }

    #[test]
    fn a_file_that_is_named_takes_the_place_of_the_one_beside_the_store() {
        let place = Place::new();
        let path = place.folder.path().join("shared.toml");
        let named = (SECRETS_FILE, path.to_str().unwrap());
        let from_file = place.keys(&[named]).unwrap();
        assert!(path.exists() && !place.has_file());
        assert_eq!(public_key(&from_file), public_key(&Secrets::load_or_create_in(&path).unwrap().keys()));
        let elsewhere = keys(given(&[named]), make_rest("postgres://db/tickets")).unwrap();
        assert_eq!(public_key(&elsewhere), public_key(&from_file));
        let from_both = place.keys(&[named, (TICKET_SIGNING_SEED, SEED)]).unwrap();
        assert_ne!(public_key(&from_both), public_key(&from_file));
    }

    #[test]
    fn who_only_looks_finds_what_there_is_and_makes_nothing() {
        let place = Place::new();
        let shared = place.folder.path().join("shared.toml");
        let named = (SECRETS_FILE, shared.to_str().unwrap());
        for variables in [&[][..], &[(AUDIT_KEY, AUDIT)], &[named]] {
            let line = place.existing_keys(variables).unwrap_err().to_string();
            assert!(line.contains("cannot read the secrets file"), "{line}");
        }
        assert!(!place.has_file() && !shared.exists());

        let all = [(AUDIT_KEY, AUDIT), (QUEUE_TOKEN_SECRET, TOKEN), (TICKET_SIGNING_SEED, SEED)];
        assert!(place.existing_keys(&all).is_ok() && !place.has_file());
        for variables in [&[][..], &[named]] {
            let made = place.keys(variables).unwrap();
            assert_eq!(public_key(&place.existing_keys(variables).unwrap()), public_key(&made));
        }
    }

    #[test]
    fn a_secret_may_stand_in_a_file_of_its_own_with_a_line_end() {
        let place = Place::new();
        let path = place.folder.path().join("seed");
        fs::write(&path, format!("{SEED}\r\n")).unwrap();
        let in_file = place.keys(&[("TICKETING__TICKETS__SIGNING_SEED_FILE", path.to_str().unwrap())]).unwrap();
        assert_eq!(public_key(&in_file), public_key(&place.keys(&[(TICKET_SIGNING_SEED, SEED)]).unwrap()));
    }

    #[track_caller]
    fn check(variables: &[(&str, &str)], expected: &[&str]) {
        let place = Place::new();
        let line = place.keys(variables).unwrap_err().to_string();
        assert!(expected.iter().all(|part| line.contains(part)) && !line.contains('\n'), "{line}");
        assert!(!place.has_file(), "a file was made for nothing");
    }

    #[test]
    fn what_is_wrong_is_named_in_one_line_without_the_secret() {
        let both = [(AUDIT_KEY, AUDIT), ("TICKETING__AUDIT__KEY_FILE", "/nonexistent")];
        check(&both, &[AUDIT_KEY, "TICKETING__AUDIT__KEY_FILE", "one is enough"]);
        let missing = [("TICKETING__QUEUE__TOKEN_SECRET_FILE", "/nonexistent/secret")];
        check(&missing, &["TICKETING__QUEUE__TOKEN_SECRET_FILE", "/nonexistent/secret"]);
        check(&[(TICKET_SIGNING_SEED, "seed")], &[TICKET_SIGNING_SEED, "32 bytes"]);
        check(&[(TICKET_SIGNING_SEED, &"0".repeat(64))], &[TICKET_SIGNING_SEED, "weak"]);
        check(&[(AUDIT_KEY, "hunter2")], &[AUDIT_KEY, "weak"]);
        let place = Place::new();
        let shown = format!("{:?}", place.keys(&[(AUDIT_KEY, "hunter2")]).unwrap_err());
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[cfg(unix)]
    #[test]
    fn a_value_that_is_no_text_is_refused() {
        use std::os::unix::ffi::OsStringExt;
        let place = Place::new();
        let garbage = |name: &str| (name == AUDIT_KEY).then(|| OsString::from_vec(vec![0xff; 40]));
        let line = keys(garbage, make_rest(&place.url())).unwrap_err().to_string();
        assert!(line.contains(AUDIT_KEY) && line.contains("UTF-8"), "{line}");
    }
}
