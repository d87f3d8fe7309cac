//! Preflight of what the migration stands on: the disk, and columns that
//! `up` must not read.

use super::dialect::work::TableWork;
use super::file::Place;
use super::statement::{number, rows, text};
use crate::base::quote_literal;
use crate::worker::{CallError, Check, CheckVerdict};
use CheckVerdict::{Fail, Pass, Warn};
use sqlx::SqliteConnection;

/// Room for every page once more: the log may have to hold all of them.
pub(super) async fn disk(conn: &mut SqliteConnection, place: &Place) -> Result<Check, CallError> {
    const NAME: &str = "preflight/disk";
    const REMEDY: &str = "make room on this disk before backfill";
    let pages = number(conn, "PRAGMA page_count".to_owned()).await?;
    let size = pages * number(conn, "PRAGMA page_size".to_owned()).await?;
    Ok(
        match (place.disk_free_bytes(), place.fleet.disk_free_bytes_min) {
            (None, limit) => Check::new(
                NAME,
                if limit.is_some() { Fail } else { Warn },
                "free disk space cannot be read",
                "free disk space that can be read",
                "give this user the right to look at the file's folder",
            ),
            (Some(free), Some(limit)) => Check::new(
                NAME,
                if free < limit { Fail } else { Pass },
                format!("{free} bytes free"),
                &format!("disk_free_bytes {limit} in the fleet file"),
                REMEDY,
            ),
            (Some(free), None) => Check::new(
                NAME,
                if free < size { Warn } else { Pass },
                format!("{free} bytes free"),
                &format!("{size} bytes, the size of the file: its log may grow as large"),
                REMEDY,
            ),
        },
    )
}

/// A generated column is computed from others, which may be what changes.
pub(super) async fn generated(
    conn: &mut SqliteConnection,
    table: &TableWork,
) -> Result<Vec<Check>, CallError> {
    let sql = format!(
        "SELECT name FROM pragma_table_xinfo({}) WHERE hidden IN (2, 3) ORDER BY name",
        quote_literal(table.table.as_str())
    );
    let all = rows(conn, sql).await?;
    let mut checks = Vec::new();
    for (place, sql) in table.expressions() {
        // What cannot be read as an expression is told by its own check.
        let names = crate::migration::mentioned(sql).unwrap_or_default();
        let read = all
            .iter()
            .filter_map(|row| text(row, 0))
            .find(|column| names.iter().any(|name| name.eq_ignore_ascii_case(column)));
        if let Some(column) = read {
            checks.push(Check::new(
                "preflight/generated_column",
                Fail,
                format!("{place} reads generated column {column}"),
                "an expression over stored columns",
                "read the columns it is generated from",
            ));
        }
    }
    Ok(checks)
}
