//! Whether the triggers stand as we left them.
//!
//! Their text is compared by digest. A trigger that was dropped and made again
//! looks the same, so `PRAGMA schema_version` is kept too: any change of the
//! schema that was not ours counts as a gap, because nobody can say whether
//! the triggers were there all the time.

use super::catalog;
use super::dialect::trigger::{Authority, Trigger, trigger_names, triggers};
use super::dialect::work::Work;
use super::install::{Registry, registry, schema_version, void_all, write_registry};
use super::statement::{rows, text};
use crate::base::{Digest, code, quote_literal};
use crate::worker::{CallError, ErrorKind};
use sqlx::SqliteConnection;

/// How much of a set of triggers is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    All,
    Some,
    None,
}

/// Our triggers as the catalog has them.
pub(super) async fn present(
    conn: &mut SqliteConnection,
    work: &Work,
) -> Result<Vec<Trigger>, CallError> {
    let names: Vec<String> = work
        .tables
        .iter()
        .flat_map(|table| trigger_names(&table.table))
        .map(|name| quote_literal(&name))
        .collect();
    let sql = format!(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND name IN ({}) ORDER BY name",
        names.join(", ")
    );
    let trigger = |row: &super::statement::Texts| Trigger {
        name: text(row, 0).unwrap_or_default().to_owned(),
        sql: text(row, 1).unwrap_or_default().to_owned(),
    };
    Ok(rows(conn, sql).await?.iter().map(trigger).collect())
}

/// Compares what is there with what an authority wants.
pub(super) async fn compare(
    conn: &mut SqliteConnection,
    work: &Work,
    authority: Authority,
) -> Result<Found, CallError> {
    let shapes = catalog::shapes(conn, work).await?;
    let mut wanted: Vec<Trigger> = work
        .tables
        .iter()
        .zip(&shapes)
        .flat_map(|(table, shape)| triggers(table, shape, authority))
        .collect();
    wanted.sort_by(|a, b| a.name.cmp(&b.name));
    let present = present(conn, work).await?;
    Ok(if present == wanted {
        Found::All
    } else if present.is_empty() {
        Found::None
    } else {
        Found::Some
    })
}

fn digest(triggers: &[Trigger]) -> String {
    let parts: Vec<&[u8]> = triggers
        .iter()
        .flat_map(|t| [t.name.as_bytes(), b"\0", t.sql.as_bytes(), b"\0"])
        .collect();
    Digest::of("sqlite/triggers/1", &parts).to_string()
}

/// What is wrong with dual write, if it should be on and is not intact.
pub(super) async fn broken(
    conn: &mut SqliteConnection,
    work: &Work,
    registry: &Registry,
) -> Result<Option<String>, CallError> {
    let Some(authority) = registry.authority else {
        return Ok(None);
    };
    let present = present(conn, work).await?;
    if Some(digest(&present)) != registry.triggers_digest {
        return Ok(Some(format!(
            "the triggers (authority {}) are missing or changed; {} of ours are there",
            authority.word(),
            present.len()
        )));
    }
    let version = schema_version(conn).await?;
    Ok((version != registry.schema_version).then(|| {
        format!(
            "the schema was changed by somebody else (schema_version {version}, ours {}): \
             the triggers may have been away for a while",
            registry.schema_version
        )
    }))
}

/// Nothing is finished and nothing is proved while dual write is not intact.
/// Looks like a lost connection to the worker: it will attach and find out.
pub(super) async fn demand(conn: &mut SqliteConnection, work: &Work) -> Result<(), CallError> {
    let registry = registry(conn).await?.unwrap_or_default();
    match broken(conn, work, &registry).await? {
        None => Ok(()),
        Some(what) => Err(CallError {
            kind: ErrorKind::Unknown,
            code: code::DUAL_WRITE_BROKEN.into(),
            message: what,
        }),
    }
}

/// Whatever was proved while the triggers were not as we left them is void.
pub(super) async fn void_if_touched(
    conn: &mut SqliteConnection,
    work: &Work,
) -> Result<(), CallError> {
    let registry = registry(conn).await?.unwrap_or_default();
    if broken(conn, work, &registry).await?.is_some() {
        void_all(conn).await?;
    }
    Ok(())
}

/// Notes the triggers as they stand now, with who may write what.
pub(super) async fn note(
    conn: &mut SqliteConnection,
    work: &Work,
    authority: Option<Authority>,
) -> Result<(), CallError> {
    let digest = quote_literal(&digest(&present(conn, work).await?));
    let version = schema_version(conn).await?;
    let authority = authority.map_or("NULL".into(), |a| quote_literal(a.word()));
    write_registry(
        conn,
        format!("authority = {authority}, triggers_digest = {digest}, schema_version = {version}"),
    )
    .await
}

/// Our own change of the schema is no gap, unless there was one before it.
pub(super) async fn note_own_change(
    conn: &mut SqliteConnection,
    version_before: u64,
) -> Result<(), CallError> {
    let known = registry(conn).await?.map(|r| r.schema_version);
    let version = schema_version(conn).await?;
    if known == Some(version_before) && version != version_before {
        write_registry(conn, format!("schema_version = {version}")).await?;
    }
    Ok(())
}
