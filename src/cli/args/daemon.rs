//! A daemon, and cockpits on it.

use super::PromoteCli;
use crate::api::address::{Address, Listen, is_name};
use crate::base::Stop;
use clap::Args;
use std::path::PathBuf;

/// `serve`.
#[derive(Debug, Args)]
pub struct ServeCli {
    /// Fleet file.
    #[arg(long, value_name = "FILE")]
    pub fleet: PathBuf,
    /// Migration file; without it the open rollout goes on.
    #[arg(long, value_name = "FILE")]
    pub migration: Option<PathBuf>,
    /// Where to listen, once for each place: unix:PATH, tls://ADDRESS:PORT, or on
    /// this machine alone http://127.0.0.1:PORT. A socket is always there, in the
    /// store unless you name another.
    #[arg(long, value_name = "WHERE")]
    pub listen: Vec<Listen>,
    /// For tls://: PEM with the daemon's certificate and those up to its authority.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// For tls://: where its private key is (PEM): env:NAME or file:PATH, readable by its
    /// owner only.
    #[arg(long, value_name = "REF", requires = "tls_cert")]
    pub tls_key: Option<String>,
    /// For tls://: PEM with authorities; whoever has no certificate of theirs is
    /// refused in the handshake. A token is needed all the same.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_client_ca: Option<PathBuf>,
    /// A name that clients call it by, besides the addresses it listens at; may be
    /// given more than once.
    #[arg(long, value_name = "HOST", value_parser = host)]
    pub name: Vec<String>,
    /// Who promotes.
    #[arg(long, value_enum, default_value = "manual")]
    pub promote: PromoteCli,
    /// Last stop of automatic promotion: a stage, shift:PERCENT, retire or drop.
    #[arg(long, value_name = "STOP")]
    pub to: Option<Stop>,
}

/// `attach`.
#[derive(Debug, Args)]
pub struct AttachCli {
    /// Where the daemon listens: unix:PATH, https://HOST:PORT, or on this machine
    /// http://127.0.0.1:PORT.
    #[arg(
        value_name = "WHERE",
        required_unless_present = "fleet",
        conflicts_with = "fleet"
    )]
    pub address: Option<Address>,
    /// Fleet file: the daemon that listens in its store.
    #[arg(long, value_name = "FILE")]
    pub fleet: Option<PathBuf>,
    /// For https://: PEM with the daemon's authority, if this machine does not
    /// trust it anyway.
    #[arg(long, value_name = "FILE")]
    pub tls_ca: Option<PathBuf>,
    /// For https://: PEM with a certificate of yours, if the daemon demands one.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// For https://: where its private key is (PEM): env:NAME or file:PATH, readable by its
    /// owner only.
    #[arg(long, value_name = "REF", requires = "tls_cert")]
    pub tls_key: Option<String>,
    /// The cockpit in lines, for screen readers; commands on stdin, help lists them.
    #[arg(long)]
    pub plain: bool,
    /// Where your token is: env:NAME, file:PATH (readable by its owner only) or
    /// exec:COMMAND. Without one you are who your account is.
    #[arg(long, value_name = "REF")]
    pub token: Option<String>,
    /// Sign approvals with this SSH key; nobody is asked for a passphrase.
    #[arg(long, value_name = "KEYFILE")]
    pub sign: Option<PathBuf>,
}

fn host(text: &str) -> Result<String, String> {
    match is_name(text) {
        true => Ok(text.to_owned()),
        false => Err("this is no name of a machine; write it without https:// and port".into()),
    }
}
