//! Checks constraints as migration files write them.

use super::{column, expression, table};
use crate::base::{Findings, Ident};
use crate::migration::model::{
    Deferral, ForeignKey, ForeignKeyAction, KeyRule, Rule, TableConstraint,
};
use crate::migration::raw_operation::{RawConstraint, RawForeignKey, RawKey};

const ACTIONS: [(&str, ForeignKeyAction); 5] = [
    ("no_action", ForeignKeyAction::NoAction),
    ("restrict", ForeignKeyAction::Restrict),
    ("cascade", ForeignKeyAction::Cascade),
    ("set_null", ForeignKeyAction::SetNull),
    ("set_default", ForeignKeyAction::SetDefault),
];
const DEFERRALS: [(&str, Deferral); 2] = [
    ("initially_immediate", Deferral::InitiallyImmediate),
    ("initially_deferred", Deferral::InitiallyDeferred),
];

/// A list of columns.
pub(super) fn columns(path: &str, raw: &[String], findings: &mut Findings<'_>) -> Vec<Ident> {
    let read = |name: &String| column(path, name, findings);
    raw.iter().filter_map(read).collect()
}

/// A constraint over an existing table: it needs a name, for the way back
/// goes by it. Without columns it is over `own`.
pub(super) fn named(
    path: &str,
    raw: &RawConstraint,
    own: &[Ident],
    findings: &mut Findings<'_>,
) -> Option<TableConstraint> {
    if raw.name.is_none() {
        let remedy = "add name = \"…\": a roll back finds the constraint by it";
        findings.report(
            &format!("{path}.name"),
            "this constraint has no name",
            remedy,
        );
    }
    if raw.exclude.is_some() {
        findings.report(
            &format!("{path}.exclude"),
            "an exclusion constraint cannot be added to a table without blocking its writers",
            "create a new table with it, or use an sql operation in a quiet hour",
        );
    }
    constraint(path, raw, own, findings)
}

/// A constraint.
pub(super) fn constraint(
    path: &str,
    raw: &RawConstraint,
    own: &[Ident],
    findings: &mut Findings<'_>,
) -> Option<TableConstraint> {
    let name = raw.name.as_ref();
    let name = name.and_then(|name| column(&format!("{path}.name"), name, findings));
    let mut rules = Vec::new();
    let keys = [("primary_key", &raw.primary_key), ("unique", &raw.unique)];
    for (word, key) in keys {
        let Some(raw) = key else { continue };
        let key = key_rule(&format!("{path}.{word}"), raw, own, findings);
        rules.push(match word {
            "unique" => Rule::Unique(key),
            _ => Rule::PrimaryKey(key),
        });
    }
    if let Some(check) = &raw.check {
        expression(
            &format!("{path}.check.expression"),
            &check.expression,
            findings,
        );
        rules.push(Rule::Check {
            expression: check.expression.clone(),
            no_inherit: check.no_inherit,
        });
    }
    if let Some(key) = &raw.foreign_key {
        let path = format!("{path}.foreign_key");
        rules.extend(foreign_key(&path, key, own, findings).map(Rule::ForeignKey));
    }
    if let Some(exclude) = &raw.exclude {
        let path = format!("{path}.exclude");
        let method = column(&format!("{path}.method"), &exclude.method, findings)?;
        expression(&format!("{path}.elements"), &exclude.elements, findings);
        super::optional(
            &format!("{path}.where"),
            exclude.predicate.as_ref(),
            findings,
        );
        rules.push(Rule::Exclude {
            method,
            elements: exclude.elements.clone(),
            predicate: exclude.predicate.clone(),
        });
    }
    if rules.len() != 1 {
        findings.report(
            path,
            format!("a constraint has one rule, this one has {}", rules.len()),
            "write one of primary_key, unique, check, foreign_key, exclude",
        );
    }
    let rule = rules.pop()?;
    Some(TableConstraint { name, rule })
}

fn over(path: &str, raw: &[String], own: &[Ident], findings: &mut Findings<'_>) -> Vec<Ident> {
    let path = format!("{path}.columns");
    if raw.is_empty() && own.is_empty() {
        findings.report(&path, "this key has no column", "write columns = [\"…\"]");
    }
    match raw.is_empty() {
        true => own.to_vec(),
        false => columns(&path, raw, findings),
    }
}

fn key_rule(path: &str, raw: &RawKey, own: &[Ident], findings: &mut Findings<'_>) -> KeyRule {
    super::optional(&format!("{path}.with"), raw.with.as_ref(), findings);
    KeyRule {
        columns: over(path, &raw.columns, own, findings),
        include: columns(&format!("{path}.include"), &raw.include, findings),
        nulls_not_distinct: raw.nulls_not_distinct,
        with: raw.with.clone(),
        deferral: deferral(path, raw.deferrable.as_ref(), findings),
    }
}

fn deferral(path: &str, raw: Option<&String>, findings: &mut Findings<'_>) -> Deferral {
    let path = format!("{path}.deferrable");
    let chosen = raw.and_then(|word| findings.choose(&path, "choice", word, &DEFERRALS));
    chosen.unwrap_or_default()
}

fn foreign_key(
    path: &str,
    raw: &RawForeignKey,
    own: &[Ident],
    findings: &mut Findings<'_>,
) -> Option<ForeignKey> {
    let mut action = |key: &str, raw: Option<&String>| {
        let path = format!("{path}.{key}");
        let chosen = raw.and_then(|word| findings.choose(&path, "action", word, &ACTIONS));
        chosen.unwrap_or_default()
    };
    let (on_delete, on_update) = (
        action("on_delete", raw.on_delete.as_ref()),
        action("on_update", raw.on_update.as_ref()),
    );
    let key = ForeignKey {
        columns: over(path, &raw.columns, own, findings),
        table: table(path, &raw.table, findings)?,
        referenced: columns(&format!("{path}.referenced"), &raw.referenced, findings),
        on_delete,
        on_delete_set: columns(
            &format!("{path}.on_delete_set"),
            &raw.on_delete_set,
            findings,
        ),
        on_update,
        match_full: raw.match_full,
        deferral: deferral(path, raw.deferrable.as_ref(), findings),
    };
    if key.columns.len() != key.referenced.len() {
        findings.report(
            &format!("{path}.referenced"),
            format!(
                "{} columns point to {} columns",
                key.columns.len(),
                key.referenced.len()
            ),
            "name as many columns of the other table, in the same order",
        );
    }
    Some(key)
}
