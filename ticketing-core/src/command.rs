//! Every write of the engine, as data: what is asked, what came of it, and why it was refused.
//!
//! Commands carry the ids that the records they make will have, so that deciding one twice makes
//! the same records.

use serde_json::json;

use crate::{
    audit::{Caller, StreamId},
    clock::Timestamp,
    event::{Event, EventStatus},
    hold::{Hold, IdempotencyKey, Wanted},
    ids::{CallbackId, EventId, HoldId, OrderId, OutboxId, PaymentId, SessionId, UserId},
    money::Money,
    order::Order,
    outbox::OutboxMessage,
    payment::{CallbackReport, GatewayPaymentId, GatewaySession, Payment, PaymentLink, PaymentMethod, PaymentStatus},
    seat::SeatId,
    session::{SaleStatus, Session, SessionKind},
    user::{Email, Role, User, password::PasswordHash},
    waiting_room::{Place, QueuePolicy, Room, token::PlaceClaim},
};

/// In which order the commands of one lane are taken: money before stock before hope.
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

/// Creates an account.
#[derive(Debug, Clone)]
pub struct CreateUser {
    /// Who asks.
    pub caller: Caller,
    /// The account's name.
    pub id: UserId,
    /// Its address.
    pub email: Email,
    /// Its password, hashed.
    pub password_hash: PasswordHash,
    /// What it may do.
    pub role: Role,
}

/// Why an account was not created or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UserRefusal {
    /// There is one with this address.
    #[error("this e-mail address already has an account")]
    EmailTaken,
    /// There is none.
    #[error("there is no such user")]
    UserNotFound,
}

/// Sets an account's role.
#[derive(Debug, Clone)]
pub struct SetRole {
    /// Who asks.
    pub caller: Caller,
    /// Whose.
    pub user_id: UserId,
    /// To what.
    pub role: Role,
}

/// Creates an event.
#[derive(Debug, Clone)]
pub struct CreateEvent {
    /// Who asks.
    pub caller: Caller,
    /// The event's name.
    pub id: EventId,
    /// What is on; 1–200 characters.
    pub title: String,
    /// More about it; up to 10,000 characters.
    pub description: String,
    /// Where; up to 200 characters.
    pub venue: String,
    /// Who may see it.
    pub status: EventStatus,
}

/// Changes an event; `None` leaves a field as it is.
#[derive(Debug, Clone)]
pub struct UpdateEvent {
    /// Who asks.
    pub caller: Caller,
    /// Which.
    pub id: EventId,
    /// What is on.
    pub title: Option<String>,
    /// More about it.
    pub description: Option<String>,
    /// Where.
    pub venue: Option<String>,
    /// Who may see it.
    pub status: Option<EventStatus>,
}

/// Creates a session.
#[derive(Debug, Clone)]
pub struct CreateSession {
    /// Who asks.
    pub caller: Caller,
    /// The session's name.
    pub id: SessionId,
    /// Of which event.
    pub event_id: EventId,
    /// When the doors open.
    pub start_at: Timestamp,
    /// When sales open.
    pub sales_open_at: Option<Timestamp>,
    /// When they close.
    pub sales_close_at: Option<Timestamp>,
    /// How stock is counted.
    pub kind: SessionKind,
    /// Stock of a quantity session; a seated one starts with none and gets it with its seats.
    pub total_stock: i64,
    /// Price of one ticket.
    pub price: Money,
    /// Most tickets one user may have.
    pub max_per_user: u32,
    /// How long a hold lives.
    pub hold_ttl_seconds: u32,
    /// The organiser's intent.
    pub status: SaleStatus,
    /// How the waiting room admits.
    pub queue: QueuePolicy,
}

/// Changes a session; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct SessionPatch {
    /// When the doors open.
    pub start_at: Option<Timestamp>,
    /// When sales open; `Some(None)` takes the bound away.
    pub sales_open_at: Option<Option<Timestamp>>,
    /// When they close; `Some(None)` takes the bound away.
    pub sales_close_at: Option<Option<Timestamp>>,
    /// How stock is counted; only while there is no stock in use.
    pub kind: Option<SessionKind>,
    /// All there is to sell, of a quantity session.
    pub total_stock: Option<i64>,
    /// Price of one ticket, for holds to come.
    pub price: Option<Money>,
    /// Most tickets one user may have.
    pub max_per_user: Option<u32>,
    /// How long a hold lives, for holds to come.
    pub hold_ttl_seconds: Option<u32>,
    /// The organiser's intent.
    pub status: Option<SaleStatus>,
    /// How the waiting room admits.
    pub queue: Option<QueuePolicy>,
}

/// Changes a session.
#[derive(Debug, Clone)]
pub struct UpdateSession {
    /// Who asks.
    pub caller: Caller,
    /// Which.
    pub id: SessionId,
    /// How.
    pub patch: SessionPatch,
}

/// A seat to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSeat {
    /// The organiser's label.
    pub id: SeatId,
    /// Part of the hall.
    pub section: String,
    /// Row within the section.
    pub row: String,
    /// Number within the row.
    pub number: i64,
    /// Its own price, in the session's currency; `None`: the session's.
    pub price: Option<Money>,
}

/// Adds seats to a seated session: all or none.
#[derive(Debug, Clone)]
pub struct ImportSeats {
    /// Who asks.
    pub caller: Caller,
    /// Where to.
    pub session_id: SessionId,
    /// Which; every label once.
    pub seats: Vec<NewSeat>,
}

/// Why an event or a session was not created or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogueRefusal {
    /// There is no such event.
    #[error("there is no such event")]
    EventNotFound,
    /// There is no such session.
    #[error("there is no such session")]
    SessionNotFound,
    /// A field is out of its bounds.
    #[error("{field}: {message}")]
    Invalid {
        /// The field, as the HTTP API spells it.
        field: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// Less stock than is held and sold, or another kind while some is.
    #[error("{in_use} tickets are held or sold")]
    StockInUse {
        /// Held and sold together.
        in_use: i64,
    },
    /// These seats exist already.
    #[error("{} of these seats exist already", seat_ids.len())]
    SeatExists {
        /// Which.
        seat_ids: Vec<SeatId>,
    },
}

/// Takes a place in the waiting room, or finds the one the user has.
#[derive(Debug, Clone)]
pub struct JoinQueue {
    /// Who asks.
    pub caller: Caller,
    /// Whose waiting room.
    pub session_id: SessionId,
    /// For whom.
    pub user_id: UserId,
}

/// A place, and the room it is in.
#[derive(Debug, Clone)]
pub struct Joined {
    /// The place.
    pub place: Place,
    /// Its room, as of this answer.
    pub room: Room,
    /// The session's policy.
    pub policy: QueuePolicy,
    /// The user had it already.
    pub existing: bool,
    /// When this was so.
    pub at: Timestamp,
}

/// Why no place was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueueRefusal {
    /// There is no such session, or its event is not published.
    #[error("there is no such session")]
    SessionNotFound,
    /// Sales have not opened.
    #[error("this session is not on sale yet")]
    NotOnSale,
    /// Sales have closed.
    #[error("the sale of this session has closed")]
    SaleClosed,
    /// Nothing is left that could come back.
    #[error("this session is sold out")]
    SoldOut,
    /// The line is as long as its policy allows.
    #[error("the waiting room is full")]
    QueueFull,
}

/// Gives a place up.
#[derive(Debug, Clone)]
pub struct LeaveQueue {
    /// Who asks.
    pub caller: Caller,
    /// The place, by its verified token.
    pub claim: PlaceClaim,
}

/// Lets the frontier of a waiting room move on.
#[derive(Debug, Clone)]
pub struct AdvanceQueue {
    /// Whose.
    pub session_id: SessionId,
}

/// What a step of admission did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advanced {
    /// How many were admitted.
    pub admitted: u64,
    /// Whether another step would find more to do at once.
    pub more: bool,
}

/// Sets stock aside for a buyer.
#[derive(Debug, Clone)]
pub struct PlaceHold {
    /// Who asks.
    pub caller: Caller,
    /// The hold's name, if it is placed.
    pub id: HoldId,
    /// Whose stock.
    pub session_id: SessionId,
    /// For whom.
    pub user_id: UserId,
    /// How much, or which seats.
    pub wanted: Wanted,
    /// The client's key.
    pub key: IdempotencyKey,
    /// The place in the waiting room, by its verified token.
    pub claim: QueueTicket,
}

/// The queue token a hold came with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueTicket {
    /// None.
    Missing,
    /// One that this engine did not sign.
    Forged,
    /// A genuine one.
    Claim(PlaceClaim),
}

/// A hold was placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The hold.
    pub hold: Hold,
    /// It was placed before, under the same key.
    pub replayed: bool,
}

/// Why no hold was placed, in order of precedence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HoldRefusal {
    /// The key was used for something else.
    #[error("this idempotency key was used for another request")]
    KeyReused,
    /// There is no such session, or its event is not published.
    #[error("there is no such session")]
    SessionNotFound,
    /// These seats do not exist.
    #[error("there is no such seat")]
    SeatNotFound {
        /// Which.
        seat_ids: Vec<SeatId>,
    },
    /// Seats of a quantity session, or a quantity of a seated one.
    #[error("this session sells by {}", if *kind == SessionKind::Seated { "seat: name seatIds" } else { "quantity: name a quantity" })]
    WrongKind {
        /// What the session is.
        kind: SessionKind,
    },
    /// Sales have not opened.
    #[error("this session is not on sale yet")]
    NotOnSale,
    /// Sales are halted.
    #[error("the sale of this session is paused")]
    SalePaused,
    /// Sales have closed.
    #[error("the sale of this session has closed")]
    SaleClosed,
    /// The session's policy asks for a token.
    #[error("a queue token is required")]
    TokenRequired,
    /// The token's wait or window has ended.
    #[error("the queue token has expired")]
    TokenExpired,
    /// The token's turn has not come.
    #[error("the queue has not admitted this token yet")]
    NotAdmitted,
    /// The token is another user's or session's, or none of ours.
    #[error("the queue token does not belong to this user and session")]
    TokenMismatch,
    /// Not enough is left.
    #[error("only {remaining} left")]
    SoldOut {
        /// What is left.
        remaining: i64,
    },
    /// Somebody has these seats.
    #[error("some of these seats are taken")]
    SeatTaken {
        /// Which.
        seat_ids: Vec<SeatId>,
    },
    /// The user has a live hold in this session.
    #[error("you already hold tickets of this session")]
    HoldExists {
        /// Which.
        hold_id: HoldId,
    },
    /// With this, the user would have more than the session allows.
    #[error("at most {max_per_user} tickets of this session per user")]
    LimitExceeded {
        /// The session's bound.
        max_per_user: u32,
    },
    /// The user has placed more holds in this session than the engine keeps track of.
    #[error("too many holds of this user in this session")]
    TooManyHolds,
}

/// Who asks for a hold's release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReleaseBy {
    /// Its owner.
    Owner(UserId),
    /// An administrator, or whoever runs the command line.
    Administrator,
}

/// Gives a hold up.
#[derive(Debug, Clone)]
pub struct ReleaseHold {
    /// Who asks.
    pub caller: Caller,
    /// Whose stock.
    pub session_id: SessionId,
    /// Which.
    pub hold_id: HoldId,
    /// In which capacity.
    pub by: ReleaseBy,
}

/// Why a hold was not released.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseRefusal {
    /// There is no such hold, or it is another user's.
    #[error("there is no such hold")]
    HoldNotFound,
    /// It was paid.
    #[error("this hold has been paid")]
    AlreadySold,
}

/// Reclaims a session's overdue holds.
#[derive(Debug, Clone)]
pub struct ExpireHolds {
    /// Whose.
    pub session_id: SessionId,
}

/// What a sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swept {
    /// How many holds were expired.
    pub expired: u32,
    /// Whether another sweep would find more.
    pub more: bool,
}

/// Makes an order and a payment of a hold.
#[derive(Debug, Clone)]
pub struct Checkout {
    /// Who asks.
    pub caller: Caller,
    /// Whose stock.
    pub session_id: SessionId,
    /// Which hold.
    pub hold_id: HoldId,
    /// Whose hold.
    pub user_id: UserId,
    /// How it will be paid.
    pub method: PaymentMethod,
    /// The order's name, if it is made.
    pub order_id: OrderId,
    /// The payment's name, if it is made.
    pub payment_id: PaymentId,
}

/// A hold's order and payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedOut {
    /// The order.
    pub order: Order,
    /// Its payment.
    pub payment: Payment,
    /// When the hold ends.
    pub expires_at: Timestamp,
    /// They existed before.
    pub existing: bool,
}

/// Why a hold was not checked out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckoutRefusal {
    /// There is no such hold, or it is another user's.
    #[error("there is no such hold")]
    HoldNotFound,
    /// It has ended.
    #[error("this hold is no longer active")]
    HoldNotActive,
}

/// Records the gateway's side of a payment.
#[derive(Debug, Clone)]
pub struct RecordGatewaySession {
    /// Who asks.
    pub caller: Caller,
    /// Which payment.
    pub link: PaymentLink,
    /// The gateway's side.
    pub gateway: GatewaySession,
}

/// Why the gateway's side was not recorded, or a callback not applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PaymentRefusal {
    /// There is no such payment.
    #[error("there is no such payment")]
    PaymentNotFound,
    /// The gateway named it differently before.
    #[error("the gateway knows this payment as {recorded}")]
    AlreadyRecorded {
        /// Its first name for it.
        recorded: GatewayPaymentId,
    },
}

/// Applies a verified callback to the payment it was matched to.
#[derive(Debug, Clone)]
pub struct SettlePayment {
    /// Who asks.
    pub caller: Caller,
    /// Which payment.
    pub link: PaymentLink,
    /// What the callback says.
    pub report: CallbackReport,
    /// The callback's name, derived from what it says.
    pub callback_id: CallbackId,
    /// The refund's name, should it need one.
    pub outbox_id: OutboxId,
}

/// What a callback led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// Tickets were issued.
    Sold,
    /// The hold was released.
    Declined,
    /// A refund was put into the outbox.
    RefundRequested(RefundReason),
    /// Nothing: it was known.
    Duplicate,
    /// Nothing: it contradicts what is final.
    Contradicted,
}

crate::state_enum! {
    /// Why captured money goes back.
    pub enum RefundReason {
        /// Amount or currency differ from the order's.
        AmountMismatch = "amount_mismatch",
        /// The hold had been given up.
        HoldReleased = "hold_released",
        /// The hold had expired and its stock is sold or held.
        StockGone = "stock_gone",
        /// The hold had expired and its buyer has others since.
        LimitExceeded = "limit_exceeded",
    }
}

/// Keeps a callback that names no payment of ours.
#[derive(Debug, Clone)]
pub struct KeepCallback {
    /// Who asks.
    pub caller: Caller,
    /// What it says.
    pub report: CallbackReport,
    /// The callback's name, derived from what it says.
    pub callback_id: CallbackId,
}

/// Takes a due message for delivery.
#[derive(Debug, Clone)]
pub struct LeaseOutbox {
    /// Whose.
    pub session_id: SessionId,
    /// Which.
    pub outbox_id: OutboxId,
    /// The attempt the caller saw; another since means that somebody else has it.
    pub seen_attempts: u32,
}

/// Reports a delivery.
#[derive(Debug, Clone)]
pub struct CompleteOutbox {
    /// Whose.
    pub session_id: SessionId,
    /// Which.
    pub outbox_id: OutboxId,
    /// Which payment it gives back.
    pub payment_id: PaymentId,
    /// That payment's order.
    pub order_id: OrderId,
    /// `Err` tells what went wrong.
    pub result: Result<(), String>,
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
    /// Creates an account.
    CreateUser(User, UserRefusal);
    /// Sets an account's role.
    SetRole(User, UserRefusal);
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
    /// Moves the frontier.
    AdvanceQueue(Advanced, Never);
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
    /// Keeps a callback of an unknown payment.
    KeepCallback((), Never);
    /// Takes a message for delivery; `None`: somebody else has it.
    LeaseOutbox(Option<OutboxMessage>, Never);
    /// Reports a delivery; tells the payment's status behind it.
    CompleteOutbox(PaymentStatus, PaymentRefusal);
}

impl Command {
    /// The stream whose lock it needs.
    pub fn stream(&self) -> StreamId {
        match self {
            Self::CreateUser(_) | Self::SetRole(_) => StreamId::Users,
            Self::KeepCallback(_) => StreamId::Callbacks,
            Self::CreateEvent(command) => StreamId::Event(command.id),
            Self::UpdateEvent(command) => StreamId::Event(command.id),
            Self::CreateSession(command) => StreamId::Session(command.id),
            Self::UpdateSession(command) => StreamId::Session(command.id),
            Self::ImportSeats(command) => StreamId::Session(command.session_id),
            Self::JoinQueue(command) => StreamId::Session(command.session_id),
            Self::LeaveQueue(command) => StreamId::Session(command.claim.session_id),
            Self::AdvanceQueue(command) => StreamId::Session(command.session_id),
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
            Self::ReleaseHold(_)
            | Self::ExpireHolds(_)
            | Self::SetRole(_)
            | Self::CreateEvent(_)
            | Self::UpdateEvent(_)
            | Self::CreateSession(_)
            | Self::UpdateSession(_)
            | Self::ImportSeats(_)
            | Self::AdvanceQueue(_) => Class::Release,
            Self::PlaceHold(_) | Self::Checkout(_) => Class::Hold,
            Self::JoinQueue(_) | Self::LeaveQueue(_) | Self::CreateUser(_) => Class::Queue,
        }
    }
}

impl SessionPatch {
    /// The fields that change, for the audit log.
    pub(crate) fn summary(&self) -> serde_json::Value {
        let mut fields = serde_json::Map::new();
        let mut note = |name: &str, value: Option<serde_json::Value>| {
            if let Some(value) = value {
                fields.insert(name.to_owned(), value);
            }
        };
        note("startAt", self.start_at.map(|at| json!(at)));
        note("salesOpenAt", self.sales_open_at.map(|at| json!(at)));
        note("salesCloseAt", self.sales_close_at.map(|at| json!(at)));
        note("kind", self.kind.map(|kind| json!(kind)));
        note("totalStock", self.total_stock.map(|total| json!(total)));
        note("price", self.price.map(|price| json!(price)));
        note("maxPerUser", self.max_per_user.map(|most| json!(most)));
        note("holdTtlSeconds", self.hold_ttl_seconds.map(|ttl| json!(ttl)));
        note("status", self.status.map(|status| json!(status)));
        note("queue", self.queue.as_ref().map(|policy| json!(policy)));
        serde_json::Value::Object(fields)
    }
}
