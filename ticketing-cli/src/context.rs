//! What a command works with: the store, and an engine over it.

use std::{io::ErrorKind, sync::Arc};

use ticketing_core::{
    Ticketing,
    audit::{Actor, Caller},
    engine::{EngineError, Keys},
    store::{Backend, SchemaVersion, StoreError},
    verify::has_log,
};
use ticketing_store::{OpenError, OpenOptions, Role, Secrets, redis::RedisRooms, secrets::SecretsError};

use crate::{
    args::Global,
    error::{CliError, with_sources},
    no_gateway::NoGateway,
    output::Output,
};

/// Whoever runs the command line, as the audit log names them.
pub const OPERATOR: Caller = Caller::of(Actor::Operator);

/// Where a command works, and how it answers.
#[derive(Debug)]
pub struct Context {
    store_url: String,
    queue_url: Option<String>,
    /// How it answers.
    pub output: Output,
}

impl Context {
    /// The context that the command line names.
    pub fn new(global: Global) -> Self {
        let queue_url = global.queue_url.filter(|url| *url != global.store);
        Self { store_url: global.store, queue_url, output: Output::new(global.json) }
    }

    /// The store's URL.
    pub fn store_url(&self) -> &str {
        &self.store_url
    }

    /// The waiting rooms' own store, if they have one.
    pub fn queue_url(&self) -> Option<&str> {
        self.queue_url.as_deref()
    }

    /// Whether waiting rooms are kept in a store of their own.
    pub fn has_waiting_room(&self) -> bool {
        self.queue_url.is_some()
    }

    /// The keys of the store's engine, from the environment or beside the store, which must be there: whoever
    /// only looks makes none.
    ///
    /// # Errors
    /// [`CliError::Usage`] names the variable or the file that is wrong.
    pub fn existing_keys(&self) -> Result<Keys, CliError> {
        Secrets::existing_keys_from_environment(&self.store_url).map_err(|error| without_keys(&error))
    }

    /// The store, which exists and has the schema that this program knows.
    ///
    /// # Errors
    /// [`CliError`] says what is not so.
    pub async fn store(&self) -> Result<Arc<dyn Backend>, CliError> {
        let store = self.open(false)?;
        require_current(store.version().await?)?;
        Ok(store)
    }

    /// An engine over [`Context::store`], with the key that its audit log was begun with.
    ///
    /// # Errors
    /// [`CliError`] says what is wrong with the store or its secrets.
    pub async fn engine(&self) -> Result<Ticketing, CliError> {
        self.engine_over(self.store().await?).await
    }

    /// An engine over [`Context::store`] with whatever keys there are: one that only reads.
    ///
    /// # Errors
    /// [`CliError`] says what is wrong with the store or its secrets.
    pub async fn engine_for_reading(&self) -> Result<Ticketing, CliError> {
        let store = self.store().await?;
        let keys = match self.keys_of(&*store).await? {
            Some(keys) => keys,
            // Nothing would need the right ones.
            None => Secrets::generate().map_err(|error| CliError::Usage(error.to_string()))?.keys(),
        };
        self.engine_with(store, keys)
    }

    /// An engine over a store that is made if there is none.
    ///
    /// # Errors
    /// [`CliError`] says what is wrong with the store or its secrets.
    pub async fn engine_creating_store(&self) -> Result<Ticketing, CliError> {
        let store = self.open(true)?;
        let version = store.version().await?;
        if version.found == 0 {
            store.migrate().await?;
        } else {
            require_current(version)?;
        }
        self.engine_over(store).await
    }

    /// The store as it is; with `create`, an empty one is made if there is none.
    ///
    /// # Errors
    /// [`CliError::Unreachable`] when there is none, [`CliError::Usage`] when it is something else.
    pub fn open(&self, create: bool) -> Result<Arc<dyn Backend>, CliError> {
        if self.store_url.starts_with("memory:") {
            return Err(CliError::Usage("a store in memory ends with this command: name a file".to_owned()));
        }
        let options = OpenOptions { create, ..OpenOptions::new(Role::Tool) };
        ticketing_store::open(&self.store_url, options).map_err(|error| {
            let text = with_sources(&error);
            match error {
                OpenError::Missing { .. } => {
                    CliError::Unreachable(format!("{text}: name it with --store, or make it with `ticketing migrate`"))
                }
                // It is no store of ours, or a newer program's: another one is meant.
                OpenError::Url(_) | OpenError::Store { source: StoreError::Corrupt { .. }, .. } => {
                    CliError::Usage(text)
                }
                _ => CliError::Unreachable(text),
            }
        })
    }

    /// The schema of the store: version 0 where there is none.
    ///
    /// # Errors
    /// [`CliError`] when it is there and cannot be looked at.
    pub async fn schema(&self) -> Result<SchemaVersion, CliError> {
        let options = OpenOptions { create: false, ..OpenOptions::new(Role::Tool) };
        match ticketing_store::open(&self.store_url, options) {
            Err(OpenError::Missing { .. }) => {
                Ok(SchemaVersion { found: 0, needed: ticketing_store::sqlite::SCHEMA_VERSION })
            }
            _ => Ok(self.open(false)?.version().await?),
        }
    }

    async fn engine_over(&self, store: Arc<dyn Backend>) -> Result<Ticketing, CliError> {
        let keys = match self.keys_of(&*store).await? {
            Some(keys) => keys,
            None => Secrets::keys_from_environment(&self.store_url)
                .map_err(|error| CliError::Usage(with_sources(&error)))?,
        };
        let engine = self.engine_with(store, keys)?;
        match engine.open_log().await {
            Ok(()) => Ok(engine),
            Err(EngineError::Refused(other)) => Err(CliError::Usage(format!(
                "audit.key (TICKETING__AUDIT__KEY): {other}; give this program the server's secrets \
                 (TICKETING__SECRETS__FILE)"
            ))),
            Err(unopened) => Err(unopened.into()),
        }
    }

    /// The keys that there are; `None`: none yet, of a store that was never written to. One that was has some,
    /// elsewhere, and new ones would be wrong.
    async fn keys_of(&self, store: &dyn Backend) -> Result<Option<Keys>, CliError> {
        let there = || Secrets::existing_keys_from_environment(&self.store_url);
        match there() {
            Err(error) if is_missing(&error) => match has_log(store).await? {
                false => Ok(None),
                // Whoever has begun the log meanwhile had made them before.
                true => there().map(Some).map_err(|error| without_keys(&error)),
            },
            found => found.map(Some).map_err(|error| without_keys(&error)),
        }
    }

    fn engine_with(&self, store: Arc<dyn Backend>, keys: Keys) -> Result<Ticketing, CliError> {
        let builder = Ticketing::builder(store, keys, Arc::new(NoGateway));
        let Some(url) = &self.queue_url else { return Ok(builder.build()) };
        let rooms = RedisRooms::open(url, None).map_err(|error| CliError::Usage(format!("--queue-url: {error}")))?;
        Ok(builder.waiting_room(Arc::new(rooms)).build())
    }
}

fn is_missing(error: &SecretsError) -> bool {
    matches!(error, SecretsError::File { source, .. } if source.kind() == ErrorKind::NotFound)
}

fn without_keys(error: &SecretsError) -> CliError {
    let hint = "; give this program the server's secrets (TICKETING__SECRETS__FILE)";
    CliError::Usage(format!("{}{}", with_sources(error), if is_missing(error) { hint } else { "" }))
}

fn require_current(version: SchemaVersion) -> Result<(), CliError> {
    let SchemaVersion { found, needed } = version;
    match found.cmp(&needed) {
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Less => Err(CliError::Usage(format!(
            "the store's schema is version {found}, this program needs {needed}: run `ticketing migrate`"
        ))),
        std::cmp::Ordering::Greater => Err(CliError::Usage(format!(
            "the store's schema is version {found}, this program knows {needed}: use a newer `ticketing`"
        ))),
    }
}
