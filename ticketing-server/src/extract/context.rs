//! What the front found out about a request before it was routed to its handler.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use axum::extract::FromRequestParts;
use http::request::Parts;
use ticketing_core::{
    audit::{Actor, Caller, TraceContext, TraceId},
    clock::Timestamp,
};

use super::User;

/// Where a connection comes from; [`serve`](crate::serve) notes it on every request.
#[derive(Debug, Clone, Copy)]
pub struct PeerAddress(pub SocketAddr);

/// Who a request's access token says it is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Identity {
    /// There is no token.
    Anonymous,
    /// There is one that is not ours, or not any more.
    Invalid,
    /// A genuine one.
    User(User),
}

/// A request's trace, address and identity.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context {
    pub(crate) trace_id: TraceId,
    /// Its span, where spans are recorded.
    pub(crate) span: Option<TraceContext>,
    pub(crate) address: IpAddr,
    pub(crate) identity: Identity,
    /// When the token of a genuine one expires.
    pub(crate) token_ends_at: Option<Timestamp>,
}

impl Context {
    /// What the front noted. A request that did not pass it is nobody's.
    pub(crate) fn of(parts: &Parts) -> Self {
        let nobody = Self {
            trace_id: TraceId(0),
            span: None,
            address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            identity: Identity::Anonymous,
            token_ends_at: None,
        };
        parts.extensions.get::<Self>().copied().unwrap_or(nobody)
    }

    /// The trace and its span.
    pub(crate) const fn traced(&self) -> Traced {
        Traced { trace_id: self.trace_id, span: self.span }
    }
}

impl<S: Sync> FromRequestParts<S> for Context {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts))
    }
}

/// The trace a request belongs to, and its span in it.
#[derive(Debug, Clone, Copy)]
pub struct Trace(pub Traced);

/// A trace, and a span in it where spans are recorded.
#[derive(Debug, Clone, Copy)]
pub struct Traced {
    /// The trace.
    pub trace_id: TraceId,
    /// The span.
    pub span: Option<TraceContext>,
}

impl Traced {
    /// `actor`, asking in this trace.
    pub const fn caller(self, actor: Actor) -> Caller {
        Caller { actor, trace_id: Some(self.trace_id), span: self.span }
    }
}

impl<S: Sync> FromRequestParts<S> for Trace {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(Context::of(parts).traced()))
    }
}
