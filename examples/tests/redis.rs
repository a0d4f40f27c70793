//! The example of a shop on Redis alone, on a part of a server of its own.

use ticketing_store::{Secrets, testing::redis::Namespace};

#[allow(dead_code, reason = "its `main` reads the environment")]
#[path = "../examples/redis.rs"]
mod example;

#[tokio::test]
async fn a_shop_on_redis_sells_no_ticket_twice_and_says_what_survives() {
    let Some(namespace) = Namespace::create().await else { return };
    let keys = Secrets::generate().expect("the system gives random numbers").keys();
    let (held, survives) = example::sell(namespace.url(), keys).await.expect("the example runs");
    assert_eq!(held, 10);
    assert!(survives.starts_with("is "), "{survives}");
}
