//! SQL of row jobs: what is done with one chunk of rows.

use super::form::Form;
use super::steps::export_table;
use crate::migration::Fill;
use crate::worker::RowJobKind;

/// Where the range goes in a statement. No identifier can hold a control
/// character, so no name is ever taken for it.
const RANGE: &str = "\u{1}range\u{1}";

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
    /// Whether the job ends at the highest key of its start.
    pub(crate) bounded: bool,
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

    /// A sample of keys in key order, for cutting ranges.
    pub(crate) fn sample(&self, percent: &str) -> String {
        format!(
            "SELECT {} FROM {} TABLESAMPLE SYSTEM ({percent}) ORDER BY {} LIMIT 20000",
            self.key_texts(),
            self.table,
            self.key_list()
        )
    }

    /// The work with its range filled in.
    pub(crate) fn work(&self, after: Bound, until: Bound) -> String {
        self.work
            .replace(RANGE, &range(&self.key, "t.", after, until))
    }

    /// The search for wrong rows with its range filled in.
    pub(crate) fn wrong(&self, after: Bound, until: Bound) -> Option<String> {
        Some(
            self.wrong
                .as_ref()?
                .replace(RANGE, &range(&self.key, "t.", after, until)),
        )
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
                wrong_old(form)
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
        wrong_new(form)
    )
}

/// "A new column is not what `up` says."
fn wrong_new(form: &Form) -> String {
    let terms: Vec<String> = form
        .ruled()
        .filter_map(|(column, up)| match column.fill {
            Fill::Always => Some(format!(
                "t.{} IS DISTINCT FROM {}",
                column.name,
                up.call("t")
            )),
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

/// "An old column is not what `down` says."
fn wrong_old(form: &Form) -> String {
    let terms: Vec<String> = form
        .replaced()
        .map(|(_, old, down)| format!("t.{} IS DISTINCT FROM {}", old.name, down.call("t")))
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

fn kept_columns(form: &Form) -> Vec<String> {
    let mut columns: Vec<String> = form.key.iter().map(|c| c.name.to_string()).collect();
    for (column, old, _) in form.replaced() {
        for name in [column.name.to_string(), old.name.to_string()] {
            if !columns.contains(&name) {
                columns.push(name);
            }
        }
    }
    columns
}

fn export(form: &Form) -> String {
    let columns = kept_columns(form);
    let from: Vec<String> = columns.iter().map(|c| format!("t.{c}")).collect();
    let fresh: Vec<String> = columns
        .iter()
        .map(|c| format!("{c} = excluded.{c}"))
        .collect();
    format!(
        "INSERT INTO {} ({}) SELECT {} FROM {} AS t WHERE {RANGE} ON CONFLICT ({}) DO UPDATE SET {}",
        export_table(form),
        columns.join(", "),
        from.join(", "),
        form.qualified(),
        form.key_list(),
        fresh.join(", ")
    )
}

/// Merge restore: the exported value where the row's new form is unchanged,
/// `down(new)` elsewhere. Gives the number of the former.
fn restore(form: &Form) -> String {
    let same_key: Vec<String> = form
        .key
        .iter()
        .map(|c| format!("e.{0} = s.{0}", c.name))
        .collect();
    let sets: Vec<String> = form
        .replaced()
        .map(|(column, old, down)| {
            if down.inputs.iter().any(|(name, _)| *name != column.name) {
                // `down` reads more than the export keeps: only `down` knows.
                return format!("{} = {}", old.name, down.call("t"));
            }
            format!(
                "{old} = CASE WHEN e.pilothouse_found AND e.{new} IS NOT DISTINCT FROM t.{new} THEN e.{old} ELSE {made} END",
                old = old.name,
                new = column.name,
                made = down.call("t")
            )
        })
        .collect();
    let key: Vec<String> = form
        .key
        .iter()
        .map(|c| format!("s.{0} = t.{0}", c.name))
        .collect();
    let same: Vec<String> = form
        .replaced()
        .map(|(column, _, _)| format!("e.{0} IS NOT DISTINCT FROM t.{0}", column.name))
        .collect();
    format!(
        "WITH put AS (UPDATE {table} AS t SET {} FROM {table} AS s LEFT JOIN LATERAL (SELECT e.*, true AS pilothouse_found FROM {} AS e WHERE {}) AS e ON true WHERE {} AND {RANGE} RETURNING coalesce(e.pilothouse_found AND {}, false) AS exact) SELECT count(*) FILTER (WHERE exact) FROM put",
        sets.join(", "),
        export_table(form),
        same_key.join(" AND "),
        key.join(" AND "),
        same.join(" AND "),
        table = form.qualified(),
    )
}
