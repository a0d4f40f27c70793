//! The rules. All of them, and nothing else: no clock, no randomness, no IO.
//!
//! A rule sees a [`Snapshot`] and a command, and answers a change and an outcome, or a refusal, or
//! what else it must see first. It may run twice.

mod apart;
mod catalogue;
mod checkout;
mod context;
mod expire;
mod hold;
mod login;
mod payment;
pub(crate) mod queue;
mod redeem;
mod refund;
mod release;
mod user;

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Mutex, PoisonError},
};

use self::context::{Context, Stop};
use crate::{
    audit::{AuditKey, StreamId},
    clock::Timestamp,
    command::{Command, Outcome, QueueTicket},
    hold::HoldChurn,
    ids::{EventId, SessionId},
    planted::Numbers,
    store::{Decision, Missing, Read, Snapshot},
};

/// The rules of one engine.
#[derive(Debug)]
pub struct Rules {
    audit_key: AuditKey,
    churn: Option<HoldChurn>,
    event_of: EventOf,
    numbers: Numbers,
}

impl Rules {
    /// Rules that chain the audit log with `audit_key`.
    pub fn new(audit_key: AuditKey) -> Self {
        Self { audit_key, churn: None, event_of: EventOf::default(), numbers: Numbers::default() }
    }

    /// The same rules, under which a user's holds cool down as `churn` says; `None`: never.
    #[must_use]
    pub fn with_hold_churn(self, churn: Option<HoldChurn>) -> Self {
        Self { churn, ..self }
    }

    /// What `commands` are known to need before any of them is looked at.
    pub fn reads(&self, commands: &[Command]) -> Vec<Read> {
        let mut streams: Vec<StreamId> = commands.iter().map(Command::stream).collect();
        streams.sort_unstable();
        streams.dedup();
        let mut reads = Vec::with_capacity(commands.len() + 3 * streams.len());
        for stream in streams {
            match stream {
                StreamId::Session(id) => {
                    reads.extend([Read::Session(id), Read::Room(id)]);
                    reads.extend(self.event_of.get(id).map(Read::Event));
                }
                StreamId::Event(id) => reads.push(Read::Event(id)),
                StreamId::Users | StreamId::Callbacks => reads.push(Read::Stream(stream)),
            }
        }
        for command in commands {
            reads_of(command, &mut reads);
        }
        reads
    }

    /// Decides `commands` in order over `snapshot` at `now`.
    ///
    /// The outcomes stand beside their commands, and count only if the decision is to commit. A
    /// rule that panics fails its own command; the others are decided as if it had not been there.
    pub fn decide(&self, snapshot: &mut Snapshot, commands: &[Command], now: Timestamp) -> (Decision, Vec<Outcome>) {
        self.decide_by(snapshot, commands, now, dispatch)
    }

    fn decide_by(
        &self,
        snapshot: &mut Snapshot,
        commands: &[Command],
        now: Timestamp,
        rule: impl Fn(&mut Context<'_>, &Command) -> Result<Outcome, Missing>,
    ) -> (Decision, Vec<Outcome>) {
        let mut poisoned = vec![false; commands.len()];
        'again: loop {
            snapshot.reset();
            let mut context = Context::new(snapshot, self, now);
            let mut outcomes = Vec::with_capacity(commands.len());
            let mut missing = Vec::new();
            for (index, command) in commands.iter().enumerate() {
                if poisoned[index] {
                    outcomes.push(Outcome::Failed);
                    continue;
                }
                match catch_unwind(AssertUnwindSafe(|| rule(&mut context, command))) {
                    Ok(Ok(outcome)) => outcomes.push(outcome),
                    Ok(Err(Missing(read))) => missing.push(read),
                    Err(_) => {
                        tracing::error!(command = index, "a rule panicked; its command is refused alone");
                        poisoned[index] = true;
                        continue 'again;
                    }
                }
            }
            self.event_of.learn(context.events_seen());
            missing.append(context.wanted());
            if missing.is_empty() {
                return (Decision::Commit(snapshot.take_changes()), outcomes);
            }
            missing.sort_unstable();
            missing.dedup();
            return (Decision::NeedMore(missing), Vec::new());
        }
    }
}

/// A session's event never changes, so what was seen once can be loaded ahead next time.
#[derive(Debug, Default)]
struct EventOf(Mutex<HashMap<SessionId, EventId>>);

impl EventOf {
    const ENTRIES_MAX: usize = 100_000;

    fn get(&self, session: SessionId) -> Option<EventId> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&session).copied()
    }

    fn learn(&self, seen: &[(SessionId, EventId)]) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (session, event) in seen {
            if known.len() >= Self::ENTRIES_MAX {
                known.clear();
            }
            known.insert(*session, *event);
        }
    }
}

fn reads_of(command: &Command, reads: &mut Vec<Read>) {
    match command {
        Command::CreateUser(c) => reads.push(Read::UserByEmail(c.email.clone())),
        Command::SetRole(c) => reads.push(Read::User(c.user_id)),
        Command::Rehash(c) => reads.push(Read::User(c.user_id)),
        Command::StartLogin(c) => reads.push(Read::Login(c.id)),
        Command::RotateLogin(c) => reads.push(Read::Login(c.id)),
        Command::EndLogin(c) => reads.push(Read::Login(c.id)),
        Command::RefundOrder(c) => reads.push(Read::Order(c.session_id, c.order_id)),
        Command::RedeemTicket(c) => reads.push(Read::Ticket(c.session_id, c.ticket_id)),
        Command::CreateSession(c) => reads.push(Read::Event(c.new.event_id)),
        Command::JoinQueue(c) => reads.push(Read::PlaceOfUser(c.session_id, c.user_id)),
        Command::LeaveQueue(c) => reads.push(Read::Place(c.claim.session_id, c.claim.number)),
        Command::PlaceHold(c) => {
            reads.push(Read::HoldsOfUser(c.session_id, c.user_id));
            if let QueueTicket::Claim(claim) = c.claim {
                reads.push(Read::Place(claim.session_id, claim.number));
            }
            reads.extend(c.wanted.seat_ids().iter().map(|seat| Read::Seat(c.session_id, seat.clone())));
        }
        Command::ReleaseHold(c) => reads.push(Read::Hold(c.session_id, c.hold_id)),
        Command::ExpireHolds(c) => {
            reads.push(Read::EarliestHolds { session_id: c.session_id, limit: expire::SWEEP_LEN });
        }
        Command::Checkout(c) => reads.push(Read::Hold(c.session_id, c.hold_id)),
        Command::RecordGatewaySession(c) => reads.push(Read::Payment(c.link.session_id, c.link.payment_id)),
        Command::SettlePayment(c) => reads.extend([
            Read::Callback(c.callback_id),
            Read::Payment(c.link.session_id, c.link.payment_id),
            Read::Order(c.link.session_id, c.link.order_id),
            Read::Hold(c.link.session_id, c.link.hold_id),
        ]),
        Command::KeepCallback(c) => reads.push(Read::Callback(c.callback_id)),
        Command::LeaseOutbox(c) => reads.push(Read::Outbox(c.session_id, c.outbox_id)),
        Command::CompleteOutbox(c) => reads.extend([
            Read::Outbox(c.session_id, c.outbox_id),
            Read::Payment(c.session_id, c.payment_id),
            Read::Order(c.session_id, c.order_id),
        ]),
        Command::ImportSeats(c) => {
            reads.extend(c.seats.iter().map(|seat| Read::Seat(c.session_id, seat.id.clone())));
        }
        Command::BeginLog(_)
        | Command::CreateEvent(_)
        | Command::UpdateEvent(_)
        | Command::UpdateSession(_)
        | Command::ClearQueue(_)
        | Command::AdvanceQueue(_)
        | Command::OpenRoom(_)
        | Command::MirrorRoom(_) => {}
    }
}

fn dispatch(context: &mut Context<'_>, command: &Command) -> Result<Outcome, Missing> {
    Ok(match command {
        Command::BeginLog(_) => Outcome::BeginLog(settled(user::begin_log(context))?),
        Command::CreateUser(c) => Outcome::CreateUser(settled(user::create(context, c))?),
        Command::SetRole(c) => Outcome::SetRole(settled(user::set_role(context, c))?),
        Command::Rehash(c) => Outcome::Rehash(settled(login::rehash(context, c))?),
        Command::StartLogin(c) => Outcome::StartLogin(settled(login::start(context, c))?),
        Command::RotateLogin(c) => Outcome::RotateLogin(settled(login::rotate(context, c))?),
        Command::EndLogin(c) => Outcome::EndLogin(settled(login::end(context, c))?),
        Command::CreateEvent(c) => Outcome::CreateEvent(settled(catalogue::create_event(context, c))?),
        Command::UpdateEvent(c) => Outcome::UpdateEvent(settled(catalogue::update_event(context, c))?),
        Command::CreateSession(c) => Outcome::CreateSession(settled(catalogue::create_session(context, c))?),
        Command::UpdateSession(c) => Outcome::UpdateSession(settled(catalogue::update_session(context, c))?),
        Command::ImportSeats(c) => Outcome::ImportSeats(settled(catalogue::import_seats(context, c))?),
        Command::JoinQueue(c) => Outcome::JoinQueue(settled(queue::join(context, c))?),
        Command::LeaveQueue(c) => Outcome::LeaveQueue(settled(queue::leave(context, c))?),
        Command::ClearQueue(c) => Outcome::ClearQueue(settled(queue::clear(context, c))?),
        Command::AdvanceQueue(c) => Outcome::AdvanceQueue(settled(queue::advance(context, c))?),
        Command::OpenRoom(c) => Outcome::OpenRoom(settled(apart::open(context, c))?),
        Command::MirrorRoom(c) => Outcome::MirrorRoom(settled(apart::mirror(context, c))?),
        Command::PlaceHold(c) => Outcome::PlaceHold(settled(hold::place(context, c))?),
        Command::ReleaseHold(c) => Outcome::ReleaseHold(settled(release::release(context, c))?),
        Command::ExpireHolds(c) => Outcome::ExpireHolds(settled(expire::sweep(context, c))?),
        Command::Checkout(c) => Outcome::Checkout(settled(checkout::checkout(context, c))?),
        Command::RecordGatewaySession(c) => Outcome::RecordGatewaySession(settled(checkout::record(context, c))?),
        Command::SettlePayment(c) => Outcome::SettlePayment(settled(payment::settle(context, c))?),
        Command::RefundOrder(c) => Outcome::RefundOrder(settled(refund::order(context, c))?),
        Command::RedeemTicket(c) => Outcome::RedeemTicket(settled(redeem::redeem(context, c))?),
        Command::KeepCallback(c) => Outcome::KeepCallback(settled(payment::keep(context, c))?),
        Command::LeaseOutbox(c) => Outcome::LeaseOutbox(settled(refund::lease(context, c))?),
        Command::CompleteOutbox(c) => Outcome::CompleteOutbox(settled(refund::complete(context, c))?),
    })
}

/// Tells a refusal, which is an answer, from a read that is missing.
fn settled<T, R>(verdict: Result<T, Stop<R>>) -> Result<Result<T, R>, Missing> {
    match verdict {
        Ok(done) => Ok(Ok(done)),
        Err(Stop::Refused(refusal)) => Ok(Err(refusal)),
        Err(Stop::Missing(missing)) => Err(missing),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        audit::{Actor, Caller},
        command::CreateEvent,
        event::EventStatus,
    };

    fn create(title: &str, id: u128) -> Command {
        Command::CreateEvent(CreateEvent {
            caller: Caller::of(Actor::Operator),
            id: EventId::from_uuid(Uuid::from_u128(id)),
            title: title.to_owned(),
            description: String::new(),
            venue: String::new(),
            status: EventStatus::Draft,
        })
    }

    #[test]
    fn a_rule_that_panics_fails_its_own_command_and_no_other() {
        let rules = Rules::new(AuditKey::new(b"key"));
        let commands = [create("one", 1), create("poison", 2), create("three", 3)];
        let mut snapshot = Snapshot::default();
        for id in 1..=3 {
            snapshot.events.load(EventId::from_uuid(Uuid::from_u128(id)), None);
        }
        let rule = |context: &mut Context<'_>, command: &Command| {
            let outcome = dispatch(context, command);
            assert!(!matches!(command, Command::CreateEvent(c) if c.title == "poison"), "a defect in the rule");
            outcome
        };
        let (decision, outcomes) = rules.decide_by(&mut snapshot, &commands, Timestamp::from_micros(0), rule);
        assert!(matches!(outcomes[..], [Outcome::CreateEvent(Ok(_)), Outcome::Failed, Outcome::CreateEvent(Ok(_))]));
        let Decision::Commit(changes) = decision else { panic!("nothing was missing") };
        let titles: Vec<_> = changes.events.iter().map(|write| write.record().title.as_str()).collect();
        assert_eq!(titles, ["one", "three"], "what the poisoned command had changed is undone");
        assert_eq!(changes.audit.len(), 2);
    }
}
