//! alter_column with `up` or `down`: whatever hangs on the old form is made
//! again on the new one, under names of ours, and gets the real names when
//! the old form goes.

use super::constraint::{add_rule, key_constraint, not_valid};
use super::drop_constraint::{dropped, going};
use super::index::dropped as index_dropped;
use super::index_steps::Build;
use super::{Deed, Pair, Place, Scope, quoted};
use crate::base::Ident;
use crate::migration::{AlterColumn, Operation, Rule, Spelling, TableConstraint, rename_columns};
use crate::shard::postgres::dialect::catalog::{Column, Constraint, ConstraintKind, Index, Table};
use crate::shard::postgres::dialect::form::{Impossible, impossible};
use crate::shard::postgres::dialect::second::hidden;

const RENAME: &str = "ACCESS EXCLUSIVE, short: catalog only";

pub(super) fn deeds(scope: &Scope<'_>, alter: &AlterColumn) -> Result<Vec<Deed>, Impossible> {
    let table = scope.existing(&alter.table)?;
    scope.demand_columns(&alter.table, [&alter.column])?;
    let Some(column) = table.column(&alter.column) else {
        return Ok(Vec::new());
    };
    going(scope, table, alter)?;
    let second = Second {
        scope,
        table,
        renamed: altered(scope, table)
            .map(|alter| {
                let name = hidden(scope.migration, &alter.table, &alter.column);
                (alter.column.clone(), name)
            })
            .collect(),
        going: altered(scope, table)
            .flat_map(|alter| &alter.drop_constraints)
            .collect(),
    };
    second.demand_untouched(&alter.column)?;
    let mut deeds: Vec<Deed> = second.sequence(column).into_iter().collect();
    let mine = |columns: &[Ident]| second.is_for(&alter.column, columns);
    for constraint in table.constraints.iter().filter(|c| mine(&c.columns)) {
        deeds.extend(second.constraint(constraint)?);
    }
    let free = table.indexes.iter().filter(|i| i.bound.is_none());
    for index in free.filter(|index| mine(&index.columns)) {
        deeds.extend(second.index(index)?);
    }
    for constraint in &alter.constraints {
        deeds.extend(second.added(constraint)?);
    }
    Ok(deeds)
}

/// The columns of the table that get a second form.
fn altered<'a>(
    scope: &Scope<'a>,
    table: &'a Table,
) -> impl Iterator<Item = &'a AlterColumn> + use<'a> {
    let operations = scope.migration.operations.iter();
    operations.filter_map(|operation| match operation {
        Operation::AlterColumn(alter) if alter.table == table.name && alter.has_second_form() => {
            Some(alter)
        }
        _ => None,
    })
}

struct Second<'a> {
    scope: &'a Scope<'a>,
    table: &'a Table,
    /// Each name, and the one that its new form has until contract.
    renamed: Vec<(Ident, Ident)>,
    /// Constraints that the new forms do not have.
    going: Vec<&'a Ident>,
}

impl Second<'_> {
    /// Whether the first altered column of these is this one: what hangs on
    /// several of them is made again once.
    fn is_for(&self, column: &Ident, columns: &[Ident]) -> bool {
        // What hangs on a column that goes, goes with it.
        let leaving = self.scope.leaving(&self.table.name);
        if leaving.iter().any(|name| columns.contains(name)) {
            return false;
        }
        let mut altered = self
            .renamed
            .iter()
            .filter(|(name, _)| columns.contains(name));
        altered.next().is_some_and(|(first, _)| first == column)
    }

    /// What hangs on the column is made again: another operation on it would
    /// find it gone, or twice.
    fn demand_untouched(&self, column: &Ident) -> Result<(), Impossible> {
        let at = &self.table.name;
        let constraint = |name: &Ident| {
            let found = self.table.constraint(name);
            found.is_some_and(|c| c.columns.contains(column))
        };
        let index = |name: &Ident| {
            let found = self.table.index(name);
            found.is_some_and(|i| i.columns.contains(column))
        };
        let touched = self
            .scope
            .migration
            .operations
            .iter()
            .find_map(|op| match op {
                Operation::DropConstraint(op) if op.table == *at && constraint(&op.name) => {
                    Some(&op.name)
                }
                Operation::RenameConstraint(op) if op.table == *at && constraint(&op.from) => {
                    Some(&op.from)
                }
                Operation::DropIndex(op)
                    if op.index.schema == at.schema && index(&op.index.table) =>
                {
                    Some(&op.index.table)
                }
                _ => None,
            });
        match touched {
            None => Ok(()),
            Some(name) => impossible(
                &self.scope.key("column"),
                format!(
                    "{} stands over {}, and another operation works on it too",
                    name.as_str(),
                    column.as_str()
                ),
                "let a constraint go with drop_constraints here; do anything else in a migration of its own",
            ),
        }
    }

    fn name(&self, of: &Ident) -> Ident {
        self.scope.hidden(&format!("new {}", of.as_str()))
    }

    /// A definition of the server's over the new forms.
    fn moved(&self, definition: &str) -> String {
        rename_columns(definition, &self.renamed, Spelling::Server)
    }

    /// The sequence of a serial column would go with the old form.
    fn sequence(&self, column: &Column) -> Option<Deed> {
        let sequence = column.sequence.as_ref()?;
        let (_, new) = self.renamed.iter().find(|(old, _)| *old == column.name)?;
        let qualified = self.table.name.to_string();
        let own =
            |column: &Ident| format!("ALTER SEQUENCE {sequence} OWNED BY {qualified}.{column}");
        let pair = Pair {
            id: self.scope.id("sequence"),
            title: format!("sequence of {} moves", column.name.as_str()),
            undo_title: format!("sequence of {} moves back", column.name.as_str()),
            run: vec![own(new)],
            undo: vec![own(&column.name)],
            lock: RENAME,
        };
        Some(pair.deed(Place::Unhook))
    }

    fn constraint(&self, found: &Constraint) -> Result<Vec<Deed>, Impossible> {
        let (scope, at) = (self.scope, &self.table.name);
        let name = self.name(&found.name);
        let unhook = dropped(scope, at, self.table, found, Place::Unhook)?;
        if self.going.contains(&&found.name) {
            return Ok(vec![unhook]);
        }
        let mut made = match (found.kind, self.table.index(&found.name)) {
            (ConstraintKind::ForeignKey, _) => {
                let (own, other) = found
                    .definition
                    .split_once(" REFERENCES ")
                    .unwrap_or((&found.definition, ""));
                let body = format!("{} REFERENCES {other}", self.moved(own));
                not_valid(scope, at, &name, &body, found.name.as_str())
            }
            (ConstraintKind::Check, _) => {
                let body = self.moved(&found.definition);
                not_valid(scope, at, &name, &body, found.name.as_str())
            }
            (ConstraintKind::Key, Some(index)) => {
                let definition = self.index_definition(index);
                key_constraint(scope, at, &name, found, definition)
            }
            _ => {
                return impossible(
                    &scope.key("column"),
                    format!(
                        "{} of {} cannot be made again on the new form without blocking writers",
                        found.name.as_str(),
                        at.plain()
                    ),
                    "drop it first, in an earlier migration",
                );
            }
        };
        if !found.is_validated {
            // Old rows were never held to it.
            made.run.truncate(1);
        }
        let qualified = at.to_string();
        let rename = |from: &Ident, to: &Ident| {
            format!("ALTER TABLE {qualified} RENAME CONSTRAINT {from} TO {to}")
        };
        let mut run = vec![rename(&name, &found.name)];
        run.extend(found.commented(&qualified));
        let index = self.table.index(&found.name).into_iter();
        run.extend(index.flat_map(|index| index.settings(at)));
        let settle = self.settle(&found.name, run, rename(&found.name, &name));
        Ok(vec![unhook, made, settle])
    }

    /// `ON "s"."t" USING btree (…)` over the new forms.
    fn index_definition(&self, index: &Index) -> String {
        let (on, keys) = index
            .definition
            .split_once(" USING ")
            .unwrap_or(("", &index.definition));
        format!("{on} USING {}", self.moved(keys))
    }

    fn index(&self, index: &Index) -> Result<[Deed; 3], Impossible> {
        let (scope, at) = (self.scope, &self.table.name);
        let unhook = index_dropped(scope, self.table, index, Place::Unhook)?;
        let name = self.name(&index.name);
        let build = Build {
            table: at,
            hidden: name.clone(),
            is_unique: index.is_unique,
            definition: self.index_definition(index),
            what: format!("index {} over the new form", index.name.as_str()),
            finished: "false".into(),
        };
        let step = format!("new/{}", index.name.as_str());
        let made = Deed {
            place: Place::Verify,
            run: vec![build.action(scope, &step)],
            undo: vec![build.undo(scope, &step)],
        };
        let rename = |from: &Ident, to: &Ident| {
            format!("ALTER INDEX {} RENAME TO {to}", quoted(&at.schema, from))
        };
        let mut run = vec![rename(&name, &index.name)];
        run.extend(index.settings(at));
        let settle = self.settle(&index.name, run, rename(&index.name, &name));
        Ok([unhook, made, settle])
    }

    /// It gets its name when nothing else has it any more.
    fn settle(&self, name: &Ident, run: Vec<String>, undo: String) -> Deed {
        let pair = Pair {
            id: self.scope.id(&format!("settle/{}", name.as_str())),
            title: format!("give {} its name", name.as_str()),
            undo_title: format!("hide {}", name.as_str()),
            run,
            undo: vec![undo],
            lock: RENAME,
        };
        pair.deed(Place::Drop)
    }

    /// A constraint that the operation adds: only the new form has it.
    fn added(&self, constraint: &TableConstraint) -> Result<Option<Deed>, Impossible> {
        let Some(name) = &constraint.name else {
            return Ok(None);
        };
        let moved = |columns: &mut Vec<Ident>| {
            for column in columns {
                if let Some((_, new)) = self.renamed.iter().find(|(old, _)| old == column) {
                    *column = new.clone();
                }
            }
        };
        let mut rule = constraint.rule.clone();
        match &mut rule {
            Rule::Check { expression, .. } => {
                *expression = rename_columns(expression, &self.renamed, Spelling::Person);
            }
            Rule::Unique(key) | Rule::PrimaryKey(key) => moved(&mut key.columns),
            Rule::ForeignKey(key) => moved(&mut key.columns),
            Rule::Exclude { .. } => {}
        }
        add_rule(self.scope, &self.table.name, name, &rule).map(Some)
    }
}
