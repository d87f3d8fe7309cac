//! `pilothouse operator`: who there is, and what they may.

use super::args::{OperatorCli, RoleCli};
use super::attach;
use super::exit::{Ended, Exit};
use super::order::{self, OrderArgs};
use super::prepare::{load_fleet, read_journal};
use crate::api::token::mint;
use crate::base::{Period, RingName, Secret, Stage, Timestamp};
use crate::engine::now;
use crate::rollout::{Grant, People, PeopleChange, Scope, Verb, role};
use std::path::{Path, PathBuf};

/// Runs one of them; the text is for stdout.
///
/// # Errors
/// It was refused, or nobody could take it.
pub async fn operator(command: OperatorCli, token: Option<&str>) -> Result<(String, Exit), Ended> {
    let by = token.map(attach::secret).transpose()?;
    match command {
        OperatorCli::Add {
            who,
            roles,
            deny,
            reason,
        } => {
            let change = PeopleChange::Enrol {
                name: who.name,
                allowed: grants(&roles)?,
                denied: grants(&deny)?,
            };
            give(who.fleet, by, change, reason).await
        }
        OperatorCli::Revoke {
            who,
            token_id,
            reason,
        } => {
            let change = match token_id {
                None => PeopleChange::Revoke { name: who.name },
                Some(id) => PeopleChange::RevokeToken { name: who.name, id },
            };
            give(who.fleet, by, change, reason).await
        }
        OperatorCli::Token { who, expires } => issue(who.fleet, by, who.name, &expires).await,
        OperatorCli::List { fleet } => Ok((list(&fleet).await?, Exit::Done)),
    }
}

async fn give(
    fleet: PathBuf,
    token: Option<Secret>,
    change: PeopleChange,
    reason: String,
) -> Result<(String, Exit), Ended> {
    let args = OrderArgs {
        fleet,
        scope: Scope::Fleet,
        verb: Verb::People(Box::new(change)),
        confirm: None,
        reason,
        token,
    };
    order::give(args).await
}

/// `ROLE`, `ROLE:ring=RING`, `ROLE:stage=STAGE`, or with both.
fn grants(all: &[RoleCli]) -> Result<Vec<Grant>, Ended> {
    all.iter().map(|RoleCli(text)| grant(text)).collect()
}

fn grant(text: &str) -> Result<Grant, Ended> {
    let bad = |why: String| Ended::new(Exit::BadInput, format!("{text}: {why}"));
    let mut parts = text.split(':');
    let word = parts.next().unwrap_or_default();
    let mut grant = Grant::everywhere(role(word).map_err(bad)?);
    for part in parts {
        match part.split_once('=') {
            Some(("ring", ring)) => {
                grant.ring = Some(RingName::new(ring).map_err(|e| bad(e.to_string()))?);
            }
            Some(("stage", stage)) => {
                let found = Stage::ALL.into_iter().find(|s| s.word() == stage);
                grant.stage = Some(found.ok_or_else(|| bad(format!("{stage} is no stage")))?);
            }
            _ => return Err(bad("write ROLE, ROLE:ring=RING or ROLE:stage=STAGE".into())),
        }
    }
    Ok(grant)
}

/// The secret is made here and shown once; the journal gets its digest.
async fn issue(
    fleet: PathBuf,
    by: Option<Secret>,
    name: String,
    expires: &str,
) -> Result<(String, Exit), Ended> {
    let life: Period = expires
        .parse()
        .map_err(|e| Ended::new(Exit::BadInput, format!("--expires {expires}: {e}")))?;
    let minted = mint().map_err(|e| Ended::new(Exit::Failed, e.to_string()))?;
    let expires_at = now().after(life);
    let change = PeopleChange::IssueToken {
        name: name.clone(),
        id: minted.id.clone(),
        secret: minted.secret,
        expires_at,
    };
    give(fleet, by, change, String::new()).await?;
    super::terminal::say(format_args!(
        "token {} of {name}, until {}: it is shown this once",
        minted.id,
        moment(expires_at)
    ));
    Ok((format!("{}\n", minted.token.reveal()), Exit::Done))
}

async fn list(fleet: &Path) -> Result<String, Ended> {
    let fleet = load_fleet(fleet)?;
    let store = &fleet.fleet.store;
    let people = match store.join(crate::store::JOURNAL_FILE).exists() {
        true => read_journal(store).await?.state.people,
        false => People::default(),
    };
    if people.is_empty() {
        return Ok("Nobody is enrolled: whoever can open the store may do everything.\n".into());
    }
    let mut text = String::new();
    for (name, person) in &people.0 {
        let words: Vec<String> = person.allowed.iter().map(ToString::to_string).collect();
        text.push_str(&format!("{name:<16} {}", words.join(", ")));
        for denied in &person.denied {
            text.push_str(&format!(", not {denied}"));
        }
        if let Some(mark) = &person.revoked {
            text.push_str(&format!(" · revoked by {} {}", mark.by, moment(mark.at)));
        }
        text.push('\n');
        for (id, token) in &person.tokens {
            let state = match (&token.revoked, token.expires_at <= now()) {
                (Some(mark), _) => format!("revoked by {}", mark.by),
                (None, true) => "expired".into(),
                (None, false) => format!("until {}", moment(token.expires_at)),
            };
            let issued = moment(token.issued_at);
            text.push_str(&format!("  token {id}  issued {issued}, {state}\n"));
        }
    }
    Ok(text)
}

fn moment(at: Timestamp) -> String {
    at.to_string()
}
