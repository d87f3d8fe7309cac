//! Whether indexes can be built and rows be written, tried before anybody
//! waits for them: on an empty copy of the table, and by the checks that old
//! rows were never held to.

use super::finding;
use crate::base::Untrusted;
use crate::migration::Operation;
use crate::shard::postgres::dialect::{ConstraintKind, Load, by_table, in_brackets};
use crate::shard::postgres::expression::attempt;
use crate::shard::postgres::{Failure, Inner};
use crate::worker::{Check, CheckVerdict};
use sqlx::Row as _;
use sqlx::postgres::PgConnection;

pub(super) async fn checks(
    connection: &mut PgConnection,
    shard: &Inner,
) -> Result<Vec<Check>, Failure> {
    let mut out = indexes(connection, shard).await;
    out.extend(unchecked_rows(connection, shard).await);
    Ok(out)
}

/// Every index that will be built, on an empty copy of its table with the new
/// columns.
async fn indexes(connection: &mut PgConnection, shard: &Inner) -> Vec<Check> {
    // Statements by hand may make what is missing: an extension, a function.
    let by_hand = |operation: &Operation| matches!(operation, Operation::Sql(_));
    let verdict = match shard.migration.operations.iter().any(by_hand) {
        true => CheckVerdict::Warn,
        false => CheckVerdict::Fail,
    };
    let mut out = Vec::new();
    for action in shard.program().actions.values() {
        let Load::Index(table, definition) = &action.load else {
            continue;
        };
        let qualified = table.to_string();
        // The server spells the name in its own way.
        let quoted = definition.strip_prefix(&format!("ON {qualified}"));
        let spelled = || definition.find(" USING ").map(|at| &definition[at..]);
        let rest = quoted.or_else(spelled);
        if shard.catalog.table(table).is_none() || rest.is_none() {
            continue;
        }
        let forms = shard.program().forms.iter().filter(|f| f.table == *table);
        let added = forms.flat_map(|form| &form.columns).map(|column| {
            format!(
                "ALTER TABLE pg_temp.pilothouse_try ADD COLUMN IF NOT EXISTS {} {}",
                column.name, column.sql_type
            )
        });
        let mut statements = vec![
            format!("CREATE TEMP TABLE pilothouse_try (LIKE {qualified})"),
            format!("SET LOCAL search_path = {}, public, pg_temp", table.schema),
        ];
        statements.extend(added);
        statements.push(format!(
            "CREATE INDEX ON pg_temp.pilothouse_try{}",
            rest.unwrap_or_default()
        ));
        statements.push("DROP TABLE pg_temp.pilothouse_try".into());
        statements.push("SET LOCAL search_path = pg_catalog".into());
        let tried = attempt(connection, &statements).await;
        // A right that is missing is no mistake of the migration.
        let refused = tried.err().filter(|why| !why.contains("permission denied"));
        if let Some(message) = refused {
            out.push(finding(
                "index",
                verdict,
                format!("{}: {message}", action.title),
                "an index that can be built",
                "correct it; one that does not fit the new type of a column is dropped in an earlier migration and created for the new type in a later one",
            ));
        }
    }
    out
}

/// A check that was added NOT VALID holds for every row that is written: one
/// that breaks it cannot be filled.
async fn unchecked_rows(connection: &mut PgConnection, shard: &Inner) -> Vec<Check> {
    let mut out = Vec::new();
    let dual = by_table(&shard.program().forms).filter(|form| form.is_dual());
    for table in dual.filter_map(|form| shard.catalog.table(&form.table)) {
        let unchecked = table
            .constraints
            .iter()
            .filter(|c| c.kind == ConstraintKind::Check && !c.is_validated);
        for check in unchecked {
            let Some(expression) = in_brackets(&check.definition) else {
                continue;
            };
            let look = format!(
                "SELECT EXISTS (SELECT 1 FROM {} WHERE NOT {expression})",
                table.name
            );
            let found = match attempt(connection, &[look]).await {
                Ok(row) => Ok(row.is_some_and(|row| row.try_get::<bool, _>(0).unwrap_or(false))),
                Err(message) => Err(message),
            };
            let name = Untrusted::new(check.name.as_str());
            out.push(finding(
                "unchecked_rows",
                match found {
                    Ok(true) => CheckVerdict::Fail,
                    Ok(false) => CheckVerdict::Pass,
                    Err(_) => CheckVerdict::Warn,
                },
                match found {
                    Ok(true) => format!(
                        "rows of {} break check {name}, which is NOT VALID",
                        table.name.plain()
                    ),
                    Ok(false) => format!("every row meets check {name}, which is NOT VALID"),
                    Err(why) => format!(
                        "check {name} is NOT VALID, and whether rows break it is not known: {why}"
                    ),
                },
                "rows that can be written",
                "mend these rows, or drop the check, in an earlier migration",
            ));
        }
    }
    out
}
