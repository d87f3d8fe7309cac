//! Checks the operations on whole tables and on columns where they stand.

use super::{column, expression, optional, rule, type_of};
use crate::base::{Findings, Ident};
use crate::migration::model::{
    AlterColumn, Change, CreateTable, DropColumn, Generated, IdentityMode, KeyRule, Rule,
    TableColumn, TableConstraint,
};
use crate::migration::raw_operation::{
    RawAlterColumn, RawCreateTable, RawDropColumn, RawTableColumn,
};
use crate::migration::sql_type::is_serial;
use std::collections::BTreeSet;

pub(super) fn create_table(
    path: &str,
    raw: &RawCreateTable,
    findings: &mut Findings<'_>,
) -> Option<CreateTable> {
    let table = super::table(path, &raw.table, findings);
    if raw.columns.is_empty() {
        let remedy = "write columns = [{ name = \"id\", type = \"bigint\", nullable = false }]";
        findings.report(
            &format!("{path}.columns"),
            "this table has no column",
            remedy,
        );
    }
    let mut columns = Vec::new();
    let mut seen = BTreeSet::new();
    for (place, raw) in raw.columns.iter().enumerate() {
        let path = format!("{path}.columns[{}]", place + 1);
        if !seen.insert(raw.name.as_str()) {
            let message = format!("column {:?} is there twice", raw.name);
            findings.report(&format!("{path}.name"), message, "remove one of the two");
        }
        columns.extend(table_column(&path, raw, findings));
    }
    let mut constraints = Vec::new();
    if !raw.primary_key.is_empty() {
        let key = KeyRule::of(rule::columns(
            &format!("{path}.primary_key"),
            &raw.primary_key,
            findings,
        ));
        constraints.push(TableConstraint {
            name: None,
            rule: Rule::PrimaryKey(key),
        });
    }
    for (place, raw) in raw.constraints.iter().enumerate() {
        let path = format!("{path}.constraints[{}]", place + 1);
        constraints.extend(rule::constraint(&path, raw, &[], findings));
    }
    // A column that could not be read would look unknown.
    if columns.len() == raw.columns.len() {
        unknown_columns(path, &columns, &constraints, findings);
    }
    Some(CreateTable {
        table: table?,
        columns,
        constraints,
        comment: raw.comment.clone(),
    })
}

/// A key over a column that the table does not have.
fn unknown_columns(
    path: &str,
    columns: &[TableColumn],
    constraints: &[TableConstraint],
    findings: &mut Findings<'_>,
) {
    let over = constraints.iter().flat_map(|c| c.rule.columns());
    for name in over.filter(|name| !columns.iter().any(|c| c.name == **name)) {
        let message = format!("the table has no column {name}");
        findings.report(path, message, "name a column of this table");
    }
}

fn table_column(
    path: &str,
    raw: &RawTableColumn,
    findings: &mut Findings<'_>,
) -> Option<TableColumn> {
    let name = column(&format!("{path}.name"), &raw.name, findings);
    // They bring a sequence with them, which a new table may have.
    if !is_serial(&raw.sql_type) {
        type_of(&format!("{path}.type"), &raw.sql_type, findings);
    }
    optional(&format!("{path}.default"), raw.default.as_ref(), findings);
    Some(TableColumn {
        name: name?,
        sql_type: raw.sql_type.trim().to_owned(),
        nullable: raw.nullable,
        default: raw.default.clone(),
        generated: generated(path, raw, findings),
        comment: raw.comment.clone(),
    })
}

fn generated(path: &str, raw: &RawTableColumn, findings: &mut Findings<'_>) -> Option<Generated> {
    let path = format!("{path}.generated");
    let given = [
        raw.default.is_some(),
        raw.generated.is_some(),
        raw.identity.is_some(),
    ];
    if given.iter().filter(|given| **given).count() > 1 {
        findings.report(
            &path,
            "a column has one of default, generated and identity",
            "keep one of them",
        );
    }
    if let Some(stored) = &raw.generated {
        expression(&path, stored, findings);
        return Some(Generated::Stored(stored.clone()));
    }
    let modes = [
        ("always", IdentityMode::Always),
        ("by_default", IdentityMode::ByDefault),
    ];
    let options = &raw.identity_options;
    let options_path = format!("{path}.identity_options");
    optional(&options_path, options.as_ref(), findings);
    let Some(mode) = &raw.identity else {
        if options.is_some() {
            let remedy = "add identity = \"always\" or \"by_default\"";
            findings.report(&options_path, "there is no identity", remedy);
        }
        return None;
    };
    let mode = findings.choose(&format!("{path}.identity"), "choice", mode, &modes)?;
    Some(Generated::Identity {
        mode,
        options: options.clone(),
    })
}

pub(super) fn alter_column(
    path: &str,
    raw: &RawAlterColumn,
    findings: &mut Findings<'_>,
) -> Option<AlterColumn> {
    let table = super::table(path, &raw.table, findings);
    let name = column(&format!("{path}.column"), &raw.column, findings);
    if let Some(sql_type) = &raw.sql_type {
        type_of(&format!("{path}.type"), sql_type, findings);
    }
    optional(&format!("{path}.default"), raw.default.as_ref(), findings);
    let own: Vec<Ident> = name.iter().cloned().collect();
    let mut constraints = Vec::new();
    for (place, raw) in raw.constraints.iter().enumerate() {
        let path = format!("{path}.constraints[{}]", place + 1);
        constraints.extend(rule::named(&path, raw, &own, findings));
    }
    let mut drop_constraints = Vec::new();
    for (place, name) in raw.drop_constraints.iter().enumerate() {
        let path = format!("{path}.drop_constraints[{}]", place + 1);
        drop_constraints.extend(column(&path, name, findings));
    }
    optional(&format!("{path}.up"), raw.up.as_ref(), findings);
    optional(&format!("{path}.down"), raw.down.as_ref(), findings);
    let altered = AlterColumn {
        table: table?,
        column: name?,
        sql_type: raw.sql_type.as_ref().map(|t| t.trim().to_owned()),
        nullable: raw.nullable,
        default: change(
            path,
            ("default", "drop_default"),
            (raw.default.as_ref(), raw.drop_default),
            findings,
        ),
        comment: change(
            path,
            ("comment", "drop_comment"),
            (raw.comment.as_ref(), raw.drop_comment),
            findings,
        ),
        constraints,
        drop_constraints,
        up: raw.up.clone(),
        down: raw.down.clone(),
    };
    if altered.changes_nothing() {
        findings.report(
            path,
            "this changes nothing",
            "give it a type, nullable, default, comment, constraints or drop_constraints",
        );
    }
    Some(altered)
}

pub(super) fn drop_column(
    path: &str,
    raw: &RawDropColumn,
    findings: &mut Findings<'_>,
) -> Option<DropColumn> {
    let table = super::table(path, &raw.table, findings);
    let name = column(&format!("{path}.column"), &raw.column, findings);
    optional(&format!("{path}.down"), raw.down.as_ref(), findings);
    Some(DropColumn {
        table: table?,
        column: name?,
        down: raw.down.clone(),
    })
}

fn change(
    path: &str,
    (set_key, drop_key): (&str, &str),
    given: (Option<&String>, bool),
    findings: &mut Findings<'_>,
) -> Option<Change> {
    match given {
        (Some(value), false) => Some(Change::Set(value.clone())),
        (None, true) => Some(Change::Drop),
        (None, false) => None,
        (Some(_), true) => {
            let message = format!("{set_key} and {drop_key} contradict each other");
            findings.report(&format!("{path}.{drop_key}"), message, "keep one of them");
            None
        }
    }
}
