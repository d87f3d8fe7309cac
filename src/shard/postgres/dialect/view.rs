//! The views of a version: each table as the new version sees it.

use super::catalog::{Catalog, Column, Table};
use super::form::Form;
use crate::base::Ident;
use crate::migration::{Migration, Operation, TableName};

/// One view: a table as the new version sees it.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) name: Ident,
    pub(super) table: Ident,
    pub(super) columns: Vec<Shown>,
}

/// One column of a view.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) name: Ident,
    /// As the table calls it until contract.
    pub(super) column: Ident,
    /// The column whose place it takes in contract.
    pub(super) replaces: Option<Ident>,
    pub(super) default: Option<String>,
    pub(super) comment: Option<String>,
}

pub(super) fn views(
    migration: &Migration,
    catalog: &Catalog,
    forms: &[Form],
    base: &Ident,
) -> Vec<View> {
    let operations = &migration.operations;
    let goes = |table: &Table, column: &Ident| {
        let of = forms.iter().filter(|form| form.table == table.name);
        let mut leaving = of.flat_map(|form| &form.leaving);
        leaving.any(|leaving| leaving.column.name == *column)
    };
    let leaves = |name: &TableName| {
        let drops = |o: &Operation| matches!(o, Operation::DropTable(drop) if drop.table == *name);
        operations.iter().any(drops)
    };
    let mut views = Vec::new();
    for table in catalog.tables.iter().filter(|t| t.name.schema == *base) {
        if leaves(&table.name) {
            continue;
        }
        let form = forms.iter().find(|form| form.table == table.name);
        let mut columns = shown(operations, table, form);
        columns.retain(|shown| !goes(table, &shown.column));
        // A view must show something.
        if columns.is_empty() {
            continue;
        }
        views.push(View {
            name: renamed_table(operations, &table.name),
            table: table.name.table.clone(),
            columns,
        });
    }
    for operation in operations {
        if let Operation::CreateTable(create) = operation
            && create.table.schema == *base
        {
            let columns = create.columns.iter().map(|column| Shown {
                name: column.name.clone(),
                column: column.name.clone(),
                replaces: None,
                default: None,
                comment: column.comment.clone(),
            });
            views.push(View {
                name: create.table.table.clone(),
                table: create.table.table.clone(),
                columns: columns.collect(),
            });
        }
    }
    views
}

fn renamed_table(operations: &[Operation], table: &TableName) -> Ident {
    let to = operations
        .iter()
        .rev()
        .find_map(|operation| match operation {
            Operation::RenameTable(rename) if rename.table == *table => Some(&rename.to),
            _ => None,
        });
    to.unwrap_or(&table.table).clone()
}

/// What the new version calls a column.
pub(crate) fn renamed_column(operations: &[Operation], table: &TableName, name: &Ident) -> Ident {
    let to = operations
        .iter()
        .rev()
        .find_map(|operation| match operation {
            Operation::RenameColumn(rename) if rename.table == *table && rename.from == *name => {
                Some(&rename.to)
            }
            _ => None,
        });
    to.unwrap_or(name).clone()
}

fn shown(operations: &[Operation], table: &Table, form: Option<&Form>) -> Vec<Shown> {
    let news = || form.into_iter().flat_map(|form| &form.columns);
    let mut columns = Vec::new();
    let plain = |column: &Column| Shown {
        name: renamed_column(operations, &table.name, &column.name),
        column: column.name.clone(),
        replaces: None,
        default: None,
        comment: column.comment.clone(),
    };
    for column in &table.columns {
        let second = news().find(|new| new.becomes.as_ref() == Some(&column.name));
        let replaced = news().any(|new| new.down.iter().any(|(old, _)| old.name == column.name));
        match second {
            Some(new) => columns.push(Shown {
                column: new.name.clone(),
                replaces: Some(column.name.clone()),
                default: new.default.clone(),
                comment: new.comment.clone(),
                ..plain(column)
            }),
            None if replaced => {}
            None => columns.push(plain(column)),
        }
    }
    for new in news().filter(|new| new.becomes.is_none()) {
        columns.push(Shown {
            name: new.name.clone(),
            column: new.name.clone(),
            replaces: None,
            default: new.default.clone(),
            comment: None,
        });
    }
    columns
}
