//! Reads the migration file.

use crate::base::{
    Contacts, Diagnostic, Diagnostics, Digest, Findings, Ident, MigrationName, Period, Source,
    read_toml,
};
use crate::migration::lint::{RULES, RuleName, Waiver};
use crate::migration::model::{Chunks, Invariant, Migration, Operation, UserTriggers, Versions};
use crate::migration::raw::{RawChunks, RawInvariant, RawMigration};
use crate::migration::{client, columns, conflicts, pgroll, runbook, section};
use std::collections::BTreeSet;
use std::path::Path;

/// A checked migration, and where each of its keys stands.
#[derive(Clone, Debug)]
pub struct LoadedMigration {
    /// The migration.
    pub migration: Migration,
    /// The place of every key, for later findings.
    pub source: Source,
    /// Whom to call. Not part of what is approved: a number that is mended at
    /// night must not void an approval.
    pub contacts: Contacts,
    /// What to do when, in Markdown. Not part of what is approved either.
    pub runbook: Option<String>,
    /// The text that says all this, as our files do.
    pub text: String,
}

/// Reads and checks a migration file, and the runbook that it names.
///
/// # Errors
/// Every mistake in it, each with its place.
pub fn load(path: &Path) -> Result<LoadedMigration, Diagnostics> {
    let (raw, mut loaded) = read(path)?;
    if let Some(named) = &raw.runbook {
        let folder = path.parent().unwrap_or(Path::new(""));
        let text = runbook::read(&folder.join(named.trim()));
        let text = text.map_err(|found| {
            let (message, remedy) = found.words();
            Diagnostics::from(loaded.source.diagnostic("runbook", message, remedy))
        })?;
        loaded.runbook = Some(text);
    }
    Ok(loaded)
}

/// Reads the copy of a migration file that was kept when its rollout was
/// opened, and the copy of its runbook beside it. A way back never fails for
/// want of a runbook: one that cannot be read is left out.
///
/// # Errors
/// As [`load`].
pub fn load_kept(path: &Path, kept_runbook: &Path) -> Result<LoadedMigration, Diagnostics> {
    let (_, mut loaded) = read(path)?;
    loaded.runbook = runbook::read(kept_runbook).ok();
    Ok(loaded)
}

fn read(path: &Path) -> Result<(RawMigration, LoadedMigration), Diagnostics> {
    let text =
        std::fs::read_to_string(path).map_err(|error| Diagnostics::unreadable(path, &error))?;
    if !pgroll::is_pgroll(path) {
        return checked(&text, path);
    }
    // What is found from here on is found in what it says, put into our words.
    let ours = pgroll::import(&text, path, "public").map_err(|found| {
        let remedy = "change the file, or write the operation as an sql operation of ours";
        Diagnostics(vec![Diagnostic::whole_file(
            path,
            found.to_string(),
            remedy,
        )])
    })?;
    checked(&ours, path)
}

/// Checks the text of a migration file; `path` is for messages only. The
/// runbook is not read.
///
/// # Errors
/// As [`load`].
pub fn parse(text: &str, path: &Path) -> Result<LoadedMigration, Diagnostics> {
    checked(text, path).map(|(_, loaded)| loaded)
}

fn checked(text: &str, path: &Path) -> Result<(RawMigration, LoadedMigration), Diagnostics> {
    let (raw, source) = read_toml::<RawMigration>(text, &path.display().to_string())?;
    let (migration, contacts) = check(&raw, &source)?;
    let loaded = LoadedMigration {
        migration,
        source,
        contacts,
        runbook: None,
        text: text.to_owned(),
    };
    Ok((raw, loaded))
}

impl Migration {
    /// Digest of everything the migration says. Comments, layout and the
    /// order of keys in the file do not count; defaults count as written out.
    pub fn plan_digest(&self) -> Digest {
        #[expect(
            clippy::expect_used,
            reason = "the model has only string keys and no float, so it always becomes JSON"
        )]
        let bytes = serde_json::to_vec(self).expect("plain data");
        Digest::of("plan/1", &[&bytes])
    }
}

fn check(raw: &RawMigration, source: &Source) -> Result<(Migration, Contacts), Diagnostics> {
    let mut findings = Findings::new(source);
    let name = match MigrationName::new(&raw.name) {
        Ok(name) => Some(name),
        Err(rule) => {
            findings.report(
                "name",
                format!("{:?} cannot be a name", raw.name),
                rule.to_string(),
            );
            None
        }
    };
    let contacts = runbook::contacts(raw, &mut findings);
    let versions = versions(raw, &mut findings);
    let triggers = [
        ("refuse", UserTriggers::Refuse),
        ("fire", UserTriggers::Fire),
    ];
    let user_triggers = match &raw.user_triggers {
        Some(text) => findings.choose("user_triggers", "choice", text, &triggers),
        None => Some(UserTriggers::Refuse),
    };
    if raw.operation.is_empty() {
        let remedy =
            "add [[operation]] with add_column, create_index, sql, …; config/examples has them all";
        findings.report("operation", "the migration does nothing", remedy);
    }
    let mut operations: Vec<(String, Operation)> = Vec::new();
    for (position, raw) in raw.operation.iter().enumerate() {
        let path = format!("operation[{}]", position + 1);
        let operation = section::operation(&path, raw, &mut findings);
        operations.extend(operation.map(|operation| (path, operation)));
    }
    // A missing operation would make others look wrong.
    if operations.len() == raw.operation.len() {
        columns::check(&operations, &mut findings);
        conflicts::check(&operations, &mut findings);
    }
    let chunks = chunks(&raw.chunks, &mut findings);
    let invariants = invariants(&raw.invariant, &mut findings);
    let clients = client::clients(&raw.client, &mut findings);
    let waivers = waivers(raw, &mut findings);
    let migration = name
        .zip(user_triggers)
        .map(|(name, user_triggers)| Migration {
            name,
            description: raw.description.trim().to_owned(),
            versions,
            user_triggers,
            operations: operations
                .into_iter()
                .map(|(_, operation)| operation)
                .collect(),
            chunks,
            invariants,
            clients,
            waivers,
        });
    findings.finish(migration.map(|migration| (migration, contacts)))
}

fn waivers(raw: &RawMigration, findings: &mut Findings<'_>) -> Vec<Waiver> {
    let rules: Vec<(&str, Option<RuleName>)> = RULES
        .iter()
        .map(|rule| (rule.name, RuleName::find(rule.name)))
        .collect();
    let mut waivers = Vec::new();
    for (place, waiver) in raw.waive.iter().enumerate() {
        let path = format!("waive[{}]", place + 1);
        let rule = findings.choose(&format!("{path}.rule"), "rule", &waiver.rule, &rules);
        let reason = waiver.reason.trim();
        if reason.is_empty() {
            let remedy = "say why, for those who read the journal";
            findings.report(&format!("{path}.reason"), "there is no reason", remedy);
        }
        let last = i64::try_from(raw.operation.len()).unwrap_or(i64::MAX);
        let operation = waiver
            .operation
            .and_then(|number| findings.number(&format!("{path}.operation"), number, 1..=last));
        waivers.extend(rule.flatten().map(|rule| Waiver {
            rule,
            operation,
            reason: reason.to_owned(),
        }));
    }
    waivers
}

fn versions(raw: &RawMigration, findings: &mut Findings<'_>) -> Versions {
    let choices = [("none", false), ("schemas", true)];
    let word = raw.versions.as_deref().unwrap_or("none");
    let schemas = findings.choose("versions", "choice", word, &choices);
    if schemas != Some(true) {
        if raw.version.is_some() {
            let remedy = "add versions = \"schemas\", or remove it";
            findings.report("version", "there are no version schemas to name", remedy);
        }
        return Versions::None;
    }
    let name = raw.version.as_ref().unwrap_or(&raw.name);
    let remedy = "give version a short name, such as \"v2\"";
    match findings.accept("version", Ident::new(name), remedy) {
        Some(version) => Versions::Schemas { version },
        None => Versions::None,
    }
}

fn chunks(raw: &RawChunks, findings: &mut Findings<'_>) -> Chunks {
    let default = Chunks::default();
    let limits = Period::from_ms(50)..=Period::from_ms(2_000);
    let target = findings.period(
        "chunks.target",
        raw.target.as_deref(),
        limits,
        default.target,
    );
    let mut count = |key: &str, value: Option<i64>, limits, default: u32| match value {
        Some(value) => findings
            .number(&format!("chunks.{key}"), value, limits)
            .unwrap_or(default),
        None => default,
    };
    let most = i64::from(default.rows_max);
    let rows_start = count("rows_start", raw.rows_start, 10..=most, default.rows_start);
    let rows_min = count("rows_min", raw.rows_min, 10..=most, default.rows_min);
    let rows_max = count("rows_max", raw.rows_max, 10..=most, default.rows_max);
    let ranges = count("ranges", raw.ranges, 1..=16, default.ranges);
    let per_second = raw.rows_per_s_max;
    let rows_per_s_max =
        per_second.and_then(|rows| findings.number("chunks.rows_per_s_max", rows, 1..=i64::MAX));
    if rows_min > rows_max {
        let message = format!("rows_min {rows_min} is above rows_max {rows_max}");
        findings.report(
            "chunks.rows_min",
            message,
            "lower rows_min or raise rows_max",
        );
    } else if !(rows_min..=rows_max).contains(&rows_start) {
        let message = format!("rows_start {rows_start} is not between rows_min and rows_max");
        let remedy = format!("choose from {rows_min} to {rows_max}");
        findings.report("chunks.rows_start", message, remedy);
    }
    Chunks {
        target,
        rows_start,
        rows_min,
        rows_max,
        ranges,
        rows_per_s_max,
    }
}

fn invariants(raw: &[RawInvariant], findings: &mut Findings<'_>) -> Vec<Invariant> {
    let mut seen = BTreeSet::new();
    let mut invariants = Vec::new();
    for (position, invariant) in raw.iter().enumerate() {
        let path = format!("invariant[{}]", position + 1);
        let name = invariant.name.trim();
        let words = (
            "an invariant",
            "invariants",
            "say in a few words what must hold",
        );
        section::named(&path, words, name, &mut seen, findings);
        section::query(&format!("{path}.sql"), &invariant.sql, findings);
        invariants.push(Invariant {
            name: name.to_owned(),
            sql: invariant.sql.trim().to_owned(),
        });
    }
    invariants
}
