//! Where PostgreSQL's programs are.

use super::{Account, LabError};
use crate::base::Untrusted;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Names the directory of the programs when they are nowhere else.
const DIRECTORY_VARIABLE: &str = "PILOTHOUSE_PG_BIN";
/// Debian keeps one directory per major version here.
const DEBIAN_ROOT: &str = "/usr/lib/postgresql";
/// What a lab needs.
const NEEDED: [&str; 4] = ["initdb", "postgres", "pg_basebackup", "pgbench"];
/// How much of a program's last words an error repeats.
const TAIL_BYTES: usize = 600;

/// A directory that holds every program a lab needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    directory: PathBuf,
}

impl Binaries {
    /// The directory that `PILOTHOUSE_PG_BIN` names, if it is set; else the
    /// newest version below `/usr/lib/postgresql`, else one on `PATH`.
    pub fn locate() -> Result<Self, LabError> {
        if let Some(named) = env::var_os(DIRECTORY_VARIABLE) {
            return Self::among(&[PathBuf::from(named)]);
        }
        let on_path = env::var_os("PATH").unwrap_or_default();
        let mut places = versions(Path::new(DEBIAN_ROOT));
        places.extend(env::split_paths(&on_path));
        Self::among(&places)
    }

    fn among(places: &[PathBuf]) -> Result<Self, LabError> {
        if let Some(directory) = places.iter().find(|place| missing(place).is_empty()) {
            return Ok(Self {
                directory: directory.clone(),
            });
        }
        // Nothing complete: name what the best place lacks.
        let best = places
            .iter()
            .map(|place| missing(place))
            .min_by_key(Vec::len);
        let everything = || NEEDED.iter().map(|name| (*name).to_owned()).collect();
        Err(LabError::MissingBinaries {
            missing: best.unwrap_or_else(everything),
            looked_in: format!(
                "${DIRECTORY_VARIABLE} if it is set, else {DEBIAN_ROOT}/*/bin and PATH"
            ),
        })
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// One program.
    pub(super) fn path(&self, program: &str) -> PathBuf {
        self.directory.join(program)
    }

    /// A command that runs as the servers' user, in `home`, with nothing of
    /// our environment that PostgreSQL programs would listen to.
    pub(super) fn command(&self, program: &str, account: &Account, home: &Path) -> Command {
        prepare(&self.path(program), account, home)
    }
}

/// See [`Binaries::command`]; for a program given by path.
pub(super) fn prepare(program: &Path, account: &Account, home: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", "UTC")
        .current_dir(home)
        .stdin(Stdio::null());
    account.apply(&mut command);
    command
}

/// Runs a program to its end; a failure repeats its last words.
pub(super) fn run(mut command: Command, place: &str) -> Result<(), LabError> {
    let path = PathBuf::from(command.get_program());
    let output = command.output().map_err(LabError::io("run", &path))?;
    if output.status.success() {
        return Ok(());
    }
    let name = path.file_name().unwrap_or(OsStr::new("program"));
    Err(LabError::Program {
        program: name.to_string_lossy().into_owned(),
        place: place.to_owned(),
        status: output.status.to_string(),
        tail: tail_of(&[output.stdout, output.stderr].concat()),
    })
}

/// The end of some output, on one line.
pub(super) fn tail_of(output: &[u8]) -> Untrusted {
    let from = output.len().saturating_sub(TAIL_BYTES);
    let text = String::from_utf8_lossy(&output[from..]);
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .collect();
    let last = lines.len().saturating_sub(4);
    Untrusted::new(lines[last..].join(" / "))
}

fn missing(place: &Path) -> Vec<String> {
    let absent = NEEDED.iter().filter(|name| !place.join(name).is_file());
    absent.map(|name| (*name).to_owned()).collect()
}

/// `ROOT/VERSION/bin`, newest version first.
fn versions(root: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(root) else {
        return Vec::new();
    };
    let mut found: Vec<(u32, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    found.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    found.into_iter().map(|(_, path)| path).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn install(root: &Path, version: &str, programs: &[&str]) {
        let bin = root.join(version).join("bin");
        fs::create_dir_all(&bin).unwrap();
        for program in programs {
            fs::write(bin.join(program), "").unwrap();
        }
    }

    #[test]
    fn the_newest_complete_version_wins() {
        let dir = tempfile::tempdir().unwrap();
        install(dir.path(), "9", &NEEDED);
        install(dir.path(), "15", &NEEDED);
        install(dir.path(), "17", &["postgres"]);
        let found = Binaries::among(&versions(dir.path())).unwrap();
        assert_eq!(found.directory(), dir.path().join("15/bin"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let dir = tempfile::tempdir().unwrap();
        install(dir.path(), "15", &["initdb", "postgres", "pgbench"]);
        let err = Binaries::among(&versions(dir.path())).unwrap_err();
        let text = err.to_string();
        assert!(text.contains("missing: pg_basebackup;"), "{text}");
        assert!(text.contains("Debian package `postgresql`"), "{text}");
        let nothing = Binaries::among(&[]).unwrap_err().to_string();
        assert!(nothing.contains("initdb, postgres, pg_basebackup, pgbench"));
    }
}
