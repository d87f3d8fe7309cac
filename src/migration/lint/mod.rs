//! What is dangerous or regretted later in a migration, as far as can be seen
//! without a database.
//!
//! Operations compile to their safe form by themselves; so hazards are found
//! in statements written by hand, and advice in both.

mod columns;
mod rule;
mod statements;

pub use rule::{RULES, Rule, RuleName, Weight};

use super::{Migration, Operation, Sql, SqlStage};
use serde::{Deserialize, Serialize};

/// A rule that does not hold for this migration, or for one operation of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiver {
    /// Which.
    pub rule: RuleName,
    /// The operation, counted from 1; all of them if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<usize>,
    /// Why; it stands in the journal.
    pub reason: String,
}

impl Waiver {
    fn covers(&self, rule: &Rule, operation: usize) -> bool {
        self.rule.rule() == rule && self.operation.is_none_or(|number| number == operation)
    }
}

/// One breach of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which rule.
    pub rule: &'static Rule,
    /// Where in the migration file.
    pub key: String,
    /// The operation, counted from 1; 0 for the migration as a whole.
    pub operation: usize,
    /// What it is about, and its line where it is a statement.
    pub subject: String,
    /// Why it is waived, if it is.
    pub waived: Option<String>,
}

impl Finding {
    /// Whether no rollout may be opened with it.
    pub fn forbids(&self) -> bool {
        self.rule.weight == Weight::Hazard && self.waived.is_none()
    }
}

/// Everything that is found, in the order of the file.
pub fn lint(migration: &Migration) -> Vec<Finding> {
    let mut found = Vec::new();
    for (place, operation) in migration.operations.iter().enumerate() {
        let before = &migration.operations[..place];
        let breaches = match operation {
            Operation::Sql(sql) => in_statements(before, sql),
            other => columns::advice(other),
        };
        found.extend(breaches.into_iter().map(|breach| Finding {
            waived: waived(migration, breach.rule, place + 1),
            rule: breach.rule,
            key: format!("operation[{}].{}", place + 1, breach.key),
            operation: place + 1,
            subject: breach.subject,
        }));
    }
    found.extend(unused(migration, &found));
    found
}

/// What the parts of the lint find.
struct Breach {
    rule: &'static Rule,
    /// Within the operation.
    key: &'static str,
    subject: String,
}

impl Breach {
    /// `None` for a rule that the list does not have.
    fn of(rule: &str, key: &'static str, subject: impl Into<String>) -> Option<Self> {
        Some(Self {
            rule: RuleName::find(rule)?.rule(),
            key,
            subject: subject.into(),
        })
    }
}

fn in_statements(before: &[Operation], sql: &Sql) -> Vec<Breach> {
    let drops = |breach: &Breach| breach.rule.name.starts_with("ban-drop-");
    let mut found = statements::breaches("up", before, sql);
    // What goes with the old form has waited for it.
    found.retain(|breach| sql.at == SqlStage::Expand || !drops(breach));
    if sql.down.is_some() {
        let mut back = statements::breaches("down", before, sql);
        // A way back takes away what the way there has made.
        back.retain(|breach| !drops(breach));
        found.extend(back);
    }
    found
}

fn waived(migration: &Migration, rule: &Rule, operation: usize) -> Option<String> {
    let mut waivers = migration.waivers.iter();
    let waiver = waivers.find(|waiver| waiver.covers(rule, operation));
    waiver.map(|waiver| waiver.reason.clone())
}

/// A waiver that waives nothing hides the next hazard of its kind.
fn unused(migration: &Migration, found: &[Finding]) -> Vec<Finding> {
    let is_used = |waiver: &Waiver| {
        let covers = |finding: &Finding| waiver.covers(finding.rule, finding.operation);
        found.iter().any(covers)
    };
    let waivers = migration.waivers.iter().enumerate();
    let unused = waivers.filter(|(_, waiver)| !is_used(waiver));
    let findings = unused.filter_map(|(place, waiver)| {
        Some(Finding {
            rule: RuleName::find("unused-waiver")?.rule(),
            key: format!("waive[{}].rule", place + 1),
            operation: 0,
            subject: format!("the waiver of {}", waiver.rule.rule().name),
            waived: None,
        })
    });
    findings.collect()
}
