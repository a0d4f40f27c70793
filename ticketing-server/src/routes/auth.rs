//! Accounts and access tokens.

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{StatusCode, header};
use secrecy::ExposeSecret;
use ticketing_core::{
    audit::{Actor, Caller},
    engine::NewUser,
    user::{Email, Role, password},
};

use crate::{
    dto::auth::{Credentials, LoggedIn, Me, SignedUp},
    error::{ApiError, IntoApi},
    extract::{Body, Context, User},
    state::App,
};

/// Signing up, logging in, and who one is.
pub fn router() -> Router<App> {
    Router::new()
        .route("/api/auth/signup", post(signup))
        .route("/api/auth/login", post(login))
        .route("/api/me", get(me))
}

async fn signup(
    State(app): State<App>,
    context: Context,
    Body(body): Body<Credentials>,
) -> Result<(StatusCode, Json<SignedUp>), ApiError> {
    let email: Email = body.email.parse().map_err(|error: ticketing_core::user::EmailError| {
        ApiError::new(StatusCode::BAD_REQUEST, "invalid_email", error.to_string())
            .with_field("email", error.to_string())
    })?;
    password::check(body.password.expose_secret()).map_err(|error| {
        ApiError::new(StatusCode::BAD_REQUEST, "weak_password", error.to_string())
            .with_field("password", error.to_string())
    })?;
    app.limits.signup(context.address)?;
    // The engine decides this again; here it saves the hashing.
    if app.ticketing.queries().user_by_email(email.clone()).await?.is_some() {
        return Err(ticketing_core::command::UserRefusal::EmailTaken.into_api());
    }
    let password_hash = app.passwords.hash(body.password.expose_secret().to_owned()).await?;
    // Nobody is logged in yet: the server itself makes the account.
    let caller = Caller { actor: Actor::Engine, trace_id: Some(context.trace_id) };
    let user = app.ticketing.create_user(caller, NewUser { email, password_hash, role: Role::User }).await?;
    Ok((StatusCode::CREATED, Json(SignedUp { user_id: user.id, email: user.email })))
}

async fn login(State(app): State<App>, context: Context, Body(body): Body<Credentials>) -> Result<Response, ApiError> {
    let email = body.email.parse::<Email>().ok();
    app.limits.login(email.as_ref(), context.address)?;
    let account = match email {
        Some(email) => app.ticketing.queries().user_by_email(email).await?,
        None => None,
    };
    let hash = account.as_ref().map(|account| account.password_hash.clone());
    let matches = app.passwords.matches(hash, body.password.expose_secret().to_owned()).await?;
    let Some(account) = account.filter(|_| matches) else {
        let detail = "the e-mail address or the password is wrong";
        return Err(ApiError::new(StatusCode::UNAUTHORIZED, "bad_credentials", detail));
    };
    let user = User { id: account.id, role: account.role };
    let access_token = app.tokens.issue(user).map_err(ApiError::internal)?;
    let body = LoggedIn { access_token, token_type: "Bearer", expires_in: app.tokens.ttl_seconds() };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response())
}

async fn me(State(app): State<App>, user: User) -> Result<Json<Me>, ApiError> {
    let account = app.ticketing.queries().user(user.id).await?;
    let role = account.as_ref().map_or(user.role, |account| account.role);
    Ok(Json(Me { user_id: user.id, email: account.map(|account| account.email), role }))
}
