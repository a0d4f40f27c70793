//! Tickets, and the key that proves them.

use axum::{Json, extract::State, response::IntoResponse, routing::get};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::header;
use ticketing_core::{ids::TicketId, ticket};

use super::Routes;
use crate::{
    dto::{
        List, page_of,
        tickets::{TicketKey, TicketKeys, TicketView},
    },
    error::ApiError,
    extract::{Id, Paging, PathId, User},
    qr,
    state::App,
};

/// A buyer's tickets, their pictures, and the public key.
pub(super) fn router() -> Routes {
    Routes::new()
        .route("/api/me/tickets", get(tickets))
        .route("/api/tickets/{ticket_id}/qr.svg", get(picture))
        .route("/.well-known/ticket-keys.json", get(keys))
}

async fn tickets(State(app): State<App>, user: User, Paging(page): Paging) -> Result<Json<List<TicketView>>, ApiError> {
    let page = app.ticketing.queries().tickets_of_user(user.id, page_of::<TicketId>(page)?).await?;
    Ok(Json(page.map(|ticket| TicketView::new(&app.ticketing, ticket)).into()))
}

async fn picture(State(app): State<App>, user: User, Id(id): Id<TicketId>) -> Result<impl IntoResponse, ApiError> {
    let found = app.ticketing.queries().ticket(id).await?.filter(|view| view.ticket.user_id == user.id);
    let code = app.ticketing.ticket_code(&found.ok_or_else(TicketId::not_found)?.ticket);
    let svg = qr::svg(&code).map_err(ApiError::internal)?;
    Ok(([(header::CONTENT_TYPE, "image/svg+xml"), (header::CACHE_CONTROL, "private, no-store")], svg))
}

async fn keys(State(app): State<App>) -> impl IntoResponse {
    let named = |key: [u8; 32]| {
        ticket::qr::key_id_of(&key).map(|id| TicketKey {
            kid: id.to_string(),
            kty: "OKP",
            crv: "Ed25519",
            alg: "EdDSA",
            purpose: "sig",
            x: URL_SAFE_NO_PAD.encode(key),
        })
    };
    let keys = app.ticketing.ticket_keys().into_iter().filter_map(named).collect();
    ([(header::CACHE_CONTROL, "public, max-age=3600")], Json(TicketKeys { keys }))
}
