//! Arguments of `lint`.

use clap::Args;
use std::path::PathBuf;

/// `lint`.
#[derive(Debug, Args)]
pub struct LintCli {
    /// Migration files.
    #[arg(value_name = "FILE", required_unless_present = "rules")]
    pub files: Vec<PathBuf>,
    /// List every rule there is, with its safe form.
    #[arg(long, conflicts_with = "files")]
    pub rules: bool,
    /// One object.
    #[arg(long)]
    pub json: bool,
}
