//! Events and sessions.

use std::collections::BTreeSet;

use super::{
    context::{Context, Verdict, refuse},
    expire,
};
use crate::{
    audit::{Action, ChainHead, StreamId},
    command::{
        CatalogueRefusal, CreateEvent, CreateSession, ImportSeats, QueuePatch, SessionPatch, UpdateEvent, UpdateSession,
    },
    event::{DESCRIPTION_CHARS_MAX, Event, NAME_CHARS_MAX},
    money::Money,
    planted::{Planted, is_planted},
    seat::{Seat, SeatStatus},
    session::{Session, SessionKind, Stock, limits},
    store::Missing,
    waiting_room::{QueuePolicy, Room},
};

/// Creates an event.
pub(super) fn create_event(context: &mut Context<'_>, command: &CreateEvent) -> Verdict<Event, CatalogueRefusal> {
    let mut event = Event {
        id: command.id,
        title: command.title.trim().to_owned(),
        description: command.description.clone(),
        venue: command.venue.trim().to_owned(),
        status: command.status,
        created_at: context.now,
        updated_at: context.now,
        audit: ChainHead::EMPTY,
    };
    check_event(&event)?;
    let meta = serde_json::json!({ "title": event.title, "status": event.status }).to_string();
    let stream = StreamId::Event(event.id);
    context.append(stream, &mut event.audit, command.caller, Action::EventCreated, event.id, meta);
    context.snapshot.events.put(event.clone());
    Ok(event)
}

/// Changes an event.
pub(super) fn update_event(context: &mut Context<'_>, command: &UpdateEvent) -> Verdict<Event, CatalogueRefusal> {
    let Some(before) = context.snapshot.events.get(&command.id)?.cloned() else {
        return refuse(CatalogueRefusal::EventNotFound);
    };
    let mut event = before.clone();
    if let Some(title) = &command.title {
        title.trim().clone_into(&mut event.title);
    }
    if let Some(description) = &command.description {
        event.description.clone_from(description);
    }
    if let Some(venue) = &command.venue {
        venue.trim().clone_into(&mut event.venue);
    }
    event.status = command.status.unwrap_or(event.status);
    check_event(&event)?;
    if event == before {
        return Ok(event);
    }
    event.updated_at = context.now;
    let meta = serde_json::json!({ "title": event.title, "status": event.status }).to_string();
    let stream = StreamId::Event(event.id);
    context.append(stream, &mut event.audit, command.caller, Action::EventUpdated, event.id, meta);
    context.snapshot.events.put(event.clone());
    Ok(event)
}

/// Creates a session and its empty waiting room.
pub(super) fn create_session(context: &mut Context<'_>, command: &CreateSession) -> Verdict<Session, CatalogueRefusal> {
    let new = &command.new;
    if context.snapshot.events.get(&new.event_id)?.is_none() {
        return refuse(CatalogueRefusal::EventNotFound);
    }
    let mut session = Session {
        id: command.id,
        event_id: new.event_id,
        start_at: new.start_at,
        sales_open_at: new.sales_open_at,
        sales_close_at: new.sales_close_at,
        kind: new.kind,
        stock: Stock::new(new.total_stock),
        price: new.price,
        max_per_user: new.max_per_user,
        hold_ttl_seconds: new.hold_ttl_seconds,
        status: new.status,
        queue: new.queue.clone(),
        version: 0,
        created_at: context.now,
        updated_at: context.now,
        audit: ChainHead::EMPTY,
    };
    if session.kind == SessionKind::Seated && session.stock.total != 0 {
        return invalid("totalStock", "a seated session gets its stock with its seats");
    }
    check_session(&session)?;
    let meta =
        serde_json::json!({ "event": session.event_id, "kind": session.kind, "totalStock": session.stock.total });
    context.audit(&mut session, command.caller, Action::SessionCreated, command.id, meta.to_string());
    context.snapshot.rooms.put(Room::new(session.id, context.now));
    Ok(context.save(session))
}

/// Changes a session.
pub(super) fn update_session(context: &mut Context<'_>, command: &UpdateSession) -> Verdict<Session, CatalogueRefusal> {
    let Some(found) = context.session(command.id)? else { return refuse(CatalogueRefusal::SessionNotFound) };
    let before = reclaim_for(context, &command.patch, found)?;
    let mut session = before.clone();
    let currency = command.patch.price.map_or(session.price.currency, |price| price.currency);
    if session.kind == SessionKind::Seated && session.stock.total > 0 && currency != session.price.currency {
        return invalid("price", "a session that has seats keeps its currency");
    }
    apply(&command.patch, &mut session);
    set_kind(&command.patch, &mut session)?;
    set_stock(&command.patch, &mut session)?;
    check_session(&session)?;
    if session == before {
        return Ok(session);
    }
    session.updated_at = context.now;
    let meta = command.patch.summary().to_string();
    context.audit(&mut session, command.caller, Action::SessionUpdated, command.id, meta);
    Ok(context.save(session))
}

/// Adds seats, all or none; each adds one to the stock.
pub(super) fn import_seats(context: &mut Context<'_>, command: &ImportSeats) -> Verdict<Session, CatalogueRefusal> {
    let Some(mut session) = context.session(command.session_id)? else {
        return refuse(CatalogueRefusal::SessionNotFound);
    };
    if session.kind != SessionKind::Seated {
        return invalid("seats", "this session sells by quantity");
    }
    let (mut known, mut named) = (Vec::new(), BTreeSet::new());
    for new in &command.seats {
        if !named.insert(&new.id) {
            return invalid("seats", format!("seat {} is named twice", new.id));
        }
        if context.snapshot.seats.get(&(session.id, new.id.clone()))?.is_some() {
            known.push(new.id.clone());
        }
        check_text("section", &new.section)?;
        check_text("row", &new.row)?;
        check_price("price", new.price.unwrap_or(session.price))?;
        if new.price.is_some_and(|price| price.currency != session.price.currency) {
            return invalid("price", "a seat is sold in the currency of its session");
        }
    }
    if !known.is_empty() {
        return refuse(CatalogueRefusal::SeatExists { seat_ids: known });
    }
    let added = command.seats.len() as i64;
    session.stock.total += added;
    session.stock.available += added;
    check_session(&session)?;
    let version = context.next_version(session.id)?;
    for new in &command.seats {
        context.snapshot.seats.put(Seat {
            session_id: session.id,
            id: new.id.clone(),
            section: new.section.clone(),
            row: new.row.clone(),
            number: new.number,
            price: new.price,
            status: SeatStatus::Available,
            hold_id: None,
            version,
        });
    }
    session.updated_at = context.now;
    let meta = format!(r#"{{"seats":{added}}}"#);
    context.audit(&mut session, command.caller, Action::SeatsImported, command.session_id, meta);
    Ok(context.save(session))
}

/// Reclaims overdue holds where the change would count them as stock in use.
fn reclaim_for(context: &mut Context<'_>, patch: &SessionPatch, found: Session) -> Result<Session, Missing> {
    let by_stock = patch.total_stock.map_or(0, |total| found.stock.total.saturating_sub(total));
    let by_kind = if patch.kind.is_some_and(|kind| kind != found.kind) { i64::MAX } else { 0 };
    let mut session = found.clone();
    expire::reclaim(context, &mut session, by_stock.max(by_kind))?;
    let is_kept = session == found || is_planted(Planted::ReclaimedWithoutSession);
    Ok(if is_kept { session } else { context.save(session) })
}

fn apply(patch: &SessionPatch, session: &mut Session) {
    session.start_at = patch.start_at.unwrap_or(session.start_at);
    session.sales_open_at = patch.sales_open_at.unwrap_or(session.sales_open_at);
    session.sales_close_at = patch.sales_close_at.unwrap_or(session.sales_close_at);
    session.price = patch.price.unwrap_or(session.price);
    session.max_per_user = patch.max_per_user.unwrap_or(session.max_per_user);
    session.hold_ttl_seconds = patch.hold_ttl_seconds.unwrap_or(session.hold_ttl_seconds);
    session.status = patch.status.unwrap_or(session.status);
    if let Some(queue) = &patch.queue {
        apply_queue(queue, &mut session.queue);
    }
}

fn apply_queue(patch: &QueuePatch, policy: &mut QueuePolicy) {
    policy.mode = patch.mode.unwrap_or(policy.mode);
    policy.admit_per_second = patch.admit_per_second.unwrap_or(policy.admit_per_second);
    policy.max_active = patch.max_active.unwrap_or(policy.max_active);
    policy.wait_ttl_seconds = patch.wait_ttl_seconds.unwrap_or(policy.wait_ttl_seconds);
    policy.admit_ttl_seconds = patch.admit_ttl_seconds.unwrap_or(policy.admit_ttl_seconds);
    policy.max_length = patch.max_length.unwrap_or(policy.max_length);
    policy.pre_queue_seconds = patch.pre_queue_seconds.unwrap_or(policy.pre_queue_seconds);
}

fn set_kind(patch: &SessionPatch, session: &mut Session) -> Verdict<(), CatalogueRefusal> {
    let Some(kind) = patch.kind.filter(|kind| *kind != session.kind) else { return Ok(()) };
    let in_use = session.stock.held + session.stock.sold;
    if in_use > 0 {
        return refuse(CatalogueRefusal::StockInUse { in_use });
    }
    if session.kind == SessionKind::Seated && session.stock.total > 0 {
        return invalid("kind", "a session that has seats stays seated");
    }
    session.kind = kind;
    session.stock = Stock::new(0);
    Ok(())
}

fn set_stock(patch: &SessionPatch, session: &mut Session) -> Verdict<(), CatalogueRefusal> {
    let Some(total) = patch.total_stock.filter(|total| *total != session.stock.total) else { return Ok(()) };
    if session.kind == SessionKind::Seated {
        return invalid("totalStock", "a seated session gets its stock with its seats");
    }
    check_total(total)?;
    let in_use = session.stock.held + session.stock.sold;
    if total < in_use {
        return refuse(CatalogueRefusal::StockInUse { in_use });
    }
    session.stock.total = total;
    session.stock.available = total - in_use;
    Ok(())
}

fn check_event(event: &Event) -> Verdict<(), CatalogueRefusal> {
    let chars = |text: &str| text.chars().count();
    if event.title.is_empty() || chars(&event.title) > NAME_CHARS_MAX {
        return invalid("title", format!("1 to {NAME_CHARS_MAX} characters"));
    }
    if chars(&event.venue) > NAME_CHARS_MAX {
        return invalid("venue", format!("at most {NAME_CHARS_MAX} characters"));
    }
    if chars(&event.description) > DESCRIPTION_CHARS_MAX {
        return invalid("description", format!("at most {DESCRIPTION_CHARS_MAX} characters"));
    }
    check_text("title", &event.title)?;
    check_text("venue", &event.venue)?;
    check_text("description", &event.description)
}

fn check_session(session: &Session) -> Verdict<(), CatalogueRefusal> {
    check_total(session.stock.total)?;
    check_price("price", session.price)?;
    if !(1..=limits::PER_USER_MAX).contains(&session.max_per_user) {
        return invalid("maxPerUser", format!("1 to {}", limits::PER_USER_MAX));
    }
    if !(1..=limits::HOLD_TTL_SECONDS_MAX).contains(&session.hold_ttl_seconds) {
        return invalid("holdTtlSeconds", format!("1 to {}", limits::HOLD_TTL_SECONDS_MAX));
    }
    if session.sales_open_at.zip(session.sales_close_at).is_some_and(|(opens, closes)| closes <= opens) {
        return invalid("salesCloseAt", "later than salesOpenAt");
    }
    check_policy(&session.queue)
}

fn check_total(total: i64) -> Verdict<(), CatalogueRefusal> {
    if (0..=Stock::TOTAL_MAX).contains(&total) {
        Ok(())
    } else {
        invalid("totalStock", format!("0 to {}", Stock::TOTAL_MAX))
    }
}

fn check_policy(policy: &QueuePolicy) -> Verdict<(), CatalogueRefusal> {
    let at_least_one = [
        ("queue.admitPerSecond", policy.admit_per_second),
        ("queue.maxActive", policy.max_active),
        ("queue.maxLength", policy.max_length),
    ];
    if let Some((field, _)) = at_least_one.into_iter().find(|(_, value)| *value == Some(0)) {
        return invalid(field, "at least 1, or null for no limit");
    }
    let spans = [
        ("queue.waitTtlSeconds", policy.wait_ttl_seconds, "no limit"),
        ("queue.admitTtlSeconds", policy.admit_ttl_seconds, "no limit"),
        ("queue.preQueueSeconds", policy.pre_queue_seconds, "none"),
    ];
    let bad = |span: Option<u32>| span.is_some_and(|span| !(1..=QueuePolicy::TTL_SECONDS_MAX).contains(&span));
    match spans.into_iter().find(|(_, span, _)| bad(*span)) {
        Some((field, _, null)) => invalid(field, format!("1 to {}, or null for {null}", QueuePolicy::TTL_SECONDS_MAX)),
        None => Ok(()),
    }
}

/// Not every store can keep the character zero, and nobody can read it.
fn check_text(field: &'static str, text: &str) -> Verdict<(), CatalogueRefusal> {
    if text.contains('\0') { invalid(field, "without the character zero") } else { Ok(()) }
}

fn check_price(field: &'static str, price: Money) -> Verdict<(), CatalogueRefusal> {
    if (0..=Money::MINOR_MAX).contains(&price.minor) {
        Ok(())
    } else {
        invalid(field, format!("0 to {} minor units", Money::MINOR_MAX))
    }
}

fn invalid<T>(field: &'static str, message: impl Into<String>) -> Verdict<T, CatalogueRefusal> {
    refuse(CatalogueRefusal::Invalid { field, message: message.into() })
}
