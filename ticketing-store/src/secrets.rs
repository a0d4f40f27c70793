//! The secrets of a local installation, kept in a file beside its store and never in it.

mod environment;
mod seed;

use std::{
    ffi::OsString,
    fmt, fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use ticketing_core::engine::Keys;

use self::seed::unhex;
pub use self::seed::{SeedError, parse_seed};
use crate::url::{StoreUrl, UrlError};

/// Shortest secret, in bytes.
pub const BYTES_MIN: usize = 32;

const HEADER: &str = "# Secrets of this ticketing store. Whoever reads them can forge logins, tickets and payments.\n\
     # Keep them with the store's backups: without audit_key the audit log cannot be verified.\n";

/// What a server and its command line sign and verify with.
///
/// The fields may be replaced, by the environment for instance; [`Secrets::check`] then tells whether
/// they are strong enough.
#[derive(Clone)]
pub struct Secrets {
    /// Signs access tokens.
    pub jwt_secret: SecretString,
    /// Chains the audit log.
    pub audit_key: SecretString,
    /// Signs queue tokens.
    pub queue_token_key: SecretString,
    /// Signs the sandbox gateway's callbacks.
    pub webhook_secret: SecretString,
    /// The Ed25519 key that tickets are signed with.
    pub ticket_signing_seed: [u8; 32],
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(…)")
    }
}

/// A secret that is too short, or the same byte over and over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} is too weak: it needs {BYTES_MIN} random bytes or more")]
pub struct WeakSecret {
    /// Which one.
    pub name: &'static str,
}

/// Why there are no secrets.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretsError {
    /// The URL names no store.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The file cannot be read or made.
    #[error("cannot {action} the secrets file {}: {source}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file is not what it should be.
    #[error("the secrets file {} is garbled: {detail}", path.display())]
    Garbled {
        /// The file.
        path: PathBuf,
        /// How; repeats none of its contents.
        detail: String,
    },
    /// One of them would not keep anybody out.
    #[error("in the secrets file {}: {weak}", path.display())]
    Weak {
        /// The file.
        path: PathBuf,
        /// Which one.
        weak: WeakSecret,
    },
    /// A variable of the environment cannot be used.
    #[error("{name}: {detail}")]
    Variable {
        /// Which one.
        name: String,
        /// Why; repeats none of its value.
        detail: String,
    },
    /// A variable of the environment would not keep anybody out.
    #[error(transparent)]
    WeakVariable(#[from] WeakSecret),
    /// The operating system has no randomness to give.
    #[error("no randomness from the operating system: {0}")]
    Randomness(getrandom::Error),
}

impl Secrets {
    /// Reads the secrets beside the store, making them first if there are none: `<path>.secrets.toml`,
    /// mode 0600. Processes that start at once end with the same file. `memory://` gets fresh ones.
    ///
    /// # Errors
    /// [`SecretsError`] names the file and what is wrong with it.
    pub fn load_or_create(store_url: &str) -> Result<Self, SecretsError> {
        match store_url.parse()? {
            StoreUrl::Memory => Self::generate().map_err(SecretsError::Randomness),
            StoreUrl::Sqlite(database) => {
                let path = path_beside(&database);
                match read(&path) {
                    Err(SecretsError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                        create(&path)?;
                        read(&path)
                    }
                    found => found,
                }
            }
        }
    }

    /// Fresh ones, from the operating system.
    ///
    /// # Errors
    /// The operating system has none to give.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut ticket_signing_seed = [0; 32];
        getrandom::fill(&mut ticket_signing_seed)?;
        Ok(Self {
            jwt_secret: random_hex()?.into(),
            audit_key: random_hex()?.into(),
            queue_token_key: random_hex()?.into(),
            webhook_secret: random_hex()?.into(),
            ticket_signing_seed,
        })
    }

    /// What an engine needs of them.
    pub fn keys(&self) -> Keys {
        let (audit, queue_token) = (self.audit_key.expose_secret(), self.queue_token_key.expose_secret());
        Keys::new(audit.as_bytes(), queue_token.as_bytes(), &self.ticket_signing_seed)
    }

    /// Whether each of them is at least [`BYTES_MIN`] bytes long and more than one byte repeated.
    ///
    /// # Errors
    /// [`WeakSecret`] names the first that is not.
    pub fn check(&self) -> Result<(), WeakSecret> {
        let texts = [
            ("jwt_secret", &self.jwt_secret),
            ("audit_key", &self.audit_key),
            ("queue_token_key", &self.queue_token_key),
            ("webhook_secret", &self.webhook_secret),
        ];
        let bytes = texts.iter().map(|(name, text)| (*name, text.expose_secret().as_bytes()));
        let seed = ("ticket_signing_seed", &self.ticket_signing_seed[..]);
        match bytes.chain([seed]).find(|(_, bytes)| is_weak(bytes)) {
            Some((name, _)) => Err(WeakSecret { name }),
            None => Ok(()),
        }
    }
}

/// Where the secrets of the store at `database` are.
fn path_beside(database: &Path) -> PathBuf {
    // The file's one true name: whoever reaches it by a symbolic link must find the same secrets.
    let database = fs::canonicalize(database).unwrap_or_else(|_| database.to_owned());
    let mut name = OsString::from(database);
    name.push(".secrets.toml");
    name.into()
}

fn is_weak(bytes: &[u8]) -> bool {
    bytes.len() < BYTES_MIN || bytes.iter().all(|byte| *byte == bytes[0])
}

fn random_hex() -> Result<String, getrandom::Error> {
    let mut bytes = [0; BYTES_MIN];
    getrandom::fill(&mut bytes)?;
    Ok(hex(&bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OnFile {
    jwt_secret: SecretString,
    audit_key: SecretString,
    queue_token_key: SecretString,
    webhook_secret: SecretString,
    ticket_signing_seed: SecretString,
}

fn read(path: &Path) -> Result<Secrets, SecretsError> {
    let text = fs::read_to_string(path).map_err(|source| SecretsError::File {
        action: "read",
        path: path.to_owned(),
        source,
    })?;
    let garbled = |detail| SecretsError::Garbled { path: path.to_owned(), detail };
    // Only the message: the whole error would print the line it stumbled over.
    let on_file: OnFile = toml::from_str(&text).map_err(|error| garbled(error.message().to_owned()))?;
    let seed = unhex(on_file.ticket_signing_seed.expose_secret())
        .ok_or_else(|| garbled("ticket_signing_seed is not 64 hexadecimal digits".to_owned()))?;
    let secrets = Secrets {
        jwt_secret: on_file.jwt_secret,
        audit_key: on_file.audit_key,
        queue_token_key: on_file.queue_token_key,
        webhook_secret: on_file.webhook_secret,
        ticket_signing_seed: seed,
    };
    match secrets.check() {
        Ok(()) => Ok(secrets),
        Err(weak) => Err(SecretsError::Weak { path: path.to_owned(), weak }),
    }
}

/// Writes fresh secrets under a name of this process's own and then gives the file its real name,
/// unless somebody was faster: nobody ever reads half a file.
fn create(path: &Path) -> Result<(), SecretsError> {
    let secrets = Secrets::generate().map_err(SecretsError::Randomness)?;
    let mut draft = OsString::from(path);
    draft.push(format!(".{}.new", random_hex().map_err(SecretsError::Randomness)?));
    let draft = PathBuf::from(draft);
    let published = write_draft(&draft, &secrets).and_then(|()| match fs::hard_link(&draft, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    });
    let removed = fs::remove_file(&draft);
    let synced = published.and(removed).and_then(|()| sync_folder(path));
    synced.map_err(|source| SecretsError::File { action: "make", path: path.to_owned(), source })
}

fn write_draft(draft: &Path, secrets: &Secrets) -> io::Result<()> {
    let mut options = fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(draft)?;
    let Secrets { jwt_secret, audit_key, queue_token_key, webhook_secret, ticket_signing_seed } = secrets;
    let text = format!(
        "{HEADER}jwt_secret = \"{}\"\naudit_key = \"{}\"\nqueue_token_key = \"{}\"\nwebhook_secret = \"{}\"\n\
         ticket_signing_seed = \"{}\"\n",
        jwt_secret.expose_secret(),
        audit_key.expose_secret(),
        queue_token_key.expose_secret(),
        webhook_secret.expose_secret(),
        hex(ticket_signing_seed),
    );
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Makes the new name durable: a store whose secrets are lost in a crash cannot verify its own log.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if folder != Path::new("") => fs::File::open(folder)?.sync_all(),
        _ => fs::File::open(".")?.sync_all(),
    }
}
