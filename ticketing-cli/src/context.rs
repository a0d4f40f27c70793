//! What a command works with: the store, and an engine over it.

use std::sync::Arc;

use ticketing_core::{
    Ticketing,
    audit::{Actor, Caller},
    engine::{EngineError, Keys},
    store::{Backend, SchemaVersion, StoreError},
};
use ticketing_store::{OpenError, OpenOptions, Role, Secrets};

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
    /// How it answers.
    pub output: Output,
}

impl Context {
    /// The context that the command line names.
    pub fn new(global: Global) -> Self {
        Self { store_url: global.store, output: Output::new(global.json) }
    }

    /// The store's URL.
    pub fn store_url(&self) -> &str {
        &self.store_url
    }

    /// The keys of the store's engine, from the environment or beside the store.
    ///
    /// # Errors
    /// [`CliError::Usage`] names the variable or the file that is wrong.
    pub fn keys(&self) -> Result<Keys, CliError> {
        Secrets::keys_from_environment(&self.store_url).map_err(|error| CliError::Usage(with_sources(&error)))
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

    /// An engine over [`Context::store`] with whatever key there is: one that only reads.
    ///
    /// # Errors
    /// [`CliError`] says what is wrong with the store or its secrets.
    pub async fn engine_for_reading(&self) -> Result<Ticketing, CliError> {
        self.engine_unchecked(self.store().await?)
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
        let engine = self.engine_unchecked(store)?;
        match engine.open_log().await {
            Ok(()) => Ok(engine),
            Err(EngineError::Refused(other)) => Err(CliError::Usage(format!(
                "audit.key (TICKETING__AUDIT__KEY): {other}; give this program the server's secrets \
                 (TICKETING__SECRETS__FILE)"
            ))),
            Err(unopened) => Err(unopened.into()),
        }
    }

    fn engine_unchecked(&self, store: Arc<dyn Backend>) -> Result<Ticketing, CliError> {
        Ok(Ticketing::builder(store, self.keys()?, Arc::new(NoGateway)).build())
    }
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
