//! Arguments of `report` and `handover`.

use crate::base::Period;
use clap::Args;
use std::path::PathBuf;

/// `report`.
#[derive(Debug, Args)]
pub struct ReportCli {
    /// Rollout id or migration name; without it the newest rollout.
    #[arg(value_name = "ROLLOUT")]
    pub rollout: Option<String>,
    /// Fleet file: its store is read.
    #[arg(long, value_name = "FILE", required_unless_present = "journal")]
    pub fleet: Option<PathBuf>,
    /// A store directory, a journal.db or an exported file.
    #[arg(long, value_name = "FILE", conflicts_with = "fleet")]
    pub journal: Option<PathBuf>,
    /// The head that the journal must reach, SEQ:HEX.
    #[arg(long, value_name = "SEQ:HEX")]
    pub since: Option<String>,
}

/// `handover`.
#[derive(Debug, Args)]
pub struct HandoverCli {
    /// Fleet file.
    #[arg(long, value_name = "FILE")]
    pub fleet: PathBuf,
    /// How long the shift was.
    #[arg(long, value_name = "PERIOD", default_value = "8h")]
    pub since: Period,
}
