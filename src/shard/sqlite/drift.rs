//! What the tables of the migration look like in this file, for the fleet to
//! compare. CHECK constraints stand only in the text of CREATE TABLE, which
//! differs without meaning anything, so they are not compared.

use super::catalog;
use super::dialect::trigger::trigger_names;
use super::dialect::work::{TableWork, Work};
use super::file::Place;
use super::statement::{Texts, rows, text};
use crate::base::quote_literal;
use crate::shard::{Part, Shape};
use crate::worker::{CallError, Check};
use sqlx::SqliteConnection;
use std::collections::BTreeSet;

/// Reads, posts and compares.
pub(super) async fn checks(
    conn: &mut SqliteConnection,
    place: &Place,
) -> Result<Vec<Check>, CallError> {
    let shape = shape(conn, &place.compiled.work).await?;
    place.fleet.shapes.post(&place.name, shape.clone());
    Ok(place.fleet.shapes.check(&shape))
}

/// The shape of every table of the migration.
pub(super) async fn shape(conn: &mut SqliteConnection, work: &Work) -> Result<Shape, CallError> {
    let mut shape = Shape::default();
    for table in &work.tables {
        let name = table.table.as_str();
        let touched = touched(table);
        let part = |columns: &[String]| {
            if columns.iter().any(|c| touched.contains(&c.to_lowercase())) {
                Part::Touched
            } else {
                Part::Beside
            }
        };
        let of = quote_literal(name);
        let sql = format!(
            "SELECT iif(wr, ', without rowid', '') || iif(strict, ', strict', '') FROM pragma_table_list \
             WHERE schema = 'main' AND type = 'table' AND name = {of} COLLATE NOCASE"
        );
        for row in rows(conn, sql).await? {
            let is = format!("an ordinary table{}", text(&row, 0).unwrap_or_default());
            shape.note(name, Part::Touched, is);
        }
        if let Some(there) = catalog::table(conn, &table.table).await? {
            let keys: Vec<String> = there.shape.keys.iter().map(|k| k.to_string()).collect();
            shape.note(format!("{name} key"), Part::Touched, keys.join(", "));
        }
        for row in columns(conn, table).await? {
            let column = text(&row, 0).unwrap_or_default();
            let part = part(&[column.to_owned()]);
            shape.note(format!("{name} column {column}"), part, column_text(&row));
        }
        for (columns, is) in constraints(conn, &of).await? {
            shape.note(format!("{name} {is}"), part(&columns), "there");
        }
        for row in triggers(conn, table).await? {
            let trigger = text(&row, 0).unwrap_or_default();
            let words: Vec<&str> = text(&row, 1)
                .unwrap_or_default()
                .split_whitespace()
                .collect();
            let object = format!("{name} trigger {trigger}");
            shape.note(object, Part::Touched, words.join(" "));
        }
    }
    Ok(shape)
}

/// Columns that the migration reads or replaces, in small letters: SQLite
/// does not tell them apart by case.
fn touched(table: &TableWork) -> BTreeSet<String> {
    let read = table.expressions();
    let read = read
        .iter()
        .filter_map(|(_, sql)| crate::migration::mentioned(sql).ok());
    let olds = table.down.keys().map(|old| old.as_str().to_owned());
    read.flatten()
        .chain(olds)
        .map(|name| name.to_lowercase())
        .collect()
}

/// Every column but those that the migration adds.
async fn columns(conn: &mut SqliteConnection, table: &TableWork) -> Result<Vec<Texts>, CallError> {
    let sql = format!(
        "SELECT name, type, \"notnull\", pk, hidden FROM pragma_table_xinfo({}) ORDER BY cid",
        quote_literal(table.table.as_str())
    );
    let mut found = rows(conn, sql).await?;
    found.retain(|row| {
        let name = text(row, 0).unwrap_or_default();
        let is_new =
            |c: &super::dialect::work::NewColumn| c.name.as_str().eq_ignore_ascii_case(name);
        !table.columns.iter().any(is_new)
    });
    Ok(found)
}

fn column_text(row: &Texts) -> String {
    let mut is = match text(row, 1).unwrap_or_default() {
        "" => "any type".to_owned(),
        sql_type => sql_type.to_uppercase(),
    };
    if text(row, 2) == Some("1") {
        is.push_str(", not null");
    }
    if matches!(text(row, 4), Some("2" | "3")) {
        is.push_str(", generated");
    }
    is
}

/// Columns and text of every unique index and foreign key.
async fn constraints(
    conn: &mut SqliteConnection,
    of: &str,
) -> Result<Vec<(Vec<String>, String)>, CallError> {
    let sql = format!(
        "SELECT group_concat(i.name, ','), 'unique over ' || group_concat(coalesce(i.name, 'an expression'), ', ') || iif(l.partial, ' where …', '') \
         FROM pragma_index_list({of}) l JOIN pragma_index_info(l.name) i WHERE l.\"unique\" AND l.origin <> 'pk' GROUP BY l.name \
         UNION ALL SELECT group_concat(\"from\", ','), 'foreign key (' || group_concat(\"from\", ', ') || ') to ' || \"table\" || ' on delete ' || on_delete \
         FROM pragma_foreign_key_list({of}) GROUP BY id"
    );
    let split = |row: Texts| {
        let names = text(&row, 0).unwrap_or_default();
        let names = names.split(',').map(str::to_owned).collect();
        (names, text(&row, 1).unwrap_or_default().to_owned())
    };
    Ok(rows(conn, sql).await?.into_iter().map(split).collect())
}

async fn triggers(conn: &mut SqliteConnection, table: &TableWork) -> Result<Vec<Texts>, CallError> {
    let ours = trigger_names(&table.table).map(|name| quote_literal(&name));
    let sql = format!(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = {} COLLATE NOCASE \
         AND name NOT IN ({}) ORDER BY name",
        quote_literal(table.table.as_str()),
        ours.join(", ")
    );
    rows(conn, sql).await
}
