//! Who calls.

use super::answer::Refused;
use super::state::Served;
use crate::api::account;
use crate::api::message::SESSION;
use crate::base::Actor;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};

/// The other end of a connection, as the kernel names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    /// An account of this machine.
    Local(u32),
}

/// Who asks, established before any handler runs.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) actor: Actor,
    /// The session it names, empty if none.
    pub(super) session: String,
}

impl FromRequestParts<Served> for Caller {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &Served) -> Result<Self, Refused> {
        not_a_browser(parts)?;
        let Some(Peer::Local(uid)) = parts.extensions.get::<Peer>() else {
            return Err(Refused::new(
                StatusCode::UNAUTHORIZED,
                "unauthenticated",
                "nobody vouches for this connection",
            ));
        };
        let session = parts.headers.get(SESSION).and_then(|s| s.to_str().ok());
        Ok(Self {
            actor: Actor::person(account::name_of(*uid)),
            session: session.unwrap_or_default().to_owned(),
        })
    }
}

/// A page in a browser must not speak for the person who reads it.
fn not_a_browser(parts: &Parts) -> Result<(), Refused> {
    if parts.headers.contains_key(header::ORIGIN) {
        return Err(Refused::new(
            StatusCode::FORBIDDEN,
            "origin",
            "requests from web pages are not served",
        ));
    }
    Ok(())
}
