//! Reads the fleet file and the shard list it may refer to.

use crate::base::{Diagnostics, Findings, RingName, Source, read_toml};
use crate::fleet::model::{Environment, Fleet, Shard};
use crate::fleet::raw::{RawFleet, RawShard, RawShardList, RawShardsFrom};
use crate::fleet::{command, notify_section, overlap, policy_section, shard_section};
use std::path::{Path, PathBuf};

/// A checked fleet, and where each of its keys stands.
#[derive(Clone, Debug)]
pub struct LoadedFleet {
    /// The fleet.
    pub fleet: Fleet,
    /// The place of every key, for later findings.
    pub source: Source,
}

/// Reads and checks a fleet file.
pub fn load(path: &Path) -> Result<LoadedFleet, Diagnostics> {
    let text =
        std::fs::read_to_string(path).map_err(|error| Diagnostics::unreadable(path, &error))?;
    parse(&text, path)
}

/// Checks the text of a fleet file. Paths in it are taken from the directory
/// of `path`; a shard list elsewhere is read, or its command run.
pub fn parse(text: &str, path: &Path) -> Result<LoadedFleet, Diagnostics> {
    let base = directory_of(path)?;
    let (mut raw, mut source) = read_toml::<RawFleet>(text, &path.display().to_string())?;
    let listed = match raw.shards.take() {
        Some(from) => list(&from, &base, path, &source).map(|(shards, listed)| {
            source.absorb(listed);
            Some(shards)
        }),
        None => Ok(None),
    };
    let fleet = check(&raw, listed, &base, &source)?;
    Ok(LoadedFleet { fleet, source })
}

fn directory_of(path: &Path) -> Result<PathBuf, Diagnostics> {
    let absolute =
        std::path::absolute(path).map_err(|error| Diagnostics::unreadable(path, &error))?;
    Ok(absolute.parent().map(Path::to_path_buf).unwrap_or(absolute))
}

/// The shard list of another file or of a command.
fn list(
    from: &RawShardsFrom,
    base: &Path,
    path: &Path,
    source: &Source,
) -> Result<(Vec<RawShard>, Source), Diagnostics> {
    let (text, name) = match from {
        RawShardsFrom::File(file) => {
            let shown = path.parent().unwrap_or(Path::new("")).join(file);
            let text = std::fs::read_to_string(base.join(file)).map_err(|error| {
                let message = format!("the shard list cannot be read: {error}");
                source.diagnostic(
                    "shards.file",
                    message,
                    "the path is taken from the fleet file",
                )
            })?;
            (text, shown.display().to_string())
        }
        RawShardsFrom::Command(words) => {
            let mut words = words.clone();
            if let Some(program) = words.first_mut() {
                *program = command::program(program, base);
            }
            let text = command::run(&words, base).map_err(|error| {
                let message = format!("the shard list cannot be fetched: {error}");
                let remedy = "run the command by hand in the directory of the fleet file; it must print [[shard]] sections and end with 0";
                source.diagnostic("shards.command", message, remedy)
            })?;
            (text, "output of shards.command".to_owned())
        }
    };
    let (list, listed) = read_toml::<RawShardList>(&text, &name)?;
    Ok((list.shard, listed))
}

fn check(
    raw: &RawFleet,
    listed: Result<Option<Vec<RawShard>>, Diagnostics>,
    base: &Path,
    source: &Source,
) -> Result<Fleet, Diagnostics> {
    let mut findings = Findings::new(source);
    let raw_shards = match (&raw.shard, &listed) {
        (Some(_), Ok(Some(_)) | Err(_)) => {
            let remedy = "keep either the [[shard]] sections or the shards key";
            findings.report("shards", "the shards are given twice", remedy);
            None
        }
        (Some(shards), Ok(None)) | (None, Ok(Some(shards))) => Some(shards.as_slice()),
        (None, Ok(None)) => Some(&[][..]),
        (None, Err(_)) => None,
    };
    if let Err(unlisted) = &listed {
        findings.include(unlisted.clone());
    }
    // A fleet, an environment and a ring follow the same rule for names.
    let name = RingName::new(&raw.name);
    let name = shard_section::name("name", &raw.name, name, &mut findings);
    let environment = RingName::new(&raw.environment.name);
    let environment = shard_section::name(
        "environment.name",
        &raw.environment.name,
        environment,
        &mut findings,
    );
    let policy = policy_section::policy(&raw.policy, &mut findings);
    let throttle = policy_section::throttle(&raw.throttle, &mut findings);
    let guards = policy_section::guards(&raw.guard, &mut findings);
    let rings = shard_section::rings(&raw.ring, &mut findings);
    let instances = shard_section::instances(&raw.instances, raw_shards, &mut findings);
    let shards = match raw_shards {
        Some(shards) => shard_section::shards(shards, &rings, base, &mut findings),
        None => Vec::new(),
    };
    if raw_shards.is_some_and(|raw| complete(raw, &shards)) {
        overlap::overlaps(&shards, &mut findings);
    }
    let stall_after = policy_section::stall_after(&raw.policy, &mut findings);
    let notify = notify_section::notify(&raw.notify, base, &mut findings);
    let store = raw.store.as_deref();
    let store = directory("store", store, ".pilothouse", base, &mut findings);
    let flags = raw.flags.directory.as_deref();
    let flags = directory("flags.directory", flags, "flags", base, &mut findings);
    let fleet = name.zip(environment).map(|(name, environment)| Fleet {
        name: name.to_string(),
        environment: Environment {
            name: environment.to_string(),
            production: raw.environment.production,
        },
        rings,
        instances,
        shards,
        policy,
        throttle,
        guards,
        flags,
        stall_after,
        notify,
        store,
    });
    findings.finish(fleet)
}

/// Whether every shard and address was understood; only then are positions in
/// the data those of the file.
fn complete(raw: &[RawShard], shards: &[Shard]) -> bool {
    let same = |(raw, shard): (&RawShard, &Shard)| {
        raw.candidates.len() == shard.candidates.len() && raw.replicas.len() == shard.replicas.len()
    };
    raw.len() == shards.len() && raw.iter().zip(shards).all(same)
}

fn directory(
    path: &str,
    text: Option<&str>,
    default: &str,
    base: &Path,
    findings: &mut Findings<'_>,
) -> PathBuf {
    let text = text.unwrap_or(default);
    if text.trim().is_empty() || text.contains(char::is_control) {
        findings.report(
            path,
            "this is not a directory",
            "name one, relative to the fleet file",
        );
    }
    base.join(text)
}
