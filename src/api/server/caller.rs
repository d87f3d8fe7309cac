//! Who calls.

use super::answer::Refused;
use super::state::Served;
use crate::api::account;
use crate::api::message::SESSION;
use crate::api::token::{self, Claim};
use crate::base::Actor;
use crate::wire::{People, Right};
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
    /// The token they showed, if it was one.
    claim: Option<Claim>,
    /// What they may in one place at least.
    pub(super) may: Vec<Right>,
    /// The session it names, empty if none.
    pub(super) session: String,
}

impl FromRequestParts<Served> for Caller {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, served: &Served) -> Result<Self, Refused> {
        not_a_browser(parts)?;
        let people = served.people().await?;
        let (actor, claim) = match parts.headers.get(header::AUTHORIZATION) {
            // Who shows a token wants to be its owner, whoever opened the
            // socket.
            Some(shown) => {
                let claim = claimed(shown.to_str().unwrap_or_default())?;
                let owner = people.bearer(&claim.id, &claim.secret, super::now());
                (Actor::bearer(owner.map_err(unauthenticated)?), Some(claim))
            }
            None => (local(parts)?, None),
        };
        people
            .may_look(&actor.name)
            .map_err(|denied| Refused::new(StatusCode::FORBIDDEN, "denied", denied.to_string()))?;
        let session = parts.headers.get(SESSION).and_then(|s| s.to_str().ok());
        Ok(Self {
            may: may_somewhere(&people, &actor.name),
            actor,
            claim,
            session: session.unwrap_or_default().to_owned(),
        })
    }
}

fn unauthenticated(why: impl Into<String>) -> Refused {
    Refused::new(StatusCode::UNAUTHORIZED, "unauthenticated", why)
}

fn claimed(header: &str) -> Result<Claim, Refused> {
    let text = header.strip_prefix("Bearer ").unwrap_or_default();
    token::claim(text).map_err(unauthenticated)
}

fn local(parts: &Parts) -> Result<Actor, Refused> {
    let Some(Peer::Local(uid)) = parts.extensions.get::<Peer>() else {
        return Err(unauthenticated("nobody vouches for this connection"));
    };
    Ok(Actor::person(account::name_of(*uid)))
}

/// What somebody may at least in one place: what a screen offers them. Whether
/// it is allowed where they do it is the heart's to decide.
fn may_somewhere(people: &People, name: &str) -> Vec<Right> {
    let all = Right::ALL.into_iter();
    all.filter(|right| people.may_somewhere(name, *right))
        .collect()
}

impl Caller {
    /// Whether they are still who they were, and may still look.
    pub(super) fn is_still_welcome(&self, people: &People) -> bool {
        let owns = |claim: &Claim| {
            let owner = people.bearer(&claim.id, &claim.secret, super::now());
            owner.is_ok_and(|owner| owner == self.actor.name)
        };
        self.claim.as_ref().is_none_or(owns) && people.may_look(&self.actor.name).is_ok()
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
