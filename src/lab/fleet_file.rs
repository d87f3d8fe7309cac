//! The fleet file of a lab, and the little that a writer needs to read back.

use super::sql::DATABASE;
use super::{LabError, LabRecord, Layout, ServerAddress};
use crate::base::{ShardName, Untrusted};
use serde::Deserialize;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Short soaks: a lab is for watching a rollout, not for waiting.
const HEAD: &str = r#"# The fleet of a throw-away lab, written by `pilothouse lab up`.
name = "lab"
store = "store"

[environment]
name = "lab"
production = false

[policy]
after = "verify"
soak = "2s"
max_failed_shards = 0
quiet = "3s"

[policy.shift]
steps = [1, 10, 50, 100]
soak = "2s"

[throttle]
poll = "250ms"
replica_lag = "5s"

[flags]
directory = "flags"
"#;

/// Rings in their order.
const RINGS: [&str; 3] = ["canary", "early", "broad"];

/// The text of `fleet.toml`: every value is one of ours, so nothing in it
/// needs quoting.
pub(super) fn text(record: &LabRecord) -> String {
    let mut text = HEAD.to_owned();
    let shards: Vec<&str> = record.shards().collect();
    for ring in RINGS.iter().take(shards.len()) {
        add(&mut text, format_args!("\n[[ring]]\nname = \"{ring}\"\n"));
    }
    for (place, shard) in shards.iter().enumerate() {
        let servers = record
            .servers
            .iter()
            .filter(|server| server.shard == *shard);
        let urls: Vec<(bool, String)> = servers
            .map(|server| {
                let url = ServerAddress::local(server.port, DATABASE).url("migrator");
                (server.follows.is_some(), format!("\"{url}\""))
            })
            .collect();
        // A standby may become the primary, so it is a candidate as well.
        let candidates: Vec<&str> = urls.iter().map(|(_, url)| url.as_str()).collect();
        let replicas = urls.iter().filter(|(follows, _)| *follows);
        let replicas: Vec<&str> = replicas.map(|(_, url)| url.as_str()).collect();
        add(
            &mut text,
            format_args!(
                "\n[[shard]]\nname = \"{shard}\"\nring = \"{}\"\ninstance = \"{shard}\"\n\
                 candidates = [{}]\nreplicas = [{}]\nddl_role = \"owner\"\n",
                ring_of(place, shards.len()),
                candidates.join(", "),
                replicas.join(", "),
            ),
        );
    }
    text
}

fn add(text: &mut String, piece: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = text.write_fmt(piece);
}

/// The first shard is the canary, the next third is early, the rest broad.
fn ring_of(place: usize, shards: usize) -> &'static str {
    match place {
        0 => RINGS[0],
        _ if place <= shards.div_ceil(3) => RINGS[1],
        _ => RINGS[2],
    }
}

/// What a writer needs to know of a fleet file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardAddresses {
    /// Where the shard's primary may be.
    pub candidates: Vec<ServerAddress>,
    /// Directory of the flags.
    pub flags: PathBuf,
}

// Only what is named here is read; the fleet room checks the whole file.
#[derive(Deserialize)]
struct FleetPart {
    flags: FlagsPart,
    #[serde(default)]
    shard: Vec<ShardPart>,
}

#[derive(Deserialize)]
struct FlagsPart {
    directory: PathBuf,
}

#[derive(Deserialize)]
struct ShardPart {
    name: ShardName,
    candidates: Vec<String>,
}

/// Reads one shard of a lab's fleet file.
pub fn read_shard(path: &Path, shard: &ShardName) -> Result<ShardAddresses, LabError> {
    let malformed = |why: String| LabError::Malformed {
        path: path.to_owned(),
        why: Untrusted::new(why),
    };
    let text = fs::read_to_string(path).map_err(LabError::io("read", path))?;
    let fleet: FleetPart = toml::from_str(&text).map_err(|why| malformed(why.to_string()))?;
    let found = fleet.shard.into_iter().find(|part| part.name == *shard);
    let found = found.ok_or_else(|| malformed(format!("it has no shard {shard}")))?;
    let candidates: Result<Vec<_>, _> = found.candidates.iter().map(|url| url.parse()).collect();
    let layout = Layout::new(path.parent().unwrap_or(Path::new(".")));
    Ok(ShardAddresses {
        candidates: candidates
            .map_err(|why: super::AddressError| malformed(format!("shard {shard}: {why}")))?,
        flags: layout.root().join(fleet.flags.directory),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::lab::{LabSpec, build};

    #[test]
    fn the_file_has_rings_candidates_and_replicas() {
        let dir = tempfile::tempdir().unwrap();
        let spec = LabSpec::new(dir.path()).shards(5).standbys(1);
        let ports: Vec<u16> = (20_000..20_010).collect();
        let record = LabRecord {
            servers: build::name_servers(&spec, &ports),
            spec,
            made_directory: false,
        };
        let written = text(&record);
        let value: toml::Value = toml::from_str(&written).unwrap();
        let rings: Vec<&str> = value["shard"]
            .as_array()
            .unwrap()
            .iter()
            .map(|shard| shard["ring"].as_str().unwrap())
            .collect();
        assert_eq!(rings, ["canary", "early", "early", "broad", "broad"]);
        assert_eq!(value["ring"].as_array().unwrap().len(), 3);
        assert_eq!(
            value["shard"][0]["replicas"][0].as_str(),
            Some("postgres://migrator@127.0.0.1:20005/shop")
        );

        let path = dir.path().join("fleet.toml");
        std::fs::write(&path, written).unwrap();
        let found = read_shard(&path, &ShardName::new("s02").unwrap()).unwrap();
        assert_eq!(found.candidates[0], ServerAddress::local(20_001, "shop"));
        assert_eq!(found.candidates[1], ServerAddress::local(20_006, "shop"));
        assert_eq!(found.flags, dir.path().join("flags"));
        assert!(read_shard(&path, &ShardName::new("s09").unwrap()).is_err());
    }

    #[test]
    fn a_small_lab_names_only_the_rings_it_has() {
        let spec = LabSpec::new("/lab").shards(2);
        let record = LabRecord {
            servers: build::name_servers(&spec, &[1, 2]),
            spec,
            made_directory: false,
        };
        let value: toml::Value = toml::from_str(&text(&record)).unwrap();
        assert_eq!(value["ring"].as_array().unwrap().len(), 2);
        assert_eq!(value["shard"][1]["ring"].as_str(), Some("early"));
    }
}
