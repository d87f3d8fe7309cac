//! The triggers that keep the other form up, one direction at a time.
//!
//! Each trigger first refuses what the statement may not write, then fills:
//! in one trigger the order is certain, between two it is not. They look at
//! the stored row, so affinity and collation are the column's own.

use super::shape::TableShape;
use super::work::{NewColumn, Source, TableWork};
use crate::base::code::{NEW_TOO_EARLY, OLD_TOO_LATE};
use crate::base::{Ident, quote_literal};

/// Who may write what on a SQLite shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authority {
    /// The old form is written, the new one is kept up.
    Old,
    /// The new form is written, the old one is kept up.
    New,
}

impl Authority {
    /// As it stands in the registry.
    pub fn word(self) -> &'static str {
        match self {
            Self::Old => "old",
            Self::New => "new",
        }
    }

    /// From the registry.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "old" => Some(Self::Old),
            "new" => Some(Self::New),
            _ => None,
        }
    }
}

/// One trigger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// Its name, unquoted.
    pub name: String,
    /// Its whole statement.
    pub sql: String,
}

/// The names that triggers of this table can have.
pub fn trigger_names(table: &Ident) -> [String; 2] {
    ["insert", "update"].map(|event| format!("pilothouse_{event}_{}", table.as_str()))
}

/// One column that is kept up: `column := expression`.
struct Kept<'a> {
    column: &'a Ident,
    expression: &'a str,
    blank: String,
}

impl Kept<'_> {
    fn is_wrong(&self) -> String {
        differs(self.column, self.expression)
    }

    fn is_written(&self) -> String {
        let Self { column, blank, .. } = self;
        format!("{column} IS NOT NULL AND {column} IS NOT ({blank})")
    }
}

/// True where a stored value is not what an expression gives. BINARY, because
/// a NOCASE column would call two different values the same.
pub fn differs(column: &Ident, expression: &str) -> String {
    format!("({column} COLLATE BINARY) IS NOT ({expression})")
}

/// The triggers of one table for one authority; none if nothing is kept up.
pub fn triggers(work: &TableWork, shape: &TableShape, authority: Authority) -> Vec<Trigger> {
    let kept = kept(work, shape, authority);
    let once: Vec<&NewColumn> = match authority {
        Authority::Old => work.columns.iter().filter(|c| is_once(c)).collect(),
        Authority::New => Vec::new(),
    };
    let [insert, update] = trigger_names(&work.table);
    let mut found = Vec::new();
    if !kept.is_empty() || !once.is_empty() {
        let written = |k: &Kept<'_>| format!("({} AND {})", k.is_written(), k.is_wrong());
        let body = body(work, shape, &kept, &once, authority, &written);
        found.push(statement(&insert, "INSERT", &work.table, &body));
    }
    if !kept.is_empty() {
        let changed = |k: &Kept<'_>| {
            let column = k.column;
            format!(
                "(({column} COLLATE BINARY) IS NOT OLD.{column} AND {})",
                k.is_wrong()
            )
        };
        let body = body(work, shape, &kept, &[], authority, &changed);
        found.push(statement(&update, "UPDATE", &work.table, &body));
    }
    found
}

fn is_once(column: &NewColumn) -> bool {
    matches!(column.source, Source::Once(_))
}

fn kept<'a>(work: &'a TableWork, shape: &TableShape, authority: Authority) -> Vec<Kept<'a>> {
    match authority {
        Authority::Old => work
            .columns
            .iter()
            .filter_map(|column| {
                column.kept().map(|expression| Kept {
                    column: &column.name,
                    expression,
                    blank: column.blank().to_owned(),
                })
            })
            .collect(),
        Authority::New => work
            .down
            .iter()
            .map(|(column, expression)| Kept {
                column,
                expression,
                blank: shape
                    .column(column)
                    .and_then(|c| c.default.clone())
                    .unwrap_or_else(|| "NULL".into()),
            })
            .collect(),
    }
}

fn body(
    work: &TableWork,
    shape: &TableShape,
    kept: &[Kept<'_>],
    once: &[&NewColumn],
    authority: Authority,
    refused: &dyn Fn(&Kept<'_>) -> String,
) -> String {
    let table = &work.table;
    let row = shape.is_new_row();
    let mut lines = Vec::new();
    if !kept.is_empty() {
        let message = quote_literal(&refusal(table, kept, authority));
        let any: Vec<String> = kept.iter().map(refused).collect();
        lines.push(format!(
            "  SELECT RAISE(ABORT, {message}) FROM {table} WHERE {row} AND ({});",
            any.join(" OR ")
        ));
    }
    let mut sets: Vec<String> = kept
        .iter()
        .map(|k| format!("{} = ({})", k.column, k.expression))
        .collect();
    let mut needed: Vec<String> = kept.iter().map(Kept::is_wrong).collect();
    for column in once {
        sets.push(set_once(column));
        needed.push(format!("{} IS ({})", column.name, column.blank()));
    }
    lines.push(format!(
        "  UPDATE {table} SET {} WHERE {row} AND ({});",
        sets.join(", "),
        needed.join(" OR ")
    ));
    lines.join("\n")
}

/// `c = CASE WHEN nobody has written it THEN … ELSE c END`.
pub(super) fn set_once(column: &NewColumn) -> String {
    let (name, blank) = (&column.name, column.blank());
    match &column.source {
        Source::Once(expression) => {
            format!("{name} = CASE WHEN {name} IS ({blank}) THEN ({expression}) ELSE {name} END")
        }
        Source::Application | Source::Kept(_) => format!("{name} = {name}"),
    }
}

fn refusal(table: &Ident, kept: &[Kept<'_>], authority: Authority) -> String {
    let columns: Vec<&str> = kept.iter().map(|k| k.column.as_str()).collect();
    let columns = columns.join(", ");
    let table = table.as_str();
    match authority {
        Authority::Old => format!(
            "{NEW_TOO_EARLY} a migration still writes {table} ({columns}) from the old columns; write those"
        ),
        Authority::New => format!(
            "{OLD_TOO_LATE} a migration has retired {table} ({columns}); write the new columns"
        ),
    }
}

fn statement(name: &str, event: &str, table: &Ident, body: &str) -> Trigger {
    let quoted = name.replace('"', "\"\"");
    Trigger {
        name: name.to_owned(),
        sql: format!("CREATE TRIGGER \"{quoted}\" AFTER {event} ON {table} BEGIN\n{body}\nEND"),
    }
}
