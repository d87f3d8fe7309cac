//! What a step will cost, before anybody has measured anything: rows by the
//! server's statistics, time by speeds that a middling server reaches. Rough,
//! for people; once a step runs, what is measured stands beside it.

use super::action::Load;
use super::catalog::{Catalog, Table};
use super::form::Form;
use crate::migration::{TokenKind, tokens};
use crate::wire::StepEstimate;
use crate::worker::RowJobKind;

/// Bytes per second that one scan reads.
const SCAN: u64 = 200_000_000;
/// Bytes of the table per second that go into an index; it is read twice.
const BUILD: u64 = 40_000_000;
/// Rows per second of each row job.
const FILL_ROWS: u64 = 25_000;
const VERIFY_ROWS: u64 = 400_000;
const EXPORT_ROWS: u64 = 100_000;
const RESTORE_ROWS: u64 = 20_000;

/// Bytes of an index entry besides its values, and of a row besides its.
const ENTRY: u64 = 16;
const ROW: u64 = 28;
/// Bytes of a value of which nothing is known.
const VALUE: u64 = 16;

/// Of an action; `None` if it does not grow with the rows.
pub(super) fn of_action(load: &Load, catalog: &Catalog) -> Option<StepEstimate> {
    let (table, disk_bytes, speed) = match load {
        Load::Brief => return None,
        Load::Scan(name) => (catalog.table(name)?, 0, SCAN),
        Load::Index(name, definition) => {
            let table = catalog.table(name)?;
            let entry = ENTRY + key_width(table, definition);
            (table, table.rows_estimate.saturating_mul(entry), BUILD)
        }
    };
    Some(StepEstimate {
        rows: table.rows_estimate,
        disk_bytes,
        ms: took(table.bytes, speed),
    })
}

/// Of a row job on a form.
pub(super) fn of_job(kind: RowJobKind, form: &Form, catalog: &Catalog) -> Option<StepEstimate> {
    let table = catalog.table(&form.table)?;
    let rows = table.rows_estimate;
    let olds = form.replaced().map(|(_, old, _)| old);
    let gone = olds.chain(form.leaving.iter().map(|leaving| &leaving.column));
    let kept = gone.chain(&form.key).map(|c| width(c.width)).sum::<u64>() + ROW;
    let (speed, disk_bytes) = match kind {
        // Every row is written anew; the space of the old one is used again
        // only after a vacuum.
        RowJobKind::Fill => (FILL_ROWS, table.bytes),
        RowJobKind::Restore => (RESTORE_ROWS, table.bytes),
        RowJobKind::Verify => (VERIFY_ROWS, 0),
        RowJobKind::Export => (EXPORT_ROWS, rows.saturating_mul(kept)),
    };
    Some(StepEstimate {
        rows,
        disk_bytes,
        ms: took(rows, speed),
    })
}

fn took(amount: u64, per_s: u64) -> u64 {
    amount.saturating_mul(1_000) / per_s
}

fn width(known: Option<u32>) -> u64 {
    known.map_or(VALUE, u64::from)
}

/// Of every column that the definition names.
fn key_width(table: &Table, definition: &str) -> u64 {
    let named = tokens(definition).unwrap_or_default();
    let is_named = |name: &str| {
        named.iter().any(|token| match &token.kind {
            TokenKind::Word(word) => word == name,
            TokenKind::Quoted(word) => word == name,
            _ => false,
        })
    };
    let columns = table.columns.iter();
    let known: u64 = columns
        .filter(|column| is_named(column.name.as_str()))
        .map(|column| width(column.width))
        .sum();
    known.max(VALUE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_and_space_grow_with_the_rows() {
        assert_eq!(took(SCAN * 3, SCAN), 3_000);
        assert_eq!(took(u64::MAX, SCAN), u64::MAX / SCAN);
        assert_eq!(width(None), VALUE);
        assert_eq!(width(Some(4)), 4);
    }
}
