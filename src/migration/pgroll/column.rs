//! Tables and columns of pgroll.

use super::constraint::{check, is_same, of_table, references};
use super::convert::{Conversion, expression, flag, given, list, table, text};
use super::file::{AddColumn, AlterColumn, Column, CreateTable};
use toml::Value;

/// Words of functions that give another value each time.
const VOLATILE: [&str; 9] = [
    "random",
    "gen_random_uuid",
    "uuid_generate_v4",
    "clock_timestamp",
    "now",
    "nextval",
    "timeofday",
    "current_timestamp",
    "current_date",
];

fn is_volatile(sql: &str) -> bool {
    let lower = sql.to_ascii_lowercase();
    let words = lower.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    words.into_iter().any(|word| VOLATILE.contains(&word))
}

pub(super) fn create_table(to: &mut Conversion, create: &CreateTable) {
    let mut columns = Vec::new();
    let mut constraints = Vec::new();
    let mut key = Vec::new();
    for column in &create.columns {
        if column.pk {
            key.push(column.name.clone());
        }
        if column.unique {
            let unique = table([("columns", list(std::slice::from_ref(&column.name)))]);
            constraints.push(Value::Table(table([(
                "unique",
                Some(Value::Table(unique)),
            )])));
        }
        constraints.extend(column.check.as_ref().map(check));
        if let Some(key) = &column.references {
            constraints.push(references(to, &column.name, key));
        }
        let generated = column.generated.as_ref();
        let identity = generated.and_then(|g| g.identity.as_ref());
        let mode = identity.map(|identity| match identity.user_specified_values.as_deref() {
            Some("BY DEFAULT") => "by_default",
            _ => "always",
        });
        let options = identity.and_then(|identity| given(identity.sequence_options.as_ref()));
        columns.push(Value::Table(table([
            ("name", text(&column.name)),
            ("type", text(&column.sql_type)),
            ("nullable", Some(Value::Boolean(column.nullable))),
            ("default", given(column.default.as_ref())),
            (
                "generated",
                generated.and_then(|g| given(g.expression.as_ref())),
            ),
            ("identity", mode.and_then(text)),
            ("identity_options", options),
            ("comment", given(column.comment.as_ref())),
        ])));
    }
    for constraint in &create.constraints {
        constraints.extend(of_table(to, constraint));
    }
    let entries = table([
        ("table", Some(to.named(&create.name))),
        ("comment", given(create.comment.as_ref())),
        ("primary_key", list(&key)),
        ("columns", Some(Value::Array(columns))),
        (
            "constraints",
            (!constraints.is_empty()).then_some(Value::Array(constraints)),
        ),
    ]);
    to.push("create_table", entries);
}

pub(super) fn add_column(to: &mut Conversion, add: &AddColumn) {
    let column = &add.column;
    if column.pk || column.generated.is_some() {
        to.refuse(format!(
            "{} cannot become a key or be filled in by the server in a table that has rows",
            column.name
        ));
        return;
    }
    let up = add.up.as_ref().filter(|up| !up.trim().is_empty());
    // Without up the default fills what nobody writes, here as there.
    let up = up.map(|up| expression(up));
    let fill = up
        .as_ref()
        .filter(|up| is_volatile(up))
        .and_then(|_| text("once"));
    let definition = table([
        ("name", text(&column.name)),
        ("type", text(&column.sql_type)),
        ("nullable", Some(Value::Boolean(column.nullable))),
        ("default", given(column.default.as_ref())),
        ("comment", given(column.comment.as_ref())),
    ]);
    let entries = table([
        ("table", Some(to.named(&add.table))),
        ("column", Some(Value::Table(definition))),
        ("up", up.and_then(|up| text(&up))),
        ("fill", fill),
    ]);
    to.push("add_column", entries);
    for constraint in constraints(to, &add.table, column) {
        let entries = table([
            ("table", Some(to.named(&add.table))),
            ("constraint", Some(constraint)),
        ]);
        to.push("create_constraint", entries);
    }
}

/// What the new column brings, as constraints of the table.
fn constraints(to: &mut Conversion, of: &str, column: &Column) -> Vec<Value> {
    let mut found = Vec::new();
    if column.unique {
        // As the server names it.
        let name = format!("{of}_{}_key", column.name);
        let unique = table([("columns", list(std::slice::from_ref(&column.name)))]);
        found.push(Value::Table(table([
            ("name", text(&name)),
            ("unique", Some(Value::Table(unique))),
        ])));
    }
    found.extend(column.check.as_ref().map(check));
    if let Some(key) = &column.references {
        found.push(references(to, &column.name, key));
    }
    found
}

pub(super) fn alter_column(to: &mut Conversion, alter: &AlterColumn) {
    let changed = |sql: &Option<String>| {
        let sql = sql.as_ref().filter(|sql| !is_same(&alter.column, sql));
        sql.map(|sql| expression(sql))
    };
    let (up, down) = (changed(&alter.up), changed(&alter.down));
    for (key, sql) in [("up", &up), ("down", &down)] {
        if let Some(sql) = sql.as_ref().filter(|sql| is_volatile(sql)) {
            to.refuse(format!(
                "{key} gives another value each time it is asked: `{sql}`; two shards, or two writes of one row, would not agree"
            ));
        }
    }
    let mut constraints: Vec<Value> = alter.check.iter().map(check).collect();
    if let Some(unique) = &alter.unique {
        constraints.push(Value::Table(table([
            ("name", text(&unique.name)),
            ("unique", Some(Value::Table(table([])))),
        ])));
    }
    if let Some(key) = &alter.references {
        constraints.push(references(to, &alter.column, key));
    }
    let set = |change: &Option<Option<String>>| {
        let change = change.as_ref();
        change.and_then(|value| value.as_ref().and_then(|value| text(value)))
    };
    let drop = |change: &Option<Option<String>>| flag(matches!(change, Some(None)));
    let entries = table([
        ("table", Some(to.named(&alter.table))),
        ("column", text(&alter.column)),
        ("type", given(alter.sql_type.as_ref())),
        ("nullable", alter.nullable.map(Value::Boolean)),
        ("default", set(&alter.default)),
        ("drop_default", drop(&alter.default)),
        ("comment", set(&alter.comment)),
        ("drop_comment", drop(&alter.comment)),
        ("up", up.and_then(|up| text(&up))),
        ("down", down.and_then(|down| text(&down))),
        (
            "constraints",
            (!constraints.is_empty()).then_some(Value::Array(constraints)),
        ),
    ]);
    to.push("alter_column", entries);
}
