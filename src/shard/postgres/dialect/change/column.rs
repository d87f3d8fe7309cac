//! alter_column, where the column can stay where it stands.

use super::constraint::{SHORT, added, validate};
use super::drop_constraint::{dropped, going};
use super::not_null::NotNullCheck;
use super::safe_type::is_safe;
use super::{Deed, Pair, Place, Scope, path, when};
use crate::base::quote_literal;
use crate::migration::{AlterColumn, Change};
use crate::shard::postgres::dialect::action::{Action, is_marked};
use crate::shard::postgres::dialect::catalog::{Column, Table};
use crate::shard::postgres::dialect::form::{Impossible, impossible};

pub(super) fn alter(scope: &Scope<'_>, alter: &AlterColumn) -> Result<Vec<Deed>, Impossible> {
    let table = scope.existing(&alter.table)?;
    scope.demand_columns(&alter.table, [&alter.column])?;
    let Some(column) = table.column(&alter.column) else {
        return impossible(
            &scope.key("column"),
            format!(
                "column {} is added by this migration itself",
                alter.column.as_str()
            ),
            "write it into add_column",
        );
    };
    let mut deeds = Vec::new();
    if let Some(sql_type) = &alter.sql_type {
        deeds.push(retyped(scope, table, column, sql_type)?);
    }
    match alter.nullable {
        Some(false) if !column.not_null => deeds.extend(not_null(scope, alter)),
        Some(true) if column.not_null => deeds.push(loosened(scope, table, column, alter)?),
        _ => {}
    }
    for constraint in &alter.constraints {
        if let Some(name) = &constraint.name {
            deeds.push(added(scope, &alter.table, name, &constraint.rule)?);
        }
    }
    for found in going(scope, table, alter)? {
        deeds.push(dropped(scope, &alter.table, table, found, Place::Publish)?);
    }
    if let Some(default) = &alter.default {
        deeds.push(new_default(scope, alter, column, default));
    }
    if let Some(comment) = &alter.comment {
        deeds.push(new_comment(scope, alter, column, comment));
    }
    Ok(deeds)
}

/// Clients of the new form write what the old type cannot hold: it changes
/// when that is published.
fn retyped(
    scope: &Scope<'_>,
    table: &Table,
    column: &Column,
    sql_type: &str,
) -> Result<Deed, Impossible> {
    let from = column.sql_type.as_str();
    if !is_safe(from, sql_type) {
        return impossible(
            &scope.key("type"),
            format!(
                "changing {}.{} from {from} to {sql_type} rewrites or scans the table under a lock",
                table.name.plain(),
                column.name.as_str()
            ),
            "add a column of the new type with add_column, with up, and with down for the old one",
        );
    }
    demand_unshown(scope, table, column)?;
    let (qualified, name) = (table.name.to_string(), &column.name);
    // A type without a collation would have the type's own, and every index
    // over the column would be built again under the lock.
    let collate = column
        .collation
        .as_ref()
        .map_or_else(String::new, |c| format!(" COLLATE {c}"));
    let pair = Pair {
        id: scope.id("type"),
        title: format!("{} becomes {sql_type}", name.as_str()),
        undo_title: format!("{} becomes {from} again, if every row fits", name.as_str()),
        run: vec![
            path(&table.name.schema),
            format!("ALTER TABLE {qualified} ALTER COLUMN {name} TYPE {sql_type}{collate}"),
        ],
        undo: vec![format!(
            "ALTER TABLE {qualified} ALTER COLUMN {name} TYPE {}",
            column.full_type()
        )],
        lock: "ACCESS EXCLUSIVE, short: catalog only; the way back reads every row",
    };
    Ok(pair.deed(Place::Publish))
}

/// The server changes no type under a view, a policy or a generated column.
fn demand_unshown(scope: &Scope<'_>, table: &Table, column: &Column) -> Result<(), Impossible> {
    let named = format!("{}.{}", table.name.plain(), column.name.as_str());
    if let Some(who) = column.dependents.first() {
        return impossible(
            &scope.key("type"),
            format!("{named} is needed by {who}, under which its type cannot change"),
            "drop what needs it first, in an earlier migration",
        );
    }
    if column.is_in_version || !scope.migration.versions.is_none() {
        return impossible(
            &scope.key("type"),
            format!("{named} is shown by a version's view, under which its type cannot change"),
            "with versions = \"schemas\" say up as the bare column: then a new form stands beside it",
        );
    }
    Ok(())
}

/// A check in verify, NOT NULL itself in contract: that finds the check and
/// scans nothing.
fn not_null(scope: &Scope<'_>, alter: &AlterColumn) -> [Deed; 2] {
    let (qualified, name) = (alter.table.to_string(), &alter.column);
    let check = NotNullCheck::of(scope, &alter.table, name);
    let pair = Pair {
        id: scope.id("set_not_null"),
        title: format!("{} not null", name.as_str()),
        undo_title: format!("{} not null by a check", name.as_str()),
        run: vec![
            format!("ALTER TABLE {qualified} ALTER COLUMN {name} SET NOT NULL"),
            check.drop(),
        ],
        undo: vec![
            check.add(),
            format!("ALTER TABLE {qualified} ALTER COLUMN {name} DROP NOT NULL"),
        ],
        lock: "ACCESS EXCLUSIVE, short: the validated check spares the scan",
    };
    let (set, back) = pair.actions();
    let id = format!("undo/{}", scope.id("set_not_null_valid"));
    let valid = validate(id, &check.table, &check.name, name.as_str());
    [
        Deed {
            place: Place::Verify,
            run: check.run().into(),
            undo: vec![check.undo()],
        },
        Deed {
            place: Place::Drop,
            run: vec![set],
            undo: vec![back, valid],
        },
    ]
}

/// NULL is allowed as soon as the new form is published. The way back needs
/// every row to have a value again.
fn loosened(
    scope: &Scope<'_>,
    table: &Table,
    column: &Column,
    alter: &AlterColumn,
) -> Result<Deed, Impossible> {
    let name = &alter.column;
    let is_key = table
        .primary_key()
        .is_some_and(|key| key.columns.contains(name));
    if is_key {
        return impossible(
            &scope.key("nullable"),
            format!(
                "{} belongs to the primary key of {}",
                name.as_str(),
                alter.table.plain()
            ),
            "drop the primary key in an earlier migration",
        );
    }
    let qualified = alter.table.to_string();
    let check = NotNullCheck::of(scope, &alter.table, name);
    let pair = Pair {
        id: scope.id("drop_not_null"),
        title: format!("{} may be null", name.as_str()),
        undo_title: format!("{} not null again", name.as_str()),
        run: vec![format!(
            "ALTER TABLE {qualified} ALTER COLUMN {name} DROP NOT NULL"
        )],
        undo: column
            .not_null_again(&qualified)
            .into_iter()
            .chain([check.drop()])
            .collect(),
        lock: SHORT,
    };
    let (run, back) = pair.actions();
    let still = format!("NOT {}", is_marked(&run.id));
    let [add, valid] = check.run();
    let guard = |action: Action, done: String| Action {
        id: format!("undo/{}", action.id),
        probe: when(&format!("{still} OR {done}")),
        ..action
    };
    Ok(Deed {
        place: Place::Publish,
        run: vec![run],
        undo: vec![
            guard(add, check.is_there("")),
            guard(valid, check.is_there(" AND c.convalidated")),
            back,
        ],
    })
}

fn new_default(scope: &Scope<'_>, alter: &AlterColumn, column: &Column, to: &Change) -> Deed {
    let (qualified, name) = (alter.table.to_string(), &column.name);
    let set = |default: Option<&String>| match default {
        Some(value) => format!("ALTER TABLE {qualified} ALTER COLUMN {name} SET DEFAULT {value}"),
        None => format!("ALTER TABLE {qualified} ALTER COLUMN {name} DROP DEFAULT"),
    };
    let pair = Pair {
        id: scope.id("default"),
        title: format!("default of {}", name.as_str()),
        undo_title: format!("default of {} as it was", name.as_str()),
        run: vec![path(&alter.table.schema), set(to.value())],
        undo: vec![path(&alter.table.schema), set(column.default.as_ref())],
        lock: SHORT,
    };
    pair.deed(Place::Drop)
}

fn new_comment(scope: &Scope<'_>, alter: &AlterColumn, column: &Column, to: &Change) -> Deed {
    let (qualified, name) = (alter.table.to_string(), &column.name);
    let set = |text: Option<&String>| {
        let text = text.map_or_else(|| "NULL".to_owned(), |text| quote_literal(text));
        format!("COMMENT ON COLUMN {qualified}.{name} IS {text}")
    };
    let pair = Pair {
        id: scope.id("comment"),
        title: format!("comment of {}", name.as_str()),
        undo_title: format!("comment of {} as it was", name.as_str()),
        run: vec![set(to.value())],
        undo: vec![set(column.comment.as_ref())],
        lock: "SHARE UPDATE EXCLUSIVE, short: reads and writes go on",
    };
    pair.deed(Place::Drop)
}
