//! From rows to a snapshot.

use rusqlite::{Connection, params};
use ticketing_core::{
    audit::StreamId,
    ids::{SessionId, UserId},
    store::{Read, Record, Snapshot, Table},
};

use super::{
    columns::{Id, int},
    tables::{
        Stored, all, callbacks, events, holds, logins, one, orders, outbox, payments, places, rooms, seats, sessions,
        streams, tickets, users,
    },
};

/// Answers every read that the snapshot has no answer to.
pub(super) fn load(connection: &Connection, snapshot: &mut Snapshot, reads: &[Read]) -> rusqlite::Result<()> {
    for read in reads {
        if !snapshot.has(read) {
            answer(connection, snapshot, read)?;
        }
    }
    Ok(())
}

fn answer(connection: &Connection, snapshot: &mut Snapshot, read: &Read) -> rusqlite::Result<()> {
    match read {
        Read::Stream(id) => stream(connection, snapshot, *id),
        Read::User(id) => by_id(connection, &mut snapshot.users, *id, users::BY_ID),
        Read::Event(id) => by_id(connection, &mut snapshot.events, *id, events::BY_ID),
        Read::Session(id) => by_id(connection, &mut snapshot.sessions, *id, sessions::BY_ID),
        Read::Room(id) => by_id(connection, &mut snapshot.rooms, *id, rooms::BY_SESSION),
        Read::Callback(id) => by_id(connection, &mut snapshot.callbacks, *id, callbacks::BY_ID),
        Read::Hold(session, id) => in_session(connection, &mut snapshot.holds, (*session, *id), holds::IN_SESSION),
        Read::Ticket(session, id) => {
            in_session(connection, &mut snapshot.tickets, (*session, *id), tickets::IN_SESSION)
        }
        Read::Login(id) => by_id(connection, &mut snapshot.logins, *id, logins::BY_ID),
        Read::Order(session, id) => in_session(connection, &mut snapshot.orders, (*session, *id), orders::IN_SESSION),
        Read::Payment(session, id) => {
            in_session(connection, &mut snapshot.payments, (*session, *id), payments::IN_SESSION)
        }
        Read::Outbox(session, id) => in_session(connection, &mut snapshot.outbox, (*session, *id), outbox::IN_SESSION),
        Read::Place(session, number) => {
            let found = one(connection, places::BY_NUMBER, params![session.bytes(), int(*number)])?;
            snapshot.places.load((*session, *number), found);
            Ok(())
        }
        Read::Seat(session, seat) => {
            let found = one(connection, seats::BY_ID, params![session.bytes(), seat.as_str()])?;
            snapshot.seats.load((*session, seat.clone()), found);
            Ok(())
        }
        Read::UserByEmail(email) => {
            let found = one(connection, users::BY_EMAIL, [email.as_str()])?;
            snapshot.load_user_by_email(email.clone(), found);
            Ok(())
        }
        Read::PlaceOfUser(session, user) => {
            let found = one(connection, places::OF_USER, params![session.bytes(), user.bytes()])?;
            snapshot.load_place_of_user(*session, *user, found);
            Ok(())
        }
        Read::Places { session_id, after, limit } => {
            let found = all(connection, places::BEHIND, params![session_id.bytes(), int(*after), limit])?;
            snapshot.load_places(*session_id, *after, *limit, found);
            Ok(())
        }
        Read::HoldsOfUser(session, user) => holds_of_user(connection, snapshot, *session, *user),
        Read::EarliestHolds { session_id, limit } => {
            let found = all(connection, holds::EARLIEST, params![session_id.bytes(), limit])?;
            snapshot.load_earliest_holds(*session_id, *limit, found);
            Ok(())
        }
    }
}

/// One more than are kept track of, so that a decision sees when there are too many.
fn holds_of_user(
    connection: &Connection,
    snapshot: &mut Snapshot,
    session: SessionId,
    user: UserId,
) -> rusqlite::Result<()> {
    let limit = int(Read::HOLDS_OF_USER_MAX as u64 + 1);
    let found = all(connection, holds::OF_USER, params![session.bytes(), user.bytes(), limit])?;
    snapshot.load_holds_of_user(session, user, found);
    Ok(())
}

fn stream(connection: &Connection, snapshot: &mut Snapshot, id: StreamId) -> rusqlite::Result<()> {
    let found = one(connection, streams::BY_NAME, [id.to_string()])?;
    snapshot.streams.load(id, found);
    Ok(())
}

fn by_id<R: Record + Stored>(
    connection: &Connection,
    table: &mut Table<R>,
    id: R::Key,
    sql: &str,
) -> rusqlite::Result<()>
where
    R::Key: Id,
{
    let found = one(connection, sql, [id.bytes()])?;
    table.load(id, found);
    Ok(())
}

fn in_session<R, K>(
    connection: &Connection,
    table: &mut Table<R>,
    key: (SessionId, K),
    sql: &str,
) -> rusqlite::Result<()>
where
    R: Record<Key = (SessionId, K)> + Stored,
    K: Id,
{
    let found = one(connection, sql, params![key.0.bytes(), key.1.bytes()])?;
    table.load(key, found);
    Ok(())
}
