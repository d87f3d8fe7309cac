//! Statements of the `Act` steps, complete, in order. Executor and listing
//! take them from here, so what is shown is what runs.

use super::shape::TableShape;
use super::steps::Action;
use super::trigger::{Authority, trigger_names, triggers};
use super::work::{Expansion, NewColumn, TableWork, Work};
use crate::base::Ident;

/// `ALTER TABLE … ADD COLUMN` of a new column.
pub fn add_column(table: &TableWork, column: &NewColumn) -> String {
    let mut sql = format!(
        "ALTER TABLE {} ADD COLUMN {} {}",
        table.table, column.name, column.sql_type
    );
    if !column.nullable {
        sql.push_str(" NOT NULL");
    }
    if let Some(default) = &column.default {
        sql.push_str(&format!(" DEFAULT {default}"));
    }
    sql
}

/// `ALTER TABLE … DROP COLUMN`.
pub fn drop_column(table: &Ident, column: &Ident) -> String {
    format!("ALTER TABLE {table} DROP COLUMN {column}")
}

/// Takes every trigger of ours away from a table.
pub fn drop_triggers(table: &Ident) -> Vec<String> {
    trigger_names(table)
        .iter()
        .map(|name| format!("DROP TRIGGER IF EXISTS \"{}\"", name.replace('"', "\"\"")))
        .collect()
}

/// Replaces whatever triggers of ours a table has by those of one direction.
pub fn set_triggers(table: &TableWork, shape: &TableShape, authority: Authority) -> Vec<String> {
    let mut sql = drop_triggers(&table.table);
    sql.extend(triggers(table, shape, authority).into_iter().map(|t| t.sql));
    sql
}

/// Adds a replaced column again. What `ADD COLUMN` cannot say is left out.
pub fn bring_back(table: &TableWork, shape: &TableShape, old: &Ident) -> String {
    let Some(column) = shape.column(old) else {
        return format!("ALTER TABLE {} ADD COLUMN {old}", table.table);
    };
    let mut sql = format!(
        "ALTER TABLE {} ADD COLUMN {old} {}",
        table.table, column.sql_type
    );
    if let Some(default) = &column.default {
        if column.not_null {
            sql.push_str(" NOT NULL");
        }
        sql.push_str(&format!(" DEFAULT {default}"));
    }
    sql.trim_end().to_owned()
}

/// What an action runs on a shard where nothing of it is done yet.
pub fn action(work: &Work, shapes: &[TableShape], action: Action) -> Vec<String> {
    let tables = || work.tables.iter().zip(shapes);
    match action {
        Action::Expand(Expansion::Column(t, c)) => {
            vec![add_column(&work.tables[t], &work.tables[t].columns[c])]
        }
        Action::Expand(Expansion::Statement(i)) => vec![work.statements[i].up.clone()],
        Action::Unexpand(Expansion::Column(t, c)) => {
            let table = &work.tables[t];
            vec![drop_column(&table.table, &table.columns[c].name)]
        }
        Action::Unexpand(Expansion::Statement(i)) => {
            work.statements[i].down.iter().cloned().collect()
        }
        Action::DualWrite => tables()
            .flat_map(|(t, s)| set_triggers(t, s, Authority::Old))
            .collect(),
        Action::Switch(authority) => tables()
            .flat_map(|(t, s)| set_triggers(t, s, authority))
            .collect(),
        Action::Remove => {
            let mut sql: Vec<String> = tables()
                .flat_map(|(t, _)| drop_triggers(&t.table))
                .collect();
            for expansion in work.expand.iter().rev() {
                sql.extend(self::action(work, shapes, Action::Unexpand(*expansion)));
            }
            sql
        }
        Action::DropOld => tables()
            .flat_map(|(t, _)| {
                let mut sql = drop_triggers(&t.table);
                sql.extend(t.down.keys().map(|old| drop_column(&t.table, old)));
                sql
            })
            .collect(),
        Action::BringBack => tables()
            .flat_map(|(t, s)| {
                let columns = t.down.keys().map(|old| bring_back(t, s, old));
                let mut sql: Vec<String> = columns.collect();
                sql.extend(set_triggers(t, s, Authority::New));
                sql
            })
            .collect(),
    }
}
