//! The Redis store: one server or one cluster, any number of nodes.
//!
//! The ledger is the core's key-value adapter over Redis: a batch is one script that reads one view, and one that
//! checks every guard and writes. What must hold between nodes is held by the guards; turns, kept in Redis, only
//! see to it that no node decides in vain.
//!
//! What survives is what the server's settings give, see [`Durability`](ticketing_core::store::Durability): Redis
//! keeps everything in memory, and a replica that takes over may lack what was acknowledged last. A ledger that
//! was found to have lost something takes no writes before somebody looked at it.

mod address;
mod client;
pub(crate) mod diagnose;
mod error;
mod ground;
mod keys;
mod ledger;
mod limits;
mod link;
mod reading;
mod room;
mod script;
mod settings;
mod writing;

use ticketing_core::store::{StoreError, kv::KvStore};

use self::{address::Address, client::Client};
pub use self::{
    ledger::RedisKv,
    limits::{Exceeded, RedisLimits, Share},
    room::{RedisRooms, RoomUrlError},
};
use crate::{OpenError, OpenOptions, UrlError};

/// A store in Redis.
pub type RedisStore = KvStore<RedisKv>;

/// The store that `url` names. Connects when it is first asked for something; does not migrate.
///
/// # Errors
/// [`OpenError::Url`] names what is wrong with the URL, and repeats no value of it.
pub fn open(url: &str, options: OpenOptions) -> Result<RedisStore, OpenError> {
    let client = Client::open(url).map_err(|detail| OpenError::Url(UrlError::Redis(detail)))?;
    Ok(KvStore::over(RedisKv::new(client, options.clock)))
}

/// Whether `url` is one that [`open`] takes.
pub(crate) fn check_url(url: &str) -> Result<(), String> {
    Address::parse(url).map(drop)
}

/// Lets the ledger at `url` go on that was halted because it had lost something; `false`: it was not.
///
/// # Errors
/// [`OpenError::Url`] for what is no URL; the store's own for what cannot be asked.
pub(crate) async fn resume(url: &str, options: OpenOptions) -> Result<Result<bool, StoreError>, OpenError> {
    Ok(open(url, options)?.key_value().resume().await)
}
