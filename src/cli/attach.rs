//! `pilothouse attach`: a cockpit on a daemon.

use super::exit::{Ended, Exit};
use super::prepare::load_fleet;
use super::run::Face;
use super::terminal::say;
use crate::api::address::Address;
use crate::api::http::{HttpClient, RequestError, who_am_i};
use crate::base::Actor;
use crate::cockpit::{self, Leaving};
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
pub async fn attach(address: Address, face: Face) -> Result<(String, Exit), Ended> {
    let name = who_am_i(&address).await.map_err(not_attached)?;
    let session = format!("{}/{}", std::process::id(), crate::engine::now().0);
    let mut options = cockpit::Options::from_environment(Actor::person(name), session.clone());
    options.leaving = Leaving::LeavesTheEngine;
    let client = Box::new(HttpClient::attach(address.clone(), &session));
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

fn not_attached(error: RequestError) -> Ended {
    let exit = match error {
        RequestError::Refused { .. } => Exit::Refused,
        RequestError::Unreachable(_) | RequestError::Foreign(..) => Exit::Failed,
    };
    Ended::new(exit, error.to_string())
}
