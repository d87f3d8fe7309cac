//! For scripts, shells and readers of manuals.

use super::verbs::ScopeCli;
use crate::base::Stop;
use clap::Args;
use std::path::PathBuf;

/// `ready`.
#[derive(Debug, Args)]
pub struct ReadyCli {
    /// Fleet file.
    #[arg(long, value_name = "FILE")]
    pub fleet: PathBuf,
    /// Over what.
    #[command(flatten)]
    pub scope: ScopeCli,
    /// The stop that must be finished: a stage, shift:PERCENT, retire or drop.
    #[arg(
        long,
        value_name = "STOP",
        required_unless_present = "version",
        conflicts_with = "version"
    )]
    pub stage: Option<Stop>,
    /// A migration whose new form every client may use.
    #[arg(long, value_name = "MIGRATION")]
    pub version: Option<String>,
    /// Wait this long for it.
    #[arg(long, value_name = "TIME")]
    pub wait: Option<String>,
}

/// `completions`.
#[derive(Debug, Args)]
pub struct ShellCli {
    /// Which.
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// `man`.
#[derive(Debug, Args)]
pub struct ManCli {
    /// The directory for the pages.
    pub directory: PathBuf,
}
