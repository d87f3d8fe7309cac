//! Statements of clients: what they return and how they are planned, before
//! anything is touched and at every stop.
//!
//! A statement that somebody has prepared goes on executing as long as it can
//! be analysed again and returns the same columns: else the server answers
//! "cached plan must not change result type". So what it returned before is
//! kept, type modifiers included, and held against what it returns now.

use super::dialect::Described;
use super::error::own;
use super::sql;
use super::{Failure, Inner};
use crate::base::{Ident, quote_literal};
use crate::migration::{Client, ClientVersion, Migration};
use crate::worker::{Check, CheckVerdict, ErrorKind};
use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::{Column as _, Connection as _, Statement as _, TypeInfo as _};
use std::collections::{BTreeMap, BTreeSet};

/// What every old client's statement returns now, for later. One that cannot
/// be prepared is left out: preflight says so.
pub(super) async fn before(
    connection: &mut PgConnection,
    migration: &Migration,
) -> Result<BTreeMap<String, Described>, Failure> {
    let mut seen = BTreeMap::new();
    let old = migration.clients.iter();
    for client in old.filter(|c| c.version == ClientVersion::Old) {
        if let Ok(found) = look(connection, migration, client).await? {
            seen.insert(client.name.clone(), found);
        }
    }
    Ok(seen)
}

/// Looks at the clients of these versions.
pub(super) async fn checks(
    connection: &mut PgConnection,
    shard: &Inner,
    versions: &[ClientVersion],
) -> Result<Vec<Check>, Failure> {
    let mut checks = Vec::new();
    let clients = shard.migration.clients.iter();
    for client in clients.filter(|c| versions.contains(&c.version)) {
        let now = look(connection, &shard.migration, client).await?;
        let before = shard.catalog.clients.get(&client.name);
        checks.push(judge(client, before, now));
    }
    Ok(checks)
}

/// Whether every role that a client names can be taken: of new clients nobody
/// could tell before the publication.
pub(super) async fn roles(
    connection: &mut PgConnection,
    shard: &Inner,
) -> Result<Vec<Check>, Failure> {
    let clients = &shard.migration.clients;
    let roles: BTreeSet<&Ident> = clients.iter().filter_map(|c| c.role.as_ref()).collect();
    let mut checks = Vec::new();
    for role in roles {
        sql::run(connection, "BEGIN READ ONLY").await?;
        let taken = sql::run(connection, &format!("SET LOCAL ROLE {role}")).await;
        sql::end_look(connection, &taken).await?;
        let (verdict, value) = match taken {
            Ok(_) => (
                CheckVerdict::Pass,
                format!("{} can be taken", role.as_str()),
            ),
            Err(error) => {
                let why = super::error::refusal(&error)?;
                (CheckVerdict::Fail, format!("{}: {why}", role.as_str()))
            }
        };
        let limit = "a role that pilothouse's login may take";
        let remedy = "grant the role to the login, or leave role out";
        checks.push(Check::new(
            "preflight/client role",
            verdict,
            value,
            limit,
            remedy,
        ));
    }
    Ok(checks)
}

/// What is wrong with a client's statement, if anything is.
fn judge(client: &Client, before: Option<&Described>, now: Result<Described, String>) -> Check {
    let broken = match &now {
        Err(refusal) => Some(refusal.clone()),
        Ok(now) => differs(client, before, now),
    };
    let (verdict, value) = match broken {
        None => (CheckVerdict::Pass, "prepares, and returns the same".into()),
        Some(why) => (CheckVerdict::Fail, format!("{}: {why}", client.name)),
    };
    Check::new(
        format!("client/{}", client.name),
        verdict,
        value,
        match client.version {
            ClientVersion::Old => "what was prepared before goes on executing",
            ClientVersion::New => "it prepares, and returns the declared columns",
        },
        match client.version {
            ClientVersion::Old => "roll back, or move this client to the new form first",
            ClientVersion::New => "roll back, or correct the client's statement",
        },
    )
}

fn differs(client: &Client, before: Option<&Described>, now: &Described) -> Option<String> {
    let names = |seen: &Described| -> Vec<String> {
        let names = seen.columns.iter().map(|(name, _)| name.clone());
        names.collect()
    };
    if !client.columns.is_empty() && names(now) != client.columns {
        return Some(format!(
            "it returns {}, declared {}",
            list(&names(now)),
            list(&client.columns)
        ));
    }
    if client.version == ClientVersion::New {
        return None;
    }
    let Some(before) = before else {
        return Some("it could not be prepared before the migration began".into());
    };
    if let Some((was, is)) = changed(before, now) {
        return Some(format!(
            "it returned {was} and returns {is}: sessions that have prepared it fail with \"cached plan must not change result type\""
        ));
    }
    plan_differs(client.plan_within?, before, now)
}

/// The first column that is another one now.
fn changed(before: &Described, now: &Described) -> Option<(String, String)> {
    let text = |column: Option<&(String, String)>| match column {
        Some((name, sql_type)) => format!("{name} {sql_type}"),
        None => "nothing there".into(),
    };
    let longest = before.columns.len().max(now.columns.len());
    let mut places = 0..longest;
    let place = places.find(|place| before.columns.get(*place) != now.columns.get(*place))?;
    Some((
        text(before.columns.get(place)),
        text(now.columns.get(place)),
    ))
}

fn plan_differs(within: u32, before: &Described, now: &Described) -> Option<String> {
    let lost = before.indexes.iter().find(|i| !now.indexes.contains(i));
    if let Some(lost) = lost {
        return Some(format!("its plan does not use index {lost} any more"));
    }
    let limit = before.cost.saturating_mul(u64::from(within));
    (now.cost > limit).then(|| {
        format!(
            "its plan costs {}, at most {within} times {} was allowed",
            now.cost, before.cost
        )
    })
}

fn list(names: &[String]) -> String {
    match names.is_empty() {
        true => "nothing".into(),
        false => names.join(", "),
    }
}

/// What a statement returns and how it is planned, or why it cannot be.
async fn look(
    connection: &mut PgConnection,
    migration: &Migration,
    client: &Client,
) -> Result<Result<Described, String>, Failure> {
    // Nothing of it is executed, and nothing it calls while planning can write.
    sql::run(connection, "BEGIN READ ONLY").await?;
    let found = prepared(connection, migration, client).await;
    sql::end_look(connection, &found).await?;
    // Prepared for this look only; the same text may mean another thing at the
    // next one.
    sql::run(connection, "DEALLOCATE ALL").await?;
    connection.clear_cached_statements().await?;
    match found {
        Ok(found) => Ok(Ok(found)),
        Err(error) => super::error::refusal(&error).map(Err),
    }
}

/// Where a client's names are looked up.
fn path(migration: &Migration, client: &Client) -> String {
    let version = match client.version {
        ClientVersion::Old => None,
        ClientVersion::New => migration.versions.schema_of(&client.schema),
    };
    let version = version.and_then(|name| Ident::new(name).ok());
    let first = version.as_ref().unwrap_or(&client.schema);
    format!("SET LOCAL search_path = {first}, public")
}

async fn prepared(
    connection: &mut PgConnection,
    migration: &Migration,
    client: &Client,
) -> Result<Described, sqlx::Error> {
    sql::run(connection, &path(migration, client)).await?;
    // Our own sessions have it off; a client's statement is planned with it.
    sql::run(connection, "SET LOCAL row_security = on").await?;
    if let Some(role) = &client.role {
        sql::run(connection, &format!("SET LOCAL ROLE {role}")).await?;
    }
    // The plan must not depend on values that nobody gives.
    sql::run(connection, "SET LOCAL plan_cache_mode = force_generic_plan").await?;
    let columns = columns(connection, &client.sql).await?;
    let prepare = format!("PREPARE pilothouse_client AS {}", client.sql);
    sql::run(connection, &prepare).await?;
    let values = vec!["NULL"; client.parameters()].join(", ");
    let values = match values.is_empty() {
        true => String::new(),
        false => format!("({values})"),
    };
    let explain = format!("EXPLAIN (FORMAT JSON) EXECUTE pilothouse_client{values}");
    let plan = sql::plain_text(connection, &explain).await?;
    let plan: Value = serde_json::from_str(&plan).unwrap_or_default();
    let mut indexes = Vec::new();
    used(&plan, &mut indexes);
    indexes.sort();
    indexes.dedup();
    let cost = plan.pointer("/0/Plan/Total Cost").and_then(Value::as_f64);
    Ok(Described {
        columns,
        // Rounded up: at least 1, so that a factor of it means something.
        cost: cost.map_or(1, |cost| cost.ceil().max(1.0) as u64),
        indexes,
    })
}

/// Every index that a plan reads.
fn used(plan: &Value, found: &mut Vec<String>) {
    match plan {
        Value::Object(entries) => {
            if let Some(name) = entries.get("Index Name").and_then(Value::as_str) {
                found.push(name.to_owned());
            }
            entries.values().for_each(|inner| used(inner, found));
        }
        Value::Array(items) => items.iter().for_each(|inner| used(inner, found)),
        _ => {}
    }
}

/// Name and full type of each column that the statement returns. The protocol
/// tells a column's type without its modifier; the catalog has that.
async fn columns(
    connection: &mut PgConnection,
    statement: &str,
) -> Result<Vec<(String, String)>, sqlx::Error> {
    let prepared = sql::prepare(connection, statement).await?;
    let mut columns = Vec::new();
    for column in prepared.columns() {
        let bare = column.type_info().name().to_owned();
        let full = match (column.relation_id(), column.relation_attribute_no()) {
            (Some(table), Some(number)) => {
                let type_of = format!(
                    "SELECT format_type(atttypid, atttypmod) FROM pg_catalog.pg_attribute WHERE attrelid = {} AND attnum = {number}",
                    quote_literal(&table.0.to_string()),
                );
                sql::text(connection, &type_of, vec![]).await?
            }
            _ => None,
        };
        columns.push((column.name().to_owned(), full.unwrap_or(bare)));
    }
    Ok(columns)
}

/// Which check of the plan looks at which clients.
pub(super) fn versions(id: &str) -> Result<&'static [ClientVersion], Failure> {
    match id {
        "clients/old" => Ok(&[ClientVersion::Old]),
        "clients/both" => Ok(&[ClientVersion::Old, ClientVersion::New]),
        "clients/new" => Ok(&[ClientVersion::New]),
        other => {
            let message = format!("the plan has no check {other}");
            let code = crate::base::code::UNKNOWN_STEP;
            Err(Failure(own(ErrorKind::Refused, code, message)))
        }
    }
}
