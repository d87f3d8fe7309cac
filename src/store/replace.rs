//! Files that are written as a whole.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Replaces a file, for its owner only: whoever reads it finds the old text or
/// the new one, never half of it. Not made durable against a power cut.
pub fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    // Two processes may write the same one.
    let draft = path.with_extension(format!("{}.new", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(&draft)?.write_all(text)?;
    std::fs::rename(&draft, path)
}
