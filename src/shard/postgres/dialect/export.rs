//! What a drop would lose, and the way back: per row its key, the old columns,
//! and every column that a `down` reads, so that "the row is unchanged since"
//! can be told for all of them.

use super::action::{Action, Load, Mode, has_column, when};
use super::form::{Form, NewColumn};
use super::mapping::Mapping;
use super::rows::{RANGE, RestoreCount};
use crate::base::{Ident, quote_literal};

/// Name of the table that keeps what a drop loses.
fn export_table(form: &Form) -> String {
    format!("pilothouse.export_{}", form.tag)
}

/// What `down` reads and the drop leaves, besides the key: name and type. The
/// new column is among it even if `down` does not read it.
fn inputs(form: &Form, column: &NewColumn, down: &Mapping) -> Vec<(Ident, String)> {
    let mut inputs = vec![(column.name.clone(), column.sql_type.clone())];
    for input in &down.inputs {
        let (name, sql_type) = (&input.column, &input.sql_type);
        let is_key = form.key.iter().any(|key| key.name == *name);
        let is_dropped = form.replaced().any(|(_, old, _)| old.name == *name);
        let is_listed = inputs.iter().any(|(listed, _)| listed == name);
        if !is_key && !is_dropped && !is_listed {
            inputs.push((name.clone(), sql_type.clone()));
        }
    }
    inputs
}

/// Every column that is kept, the key first: name and type.
fn kept(form: &Form) -> Vec<(Ident, String)> {
    let mut kept: Vec<(Ident, String)> = form
        .key
        .iter()
        .map(|key| (key.name.clone(), key.sql_type.clone()))
        .collect();
    for (column, old, down) in form.replaced() {
        let mut wanted = inputs(form, column, down);
        wanted.push((old.name.clone(), old.sql_type.clone()));
        for (name, sql_type) in wanted {
            if !kept.iter().any(|(listed, _)| *listed == name) {
                kept.push((name, sql_type));
            }
        }
    }
    for leaving in &form.leaving {
        kept.push((leaving.column.name.clone(), leaving.column.sql_type.clone()));
    }
    kept
}

pub(super) fn create_export(form: &Form) -> Action {
    let table = export_table(form);
    let columns: Vec<String> = kept(form)
        .into_iter()
        .enumerate()
        .map(|(place, (name, sql_type))| {
            let not_null = if place < form.key.len() {
                " NOT NULL"
            } else {
                ""
            };
            format!("{name} {sql_type}{not_null}")
        })
        .collect();
    Action {
        id: format!("export_table/{}", form.tag),
        title: format!("a place for what {} loses", form.table.table.as_str()),
        probe: when(&format!(
            "to_regclass({}) IS NOT NULL",
            quote_literal(&table)
        )),
        statements: vec![format!(
            "CREATE TABLE IF NOT EXISTS {table} ({}, PRIMARY KEY ({}))",
            columns.join(", "),
            form.key_list()
        )],
        mode: Mode::Transaction,
        load: Load::Brief,
        lock: "none on your tables",
    }
}

pub(super) fn export(form: &Form) -> String {
    let kept = kept(form);
    let list = |made: &dyn Fn(&Ident) -> String| {
        let made: Vec<String> = kept.iter().map(|(name, _)| made(name)).collect();
        made.join(", ")
    };
    format!(
        "INSERT INTO {} ({}) SELECT {} FROM {} AS t WHERE {RANGE} ON CONFLICT ({}) DO UPDATE SET {}",
        export_table(form),
        list(&|name| name.to_string()),
        list(&|name| format!("t.{name}")),
        form.qualified(),
        form.key_list(),
        list(&|name| format!("{name} = excluded.{name}"))
    )
}

/// "Nothing that `down` reads has changed in row `t` since `e` was exported."
/// Byte by byte: `down` may tell apart what `=` does not, and some types have
/// no `=` at all.
fn is_unchanged(form: &Form, column: &NewColumn, down: &Mapping) -> String {
    let inputs = inputs(form, column, down);
    let of = |row: &str| {
        let values: Vec<String> = inputs
            .iter()
            .map(|(name, _)| format!("{row}.{name}"))
            .collect();
        format!("ROW({})", values.join(", "))
    };
    format!(
        "(e.pilothouse_found AND record_image_eq({}, {}))",
        of("e"),
        of("t")
    )
}

/// What a merge restore would give, by the same condition, while nothing is
/// written.
pub(super) fn count_restore(form: &Form) -> RestoreCount {
    let table = form.qualified();
    let there: Vec<String> = form
        .replaced()
        .map(|(column, old, _)| match column.becomes {
            Some(_) => has_column(&table, column.name.as_str()),
            None => has_column(&table, old.name.as_str()),
        })
        .chain(
            form.leaving
                .iter()
                .map(|l| has_column(&table, l.column.name.as_str())),
        )
        .collect();
    // Dropped, a new form has the old one's name already.
    let settled: Vec<String> = form
        .columns
        .iter()
        .filter_map(|c| {
            c.becomes
                .as_ref()
                .map(|name| format!(", s.{name} AS {}", c.name))
        })
        .collect();
    let now = format!("(SELECT s.*{} FROM {table} AS s)", settled.concat());
    RestoreCount {
        is_dropped: when(&format!("NOT ({})", there.join(" AND "))),
        rows: format!(
            "SELECT count(*), count(*) FILTER (WHERE coalesce({}, false)) FROM {now} AS t LEFT JOIN LATERAL ({}) AS e ON true WHERE {RANGE}",
            all_unchanged(form),
            exported_row(form, "t"),
        ),
    }
}

/// The exported row with the key of row `of`, if there is one. `OFFSET 0`
/// keeps the planner from turning the look-up by key into a join, which would
/// read the whole export again for every chunk.
fn exported_row(form: &Form, of: &str) -> String {
    format!(
        "SELECT e.*, true AS pilothouse_found FROM {} AS e WHERE {} OFFSET 0",
        export_table(form),
        same_key(form, "e", of),
    )
}

fn same_key(form: &Form, left: &str, right: &str) -> String {
    let pairs: Vec<String> = form
        .key
        .iter()
        .map(|key| format!("{left}.{0} = {right}.{0}", key.name))
        .collect();
    pairs.join(" AND ")
}

/// Every dropped column of the row can be taken from the export.
fn all_unchanged(form: &Form) -> String {
    let same: Vec<String> = form
        .replaced()
        .map(|(column, _, down)| is_unchanged(form, column, down))
        .collect();
    if same.is_empty() {
        // Nothing can have changed since: the columns were gone.
        return "e.pilothouse_found".into();
    }
    same.join(" AND ")
}

/// Merge restore: the exported value where the row is unchanged, `down(new)`
/// elsewhere. Gives the number of rows that got exported values only.
pub(super) fn restore(form: &Form) -> String {
    let mut sets: Vec<String> = form
        .leaving
        .iter()
        .map(|leaving| {
            let name = &leaving.column.name;
            let made = match (&leaving.down, &leaving.column.default) {
                (Some(down), _) => down.call("t"),
                (None, Some(default)) => format!("({default})"),
                (None, None) => "NULL".to_owned(),
            };
            format!("{name} = CASE WHEN e.pilothouse_found THEN e.{name} ELSE {made} END")
        })
        .collect();
    let replaced = form.replaced().map(|(column, old, down)| {
        format!(
            "{old} = CASE WHEN {} THEN e.{old} ELSE {} END",
            is_unchanged(form, column, down),
            down.call("t"),
            old = old.name,
        )
    });
    sets.extend(replaced);
    format!(
        "WITH put AS (UPDATE {table} AS t SET {} FROM {table} AS s LEFT JOIN LATERAL ({}) AS e ON true WHERE {} AND {RANGE} RETURNING coalesce({}, false) AS exact) SELECT count(*) FILTER (WHERE exact) FROM put",
        sets.join(", "),
        exported_row(form, "s"),
        same_key(form, "s", "t"),
        all_unchanged(form),
        table = form.qualified(),
    )
}
