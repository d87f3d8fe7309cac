//! Whether the table itself is fit: ownership, key, names, triggers, leftovers.

use super::{finding, pass_or};
use crate::base::Untrusted;
use crate::migration::UserTriggers;
use crate::shard::postgres::dialect::{Form, TriggerTime};
use crate::shard::postgres::sql;
use crate::shard::postgres::{Failure, Inner};
use crate::worker::{Check, CheckVerdict};
use sqlx::Row;
use sqlx::postgres::PgConnection;

/// Whether the table may be changed, and how large it is.
pub(super) async fn owned(
    connection: &mut PgConnection,
    shard: &Inner,
    qualified: &str,
) -> Result<Vec<Check>, Failure> {
    let mut out = Vec::new();
    let owner = "SELECT pg_has_role(c.relowner, 'USAGE') OR coalesce((SELECT pg_has_role($2, c.relowner, 'USAGE')
        FROM pg_roles WHERE rolname = $2), false), c.relowner::regrole::text,
        pg_size_pretty(pg_total_relation_size(c.oid)), greatest(c.reltuples, 0)::bigint, row_security_active(c.oid)
        FROM pg_class c WHERE c.oid = to_regclass($1)";
    let role = shard.spec.ddl_role.as_ref().map_or("", |r| r.as_str());
    let values = vec![qualified.into(), role.into()];
    if let Some(row) = sql::row(connection, owner, values).await? {
        let owns: bool = row.try_get(0)?;
        let owner = Untrusted::new(row.try_get::<String, _>(1)?);
        out.push(finding(
            "grant_owner",
            pass_or(CheckVerdict::Fail, owns),
            format!("{qualified} belongs to {owner}"),
            "membership in the table's owner",
            &format!("GRANT {owner} TO the migrating role, or set ddl_role"),
        ));
        if row.try_get(4)? {
            out.push(hidden_rows(qualified));
        }
        let size: String = row.try_get(2)?;
        out.push(finding(
            "size",
            CheckVerdict::Pass,
            format!(
                "{qualified}: {size}, about {} rows",
                row.try_get::<i64, _>(3)?
            ),
            "–",
            "–",
        ));
    }
    Ok(out)
}

/// A policy holds for the role that migrates: it would fill and compare only
/// the rows that the policy shows.
fn hidden_rows(qualified: &str) -> Check {
    finding(
        "row_security",
        CheckVerdict::Fail,
        format!("row security of {qualified} holds for its owner too"),
        "the migrating role sees every row",
        &format!(
            "ALTER TABLE {qualified} NO FORCE ROW LEVEL SECURITY, or give ddl_role BYPASSRLS, for the time of the migration"
        ),
    )
}

/// Whether a table that gets a second form is fit for it.
pub(super) async fn checks(
    connection: &mut PgConnection,
    shard: &Inner,
    form: &Form,
) -> Result<Vec<Check>, Failure> {
    let qualified = form.qualified();
    let mut out = owned(connection, shard, &qualified).await?;
    let keyed = !form.key.is_empty();
    out.push(finding(
        "usable_key",
        pass_or(CheckVerdict::Fail, keyed),
        if keyed {
            form.key_list()
        } else {
            format!("{qualified} has no usable key")
        },
        "a primary key, or a unique index over NOT NULL columns",
        &format!("add a primary key to {qualified}"),
    ));
    let made_by = made_by(connection, shard).await?;
    out.extend(columns(connection, form, made_by).await?);
    out.extend(triggers(shard, form));
    if made_by == MadeBy::Others {
        out.extend(leftovers(connection, form).await?);
    }
    Ok(out)
}

/// Whose objects are on the shard already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum MadeBy {
    ThisRollout,
    Others,
}

async fn columns(
    connection: &mut PgConnection,
    form: &Form,
    made_by: MadeBy,
) -> Result<Vec<Check>, Failure> {
    let mut out = Vec::new();
    let ours = made_by == MadeBy::ThisRollout;
    let qualified = form.qualified();
    for column in &form.columns {
        let there = "SELECT EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = $2 AND NOT attisdropped)::text";
        let values = vec![qualified.as_str().into(), column.name.as_str().into()];
        let taken = sql::text(connection, there, values).await?.as_deref() == Some("true");
        out.push(finding(
            "column_absent",
            pass_or(CheckVerdict::Fail, !taken || ours),
            format!(
                "{}: {}",
                column.name.as_str(),
                match (taken, ours) {
                    (true, true) => "is there already, made by this rollout",
                    (true, false) => "is there already",
                    (false, _) => "free",
                }
            ),
            "the new column is not there yet",
            "choose another name, or drop the column if it is a leftover",
        ));
    }
    Ok(out)
}

fn triggers(shard: &Inner, form: &Form) -> Vec<Check> {
    let found = shard
        .catalog
        .table(&form.table)
        .map(|t| t.triggers.as_slice())
        .unwrap_or_default();
    let names: Vec<String> = found
        .iter()
        .map(|(name, _)| Untrusted::new(name.as_str()).to_string())
        .collect();
    let allowed = shard.migration.user_triggers == UserTriggers::Fire;
    let after_ours: Vec<String> = found
        .iter()
        .filter(|(name, time)| *time == TriggerTime::Before && *name > form.trigger())
        .map(|(name, _)| Untrusted::new(name.as_str()).to_string())
        .collect();
    vec![
        finding(
            "user_triggers",
            if names.is_empty() {
                CheckVerdict::Pass
            } else {
                pass_or(CheckVerdict::Fail, allowed)
            },
            if names.is_empty() {
                "none".into()
            } else {
                format!("{}: {}", form.qualified(), names.join(", "))
            },
            "no row triggers that a backfill would fire, or user_triggers = \"fire\"",
            "say user_triggers = \"fire\" in the migration if they may fire for every row",
        ),
        finding(
            "trigger_order",
            pass_or(CheckVerdict::Fail, after_ours.is_empty()),
            if after_ours.is_empty() {
                "ours fires last".into()
            } else {
                after_ours.join(", ")
            },
            "no BEFORE row trigger whose name sorts after ours",
            "rename that trigger",
        ),
    ]
}

/// Whether this very rollout was here before: what stands is then no
/// leftover, but work that an engine with another journal has done.
async fn made_by(connection: &mut PgConnection, shard: &Inner) -> Result<MadeBy, Failure> {
    let there = "SELECT to_regclass('pilothouse.registry')::text";
    if sql::text(connection, there, vec![]).await?.is_none() {
        return Ok(MadeBy::Others);
    }
    let statement = "SELECT rollout FROM pilothouse.registry";
    let found = sql::text(connection, statement, vec![]).await?;
    Ok(if found.as_ref() == Some(&shard.rollout.id) {
        MadeBy::ThisRollout
    } else {
        MadeBy::Others
    })
}

async fn leftovers(connection: &mut PgConnection, form: &Form) -> Result<Vec<Check>, Failure> {
    let statement = "SELECT string_agg(name, ', ') FROM (
        SELECT 'trigger ' || tgname AS name FROM pg_trigger WHERE tgrelid = to_regclass($1) AND tgname LIKE 'zzzz\\_pilothouse\\_%'
        UNION ALL SELECT 'constraint ' || conname FROM pg_constraint WHERE conrelid = to_regclass($1) AND conname LIKE 'pilothouse\\_%') s";
    let found = sql::text(connection, statement, vec![form.qualified().into()]).await?;
    Ok(vec![finding(
        "leftovers",
        pass_or(CheckVerdict::Fail, found.is_none()),
        found.map_or_else(|| "none".to_owned(), |f| Untrusted::new(f).to_string()),
        "nothing left behind by an earlier rollout",
        "roll the earlier rollout back, or SELECT pilothouse.disarm() and drop what is named here",
    )])
}
