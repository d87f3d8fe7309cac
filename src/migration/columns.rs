//! Checks the operations against each other: what one adds, another may fill.

use crate::base::{Findings, Ident};
use crate::migration::model::{AddColumn, Backfill, Operation, TableName};
use std::collections::{BTreeMap, BTreeSet};

/// `operations` are those of the file, each with its path.
pub(super) fn check(operations: &[(String, Operation)], findings: &mut Findings<'_>) {
    let mut added: BTreeMap<(&TableName, &Ident), &AddColumn> = BTreeMap::new();
    let mut replaced: BTreeSet<(&TableName, &Ident)> = BTreeSet::new();
    for (path, operation) in operations {
        let Operation::AddColumn(add) = operation else {
            continue;
        };
        if added.insert((&add.table, &add.column), add).is_some() {
            findings.report(
                &format!("{path}.column.name"),
                format!("column {} is added twice", add.column),
                "remove one of the two operations",
            );
        }
        for old in add.down.keys() {
            if !replaced.insert((&add.table, old)) {
                let message = format!("two operations replace column {old}");
                let remedy = "let down of one operation compute it";
                findings.report(&format!("{path}.down.{}", old.as_str()), message, remedy);
            }
        }
    }
    let mut filled = BTreeSet::new();
    for (path, operation) in operations {
        match operation {
            Operation::AddColumn(add) => replaces_new(path, add, &added, findings),
            Operation::Backfill(backfill) => {
                fills(path, backfill, &added, &mut filled, findings);
            }
            _ => {}
        }
    }
}

type Added<'a> = BTreeMap<(&'a TableName, &'a Ident), &'a AddColumn>;

fn replaces_new(path: &str, add: &AddColumn, added: &Added<'_>, findings: &mut Findings<'_>) {
    for old in add.down.keys().filter(|old| **old != add.column) {
        if added.contains_key(&(&add.table, old)) {
            let message = format!("down computes {old}, which this migration adds");
            let remedy = "down names columns that were there before";
            findings.report(&format!("{path}.down.{}", old.as_str()), message, remedy);
        }
    }
}

fn fills<'a>(
    path: &str,
    backfill: &'a Backfill,
    added: &Added<'_>,
    filled: &mut BTreeSet<(&'a TableName, &'a Ident)>,
    findings: &mut Findings<'_>,
) {
    for column in backfill.set.keys() {
        let path = format!("{path}.set.{}", column.as_str());
        match added.get(&(&backfill.table, column)) {
            None => findings.report(
                &path,
                format!("column {column} is not added by this migration, so its old values would be lost"),
                "overwriting data demands a table snapshot, which this version cannot take; add a new column and fill that",
            ),
            Some(add) if add.up.is_some() => findings.report(
                &path,
                format!("column {column} is already filled by the up of its add_column"),
                "remove it here, or remove up there",
            ),
            Some(_) => {
                if !filled.insert((&backfill.table, column)) {
                    let message = format!("column {column} is filled by two operations");
                    findings.report(&path, message, "remove one of the two");
                }
            }
        }
    }
}
