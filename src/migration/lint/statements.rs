//! Statements written by hand: squawk's rules, and a few that it has not.

use super::{Breach, RULES};
use crate::migration::expression_check::statement_starts;
use crate::migration::{Operation, Sql};
use squawk_linter::Linter;
use squawk_syntax::SourceFile;

pub(super) fn breaches(key: &'static str, before: &[Operation], sql: &Sql) -> Vec<Breach> {
    let text = match key {
        "down" => sql.down.as_deref().unwrap_or_default(),
        _ => &sql.up,
    };
    let mut found = by_squawk(key, &made_before(before), text, sql.probe.is_none());
    found.extend(ours(key, before, text));
    found
}

/// Whether a statement changes rows of a table that an earlier operation makes:
/// nobody waits for those.
fn is_on_new_table(before: &[Operation], words: &[&str]) -> bool {
    let rest = match words {
        ["delete", "from", "only", rest @ ..] | ["delete", "from", rest @ ..] => rest,
        ["update", "only", rest @ ..] | ["update", rest @ ..] => rest,
        _ => return false,
    };
    before.iter().any(|operation| match operation {
        Operation::CreateTable(create) => {
            let (schema, table) = (create.table.schema.as_str(), create.table.table.as_str());
            rest.starts_with(&[schema, table]) || schema == "public" && rest.starts_with(&[table])
        }
        _ => false,
    })
}

/// What earlier operations create has no rows and no clients yet.
fn made_before(before: &[Operation]) -> String {
    let made = before.iter().filter_map(|operation| match operation {
        Operation::CreateTable(create) => Some(format!(
            "CREATE TABLE {} (pilothouse bigint);\n",
            create.table
        )),
        Operation::Sql(sql) => Some(format!("{};\n", sql.up)),
        _ => None,
    });
    made.collect()
}

fn by_squawk(
    key: &'static str,
    made_before: &str,
    text: &str,
    in_transaction: bool,
) -> Vec<Breach> {
    let whole = format!("{made_before}{text}");
    let rules = RULES
        .iter()
        .filter_map(|rule| squawk_linter::Rule::try_from(rule.name).ok());
    let mut linter = Linter::from(rules);
    linter.settings.assume_in_transaction = in_transaction;
    let violations = linter.lint(&SourceFile::parse(&whole), &whole);
    let mut found = Vec::new();
    for violation in violations {
        let start = usize::from(violation.text_range.start());
        let end = usize::from(violation.text_range.end());
        let Some(at) = start.checked_sub(made_before.len()) else {
            continue;
        };
        let words = whole.get(start..end).unwrap_or_default();
        found.extend(Breach::of(
            &violation.code.to_string(),
            key,
            subject(text, at, words),
        ));
    }
    found
}

/// `line 2, "CREATE INDEX …"`.
fn subject(text: &str, at: usize, words: &str) -> String {
    const LONGEST: usize = 60;
    let line = text.get(..at).unwrap_or_default().matches('\n').count() + 1;
    let words: Vec<&str> = words.split_whitespace().collect();
    let words = words.join(" ");
    let short = match words.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    };
    format!("line {line}, \"{short}\"")
}

/// Hazards that squawk does not name.
fn ours(key: &'static str, before: &[Operation], text: &str) -> Vec<Breach> {
    let mut found = Vec::new();
    for words in statement_starts(text) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        if is_on_new_table(before, &words) {
            continue;
        }
        if let Some(rule) = hazard(&words) {
            let start = words.iter().take(6).copied().collect::<Vec<_>>().join(" ");
            found.extend(Breach::of(rule, key, format!("\"{start} …\"")));
        }
    }
    found
}

/// The rule that a statement of these words breaks.
fn hazard(words: &[&str]) -> Option<&'static str> {
    let has = |run: &[&str]| words.windows(run.len()).any(|window| window == run);
    let alters = |what: &str| words.starts_with(&["alter", what]);
    match words {
        ["update" | "delete" | "merge", ..] => Some("rows-in-one-transaction"),
        ["with", ..] if has_update(words) || has(&["delete", "from"]) => {
            Some("rows-in-one-transaction")
        }
        ["lock", ..] => Some("explicit-lock"),
        ["cluster", ..] | ["vacuum", "full", ..] => Some("prefer-repack"),
        ["truncate", ..] => Some("ban-truncate"),
        ["drop", "schema", ..] => Some("ban-drop-schema"),
        ["refresh", "materialized", "view", rest @ ..] if !rest.contains(&"concurrently") => {
            Some("require-concurrent-refresh")
        }
        _ if alters("table") && words.contains(&"exclude") => Some("adding-exclusion-constraint"),
        _ if alters("schema") && has(&["rename", "to"]) => Some("renaming-schema"),
        _ if alters("type") && has(&["rename", "value"]) => Some("renaming-enum-value"),
        _ if alters("table") => {
            let rewrites: [&[&str]; 4] = [
                &["set", "tablespace"],
                &["set", "logged"],
                &["set", "unlogged"],
                &["set", "access", "method"],
            ];
            let rewrites = rewrites.iter().any(|run| has(run));
            rewrites.then_some("table-rewrite")
        }
        _ => None,
    }
}

/// An UPDATE within: not the lock of `FOR UPDATE`, nor what an INSERT does on
/// conflict.
fn has_update(words: &[&str]) -> bool {
    let mut pairs = words.windows(2);
    pairs.any(|pair| pair[1] == "update" && !matches!(pair[0], "for" | "key" | "do"))
}
