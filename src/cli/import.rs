//! `import`: pgroll's files become migrations of ours.

use super::exit::{Ended, Exit, pretty};
use crate::migration::pgroll::{import, is_pgroll};
use crate::migration::{TableName, parse};
use crate::store::replace;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// What is imported, and where to.
pub struct ImportArgs {
    /// Folder with pgroll's files.
    pub folder: PathBuf,
    /// Where ours are written.
    pub to: PathBuf,
    /// Schema of the tables.
    pub schema: String,
    /// Whether to say it as one object.
    pub json: bool,
}

/// What became of one file.
#[derive(Debug, Serialize)]
struct Imported {
    file: String,
    /// The file that was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    migration: Option<String>,
    /// Why there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused: Vec<String>,
}

/// Writes a migration file for each of pgroll's; never over another one.
///
/// # Errors
/// The folder cannot be read, a file is there already, or cannot be written.
pub fn run(args: &ImportArgs) -> Result<(String, Exit), Ended> {
    let schema = format!("{}.t", args.schema);
    if schema.parse::<TableName>().is_err() {
        let text = format!("--schema: {:?} is not a schema's name", args.schema);
        return Err(Ended::new(Exit::BadInput, text));
    }
    let files = files(&args.folder)?;
    let mut outcomes = Vec::new();
    let mut texts = Vec::new();
    for file in &files {
        let (outcome, text) = read(file, args)?;
        texts.extend(text);
        outcomes.push(outcome);
    }
    // All or nothing: a name that is taken is found before anything is written.
    let mut seen = BTreeSet::new();
    if let Some((twice, _)) = texts.iter().find(|(path, _)| !seen.insert(path)) {
        let text = format!(
            "two files would become {}; nothing was written: give one of them another name",
            twice.display()
        );
        return Err(Ended::new(Exit::BadInput, text));
    }
    if let Some((taken, _)) = texts.iter().find(|(path, _)| path.exists()) {
        let text = format!(
            "{} is there already; nothing was written: choose another folder with --to",
            taken.display()
        );
        return Err(Ended::new(Exit::BadInput, text));
    }
    let unwritable = |path: &Path, e: &std::io::Error| {
        Ended::new(Exit::Failed, format!("{}: {e}", path.display()))
    };
    std::fs::create_dir_all(&args.to).map_err(|e| unwritable(&args.to, &e))?;
    for (path, text) in &texts {
        replace(path, text.as_bytes()).map_err(|e| unwritable(path, &e))?;
    }
    let refused = outcomes.iter().any(|outcome| !outcome.refused.is_empty());
    let exit = if refused { Exit::Refused } else { Exit::Done };
    Ok((said(&outcomes, args.json)?, exit))
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, Ended> {
    let unreadable = |e: std::io::Error| {
        let text = format!("{}: {e}", folder.display());
        Ended::new(Exit::BadInput, text)
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_file() && is_pgroll(&path) {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        let text = format!(
            "{} holds no .yaml, .yml or .json file: name the folder of pgroll's migrations",
            folder.display()
        );
        return Err(Ended::new(Exit::BadInput, text));
    }
    Ok(files)
}

type Written = Option<(PathBuf, String)>;

fn read(file: &Path, args: &ImportArgs) -> Result<(Imported, Written), Ended> {
    let shown = file
        .file_name()
        .map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    let text = std::fs::read_to_string(file)
        .map_err(|e| Ended::new(Exit::BadInput, format!("{}: {e}", file.display())))?;
    let refused = |refused: Vec<String>| Imported {
        file: shown.clone(),
        migration: None,
        refused,
    };
    let ours = match import(&text, file, &args.schema) {
        Ok(ours) => ours,
        Err(found) => {
            let reasons = found.to_string().lines().map(str::to_owned).collect();
            return Ok((refused(reasons), None));
        }
    };
    let loaded = match parse(&ours, file) {
        Ok(loaded) => loaded,
        Err(found) => {
            let reasons = found.0.iter();
            let reasons = reasons.map(|d| format!("{}: {}; {}", d.key, d.message, d.remedy));
            return Ok((refused(reasons.collect()), None));
        }
    };
    let path = args.to.join(format!("{}.toml", loaded.migration.name));
    let outcome = Imported {
        file: shown.clone(),
        migration: Some(path.display().to_string()),
        refused: Vec::new(),
    };
    let text = format!("# From pgroll's {shown}.\n{ours}");
    Ok((outcome, Some((path, text))))
}

fn said(outcomes: &[Imported], json: bool) -> Result<String, Ended> {
    if json {
        return pretty(&outcomes);
    }
    let mut text = String::new();
    for outcome in outcomes {
        // Writing to a String cannot fail.
        if let Some(migration) = &outcome.migration {
            let _ = writeln!(text, "{} → {migration}", outcome.file);
        }
        for reason in &outcome.refused {
            let _ = writeln!(text, "{} refused: {reason}", outcome.file);
        }
    }
    let refused = outcomes.iter().filter(|o| o.migration.is_none()).count();
    let _ = writeln!(
        text,
        "{} of {} files imported, {refused} refused",
        outcomes.len() - refused,
        outcomes.len()
    );
    Ok(text)
}
