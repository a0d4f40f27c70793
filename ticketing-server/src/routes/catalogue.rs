//! Events, sessions and seats, for everybody. Administrators also see what is not published.

use std::sync::Arc;

use axum::{
    Json,
    extract::{RawQuery, State},
    response::Response,
    routing::get,
};
use bytes::Bytes;
use ticketing_core::{
    event::{Event, EventStatus},
    ids::{EventId, SessionId},
    store::{PageRequest, SessionView},
};

use super::{Routes, json};
use crate::{
    cache::RenderedList,
    dto::{
        List,
        catalogue::{EventBody, SessionBody},
        page_of,
    },
    error::ApiError,
    extract::{Id, Paging, PathId, Viewer},
    state::App,
};

/// Reading the catalogue.
pub(super) fn router() -> Routes {
    Routes::new()
        .route("/api/events", get(events))
        .route("/api/events/{event_id}", get(event))
        .route("/api/events/{event_id}/sessions", get(sessions))
        .route("/api/sessions/{session_id}", get(session))
        .route("/api/sessions/{session_id}/seats", get(super::seats::seats))
}

impl Viewer {
    fn may_see(self, status: EventStatus) -> bool {
        self == Self::Admin || status == EventStatus::Published
    }
}

async fn events(
    State(app): State<App>,
    viewer: Viewer,
    Paging(page): Paging,
) -> Result<Json<List<EventBody>>, ApiError> {
    let status = (viewer == Viewer::Public).then_some(EventStatus::Published);
    let events = app.ticketing.queries().events(status, page_of::<EventId>(page)?).await?;
    Ok(Json(events.map(EventBody::from).into()))
}

async fn event(State(app): State<App>, viewer: Viewer, Id(id): Id<EventId>) -> Result<Json<EventBody>, ApiError> {
    Ok(Json(visible_event(&app, viewer, id).await?.into()))
}

async fn sessions(
    State(app): State<App>,
    viewer: Viewer,
    Id(id): Id<EventId>,
    RawQuery(query): RawQuery,
    Paging(page): Paging,
) -> Result<Response, ApiError> {
    if query.is_some() {
        let event = visible_event(&app, viewer, id).await?;
        return Ok(json(list(&app, event.id, page).await?));
    }
    let read = async {
        let read_at = app.clock.now();
        let event = app.ticketing.queries().event(id).await?.ok_or_else(EventId::not_found)?;
        Ok(RenderedList { event_status: event.status, body: list(&app, id, page).await?, read_at })
    };
    let rendered = app.rendered.sessions_of(id, app.clock.now(), read).await?;
    if viewer.may_see(rendered.event_status) { Ok(json(rendered.body)) } else { Err(EventId::not_found()) }
}

async fn session(State(app): State<App>, viewer: Viewer, Id(id): Id<SessionId>) -> Result<Response, ApiError> {
    let view = visible_session(&app, viewer, id).await?;
    Ok(json(app.rendered.session(&view)?))
}

async fn visible_event(app: &App, viewer: Viewer, id: EventId) -> Result<Event, ApiError> {
    let event = app.ticketing.queries().event(id).await?;
    event.filter(|event| viewer.may_see(event.status)).ok_or_else(EventId::not_found)
}

pub(super) async fn visible_session(app: &App, viewer: Viewer, id: SessionId) -> Result<Arc<SessionView>, ApiError> {
    let view = app.ticketing.session(id).await?;
    view.filter(|view| viewer.may_see(view.event_status)).ok_or_else(SessionId::not_found)
}

async fn list(app: &App, event: EventId, page: PageRequest) -> Result<Bytes, ApiError> {
    let sessions = app.ticketing.queries().sessions(Some(event), page_of::<SessionId>(page)?).await?;
    let list: List<SessionBody> = sessions.map(|view| SessionBody::from(&view)).into();
    serde_json::to_vec(&list).map(Bytes::from).map_err(ApiError::internal)
}
