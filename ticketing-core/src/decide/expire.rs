//! Holds past their end: reclaimed when stock is short, and by sweeps.

use super::context::{Context, Verdict};
use crate::{
    audit::Action,
    command::{ExpireHolds, Never, Swept},
    hold::{Hold, HoldStatus},
    ids::{HoldId, SessionId},
    order::{Order, OrderStatus},
    planted::{Planted, is_planted},
    seat::SeatStatus,
    session::Session,
    store::{Missing, Read},
};

/// Holds looked at by one sweep.
pub(super) const SWEEP_LEN: u32 = 1_024;

/// How many of the earliest holds are looked at, until one is not overdue. A session that is sold
/// out asks for one on every refusal, so the first step is short.
const LADDER: [u32; 5] = [1, 256, 4_096, 65_536, u32::MAX];

/// Expires a session's overdue holds.
pub(super) fn sweep(context: &mut Context<'_>, command: &ExpireHolds) -> Verdict<Swept, Never> {
    let Some(mut session) = context.session(command.session_id)? else {
        return Ok(Swept { expired: 0, more: false });
    };
    let earliest = context.snapshot.earliest_holds(session.id, SWEEP_LEN)?.clone();
    prepare(context, session.id, &earliest.holds)?;
    let mut expired = 0;
    for id in &earliest.holds {
        if let Some(hold) = overdue(context, session.id, *id)? {
            expire(context, &mut session, hold)?;
            expired += 1;
        }
    }
    if expired > 0 {
        context.save(session);
    }
    Ok(Swept { expired, more: expired >= SWEEP_LEN })
}

/// Expires overdue holds until `wanted` tickets are available or no hold is overdue. The caller
/// saves `session`.
pub(super) fn reclaim(context: &mut Context<'_>, session: &mut Session, wanted: i64) -> Result<(), Missing> {
    for limit in LADDER {
        if is_planted(Planted::OverdueStockKept) {
            return Ok(());
        }
        if session.stock.available >= wanted || session.stock.held == 0 {
            return Ok(());
        }
        let earliest = context.snapshot.earliest_holds(session.id, limit)?.clone();
        prepare(context, session.id, &earliest.holds)?;
        for id in &earliest.holds {
            let hold = context.snapshot.holds.get(&(session.id, *id))?;
            let Some(hold) = hold.filter(|hold| hold.status == HoldStatus::Active) else { continue };
            if !hold.is_overdue(context.now) {
                return Ok(());
            }
            let hold = hold.clone();
            expire(context, session, hold)?;
            if session.stock.available >= wanted {
                return Ok(());
            }
        }
        if earliest.holds.len() < earliest.limit as usize || is_planted(Planted::OneOverdueHoldReclaimed) {
            return Ok(());
        }
    }
    Ok(())
}

/// Loads in one round what expiring the overdue ones of `holds` will touch.
pub(super) fn prepare(context: &mut Context<'_>, session: SessionId, holds: &[HoldId]) -> Result<(), Missing> {
    let mut reads = Vec::new();
    for id in holds {
        if let Some(hold) = overdue(context, session, *id)? {
            reads.extend(hold.order_id.map(|order| Read::Order(session, order)));
            reads.extend(hold.wanted.seat_ids().iter().map(|seat| Read::Seat(session, seat.clone())));
        }
    }
    context.need(reads)
}

/// Expires one overdue hold: its stock is free, its order is cancelled. The caller saves `session`.
pub(super) fn expire(context: &mut Context<'_>, session: &mut Session, mut hold: Hold) -> Result<(), Missing> {
    give_back(context, session, &hold)?;
    hold.status = HoldStatus::Expired;
    hold.ended_at = Some(context.now);
    let meta = format!(r#"{{"quantity":{},"expiredAt":"{}"}}"#, hold.quantity(), hold.expires_at);
    context.audit(session, Context::ENGINE, Action::HoldExpired, hold.id, meta);
    context.snapshot.holds.put(hold);
    Ok(())
}

/// Frees what an active hold sets aside and cancels its order. The caller ends the hold.
pub(super) fn give_back(context: &mut Context<'_>, session: &mut Session, hold: &Hold) -> Result<(), Missing> {
    if let Some(order_id) = hold.order_id {
        let order = context.snapshot.orders.get(&(hold.session_id, order_id))?.cloned();
        if let Some(order) = order.filter(|order| order.status == OrderStatus::Pending) {
            let cancelled = Order { status: OrderStatus::Cancelled, updated_at: context.now, ..order };
            context.snapshot.orders.put(cancelled);
        }
    }
    context.set_seats(hold, SeatStatus::Available)?;
    session.stock.held -= i64::from(hold.quantity());
    session.stock.available += i64::from(hold.quantity());
    Ok(())
}

fn overdue(context: &Context<'_>, session: SessionId, id: HoldId) -> Result<Option<Hold>, Missing> {
    let hold = context.snapshot.holds.get(&(session, id))?;
    let ignored = is_planted(Planted::SweeperIgnoresStatus);
    let is_over = |hold: &&Hold| ignored && hold.status != HoldStatus::Expired && context.now >= hold.expires_at;
    Ok(hold.filter(|hold| hold.is_overdue(context.now) || is_over(hold)).cloned())
}
