//! `pilothouse operator`: who there is, and what they may.

use super::args::{KeyChangeCli, KeyCli, OperatorCli, RoleCli};
use super::exit::{Ended, Exit};
use super::order::{self, Earnest, Given, OrderArgs};
use super::prepare::{load_fleet, read_journal};
use super::sign::{Asks, Signer};
use super::verbs::given;
use crate::api::token::mint;
use crate::base::{Namespace, Period, PublicKey, RingName, SignatureError, Stage, Timestamp};
use crate::engine::now;
use crate::rollout::{Grant, KeyAct, KeyChange, People, PeopleChange, Scope, Verb, role};
use crate::store::token_uses;
use std::path::Path;

/// Runs one of them; the text is for stdout.
///
/// # Errors
/// It was refused, or nobody could take it.
pub async fn operator(command: OperatorCli) -> Result<(String, Exit), Ended> {
    match command {
        OperatorCli::Add { who, roles, deny } => {
            let change = PeopleChange::Enrol {
                name: who.name,
                allowed: grants(&roles)?,
                denied: grants(&deny)?,
            };
            give(given(who.act)?, change).await
        }
        OperatorCli::Revoke { who, token_id } => {
            let change = match token_id {
                None => PeopleChange::Revoke { name: who.name },
                Some(id) => PeopleChange::RevokeToken { name: who.name, id },
            };
            give(given(who.act)?, change).await
        }
        OperatorCli::Token { who, expires } => issue(given(who.act)?, who.name, &expires).await,
        OperatorCli::Key(KeyCli::Add { change }) => key(change, KeyAct::Enrol).await,
        OperatorCli::Key(KeyCli::Revoke { change }) => key(change, KeyAct::Revoke).await,
        OperatorCli::List { fleet } => Ok((list(&fleet).await?, Exit::Done)),
    }
}

async fn give(given: Given, change: PeopleChange) -> Result<(String, Exit), Ended> {
    let args = OrderArgs {
        given,
        scope: Scope::Fleet,
        verb: Verb::People(Box::new(change)),
        confirm: None,
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
async fn issue(given: Given, name: String, expires: &str) -> Result<(String, Exit), Ended> {
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
    let earnest = given.earnest;
    let (said, exit) = give(given, change).await?;
    if earnest == Earnest::DryRun {
        return Ok((said, exit));
    }
    super::terminal::say(format_args!(
        "token {} of {name}, until {}: it is shown this once",
        minted.id,
        moment(expires_at)
    ));
    Ok((format!("{}\n", minted.token.reveal()), Exit::Done))
}

/// An admin signs what they change about keys.
async fn key(change: KeyChangeCli, act: KeyAct) -> Result<(String, Exit), Ended> {
    let KeyChangeCli {
        who,
        key: path,
        sign,
    } = change;
    let bad = |why: String| Ended::new(Exit::BadInput, format!("{}: {why}", path.display()));
    let line = std::fs::read_to_string(&path).map_err(|e| bad(e.to_string()))?;
    let key: PublicKey = line
        .parse()
        .map_err(|e: SignatureError| bad(e.to_string()))?;
    let statement = KeyChange::statement(&who.name, &key, act);
    let signer = Signer::new(sign, Asks::OnTheTerminal);
    let signature = signer.sign(Namespace::Registry, &statement).await;
    let signature = signature.map_err(|why| Ended::new(Exit::Failed, why))?;
    let change = KeyChange {
        name: who.name,
        key,
        act,
        signature,
    };
    give(given(who.act)?, PeopleChange::Key(Box::new(change))).await
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
    let uses = token_uses(store);
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
        for (print, key) in &person.keys {
            let since = moment(key.enrolled.at);
            let state = match &key.revoked {
                Some(mark) => format!(", revoked by {}", mark.by),
                None => String::new(),
            };
            text.push_str(&format!("  key {print}  since {since}{state}\n"));
        }
        for (id, token) in &person.tokens {
            let state = match (&token.revoked, token.expires_at <= now()) {
                (Some(mark), _) => format!("revoked by {}", mark.by),
                (None, true) => "expired".into(),
                (None, false) => format!("until {}", moment(token.expires_at)),
            };
            let issued = moment(token.issued_at);
            let used = match uses.get(id) {
                Some(at) => format!("last used {}", moment(*at)),
                None => "never used".into(),
            };
            text.push_str(&format!("  token {id}  issued {issued}, {state}, {used}\n"));
        }
    }
    Ok(text)
}

fn moment(at: Timestamp) -> String {
    at.to_string()
}
