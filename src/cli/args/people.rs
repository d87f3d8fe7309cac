//! Who there is.

use super::verbs::{ActCli, ring};
use crate::base::RingName;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Somebody in a fleet.
#[derive(Debug, Args)]
pub struct WhoCli {
    /// Their name: that of their account where they come by it.
    pub name: String,
    /// How the change is given.
    #[command(flatten)]
    pub act: ActCli,
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
    /// Keys that sign for people.
    #[command(
        subcommand,
        after_help = "Example:\n  pilothouse operator key add lee --key lee.pub --sign ~/.ssh/id_ed25519 --fleet fleet.toml"
    )]
    Key(KeyCli),
}

/// `operator key …`.
#[derive(Debug, Subcommand)]
pub enum KeyCli {
    /// Let a key sign for somebody. The first one is your own, signed with itself.
    #[command(
        after_help = "Examples:\n  pilothouse operator key add lee --key lee.pub --sign ~/.ssh/id_ed25519 --fleet fleet.toml\n  pilothouse operator key add root --key ~/.ssh/id_ed25519.pub --sign ~/.ssh/id_ed25519 --fleet fleet.toml"
    )]
    Add {
        /// The change.
        #[command(flatten)]
        change: KeyChangeCli,
    },
    /// Trust a key no longer; it is never trusted again.
    #[command(
        after_help = "Example:\n  pilothouse operator key revoke lee --key lee.pub --sign ~/.ssh/id_ed25519 --fleet fleet.toml"
    )]
    Revoke {
        /// The change.
        #[command(flatten)]
        change: KeyChangeCli,
    },
}

/// A key, and who answers for the change.
#[derive(Debug, Args)]
pub struct KeyChangeCli {
    /// Whose.
    #[command(flatten)]
    pub who: WhoCli,
    /// The public key: a file such as id_ed25519.pub.
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// Your own key: admins sign what they change.
    #[arg(long, value_name = "KEYFILE")]
    pub sign: PathBuf,
}

/// `ask`.
#[derive(Debug, Args)]
pub struct AskCli {
    /// How it is given.
    #[command(flatten)]
    pub act: ActCli,
    /// Which ring is to be promoted.
    #[arg(long, value_parser = ring)]
    pub ring: RingName,
}

/// A request.
#[derive(Debug, Args)]
pub struct RequestCli {
    /// Its id, as status and the cockpit show it.
    pub id: String,
    /// How it is given.
    #[command(flatten)]
    pub act: ActCli,
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
    /// Sign it with this SSH key; a public key names one of the agent's.
    #[arg(long, value_name = "KEYFILE")]
    pub sign: Option<PathBuf>,
}

/// `break-glass`.
#[derive(Debug, Args)]
pub struct GlassCli {
    /// How it is given.
    #[command(flatten)]
    pub act: ActCli,
    /// For how long, an hour at most.
    #[arg(long = "for", value_name = "TIME")]
    pub lasting: String,
    /// Rollout id (see status) or migration name.
    #[arg(long, value_name = "ID")]
    pub confirm: Option<String>,
}

/// `review`.
#[derive(Debug, Args)]
pub struct ReviewCli {
    /// How it is given.
    #[command(flatten)]
    pub act: ActCli,
}

/// Asking, answering, and doing without.
#[derive(Debug, Subcommand)]
pub enum ApprovalsCli {
    /// Ask for approval of a ring's next promotion.
    #[command(
        after_help = "Example:\n  pilothouse ask --ring canary --reason \"old clients are gone\" --fleet fleet.toml"
    )]
    Ask(AskCli),
    /// Approve what somebody else asked for; shows it first.
    #[command(
        after_help = "Examples:\n  pilothouse approve 1f00c2d3 --show --fleet fleet.toml\n  pilothouse approve 1f00c2d3 --sign ~/.ssh/id_ed25519 --fleet fleet.toml"
    )]
    Approve(ApproveCli),
    /// Reject what somebody else asked for.
    #[command(
        after_help = "Example:\n  pilothouse reject 1f00c2d3 --reason \"not tonight\" --fleet fleet.toml"
    )]
    Reject(RequestCli),
    /// Take back what you asked for yourself.
    #[command(after_help = "Example:\n  pilothouse withdraw 1f00c2d3 --fleet fleet.toml")]
    Withdraw(RequestCli),
    /// Do without approvals for a while: loud, and a review is owed.
    #[command(
        after_help = "Example:\n  pilothouse break-glass --for 15m --confirm balance-cents --reason \"site is down\" --fleet fleet.toml"
    )]
    BreakGlass(GlassCli),
    /// Review what somebody else did behind broken glass.
    #[command(
        after_help = "Example:\n  pilothouse review --reason \"looked at all three promotions\" --fleet fleet.toml"
    )]
    Review(ReviewCli),
}

impl ApprovalsCli {
    /// How it is given.
    pub fn act(&self) -> &ActCli {
        match self {
            Self::Ask(args) => &args.act,
            Self::Approve(args) => &args.request.act,
            Self::Reject(args) | Self::Withdraw(args) => &args.act,
            Self::BreakGlass(args) => &args.act,
            Self::Review(args) => &args.act,
        }
    }
}
