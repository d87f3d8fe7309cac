//! Who calls.

use super::answer::Refused;
use super::peer::Peer;
use super::rate::Asker;
use super::state::Served;
use crate::api::account;
use crate::api::message::SESSION;
use crate::api::token::{self, Claim};
use crate::base::Actor;
use crate::wire::{People, Right};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};

/// The account that may do everything on this machine anyway.
const ROOT: u32 = 0;

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

/// Who asks, and it was counted that they did.
#[derive(Clone, Debug)]
pub(super) struct Counted(pub(super) Caller);

/// Whoever asks: it was counted only where they come from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Anybody;

impl FromRequestParts<Served> for Caller {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, served: &Served) -> Result<Self, Refused> {
        let peer = peer(parts)?;
        let people = served.people().await?;
        let caller = established(parts, peer, &people).map_err(|refused| {
            let counted = served.rates.fails(peer.origin());
            counted.err().unwrap_or(refused)
        })?;
        if let Some(claim) = &caller.claim {
            served.uses.note(&claim.id, super::now());
        }
        Ok(caller)
    }
}

impl FromRequestParts<Served> for Counted {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, served: &Served) -> Result<Self, Refused> {
        let caller = Caller::from_request_parts(parts, served).await?;
        served.rates.asks(caller.asker())?;
        Ok(Self(caller))
    }
}

impl FromRequestParts<Served> for Anybody {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, served: &Served) -> Result<Self, Refused> {
        let origin = peer(parts)?.origin();
        served.rates.asks(Asker::Stranger(origin))?;
        Ok(Self)
    }
}

fn unauthenticated(why: impl Into<String>) -> Refused {
    Refused::new(StatusCode::UNAUTHORIZED, "unauthenticated", why)
}

fn denied(why: impl Into<String>) -> Refused {
    Refused::new(StatusCode::FORBIDDEN, "denied", why)
}

fn peer(parts: &Parts) -> Result<Peer, Refused> {
    let peer = parts.extensions.get::<Peer>().copied();
    peer.ok_or_else(|| denied("nobody vouches for this connection"))
}

fn established(parts: &Parts, peer: Peer, people: &People) -> Result<Caller, Refused> {
    let (actor, claim) = match parts.headers.get(header::AUTHORIZATION) {
        // Who shows a token wants to be its owner, whoever opened the socket.
        Some(shown) => {
            let claim = claimed(shown.to_str().unwrap_or_default())?;
            if people.is_empty() {
                return Err(denied(NOBODY));
            }
            let owner = people.bearer(&claim.id, &claim.secret, super::now());
            (Actor::bearer(owner.map_err(unauthenticated)?), Some(claim))
        }
        None => (by_account(peer, people)?, None),
    };
    let may_look = people.may_look(&actor.name);
    may_look.map_err(|why| denied(why.to_string()))?;
    let session = parts.headers.get(SESSION).and_then(|s| s.to_str().ok());
    Ok(Caller {
        may: may_somewhere(people, &actor.name),
        actor,
        claim,
        session: session.unwrap_or_default().to_owned(),
    })
}

const NOBODY: &str = "nobody is enrolled here, so nobody has a token; on the daemon's own machine: pilothouse operator add YOU --role admin, then pilothouse operator token YOU";

fn claimed(header: &str) -> Result<Claim, Refused> {
    let text = header.strip_prefix("Bearer ").unwrap_or_default();
    token::claim(text).map_err(unauthenticated)
}

/// Without a token somebody is who the kernel says; over a network it says
/// nothing.
fn by_account(peer: Peer, people: &People) -> Result<Actor, Refused> {
    let uid = match peer {
        Peer::Local(uid) => uid,
        Peer::Remote { .. } if people.is_empty() => return Err(denied(NOBODY)),
        Peer::Remote { .. } => {
            return Err(unauthenticated(
                "a token is needed here: Authorization: Bearer TOKEN, or --token REF; an admin makes one with: pilothouse operator token YOU",
            ));
        }
    };
    let own = rustix::process::getuid().as_raw();
    if people.is_empty() && uid != own && uid != ROOT {
        let name = account::name_of(uid);
        return Err(denied(format!(
            "nobody is enrolled here, so only {} and root may do anything, and you are {name}; as {}: pilothouse operator add {name} --role ROLE, after enrolling yourself as an admin",
            account::name_of(own),
            account::name_of(own),
        )));
    }
    Ok(Actor::person(account::name_of(uid)))
}

/// What somebody may at least in one place: what a screen offers them. Whether
/// it is allowed where they do it is the heart's to decide.
fn may_somewhere(people: &People, name: &str) -> Vec<Right> {
    let all = Right::ALL.into_iter();
    all.filter(|right| people.may_somewhere(name, *right))
        .collect()
}

impl Caller {
    /// For tests of those who are asked.
    #[cfg(test)]
    pub(super) fn named(name: &str) -> Self {
        Self {
            actor: Actor::person(name),
            claim: None,
            may: Vec::new(),
            session: String::new(),
        }
    }

    /// Whose requests these are.
    pub(super) fn asker(&self) -> Asker {
        Asker::Person(self.actor.name.clone())
    }

    /// Whether they are still who they were, and may still look.
    pub(super) fn is_still_welcome(&self, people: &People) -> bool {
        let owns = |claim: &Claim| {
            let owner = people.bearer(&claim.id, &claim.secret, super::now());
            owner.is_ok_and(|owner| owner == self.actor.name)
        };
        self.claim.as_ref().is_none_or(owns) && people.may_look(&self.actor.name).is_ok()
    }
}
