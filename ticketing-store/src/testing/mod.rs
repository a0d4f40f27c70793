//! What tests on real servers and real sockets are made of: throw-away [`postgres`] servers, and a
//! [`proxy`] in front of them that loses replies on demand.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! use ticketing_store::testing::postgres::{Database, connect};
//!
//! // `None` on a desk without Postgres, with a word about it on stderr; under CI that is a failure.
//! let Some(database) = Database::create().await else { return };
//! let client = connect(database.url()).await;
//! client.batch_execute("CREATE TABLE notes (text text)").await.expect("an empty database takes a table");
//! # }
//! ```

pub mod postgres;
pub mod proxy;
