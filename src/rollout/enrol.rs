//! Decides who is enrolled, and whether somebody may do what they ask for.

use super::approval::ApprovalAct;
use super::command::{Order, Scope, Verb};
use super::decide::ordered_fact;
use super::event::{Event, Fact};
use super::keys::KeyChange;
use super::people::{Grant, People, Person, Place, Right, Role, Token, listed};
use super::refusal::Refusal;
use super::state::{Rollout, State};
use crate::base::{Actor, ActorSource, Cause, Digest, Period, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest name, in bytes.
const NAME_MAX: usize = 64;
/// Longest life of a token.
const TOKEN_LIFE_MAX: Period = Period::from_ms(366 * 24 * 3_600_000);

/// What is to change among the people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PeopleChange {
    /// Somebody gets these roles, and no others.
    Enrol {
        /// Their name: that of their account where they come by it.
        name: String,
        /// What they may.
        allowed: Vec<Grant>,
        /// What they may not, whatever else is granted.
        #[serde(default)]
        denied: Vec<Grant>,
    },
    /// Somebody is not trusted any more, and none of their tokens is.
    Revoke {
        /// Who.
        name: String,
    },
    /// A token, whose secret stays with whoever made it.
    IssueToken {
        /// Whose.
        name: String,
        /// Its public part.
        id: String,
        /// Digest of its secret part.
        secret: Digest,
        /// When it ends by itself.
        expires_at: Timestamp,
    },
    /// A token is taken back.
    RevokeToken {
        /// Whose.
        name: String,
        /// Its public part.
        id: String,
    },
    /// A key that signs for somebody, or does not any more.
    Key(Box<KeyChange>),
}

impl fmt::Display for PeopleChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Enrol {
                name,
                allowed,
                denied,
            } => {
                write!(f, "{name} enrolled: {}", listed(allowed))?;
                match denied.as_slice() {
                    [] => Ok(()),
                    denied => write!(f, ", but not {}", listed(denied)),
                }
            }
            Self::Revoke { name } => write!(f, "{name} revoked, with every token"),
            Self::IssueToken { name, id, .. } => write!(f, "token {id} issued to {name}"),
            Self::RevokeToken { name, id } => write!(f, "token {id} of {name} revoked"),
            Self::Key(change) => change.fmt(f),
        }
    }
}

impl PeopleChange {
    /// A token of one's own is one's own business. Whoever came by a token
    /// makes no other one: a stolen token would outlive its revocation.
    fn is_ones_own(&self, who: &Actor) -> bool {
        match self {
            Self::IssueToken { name, .. } => *name == who.name && who.source != ActorSource::Token,
            Self::RevokeToken { name, .. } => *name == who.name,
            Self::Enrol { .. } | Self::Revoke { .. } | Self::Key(_) => false,
        }
    }
}

/// Whether the sender of an order may give it at all. What the engine does by
/// its own rules was allowed when somebody told it to.
pub(super) fn permitted(state: &State, asked: &Order) -> Result<(), Refusal> {
    // A scheduled order is somebody's, and they must still be trusted.
    if !matches!(asked.cause, Cause::Operator | Cause::Scheduled) {
        return Ok(());
    }
    let rollout = state.rollout.as_ref();
    let mut at = Place::of(&asked.scope, rollout);
    let right = match &asked.verb {
        Verb::People(change) if change.is_ones_own(&asked.actor) => Right::Look,
        Verb::People(_) => Right::Administer,
        Verb::Promote | Verb::Schedule(_) | Verb::Approval(ApprovalAct::Request) => {
            at.stage = rollout.and_then(|r| next_stage(r, &asked.scope));
            Right::Act
        }
        // Decided where the request is known.
        Verb::Approval(_) | Verb::Review => Right::Look,
        Verb::Cancel => Right::Calm,
        verb if verb.is_calming() => Right::Calm,
        _ => Right::Act,
    };
    if right == Right::Look {
        let looks = state.people.may_look(&asked.actor.name);
        return looks.map_err(|denied| Refusal::Denied(denied.to_string()));
    }
    may(&state.people, &asked.actor.name, right, at)
}

pub(super) fn may(people: &People, who: &str, right: Right, at: Place<'_>) -> Result<(), Refusal> {
    people
        .may(who, right, at)
        .map_err(|denied| Refusal::Denied(denied.to_string()))
}

/// The stage that a promotion leads to, if it is one only.
fn next_stage(rollout: &Rollout, scope: &Scope) -> Option<crate::base::Stage> {
    let Scope::Ring(name) = scope else {
        return None;
    };
    Some(rollout.next_stop(rollout.rings.get(name)?)?.stage())
}

/// Decides a change among the people.
pub(super) fn change(
    state: &State,
    asked: &Order,
    change: &PeopleChange,
    now: Timestamp,
) -> Result<Vec<Fact>, Refusal> {
    let forbidden = |why: String| Err(Refusal::Forbidden(why));
    let people = &state.people;
    let known = |name: &String| {
        let person = people.0.get(name).filter(|p| p.revoked.is_none());
        person.ok_or_else(|| Refusal::Nothing(format!("nobody enrolled is called {name}")))
    };
    match change {
        PeopleChange::Enrol { name, allowed, .. } => {
            check_name(name)?;
            // A mistyped name would lock everybody out for good.
            if people.is_empty() && *name != asked.actor.name {
                return forbidden(format!(
                    "the first one enrolled is yourself ({}), as an admin",
                    asked.actor.name
                ));
            }
            if allowed.is_empty() {
                return forbidden(format!(
                    "{name} would have no role; name one, or revoke them"
                ));
            }
        }
        PeopleChange::Revoke { name } => {
            known(name)?;
        }
        PeopleChange::IssueToken {
            name,
            id,
            expires_at,
            ..
        } => {
            known(name)?;
            check_name(id)?;
            if people.0.values().any(|p| p.tokens.contains_key(id)) {
                return forbidden(format!("there is a token {id} already"));
            }
            if *expires_at <= now || expires_at.since(now) > TOKEN_LIFE_MAX {
                return forbidden("a token lives for a year at most, and for some time".into());
            }
        }
        PeopleChange::RevokeToken { name, id } => {
            let token = known(name)?.tokens.get(id);
            if token.is_none_or(|t| t.revoked.is_some()) {
                return Err(Refusal::Nothing(format!("{name} has no token {id}")));
            }
        }
        PeopleChange::Key(key) => {
            known(&key.name)?;
            key.judge(people, &asked.actor)?;
        }
    }
    let event = Event::PeopleChanged(change.clone());
    let fact = ordered_fact(asked, Scope::Fleet, event, now);
    let mut after = people.clone();
    after.apply(&fact, change);
    if after.admins().next().is_none() {
        return forbidden(
            "nobody would be left who may administer people: the first one enrolled is an admin everywhere, and the last one stays".into(),
        );
    }
    Ok(vec![fact])
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
    if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(plain) {
        return Err(Refusal::Forbidden(format!(
            "a name has 1 to {NAME_MAX} letters, digits, \"-\", \"_\", \".\" or \"@\""
        )));
    }
    Ok(())
}

impl People {
    /// Folds one change.
    pub(super) fn apply(&mut self, fact: &Fact, change: &PeopleChange) {
        let mark = || fact.mark();
        match change {
            PeopleChange::Enrol {
                name,
                allowed,
                denied,
            } => {
                let person = self.0.entry(name.clone()).or_default();
                // Tokens and keys from before a revocation stay void.
                if let Some(revoked) = person.revoked.take() {
                    person.tokens.clear();
                    for key in person.keys.values_mut() {
                        key.revoked.get_or_insert_with(|| revoked.clone());
                    }
                }
                person.allowed.clone_from(allowed);
                person.denied.clone_from(denied);
            }
            PeopleChange::Revoke { name } => {
                if let Some(person) = self.0.get_mut(name) {
                    person.revoked = Some(mark());
                }
            }
            PeopleChange::IssueToken {
                name,
                id,
                secret,
                expires_at,
            } => {
                if let Some(person) = self.0.get_mut(name) {
                    let token = Token {
                        secret: *secret,
                        issued_at: fact.at,
                        expires_at: *expires_at,
                        revoked: None,
                    };
                    person.tokens.insert(id.clone(), token);
                }
            }
            PeopleChange::RevokeToken { name, id } => {
                let person = self.0.get_mut(name);
                if let Some(token) = person.and_then(|p| p.tokens.get_mut(id)) {
                    token.revoked = Some(mark());
                }
            }
            PeopleChange::Key(key) => {
                if let Some(person) = self.0.get_mut(&key.name) {
                    person.apply_key(key, mark());
                }
            }
        }
    }

    /// Whose token this is, if it still is one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn bearer(&self, id: &str, secret: &Digest, now: Timestamp) -> Result<&str, String> {
        let holds = |person: &Person| person.tokens.get(id).cloned();
        let found = self
            .0
            .iter()
            .find_map(|(name, p)| Some((name, p, holds(p)?)));
        let Some((name, person, token)) = found else {
            return Err("this token is not known here".into());
        };
        // Digests of 256 random bits: how long a comparison takes tells nothing
        // about the bits.
        if token.secret != *secret {
            return Err("this token is not known here".into());
        }
        if person.revoked.is_some() || token.revoked.is_some() {
            return Err(format!("{name}'s token {id} was revoked"));
        }
        if now >= token.expires_at {
            return Err(format!("{name}'s token {id} has expired"));
        }
        Ok(name)
    }
}

/// The roles that words name.
///
/// # Errors
/// The word that names none.
pub fn role(word: &str) -> Result<Role, String> {
    let found = Role::ALL.into_iter().find(|role| role.word() == word);
    found.ok_or_else(|| format!("{word} is no role: viewer, operator, approver, admin"))
}
