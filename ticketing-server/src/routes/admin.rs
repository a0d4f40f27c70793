//! Administration. Every route asks for an administrator before it looks at anything else.

use axum::{
    Json,
    extract::State,
    routing::{delete, get, patch, post},
};
use http::StatusCode;
use serde::Deserialize;
use ticketing_core::{
    command::ReleaseBy,
    event::EventStatus,
    hold::HoldStatus,
    ids::{EventId, HoldId, SessionId, UserId},
    store::{HoldFilter, SessionView},
};

use super::Routes;
use crate::{
    dto::{
        List,
        admin::{
            AdminEvent, AdminHold, AdminSession, CreateEventRequest, CreateSessionRequest, ImportSeatsRequest,
            SeatsImported, StatsBody, UpdateEventRequest, UpdateSessionRequest, VerifyBody,
        },
        page_of,
    },
    error::ApiError,
    extract::{Admin, Body, Id, Paging, PathId, Query, SEATS_BYTES_MAX, Trace, caller},
    state::App,
};

/// What administrators may do.
pub(super) fn router() -> Routes {
    Routes::new()
        .route("/api/admin/events", post(create_event).get(events))
        .route("/api/admin/events/{event_id}", get(event).patch(update_event))
        .route("/api/admin/events/{event_id}/sessions", post(create_session))
        .route("/api/admin/sessions/{session_id}", patch(update_session))
        .route("/api/admin/sessions/{session_id}/seats", post(import_seats))
        .route("/api/admin/sessions/{session_id}/stats", get(stats))
        .route("/api/admin/holds", get(holds))
        .route("/api/admin/holds/{hold_id}", delete(release_hold))
        .route("/api/admin/verify", get(verify))
}

async fn create_event(
    State(app): State<App>,
    Admin(user): Admin,
    Trace(trace): Trace,
    Body(body): Body<CreateEventRequest>,
) -> Result<(StatusCode, Json<AdminEvent>), ApiError> {
    let event = app.ticketing.create_event(caller(user, trace), body.into()).await?;
    Ok((StatusCode::CREATED, Json(event.into())))
}

#[derive(Deserialize)]
struct EventQuery {
    status: Option<EventStatus>,
}

async fn events(
    State(app): State<App>,
    _: Admin,
    Query(query): Query<EventQuery>,
    Paging(page): Paging,
) -> Result<Json<List<AdminEvent>>, ApiError> {
    let events = app.ticketing.queries().events(query.status, page_of::<EventId>(page)?).await?;
    Ok(Json(events.map(AdminEvent::from).into()))
}

async fn event(State(app): State<App>, _: Admin, Id(id): Id<EventId>) -> Result<Json<AdminEvent>, ApiError> {
    let event = app.ticketing.queries().event(id).await?.ok_or_else(EventId::not_found)?;
    Ok(Json(event.into()))
}

async fn update_event(
    State(app): State<App>,
    Admin(user): Admin,
    Trace(trace): Trace,
    Id(id): Id<EventId>,
    Body(body): Body<UpdateEventRequest>,
) -> Result<Json<AdminEvent>, ApiError> {
    let event = app.ticketing.update_event(body.of(id, caller(user, trace))).await?;
    Ok(Json(event.into()))
}

async fn create_session(
    State(app): State<App>,
    Admin(user): Admin,
    Trace(trace): Trace,
    Id(event_id): Id<EventId>,
    Body(body): Body<CreateSessionRequest>,
) -> Result<(StatusCode, Json<AdminSession>), ApiError> {
    let session = app.ticketing.create_session(caller(user, trace), body.of(event_id)?).await?;
    Ok((StatusCode::CREATED, Json((&view(&app, session.id).await?).into())))
}

async fn update_session(
    State(app): State<App>,
    Admin(user): Admin,
    Trace(trace): Trace,
    Id(id): Id<SessionId>,
    Body(body): Body<UpdateSessionRequest>,
) -> Result<Json<AdminSession>, ApiError> {
    app.ticketing.update_session(caller(user, trace), id, body.into()).await?;
    Ok(Json((&view(&app, id).await?).into()))
}

async fn import_seats(
    State(app): State<App>,
    Admin(user): Admin,
    Trace(trace): Trace,
    Id(session_id): Id<SessionId>,
    Body(body): Body<ImportSeatsRequest, SEATS_BYTES_MAX>,
) -> Result<(StatusCode, Json<SeatsImported>), ApiError> {
    let seats = body.parse()?;
    let imported = seats.len();
    let session = app.ticketing.import_seats(caller(user, trace), session_id, seats).await?;
    let total_stock = session.stock.total;
    Ok((StatusCode::CREATED, Json(SeatsImported { session_id, imported, total_stock })))
}

async fn stats(State(app): State<App>, _: Admin, Id(id): Id<SessionId>) -> Result<Json<StatsBody>, ApiError> {
    let stats = app.ticketing.session_stats(id).await?.ok_or_else(SessionId::not_found)?;
    Ok(Json(StatsBody::new(id, stats)))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HoldQuery {
    session_id: Option<SessionId>,
    user_id: Option<UserId>,
    status: Option<HoldStatus>,
}

async fn holds(
    State(app): State<App>,
    _: Admin,
    Query(HoldQuery { session_id, user_id, status }): Query<HoldQuery>,
    Paging(page): Paging,
) -> Result<Json<List<AdminHold>>, ApiError> {
    let queries = app.ticketing.queries();
    let holds = queries.holds(HoldFilter { session_id, user_id, status }, page_of::<HoldId>(page)?).await?;
    let now = queries.now().await?;
    Ok(Json(holds.map(|hold| AdminHold::at(hold, now)).into()))
}

async fn release_hold(
    State(app): State<App>,
    Admin(user): Admin,
    Trace(trace): Trace,
    Id(id): Id<HoldId>,
) -> Result<StatusCode, ApiError> {
    app.ticketing.release(caller(user, trace), id, ReleaseBy::Administrator).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn verify(State(app): State<App>, _: Admin) -> Result<Json<VerifyBody>, ApiError> {
    Ok(Json(app.ticketing.verify().await?.into()))
}

/// The session as it stands now, past every cache.
async fn view(app: &App, id: SessionId) -> Result<SessionView, ApiError> {
    app.ticketing.queries().session(id).await?.ok_or_else(SessionId::not_found)
}
