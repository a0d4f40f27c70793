//! The door.

use futures_util::future::join_all;

use crate::{
    audit::Actor,
    command::{RedeemRefusal, Redeemed},
    engine::{Keys, RedeemRequest},
    ids::{SessionId, TicketId},
    testing::{
        Harness,
        harness::{ALICE, OPERATOR, refusal},
    },
    ticket::{ScanNonce, Ticket, TicketStatus},
};

fn nonce(text: &str) -> ScanNonce {
    ScanNonce::try_from(text.to_owned()).expect("a test's nonce is visible ASCII")
}

async fn scan_at(h: &Harness, code: String, scan: &str, door: Option<SessionId>) -> Result<Redeemed, RedeemRefusal> {
    refusal(h.engine.redeem(RedeemRequest { caller: OPERATOR, code, nonce: nonce(scan), session_id: door }).await)
}

/// Scans a ticket at a door for any session.
pub(super) async fn scan(h: &Harness, ticket: &Ticket, nonce: &str) -> Result<Redeemed, RedeemRefusal> {
    scan_at(h, h.engine.ticket_code(ticket), nonce, None).await
}

async fn bought(h: &Harness) -> Ticket {
    h.session(5).await;
    h.buy(ALICE, "k1", 1).await;
    h.tickets(ALICE).await.remove(0)
}

pub async fn a_ticket_lets_in_once_and_the_same_scan_is_answered_the_same(h: Harness) {
    let ticket = bought(&h).await;
    let first = scan(&h, &ticket, "n1").await.unwrap();
    let used = first.ticket.redemption.clone().expect("a used ticket tells its scan");
    assert_eq!((first.replayed, first.ticket.status), (false, TicketStatus::Used));
    assert_eq!((used.at, used.by, used.nonce), (h.now(), Actor::Operator, nonce("n1")));
    h.advance(60);
    let again = scan(&h, &ticket, "n1").await.unwrap();
    assert_eq!((again.replayed, &again.ticket), (true, &first.ticket));
    assert_eq!(scan(&h, &ticket, "n2").await, Err(RedeemRefusal::AlreadyRedeemed { at: used.at }));
    assert_eq!(h.tickets(ALICE).await, [first.ticket]);
}

pub async fn a_hundred_doors_at_once_let_one_in(h: Harness) {
    let ticket = bought(&h).await;
    let other = h.another_engine();
    let scans = (0..100).map(|n| {
        let (door, ticket) = (if n % 2 == 0 { &h } else { &other }, &ticket);
        async move { scan(door, ticket, &format!("n{n}")).await }
    });
    let scanned = join_all(scans).await;
    assert_eq!(scanned.iter().filter(|scan| scan.is_ok()).count(), 1);
    let refused = |scan: &Result<_, _>| matches!(scan, Err(RedeemRefusal::AlreadyRedeemed { .. }));
    assert_eq!(scanned.iter().filter(|scan| refused(scan)).count(), 99);
    other.engine.shutdown().await;
}

pub async fn what_was_given_back_lets_nobody_in(h: Harness) {
    let ticket = bought(&h).await;
    refusal(h.engine.refund_order(OPERATOR, ticket.order_id).await).unwrap();
    assert_eq!(scan(&h, &ticket, "n1").await, Err(RedeemRefusal::Revoked));
}

pub async fn a_door_knows_its_session_and_no_code_but_ours(h: Harness) {
    let ticket = bought(&h).await;
    let code = h.engine.ticket_code(&ticket);
    let other = h.session(5).await;
    assert_eq!(scan_at(&h, code.clone(), "n1", Some(other)).await, Err(RedeemRefusal::WrongSession));
    for forged in ["", "TKT1.x.y", &code[..code.len() - 1]] {
        assert_eq!(scan_at(&h, forged.to_owned(), "n1", None).await, Err(RedeemRefusal::InvalidTicket), "{forged}");
    }
    let stranger = Keys::new(b"the audit key of the tests", b"the queue key of the tests", &[8; 32]);
    let forged = stranger.ticket_signer.sign(&ticket);
    assert_eq!(scan_at(&h, forged, "n1", None).await, Err(RedeemRefusal::InvalidTicket));
    assert!(scan_at(&h, code, "n1", Some(ticket.session_id)).await.is_ok());
}

/// As after a failover that lost the sale, or a restore of an older copy: the code is genuine, and what it names
/// is not what the ledger has.
pub async fn a_ticket_whose_code_names_another_seat_lets_nobody_in(h: Harness) {
    let ticket = bought(&h).await;
    let elsewhere = h.session(5).await;
    let others = [
        Ticket { seat_id: Some("A1".parse().expect("a label")), ..ticket.clone() },
        Ticket { session_id: elsewhere, ..ticket.clone() },
        Ticket { session_id: SessionId::from_uuid(h.fresh()), ..ticket.clone() },
        Ticket { id: TicketId::from_uuid(h.fresh()), ..ticket.clone() },
    ];
    for other in others {
        assert_eq!(scan(&h, &other, "n1").await, Err(RedeemRefusal::InvalidTicket), "{other:?}");
    }
    assert!(scan(&h, &ticket, "n1").await.is_ok());
}

pub async fn a_ticket_signed_with_the_seed_before_is_good(h: Harness) {
    let ticket = bought(&h).await;
    let code = h.engine.ticket_code(&ticket);
    let changed = Keys::new(b"the audit key of the tests", b"the queue key of the tests", &[9; 32]);
    let forgotten = h.with_keys(changed.clone());
    assert_eq!(scan_at(&forgotten, code.clone(), "n1", None).await, Err(RedeemRefusal::InvalidTicket));
    let remembered = h.with_keys(changed.with_previous_ticket_seed(&[7; 32]));
    assert_ne!(remembered.engine.ticket_code(&ticket), code);
    assert_eq!(remembered.engine.ticket_keys().len(), 2);
    assert!(scan_at(&remembered, code, "n1", None).await.is_ok());
    for other in [forgotten, remembered] {
        other.engine.shutdown().await;
    }
}
