//! Constraints of pgroll.

use super::convert::{Conversion, expression, flag, given, list, table, text};
use super::file::{
    Check, Constraint, CreateConstraint, IndexParameters, References, TableReferences,
};
use std::collections::BTreeMap;
use toml::{Table, Value};

/// Whether every column is mapped to itself.
pub(super) fn is_identity(map: &BTreeMap<String, String>) -> bool {
    map.iter().all(|(column, sql)| is_same(column, sql))
}

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
    if is_identity(&create.up) && is_identity(&create.down) {
        let entries = table([
            ("table", Some(to.named(&create.table))),
            ("constraint", Some(constraint)),
        ]);
        return to.push("create_constraint", entries);
    }
    let mut columns: Vec<&String> = create.up.keys().chain(create.down.keys()).collect();
    columns.sort();
    columns.dedup();
    let mut constraint = Some(constraint);
    for column in columns {
        let changed = |map: &BTreeMap<String, String>| {
            let sql = map.get(column).filter(|sql| !is_same(column, sql));
            sql.and_then(|sql| text(&expression(sql)))
        };
        let (up, down) = (changed(&create.up), changed(&create.down));
        if up.is_none() && down.is_none() {
            continue;
        }
        let brings = constraint.take().map(|c| Value::Array(vec![c]));
        let entries = table([
            ("table", Some(to.named(&create.table))),
            ("column", text(column)),
            ("up", up),
            ("down", down),
            ("constraints", brings),
        ]);
        to.push("alter_column", entries);
    }
}
