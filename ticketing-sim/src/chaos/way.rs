//! What happens between two that speak with each other.

use std::time::Duration;

use fastrand::Rng;
use ticketing_store::testing::proxy::Proxy;

use super::fault::WayFault;

/// Breaks `way` for about so long; whether anybody can have noticed.
pub async fn suffer(way: &Proxy, fault: WayFault, lasting: Duration, rng: &mut Rng) -> bool {
    match fault {
        WayFault::Cut => cut(way, lasting / 2).await,
        WayFault::Delay => return slow_down(way, lasting, rng).await,
    }
    true
}

/// Cuts all connections, and for so long those that are made anew.
pub async fn cut(way: &Proxy, lasting: Duration) {
    way.refuse(true);
    way.cut_all().await;
    tokio::time::sleep(lasting).await;
    way.refuse(false);
}

/// Lets everything take longer; whether anything was asked meanwhile.
pub async fn slow_down(way: &Proxy, lasting: Duration, rng: &mut Rng) -> bool {
    let before = asked(way);
    way.delay(Duration::from_millis(rng.u64(10..200)));
    tokio::time::sleep(lasting).await;
    way.delay(Duration::ZERO);
    asked(way) > before
}

/// Lets nothing through; whether anything was asked meanwhile.
pub async fn silence(way: &Proxy, lasting: Duration) -> bool {
    let before = asked(way);
    way.pause();
    tokio::time::sleep(lasting).await;
    way.resume();
    asked(way) > before
}

/// How often something was asked: first on its connection, or after an answer.
fn asked(way: &Proxy) -> u64 {
    way.connections() + way.flights()
}
