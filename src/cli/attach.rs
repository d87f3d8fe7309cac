//! `pilothouse attach`: a cockpit on a daemon.

use super::exit::{Ended, Exit};
use super::prepare::load_fleet;
use super::run::Face;
use super::screen::dressed;
use super::sign::Signer;
use super::terminal::say;
use crate::api::address::Address;
use crate::api::http::{Access, HttpClient, RequestError, who_am_i};
use crate::base::{Actor, Secret};
use crate::cockpit::{self, Leaving};
use crate::fleet::{SecretRefError, parse_secret_ref};
use std::path::Path;

/// The daemon of a fleet, if it listens where daemons do.
///
/// # Errors
/// The fleet file cannot be read.
pub fn address_of(fleet: &Path) -> Result<Address, Ended> {
    let fleet = load_fleet(fleet)?;
    Address::of_store(&fleet.fleet.store).map_err(|e| Ended::new(Exit::BadInput, e.to_string()))
}

/// Shows a cockpit until it is left.
///
/// # Errors
/// No daemon answers, it does not know us, or the terminal cannot be used.
pub async fn attach(
    address: Address,
    token: Option<&str>,
    face: Face,
    signer: Option<Signer>,
) -> Result<(String, Exit), Ended> {
    let session = format!("{}/{}", std::process::id(), crate::engine::now().0);
    let access = Access {
        address: address.clone(),
        session: session.clone(),
        token: token.map(secret).transpose()?,
    };
    let name = who_am_i(&access).await.map_err(not_attached)?;
    let person = Actor::person(name.clone());
    let mut options = cockpit::Options::from_environment(person, session);
    options.leaving = Leaving::LeavesTheEngine;
    let client = dressed(Box::new(HttpClient::attach(access)), name, signer);
    let left = match face {
        Face::Plain => cockpit::plain::run(client, options).await,
        Face::Screen | Face::Headless => cockpit::run::run(client, options, None).await,
    };
    left.map_err(|e| Ended::new(Exit::Failed, e.to_string()))?;
    say(format_args!(
        "left; the daemon goes on with its work. Back: pilothouse attach {address}"
    ));
    Ok((String::new(), Exit::Done))
}

/// A token is a secret: only by reference.
pub(super) fn secret(reference: &str) -> Result<Secret, Ended> {
    let bad = |e: String| Ended::new(Exit::BadInput, format!("--token: {e}"));
    let here = std::env::current_dir().map_err(|e| bad(e.to_string()))?;
    let parsed = parse_secret_ref(reference, &here);
    let parsed = parsed.map_err(|e| bad(format!("{e}; {}", SecretRefError::remedy())))?;
    parsed.resolve().map_err(|e| bad(e.to_string()))
}

pub(super) fn not_attached(error: RequestError) -> Ended {
    let exit = match error {
        RequestError::Refused { .. } => Exit::Refused,
        RequestError::Unreachable(_) | RequestError::Foreign(..) => Exit::Failed,
    };
    Ended::new(exit, error.to_string())
}
