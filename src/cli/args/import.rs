//! Arguments of `import`.

use clap::Args;
use std::path::PathBuf;

/// `import`.
#[derive(Debug, Args)]
pub struct ImportCli {
    /// Folder with pgroll's files, taken in the order of their names.
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
    /// Where the migrations are written; made if it is not there.
    #[arg(long, value_name = "FOLDER", default_value = "migrations")]
    pub to: PathBuf,
    /// Schema of the tables.
    #[arg(long, value_name = "SCHEMA", default_value = "public")]
    pub schema: String,
    /// One object.
    #[arg(long)]
    pub json: bool,
}
