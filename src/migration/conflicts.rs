//! Operations that contradict each other: what one takes away or renames, no
//! other may work on. Everything is named as it is before the migration.

use crate::base::{Findings, Ident};
use crate::migration::index::KeyOf;
use crate::migration::model::{Operation, TableName};
use std::collections::BTreeMap;

/// What an operation names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Thing<'a> {
    Table(&'a TableName),
    Column(&'a TableName, &'a Ident),
    Constraint(&'a TableName, &'a Ident),
    Index(&'a TableName),
}

impl Thing<'_> {
    fn plain(&self) -> String {
        match self {
            Self::Table(table) => format!("table {}", table.plain()),
            Self::Column(table, column) => {
                format!("column {} of {}", column.as_str(), table.plain())
            }
            Self::Constraint(table, name) => {
                format!("constraint {} of {}", name.as_str(), table.plain())
            }
            Self::Index(index) => format!("index {}", index.plain()),
        }
    }
}

/// How an operation uses what it names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    /// It is gone afterwards, or is another one.
    Takes(&'static str),
    /// It is made anew beside itself; it may have another name afterwards.
    Remakes,
    /// It has another name afterwards.
    Renames,
    /// It must be there.
    Works,
}

const REPLACES: &str = "replaces";

/// `operations` are those of the file, each with its path.
pub(super) fn check(operations: &[(String, Operation)], findings: &mut Findings<'_>) {
    let mut uses: BTreeMap<Thing<'_>, Vec<(usize, Use)>> = BTreeMap::new();
    for (place, (_, operation)) in operations.iter().enumerate() {
        for (thing, how) in of(operation) {
            uses.entry(thing).or_default().push((place, how));
        }
    }
    for (thing, uses) in &uses {
        if let Some((place, by, what)) = contradiction(uses) {
            let message = format!(
                "operation {} {what} {}, which operation {} works on too",
                by + 1,
                thing.plain(),
                place + 1,
            );
            let remedy = "do the two in migrations of their own, or say both in one operation";
            findings.report(&operations[place].0, message, remedy);
        }
    }
}

/// The place of an operation, that of the one in its way, and what that does.
fn contradiction(uses: &[(usize, Use)]) -> Option<(usize, usize, &'static str)> {
    for (by, how) in uses {
        let (what, allowed): (_, fn(Use) -> bool) = match how {
            // Two that replace one column are told so more plainly elsewhere.
            Use::Takes(REPLACES) => (REPLACES, |other| other == Use::Takes(REPLACES)),
            Use::Takes(what) => (*what, |_| false),
            Use::Remakes => ("makes a new form of", |other| other == Use::Renames),
            Use::Renames => ("renames", |other| other != Use::Renames),
            Use::Works => continue,
        };
        let others = uses.iter().filter(|(place, _)| place != by);
        if let Some((other, _)) = others.into_iter().find(|(_, how)| !allowed(*how)) {
            return Some((*other, *by, what));
        }
    }
    None
}

/// What an operation names.
fn of(operation: &Operation) -> Vec<(Thing<'_>, Use)> {
    use Use::{Renames, Takes, Works};
    let mut things = Vec::new();
    if let Some(table) = operation.table() {
        let how = match operation {
            Operation::DropTable(_) => Takes("drops"),
            Operation::RenameTable(_) => Renames,
            _ => Works,
        };
        things.push((Thing::Table(table), how));
    }
    let referenced = operation.referenced().into_iter();
    things.extend(referenced.map(|table| (Thing::Table(table), Works)));
    match operation {
        Operation::AddColumn(op) => {
            let replaced = op.down.keys();
            things.extend(replaced.map(|c| (Thing::Column(&op.table, c), Takes(REPLACES))));
        }
        Operation::AlterColumn(op) => {
            let how = match op.has_second_form() {
                true => Use::Remakes,
                false => Works,
            };
            things.push((Thing::Column(&op.table, &op.column), how));
            // A new form does without it together with others.
            let goes = if op.has_second_form() {
                Works
            } else {
                Takes("drops")
            };
            let gone = op.drop_constraints.iter();
            things.extend(gone.map(|name| (Thing::Constraint(&op.table, name), goes)));
        }
        Operation::DropColumn(op) => {
            things.push((Thing::Column(&op.table, &op.column), Takes("drops")));
        }
        Operation::RenameColumn(op) => {
            things.push((Thing::Column(&op.table, &op.from), Renames));
        }
        Operation::CreateIndex(op) => {
            let keys = op.keys.iter().filter_map(|key| match &key.of {
                KeyOf::Column(column) => Some(column),
                KeyOf::Expression(_) => None,
            });
            let all = keys.chain(&op.include);
            things.extend(all.map(|c| (Thing::Column(&op.table, c), Works)));
        }
        Operation::CreateConstraint(op) => {
            let columns = op.rule.columns();
            things.extend(columns.iter().map(|c| (Thing::Column(&op.table, c), Works)));
        }
        Operation::DropConstraint(op) => {
            things.push((Thing::Constraint(&op.table, &op.name), Takes("drops")));
        }
        Operation::RenameConstraint(op) => {
            things.push((Thing::Constraint(&op.table, &op.from), Renames));
        }
        Operation::DropIndex(op) => things.push((Thing::Index(&op.index), Takes("drops"))),
        Operation::Backfill(_)
        | Operation::CreateTable(_)
        | Operation::DropTable(_)
        | Operation::RenameTable(_)
        | Operation::SetReplicaIdentity(_)
        | Operation::Sql(_) => {}
    }
    things
}
