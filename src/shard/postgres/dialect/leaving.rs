//! Columns that go without anything in their place: their values are exported
//! by key first, and come back from there.

use super::action::{Action, Mode, has_column, when};
use super::catalog::{Catalog, Column, Table};
use super::form::{Form, Impossible, impossible, tag};
use super::mapping::{Mapping, Volatility};
use super::second;
use super::version::Version;
use crate::base::quote_literal;
use crate::migration::{DropColumn, Migration, Operation};

/// A column that goes.
#[derive(Clone, Debug)]
pub(crate) struct Leaving {
    pub(crate) column: Column,
    /// What a row has that was written without it.
    pub(crate) down: Option<Mapping>,
}

/// A form per table that loses columns.
pub(super) fn forms(migration: &Migration, catalog: &Catalog) -> Result<Vec<Form>, Impossible> {
    let mut forms: Vec<Form> = Vec::new();
    for (place, operation) in migration.operations.iter().enumerate() {
        let Operation::DropColumn(drop) = operation else {
            continue;
        };
        let at = format!("operation.{}.drop_column", place + 1);
        let (table, column) = find(catalog, drop, &at)?;
        demand_free(table, column, drop, &at)?;
        let (schema, name) = (table.name.schema.as_str(), table.name.table.as_str());
        let own = tag(&[migration.name.as_str(), schema, name, "leaving"]);
        let down = match &drop.down {
            Some(text) => Some(second::expression(
                migration,
                table,
                (format!("{at}.down"), format!("down_{own}_{place}")),
                (text, &column.sql_type),
            )?),
            None => None,
        };
        let leaving = Leaving {
            column: column.clone(),
            down,
        };
        match forms.iter_mut().find(|form| form.table == table.name) {
            Some(form) => form.leaving.push(leaving),
            None => forms.push(Form {
                leaving: vec![leaving],
                ..Form::of(table, own)
            }),
        }
    }
    Ok(forms)
}

fn find<'c>(
    catalog: &'c Catalog,
    drop: &DropColumn,
    at: &str,
) -> Result<(&'c Table, &'c Column), Impossible> {
    let table = catalog.table(&drop.table);
    let found = table.and_then(|table| Some((table, table.column(&drop.column)?)));
    found.ok_or_else(|| Impossible {
        key: format!("{at}.column"),
        what: format!(
            "there is no column {} in {}",
            drop.column.as_str(),
            drop.table.plain()
        ),
        remedy: "correct the names, spelled as the catalog spells them".into(),
    })
}

fn demand_free(
    table: &Table,
    column: &Column,
    drop: &DropColumn,
    at: &str,
) -> Result<(), Impossible> {
    let named = format!("{}.{}", table.name.table.as_str(), column.name.as_str());
    let is_primary = table
        .primary_key()
        .is_some_and(|key| key.columns.contains(&column.name));
    if is_primary || table.key.contains(&column.name) {
        return impossible(
            &format!("{at}.column"),
            format!("{named} belongs to the key by which rows are found"),
            "give the table another key in an earlier migration",
        );
    }
    if !column.dependents.is_empty() {
        return impossible(
            &format!("{at}.column"),
            format!("{named} is needed by {}", column.dependents.join(", ")),
            "drop what needs it first, in an earlier migration",
        );
    }
    let fills_itself = column.default.is_some() || column.is_identity || column.generated;
    if column.not_null && !fills_itself && drop.down.is_none() {
        return impossible(
            &format!("{at}.down"),
            format!("{named} is NOT NULL, and clients that do not know it write no value"),
            "add down: what such rows get as long as the column is there",
        );
    }
    Ok(())
}

/// The columns go, with what the version before shows of the table.
pub(super) fn drop_columns(form: &Form, version: Option<&Version>) -> Action {
    let (table, qualified) = (form.table.table.as_str(), form.qualified());
    let mut statements = vec![format!("LOCK TABLE {qualified} IN ACCESS EXCLUSIVE MODE")];
    let views = version
        .iter()
        .flat_map(|v| v.drop_old_view(&form.table.table));
    statements.extend(views);
    let mut gone = Vec::new();
    for leaving in &form.leaving {
        let name = &leaving.column.name;
        statements.push(format!(
            "ALTER TABLE {qualified} DROP COLUMN IF EXISTS {name}"
        ));
        gone.push(format!("NOT {}", has_column(&qualified, name.as_str())));
    }
    Action {
        id: format!("drop/{}", form.tag),
        title: format!("drop columns of {table}"),
        probe: when(&gone.join(" AND ")),
        statements,
        mode: Mode::Transaction,
        lock: "ACCESS EXCLUSIVE, short: catalog only",
    }
}

/// The columns are there again, empty.
pub(super) fn add_columns(form: &Form) -> Action {
    let (table, qualified) = (form.table.table.as_str(), form.qualified());
    let mut statements = Vec::new();
    let mut there = Vec::new();
    for leaving in &form.leaving {
        let name = &leaving.column.name;
        statements.push(format!(
            "ALTER TABLE {qualified} ADD COLUMN IF NOT EXISTS {name} {}",
            leaving.column.full_type()
        ));
        if let Some(down) = &leaving.down {
            statements.push(down.create("pilothouse", Volatility::Stable));
            statements.push(down.grant());
        }
        there.push(has_column(&qualified, name.as_str()));
    }
    Action {
        id: format!("restore_columns/{}", form.tag),
        title: format!("add the columns of {table} again"),
        probe: when(&there.join(" AND ")),
        statements,
        mode: Mode::Transaction,
        lock: "ACCESS EXCLUSIVE, short: catalog only",
    }
}

/// Default, NOT NULL and comment, once the values are there.
pub(super) fn close(form: &Form) -> Action {
    let qualified = form.qualified();
    let mut statements = Vec::new();
    let mut done = vec!["true".to_owned()];
    for leaving in &form.leaving {
        let (column, name) = (&leaving.column, &leaving.column.name);
        if let Some(default) = &column.default {
            statements.push(format!(
                "ALTER TABLE {qualified} ALTER COLUMN {name} SET DEFAULT {default}"
            ));
        }
        if let Some(comment) = &column.comment {
            let text = quote_literal(comment);
            statements.push(format!("COMMENT ON COLUMN {qualified}.{name} IS {text}"));
        }
        statements.extend(column.not_null_again(&qualified));
        done.push(format!(
            "EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = to_regclass({}) AND a.attname = {}
              AND a.attnotnull = {} AND a.atthasdef = {} AND (col_description(a.attrelid, a.attnum) IS NOT NULL) = {})",
            quote_literal(&qualified),
            quote_literal(name.as_str()),
            column.not_null,
            column.default.is_some(),
            column.comment.is_some()
        ));
    }
    Action {
        id: format!("restored/{}", form.tag),
        title: format!("close the restore of {}", form.table.table.as_str()),
        probe: when(&done.join(" AND ")),
        statements,
        mode: Mode::Transaction,
        lock: "ACCESS EXCLUSIVE while NOT NULL is checked",
    }
}
