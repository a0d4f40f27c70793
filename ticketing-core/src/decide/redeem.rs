//! Letting a ticket's holder in.

use super::context::{Context, Verdict, refuse};
use crate::{
    audit::Action,
    command::{RedeemRefusal, RedeemTicket, Redeemed},
    planted::{Planted, is_planted},
    ticket::{Redemption, Ticket, TicketStatus},
};

/// Uses a ticket, once. The scan that used it is answered the same again.
pub(super) fn redeem(context: &mut Context<'_>, command: &RedeemTicket) -> Verdict<Redeemed, RedeemRefusal> {
    let ticket = context.snapshot.tickets.get(&(command.session_id, command.ticket_id))?.cloned();
    // What was signed is what was sold, or one of the two is not what it was.
    let ticket = ticket.filter(|ticket| ticket.seat_id == command.seat_id);
    let (Some(ticket), Some(mut session)) = (ticket, context.session(command.session_id)?) else {
        return refuse(RedeemRefusal::InvalidTicket);
    };
    if command.door.is_some_and(|door| door != session.id) {
        return refuse(RedeemRefusal::WrongSession);
    }
    let is_theirs = |used: &Redemption| used.by == command.caller.actor && is_planted(Planted::RepeatByScanner);
    match (ticket.status, &ticket.redemption) {
        (TicketStatus::Revoked, _) if !is_planted(Planted::RevokedTicketAdmits) => {
            return refuse(RedeemRefusal::Revoked);
        }
        (TicketStatus::Used, Some(used)) if used.nonce == command.nonce || is_theirs(used) => {
            return Ok(Redeemed { ticket, replayed: true });
        }
        (TicketStatus::Used, used) => {
            let at = used.as_ref().map_or(context.now, |used| used.at);
            return refuse(RedeemRefusal::AlreadyRedeemed { at });
        }
        (TicketStatus::Valid | TicketStatus::Revoked, _) => {}
    }
    let redemption = Redemption { at: context.now, by: command.caller.actor, nonce: command.nonce.clone() };
    let ticket = Ticket { status: TicketStatus::Used, redemption: Some(redemption), ..ticket };
    let meta = format!(r#"{{"order":"{}"}}"#, ticket.order_id);
    context.audit(&mut session, command.caller, Action::TicketRedeemed, ticket.id, meta);
    context.save(session);
    context.snapshot.tickets.put(ticket.clone());
    Ok(Redeemed { ticket, replayed: false })
}
