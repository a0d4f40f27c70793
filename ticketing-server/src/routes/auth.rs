//! Accounts and access tokens.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{StatusCode, header};
use secrecy::ExposeSecret;
use ticketing_core::{
    audit::Actor,
    engine::{LoginToken, NewUser},
    user::{Email, Role, User as Account},
};

use super::Routes;
use crate::{
    dto::auth::{Credentials, LoggedIn, Me, RefreshBody, SignedUp},
    error::{ApiError, IntoApi},
    extract::{Body, Context, User},
    state::App,
};

/// Signing up, logging in, and who one is.
pub(super) fn router() -> Routes {
    Routes::new()
        .route("/api/auth/signup", post(signup))
        .route("/api/auth/login", post(login))
        .route("/api/auth/refresh", post(refresh))
        .route("/api/auth/logout", post(logout))
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
    app.config.auth.password_policy().check(body.password.expose_secret()).map_err(|error| {
        ApiError::new(StatusCode::BAD_REQUEST, "weak_password", error.to_string())
            .with_field("password", error.to_string())
    })?;
    app.limits.signup(&email, context.address).await?;
    // The engine decides this again; here it saves the hashing.
    if app.ticketing.queries().user_by_email(email.clone()).await?.is_some() {
        return Err(ticketing_core::command::UserRefusal::EmailTaken.into_api());
    }
    let password_hash = app.passwords.hash(body.password.expose_secret().to_owned()).await?;
    // Nobody is logged in yet: the server itself makes the account.
    let caller = context.traced().caller(Actor::Engine);
    let user = app.ticketing.create_user(caller, NewUser { email, password_hash, role: Role::User }).await?;
    Ok((StatusCode::CREATED, Json(SignedUp { user_id: user.id, email: user.email })))
}

async fn login(State(app): State<App>, context: Context, Body(body): Body<Credentials>) -> Result<Response, ApiError> {
    let email = body.email.parse::<Email>().ok();
    app.limits.login(email.as_ref(), context.address).await?;
    let account = match email {
        Some(email) => app.ticketing.queries().user_by_email(email).await?,
        None => None,
    };
    let hash = account.as_ref().map(|account| account.password_hash.clone());
    let matches = app.passwords.matches(hash, body.password.expose_secret().to_owned()).await?;
    let Some(account) = account.filter(|_| matches) else {
        metrics::counter!("ticketing_login_refused_total").increment(1);
        let detail = "the e-mail address or the password is wrong";
        return Err(ApiError::new(StatusCode::UNAUTHORIZED, "bad_credentials", detail));
    };
    rehash(&app, &account, &context, body.password.expose_secret()).await;
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(ApiError::internal)?;
    let caller = context.traced().caller(Actor::User(account.id));
    let ttl_seconds = app.config.auth.refresh_ttl_seconds;
    let login = app.ticketing.start_login(caller, account.id, secret, ttl_seconds).await?;
    logged_in(&app, &account, &login)
}

/// A hash that was made with other parameters is made again, now that the password is at hand. Nobody is
/// kept out when that fails.
async fn rehash(app: &App, account: &Account, context: &Context, password: &str) {
    if !account.password_hash.needs_rehash() {
        return;
    }
    let Ok(hash) = app.passwords.hash(password.to_owned()).await else { return };
    let caller = context.traced().caller(Actor::Engine);
    if let Err(error) = app.ticketing.rehash(caller, account.id, account.password_hash.clone(), hash).await {
        tracing::warn!(%error, "a password could not be hashed anew");
    }
}

fn logged_in(app: &App, account: &Account, login: &LoginToken) -> Result<Response, ApiError> {
    let user = User { id: account.id, role: account.role };
    let body = LoggedIn {
        access_token: app.tokens.issue(user).map_err(ApiError::internal)?,
        refresh_token: login.token.text(),
        token_type: "Bearer",
        expires_in: app.tokens.ttl_seconds(),
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response())
}

async fn refresh(
    State(app): State<App>,
    context: Context,
    Body(body): Body<RefreshBody>,
) -> Result<Response, ApiError> {
    app.limits.refresh(context.address).await?;
    let caller = context.traced().caller(Actor::Engine);
    let refreshed = app.ticketing.refresh(caller, body.refresh_token.expose_secret()).await?;
    logged_in(&app, &refreshed.user, &refreshed.next)
}

async fn logout(
    State(app): State<App>,
    context: Context,
    Body(body): Body<RefreshBody>,
) -> Result<StatusCode, ApiError> {
    let caller = context.traced().caller(Actor::Engine);
    app.ticketing.logout(caller, body.refresh_token.expose_secret()).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn me(State(app): State<App>, user: User) -> Result<Json<Me>, ApiError> {
    let account = app.ticketing.queries().user(user.id).await?;
    let role = account.as_ref().map_or(user.role, |account| account.role);
    Ok(Json(Me { user_id: user.id, email: account.map(|account| account.email), role }))
}
