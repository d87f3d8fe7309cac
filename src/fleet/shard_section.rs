//! Checks `[[ring]]`, `[[shard]]` and `[instances]`.

use crate::base::{Findings, Ident, NameError, RingName, ShardName, did_you_mean};
use crate::fleet::endpoint::parse_endpoint;
use crate::fleet::model::{Endpoint, SecretRef, Shard};
use crate::fleet::raw::{RawInstance, RawRing, RawShard};
use crate::fleet::secret_ref::{SecretRefError, parse_secret_ref};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A bad name: what it is, and the rule as the remedy.
pub(super) fn name<T>(
    path: &str,
    text: &str,
    made: Result<T, NameError>,
    findings: &mut Findings<'_>,
) -> Option<T> {
    match made {
        Ok(name) => Some(name),
        Err(rule) => {
            findings.report(path, format!("{text:?} cannot be a name"), rule.to_string());
            None
        }
    }
}

pub(super) fn rings(raw: &[RawRing], findings: &mut Findings<'_>) -> Vec<RingName> {
    let mut rings = Vec::new();
    for (position, ring) in raw.iter().enumerate() {
        let path = format!("ring[{}].name", position + 1);
        let made = RingName::new(&ring.name);
        let Some(ring) = name(&path, &ring.name, made, findings) else {
            continue;
        };
        if rings.contains(&ring) {
            let remedy = "rename one of them, or remove it";
            findings.report(
                &path,
                format!("there are two rings named \"{ring}\""),
                remedy,
            );
        } else {
            rings.push(ring);
        }
    }
    if raw.is_empty() {
        findings.report(
            "ring",
            "the fleet has no ring",
            "add [[ring]] with a name, the first to go first",
        );
    }
    rings
}

/// The shards, and that every ring has one.
pub(super) fn shards(
    raw: &[RawShard],
    rings: &[RingName],
    base: &Path,
    findings: &mut Findings<'_>,
) -> Vec<Shard> {
    if raw.is_empty() {
        let remedy = "add [[shard]], or shards = { file = \"…\" } or { command = [\"…\"] }";
        findings.report("shard", "the fleet has no shard", remedy);
        return Vec::new();
    }
    let mut seen = BTreeSet::new();
    let mut shards = Vec::new();
    for (position, raw) in raw.iter().enumerate() {
        let path = format!("shard[{}]", position + 1);
        if !seen.insert(&raw.name) {
            let message = format!("there are two shards named {:?}", raw.name);
            findings.report(
                &format!("{path}.name"),
                message,
                "rename one of them, or remove it",
            );
        }
        shards.extend(shard(&path, raw, rings, base, findings));
    }
    let used: BTreeSet<&str> = raw.iter().map(|shard| shard.ring.as_str()).collect();
    // A mistyped ring would make another look empty.
    let all_known = used
        .iter()
        .all(|used| rings.iter().any(|ring| ring.as_str() == *used));
    let empty = rings
        .iter()
        .filter(|ring| all_known && !used.contains(ring.as_str()));
    for ring in empty {
        let path = format!("ring.{ring}.name");
        let remedy = format!("give a shard ring = \"{ring}\", or remove the ring");
        findings.report(&path, format!("ring \"{ring}\" has no shard"), remedy);
    }
    shards
}

fn shard(
    path: &str,
    raw: &RawShard,
    rings: &[RingName],
    base: &Path,
    findings: &mut Findings<'_>,
) -> Option<Shard> {
    let shard_name = name(
        &format!("{path}.name"),
        &raw.name,
        ShardName::new(&raw.name),
        findings,
    );
    let ring = ring_of(path, raw, rings, findings);
    let instance = raw.instance.clone().unwrap_or_else(|| raw.name.clone());
    if raw.instance.is_some() && !is_instance_name(&instance) {
        let remedy = "use letters, digits, '.', '-' and '_', at most 64";
        let message = format!("{instance:?} cannot be the name of an instance");
        findings.report(&format!("{path}.instance"), message, remedy);
    }
    let password = raw.password.as_ref().and_then(|text| {
        let parsed = parse_secret_ref(text, base);
        findings.accept(
            &format!("{path}.password"),
            parsed,
            SecretRefError::remedy(),
        )
    });
    let mut endpoints = |key: &str, texts: &[String]| -> Vec<Endpoint> {
        let list = format!("{path}.{key}");
        self::endpoints(&list, texts, password.as_ref(), base, findings)
    };
    let candidates = endpoints("candidates", &raw.candidates);
    let replicas = endpoints("replicas", &raw.replicas);
    if raw.candidates.is_empty() {
        let remedy = "list at least one address, such as \"postgres://user@host:5432/database\"";
        let message = format!("shard {:?} has no address", raw.name);
        findings.report(&format!("{path}.candidates"), message, remedy);
    }
    kinds(path, raw, &candidates, &replicas, findings);
    let ddl_role = raw.ddl_role.as_ref().and_then(|role| {
        let remedy = "write the role as the database spells it";
        findings.accept(&format!("{path}.ddl_role"), Ident::new(role), remedy)
    });
    Some(Shard {
        name: shard_name?,
        ring: ring?,
        instance,
        candidates,
        replicas,
        labels: raw.labels.clone(),
        ddl_role,
    })
}

fn ring_of(
    path: &str,
    raw: &RawShard,
    rings: &[RingName],
    findings: &mut Findings<'_>,
) -> Option<RingName> {
    if let Some(ring) = rings.iter().find(|ring| ring.as_str() == raw.ring) {
        return Some(ring.clone());
    }
    if rings.is_empty() {
        // Reported once, for the fleet.
        return None;
    }
    let known = || rings.iter().map(RingName::as_str);
    let list: Vec<&str> = known().collect();
    let guess = did_you_mean(&raw.ring, known());
    findings.report(
        &format!("{path}.ring"),
        format!(
            "shard {:?} is in ring {:?}, which does not exist",
            raw.name, raw.ring
        ),
        format!("{guess}the rings of this fleet are: {}", list.join(", ")),
    );
    None
}

fn is_instance_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    !text.is_empty() && text.len() <= 64 && text.chars().all(plain)
}

fn endpoints(
    list: &str,
    texts: &[String],
    password: Option<&SecretRef>,
    base: &Path,
    findings: &mut Findings<'_>,
) -> Vec<Endpoint> {
    let mut endpoints = Vec::new();
    for (position, text) in texts.iter().enumerate() {
        let path = format!("{list}[{}]", position + 1);
        match parse_endpoint(text, base) {
            Ok(Endpoint::Postgres(mut endpoint)) => {
                endpoint.password = password.cloned();
                endpoints.push(Endpoint::Postgres(endpoint));
            }
            Ok(endpoint) => endpoints.push(endpoint),
            Err(error) => findings.report(&path, error.to_string(), error.remedy()),
        }
    }
    endpoints
}

/// One kind and one database name per shard; SQLite has one file, files that
/// follow it, and neither roles nor passwords.
fn kinds(
    path: &str,
    raw: &RawShard,
    candidates: &[Endpoint],
    replicas: &[Endpoint],
    findings: &mut Findings<'_>,
) {
    let all = || candidates.iter().chain(replicas);
    let sqlite = all()
        .filter(|endpoint| matches!(endpoint, Endpoint::Sqlite(_)))
        .count();
    if sqlite > 0 && sqlite < all().count() {
        findings.report(
            &format!("{path}.candidates"),
            format!("shard {:?} mixes PostgreSQL and SQLite", raw.name),
            "a shard is one database; make two shards of it",
        );
        return;
    }
    if sqlite > 0 {
        let files = candidates.len();
        if files > 1 {
            let message = format!("shard {:?} is in SQLite and names {files} files", raw.name);
            let remedy = "an SQLite shard is exactly one file; a file that follows it is a replica";
            findings.report(&format!("{path}.candidates"), message, remedy);
        }
        if replicas.iter().any(|replica| candidates.contains(replica)) {
            // Its own heartbeat would always look fresh.
            let message = format!("shard {:?} names its own file as its replica", raw.name);
            let remedy = "name the file that follows it, or remove the line";
            findings.report(&format!("{path}.replicas"), message, remedy);
        }
        let given = [
            ("password", raw.password.is_some()),
            ("ddl_role", raw.ddl_role.is_some()),
        ];
        for (key, _) in given.iter().filter(|(_, given)| *given) {
            let message = format!("SQLite knows no {key}");
            findings.report(&format!("{path}.{key}"), message, "remove the line");
        }
        return;
    }
    let database = |endpoint: &Endpoint| match endpoint {
        Endpoint::Postgres(endpoint) => Some(endpoint.database.clone()),
        Endpoint::Sqlite(_) => None,
    };
    let names: BTreeSet<String> = all().filter_map(database).collect();
    if names.len() > 1 {
        let names: Vec<String> = names.into_iter().collect();
        let message = format!(
            "shard {:?} names several databases: {}",
            raw.name,
            names.join(", ")
        );
        let remedy = "candidates and replicas are copies of one database, so its name is the same in all of them";
        findings.report(&format!("{path}.candidates"), message, remedy);
    }
}

/// Caps; every one must concern a shard, or it protects nobody. `shards` is
/// `None` where the list could not be read.
pub(super) fn instances(
    raw: &BTreeMap<String, RawInstance>,
    shards: Option<&[RawShard]>,
    findings: &mut Findings<'_>,
) -> BTreeMap<String, u32> {
    let name = |shard: &RawShard| shard.instance.clone().unwrap_or_else(|| shard.name.clone());
    let used: Option<BTreeSet<String>> = shards.map(|shards| shards.iter().map(name).collect());
    let mut caps = BTreeMap::new();
    for (instance, settings) in raw {
        let path = format!("instances.{instance}");
        let max_running = settings.max_running;
        let cap = findings.number(&format!("{path}.max_running"), max_running, 1..=1_000);
        caps.extend(cap.map(|cap| (instance.clone(), cap)));
        if let Some(used) = used.as_ref().filter(|used| !used.contains(instance)) {
            let guess = did_you_mean(instance, used.iter().map(String::as_str));
            let message =
                format!("no shard is on instance {instance:?}, so this cap limits nothing");
            let remedy = format!(
                "{guess}use the name that the shards give as instance, or remove the section"
            );
            findings.report(&path, message, remedy);
        }
    }
    caps
}
