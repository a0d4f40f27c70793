//! Holds that come and go.

use crate::{
    command::HoldRefusal,
    hold::HoldChurn,
    testing::{
        Harness,
        harness::{ALICE, BOB},
    },
};

const CHURN: HoldChurn = HoldChurn { ended_max: 3, within_seconds: 600 };

async fn held_and_let_go(h: &Harness, key: &str) {
    let hold = h.hold(ALICE, key, 1).await.expect("a hold").hold;
    h.release(ALICE, hold.id).await.expect("it is given up");
}

pub async fn who_lets_go_again_and_again_waits_until_the_first_is_long_ago(h: Harness) {
    let h = h.with_churn(CHURN);
    h.session(10).await;
    for key in ["k1", "k2"] {
        held_and_let_go(&h, key).await;
    }
    h.advance(100);
    held_and_let_go(&h, "k3").await;
    let wait = HoldRefusal::CoolingDown { retry_after_seconds: 500 };
    assert_eq!(h.hold(ALICE, "k4", 1).await, Err(wait));
    assert!(h.hold(BOB, "k4", 1).await.is_ok(), "nobody else waits for it");
    assert!(h.hold(ALICE, "k3", 1).await.is_ok_and(|again| again.replayed), "what was answered is answered again");
    h.advance(499);
    assert_eq!(h.hold(ALICE, "k4", 1).await, Err(HoldRefusal::CoolingDown { retry_after_seconds: 1 }));
    h.advance(1);
    assert!(h.hold(ALICE, "k4", 1).await.is_ok());
    h.engine.shutdown().await;
}

pub async fn what_ran_out_counts_from_its_end_before_any_sweep_and_what_was_bought_never(h: Harness) {
    let h = h.with_churn(CHURN);
    h.session(20).await;
    for key in ["b1", "b2", "b3", "b4"] {
        h.buy(ALICE, key, 1).await;
    }
    for key in ["k1", "k2", "k3"] {
        h.hold(ALICE, key, 1).await.unwrap();
        h.advance(120);
    }
    // The first of them ended 240 s ago.
    assert_eq!(h.hold(ALICE, "k4", 1).await, Err(HoldRefusal::CoolingDown { retry_after_seconds: 360 }));
    h.tick().await;
    assert_eq!(h.hold(ALICE, "k4", 1).await, Err(HoldRefusal::CoolingDown { retry_after_seconds: 360 }));
    h.advance(360);
    assert!(h.hold(ALICE, "k4", 1).await.is_ok());
    h.engine.shutdown().await;
}

pub async fn nobody_cools_down_unless_it_is_asked_for(h: Harness) {
    h.session(10).await;
    for n in 0..60 {
        held_and_let_go(&h, &format!("k{n}")).await;
    }
}
