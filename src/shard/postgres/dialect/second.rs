//! A column that is altered with `up` or `down`: its new form stands beside
//! the old one, under a name of ours, until contract.

use super::catalog::{Column, Table};
use super::form::{Impossible, impossible};
use super::mapping::{Input, Mapping};
use super::view::renamed_column;
use crate::base::Ident;
use crate::migration::{AlterColumn, Change, Migration, Operation, TableName};

/// The name under which the new form of a column lives until contract.
pub(super) fn hidden(migration: &Migration, table: &TableName, column: &Ident) -> Ident {
    let tag = super::form::tag(&[
        migration.name.as_str(),
        table.schema.as_str(),
        table.table.as_str(),
        column.as_str(),
    ]);
    #[expect(
        clippy::expect_used,
        reason = "a prefix and a short hexadecimal number: never empty, long or odd"
    )]
    Ident::new(format!("pilothouse_new_{tag}")).expect("a plain name")
}

/// The type of the new form.
pub(super) fn new_type(alter: &AlterColumn, column: &Column) -> String {
    match &alter.sql_type {
        Some(sql_type) => sql_type.clone(),
        None => column.full_type(),
    }
}

/// DEFAULT of the new form.
pub(super) fn new_default(alter: &AlterColumn, column: &Column) -> Option<String> {
    match &alter.default {
        Some(change) => change.value().cloned(),
        None => column.default.clone(),
    }
}

/// Comment of the new form.
pub(super) fn new_comment(alter: &AlterColumn, column: &Column) -> Option<String> {
    match &alter.comment {
        Some(Change::Set(text)) => Some(text.clone()),
        Some(Change::Drop) => None,
        None => column.comment.clone(),
    }
}

/// What the new form of a column cannot take over from the old one.
pub(super) fn demand_movable(
    migration: &Migration,
    table: &Table,
    column: &Column,
    at: &str,
) -> Result<(), Impossible> {
    let named = format!("{}.{}", table.name.table.as_str(), column.name.as_str());
    let refuse = |what: String, remedy: &str| impossible(&format!("{at}.column"), what, remedy);
    if migration.versions.is_none() {
        return refuse(
            format!("{named} gets a second form beside the first, and both cannot have its name"),
            "say versions = \"schemas\", or add a column of another name with add_column and down",
        );
    }
    if column.generated || column.is_identity {
        return refuse(
            format!("{named} is filled in by the server"),
            "alter what it is made from, or use an sql operation",
        );
    }
    demand_unneeded(migration, table, column, &format!("{at}.column"))
}

/// Whether a column can give way to another one: nothing finds rows by it, and
/// nothing else needs it.
pub(super) fn demand_unneeded(
    migration: &Migration,
    table: &Table,
    column: &Column,
    key: &str,
) -> Result<(), Impossible> {
    let named = format!("{}.{}", table.name.table.as_str(), column.name.as_str());
    let is_primary = table
        .primary_key()
        .is_some_and(|key| key.columns.contains(&column.name));
    if is_primary || table.key.contains(&column.name) {
        return impossible(
            key,
            format!("{named} belongs to the key by which rows are found while they are worked on"),
            "add a column of the new form with add_column and no down, and make it the key in a later migration",
        );
    }
    let needed: Vec<&str> = column
        .dependents
        .iter()
        .chain(&column.not_carried)
        .map(String::as_str)
        .collect();
    if !needed.is_empty() {
        return impossible(
            key,
            format!("{named} is needed by {}", needed.join(", ")),
            "drop what needs it first, in an earlier migration",
        );
    }
    if column.is_in_version && migration.versions.is_none() {
        return impossible(
            key,
            format!("{named} is shown by the view of a version, which would not outlive it"),
            "say versions = \"schemas\": the fleet has version schemas, and the next one takes their place",
        );
    }
    let identity = table.replica_identity.strip_prefix("USING INDEX ");
    let mut indexes = table.indexes.iter();
    let over = indexes.find(|index| {
        identity == Some(index.name.to_string().as_str()) && index.columns.contains(&column.name)
    });
    if let Some(index) = over {
        return impossible(
            key,
            format!(
                "index {} over {named} is the table's replica identity",
                index.name.as_str()
            ),
            "set another one with set_replica_identity in an earlier migration, and this one again in a later one",
        );
    }
    Ok(())
}

/// The columns as the old version sees them.
pub(super) fn before(table: &Table) -> Vec<(Input, bool)> {
    let columns = table.columns.iter().map(|column| {
        let input = Input {
            name: column.name.clone(),
            column: column.name.clone(),
            sql_type: column.sql_type.clone(),
        };
        (input, column.generated)
    });
    columns.collect()
}

/// The columns as the new version sees them: each name stands for the new
/// form, where there is one.
pub(super) fn after(migration: &Migration, table: &Table) -> Vec<(Input, bool)> {
    let operations = &migration.operations;
    let mut columns = before(table);
    for (input, _) in &mut columns {
        let Some(column) = table.column(&input.column).cloned() else {
            continue;
        };
        let altered = operations.iter().find_map(|operation| match operation {
            Operation::AlterColumn(alter)
                if alter.table == table.name
                    && alter.column == column.name
                    && alter.has_second_form() =>
            {
                Some(alter)
            }
            _ => None,
        });
        if let Some(alter) = altered {
            input.column = hidden(migration, &table.name, &column.name);
            input.sql_type = bare_type(&new_type(alter, &column));
        }
        input.name = renamed_column(operations, &table.name, &column.name);
    }
    for operation in operations {
        if let Operation::AddColumn(add) = operation
            && add.table == table.name
        {
            let input = Input {
                name: add.column.clone(),
                column: add.column.clone(),
                sql_type: add.sql_type.clone(),
            };
            columns.push((input, false));
        }
    }
    columns
}

/// A type without its collation, which a parameter cannot have.
pub(super) fn bare_type(sql_type: &str) -> String {
    sql_type
        .split(" COLLATE ")
        .next()
        .unwrap_or(sql_type)
        .to_owned()
}

/// Which columns an expression may read.
pub(super) enum Over {
    Old,
    Both,
}

pub(super) struct Ends {
    pub(super) key: String,
    pub(super) function: String,
    pub(super) result_type: String,
    pub(super) expression: String,
    pub(super) over: Over,
}

/// The inputs of an expression are the columns whose names it mentions: a
/// superset is harmless, because inputs are parameters.
pub(super) fn mapping(
    migration: &Migration,
    table: &Table,
    ends: Ends,
) -> Result<Mapping, Impossible> {
    let mentioned = crate::migration::mentioned(&ends.expression).map_err(|e| Impossible {
        key: ends.key.clone(),
        what: format!("expression `{}`: {e}", ends.expression),
        remedy: "correct the expression in the migration".into(),
    })?;
    let columns = match ends.over {
        Over::Old => before(table),
        Over::Both => after(migration, table),
    };
    let mut inputs = Vec::new();
    for (input, is_generated) in columns {
        if !mentioned.contains(input.name.as_str()) {
            continue;
        }
        if is_generated {
            return impossible(
                &ends.key,
                format!(
                    "expression `{}` reads generated column {}",
                    ends.expression,
                    input.name.as_str()
                ),
                "read the columns it is generated from",
            );
        }
        inputs.push(input);
    }
    Ok(Mapping {
        function: ends.function,
        inputs,
        result_type: ends.result_type,
        expression: ends.expression,
        key: ends.key,
    })
}

/// The value that a row of the new version has for an old column: where it
/// stands and the name of its function, the expression and its type.
pub(super) fn expression(
    migration: &Migration,
    table: &Table,
    (key, function): (String, String),
    (text, sql_type): (&str, &str),
) -> Result<Mapping, Impossible> {
    let ends = Ends {
        key,
        function,
        result_type: sql_type.to_owned(),
        expression: text.to_owned(),
        over: Over::Both,
    };
    mapping(migration, table, ends)
}
