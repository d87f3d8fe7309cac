//! Reads what SQLite's catalog says of a table.

use super::dialect::shape::{ColumnShape, TableShape};
use super::dialect::work::Work;
use super::statement::{Texts, as_number, rows, text, value};
use crate::base::{Ident, quote_literal};
use crate::worker::{CallError, ErrorKind};
use sqlx::SqliteConnection;

/// A table of the catalog, as far as a check wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) shape: TableShape,
    /// Why its rows cannot be walked, if they cannot.
    pub(super) no_key: Option<String>,
}

/// Looks a table up; `None` if there is no such table.
pub(super) async fn table(
    conn: &mut SqliteConnection,
    name: &Ident,
) -> Result<Option<Table>, CallError> {
    let literal = quote_literal(name.as_str());
    let sql = format!(
        "SELECT type, wr FROM pragma_table_list WHERE schema = 'main' AND name = {literal} COLLATE NOCASE"
    );
    let Some(row) = rows(conn, sql).await?.into_iter().next() else {
        return Ok(None);
    };
    if text(&row, 0) != Some("table") {
        return Ok(None);
    }
    let without_rowid = text(&row, 1) == Some("1");
    let sql = format!(
        "SELECT name, type, \"notnull\", dflt_value, pk FROM pragma_table_info({literal}) ORDER BY cid"
    );
    let columns = rows(conn, sql)
        .await?
        .iter()
        .map(column)
        .collect::<Result<Vec<_>, _>>()?;
    let mut keys: Vec<&ColumnShape> = columns.iter().filter(|c| c.key_place > 0).collect();
    keys.sort_by_key(|c| c.key_place);
    let is_rowid = |c: &ColumnShape| c.sql_type.eq_ignore_ascii_case("INTEGER");
    let no_key = match keys.as_slice() {
        [] => Some("it has no primary key, and VACUUM may renumber rowids".into()),
        _ if without_rowid => None,
        [one] if is_rowid(one) => None,
        many => many
            .iter()
            .find(|c| !c.not_null)
            .map(|c| format!("key column {} allows NULL", c.name.as_str())),
    };
    let keys = keys.into_iter().map(|c| c.name.clone()).collect();
    Ok(Some(Table {
        shape: TableShape { keys, columns },
        no_key,
    }))
}

fn column(row: &Texts) -> Result<ColumnShape, CallError> {
    let name = text(row, 0).unwrap_or_default();
    Ok(ColumnShape {
        name: Ident::new(name).map_err(|error| CallError {
            kind: ErrorKind::Refused,
            code: "sqlite/name".into(),
            message: format!("column {name:?}: {error}"),
        })?,
        sql_type: text(row, 1).unwrap_or_default().to_owned(),
        not_null: text(row, 2) == Some("1"),
        default: text(row, 3).map(str::to_owned),
        key_place: u32::try_from(as_number(text(row, 4))).unwrap_or(0),
    })
}

/// The shapes of all tables of a migration; a missing one is a refusal.
pub(super) async fn shapes(
    conn: &mut SqliteConnection,
    work: &Work,
) -> Result<Vec<TableShape>, CallError> {
    let mut found = Vec::new();
    for wanted in &work.tables {
        found.push(shape(conn, &wanted.table).await?);
    }
    Ok(found)
}

/// The shape of one table; a missing one is a refusal.
pub(super) async fn shape(
    conn: &mut SqliteConnection,
    name: &Ident,
) -> Result<TableShape, CallError> {
    let refusal = |message: String| CallError {
        kind: ErrorKind::Refused,
        code: "sqlite/table".into(),
        message,
    };
    match table(conn, name).await? {
        None => Err(refusal(format!("there is no table {name}"))),
        Some(Table {
            no_key: Some(why), ..
        }) => Err(refusal(format!("{name}: {why}"))),
        Some(found) => Ok(found.shape),
    }
}

/// Whether a table has a column.
pub(super) async fn has_column(
    conn: &mut SqliteConnection,
    table: &Ident,
    column: &Ident,
) -> Result<bool, CallError> {
    let (table, column) = (
        quote_literal(table.as_str()),
        quote_literal(column.as_str()),
    );
    let sql =
        format!("SELECT 1 FROM pragma_table_info({table}) WHERE name = {column} COLLATE NOCASE");
    Ok(value(conn, sql).await?.is_some())
}
