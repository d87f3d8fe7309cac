//! rename_column and rename_table: the new version has the new name from the
//! first view on; the table itself gets it in contract, as a constraint does.

use super::constraint::SHORT;
use super::drop_constraint::the_constraint;
use super::{Deed, Pair, Place, Scope, quoted};
use crate::migration::{RenameColumn, RenameConstraint, RenameTable};
use crate::shard::postgres::dialect::catalog::ConstraintKind;
use crate::shard::postgres::dialect::form::{Impossible, impossible};

fn demand_versions(scope: &Scope<'_>) -> Result<(), Impossible> {
    if scope.migration.versions.is_none() {
        return impossible(
            &scope.key("to"),
            "a rename breaks every client that uses the old name".into(),
            "say versions = \"schemas\": each version then has its own name",
        );
    }
    Ok(())
}

pub(super) fn column(scope: &Scope<'_>, op: &RenameColumn) -> Result<Deed, Impossible> {
    demand_versions(scope)?;
    let table = scope.existing(&op.table)?;
    scope.demand_columns(&op.table, [&op.from])?;
    if table.column(&op.to).is_some() {
        return impossible(
            &scope.key("to"),
            format!(
                "{} has a column {} already",
                op.table.plain(),
                op.to.as_str()
            ),
            "choose another name",
        );
    }
    let qualified = op.table.to_string();
    let (from, to) = (&op.from, &op.to);
    let pair = Pair {
        id: scope.id("rename"),
        title: format!("rename column {} to {}", from.as_str(), to.as_str()),
        undo_title: format!("rename column {} back to {}", to.as_str(), from.as_str()),
        run: vec![format!(
            "ALTER TABLE {qualified} RENAME COLUMN {from} TO {to}"
        )],
        undo: vec![format!(
            "ALTER TABLE {qualified} RENAME COLUMN {to} TO {from}"
        )],
        lock: SHORT,
    };
    Ok(pair.deed(Place::Drop))
}

pub(super) fn table(scope: &Scope<'_>, op: &RenameTable) -> Result<Deed, Impossible> {
    demand_versions(scope)?;
    scope.existing(&op.table)?;
    scope.demand_free(&op.table.schema, &op.to)?;
    let (schema, from, to) = (&op.table.schema, &op.table.table, &op.to);
    let pair = Pair {
        id: scope.id("rename"),
        title: format!("rename table {} to {}", from.as_str(), to.as_str()),
        undo_title: format!("rename table {} back to {}", to.as_str(), from.as_str()),
        run: vec![format!(
            "ALTER TABLE {} RENAME TO {to}",
            quoted(schema, from)
        )],
        undo: vec![format!(
            "ALTER TABLE {} RENAME TO {from}",
            quoted(schema, to)
        )],
        lock: SHORT,
    };
    // Every other step knows the table by the name that it has until now.
    Ok(pair.deed(Place::Settle))
}

pub(super) fn constraint(scope: &Scope<'_>, rename: &RenameConstraint) -> Result<Deed, Impossible> {
    let table = scope.existing(&rename.table)?;
    let found = the_constraint(scope, table, &rename.from)?;
    if table.constraint(&rename.to).is_some() {
        return impossible(
            &scope.key("to"),
            format!(
                "{} has a constraint {} already",
                rename.table.plain(),
                rename.to.as_str()
            ),
            "choose another name",
        );
    }
    if found.kind == ConstraintKind::Key {
        scope.demand_free(&rename.table.schema, &rename.to)?;
    }
    let qualified = rename.table.to_string();
    let (from, to) = (&rename.from, &rename.to);
    let pair = Pair {
        id: scope.id("rename"),
        title: format!("rename constraint {} to {}", from.as_str(), to.as_str()),
        undo_title: format!(
            "rename constraint {} back to {}",
            to.as_str(),
            from.as_str()
        ),
        run: vec![format!(
            "ALTER TABLE {qualified} RENAME CONSTRAINT {from} TO {to}"
        )],
        undo: vec![format!(
            "ALTER TABLE {qualified} RENAME CONSTRAINT {to} TO {from}"
        )],
        lock: SHORT,
    };
    Ok(pair.deed(Place::Drop))
}
