//! `pilothouse attach`: a cockpit on a daemon.

use super::args::AttachCli;
use super::exit::{Ended, Exit};
use super::prepare::load_fleet;
use super::run::Face;
use super::screen::dressed;
use super::sign::Signer;
use super::terminal::say;
use crate::api::address::Address;
use crate::api::http::{Access, HttpClient, RequestError, who_am_i};
use crate::api::tls::{TlsClient, TlsError, Trust};
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

/// Whom it trusts and what it shows on its way to a daemon far away.
///
/// # Errors
/// A file cannot be used, or is named for a way that needs none.
pub fn tls(address: &Address, args: &AttachCli) -> Result<Option<TlsClient>, Ended> {
    if !matches!(address, Address::Tls(_)) {
        if args.tls_ca.is_some() || args.tls_cert.is_some() {
            let text =
                format!("--tls-ca, --tls-cert and --tls-key are for https://, not for {address}");
            return Err(Ended::new(Exit::BadInput, text));
        }
        return Ok(None);
    }
    let own = match (&args.tls_cert, &args.tls_key) {
        (Some(certificate), Some(key)) => Some((certificate.clone(), referred("--tls-key", key)?)),
        _ => None,
    };
    let trust = Trust {
        ca: args.tls_ca.clone(),
        own,
    };
    TlsClient::new(&trust).map(Some).map_err(bad_tls)
}

pub(super) fn bad_tls(error: TlsError) -> Ended {
    Ended::new(Exit::BadInput, error.to_string())
}

/// Shows a cockpit until it is left.
///
/// # Errors
/// No daemon answers, it does not know us, or the terminal cannot be used.
pub async fn attach(
    address: Address,
    tls: Option<TlsClient>,
    token: Option<&str>,
    face: Face,
    signer: Option<Signer>,
) -> Result<(String, Exit), Ended> {
    let session = format!("{}/{}", std::process::id(), crate::engine::now().0);
    let access = Access {
        address: address.clone(),
        tls,
        session: session.clone(),
        token: token.map(secret).transpose()?,
    };
    let name = who_am_i(&access).await.map_err(not_attached)?;
    let person = Actor::person(name.clone());
    let mut options = cockpit::Options::from_environment(person, session);
    options.leaving = Leaving::LeavesTheEngine;
    let who = (name, access.address.to_string());
    let client = dressed(Box::new(HttpClient::attach(access)), who, signer);
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
    referred("--token", reference)
}

/// The secret that an option refers to.
pub(super) fn referred(option: &str, reference: &str) -> Result<Secret, Ended> {
    let bad = |e: String| Ended::new(Exit::BadInput, format!("{option}: {e}"));
    let here = std::env::current_dir().map_err(|e| bad(e.to_string()))?;
    let parsed = parse_secret_ref(reference, &here);
    let parsed = parsed.map_err(|e| bad(format!("{e}; {}", SecretRefError::remedy())))?;
    parsed.resolve().map_err(|e| bad(e.to_string()))
}

pub(super) fn not_attached(error: RequestError) -> Ended {
    let exit = match error {
        RequestError::Refused { .. }
        | RequestError::TooOften { .. }
        | RequestError::NotTrusted(_) => Exit::Refused,
        RequestError::Unreachable(_) | RequestError::Foreign(..) => Exit::Failed,
    };
    Ended::new(exit, error.to_string())
}
