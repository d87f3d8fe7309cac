//! Advice on columns and indexes of operations.

use super::Breach;
use crate::migration::sql_type::is_serial;
use crate::migration::{CreateTable, Generated, Operation, Rule};

const WIDE: usize = 3;

pub(super) fn advice(operation: &Operation) -> Vec<Breach> {
    match operation {
        Operation::CreateTable(create) => in_table(create),
        Operation::AddColumn(add) => typed(&add.sql_type, "column.type", add.column.as_str()),
        Operation::AlterColumn(alter) => match &alter.sql_type {
            Some(sql_type) => typed(sql_type, "type", alter.column.as_str()),
            None => Vec::new(),
        },
        Operation::CreateIndex(index) if !index.unique && index.keys.len() > WIDE => {
            let subject = format!("index {}", index.name.as_str());
            Breach::of("wide-index", "keys", subject)
                .into_iter()
                .collect()
        }
        _ => Vec::new(),
    }
}

fn in_table(create: &CreateTable) -> Vec<Breach> {
    let keys = create.constraints.iter().filter_map(|c| match &c.rule {
        Rule::PrimaryKey(key) => Some(&key.columns),
        _ => None,
    });
    let keys: Vec<_> = keys.flatten().collect();
    let mut found = Vec::new();
    for column in &create.columns {
        let name = column.name.as_str();
        found.extend(typed(&column.sql_type, "columns", name));
        let identity = matches!(column.generated, Some(Generated::Identity { .. }));
        if !identity && !keys.contains(&&column.name) {
            continue;
        }
        let rule = match first_word(&column.sql_type).as_str() {
            "integer" | "int" | "int4" => "prefer-bigint-over-int",
            "smallint" | "int2" => "prefer-bigint-over-smallint",
            _ => continue,
        };
        found.extend(Breach::of(rule, "columns", format!("key column {name}")));
    }
    found
}

fn typed(sql_type: &str, key: &'static str, name: &str) -> Vec<Breach> {
    let lower = sql_type.to_lowercase();
    let is_long = lower.contains('(');
    let rule = match first_word(sql_type).as_str() {
        "char" | "character" if !lower.contains("varying") => "ban-char-field",
        "varchar" | "character" if is_long => "prefer-text-field",
        "timestamp" if !lower.contains("with time zone") => "prefer-timestamp-tz",
        "json" => "prefer-jsonb",
        _ if is_serial(sql_type) => "prefer-identity",
        _ => return Vec::new(),
    };
    let subject = format!("{name} as {sql_type}");
    Breach::of(rule, key, subject).into_iter().collect()
}

/// `numeric` of `numeric(10,2)`, folded.
fn first_word(sql_type: &str) -> String {
    let is_end = |c: char| !c.is_alphanumeric() && c != '_';
    let word = sql_type.trim().split(is_end).next();
    word.unwrap_or_default().to_lowercase()
}
