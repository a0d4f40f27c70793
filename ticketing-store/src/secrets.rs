//! The secrets of an installation, kept in a file beside its store and never in it.

mod environment;
mod file;
mod place;
mod seed;

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret, SecretString};
use ticketing_core::engine::Keys;

pub(crate) use self::place::beside;
pub use self::seed::{SeedError, parse_seed};
use crate::url::{StoreUrl, UrlError};

/// Shortest secret, in bytes.
pub const BYTES_MIN: usize = 32;

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
    /// The one before it, whose tickets still admit.
    pub ticket_signing_seed_previous: Option<[u8; 32]>,
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
    /// Reads the secrets beside the store, making them first if there are none: `<path>.secrets.toml`
    /// for a file; for a database, which has nothing beside it, `<database>.secrets.toml` in the working
    /// directory; for Redis `<prefix>.secrets.toml` there. Mode 0600. Processes that start at once end with the same file. `memory://` gets fresh
    /// ones.
    ///
    /// Every node of one database needs the same: give each the file of the first.
    ///
    /// # Errors
    /// [`SecretsError`] names the file and what is wrong with it.
    pub fn load_or_create(store_url: &str) -> Result<Self, SecretsError> {
        match store_url.parse()? {
            StoreUrl::Memory => Self::generate().map_err(SecretsError::Randomness),
            StoreUrl::Sqlite(database) => Self::load_or_create_in(&place::beside(&database)),
            StoreUrl::Postgres(_) | StoreUrl::Redis(_) => {
                let file = Self::file_of(store_url)?.unwrap_or_default();
                if !file.exists() {
                    let file = file.display();
                    tracing::warn!("secrets are made in {file}: give every node of the database this one file");
                }
                Self::load_or_create_in(&file)
            }
        }
    }

    /// The file that [`Secrets::load_or_create`] reads or makes for the store at `store_url`; `None`: there is
    /// none for a store in memory.
    ///
    /// # Errors
    /// [`UrlError`] when the URL names no store.
    pub fn file_of(store_url: &str) -> Result<Option<PathBuf>, UrlError> {
        Ok(match store_url.parse()? {
            StoreUrl::Memory => None,
            StoreUrl::Sqlite(database) => Some(place::beside(&database)),
            StoreUrl::Postgres(url) => Some(place::of_database(&url)),
            StoreUrl::Redis(url) => Some(place::of_prefix(&url)),
        })
    }

    /// Reads the secrets in `file`, making them first if there is none, as [`Secrets::load_or_create`] does.
    ///
    /// # Errors
    /// [`SecretsError`] names the file and what is wrong with it.
    pub fn load_or_create_in(file: &Path) -> Result<Self, SecretsError> {
        match file::read(file) {
            Err(SecretsError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                file::create(file)?;
                file::read(file)
            }
            found => found,
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
            ticket_signing_seed_previous: None,
        })
    }

    /// What an engine needs of them.
    pub fn keys(&self) -> Keys {
        let (audit, queue_token) = (self.audit_key.expose_secret(), self.queue_token_key.expose_secret());
        let keys = Keys::new(audit.as_bytes(), queue_token.as_bytes(), &self.ticket_signing_seed);
        match &self.ticket_signing_seed_previous {
            Some(seed) => keys.with_previous_ticket_seed(seed),
            None => keys,
        }
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
