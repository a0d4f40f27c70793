//! Giving a hold up.

use super::{
    context::{Context, Verdict, refuse},
    expire,
};
use crate::{
    audit::{Action, Caller},
    command::{ReleaseBy, ReleaseHold, ReleaseRefusal},
    hold::{Hold, HoldStatus},
    planted::{Planted, is_planted},
    session::Session,
    store::Missing,
};

/// Releases a live hold; one that has ended already stays as it is.
pub(super) fn release(context: &mut Context<'_>, command: &ReleaseHold) -> Verdict<Hold, ReleaseRefusal> {
    let hold = context.snapshot.holds.get(&(command.session_id, command.hold_id))?.cloned();
    let owned = |hold: &Hold| match command.by {
        ReleaseBy::Owner(user) => hold.user_id == user || is_planted(Planted::OwnerCheckMissing),
        ReleaseBy::Administrator => true,
    };
    let (Some(hold), Some(mut session)) = (hold.filter(owned), context.session(command.session_id)?) else {
        return refuse(ReleaseRefusal::HoldNotFound);
    };
    match hold.status {
        HoldStatus::Confirmed => refuse(ReleaseRefusal::AlreadySold),
        HoldStatus::Expired | HoldStatus::Released if !is_planted(Planted::DoubleRelease) => Ok(hold),
        HoldStatus::Active if hold.is_overdue(context.now) => {
            expire::expire(context, &mut session, hold.clone())?;
            context.save(session);
            Ok(Hold { status: HoldStatus::Expired, ended_at: Some(context.now), ..hold })
        }
        HoldStatus::Active | HoldStatus::Expired | HoldStatus::Released => {
            let released = end(context, &mut session, hold, command.caller)?;
            context.save(session);
            Ok(released)
        }
    }
}

/// Releases a live hold. The caller saves `session`.
pub(super) fn end(
    context: &mut Context<'_>,
    session: &mut Session,
    mut hold: Hold,
    caller: Caller,
) -> Result<Hold, Missing> {
    expire::give_back(context, session, &hold)?;
    hold.status = HoldStatus::Released;
    hold.ended_at = Some(context.now);
    let meta = format!(r#"{{"quantity":{}}}"#, hold.quantity());
    context.audit(session, caller, Action::HoldReleased, hold.id, meta);
    context.snapshot.holds.put(hold.clone());
    Ok(hold)
}
