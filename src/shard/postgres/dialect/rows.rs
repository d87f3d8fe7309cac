//! SQL of row jobs: what is done with one chunk of rows.

use super::export::{count_restore, export, restore};
use super::form::{Form, NewColumn};
use super::mapping::Mapping;
use crate::base::quote_literal;
use crate::migration::Fill;
use crate::worker::RowJobKind;

/// Where the range goes in a statement. No identifier can hold a control
/// character, so no name is ever taken for it.
pub(super) const RANGE: &str = "\u{1}range\u{1}";

/// Everything a row job runs, ready but for its parameters.
///
/// Parameters of every range statement: `$1` = key after which the range
/// goes on (text array, may be NULL), `$2` = last key of the range (text
/// array, may be NULL).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RowSql {
    /// Quoted table.
    pub(crate) table: String,
    /// Quoted key columns with their types.
    pub(crate) key: Vec<(String, String)>,
    /// What is done with the rows of `($1, $2]`; `Verify` gives one row of
    /// rows, wrong rows and both digests instead.
    pub(crate) work: String,
    /// Keys of wrong rows in `($1, $2]`, a few (verify only).
    pub(crate) wrong: Option<String>,
    /// What a merge restore would give (restore only).
    pub(crate) count: Option<RestoreCount>,
    /// Whether the job ends at the highest key of its start.
    pub(crate) bounded: bool,
}

/// Looks ahead at a merge restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RestoreCount {
    /// Whether anything is dropped now.
    pub(crate) is_dropped: String,
    /// Rows of `($1, $2]`, and those that would get their exported value back.
    pub(crate) rows: String,
}

impl RowSql {
    fn key_list(&self) -> String {
        self.key
            .iter()
            .map(|(name, _)| name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    }

    fn key_texts(&self) -> String {
        let texts: Vec<String> = self
            .key
            .iter()
            .map(|(name, _)| format!("{name}::text"))
            .collect();
        format!("ARRAY[{}]", texts.join(", "))
    }

    fn order(&self, direction: &str) -> String {
        let terms: Vec<String> = self
            .key
            .iter()
            .map(|(name, _)| format!("{name} {direction}"))
            .collect();
        terms.join(", ")
    }

    /// The last key and the number of rows of the next `rows` rows. Two
    /// statements: the cheap one for a full chunk, and one for the tail.
    pub(crate) fn full_chunk(&self, rows: u32, after: Bound, until: Bound) -> String {
        format!(
            "SELECT {} FROM {} WHERE {} ORDER BY {} OFFSET {} LIMIT 1",
            self.key_texts(),
            self.table,
            range(&self.key, "", after, until),
            self.order("ASC"),
            rows.saturating_sub(1)
        )
    }

    /// The tail: how many rows are left, and the last of them.
    pub(crate) fn tail(&self, after: Bound, until: Bound) -> String {
        let condition = range(&self.key, "", after, until);
        format!(
            "SELECT {}, (SELECT count(*) FROM {} WHERE {condition}) FROM {} WHERE {condition} ORDER BY {} LIMIT 1",
            self.key_texts(),
            self.table,
            self.table,
            self.order("DESC")
        )
    }

    /// The lowest (`ASC`) or highest (`DESC`) key of the table.
    pub(crate) fn end(&self, direction: &str) -> String {
        format!(
            "SELECT {} FROM {} ORDER BY {} LIMIT 1",
            self.key_texts(),
            self.table,
            self.order(direction)
        )
    }

    /// The table's pages, with those of its partitions.
    pub(crate) fn pages(&self) -> String {
        format!(
            "SELECT coalesce(sum(pg_relation_size(t.relid)), 0)::bigint / current_setting('block_size')::bigint
             FROM (SELECT {0}::regclass AS relid UNION SELECT relid FROM pg_partition_tree({0})) t",
            quote_literal(&self.table)
        )
    }

    /// Keys that cut a sample of the table into `ranges` equal parts, rising.
    pub(crate) fn cuts(&self, percent: &str, ranges: u32) -> String {
        format!(
            "SELECT k FROM (SELECT {} AS k, row_number() OVER (ORDER BY {key}) AS n, count(*) OVER () AS c FROM {} TABLESAMPLE SYSTEM ({percent})) s
             WHERE n * {ranges} / c > (n - 1) * {ranges} / c AND n < c ORDER BY n",
            self.key_texts(),
            self.table,
            key = self.key_list(),
        )
    }

    /// One of the range statements for the whole table, without parameters: as
    /// a person at psql runs it.
    pub(crate) fn whole(&self, statement: &str) -> String {
        statement.replace(RANGE, "true")
    }

    /// One of the range statements with its range filled in.
    pub(crate) fn filled(&self, statement: &str, after: Bound, until: Bound) -> String {
        statement.replace(RANGE, &range(&self.key, "t.", after, until))
    }
}

/// Whether an end of a range is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    Open,
    Given,
}

impl<T> From<&Option<T>> for Bound {
    fn from(end: &Option<T>) -> Self {
        if end.is_some() {
            Self::Given
        } else {
            Self::Open
        }
    }
}

/// `(key) > ($1) AND (key) <= ($2)`, each parameter cast to its type, so that
/// the index of the key bounds the scan on both sides.
fn range(key: &[(String, String)], prefix: &str, after: Bound, until: Bound) -> String {
    let columns: Vec<String> = key
        .iter()
        .map(|(name, _)| format!("{prefix}{name}"))
        .collect();
    let values = |parameter: u8| -> String {
        let casts: Vec<String> = key
            .iter()
            .enumerate()
            .map(|(place, (_, sql_type))| {
                format!("(${parameter}::text[])[{}]::{sql_type}", place + 1)
            })
            .collect();
        casts.join(", ")
    };
    let mut terms = Vec::new();
    if after == Bound::Given {
        terms.push(format!("({}) > ({})", columns.join(", "), values(1)));
    }
    if until == Bound::Given {
        terms.push(format!("({}) <= ({})", columns.join(", "), values(2)));
    }
    // Both parameters are always bound, and must be mentioned to have a type.
    terms.push("($1::text[] IS NULL OR true) AND ($2::text[] IS NULL OR true)".into());
    terms.join(" AND ")
}

/// Builds the SQL of one job on one form.
pub(crate) fn row_sql(form: &Form, word: &str, kind: RowJobKind) -> RowSql {
    let key: Vec<(String, String)> = form
        .key
        .iter()
        .map(|c| (c.name.to_string(), c.sql_type.clone()))
        .collect();
    let (work, wrong) = match kind {
        RowJobKind::Fill => (fill(form), None),
        RowJobKind::Verify => {
            let condition = if word == "verify" {
                wrong_new(form)
            } else {
                wrong_either(form)
            };
            verify(form, &condition)
        }
        RowJobKind::Export => (export(form), None),
        RowJobKind::Restore => (restore(form), None),
    };
    RowSql {
        table: form.qualified(),
        key,
        work,
        wrong,
        count: (kind == RowJobKind::Restore).then(|| count_restore(form)),
        bounded: matches!(kind, RowJobKind::Fill | RowJobKind::Restore),
    }
}

fn fill(form: &Form) -> String {
    let sets: Vec<String> = form
        .ruled()
        .map(|(column, up)| match column.fill {
            Fill::Always => format!("{} = {}", column.name, up.call("t")),
            Fill::Once => format!("{0} = coalesce(t.{0}, {1})", column.name, up.call("t")),
        })
        .collect();
    format!(
        "UPDATE {} AS t SET {} WHERE {RANGE} AND ({})",
        form.qualified(),
        sets.join(", "),
        unfilled(form)
    )
}

/// "A new column has not got its value." One that is filled once may get NULL;
/// it is asked again then, which changes nothing.
fn unfilled(form: &Form) -> String {
    let terms: Vec<String> = form
        .ruled()
        .map(|(column, up)| match column.fill {
            Fill::Always => differs(column, up),
            Fill::Once => format!("t.{} IS NULL", column.name),
        })
        .collect();
    terms.join(" OR ")
}

fn differs(column: &NewColumn, up: &Mapping) -> String {
    format!("t.{} IS DISTINCT FROM {}", column.name, up.call("t"))
}

/// "A new column is not what `up` says."
fn wrong_new(form: &Form) -> String {
    let terms: Vec<String> = form
        .ruled()
        .filter_map(|(column, up)| match column.fill {
            Fill::Always => Some(differs(column, up)),
            Fill::Once if !column.nullable => Some(format!("t.{} IS NULL", column.name)),
            Fill::Once => None,
        })
        .collect();
    if terms.is_empty() {
        "false".into()
    } else {
        terms.join(" OR ")
    }
}

/// "Neither form follows from the other." An old value that the round trip
/// changes stays as it is until somebody writes the new one.
fn wrong_either(form: &Form) -> String {
    let replacing = form.columns.iter().filter(|column| !column.down.is_empty());
    let terms: Vec<String> = replacing
        .map(|column| {
            let not_down: Vec<String> = column
                .down
                .iter()
                .map(|(old, down)| format!("t.{} IS DISTINCT FROM {}", old.name, down.call("t")))
                .collect();
            let not_down = not_down.join(" OR ");
            match column.rule() {
                Some(up) => format!("({not_down}) AND {}", differs(column, up)),
                None => format!("({not_down})"),
            }
        })
        .collect();
    if terms.is_empty() {
        "false".into()
    } else {
        terms.join(" OR ")
    }
}

/// One statement, one snapshot: count, wrong rows, and the sum of a 64-bit
/// hash of key and new columns under two seeds. Sums are not linear in the
/// hashed bytes, so equal errors in many rows do not cancel out, as they do
/// with BIT_XOR(CRC32).
fn verify(form: &Form, condition: &str) -> (String, Option<String>) {
    let mut hashed: Vec<String> = form.key.iter().map(|c| format!("t.{}", c.name)).collect();
    hashed.extend(form.ruled().map(|(column, _)| format!("t.{}", column.name)));
    let row = format!("ROW({})", hashed.join(", "));
    let work = format!(
        "SELECT count(*), count(*) FILTER (WHERE {condition}), coalesce(sum(hash_record_extended({row}, 1)), 0)::text, coalesce(sum(hash_record_extended({row}, 2)), 0)::text FROM {} AS t WHERE {RANGE}",
        form.qualified()
    );
    let keys: Vec<String> = form
        .key
        .iter()
        .map(|c| format!("t.{}::text", c.name))
        .collect();
    let wrong = format!(
        "SELECT string_agg(k, ', ') FROM (SELECT concat_ws('/', {}) AS k FROM {} AS t WHERE {RANGE} AND ({condition}) LIMIT 5) s",
        keys.join(", "),
        form.qualified()
    );
    (work, Some(wrong))
}
