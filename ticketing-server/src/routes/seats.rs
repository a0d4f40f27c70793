//! The seat list: one snapshot with a version, sent only to those who have another.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Deserialize;
use ticketing_core::ids::SessionId;

use super::{catalogue::visible_session, json};
use crate::{
    error::ApiError,
    extract::{Id, PathId, Query, Viewer},
    state::App,
};

/// What to leave out.
#[derive(Debug, Deserialize)]
pub(super) struct Since {
    since: Option<String>,
}

pub(super) async fn seats(
    State(app): State<App>,
    viewer: Viewer,
    Id(id): Id<SessionId>,
    Query(Since { since }): Query<Since>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let wrong = |_| ApiError::invalid_field("since", "the version of a seat list");
    let since = since.map(|text| text.parse::<u64>().map_err(wrong)).transpose()?;
    visible_session(&app, viewer, id).await?;
    let kept = app.rendered.seats.of(&app.ticketing, &*app.clock, id, since.unwrap_or(0)).await?;
    let list = kept.ok_or_else(SessionId::not_found)?;
    if let Some(changed) = since.and_then(|since| list.since(since)) {
        return Ok(json(serde_json::to_vec(&changed).map_err(ApiError::internal)?.into()));
    }
    let whole = list.whole().await?;
    let etag = HeaderValue::from_str(&whole.etag).map_err(ApiError::internal)?;
    let always = [
        (header::ETAG, etag),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::VARY, HeaderValue::from_static("accept-encoding")),
    ];
    if names(&headers, header::IF_NONE_MATCH, |tag| tag == "*" || opaque(tag) == opaque(&whole.etag)) {
        return Ok((StatusCode::NOT_MODIFIED, always).into_response());
    }
    if !takes_gzip(&headers) {
        return Ok((always, json(whole.json.clone())).into_response());
    }
    let packed = (header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    Ok((always, [packed], json(list.gzip().await?)).into_response())
}

/// What tags are compared by where weak ones are as good as strong ones (RFC 9110, 8.8.3.2).
fn opaque(tag: &str) -> &str {
    tag.trim_start_matches("W/")
}

/// Whether one of the header's comma-separated values is as wanted.
fn names(headers: &HeaderMap, name: HeaderName, mut wanted: impl FnMut(&str) -> bool) -> bool {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|value| wanted(value.trim()))
}

/// Whether the reader takes gzip (RFC 9110, 12.5.3): named, or meant by `*`, and not with weight 0.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let weight_of = |coding: &str| {
        let mut weight = None;
        names(headers, header::ACCEPT_ENCODING, |value| {
            let (name, parameter) = value.split_once(';').unwrap_or((value, "q=1"));
            let found = name.trim().eq_ignore_ascii_case(coding);
            if found {
                let text = parameter.trim();
                let text = text.strip_prefix("q=").or_else(|| text.strip_prefix("Q="));
                weight = Some(text.and_then(|text| text.trim().parse::<f32>().ok()).unwrap_or(0.0));
            }
            found
        });
        weight
    };
    weight_of("gzip").or_else(|| weight_of("*")).is_some_and(|weight| weight > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(accept: &'static str, expected: bool) {
        let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(accept))]);
        assert_eq!(takes_gzip(&headers), expected, "{accept}");
    }

    #[test]
    fn gzip_is_for_those_who_name_it_or_take_anything() {
        check("gzip", true);
        check("br, GZIP;q=0.5", true);
        check("*", true);
        check("gzip;q=0, *", false);
        check("*;q=0", false);
        check("identity", false);
        check("", false);
        check("gzip;q=x", false);
        assert!(!takes_gzip(&HeaderMap::new()));
    }
}
