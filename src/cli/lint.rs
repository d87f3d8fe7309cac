//! `lint`: hazards of migration files, before anybody connects anywhere.

use super::args::LintCli;
use super::exit::{Ended, Exit, pretty};
use super::prepare::{Job, load_migration};
use crate::fleet::Endpoint;
use crate::migration::LoadedMigration;
use crate::migration::lint::{Finding, RULES, Weight, lint};
use serde::Serialize;
use std::fmt::Write as _;

/// One finding, for programs.
#[derive(Serialize)]
pub(super) struct Found {
    file: String,
    line: usize,
    column: usize,
    rule: &'static str,
    weight: Weight,
    /// Counted from 1; 0 for the migration as a whole.
    operation: usize,
    subject: String,
    what: &'static str,
    safe: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    waived: Option<String>,
}

#[derive(Serialize)]
struct Report {
    findings: Vec<Found>,
    hazards: usize,
    waived: usize,
    advice: usize,
}

/// Looks at every file; a file that cannot be read ends it.
///
/// # Errors
/// Mistakes in a file.
pub fn run(args: &LintCli) -> Result<(String, Exit), Ended> {
    if args.rules {
        return Ok((rules(args.json)?, Exit::Done));
    }
    let mut all = Vec::new();
    for file in &args.files {
        let loaded = load_migration(file)?;
        let findings = lint(&loaded.migration);
        all.extend(
            findings
                .into_iter()
                .map(|finding| (loaded.clone(), finding)),
        );
    }
    let forbids = all.iter().any(|(_, finding)| finding.forbids());
    let exit = if forbids { Exit::Refused } else { Exit::Done };
    let text = if args.json { json(&all)? } else { text(&all) };
    Ok((text, exit))
}

/// What the lint has to say about one migration, for `plan`.
pub(super) fn found(loaded: &LoadedMigration) -> Vec<Found> {
    let findings = lint(&loaded.migration);
    findings.iter().map(|f| for_programs(loaded, f)).collect()
}

/// The same in words; empty if there is nothing.
pub(super) fn told(loaded: &LoadedMigration) -> String {
    let findings = lint(&loaded.migration);
    let told = findings.iter().map(|finding| sentence(loaded, finding));
    told.collect()
}

/// Refuses a migration with a hazard that nobody has waived. The rules are
/// PostgreSQL's: a fleet of SQLite files alone knows none of its locks.
///
/// # Errors
/// Every such hazard.
pub(super) fn allows(job: &Job) -> Result<(), Ended> {
    let mut endpoints = job.fleet.fleet.shards.iter().flat_map(|s| &s.candidates);
    if !endpoints.any(|endpoint| matches!(endpoint, Endpoint::Postgres(_))) {
        return Ok(());
    }
    let findings = lint(&job.migration.migration);
    let hazards: Vec<String> = findings
        .iter()
        .filter(|finding| finding.forbids())
        .map(|finding| sentence(&job.migration, finding))
        .collect();
    if hazards.is_empty() {
        return Ok(());
    }
    let text = format!(
        "{}no rollout was opened; nothing was touched: write the safe form, or waive the rule in the migration with [[waive]], rule and reason",
        hazards.concat()
    );
    Err(Ended::new(Exit::Refused, text))
}

fn for_programs(loaded: &LoadedMigration, finding: &Finding) -> Found {
    let at = loaded.source.at(&finding.key);
    Found {
        file: at.file,
        line: at.line,
        column: at.column,
        rule: finding.rule.name,
        weight: finding.rule.weight,
        operation: finding.operation,
        subject: finding.subject.clone(),
        what: finding.rule.what,
        safe: finding.rule.safe,
        waived: finding.waived.clone(),
    }
}

/// A place, what is found there, and the safe form or why it is waived.
fn sentence(loaded: &LoadedMigration, finding: &Finding) -> String {
    let rule = finding.rule;
    let word = match (&finding.waived, rule.weight) {
        (Some(_), _) => "waived",
        (None, Weight::Hazard) => "hazard",
        (None, Weight::Advice) => "advice",
    };
    let help = match &finding.waived {
        Some(reason) => format!("waived: {reason}"),
        None => rule.safe.to_owned(),
    };
    let message = format!("{word} {}: {} {}", rule.name, finding.subject, rule.what);
    let mut diagnostic = loaded.source.diagnostic(&finding.key, message, help);
    // The subject says which statement; a whole text would bury it.
    diagnostic.excerpt = None;
    format!("{diagnostic}\n\n")
}

fn text(all: &[(LoadedMigration, Finding)]) -> String {
    let mut out: String = all
        .iter()
        .map(|(l, finding)| sentence(l, finding))
        .collect();
    let (hazards, waived, advice) = counts(all);
    let _ = writeln!(
        out,
        "hazards: {hazards}, waived: {waived}, advice: {advice}"
    );
    out
}

/// Hazards that forbid, what is waived, advice.
fn counts(all: &[(LoadedMigration, Finding)]) -> (usize, usize, usize) {
    let waived = all.iter().filter(|(_, f)| f.waived.is_some()).count();
    let hazards = all.iter().filter(|(_, f)| f.forbids()).count();
    (hazards, waived, all.len() - hazards - waived)
}

fn json(all: &[(LoadedMigration, Finding)]) -> Result<String, Ended> {
    let (hazards, waived, advice) = counts(all);
    pretty(&Report {
        findings: all.iter().map(|(l, f)| for_programs(l, f)).collect(),
        hazards,
        waived,
        advice,
    })
}

#[derive(Serialize)]
struct Listed {
    rule: &'static str,
    weight: Weight,
    what: &'static str,
    safe: &'static str,
}

fn rules(as_json: bool) -> Result<String, Ended> {
    if as_json {
        let listed = RULES.iter().map(|rule| Listed {
            rule: rule.name,
            weight: rule.weight,
            what: rule.what,
            safe: rule.safe,
        });
        return pretty(&listed.collect::<Vec<_>>());
    }
    let mut out = String::new();
    for rule in RULES {
        let weight = match rule.weight {
            Weight::Hazard => "hazard",
            Weight::Advice => "advice",
        };
        let _ = writeln!(
            out,
            "{weight}  {}\n        {}\n        {}",
            rule.name, rule.what, rule.safe
        );
    }
    Ok(out)
}
