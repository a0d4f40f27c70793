//! The example of two nodes, on a database of its own.

use ticketing_store::{Secrets, testing::postgres::Database};

#[allow(dead_code, reason = "its `main` reads the environment")]
#[path = "../examples/postgres.rs"]
mod example;

#[tokio::test]
async fn two_nodes_on_one_database_sell_no_ticket_twice() {
    let Some(database) = Database::create().await else { return };
    let keys = Secrets::generate().expect("the system gives random numbers").keys();
    assert_eq!(example::sell(database.url(), keys).await.expect("the example runs"), 10);
}
