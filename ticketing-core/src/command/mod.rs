//! Every write of the engine, as data: what is asked, what came of it, and why it was refused.
//!
//! Commands carry the ids that the records they make will have, so that deciding one twice makes
//! the same records.

mod catalogue;
mod hold;
mod login;
mod payment;
mod queue;
mod refund;
mod ticket;
mod user;

pub use self::{
    catalogue::{
        CatalogueRefusal, CreateEvent, CreateSession, ImportSeats, NewSeat, NewSession, QueuePatch, SessionPatch,
        UpdateEvent, UpdateSession,
    },
    hold::{ExpireHolds, HoldRefusal, PlaceHold, Placed, QueueTicket, ReleaseBy, ReleaseHold, ReleaseRefusal, Swept},
    login::{EndLogin, LoginRefusal, Rehash, RotateLogin, Rotated, StartLogin},
    payment::{
        CheckedOut, Checkout, CheckoutRefusal, CompleteOutbox, KeepCallback, LeaseOutbox, PaymentRefusal,
        RecordGatewaySession, RefundReason, SettlePayment, Settlement,
    },
    queue::{
        AdvanceQueue, Advanced, ClearQueue, Cleared, JoinQueue, Joined, LeaveQueue, MirrorRoom, OpenRoom, QueueRefusal,
    },
    refund::{RefundOrder, RefundRefusal, Refunded},
    ticket::{RedeemRefusal, RedeemTicket, Redeemed},
    user::{BeginLog, CreateUser, SetRole, UserRefusal},
};
use crate::{
    audit::StreamId,
    event::Event,
    hold::Hold,
    outbox::OutboxMessage,
    payment::{Payment, PaymentStatus},
    session::Session,
    user::{User, login::Login},
    waiting_room::Room,
};

/// In which order the commands of one stream are taken: money before stock before hope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Callbacks, refunds, and what checkout records.
    Payment,
    /// Whatever gives stock back, and administration.
    Release,
    /// New holds and checkouts.
    Hold,
    /// Joining and leaving the waiting room.
    Queue,
}

impl Class {
    /// How many classes there are.
    pub const COUNT: usize = 4;
}

macro_rules! commands {
    ($($(#[$doc:meta])* $name:ident($done:ty, $refusal:ty);)+) => {
        /// Every write of the engine.
        #[derive(Debug, Clone)]
        pub enum Command {
            $($(#[$doc])* $name($name),)+
        }

        /// What came of a command.
        #[derive(Debug, Clone)]
        pub enum Outcome {
            $($(#[$doc])* $name(Result<$done, $refusal>),)+
            /// The rule itself failed: a defect, told apart from every refusal.
            Failed,
        }

        $(
            impl Ask for $name {
                type Done = $done;
                type Refusal = $refusal;

                fn into_command(self) -> Command {
                    Command::$name(self)
                }

                fn answer(outcome: Outcome) -> Option<Result<$done, $refusal>> {
                    match outcome {
                        Outcome::$name(answer) => Some(answer),
                        _ => None,
                    }
                }
            }
        )+
    };
}

/// A command with the types of its answer.
pub trait Ask: Send + 'static {
    /// What it brings.
    type Done: Send + 'static;
    /// Why it may be refused.
    type Refusal: std::error::Error + Send + 'static;

    /// Itself, among all the others.
    fn into_command(self) -> Command;

    /// Its answer; `None` when the outcome is another command's, or a failure of the rule.
    fn answer(outcome: Outcome) -> Option<Result<Self::Done, Self::Refusal>>;
}

/// Nothing refuses this command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Never {}

commands! {
    /// Begins the store's log.
    BeginLog((), Never);
    /// Creates an account.
    CreateUser(User, UserRefusal);
    /// Sets an account's role.
    SetRole(User, UserRefusal);
    /// Replaces a password's hash.
    Rehash((), UserRefusal);
    /// Begins a login.
    StartLogin(Login, Never);
    /// Uses a refresh token.
    RotateLogin(Rotated, LoginRefusal);
    /// Ends a login.
    EndLogin((), Never);
    /// Creates an event.
    CreateEvent(Event, CatalogueRefusal);
    /// Changes an event.
    UpdateEvent(Event, CatalogueRefusal);
    /// Creates a session.
    CreateSession(Session, CatalogueRefusal);
    /// Changes a session.
    UpdateSession(Session, CatalogueRefusal);
    /// Adds seats.
    ImportSeats(Session, CatalogueRefusal);
    /// Takes a place in the waiting room.
    JoinQueue(Joined, QueueRefusal);
    /// Gives it up.
    LeaveQueue((), Never);
    /// Sends away who waits.
    ClearQueue(Cleared, QueueRefusal);
    /// Moves the frontier.
    AdvanceQueue(Advanced, Never);
    /// Begins the next epoch of a room that is kept apart; `None`: somebody else did.
    OpenRoom(Option<Room>, Never);
    /// Mirrors a room that is kept apart; tells the epoch in the ledger.
    MirrorRoom(Option<u32>, Never);
    /// Sets stock aside.
    PlaceHold(Placed, HoldRefusal);
    /// Gives it back.
    ReleaseHold(Hold, ReleaseRefusal);
    /// Reclaims overdue holds.
    ExpireHolds(Swept, Never);
    /// Makes an order of a hold.
    Checkout(CheckedOut, CheckoutRefusal);
    /// Records the gateway's side of a payment.
    RecordGatewaySession(Payment, PaymentRefusal);
    /// Applies a callback.
    SettlePayment(Settlement, PaymentRefusal);
    /// Gives a paid order back.
    RefundOrder(Refunded, RefundRefusal);
    /// Uses a ticket.
    RedeemTicket(Redeemed, RedeemRefusal);
    /// Keeps a callback of an unknown payment.
    KeepCallback(bool, Never);
    /// Takes a message for delivery; `None`: somebody else has it.
    LeaseOutbox(Option<OutboxMessage>, Never);
    /// Reports a delivery; tells the payment's status behind it.
    CompleteOutbox(PaymentStatus, PaymentRefusal);
}

impl Command {
    /// The stream whose lock it needs.
    pub fn stream(&self) -> StreamId {
        match self {
            Self::BeginLog(_)
            | Self::CreateUser(_)
            | Self::SetRole(_)
            | Self::Rehash(_)
            | Self::StartLogin(_)
            | Self::RotateLogin(_)
            | Self::EndLogin(_) => StreamId::Users,
            Self::KeepCallback(_) => StreamId::Callbacks,
            Self::CreateEvent(command) => StreamId::Event(command.id),
            Self::UpdateEvent(command) => StreamId::Event(command.id),
            Self::CreateSession(command) => StreamId::Session(command.id),
            Self::UpdateSession(command) => StreamId::Session(command.id),
            Self::ImportSeats(command) => StreamId::Session(command.session_id),
            Self::JoinQueue(command) => StreamId::Session(command.session_id),
            Self::LeaveQueue(command) => StreamId::Session(command.claim.session_id),
            Self::ClearQueue(command) => StreamId::Session(command.session_id),
            Self::RefundOrder(command) => StreamId::Session(command.session_id),
            Self::RedeemTicket(command) => StreamId::Session(command.session_id),
            Self::AdvanceQueue(command) => StreamId::Session(command.session_id),
            Self::OpenRoom(command) => StreamId::Session(command.session_id),
            Self::MirrorRoom(command) => StreamId::Session(command.room.session_id),
            Self::PlaceHold(command) => StreamId::Session(command.session_id),
            Self::ReleaseHold(command) => StreamId::Session(command.session_id),
            Self::ExpireHolds(command) => StreamId::Session(command.session_id),
            Self::Checkout(command) => StreamId::Session(command.session_id),
            Self::RecordGatewaySession(command) => StreamId::Session(command.link.session_id),
            Self::SettlePayment(command) => StreamId::Session(command.link.session_id),
            Self::LeaseOutbox(command) => StreamId::Session(command.session_id),
            Self::CompleteOutbox(command) => StreamId::Session(command.session_id),
        }
    }

    /// In which order it is taken.
    pub fn class(&self) -> Class {
        match self {
            Self::RecordGatewaySession(_)
            | Self::SettlePayment(_)
            | Self::KeepCallback(_)
            | Self::LeaseOutbox(_)
            | Self::CompleteOutbox(_) => Class::Payment,
            Self::BeginLog(_)
            | Self::ReleaseHold(_)
            | Self::ExpireHolds(_)
            | Self::SetRole(_)
            | Self::CreateEvent(_)
            | Self::UpdateEvent(_)
            | Self::CreateSession(_)
            | Self::UpdateSession(_)
            | Self::ImportSeats(_)
            | Self::RefundOrder(_)
            | Self::RedeemTicket(_)
            | Self::ClearQueue(_)
            | Self::AdvanceQueue(_)
            | Self::OpenRoom(_)
            | Self::MirrorRoom(_) => Class::Release,
            Self::PlaceHold(_) | Self::Checkout(_) => Class::Hold,
            Self::JoinQueue(_)
            | Self::LeaveQueue(_)
            | Self::CreateUser(_)
            | Self::Rehash(_)
            | Self::StartLogin(_)
            | Self::RotateLogin(_)
            | Self::EndLogin(_) => Class::Queue,
        }
    }
}
