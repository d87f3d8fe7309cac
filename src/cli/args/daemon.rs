//! A daemon, and cockpits on it.

use super::PromoteCli;
use crate::api::address::Address;
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
    /// Where to listen; a socket in the store if absent.
    #[arg(long, value_name = "unix:PATH")]
    pub listen: Option<Address>,
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
    /// Where the daemon listens.
    #[arg(
        value_name = "unix:PATH",
        required_unless_present = "fleet",
        conflicts_with = "fleet"
    )]
    pub address: Option<Address>,
    /// Fleet file: the daemon that listens in its store.
    #[arg(long, value_name = "FILE")]
    pub fleet: Option<PathBuf>,
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
