//! Finds shards that share a database: a migration would run there twice.

use crate::base::Findings;
use crate::fleet::endpoint::is_loopback;
use crate::fleet::model::{Endpoint, Shard};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// One database, however it is spelled.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Server {
        host: String,
        port: u16,
        database: String,
    },
    File(PathBuf),
}

fn place(endpoint: &Endpoint) -> Place {
    match endpoint {
        Endpoint::Postgres(endpoint) => {
            let host = endpoint.host.trim_end_matches('.');
            Place::Server {
                host: match is_loopback(host) {
                    true => "localhost".to_owned(),
                    false => host.to_owned(),
                },
                port: endpoint.port,
                database: endpoint.database.clone(),
            }
        }
        // Two names of one file are one file, if it is there already.
        Endpoint::Sqlite(path) => {
            Place::File(std::fs::canonicalize(path).unwrap_or_else(|_| path.clone()))
        }
    }
}

/// Reports every address that names a database of another shard, and every
/// address given twice among the candidates of one shard.
pub(super) fn overlaps(shards: &[Shard], findings: &mut Findings<'_>) {
    let mut owners: BTreeMap<Place, (usize, String)> = BTreeMap::new();
    for (position, shard) in shards.iter().enumerate() {
        let number = position + 1;
        let mut own: Vec<(Place, String)> = Vec::new();
        for (key, endpoints) in [
            ("candidates", &shard.candidates),
            ("replicas", &shard.replicas),
        ] {
            for (index, endpoint) in endpoints.iter().enumerate() {
                let path = format!("shard[{number}].{key}[{}]", index + 1);
                let place = place(endpoint);
                if let Some((owner, other)) = owners.get(&place) {
                    let owner = &shards[*owner].name;
                    let other = findings.source().at(other);
                    let message = format!(
                        "shards \"{owner}\" and \"{}\" are in the same database",
                        shard.name
                    );
                    findings.report(
                        &path,
                        message,
                        format!("a migration would run there twice; correct one of the addresses (the other is at {other}), or remove one of the shards"),
                    );
                } else if key == "candidates" && own.iter().any(|(other, _)| *other == place) {
                    let message = format!("shard \"{}\" names this database twice", shard.name);
                    findings.report(&path, message, "remove one of the two addresses");
                }
                own.push((place, path));
            }
        }
        for (place, path) in own {
            owners.entry(place).or_insert((position, path));
        }
    }
}
