//! Who there is.

use super::ring;
use crate::base::RingName;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Somebody in a fleet.
#[derive(Debug, Args)]
pub struct WhoCli {
    /// Their name: that of their account where they come by it.
    pub name: String,
    /// Fleet file.
    #[arg(long, value_name = "FILE")]
    pub fleet: PathBuf,
}

/// A role as it is written: viewer, operator, approver or admin, with
/// `:ring=RING` or `:stage=STAGE` behind it where it holds only there.
#[derive(Clone, Debug)]
pub struct RoleCli(pub String);

impl From<String> for RoleCli {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// `operator …`.
#[derive(Debug, Subcommand)]
pub enum OperatorCli {
    /// Enrol somebody, or give them other roles. The first one is yourself, as an admin.
    #[command(
        after_help = "Examples:\n  pilothouse operator add lee --role admin --fleet fleet.toml\n  pilothouse operator add ana --role operator --deny operator:ring=broad --fleet fleet.toml"
    )]
    Add {
        /// Who.
        #[command(flatten)]
        who: WhoCli,
        /// What they may: viewer, operator, approver, admin; with :ring=RING or :stage=STAGE only there.
        #[arg(long = "role", value_name = "ROLE", required = true)]
        roles: Vec<RoleCli>,
        /// What they may not, whatever else is granted.
        #[arg(long, value_name = "ROLE")]
        deny: Vec<RoleCli>,
        /// Why; goes on the record.
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// List everybody, their roles and their tokens.
    #[command(after_help = "Example:\n  pilothouse operator list --fleet fleet.toml")]
    List {
        /// Fleet file.
        #[arg(long, value_name = "FILE")]
        fleet: PathBuf,
    },
    /// Trust somebody, or one of their tokens, no longer.
    #[command(
        after_help = "Example:\n  pilothouse operator revoke ana --token-id 1f00c2d39ab4 --fleet fleet.toml"
    )]
    Revoke {
        /// Who.
        #[command(flatten)]
        who: WhoCli,
        /// Only this token, as list names it.
        #[arg(long, value_name = "ID")]
        token_id: Option<String>,
        /// Why; goes on the record.
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Make a token; it is shown once, on stdout.
    #[command(
        after_help = "Example:\n  pilothouse operator token ana --expires 30d --fleet fleet.toml"
    )]
    Token {
        /// Whose.
        #[command(flatten)]
        who: WhoCli,
        /// How long it lives.
        #[arg(long, value_name = "TIME", default_value = "30d")]
        expires: String,
    },
}

/// `ask`.
#[derive(Debug, Args)]
pub struct AskCli {
    /// Fleet file.
    #[arg(long, value_name = "FILE")]
    pub fleet: PathBuf,
    /// Which ring is to be promoted.
    #[arg(long, value_parser = ring)]
    pub ring: RingName,
    /// Why; goes on the record.
    #[arg(long, default_value = "")]
    pub reason: String,
}

/// A request.
#[derive(Debug, Args)]
pub struct RequestCli {
    /// Its id, as status and the cockpit show it.
    pub id: String,
    /// Fleet file.
    #[arg(long, value_name = "FILE")]
    pub fleet: PathBuf,
    /// Why; goes on the record.
    #[arg(long, default_value = "")]
    pub reason: String,
}

/// `approve`.
#[derive(Debug, Args)]
pub struct ApproveCli {
    /// Which.
    #[command(flatten)]
    pub request: RequestCli,
    /// Show what would be approved, and change nothing.
    #[arg(long)]
    pub show: bool,
}

/// `break-glass`.
#[derive(Debug, Args)]
pub struct GlassCli {
    /// Fleet file.
    #[arg(long, value_name = "FILE")]
    pub fleet: PathBuf,
    /// For how long, an hour at most.
    #[arg(long = "for", value_name = "TIME")]
    pub lasting: String,
    /// Rollout id (see status) or migration name.
    #[arg(long, value_name = "ID")]
    pub confirm: Option<String>,
    /// Why; goes on the record.
    #[arg(long)]
    pub reason: String,
}

/// `review`.
#[derive(Debug, Args)]
pub struct ReviewCli {
    /// Fleet file.
    #[arg(long, value_name = "FILE")]
    pub fleet: PathBuf,
    /// What was found; goes on the record.
    #[arg(long)]
    pub reason: String,
}
