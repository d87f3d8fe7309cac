//! Constraints of pgroll.

use super::convert::{Conversion, expression, flag, given, list, table, text};
use super::file::{
    Check, Constraint, CreateConstraint, DropConstraint, DropMulticolumnConstraint,
    IndexParameters, References, TableReferences,
};
use std::collections::{BTreeMap, BTreeSet};
use toml::{Table, Value};

pub(super) fn is_same(column: &str, sql: &str) -> bool {
    let sql = expression(sql);
    sql.is_empty() || sql == column || sql == format!("\"{column}\"")
}

pub(super) fn check(check: &Check) -> Value {
    let rule = table([
        ("expression", text(&check.constraint)),
        ("no_inherit", flag(check.no_inherit)),
    ]);
    Value::Table(table([
        ("name", text(&check.name)),
        ("check", Some(Value::Table(rule))),
    ]))
}

fn deferral(deferrable: bool, initially_deferred: bool) -> Option<Value> {
    match (deferrable, initially_deferred) {
        (_, true) => text("initially_deferred"),
        (true, false) => text("initially_immediate"),
        (false, false) => None,
    }
}

/// `SET NULL` → `set_null`.
fn action(word: Option<&String>) -> Option<Value> {
    let word = word.map(|word| word.trim().to_ascii_lowercase().replace(' ', "_"));
    given(word.as_ref())
}

fn match_full(to: &mut Conversion, word: Option<&String>) -> Option<Value> {
    let word = word.map(|word| word.to_ascii_uppercase());
    match word.as_deref() {
        None | Some("" | "SIMPLE") => None,
        Some("FULL") => Some(Value::Boolean(true)),
        Some(other) => {
            to.refuse(format!("PostgreSQL has no MATCH {other}"));
            None
        }
    }
}

/// A foreign key of one column.
pub(super) fn references(to: &mut Conversion, column: &str, key: &References) -> Value {
    let full = match_full(to, key.match_type.as_ref());
    let rule = table([
        ("columns", list(&[column.to_owned()])),
        ("table", Some(to.named(&key.table))),
        ("referenced", list(std::slice::from_ref(&key.column))),
        ("on_delete", action(key.on_delete.as_ref())),
        ("on_update", action(key.on_update.as_ref())),
        ("match_full", full),
        (
            "deferrable",
            deferral(key.deferrable, key.initially_deferred),
        ),
    ]);
    Value::Table(table([
        ("name", text(&key.name)),
        ("foreign_key", Some(Value::Table(rule))),
    ]))
}

fn foreign_key(
    to: &mut Conversion,
    columns: &[String],
    key: Option<&TableReferences>,
    deferrable: Option<Value>,
) -> Option<Table> {
    let Some(key) = key else {
        to.refuse("a foreign key needs references");
        return None;
    };
    let full = match_full(to, key.match_type.as_ref());
    Some(table([
        ("columns", list(columns)),
        ("table", Some(to.named(&key.table))),
        ("referenced", list(&key.columns)),
        ("on_delete", action(key.on_delete.as_ref())),
        ("on_delete_set", list(&key.on_delete_set_columns)),
        ("on_update", action(key.on_update.as_ref())),
        ("match_full", full),
        ("deferrable", deferrable),
    ]))
}

fn key(
    to: &mut Conversion,
    columns: &[String],
    nulls_not_distinct: bool,
    parameters: Option<&IndexParameters>,
    deferrable: Option<Value>,
) -> Table {
    if parameters.is_some_and(|p| p.tablespace.as_ref().is_some_and(|t| !t.is_empty())) {
        to.refuse("an index in a tablespace of its own is not in this version");
    }
    table([
        ("columns", list(columns)),
        ("include", parameters.and_then(|p| list(&p.include_columns))),
        ("nulls_not_distinct", flag(nulls_not_distinct)),
        (
            "with",
            parameters.and_then(|p| given(p.storage_parameters.as_ref())),
        ),
        ("deferrable", deferrable),
    ])
}

/// A constraint of a new table.
pub(super) fn of_table(to: &mut Conversion, constraint: &Constraint) -> Option<Value> {
    let deferrable = deferral(constraint.deferrable, constraint.initially_deferred);
    let (word, rule) = match constraint.kind.as_str() {
        word @ ("unique" | "primary_key") => {
            let rule = key(
                to,
                &constraint.columns,
                constraint.nulls_not_distinct,
                constraint.index_parameters.as_ref(),
                deferrable,
            );
            (word, rule)
        }
        "check" => {
            let rule = table([
                ("expression", given(constraint.check.as_ref())),
                ("no_inherit", flag(constraint.no_inherit)),
            ]);
            ("check", rule)
        }
        "foreign_key" => {
            let references = constraint.references.as_ref();
            let rule = foreign_key(to, &constraint.columns, references, deferrable)?;
            ("foreign_key", rule)
        }
        "exclude" => {
            let Some(exclude) = &constraint.exclude else {
                to.refuse("an exclusion constraint needs exclude");
                return None;
            };
            let method = given(exclude.index_method.as_ref()).or_else(|| text("gist"));
            let rule = table([
                ("method", method),
                ("elements", text(&exclude.elements)),
                ("where", given(exclude.predicate.as_ref())),
            ]);
            ("exclude", rule)
        }
        other => {
            to.refuse(format!("unknown type of constraint {other:?}"));
            return None;
        }
    };
    Some(Value::Table(table([
        ("name", text(&constraint.name)),
        (word, Some(Value::Table(rule))),
    ])))
}

/// A constraint over existing columns. Where rows are made to fit, each
/// column that changes gets a second form, and the first one brings the
/// constraint.
pub(super) fn create_constraint(to: &mut Conversion, create: &CreateConstraint) {
    let constraint = Constraint {
        name: create.name.clone(),
        kind: create.kind.clone(),
        columns: create.columns.clone(),
        deferrable: false,
        initially_deferred: false,
        nulls_not_distinct: false,
        no_inherit: create.no_inherit,
        check: create.check.clone(),
        references: create.references.clone(),
        exclude: None,
        index_parameters: create.index_parameters.clone(),
    };
    let Some(constraint) = of_table(to, &constraint) else {
        return;
    };
    let changes = changes(&create.up, &create.down);
    if changes.is_empty() {
        let entries = table([
            ("table", Some(to.named(&create.table))),
            ("constraint", Some(constraint)),
        ]);
        return to.push("create_constraint", entries);
    }
    let mut constraint = Some(constraint);
    for change in changes {
        let brings = constraint.take().map(|c| Value::Array(vec![c]));
        altered(to, &create.table, change, ("constraints", brings));
    }
}

/// A column whose values change on one of the ways: its name, `up`, `down`.
type Changed<'a> = (&'a str, Option<Value>, Option<Value>);

/// The columns that are not mapped to themselves.
fn changes<'a>(
    up: &'a BTreeMap<String, String>,
    down: &'a BTreeMap<String, String>,
) -> Vec<Changed<'a>> {
    let columns: BTreeSet<&String> = up.keys().chain(down.keys()).collect();
    let all = columns.into_iter().map(|column| {
        let changed =
            |map: &BTreeMap<String, String>| map.get(column).and_then(|sql| way(column, sql));
        (column.as_str(), changed(up), changed(down))
    });
    all.filter(|(_, up, down)| up.is_some() || down.is_some())
        .collect()
}

/// An expression that is not the column itself.
fn way(column: &str, sql: &str) -> Option<Value> {
    if is_same(column, sql) {
        return None;
    }
    text(&expression(sql))
}

fn altered(
    to: &mut Conversion,
    of: &str,
    (column, up, down): Changed<'_>,
    brings: (&str, Option<Value>),
) {
    let entries = table([
        ("table", Some(to.named(of))),
        ("column", text(column)),
        ("up", up),
        ("down", down),
        brings,
    ]);
    to.push("alter_column", entries);
}

/// A constraint of one column. Which column that is only the database knows,
/// unless one of the ways is its bare name.
pub(super) fn drop_constraint(to: &mut Conversion, drop: &DropConstraint) {
    let way_of = |sql: &Option<String>| sql.as_deref().map(expression).unwrap_or_default();
    let (up, down) = (way_of(&drop.up), way_of(&drop.down));
    let is_kept = |way: &str| way.is_empty() || is_name(way);
    match (is_name(&up), is_name(&down)) {
        _ if is_kept(&up) && is_kept(&down) && (up == down || up.is_empty() || down.is_empty()) => {
            dropped(to, &drop.table, &drop.name);
        }
        (true, false) => without(to, drop, (&up, None, text(&down))),
        (false, true) => without(to, drop, (&down, text(&up), None)),
        _ => to.refuse("which column this changes is not said: use drop_multicolumn_constraint, or give up as the bare name of the column"),
    }
}

fn without(to: &mut Conversion, drop: &DropConstraint, change: Changed<'_>) {
    let gone = list(std::slice::from_ref(&drop.name));
    altered(to, &drop.table, change, ("drop_constraints", gone));
}

pub(super) fn drop_multicolumn_constraint(to: &mut Conversion, drop: &DropMulticolumnConstraint) {
    let changes = changes(&drop.up, &drop.down);
    if changes.is_empty() {
        return dropped(to, &drop.table, &drop.name);
    }
    for change in changes {
        let gone = list(std::slice::from_ref(&drop.name));
        altered(to, &drop.table, change, ("drop_constraints", gone));
    }
}

fn dropped(to: &mut Conversion, of: &str, name: &str) {
    let entries = table([("table", Some(to.named(of))), ("name", text(name))]);
    to.push("drop_constraint", entries);
}

/// Whether it is a column's name and nothing else.
fn is_name(sql: &str) -> bool {
    let constant = ["null", "true", "false", "default"];
    let plain = |c: char| c.is_alphanumeric() || c == '_';
    let starts = sql.starts_with(|c: char| c.is_alphabetic() || c == '_');
    starts && sql.chars().all(plain) && !constant.contains(&sql.to_lowercase().as_str())
}
