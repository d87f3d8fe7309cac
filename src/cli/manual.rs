//! Shell completions and manual pages, made from the command line's own
//! definition.

use super::args::Cli;
use super::exit::{Ended, Exit};
use clap::CommandFactory as _;
use std::path::Path;

/// The script that completes commands in a shell.
pub fn completions(shell: clap_complete::Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "pilothouse", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// Writes a manual page for every command; says how many.
///
/// # Errors
/// The directory cannot be made or written.
pub fn pages(directory: &Path) -> Result<String, Ended> {
    let failed =
        |e: std::io::Error| Ended::new(Exit::Failed, format!("{}: {e}", directory.display()));
    std::fs::create_dir_all(directory).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), directory).map_err(failed)?;
    let pages = std::fs::read_dir(directory).map_err(failed)?.count();
    Ok(format!("{pages} pages in {}\n", directory.display()))
}
