//! Who asks.

use axum::extract::FromRequestParts;
use http::{StatusCode, request::Parts};
use ticketing_core::{ids::UserId, user::Role};

use super::context::{Context, Identity};
use crate::{capacity::Admission, error::ApiError, state::App};

/// Whoever a genuine access token names. No look-up: the account need not be one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User {
    /// The token's subject.
    pub id: UserId,
    /// The role the token was issued with.
    pub role: Role,
}

impl<S: Sync> FromRequestParts<S> for User {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let refused = |reason, detail| Err(ApiError::new(StatusCode::UNAUTHORIZED, reason, detail));
        match Context::of(parts).identity {
            Identity::User(user) => Ok(user),
            Identity::Anonymous => refused("token_required", "an access token is required: Authorization: Bearer …"),
            Identity::Invalid => refused("token_invalid", "the access token is not valid, or has expired"),
        }
    }
}

/// An administrator, by the token and by the account as it stands now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admin(pub User);

impl FromRequestParts<App> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        in_role(parts, app, &[Role::Admin]).await.map(Self)
    }
}

/// Somebody who works at the door, or an administrator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Staff(pub User);

impl FromRequestParts<App> for Staff {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        in_role(parts, app, &[Role::Staff, Role::Admin]).await.map(Self)
    }
}

/// The token's user, whose role by the token and by the account is one of `roles`.
async fn in_role(parts: &mut Parts, app: &App, roles: &[Role]) -> Result<User, ApiError> {
    let user = User::from_request_parts(parts, app).await?;
    // The request's body may not be there yet, and its place not taken.
    let _visit = parts.extensions.get::<Admission>().map(Admission::visit).transpose()?;
    let stands = roles.contains(&user.role)
        && app.ticketing.queries().user(user.id).await?.is_some_and(|account| roles.contains(&account.role));
    if stands { Ok(user) } else { Err(ApiError::new(StatusCode::FORBIDDEN, "forbidden", "your role may not do this")) }
}

/// A reader of the catalogue: anybody, or an administrator, who sees drafts too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Viewer {
    /// Sees what is published.
    Public,
    /// Sees everything.
    Admin,
}

impl FromRequestParts<App> for Viewer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let Identity::User(User { role: Role::Admin, .. }) = Context::of(parts).identity else {
            return Ok(Self::Public);
        };
        match in_role(parts, app, &[Role::Admin]).await {
            Ok(_) => Ok(Self::Admin),
            Err(refused) if refused.status() == StatusCode::FORBIDDEN => Ok(Self::Public),
            Err(failed) => Err(failed),
        }
    }
}
