//! Arguments of `history`.

use clap::Args;
use std::path::PathBuf;

/// `history`.
#[derive(Debug, Args)]
pub struct HistoryCli {
    /// Fleet file.
    #[arg(long, value_name = "FILE", default_value = "fleet.toml")]
    pub fleet: PathBuf,
    /// One object.
    #[arg(long)]
    pub json: bool,
}
