//! Arguments of `history`, `baseline` and `catch-up`.

use super::verbs::shard;
use crate::base::{MigrationName, ShardName};
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

/// `baseline`.
#[derive(Debug, Args)]
pub struct BaselineCli {
    /// Fleet file.
    #[arg(long, value_name = "FILE", default_value = "fleet.toml")]
    pub fleet: PathBuf,
    /// What the beginning is called.
    #[arg(long, value_parser = migration)]
    pub name: MigrationName,
    /// Why; goes on the record.
    #[arg(long, default_value = "")]
    pub reason: String,
}

fn migration(text: &str) -> Result<MigrationName, String> {
    MigrationName::new(text).map_err(|e| e.to_string())
}

/// `catch-up`.
#[derive(Debug, Args)]
pub struct CatchUpCli {
    /// Fleet file.
    #[arg(long, value_name = "FILE", default_value = "fleet.toml")]
    pub fleet: PathBuf,
    /// Which shard.
    #[arg(long, value_parser = shard)]
    pub shard: ShardName,
    /// Where migrations are looked for that the store does not keep.
    #[arg(long, value_name = "FOLDER")]
    pub migrations: Option<PathBuf>,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// The shard's name, typed: contract is entered without asking again.
    #[arg(long, value_name = "SHARD")]
    pub confirm: Option<String>,
}
