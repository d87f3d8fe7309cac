//! Throw-away fleets.

use super::verbs::shard;
use crate::base::ShardName;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// `lab …`.
#[derive(Debug, Subcommand)]
pub enum LabCli {
    /// Raise a lab.
    #[command(
        after_help = "Example:\n  pilothouse lab up /tmp/lab --shards 3 --standbys 1 --scale 10 --load"
    )]
    Up {
        /// Where; must be absent or empty.
        directory: PathBuf,
        /// Shards, each a server of its own.
        #[arg(long, default_value_t = 3)]
        shards: u32,
        /// Standbys per shard.
        #[arg(long, default_value_t = 1)]
        standbys: u32,
        /// pgbench scale: 100,000 rows each.
        #[arg(long, default_value_t = 1)]
        scale: u32,
        /// One writer per shard.
        #[arg(long)]
        load: bool,
        /// fsync on.
        #[arg(long)]
        durable: bool,
    },
    /// Take a lab down and remove what it made.
    #[command(after_help = "Example:\n  pilothouse lab down /tmp/lab")]
    Down {
        /// Where.
        directory: PathBuf,
    },
    /// The process that holds the servers.
    #[command(hide = true)]
    Keeper {
        /// Where.
        directory: PathBuf,
    },
    /// The writer program.
    #[command(hide = true)]
    Writer(WriterCli),
}

/// `lab writer`.
#[derive(Debug, Args)]
pub struct WriterCli {
    /// Fleet file.
    #[arg(long)]
    pub fleet: PathBuf,
    /// Shard.
    #[arg(long, value_parser = shard)]
    pub shard: ShardName,
    /// Ledger file.
    #[arg(long)]
    pub ledger: PathBuf,
    /// Which form.
    #[arg(long, value_enum, default_value = "auto")]
    pub forms: FormsCli,
    /// Statements per second.
    #[arg(long, default_value_t = 200)]
    pub rate: u32,
    /// Keys.
    #[arg(long, default_value_t = 100)]
    pub keys: u32,
    /// Number of this writer.
    #[arg(long, default_value_t = 0)]
    pub class: u32,
    /// Number of writers.
    #[arg(long, default_value_t = 1)]
    pub classes: u32,
}

/// Which form a writer uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormsCli {
    /// As the flags say.
    Auto,
    /// The old form.
    Old,
    /// The new form.
    New,
}
