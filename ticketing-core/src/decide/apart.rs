//! The ledger's side of a waiting room that is kept in a store of its own: its mirror.

use super::context::{Context, Verdict};
use crate::{
    command::{MirrorRoom, Never, OpenRoom},
    store::Missing,
    waiting_room::{Place, PlaceState, token::PlaceClaim},
};

/// Begins the next epoch, unless the one that is over is over already.
pub(super) fn open(context: &mut Context<'_>, command: &OpenRoom) -> Verdict<Option<crate::waiting_room::Room>, Never> {
    let room = context.snapshot.rooms.get(&command.session_id)?.cloned();
    let Some(mut room) = room.filter(|room| room.epoch == command.after) else { return Ok(None) };
    match &command.found {
        Some(found) => room.begin_epoch_with(found),
        None => room.begin_epoch(true),
    }
    context.snapshot.rooms.put(room.clone());
    Ok(Some(room))
}

/// Takes in a later state of the epoch that runs.
pub(super) fn mirror(context: &mut Context<'_>, command: &MirrorRoom) -> Verdict<Option<u32>, Never> {
    let Some(known) = context.snapshot.rooms.get(&command.room.session_id)? else { return Ok(None) };
    let epoch = known.epoch;
    let is_later = known.apart && known.epoch == command.room.epoch && !command.room.is_behind(known);
    if is_later && *known != command.room {
        context.snapshot.rooms.put(command.room.clone());
    }
    Ok(Some(epoch))
}

/// Leaves a mark that the place of `claim` was given up, so that its token holds nothing any more.
pub(super) fn leave(context: &mut Context<'_>, claim: &PlaceClaim) -> Result<(), Missing> {
    let known = context.snapshot.places.get(&(claim.session_id, claim.number))?;
    // A mark of somebody else's is one of an epoch in which the number was never admitted: it stays.
    if known.is_none_or(|place| place.user_id == claim.user_id && place.state != PlaceState::Left) {
        let PlaceClaim { session_id, user_id, number, issued_at, admitted_at_once, .. } = *claim;
        let state = PlaceState::Left;
        context.snapshot.places.put(Place { session_id, number, user_id, issued_at, admitted_at_once, state });
    }
    Ok(())
}
