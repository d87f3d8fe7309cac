//! SQL that works on the rows of one key range.

use super::lex;
use super::shape::{TableShape, tuple};
use super::trigger::{Authority, differs, set_once};
use super::work::{Source, TableWork};
use crate::base::Ident;

/// A key as SQL literals, one per key column, spelt by SQLite's `quote()`.
pub type Literals = [String];

/// `WHERE` condition of a half-open range: after `after`, up to and with `upto`.
pub fn between(shape: &TableShape, after: Option<&Literals>, upto: Option<&Literals>) -> String {
    let key = shape.key_tuple();
    let literal = |key: &Literals| tuple(key.iter().cloned());
    let parts: Vec<String> = [
        after.map(|k| format!("{key} > {}", literal(k))),
        upto.map(|k| format!("{key} <= {}", literal(k))),
    ]
    .into_iter()
    .flatten()
    .collect();
    if parts.is_empty() {
        "1".into()
    } else {
        parts.join(" AND ")
    }
}

/// The key `rows` places after the beginning of the range, if there are as many.
pub fn nth_key(work: &TableWork, shape: &TableShape, range: &str, rows: u64) -> String {
    format!(
        "SELECT {} FROM {} WHERE {range} ORDER BY {} LIMIT 1 OFFSET {}",
        shape.key_literals(),
        work.table,
        shape.key_list(),
        rows.saturating_sub(1)
    )
}

/// The last key of the range.
pub fn last_key(work: &TableWork, shape: &TableShape, range: &str) -> String {
    format!(
        "SELECT {} FROM {} WHERE {range} ORDER BY {} LIMIT 1",
        shape.key_literals(),
        work.table,
        shape.key_list_descending()
    )
}

/// How many rows the range has.
pub fn count(work: &TableWork, range: &str) -> String {
    format!("SELECT count(*) FROM {} WHERE {range}", work.table)
}

/// Fills the new form. Rows that are right already are left alone.
pub fn fill(work: &TableWork, range: &str) -> String {
    let mut sets = Vec::new();
    let mut needed = Vec::new();
    for column in &work.columns {
        match &column.source {
            Source::Kept(up) => {
                sets.push(format!("{} = ({up})", column.name));
                needed.push(differs(&column.name, up));
            }
            Source::Once(_) => {
                sets.push(set_once(column));
                needed.push(format!("{} IS ({})", column.name, column.blank()));
            }
            Source::Application => {}
        }
    }
    format!(
        "UPDATE {} SET {} WHERE {range} AND ({})",
        work.table,
        sets.join(", "),
        needed.join(" OR ")
    )
}

/// True for a row that is wrong. While the old form rules, the new one must be
/// `up(old)`. Later a row is right if either form follows from the other: a
/// value that the round trip changes was never touched by a new client.
pub fn wrong(work: &TableWork, authority: Authority) -> String {
    let mut not_up: Vec<String> = work
        .columns
        .iter()
        .filter_map(|c| c.kept().map(|up| differs(&c.name, up)))
        .collect();
    let blank_once = work
        .columns
        .iter()
        .filter(|c| matches!(c.source, Source::Once(_)) && !c.nullable);
    let mut always: Vec<String> = blank_once.map(|c| format!("{} IS NULL", c.name)).collect();
    match authority {
        Authority::Old => always.append(&mut not_up),
        Authority::New if work.down.is_empty() => {}
        Authority::New => {
            let not_down: Vec<String> = work
                .down
                .iter()
                .map(|(old, down)| differs(old, down))
                .collect();
            let by_up = if not_up.is_empty() {
                "1".to_owned()
            } else {
                not_up.join(" OR ")
            };
            always.push(format!("(({by_up}) AND ({}))", not_down.join(" OR ")));
        }
    }
    if always.is_empty() {
        "0".into()
    } else {
        always.join(" OR ")
    }
}

/// Every row of the range: whether it is wrong, how many key parts follow,
/// then key and both forms as literals.
pub fn read(work: &TableWork, shape: &TableShape, range: &str, authority: Authority) -> String {
    let forms = form_columns(work);
    let forms: Vec<String> = forms.iter().map(|c| format!("quote({c})")).collect();
    let mut selected = vec![
        format!("CASE WHEN {} THEN '1' ELSE '0' END", wrong(work, authority)),
        shape.key_literals(),
    ];
    selected.extend(forms);
    format!(
        "SELECT {} FROM {} WHERE {range} ORDER BY {}",
        selected.join(", "),
        work.table,
        shape.key_list()
    )
}

/// The columns of both forms: replaced ones, then new ones.
pub fn form_columns(work: &TableWork) -> Vec<&Ident> {
    let new = work.columns.iter().map(|c| &c.name);
    work.down.keys().chain(new).collect()
}

/// Name of the table that keeps what a drop loses, quoted.
pub fn export_table(table: usize) -> String {
    format!("\"pilothouse_export_{table}\"")
}

/// What a `down` reads besides key and new form: whether a row is unchanged
/// is judged by these, too.
fn inputs<'a>(work: &TableWork, shape: &'a TableShape) -> Vec<&'a Ident> {
    let downs: Vec<Vec<lex::Token>> = work
        .down
        .values()
        .filter_map(|down| lex::tokens(down).ok())
        .collect();
    let is = |a: &Ident, b: &Ident| a.as_str().eq_ignore_ascii_case(b.as_str());
    let is_kept = |name: &Ident| {
        shape.keys.iter().any(|key| is(key, name))
            || form_columns(work).into_iter().any(|form| is(form, name))
    };
    let names = shape.columns.iter().map(|c| &c.name);
    names
        .filter(|name| !is_kept(name))
        .filter(|name| downs.iter().any(|d| lex::names(d, name.as_str())))
        .collect()
}

/// Its definition: key, old form, new form, what else `down` reads; without
/// types, so that every value is kept as it is.
pub fn create_export(table: usize, work: &TableWork, shape: &TableShape) -> String {
    let keys = numbered("k", shape.keys.len());
    let olds = numbered("o", work.down.len());
    let news = numbered("n", work.columns.len());
    format!(
        "CREATE TABLE IF NOT EXISTS {} ({}, PRIMARY KEY ({})) WITHOUT ROWID",
        export_table(table),
        [
            keys.clone(),
            olds,
            news,
            numbered("i", inputs(work, shape).len())
        ]
        .concat()
        .join(", "),
        keys.join(", "),
    )
}

/// Copies the range into the export.
pub fn export(table: usize, work: &TableWork, shape: &TableShape, range: &str) -> String {
    let mut forms: Vec<String> = form_columns(work).iter().map(|c| c.to_string()).collect();
    forms.extend(inputs(work, shape).iter().map(|c| c.to_string()));
    format!(
        "INSERT OR REPLACE INTO {} SELECT {}, {} FROM {} WHERE {range}",
        export_table(table),
        shape.key_list(),
        forms.join(", "),
        work.table
    )
}

/// True where the exported row is still the row's own: same key, same new
/// form, and the same in all that `down` reads.
fn unchanged(work: &TableWork, shape: &TableShape) -> String {
    let keys = shape
        .keys
        .iter()
        .enumerate()
        .map(|(i, key)| format!("x.k{i} = {}.{key}", work.table));
    let news = work
        .columns
        .iter()
        .enumerate()
        .map(|(i, c)| format!("(x.n{i} COLLATE BINARY) IS {}.{}", work.table, c.name));
    let inputs = inputs(work, shape);
    let read = inputs
        .iter()
        .enumerate()
        .map(|(i, name)| format!("(x.i{i} COLLATE BINARY) IS {}.{name}", work.table));
    let all: Vec<String> = keys.chain(news).chain(read).collect();
    all.join(" AND ")
}

/// How many rows of the range get their exported value back.
pub fn count_exact(table: usize, work: &TableWork, shape: &TableShape, range: &str) -> String {
    format!(
        "SELECT count(*) FROM {t} WHERE {range} AND EXISTS (SELECT 1 FROM {} x WHERE {})",
        export_table(table),
        unchanged(work, shape),
        t = work.table
    )
}

/// Brings dropped values back: the exported one where the row is unchanged,
/// `down(new)` elsewhere.
pub fn restore(table: usize, work: &TableWork, shape: &TableShape, range: &str) -> Vec<String> {
    let t = &work.table;
    let derived: Vec<String> = work
        .down
        .iter()
        .map(|(old, down)| format!("{old} = ({down})"))
        .collect();
    let export = export_table(table);
    let same = unchanged(work, shape);
    let exported: Vec<String> = work
        .down
        .keys()
        .enumerate()
        .map(|(i, old)| format!("{old} = (SELECT x.o{i} FROM {export} x WHERE {same})"))
        .collect();
    vec![
        format!("UPDATE {t} SET {} WHERE {range}", derived.join(", ")),
        format!(
            "UPDATE {t} SET {} WHERE {range} AND EXISTS (SELECT 1 FROM {export} x WHERE {same})",
            exported.join(", ")
        ),
    ]
}

fn numbered(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|i| format!("{prefix}{i}")).collect()
}
