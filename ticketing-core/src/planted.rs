//! Bugs put in on purpose, to see that the proofs find them.
//!
//! They are there only with the feature `planted-bugs`, which no released program is built with;
//! without it every question in here is answered at compile time, by no. A thread plants one bug at a
//! time, and only what runs on that thread has it.

#[cfg(feature = "planted-bugs")]
mod planting;

use std::sync::Arc;

#[cfg(feature = "planted-bugs")]
pub use self::planting::plant;
use crate::{
    clock::Timestamp,
    command::Command,
    hold::{Hold, IdempotencyKey},
    ids::{OutboxId, PaymentId, SessionId, UserId},
    outbox::{OutboxMessage, refund_key},
    waiting_room::Room,
};

macro_rules! bugs {
    ($($(#[$doc:meta])* $bug:ident = $name:literal,)+) => {
        /// A bug that can be planted.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(not(feature = "planted-bugs"), allow(dead_code, reason = "no bug is ever planted"))]
        pub enum Planted {
            $($(#[$doc])* $bug,)+
        }

        #[cfg(feature = "planted-bugs")]
        impl Planted {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$bug,)+];

            /// Its name on a command line.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$bug => $name,)+ }
            }
        }
    };
}

bugs! {
    /// A hold does not ask whether enough is left, and the store takes any stock.
    StockGuardDropped = "stock-guard-dropped",
    /// A payment confirms a hold that is past its end as if it still lived.
    OverdueHoldSold = "overdue-hold-sold",
    /// Who asked is answered by what was decided, whatever comes of the commit.
    AnswerBeforeCommit = "answer-before-commit",
    /// What a key led to is written down a second after the hold.
    KeyOutsideTransaction = "key-outside-transaction",
    /// A key finds the hold of whoever used it first.
    KeyWithoutUser = "key-without-user",
    /// A hold takes those of its seats that are free, and promises all.
    PartialSeatHold = "partial-seat-hold",
    /// A hold that was given up gives its stock back once more when asked again.
    DoubleRelease = "double-release",
    /// A second report of a payment is applied like the first.
    CallbackNotDeduplicated = "callback-not-deduplicated",
    /// Every report of a payment that is given back asks for another refund, under a name of its own.
    RefundTwice = "refund-twice",
    /// Each node takes numbers of the line in blocks, ahead of the transactions that use them.
    NumberOutsideTransaction = "number-outside-transaction",
    /// Anybody may release any hold.
    OwnerCheckMissing = "owner-check-missing",
    /// A write whose reply was lost is done again under new keys, and nobody asks what became of it.
    NewKeyAfterUnknown = "new-key-after-unknown",
    /// The sweeper expires what is past its end, sold or not.
    SweeperIgnoresStatus = "sweeper-ignores-status",
    /// A late payment confirms its hold and takes no stock for it.
    ConfirmedWithoutStock = "confirmed-without-stock",
    /// A refund that was not answered is asked for again under another key.
    RefundUnderNewKey = "refund-under-new-key",
    /// A late payment sells whatever its buyer has bought since.
    LateSaleOverLimit = "late-sale-over-limit",
    /// Stock of holds that are over comes back with the next sweep only.
    OverdueStockKept = "overdue-stock-kept",
    /// A queue token is believed whoever brings it.
    TokenOfAnybody = "token-of-anybody",
    /// A ticket admits though its order was given back.
    RevokedTicketAdmits = "revoked-ticket-admits",
    /// Waits behind a place that was given up never end while there is nothing to admit for.
    WaitHidden = "wait-hidden",
    /// Stock that is short is made up for by one overdue hold at most.
    OneOverdueHoldReclaimed = "one-overdue-hold-reclaimed",
    /// A decline frees the seats of its hold, whoever has them by now.
    DeclineFreesSeats = "decline-frees-seats",
    /// A seat that is free again keeps the version with which it was taken.
    FreedSeatUnseen = "freed-seat-unseen",
    /// Money that is captured after a decline is taken for a duplicate.
    CaptureAfterDeclineIgnored = "capture-after-decline-ignored",
    /// A refund is of the price of one ticket, as the session has it by then.
    RefundOfOneTicket = "refund-of-one-ticket",
    /// The place of whoever bought is taken out of the count, and not marked.
    BuyerStaysIn = "buyer-stays-in",
    /// What admissions use up of their rate is counted in whole seconds.
    CreditInWholeSeconds = "credit-in-whole-seconds",
    /// A ticket that was used is answered as before to whoever scanned it first, whatever the scan.
    RepeatByScanner = "repeat-by-scanner",
    /// A refund whose first delivery was begun and never reported is not due again.
    LeasedRefundForgotten = "leased-refund-forgotten",
    /// A batch that is decided again, since somebody was faster, is answered as it was decided first.
    FirstDecisionAnswered = "first-decision-answered",
    /// A refund that took several tries is completed without a record of the audit log.
    RetriedRefundUnrecorded = "retried-refund-unrecorded",
    /// What a change of stock reclaims before it is refused is not written to its session.
    ReclaimedWithoutSession = "reclaimed-without-session",
}

/// Whether this thread has `bug`.
#[cfg(not(feature = "planted-bugs"))]
pub(crate) const fn is_planted(_bug: Planted) -> bool {
    false
}

#[cfg(feature = "planted-bugs")]
pub(crate) use self::planting::is_planted;

/// [`Planted::KeyWithoutUser`]: whose holds a key is looked up among.
pub(crate) fn owner_of_key(session: SessionId, user: UserId, key: &IdempotencyKey) -> UserId {
    #[cfg(feature = "planted-bugs")]
    if is_planted(Planted::KeyWithoutUser) {
        return planting::first_user(session, user, key);
    }
    let _ = (session, key);
    user
}

/// [`Planted::KeyOutsideTransaction`]: whether the key of `hold` is written down at `now`.
pub(crate) fn key_is_recorded(hold: &Hold, now: Timestamp) -> bool {
    !is_planted(Planted::KeyOutsideTransaction) || now >= hold.created_at.plus_seconds(1)
}

/// [`Planted::RefundTwice`]: the key of a refund.
pub(crate) fn key_of_refund(payment: PaymentId, message: OutboxId) -> String {
    let key = refund_key(payment);
    if is_planted(Planted::RefundTwice) { format!("{key}:{message}") } else { key }
}

/// [`Planted::RefundUnderNewKey`]: the key that the gateway is told.
pub(crate) fn key_of_attempt(message: &OutboxMessage) -> String {
    let OutboxMessage { key, attempts, .. } = message;
    if is_planted(Planted::RefundUnderNewKey) { format!("{key}:{attempts}") } else { key.clone() }
}

/// [`Planted::NewKeyAfterUnknown`]: the same commands, the holds among them under other keys.
pub(crate) fn under_new_keys(commands: &Arc<[Command]>) -> Arc<[Command]> {
    let renamed = |command: &Command| match command {
        Command::PlaceHold(hold) => {
            let key = format!("{}-again", hold.key.as_str()).parse().unwrap_or_else(|_| hold.key.clone());
            Command::PlaceHold(crate::command::PlaceHold { key, ..hold.clone() })
        }
        other => other.clone(),
    };
    commands.iter().map(renamed).collect()
}

/// [`Planted::NumberOutsideTransaction`]: the numbers that a node has taken ahead.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    #[cfg(feature = "planted-bugs")]
    blocks: planting::Blocks,
}

impl Numbers {
    /// Lets `join` give the next number of `room` out.
    pub(crate) fn give<T>(&self, room: &mut Room, join: impl FnOnce(&mut Room) -> T) -> T {
        #[cfg(feature = "planted-bugs")]
        if is_planted(Planted::NumberOutsideTransaction) {
            return self.blocks.give(room, join);
        }
        join(room)
    }
}
